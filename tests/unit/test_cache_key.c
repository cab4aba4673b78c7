/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "cache/cache_key.h"

static struct key_parts parts_with(const char *query)
{
	return (struct key_parts){
		.scheme = BYTES("http"),
		.host = BYTES("a.example"),
		.path = BYTES("/p"),
		.has_query = query,
		.query = query ? bytes_of(query) : (struct bytes){NULL, 0},
	};
}

static void assert_key(const struct key_parts *parts, const char *want)
{
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);
	struct cache_key key;

	assert_int_equal(cache_key_build(parts, &out, &key), 0);
	assert_int_equal(key.whole.len, strlen(want));
	assert_memory_equal(key.whole.at, want, key.whole.len);
}

static void all_of_the_query_is_kept_as_it_was_sent(void **state)
{
	struct key_parts none = parts_with(NULL), empty = parts_with(""),
			 some = parts_with("b&a=1&&");

	assert_key(&none, "http://a.example/p");
	assert_key(&empty, "http://a.example/p?");
	assert_key(&some, "http://a.example/p?b&a=1&&");
}

static void chosen_parameters_come_in_one_order_and_duplicates_in_theirs(void **state)
{
	const struct bytes names[] = {BYTES("a"), BYTES("b")};
	struct key_parts parts = parts_with("c=0&b=2&a=1&ab=3&b=1&a");

	parts.query_rule = QUERY_ONLY;
	parts.query_names = names;
	parts.query_name_count = 2;
	assert_key(&parts, "http://a.example/p?a=1&a&b=2&b=1");
	parts.query = BYTES("x=1");
	assert_key(&parts, "http://a.example/p");
}

static void excepted_parameters_are_left_out_and_the_rest_keeps_its_order(void **state)
{
	const struct bytes names[] = {BYTES("utm")};
	struct key_parts parts = parts_with("b=2&utm=x&a=1&utm&utmost=1");

	parts.query_rule = QUERY_EXCEPT;
	parts.query_names = names;
	parts.query_name_count = 1;
	assert_key(&parts, "http://a.example/p?b=2&a=1&utmost=1");
	parts.query_rule = QUERY_NONE;
	assert_key(&parts, "http://a.example/p");
}

static void absent_and_empty_dimensions_differ(void **state)
{
	struct key_dimension dimension = {
		.kind = 'h', .name = BYTES("x"), .is_given = false, .value = BYTES("")};
	struct key_parts parts = parts_with(NULL);

	parts.dimensions = &dimension;
	parts.dimension_count = 1;
	assert_key(&parts, "http://a.example/p\nhx");
	dimension.is_given = true;
	assert_key(&parts, "http://a.example/p\nhx=");
	dimension.value = BYTES("1=2");
	assert_key(&parts, "http://a.example/p\nhx=1=2");
}

static void the_url_is_the_part_before_the_dimensions(void **state)
{
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);
	struct key_dimension dimension = {.kind = 'i', .name = BYTES("x")};
	struct key_parts parts = parts_with("q");
	struct cache_key key;

	parts.dimensions = &dimension;
	parts.dimension_count = 1;
	assert_int_equal(cache_key_build(&parts, &out, &key), 0);
	assert_true(bytes_equal(cache_key_url(&key), BYTES("http://a.example/p?q")));
}

static void a_control_byte_anywhere_is_refused(void **state)
{
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);
	struct key_dimension dimension = {
		.kind = 'h', .name = BYTES("x"), .is_given = true, .value = BYTES("1\nhy=2")};
	struct key_parts path = parts_with(NULL), query = parts_with("a\n"), dims = parts_with("a");
	struct cache_key key;

	path.path = BYTES("/\x7f");
	dims.dimensions = &dimension;
	dims.dimension_count = 1;
	assert_int_equal(cache_key_build(&path, &out, &key), -EINVAL);
	assert_int_equal(cache_key_build(&query, &out, &key), -EINVAL);
	assert_int_equal(cache_key_build(&dims, &out, &key), -EINVAL);
}

static void a_key_above_the_limit_is_refused_and_the_buffer_can_be_used_again(void **state)
{
	auto_buffer struct buffer out = buffer_new(18); /* "http://a.example/p" */
	struct key_parts exact = parts_with(NULL), longer = parts_with("");
	struct cache_key key;

	assert_int_equal(cache_key_build(&longer, &out, &key), -ENOBUFS);
	assert_int_equal(cache_key_build(&exact, &out, &key), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_the_query_is_kept_as_it_was_sent),
		cmocka_unit_test(chosen_parameters_come_in_one_order_and_duplicates_in_theirs),
		cmocka_unit_test(excepted_parameters_are_left_out_and_the_rest_keeps_its_order),
		cmocka_unit_test(absent_and_empty_dimensions_differ),
		cmocka_unit_test(the_url_is_the_part_before_the_dimensions),
		cmocka_unit_test(a_control_byte_anywhere_is_refused),
		cmocka_unit_test(a_key_above_the_limit_is_refused_and_the_buffer_can_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
