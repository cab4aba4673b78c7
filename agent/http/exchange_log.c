/* SPDX-License-Identifier: BSD-2-Clause */
/* What the access log says of an exchange. */
#include "base/clock.h"
#include "http/access_log.h"
#include "http/exchange.h"
#include "http/http_parts.h"

static struct bytes field_value(const struct request *req, enum field_name id)
{
	const struct field *field = fields_first(&req->head.fields, id);

	return field ? field->value : (struct bytes){0};
}

/* Names for the log what was asked; empty where the head was none. */
static void describe(struct exchange *x, struct access_line *line)
{
	const struct request *req = x->head_len ? exchange_request(x) : NULL;

	line->client = &x->conn->peer.address;
	if (!req)
		return;
	line->method = req->head.method_text;
	line->target = req->head.target;
	line->user_agent = field_value(req, FIELD_USER_AGENT);
	line->referer = field_value(req, FIELD_REFERER);
	line->host = field_value(req, FIELD_HOST);
	if (!x->route)
		return;
	line->client = &req->identity.address;
	line->request_id = forward_request_id(req, line->request_id);
}

static void write_line(struct exchange *x, enum http_log_format format, int fd)
{
	struct worker *worker = x->worker;
	uint64_t now_ns = clock_now_ns();
	struct access_line line = {
		.unix_ns = clock_now_unix_ns() - (now_ns - x->began_ns),
		.request_id = exchange_id(x),
		.upstream = x->asked ? x->asked->name : NULL,
		.took_ns = now_ns - x->began_ns,
		.upstream_ns = x->waited_ns,
		.bytes_out = x->conn->wire.sent - x->out_before,
		.status = x->status,
		.minor = x->minor,
		.is_aborted = x->is_aborted,
	};

	if (x->cache.verdict != CACHE_VERDICT_NONE)
		line.cache = cache_verdict_label(x->cache.verdict);
	if (x->route) {
		line.route = x->route->match ? x->route->match : "*";
		line.limit = limiting_verdict(x, &line.limit_name);
	}
	describe(x, &line);
	if (access_log_add(worker->log, format, &line))
		count_add(&worker->counters.log_dropped, access_log_write(worker->log, fd));
}

void exchange_log(struct exchange *x)
{
	const struct http_access_log *policy = &x->share->plan->http->access_log;
	int fd = atomic_load_explicit(&x->worker->http->log_fd, memory_order_relaxed);

	if (policy->file && fd >= 0)
		write_line(x, policy->format, fd);
}
