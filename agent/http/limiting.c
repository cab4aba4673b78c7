/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/limiting.h"

#include "base/clock.h"
#include "http/exchange.h"
#include "http/http_parts.h"

static const struct quota_route *quotas_of(const struct exchange *x)
{
	return &x->share->plan->quotas->routes[x->route->number];
}

static struct limit_table *table_of(const struct exchange *x)
{
	return x->worker->http->table;
}

/* ---- Room ---- */

static void give_room(struct exchange *x)
{
	struct limiting *l = &x->limiting;

	if (l->block)
		memory_give_object(&x->worker->memory, l->block, l->block_size);
	l->block = NULL;
}

/* Few limits that count at once, as nearly all are, fit the exchange itself. */
static bool take_room(struct exchange *x, const struct quota_route *route)
{
	struct limiting *l = &x->limiting;
	const size_t judged = route->judged_max > LIMITING_FEW ? route->judged_max : 0;
	const size_t judged_size = judged * sizeof(struct quota_judged);

	l->result.judged = l->few;
	if (!judged && !route->held_max)
		return true;
	l->block_size = (uint32_t)(judged_size + route->held_max * sizeof(struct quota_held));
	l->block = memory_object(&x->worker->memory, l->block_size);
	if (!l->block)
		return false;
	if (judged)
		l->result.judged = l->block;
	l->result.held = (void *)((char *)l->block + judged_size);
	return true;
}

/* ---- Answers ---- */

static struct limit_answer answer_of(const struct exchange *x, struct limit_shown *shown)
{
	const struct limiting *l = &x->limiting;
	const struct quota_plan *plan = x->share->plan->quotas;

	return (struct limit_answer){
		.limits = shown,
		.n = quota_show(plan, &l->result, shown),
		.families = plan->families,
		.now_ns = l->result.now_ns,
		/* The views' clock may be ahead of ours. */
		.unix_offset_ns = x->worker->unix_offset_ns + l->judged_at_ns - l->result.now_ns,
		.status = x->route->on_limit.status,
	};
}

static void settle(struct exchange *x, unsigned status)
{
	struct limiting *l = &x->limiting;

	if (!l->result.held_count)
		return;
	l->judged_at_ns = clock_now_ns();
	quota_settle(table_of(x), &l->result, status, l->judged_at_ns);
}

struct bytes limiting_fields(struct exchange *x)
{
	struct limit_shown shown[QUOTA_LIMITS_MAX];
	struct buffer *out = &x->worker->limit_text;
	struct limit_answer answer;

	if (!x->limiting.is_judged)
		return (struct bytes){0};
	settle(x, x->status);
	answer = answer_of(x, shown);
	out->len = 0;
	out->error = 0;
	limit_fields_write(&answer, out);
	return out->error ? (struct bytes){0} : (struct bytes){out->at, out->len};
}

unsigned limiting_families(const struct exchange *x)
{
	const struct limiting *l = &x->limiting;

	if (!l->is_judged)
		return 0;
	for (unsigned i = 0; i < l->result.count; i++)
		if (!l->result.judged[i].quota->limit->how.dry_run)
			return x->share->plan->quotas->families;
	return 0; /* all on a dry run: nothing is said of them */
}

void limiting_end(struct exchange *x)
{
	/* Once the upstream had it, an answer may have been produced, though nobody saw it. */
	if (x->limiting.result.held_count)
		settle(x, x->status ? x->status : x->sent_ns ? 0 : QUOTA_NO_ANSWER);
	give_room(x);
}

/* ---- Refusing ---- */

static void write_connection(const struct exchange *x, struct text *out)
{
	if (!x->keeps_conn)
		text_put(out, "Connection: close\r\n");
	else if (!x->minor)
		text_put(out, "Connection: keep-alive\r\n");
}

/* Head and content of a refusal: made beforehand, but for the date and what is this client's own. */
static void write_refusal(struct exchange *x, struct bytes fields, struct bytes body,
			  struct text *out)
{
	const struct http_on_limit *on_limit = &x->route->on_limit;

	text_add(out, quotas_of(x)->refusal);
	text_field(out, BYTES("Date"), (struct bytes){x->worker->date, DATE_TEXT_LEN});
	if (!on_limit->body) {
		text_put(out, "Content-Length: ");
		text_number(out, body.len);
		text_put(out, "\r\n");
	}
	text_add(out, fields);
	write_connection(x, out);
	text_put(out, "\r\n");
	if (x->method != METHOD_HEAD)
		text_add(out, body);
}

/* Over a limit: answered here, and at once. */
static enum progress refuse(struct exchange *x)
{
	struct worker *worker = x->worker;
	const struct http_on_limit *on_limit = &x->route->on_limit;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};
	struct buffer *limits = &worker->limit_text;
	struct limit_shown shown[QUOTA_LIMITS_MAX];
	struct limit_answer answer;
	struct bytes fields, body;
	struct iovec iov;

	count(&worker->counters.limited);
	x->status = on_limit->status;
	x->keeps_conn = x->client_persists && x->up.is_done && !worker->is_draining;
	fields = limiting_fields(x);
	if (on_limit->body) {
		body = bytes_of(on_limit->body);
	} else {
		answer = answer_of(x, shown);
		limit_problem_write(&answer, limits);
		fields.at = limits->at; /* it may have been moved */
		body = (struct bytes){limits->at + fields.len, limits->len - fields.len};
	}
	write_refusal(x, fields, body, &out);
	iov = (struct iovec){worker->head_out, (size_t)(out.at - worker->head_out)};
	(void)wire_send(&x->conn->wire, &worker->memory, &iov, 1); /* finish finds out */
	return go(x, STAGE_FINISH);
}

/* ---- The stage ---- */

static struct quota_request request_of(struct exchange *x, uint64_t now_ns)
{
	const struct request *req = exchange_request(x);
	const struct plan *plan = x->share->plan;

	return (struct quota_request){
		.plan = plan->quotas,
		.route = quotas_of(x),
		.table = table_of(x),
		.thread = x->worker->number,
		.now_ns = now_ns,
		.client = {.fields = &req->head.fields,
			   .method = x->method,
			   .source = x->conn->peer.address,
			   .client = req->identity.address,
			   .bits = plan->policy->source_bits,
			   .table = table_of(x),
			   .keys = plan->keys,
			   .keys_header = plan->http->keys.header},
	};
}

enum progress limiting_admit(struct exchange *x)
{
	const struct quota_route *route = quotas_of(x);
	struct limiting *l = &x->limiting;
	struct quota_request request;
	enum quota_verdict verdict;

	if (!route->is_limited)
		return go(x, STAGE_LOOKUP);
	if (!take_room(x, route))
		return exchange_refuse(x, 503, "no memory for the counts of limits");
	/* The round's time may be older than the request: then two windows could overlap. */
	l->judged_at_ns = clock_now_ns();
	request = request_of(x, l->judged_at_ns);
	verdict = quota_judge(&request, &l->result);
	l->is_judged = verdict != QUOTA_FREE;
	if (verdict != QUOTA_REFUSED)
		return go(x, STAGE_LOOKUP);
	if (l->result.has_no_room)
		count(&x->worker->counters.limit_table_full);
	if (l->result.invents)
		count(&x->worker->counters.limit_inventions);
	return refuse(x);
}
