/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_closing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"

#define CLOSING_PATIENCE_NS (20 * NS_PER_SEC) /* a child that dies again and again is back sooner */

struct http_closing {
	struct http_parent *parent;
	struct loop_timer *timer;
	size_t count;
	uint64_t until_ns; /* what no child has taken by then is forgotten */
	struct pipe_banned at[CLOSING_MAX];
};

/* False: the child takes nothing at present, or there is none: try again a moment later. */
static bool flush(struct http_closing *closing, bool is_patient)
{
	int err = http_parent_tell_banned(closing->parent, closing->at, closing->count, is_patient);

	if (err == -EAGAIN || err == -ENOENT)
		return false;
	if (err)
		log_warning("http: telling the child of %zu bans: %s; their connections time out",
			    closing->count, strerror(-err));
	closing->count = 0;
	return true;
}

/* What waits in the listeners' queues while the child is started again is closed by the next one. */
static void moment_is_over(void *context, uint64_t now_ns)
{
	struct http_closing *closing = context;

	if (!closing->count || flush(closing, false))
		return;
	if (now_ns < closing->until_ns)
		loop_rearm(closing->timer, now_ns + CLOSING_AFTER_NS);
	else
		closing->count = 0;
}

int http_closing_new(struct loop *loop, struct http_parent *parent,
		     struct http_closing **ret_closing)
{
	struct http_closing *closing = calloc(1, sizeof(*closing));
	int err = -ENOMEM;

	if (closing) {
		closing->parent = parent;
		err = loop_at(loop, SL_NEVER, 0, moment_is_over, closing, &closing->timer);
	}
	if (err)
		free(closing);
	else
		*ret_closing = closing;
	return err;
}

void http_closing_free(struct http_closing *closing)
{
	if (!closing)
		return;
	loop_cancel(closing->timer);
	free(closing);
}

void http_closing_add(struct http_closing *closing, const struct prefix *banned)
{
	const uint64_t now_ns = clock_now_ns();
	struct pipe_banned *entry;

	if (closing->count == CLOSING_MAX && !flush(closing, true))
		closing->count = 0; /* without a child there is hardly a connection to close */
	if (!closing->count)
		loop_rearm(closing->timer, now_ns + CLOSING_AFTER_NS);
	closing->until_ns = now_ns + CLOSING_PATIENCE_NS;
	entry = &closing->at[closing->count++];
	*entry = (struct pipe_banned){.family = banned->family, .bits = banned->bits};
	memcpy(entry->address, banned->byte, sizeof(entry->address));
}
