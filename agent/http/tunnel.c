/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After 101: bytes both ways, unread. Ends when either side does, once the other has
 * what was said before, or when nothing has been said for as long as a connection may
 * be idle.
 */
#include "http/exchange.h"
#include "message/chars.h"

static bool send_all(struct exchange *x, struct wire *to, struct bytes bytes)
{
	struct iovec iov = {(void *)bytes.at, bytes.len};

	return wire_send(to, &x->worker->memory, &iov, 1);
}

/* What came with the two heads. */
static bool begin(struct exchange *x)
{
	struct bytes first = bytes_from(x->conn->input, x->used);
	struct iovec iov[2] = {{(void *)x->head_out.at, x->head_out.len},
			       {(void *)x->answer.at, x->answer.len}};

	count(&x->worker->counters.tunnels);
	x->keeps_conn = x->keeps_origin = false;
	x->used += first.len;
	x->head_out = x->answer = (struct bytes){0};
	x->has_answered = true;
	if (!wire_send(&x->conn->wire, &x->worker->memory, iov, 2) ||
	    !send_all(x, &x->origin->wire, first))
		return false;
	held_free(&x->origin->in, &x->worker->memory);
	return true;
}

/* True: something moved. */
static bool pump(struct exchange *x, struct wire *from, struct wire *to, char *scratch)
{
	size_t len;

	if (!wire_flush(to, &x->worker->memory) || to->out.len)
		return false;
	len = wire_read(from, scratch, SCRATCH_IN);
	return len && send_all(x, to, (struct bytes){scratch, len});
}

static bool is_over(const struct wire *from, const struct wire *to)
{
	return from->is_broken || (from->has_ended && !to->out.len);
}

enum progress tunnel_run(struct exchange *x)
{
	struct wire *client = &x->conn->wire, *upstream = &x->origin->wire;
	bool moved = true;

	if (x->head_out.len && !begin(x))
		return PROGRESS_RESET;
	if (!conn_keep(x->conn))
		return PROGRESS_RESET;
	for (int i = 0; i < READS_A_TURN && moved; i++) {
		moved = pump(x, client, upstream, x->worker->client_in);
		moved |= pump(x, upstream, client, x->worker->origin_in);
		if (moved || !i)
			origin_set_deadline(x->origin,
					    x->worker->now_ns +
						    x->share->plan->http->timeouts.idle_ns);
	}
	if (moved)
		worker_turn(x->worker, &x->conn->poll);
	if (is_over(client, upstream) || is_over(upstream, client) || x->origin->timed_out)
		return PROGRESS_CLOSE;
	return PROGRESS_WAIT;
}
