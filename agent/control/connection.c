/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/connection_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sluice/control.h>

#include "base/clock.h"
#include "control/commands.h"

#define READ_SIZE 262144 /* bytes at once: others get their turn between */

static void end(struct connection *conn)
{
	struct gate *gate = conn->gate;

	if (conn->previous)
		conn->previous->next = conn->next;
	else
		gate->first = conn->next;
	if (conn->next)
		conn->next->previous = conn->previous;
	gate->count--;
	gate->streams -= conn->is_stream;
	gate->pool->held -= conn->charged;

	if (conn->ask)
		gate->pool->agent->http->cancel(conn->ask);
	loop_unwatch(conn->watch);
	loop_cancel(conn->timer);
	close(conn->fd);
	buffer_free(&conn->in);
	buffer_free(&conn->head);
	response_free(&conn->response);
	free(conn);
}

bool connection_charge(struct connection *conn)
{
	struct pool *pool = conn->gate->pool;
	size_t held = conn->in.len + conn->response.body.len + conn->response.stream_bytes;

	pool->held = pool->held - conn->charged + held;
	conn->charged = held;
	return pool->held <= CONNECTION_HELD_MAX;
}

void connection_set_deadline(struct connection *conn, uint64_t after_ns)
{
	loop_rearm(conn->timer, clock_now_ns() + after_ns);
}

bool connection_enter(struct connection *conn, enum state state, uint32_t events)
{
	conn->state = state;
	return !loop_rewatch(conn->watch, events);
}

/* ---- Reading ------------------------------------------------------------------------------ */

static bool read_requests(struct connection *conn);

/* The request has its answer in conn->response; it is forgotten, and the answer begun. */
static bool answer(struct connection *conn)
{
	if (conn->in.len == conn->request_len)
		buffer_free(&conn->in);
	else
		buffer_consume(&conn->in, conn->request_len);
	conn->scanned = 0;
	return reply_start(conn);
}

static void run(struct connection *conn)
{
	conn->command->run(conn->gate->pool->agent, &conn->request, &conn->response);
}

static void child_answered(void *context, int status, struct bytes told)
{
	struct connection *conn = context;

	conn->ask = NULL;
	conn->request.told_status = status;
	conn->request.told = told;
	run(conn);
	if (!answer(conn) || (conn->state == READ_HEAD && !read_requests(conn)))
		end(conn);
}

/* Whether the child has been asked, and the answer is waited for. */
static bool ask_child(struct connection *conn, const struct question *question)
{
	const struct agent_http *http = conn->gate->pool->agent->http;
	const struct agent_question asked = {.topic = question->topic,
					     .text = {question->text.at, question->text.len},
					     .patience_ns = question->patience_ns,
					     .answered = child_answered,
					     .context = conn};

	conn->request.told_status = question->text.error;
	if (!conn->request.told_status)
		conn->request.told_status =
			http ? http->ask(http->context, &asked, &conn->ask) : -ENOENT;
	return !conn->request.told_status;
}

static bool wait_for_child(struct connection *conn)
{
	loop_rearm(conn->timer, UINT64_MAX); /* the question has a deadline of its own */
	return connection_enter(conn, ASK, 0);
}

static bool serve(struct connection *conn)
{
	struct question question = {.text = buffer_new(QUESTION_TEXT_MAX)};
	enum question_result result = QUESTION_NONE;
	bool is_asked = false;

	conn->request.told_status = -ENOENT;
	if (conn->command->question)
		result = conn->command->question(conn->gate->pool->agent, &conn->request, &question,
						 &conn->response);
	if (result == QUESTION_ASKED)
		is_asked = ask_child(conn, &question);
	buffer_free(&question.text);
	if (is_asked)
		return wait_for_child(conn);
	if (result != QUESTION_ANSWERED)
		run(conn);
	return answer(conn);
}

static bool take_request(struct connection *conn, const struct request *request,
			 const struct command *command, size_t head_len)
{
	conn->request = *request;
	conn->request.body = (struct bytes){conn->in.at + head_len, conn->request_len - head_len};
	conn->request.at = (struct moment){clock_now_ns(), clock_unix_offset_ns()};
	conn->command = command;
	conn->keep_alive = request->keep_alive;
	conn->is_chunked = !request->http10;
	conn->without_body = request->is_head;
	conn->ended = false;
	return serve(conn);
}

/* The head is there: is there such a command, may its body be so long? Returns false when all is done. */
static bool take_head(struct connection *conn, struct request *request, size_t head_len,
		      const struct command **ret_command, bool *ret_alive)
{
	const struct command *command =
		commands_find(request, conn->gate->only_open, &conn->response);

	if (!command) {
		conn->keep_alive = request->keep_alive && !request->body_len;
		conn->without_body = request->is_head;
		if (conn->keep_alive)
			buffer_consume(&conn->in, head_len);
		else
			buffer_free(&conn->in);
		conn->scanned = 0;
		*ret_alive = reply_start(conn);
		return false;
	}
	if (request->body_len > command->body_max) {
		*ret_alive = reply_fail(conn, 413, "the body is larger than this command takes");
		return false;
	}
	conn->request_len = head_len + (size_t)request->body_len;
	*ret_command = command;
	return true;
}

/* Wait for the rest of a body; a client that asked whether to send it is told to go on. */
static bool wait_for_body(struct connection *conn, const struct request *request, size_t head_len)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (conn->state == READ_HEAD && request->expects_continue && conn->in.len == head_len)
		(void)send(conn->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	return connection_enter(conn, READ_BODY, EPOLLIN);
}

/* Serve the first request in conn->in, if it is complete. Returns false if the connection is to be ended. */
static bool read_request(struct connection *conn)
{
	const struct command *command = NULL;
	struct request_error error;
	struct request request;
	size_t head_len = 0;
	bool is_alive = true;

	if (!conn->in.len || (conn->state == READ_BODY && conn->in.len < conn->request_len))
		return true;

	conn->scanned = conn->state == READ_BODY ? 0 : conn->scanned;
	switch (request_parse((struct bytes){conn->in.at, conn->in.len}, &conn->scanned, &request,
			      &head_len, &error)) {
	case REQUEST_MORE:
		return conn->in.len <= SL_CONTROL_HEAD_MAX
			       ? true
			       : reply_fail(conn, 431, "the head is larger than we take");
	case REQUEST_BAD:
		return reply_fail(conn, error.status, error.detail);
	case REQUEST_DONE:
		break;
	}

	if (!take_head(conn, &request, head_len, &command, &is_alive))
		return is_alive;
	if (conn->in.len < conn->request_len)
		return wait_for_body(conn, &request, head_len);
	return take_request(conn, &request, command, head_len);
}

/* Serve everything that stands complete in conn->in: clients may send requests ahead. */
static bool read_requests(struct connection *conn)
{
	size_t before;
	bool is_alive;

	do {
		before = conn->in.len;
		is_alive = read_request(conn);
	} while (is_alive && conn->state == READ_HEAD && conn->in.len && conn->in.len < before);
	return is_alive;
}

/* How much may be read now: a head's worth, or exactly what is missing of the body. */
static size_t wanted(const struct connection *conn)
{
	size_t max = conn->state == READ_BODY ? conn->request_len : SL_CONTROL_HEAD_MAX + 1;
	size_t left = max > conn->in.len ? max - conn->in.len : 0;

	return left < READ_SIZE ? left : READ_SIZE;
}

static void extend_deadline(struct connection *conn)
{
	uint64_t latest_ns = conn->since_ns + CONNECTION_WHOLE_NS;
	uint64_t at_ns = clock_now_ns() + CONNECTION_REQUEST_NS;

	if (conn->state != READ_BODY || conn->in.len - conn->progress < CONNECTION_PROGRESS)
		return;
	conn->progress = conn->in.len;
	loop_rearm(conn->timer, at_ns < latest_ns ? at_ns : latest_ns);
}

static bool read_more(struct connection *conn)
{
	size_t want = wanted(conn);
	ssize_t len;

	if (!want || buffer_reserve(&conn->in, want))
		return reply_fail(conn, 503, "no memory for the request");
	len = recv(conn->fd, conn->in.at + conn->in.len, want, MSG_DONTWAIT);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	if (len == 0)
		return false;

	conn->in.len += (size_t)len;
	if (!connection_charge(conn))
		return reply_fail(conn, 503, "too much is being sent at once; try again");
	extend_deadline(conn);
	return read_requests(conn);
}

/* What a client sends while it is being answered with a stream, or after an error, is thrown away. */
static bool discard(struct connection *conn)
{
	char sink[16384];
	ssize_t len = recv(conn->fd, sink, sizeof(sink), MSG_DONTWAIT);

	return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

static void ready(void *context, uint32_t events)
{
	struct connection *conn = context;
	bool is_alive = false;

	switch (conn->state) {
	case READ_HEAD:
	case READ_BODY:
		is_alive = read_more(conn);
		break;
	case ASK: /* nothing is read meanwhile: the client has gone */
		break;
	case WRITE:
		is_alive =
			reply_continue(conn) && (conn->state != READ_HEAD || read_requests(conn));
		break;
	case STREAM:
		is_alive = (!(events & ~(uint32_t)EPOLLOUT) || discard(conn)) &&
			   (!(events & EPOLLOUT) || reply_stream(conn));
		break;
	case LINGER:
		is_alive = discard(conn);
		break;
	}
	if (!is_alive)
		end(conn);
}

static void expired(void *context, uint64_t now_ns)
{
	struct connection *conn = context;
	bool is_reading = conn->state == READ_HEAD || conn->state == READ_BODY;

	if (!is_reading || !conn->in.len ||
	    !reply_fail(conn, 408, "the request did not arrive in time"))
		end(conn);
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void link_in(struct gate *gate, struct connection *conn)
{
	conn->next = gate->first;
	if (gate->first)
		gate->first->previous = conn;
	gate->first = conn;
	gate->count++;
}

int connection_new(struct gate *gate, int fd, bool is_refused, uint64_t now_ns)
{
	struct connection *conn = calloc(1, sizeof(*conn));
	struct loop *loop = gate->pool->loop;

	if (!conn) {
		close(fd);
		return -ENOMEM;
	}
	conn->gate = gate;
	conn->fd = fd;
	conn->since_ns = now_ns;
	conn->in = buffer_new(SL_CONTROL_HEAD_MAX + SL_CONTROL_BODY_MAX + 1);
	conn->head = buffer_new(CONNECTION_HEAD_ROOM);
	conn->response = response_new();
	link_in(gate, conn);

	if (loop_watch(loop, fd, EPOLLIN, ready, conn, &conn->watch) ||
	    loop_at(loop, now_ns + CONNECTION_REQUEST_NS, 0, expired, conn, &conn->timer)) {
		end(conn);
		return -ENOMEM;
	}
	if (is_refused &&
	    !reply_fail(conn, 403, "only root and members of the socket's group may ask"))
		end(conn);
	return 0;
}

bool connection_evict(struct gate *gate)
{
	struct connection *oldest = NULL;

	for (struct connection *conn = gate->first; conn; conn = conn->next)
		if ((conn->state == READ_HEAD || conn->state == READ_BODY) &&
		    (!oldest || conn->since_ns < oldest->since_ns))
			oldest = conn;
	if (oldest)
		end(oldest);
	return oldest != NULL;
}

void connection_end_all(struct gate *gate)
{
	while (gate->first)
		end(gate->first);
}

void connection_wake_all(struct gate *gate)
{
	struct connection *next;

	for (struct connection *conn = gate->first; conn; conn = next) {
		next = conn->next;
		if (conn->state == STREAM && !reply_stream(conn))
			end(conn);
	}
}
