/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One fetch, many answers: the exchange that fetches feeds the fill at the upstream's pace, and
 * all who asked, itself included, read from the fill at their own.
 */
#include "cache/vary.h"
#include "http/caching.h"
#include "http/caching_facts.h"
#include "http/exchange.h"
#include "message/chars.h"

#define SLICES_MAX   8
#define SEND_AT_ONCE (128ull << 10) /* what the kernel does not take of it has to be held */

/* ---- From the upstream ---- */

/* Give the fill content, holding what it has no room for. False: it has failed. */
static bool append(struct exchange *x, struct bytes content)
{
	struct caching *c = &x->cache;
	ssize_t taken = content.len ? fill_append(c->fill, content) : 0;

	if (taken < 0)
		return false;
	content = bytes_from(content, (size_t)taken);
	return !content.len || held_add(&c->rest, &x->worker->memory, content);
}

/* What was held before goes first. False: the fill has failed. */
static bool append_rest(struct exchange *x)
{
	struct caching *c = &x->cache;
	ssize_t taken;

	if (!c->rest.len)
		return true;
	taken = fill_append(c->fill, held_bytes(&c->rest));
	if (taken < 0)
		return false;
	held_drop(&c->rest, &x->worker->memory, (size_t)taken);
	return true;
}

static bool feed_broken(struct exchange *x, enum progress *ret_progress)
{
	struct caching *c = &x->cache;

	count(&x->worker->counters.upstream_closed);
	c->status.is_stored = false;
	fill_fail(c->fill, FILL_NO_ANSWER);
	c->fill = NULL;
	if (!x->has_answered) {
		*ret_progress = exchange_refuse(
			x, 502, "the upstream closed before its answer was complete");
		return false;
	}
	x->is_aborted = true;
	*ret_progress = PROGRESS_RESET;
	return false;
}

static void feed_done(struct exchange *x)
{
	struct caching *c = &x->cache;

	if (fill_finish(c->fill) == STORE_YES)
		count(&x->worker->counters.cache_stored);
	c->fill = NULL;
	relay_leave_origin(x);
	fetch_leave_gate(x);
}

bool caching_feed(struct exchange *x, enum progress *ret_progress)
{
	for (int i = 0; i < READS_A_TURN; i++) {
		struct bytes content, rest;

		if (!append_rest(x))
			return feed_broken(x, ret_progress);
		if (x->cache.rest.len) {
			relay_await(x); /* the readers are waited for, not the upstream */
			return true;
		}
		switch (relay_read(x, &content, &rest)) {
		case RELAY_READ_SOME:
			if (!append(x, content) || !relay_keep_rest(x, rest))
				return feed_broken(x, ret_progress);
			relay_await(x);
			break;
		case RELAY_READ_NOTHING:
			return true;
		case RELAY_READ_ALL:
			feed_done(x);
			return true;
		case RELAY_READ_BROKEN:
			return feed_broken(x, ret_progress);
		}
	}
	worker_turn(x->worker, &x->conn->poll);
	return true;
}

/* ---- What there is, to the client ---- */

/* What it waited for is not for it: once more, where others may wait for the same; then alone. */
static enum progress look_again(struct exchange *x)
{
	struct caching *c = &x->cache;

	fill_leave(&c->waiter);
	c->is_alone = c->looks > 0;
	c->looks = 1;
	c->status = (struct cache_status){.forward = FORWARD_NONE};
	return go(x, STAGE_LOOKUP);
}

static enum progress wait_on(struct exchange *x)
{
	if (x->worker->now_ns < x->cache.wait_until_ns)
		return PROGRESS_WAIT;
	x->cache.looks = 1; /* long enough for somebody else */
	return look_again(x);
}

/* Who fetched it has no answer. What stands in for him does for us; two who failed are enough. */
static enum progress go_without(struct exchange *x, enum fill_failure why)
{
	fill_leave(&x->cache.waiter);
	if (why != FILL_GIVEN_UP &&
	    caching_stand_in(x, why == FILL_ERROR_STATUS ? FAILURE_STATUS : FAILURE_NO_ANSWER))
		return PROGRESS_MOVE_ON;
	if (why == FILL_NO_ANSWER && x->cache.looks)
		return exchange_refuse(x, 502,
				       "the upstream did not answer who asked for the same");
	return look_again(x);
}

static bool is_for_us(struct exchange *x, const struct object_parts *parts)
{
	const struct request *req = exchange_request(x);
	const struct caching_facts facts = caching_facts_of(x->share->plan, req);
	const struct lookup_facts at = {.now_ns = x->worker->now_ns};

	return vary_matches(parts->selector, &req->head.fields) &&
	       freshness_is_usable(
		       freshness_judge(&parts->fresh, &facts.req, facts.rules, &at).verdict);
}

/* The length is known once all is there; until then the end is told by the framing. */
static void write_shared_head(struct exchange *x, const struct fill_view *view, struct text *out)
{
	struct caching *c = &x->cache;

	x->status = view->parts->status;
	c->age_s = freshness_age_s(&view->parts->fresh, x->worker->now_ns);
	c->is_chunked = false;
	text_add(out, view->parts->head);
	if (view->state == FILL_DONE) {
		caching_write_length(out, view->body_len);
	} else if (c->is_owner && x->answer_body.length_given) {
		caching_write_length(out, x->answer_body.length);
	} else if (x->minor) {
		c->is_chunked = true;
		text_put(out, "Transfer-Encoding: chunked\r\n");
	} else {
		x->keeps_conn = false;
	}
}

/* Of the slices, as many as go out at once. *ret_len: their bytes. */
static int cut_slices(struct iovec *iov, int slices, uint64_t *ret_len)
{
	uint64_t len = 0;
	int count = 0;

	for (; count < slices && len < SEND_AT_ONCE; count++) {
		uint64_t room = SEND_AT_ONCE - len;

		if (iov[count].iov_len > room)
			iov[count].iov_len = room;
		len += iov[count].iov_len;
	}
	*ret_len = len;
	return count;
}

/* What there is now, as one chunk, behind head, which may be empty. *ret_len: bytes of content. */
static bool send_shared(struct exchange *x, struct bytes head, uint64_t *ret_len)
{
	struct iovec iov[SLICES_MAX + 3], *first = iov + 2;
	int slices = fill_slices(&x->cache.waiter, first, SLICES_MAX);
	int parts = cut_slices(first, slices, ret_len);
	char line[CHUNK_LINE_MAX];
	bool is_sent;

	if (x->cache.is_chunked && *ret_len) {
		struct bytes size = chunk_line(*ret_len, line);

		first[parts++] = (struct iovec){(void *)CHUNK_END, sizeof(CHUNK_END) - 1};
		*--first = (struct iovec){line, size.len};
		parts++;
	}
	if (head.len) {
		*--first = (struct iovec){(void *)head.at, head.len};
		parts++;
	}
	if (!parts)
		return true;
	is_sent = wire_send(&x->conn->wire, &x->worker->memory, first, parts);
	fill_advance(&x->cache.waiter, *ret_len);
	return is_sent;
}

/* Head and first content in one call: what follows the head has usually come with it. */
static enum progress send_first(struct exchange *x, struct bytes head, bool is_short)
{
	struct iovec iov = {(void *)head.at, head.len};
	uint64_t len;

	x->has_answered = true;
	if (!is_short)
		return send_shared(x, head, &len) ? go(x, STAGE_SERVE) : PROGRESS_RESET;
	fill_leave(&x->cache.waiter);
	return wire_send(&x->conn->wire, &x->worker->memory, &iov, 1) ? go(x, STAGE_FINISH)
								      : PROGRESS_RESET;
}

static enum progress begin_shared(struct exchange *x, const struct fill_view *view)
{
	struct worker *worker = x->worker;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};
	const struct validators stored = {
		.etag = view->parts->etag,
		.last_modified = view->parts->last_modified,
		.date = view->parts->date,
		.received_unix_s = view->parts->received_unix_s,
	};
	bool is_short = caching_has_no_content(view->parts->status);

	x->keeps_conn = caching_keeps_conn(x);
	if (!x->cache.is_owner && caching_is_unmodified(x, &stored, view->parts->status)) {
		caching_write_not_modified(x, view->parts->head, &out);
		is_short = true;
	} else if (is_short) {
		x->status = view->parts->status;
		text_add(&out, view->parts->head);
	} else {
		write_shared_head(x, view, &out);
	}
	caching_write_own(x, &out);
	if (out.is_cut)
		return PROGRESS_RESET;
	return send_first(x, text_since(&out, worker->head_out), is_short);
}

static enum progress end_shared(struct exchange *x)
{
	struct iovec iov = {(void *)CHUNKED_END, sizeof(CHUNKED_END) - 1};

	fill_leave(&x->cache.waiter);
	if (x->cache.is_chunked && !wire_send(&x->conn->wire, &x->worker->memory, &iov, 1))
		return PROGRESS_RESET;
	return go(x, STAGE_FINISH);
}

static enum progress carry_shared(struct exchange *x)
{
	struct fill_view view;
	uint64_t len;

	for (int i = 0; i < READS_A_TURN; i++) {
		if (!wire_flush(&x->conn->wire, &x->worker->memory))
			return PROGRESS_RESET;
		if (x->conn->wire.out.len)
			return PROGRESS_WAIT;
		view = fill_look(&x->cache.waiter);
		if (!send_shared(x, (struct bytes){NULL, 0}, &len))
			return PROGRESS_RESET;
		if (!len && view.state == FILL_FAILED)
			return PROGRESS_RESET;
		if (!len && fill_is_read(&x->cache.waiter, &view))
			return end_shared(x);
		if (!len)
			return PROGRESS_WAIT;
	}
	worker_turn(x->worker, &x->conn->poll);
	return PROGRESS_WAIT;
}

enum progress caching_serve_shared(struct exchange *x)
{
	struct fill_view view;

	if (x->has_answered)
		return carry_shared(x);
	view = fill_look(&x->cache.waiter);
	switch (view.state) {
	case FILL_WAITING:
		return wait_on(x);
	case FILL_OPEN:
	case FILL_DONE:
		if (x->cache.is_owner)
			return begin_shared(x, &view);
		if (view.is_late || !is_for_us(x, view.parts))
			break;
		count(&x->worker->counters.cache_collapsed);
		return begin_shared(x, &view);
	case FILL_FAILED:
		return go_without(x, view.failure);
	case FILL_RELEASED:
		break;
	}
	return look_again(x);
}
