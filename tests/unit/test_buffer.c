/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/buffer.h"
#include "base/cleanup.h"

static void a_new_buffer_is_empty_and_owns_nothing(void **state)
{
	auto_buffer struct buffer buf = buffer_new(10);

	assert_null(buf.at);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf.error, 0);
}

static void what_is_added_is_terminated(void **state)
{
	auto_buffer struct buffer buf = buffer_new(1000);

	buffer_add_text(&buf, "one ");
	buffer_add(&buf, BYTES("two "));
	buffer_printf(&buf, "%d", 3);
	assert_string_equal(buf.at, "one two 3");
	assert_int_equal(buf.len, 9);
}

static void adding_nothing_still_gives_a_terminated_text(void **state)
{
	auto_buffer struct buffer buf = buffer_new(0);

	buffer_add(&buf, (struct bytes){NULL, 0});
	assert_int_equal(buf.error, 0);
	assert_string_equal(buf.at, "");
}

static void a_buffer_takes_exactly_its_maximum(void **state)
{
	auto_buffer struct buffer buf = buffer_new(5);

	buffer_add_text(&buf, "12345");
	assert_int_equal(buf.error, 0);
	assert_string_equal(buf.at, "12345");
}

static void one_byte_more_than_the_maximum_is_an_error_that_sticks(void **state)
{
	auto_buffer struct buffer buf = buffer_new(5);

	buffer_add_text(&buf, "1234");
	buffer_add_text(&buf, "56");
	assert_int_equal(buf.error, -ENOBUFS);
	buffer_add_text(&buf, "5");
	buffer_printf(&buf, "%s", "5");
	assert_string_equal(buf.at, "1234");
	assert_int_equal(buffer_reserve(&buf, 0), -ENOBUFS);
}

static void a_reserve_that_would_overflow_size_t_is_refused(void **state)
{
	auto_buffer struct buffer buf = buffer_new(1000);

	buffer_add_text(&buf, "x");
	assert_int_equal(buffer_reserve(&buf, SIZE_MAX), -ENOBUFS);
}

static void many_small_adds_arrive_in_order(void **state)
{
	auto_buffer struct buffer buf = buffer_new(100000);

	for (int i = 0; i < 10000; i++)
		buffer_printf(&buf, "%04d", i);
	assert_int_equal(buf.len, 40000);
	assert_memory_equal(buf.at + 4 * 9999, "9999", 4);
	assert_memory_equal(buf.at + 4 * 512, "0512", 4);
}

static void consuming_removes_from_the_front(void **state)
{
	auto_buffer struct buffer buf = buffer_new(100);

	buffer_add_text(&buf, "head body");
	buffer_consume(&buf, 5);
	assert_string_equal(buf.at, "body");
	buffer_consume(&buf, 4);
	assert_int_equal(buf.len, 0);
	buffer_consume(&buf, 0);
	assert_string_equal(buf.at, "");
}

static void a_freed_buffer_can_be_used_again(void **state)
{
	auto_buffer struct buffer buf = buffer_new(4);

	buffer_add_text(&buf, "12345");
	buffer_free(&buf);
	buffer_add_text(&buf, "1234");
	assert_int_equal(buf.error, 0);
	assert_string_equal(buf.at, "1234");
}

static void taking_leaves_nothing_to_clean_up(void **state)
{
	char *text = strdup("kept");
	int fd = dup(0);
	char *taken = take_ptr(text);
	int taken_fd = take_fd(fd);

	assert_null(text);
	assert_int_equal(fd, -1);
	assert_string_equal(taken, "kept");
	free(taken);
	close(taken_fd);
}

static void bytes_compare_by_content(void **state)
{
	assert_true(bytes_equal(BYTES("ab"), bytes_of("ab")));
	assert_false(bytes_equal(BYTES("ab"), BYTES("abc")));
	assert_false(bytes_equal(BYTES("ab"), BYTES("aB")));
	assert_true(bytes_equal_nocase(BYTES("ab"), BYTES("aB")));
	assert_true(bytes_equal((struct bytes){NULL, 0}, BYTES("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_buffer_is_empty_and_owns_nothing),
		cmocka_unit_test(what_is_added_is_terminated),
		cmocka_unit_test(adding_nothing_still_gives_a_terminated_text),
		cmocka_unit_test(a_buffer_takes_exactly_its_maximum),
		cmocka_unit_test(one_byte_more_than_the_maximum_is_an_error_that_sticks),
		cmocka_unit_test(a_reserve_that_would_overflow_size_t_is_refused),
		cmocka_unit_test(many_small_adds_arrive_in_order),
		cmocka_unit_test(consuming_removes_from_the_front),
		cmocka_unit_test(a_freed_buffer_can_be_used_again),
		cmocka_unit_test(taking_leaves_nothing_to_clean_up),
		cmocka_unit_test(bytes_compare_by_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
