/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/problem.h"

#include "message/status.h"
#include "message/date.h"

static void write_body(const struct problem *problem, struct text *out)
{
	text_put(out, "{\"type\":\"about:blank\",\"title\":\"");
	text_add(out, status_reason(problem->status));
	text_put(out, "\",\"status\":");
	text_number(out, problem->status);
	text_put(out, ",\"detail\":\"");
	text_add(out, bytes_of(problem->detail));
	if (problem->request_id.len) {
		text_put(out, "\",\"request_id\":\"");
		text_add(out, problem->request_id);
	}
	text_put(out, "\"}\n");
}

void problem_write(const struct problem *problem, struct text *out)
{
	char room[PROBLEM_MAX];
	struct text body = {.at = room, .end = room + sizeof(room)};

	write_body(problem, &body);
	text_put(out, "HTTP/1.1 ");
	text_number(out, problem->status);
	text_put(out, " ");
	text_add(out, status_reason(problem->status));
	text_put(out, "\r\n");
	text_field(out, BYTES("Date"), (struct bytes){problem->date, DATE_TEXT_LEN});
	text_put(out, "Content-Type: application/problem+json\r\nContent-Length: ");
	text_number(out, (uint64_t)(body.at - room));
	text_put(out, "\r\nCache-Control: no-store\r\n");
	if (problem->retry_after_s) {
		text_put(out, "Retry-After: ");
		text_number(out, problem->retry_after_s);
		text_put(out, "\r\n");
	}
	text_add(out, problem->limit_fields);
	if (problem->cache_status.len)
		text_field(out, BYTES("Cache-Status"), problem->cache_status);
	if (!problem->keeps_alive)
		text_put(out, "Connection: close\r\n");
	else if (!problem->client_minor)
		text_put(out, "Connection: keep-alive\r\n");
	text_put(out, "\r\n");
	if (!problem->is_head)
		text_add(out, text_since(&body, room));
}

#define OVERLOADED_BODY                                                               \
	"{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503," \
	"\"detail\":\"too many connections\"}\n"

struct bytes problem_overloaded(void)
{
	return BYTES("HTTP/1.1 503 Service Unavailable\r\n"
		     "Content-Type: application/problem+json\r\n"
		     "Content-Length: 98\r\n"
		     "Retry-After: 1\r\n"
		     "Connection: close\r\n\r\n" OVERLOADED_BODY);
}

_Static_assert(sizeof(OVERLOADED_BODY) - 1 == 98, "the length told is the length sent");
