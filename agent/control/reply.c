/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing: answers whole and in pieces, and the end of a connection. */
#include "control/connection_private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.h"

/* ---- Writing ------------------------------------------------------------------------ */

enum flush_result { FLUSHED, BLOCKED, BROKEN };

static enum flush_result flush(struct connection *conn)
{
	struct iovec pieces[2] = {
		{conn->head.at, conn->head.len},
		{conn->response.body.at, conn->without_body ? 0 : conn->response.body.len},
	};
	size_t all = pieces[0].iov_len + pieces[1].iov_len;

	while (conn->sent < all) {
		size_t skip = conn->sent < pieces[0].iov_len ? conn->sent : pieces[0].iov_len;
		size_t skip_body = conn->sent - skip;
		struct iovec rest[2] = {
			{(char *)pieces[0].iov_base + skip, pieces[0].iov_len - skip},
			{(char *)pieces[1].iov_base + skip_body, pieces[1].iov_len - skip_body},
		};
		struct msghdr message = {.msg_iov = rest, .msg_iovlen = 2};
		ssize_t len = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == EAGAIN ? BLOCKED : BROKEN;
		conn->sent += (size_t)len;
		connection_set_deadline(conn, CONNECTION_WRITE_NS);
	}
	return FLUSHED;
}

static void drop_written(struct connection *conn)
{
	buffer_free(&conn->head);
	buffer_free(&conn->response.body);
	conn->sent = 0;
}

/*
 * Say that nothing more comes, and read on for a moment: closing with bytes unread would reset the
 * connection under an answer the client has not read yet.
 */
static bool linger(struct connection *conn)
{
	(void)shutdown(conn->fd, SHUT_WR); /* fails if the client is gone: the next read tells */
	response_free(&conn->response);
	drop_written(conn);
	buffer_free(&conn->in);
	connection_charge(conn);
	connection_set_deadline(conn, CONNECTION_LINGER_NS);
	return connection_enter(conn, LINGER, EPOLLIN);
}

/* ---- Streams -------------------------------------------------------------------------- */

/* Make the next piece. Returns false if there is none now. */
static bool next_piece(struct connection *conn)
{
	struct response *response = &conn->response;
	size_t len;

	drop_written(conn);
	conn->ended = response->stream(response->stream_context, &response->body) == STREAM_END;
	len = response->body.len;
	if (conn->is_chunked && len) {
		buffer_printf(&conn->head, "%zx\r\n", len);
		buffer_add_text(&response->body, "\r\n");
	}
	if (conn->is_chunked && conn->ended)
		buffer_add_text(&response->body, "0\r\n\r\n");
	return response->body.len || conn->ended;
}

#define PIECES_AT_ONCE 4 /* a client that reads as fast as we write leaves others their turn */

bool reply_stream(struct connection *conn)
{
	for (int pieces = 0; pieces < PIECES_AT_ONCE; pieces++) {
		switch (flush(conn)) {
		case BROKEN:
			return false;
		case BLOCKED:
			return connection_enter(conn, STREAM, EPOLLIN | EPOLLOUT);
		case FLUSHED:
			break;
		}
		if (conn->ended)
			return linger(conn);
		if (!next_piece(conn)) {
			loop_rearm(conn->timer, UINT64_MAX); /* silence is no fault */
			return connection_enter(conn, STREAM, EPOLLIN);
		}
		if (conn->response.body.error)
			return false; /* a cut stream must not look complete */
		connection_set_deadline(conn, CONNECTION_WRITE_NS);
	}
	return connection_enter(conn, STREAM, EPOLLIN | EPOLLOUT);
}

/* ---- Answering -------------------------------------------------------------------------- */

static void write_head(struct connection *conn)
{
	const struct response *response = &conn->response;
	struct buffer *out = &conn->head;

	buffer_printf(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n",
		      response->status, response_phrase(response->status), response->type);
	if (response->allow[0])
		buffer_printf(out, "Allow: %s\r\n", response->allow);
	if (!response->stream)
		buffer_printf(out, "Content-Length: %zu\r\n", response->body.len);
	else if (conn->is_chunked)
		buffer_add_text(out, "Transfer-Encoding: chunked\r\n");
	if (!conn->keep_alive)
		buffer_add_text(out, "Connection: close\r\n");
	buffer_add_text(out, "\r\n");
}

static bool finish_response(struct connection *conn)
{
	if (conn->response.stream && !conn->without_body)
		return reply_stream(conn);
	if (!conn->keep_alive)
		return linger(conn);

	response_free(&conn->response);
	conn->response = response_new();
	drop_written(conn);
	connection_charge(conn);
	conn->without_body = false;
	conn->since_ns = clock_now_ns();
	conn->progress = 0;
	connection_set_deadline(conn, CONNECTION_REQUEST_NS);
	return connection_enter(conn, READ_HEAD, EPOLLIN);
}

bool reply_continue(struct connection *conn)
{
	switch (flush(conn)) {
	case FLUSHED:
		return finish_response(conn);
	case BLOCKED:
		return connection_enter(conn, WRITE, EPOLLOUT);
	case BROKEN:
		break;
	}
	return false;
}

bool reply_start(struct connection *conn)
{
	struct gate *gate = conn->gate;

	if (!connection_charge(conn) && conn->response.status == 200) {
		response_problem(&conn->response, 503,
				 "too much is being answered at once; try again");
		connection_charge(conn);
	}
	if (conn->response.stream && gate->streams >= gate->streams_max) {
		response_problem(&conn->response, 503, "%zu streams are being served already",
				 gate->streams);
		connection_charge(conn);
	}
	if (conn->response.stream) {
		conn->keep_alive = false;
		conn->is_stream = true;
		gate->streams++;
	}
	write_head(conn);
	connection_set_deadline(conn, CONNECTION_WRITE_NS);
	return reply_continue(conn);
}

bool reply_fail(struct connection *conn, unsigned status, const char *detail)
{
	response_problem(&conn->response, status, "%s", detail);
	conn->keep_alive = false;
	buffer_free(&conn->in);
	return reply_start(conn);
}
