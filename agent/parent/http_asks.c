/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_asks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct http_ask {
	struct http_asks *asks;
	struct http_ask *next;
	struct loop_timer *timer; /* of its patience; once it is answered, of telling so */
	uint32_t serial;
	int status; /* what is told when the timer ends */
	struct buffer answer;
	http_answered_fn *answered;
	void *context;
};

struct http_asks {
	struct loop *loop;
	struct http_ask *first;
	size_t count;
	size_t held;	 /* bytes of answers */
	uint32_t serial; /* of the last question */
};

int http_asks_new(struct loop *loop, struct http_asks **ret_asks)
{
	struct http_asks *asks = calloc(1, sizeof(*asks));

	if (!asks)
		return -ENOMEM;
	asks->loop = loop;
	*ret_asks = asks;
	return 0;
}

void http_asks_free(struct http_asks *asks)
{
	while (asks && asks->first)
		http_ask_cancel(asks->first);
	free(asks);
}

void http_ask_cancel(struct http_ask *ask)
{
	struct http_ask **at = &ask->asks->first;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	ask->asks->count--;
	ask->asks->held -= ask->answer.len;
	loop_cancel(ask->timer);
	buffer_free(&ask->answer);
	free(ask);
}

static void tell(void *context, uint64_t now_ns)
{
	struct http_ask *ask = context;
	http_answered_fn *answered = ask->answered;
	auto_buffer struct buffer answer = ask->answer;
	void *asker = ask->context;
	int status = ask->status;

	ask->asks->held -= answer.len;
	ask->answer = buffer_new(0);
	http_ask_cancel(ask);
	answered(asker, status, (struct bytes){answer.at, answer.len});
}

/* From the loop, and not at once: whoever reads the pipe may be in the middle of a reload. */
static void tell_soon(struct http_ask *ask, int status)
{
	ask->status = status;
	ask->serial = 0; /* nothing more of it is taken */
	loop_rearm(ask->timer, 0);
}

static int send_question(int pipe_fd, uint32_t serial, const struct http_question *question)
{
	char payload[PIPE_PAYLOAD_MAX];
	const struct pipe_ask head = {.serial = serial, .topic = question->topic};
	struct pipe_message message = {.kind = PIPE_ASK,
				       .payload = {payload, sizeof(head) + question->text.len}};

	if (question->text.len > sizeof(payload) - sizeof(head))
		return -EMSGSIZE;
	memcpy(payload, &head, sizeof(head));
	if (question->text.len)
		memcpy(payload + sizeof(head), question->text.at, question->text.len);
	return pipe_send(pipe_fd, &message);
}

static uint32_t next_serial(struct http_asks *asks)
{
	asks->serial += asks->serial == UINT32_MAX ? 2 : 1; /* 0 is nobody's */
	return asks->serial;
}

int http_asks_send(struct http_asks *asks, int pipe_fd, const struct http_question *question,
		   struct http_ask **ret_ask)
{
	struct http_ask *ask;
	int err;

	if (asks->count >= HTTP_ASKS_MAX)
		return -EBUSY;
	ask = calloc(1, sizeof(*ask));
	if (!ask)
		return -ENOMEM;
	*ask = (struct http_ask){.asks = asks,
				 .next = asks->first,
				 .serial = next_serial(asks),
				 .status = -ETIMEDOUT,
				 .answer = buffer_new(HTTP_ANSWER_MAX),
				 .answered = question->answered,
				 .context = question->context};
	asks->first = ask;
	asks->count++;
	err = loop_at(asks->loop, clock_now_ns() + question->patience_ns, 0, tell, ask,
		      &ask->timer);
	if (!err)
		err = send_question(pipe_fd, ask->serial, question);
	if (err) {
		http_ask_cancel(ask);
		return err;
	}
	*ret_ask = ask;
	return 0;
}

static struct http_ask *find(struct http_asks *asks, uint32_t serial)
{
	struct http_ask *ask = asks->first;

	while (ask && ask->serial != serial)
		ask = ask->next;
	return ask;
}

void http_asks_take(struct http_asks *asks, const struct pipe_message *message)
{
	struct pipe_answer head;
	struct http_ask *ask;
	struct bytes more;

	memcpy(&head, message->payload.at, sizeof(head)); /* the pipe has seen to its length */
	ask = head.serial ? find(asks, head.serial) : NULL;
	if (!ask)
		return;
	more = (struct bytes){message->payload.at + sizeof(head),
			      message->payload.len - sizeof(head)};
	if (asks->held + more.len > HTTP_ANSWERS_MAX) {
		tell_soon(ask, -ENOBUFS);
		return;
	}
	asks->held -= ask->answer.len;
	buffer_add(&ask->answer, more);
	asks->held += ask->answer.len;
	if (!head.more || ask->answer.error)
		tell_soon(ask, ask->answer.error);
}

void http_asks_end(struct http_asks *asks)
{
	for (struct http_ask *ask = asks->first; ask; ask = ask->next)
		if (ask->serial)
			tell_soon(ask, -ECONNRESET);
}
