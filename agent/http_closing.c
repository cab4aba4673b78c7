/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_closing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"

struct http_closing {
	struct http_parent *parent;
	struct loop_timer *timer;
	size_t count;
	struct pipe_banned at[CLOSING_MAX];
};

/* Without waiting: what the child does not take now it is told of a moment later. */
static int flush(struct http_closing *closing, bool is_patient)
{
	int err = http_parent_tell_banned(closing->parent, closing->at, closing->count, is_patient);

	if (err == -EAGAIN)
		return err;
	if (err && err != -ENOENT)
		log_warning("http: telling the child of %zu bans: %s; their connections time out",
			    closing->count, strerror(-err));
	closing->count = 0;
	return 0;
}

static void moment_is_over(void *context, uint64_t now_ns)
{
	struct http_closing *closing = context;

	if (closing->count && flush(closing, false))
		loop_rearm(closing->timer, now_ns + CLOSING_AFTER_NS);
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
	struct pipe_banned *entry;

	if (closing->count == CLOSING_MAX)
		(void)flush(closing, true); /* patient: nothing is left of them */
	if (!closing->count)
		loop_rearm(closing->timer, clock_now_ns() + CLOSING_AFTER_NS);
	entry = &closing->at[closing->count++];
	*entry = (struct pipe_banned){.family = banned->family, .bits = banned->bits};
	memcpy(entry->address, banned->byte, sizeof(entry->address));
}
