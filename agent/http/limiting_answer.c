/* SPDX-License-Identifier: BSD-2-Clause */
/* What answers say of limits, and the answer to who is over one. */
#include "base/clock.h"
#include "http/exchange.h"
#include "http/http_parts.h"

static struct limit_answer answer_of(const struct exchange *x, struct limit_shown *shown)
{
	const struct limiting *l = &x->limiting;
	const struct quota_plan *plan = x->share->plan->quotas;

	return (struct limit_answer){
		.limits = shown,
		.n = quota_show(plan, &l->result, shown),
		/* Of requests in flight there is no quota to tell, only that it may come again. */
		.families = plan->families &
			    (l->result.is_crowded ? LIMIT_FIELDS_RETRY_AFTER : LIMIT_FIELDS_ALL),
		.now_ns = l->result.now_ns,
		/* The views' clock may be ahead of ours. */
		.unix_offset_ns = x->worker->unix_offset_ns + l->judged_at_ns - l->result.now_ns,
		.status = x->route->on_limit.status,
	};
}

void limiting_settle(struct exchange *x, unsigned status)
{
	struct limiting *l = &x->limiting;

	if (!l->result.held_count)
		return;
	l->judged_at_ns = clock_now_ns();
	quota_settle(x->worker->http->table, &l->result, status, l->judged_at_ns);
}

struct bytes limiting_fields(struct exchange *x)
{
	struct limit_shown shown[QUOTA_LIMITS_MAX];
	struct buffer *out = &x->worker->limit_text;
	struct limit_answer answer;

	if (!x->limiting.is_judged)
		return (struct bytes){0};
	limiting_settle(x, x->status);
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

const char *limiting_verdict(const struct exchange *x, struct bytes *ret_name)
{
	struct limit_shown shown[QUOTA_LIMITS_MAX];
	const struct limit_shown *refusing = NULL;
	unsigned count;

	if (!x->limiting.is_judged)
		return NULL;
	count = quota_show(x->share->plan->quotas, &x->limiting.result, shown);
	for (unsigned i = 0; i < count; i++)
		if (shown[i].refuses &&
		    (!refusing || (refusing->is_dry_run && !shown[i].is_dry_run)))
			refusing = &shown[i];
	if (!refusing)
		return "ok";
	*ret_name = refusing->name;
	return refusing->is_dry_run ? "dry_run" : "refused";
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

	text_add(out, x->share->plan->quotas->routes[x->route->number].refusal);
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

enum progress limiting_refuse(struct exchange *x)
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
