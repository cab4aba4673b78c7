/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/child_ask.h"

#include <errno.h>

#include "base/clock.h"
#include "http/cache_view.h"
#include "child/child_say.h"
#include "child/child_stats.h"
#include "http/json_text.h"
#include "http/limit_view.h"
#include "message/chars.h"

#define ANSWER_MAX (4u << 20) /* bytes; more is told to be too much */

static void answer_cache_stats(struct http *http, struct buffer *out)
{
	struct http_counters counters;

	http_counters_read(http, &counters);
	cache_view_stats(http, &counters, out);
}

static void answer(struct http *http, enum pipe_topic topic, struct bytes text, struct buffer *out)
{
	switch (topic) {
	case PIPE_TOPIC_STATS:
		child_stats_write(http, out);
		break;
	case PIPE_TOPIC_CACHE_PURGE:
		cache_view_purge(http, text, out);
		break;
	case PIPE_TOPIC_CACHE_STATS:
		answer_cache_stats(http, out);
		break;
	case PIPE_TOPIC_CACHE_SHOW:
		cache_view_show(http, text, clock_now_ns(), out);
		break;
	case PIPE_TOPIC_CACHE_TOP:
		cache_view_top(http, text, clock_now_ns(), out);
		break;
	case PIPE_TOPIC_LIMIT_CLIENTS:
		limit_view_clients(http, text, out);
		break;
	case PIPE_TOPIC_LIMIT_EXPLAIN:
		limit_view_explain(http, text, out);
		break;
	case PIPE_TOPIC_LIMIT_RESET:
		limit_view_reset(http, text, out);
		break;
	case PIPE_TOPIC_COUNT:
		break;
	}
}

int child_ask(struct http *http, const struct pipe_message *message)
{
	auto_buffer struct buffer out = buffer_new(ANSWER_MAX);
	struct pipe_ask ask;

	memcpy(&ask, message->payload.at, sizeof(ask));
	if (ask.topic >= PIPE_TOPIC_COUNT || !http)
		return -EPROTO;
	answer(http, (enum pipe_topic)ask.topic, bytes_from(message->payload, sizeof(ask)), &out);
	if (out.error) {
		buffer_free(&out);
		json_text_refuse(&out, 500, "the answer is too long, or there is no memory for it");
	}
	/* A parent that does not read has other troubles; it asks again. */
	(void)child_answer(ask.serial, (struct bytes){out.at, out.len});
	return 0;
}
