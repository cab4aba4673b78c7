/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/flow.h"

#define OUT_MAX 65536

/* What a flow wrote. */
struct sink {
	char at[OUT_MAX];
	size_t len;
};

static struct sink sink;
static struct fields fields;

static void drain(struct flow *flow, struct bytes content, const struct fields *trailers)
{
	char room[4096];
	struct flow_end end = {.trailers = trailers, .room = {room, room + sizeof(room), false}};
	struct flow_frame frame;

	flow_frame(flow, content, end, &frame);
	for (int i = 0; i < frame.count; i++) {
		memcpy(sink.at + sink.len, frame.iov[i].iov_base, frame.iov[i].iov_len);
		sink.len += frame.iov[i].iov_len;
	}
}

/* Pass text, in pieces of at most step bytes, through a flow. Returns the last result. */
static enum message_result pass(struct flow *flow, const char *text, size_t step)
{
	size_t len = strlen(text), held = 0;
	char *copy = malloc(len + 1);
	enum message_result result = MESSAGE_MORE;

	sink.len = 0;
	memcpy(copy, text, len + 1);
	for (size_t at = 0; at < len && !flow->is_done;) {
		size_t take = len - at < step ? len - at : step;
		struct bytes input = {copy + at - held, take + held}, content = {0};

		at += take;
		if (!flow->in_trailers) {
			result = flow_take(flow, &input, &content);
			if (result != MESSAGE_DONE && result != MESSAGE_MORE)
				break;
		}
		if (content.len)
			drain(flow, content, NULL);
		if (!flow->in_trailers)
			continue;
		result = flow_take_trailers(flow, &input, &fields);
		held = result == MESSAGE_MORE ? input.len : 0;
		if (result == MESSAGE_DONE)
			drain(flow, (struct bytes){0}, &fields);
	}
	free(copy);
	return result;
}

static void assert_out(const char *wanted)
{
	assert_int_equal(sink.len, strlen(wanted));
	assert_memory_equal(sink.at, wanted, sink.len);
}

static struct flow chunked_to(enum framing framing, uint64_t max)
{
	struct body body = {.kind = BODY_CHUNKED};

	return flow_begin(&body, framing, max);
}

static void chunks_of_one_read_become_one_chunk(void **state)
{
	struct flow flow = chunked_to(FRAMING_CHUNKED, 100);

	(void)state;
	assert_int_equal(pass(&flow, "1\r\na\r\n2;x\r\nbc\r\n03\r\ndef\r\n0\r\n\r\n", 1000),
			 MESSAGE_DONE);
	assert_out("6\r\nabcdef\r\n0\r\n\r\n");
	assert_true(flow.has_ended);
	assert_int_equal(flow.bytes, 6);
}

static void the_content_is_the_same_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t step = 1; step < 40; step++) {
		struct flow flow = chunked_to(FRAMING_CLOSE, 100);

		assert_int_equal(
			pass(&flow, "1\r\na\r\n2;x\r\nbc\r\n03\r\ndef\r\n0\r\nT: 1\r\n\r\n", step),
			MESSAGE_DONE);
		assert_out("abcdef");
	}
}

static void trailers_that_may_be_passed_are(void **state)
{
	struct flow flow = chunked_to(FRAMING_CHUNKED, 100);

	(void)state;
	assert_int_equal(pass(&flow, "1\r\na\r\n0\r\nX-A: 1\r\nHost: b\r\nX_B: 2\r\n\r\n", 1000),
			 MESSAGE_DONE);
	assert_out("1\r\na\r\n0\r\nX-A: 1\r\n\r\n");
}

static void one_byte_more_than_the_most_is_refused(void **state)
{
	struct flow exact = chunked_to(FRAMING_CLOSE, 3), over = chunked_to(FRAMING_CLOSE, 2);

	(void)state;
	assert_int_equal(pass(&exact, "3\r\nabc\r\n0\r\n\r\n", 1000), MESSAGE_DONE);
	assert_int_equal(pass(&over, "3\r\nabc\r\n0\r\n\r\n", 1000), MESSAGE_BODY_TOO_LARGE);
}

static void a_bad_chunk_is_refused_wherever_it_comes(void **state)
{
	(void)state;
	for (size_t step = 1; step < 12; step++) {
		struct flow flow = chunked_to(FRAMING_CHUNKED, 100);

		assert_int_equal(pass(&flow, "3\r\nabc\r\nx\r\n", step), MESSAGE_BAD_CHUNK);
	}
}

static void a_known_length_takes_so_much_and_leaves_the_rest(void **state)
{
	struct body body = {.kind = BODY_LENGTH, .length_given = true, .length = 3};
	struct flow flow = flow_begin(&body, FRAMING_LENGTH, 1000);
	char text[] = "abcdef";
	struct bytes input = {text, 6}, content;

	(void)state;
	assert_int_equal(flow_take(&flow, &input, &content), MESSAGE_DONE);
	assert_int_equal(content.len, 3);
	assert_int_equal(input.len, 3);
	assert_true(flow.is_done);
}

static void a_length_of_zero_is_done_before_it_begins(void **state)
{
	struct body body = {.kind = BODY_LENGTH, .length_given = true};
	struct flow flow = flow_begin(&body, FRAMING_LENGTH, 1000);

	(void)state;
	assert_true(flow.is_done);
}

static void the_end_of_the_connection_ends_only_a_body_without_another(void **state)
{
	struct body until = {.kind = BODY_UNTIL_CLOSE}, length = {.kind = BODY_LENGTH, .length = 1};
	struct flow open = flow_begin(&until, FRAMING_CHUNKED, 1000),
		    cut = flow_begin(&length, FRAMING_LENGTH, 1000),
		    chunked = chunked_to(FRAMING_CHUNKED, 1000);

	(void)state;
	assert_true(flow_close(&open));
	assert_false(flow_close(&cut));
	assert_false(flow_close(&chunked));
	sink.len = 0;
	drain(&open, (struct bytes){0}, NULL);
	assert_out("0\r\n\r\n");
}

static void content_where_none_may_be_is_not_written(void **state)
{
	struct body none = {.kind = BODY_NONE};
	struct flow flow = flow_begin(&none, FRAMING_NONE, 1000);

	(void)state;
	sink.len = 0;
	drain(&flow, BYTES("abc"), NULL);
	assert_int_equal(sink.len, 0);
	assert_true(flow.has_ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_of_one_read_become_one_chunk),
		cmocka_unit_test(the_content_is_the_same_however_it_is_cut),
		cmocka_unit_test(trailers_that_may_be_passed_are),
		cmocka_unit_test(one_byte_more_than_the_most_is_refused),
		cmocka_unit_test(a_bad_chunk_is_refused_wherever_it_comes),
		cmocka_unit_test(a_known_length_takes_so_much_and_leaves_the_rest),
		cmocka_unit_test(a_length_of_zero_is_done_before_it_begins),
		cmocka_unit_test(the_end_of_the_connection_ends_only_a_body_without_another),
		cmocka_unit_test(content_where_none_may_be_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
