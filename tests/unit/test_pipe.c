/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/pipe.h"

struct ends {
	int mine;
	int theirs;
};

static struct ends ends_new(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	return (struct ends){pair[0], pair[1]};
}

static void ends_free(const struct ends *ends)
{
	close(ends->mine);
	close(ends->theirs);
}

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int receive(int fd, enum pipe_sender from, struct pipe_message *message)
{
	static struct pipe_buffer buffer;

	return pipe_receive(fd, from, &buffer, message);
}

static void a_message_arrives_with_its_text_and_its_files(void **state)
{
	struct ends ends = ends_new();
	struct pipe_message sent = {.kind = PIPE_LISTENER,
				    .payload = BYTES("127.0.0.1:80"),
				    .fds = {STDIN_FILENO, STDERR_FILENO},
				    .fd_count = 2};
	struct pipe_message got;

	assert_int_equal(pipe_send(ends.mine, &sent), 0);
	assert_int_equal(receive(ends.theirs, PIPE_SENDER_PARENT, &got), 0);
	assert_int_equal(got.kind, PIPE_LISTENER);
	assert_true(bytes_equal(got.payload, BYTES("127.0.0.1:80")));
	assert_int_equal(got.fd_count, 2);
	assert_int_equal(fcntl(got.fds[0], F_GETFD), FD_CLOEXEC);
	pipe_close_fds(&got);
	ends_free(&ends);
}

static void nothing_yet_and_the_end_are_told_apart(void **state)
{
	struct ends ends = ends_new();
	struct pipe_message got;

	assert_int_equal(receive(ends.theirs, PIPE_SENDER_PARENT, &got), -EAGAIN);
	close(ends.mine);
	assert_int_equal(receive(ends.theirs, PIPE_SENDER_PARENT, &got), -EPIPE);
	close(ends.theirs);
}

static void what_breaks_the_bounds_of_its_kind_is_not_sent(void **state)
{
	struct ends ends = ends_new();
	struct pipe_message message = {.kind = PIPE_READY, .payload = BYTES("x")};

	assert_int_equal(pipe_send(ends.mine, &message), -EMSGSIZE);
	message = (struct pipe_message){.kind = PIPE_PREPARE};
	assert_int_equal(pipe_send(ends.mine, &message), -EMSGSIZE);
	message = (struct pipe_message){.kind = PIPE_REFUSED};
	assert_int_equal(pipe_send(ends.mine, &message), -EMSGSIZE);
	ends_free(&ends);
}

/* The header's layout, written out here: what a child that was taken over may send. */
struct raw {
	uint16_t version;
	uint16_t kind;
	uint32_t len;
	uint64_t zero;
	char text[64];
};

static void assert_refused(const struct raw *raw, size_t len)
{
	struct ends ends = ends_new();
	struct pipe_message got;

	assert_int_equal(send(ends.mine, raw, len, 0), len);
	assert_int_equal(receive(ends.theirs, PIPE_SENDER_CHILD, &got), -EPROTO);
	ends_free(&ends);
}

static void malformed_messages_are_refused(void **state)
{
	const struct raw good = {.version = PIPE_VERSION, .kind = PIPE_REFUSED, .len = 5};
	struct raw raw;

	for (size_t len = 1; len < 16; len++)
		assert_refused(&good, len);
	assert_refused(&good, 16 + 4);
	assert_refused(&good, 16 + 6);
	raw = good, raw.version++;
	assert_refused(&raw, 16 + 5);
	raw = good, raw.kind = PIPE_KIND_COUNT;
	assert_refused(&raw, 16 + 5);
	raw = good, raw.kind = 0xffff;
	assert_refused(&raw, 16 + 5);
	raw = good, raw.zero = 1;
	assert_refused(&raw, 16 + 5);
	raw = good, raw.kind = PIPE_BAN;
	assert_refused(&raw, 16 + 5);
	raw = good, raw.kind = PIPE_REFUSED, raw.len = 0;
	assert_refused(&raw, 16);
}

static void a_child_may_not_say_what_is_the_parents(void **state)
{
	struct raw raw = {.version = PIPE_VERSION};

	for (unsigned kind = PIPE_LISTENER; kind < PIPE_KIND_COUNT; kind++) {
		raw.kind = (uint16_t)kind;
		assert_refused(&raw, 16);
	}
}

static void files_that_nobody_asked_for_are_closed(void **state)
{
	struct ends ends = ends_new();
	struct pipe_message sent = {.kind = PIPE_LOG, .fds = {STDIN_FILENO}, .fd_count = 1}, got;
	size_t before = open_files();

	/* LOG is the parent's to say. */
	assert_int_equal(pipe_send(ends.mine, &sent), 0);
	assert_int_equal(receive(ends.theirs, PIPE_SENDER_CHILD, &got), -EPROTO);
	assert_int_equal(open_files(), before);
	ends_free(&ends);
}

static void a_message_longer_than_any_kind_is_refused(void **state)
{
	static char raw[sizeof(struct pipe_buffer) + 1];
	struct ends ends = ends_new();
	struct pipe_message got;
	const uint16_t start[2] = {PIPE_VERSION, PIPE_ANSWER};

	memcpy(raw, start, sizeof(start));
	assert_int_equal(send(ends.mine, raw, sizeof(raw), 0), sizeof(raw));
	assert_int_equal(receive(ends.theirs, PIPE_SENDER_CHILD, &got), -EPROTO);
	ends_free(&ends);
}

static void a_side_that_does_not_read_is_told_of_and_not_waited_for(void **state)
{
	struct ends ends = ends_new();
	struct pipe_message message = {.kind = PIPE_READY};
	int err, sent = 0;

	while (!(err = pipe_send(ends.mine, &message)))
		sent++;
	assert_int_equal(err, -EAGAIN);
	assert_true(sent > 0);
	ends_free(&ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_arrives_with_its_text_and_its_files),
		cmocka_unit_test(nothing_yet_and_the_end_are_told_apart),
		cmocka_unit_test(what_breaks_the_bounds_of_its_kind_is_not_sent),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(a_child_may_not_say_what_is_the_parents),
		cmocka_unit_test(files_that_nobody_asked_for_are_closed),
		cmocka_unit_test(a_message_longer_than_any_kind_is_refused),
		cmocka_unit_test(a_side_that_does_not_read_is_told_of_and_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
