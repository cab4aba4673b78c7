/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/buffer.h"
#include "base/duration.h"
#include "control/blocklist.h"

static const struct blocklist_defaults defaults = {.now_ns = 1000, .span_ns = 60 * NS_PER_SEC};

static int parse(const char *text, struct blocklist *list)
{
	*list = (struct blocklist){0};
	return blocklist_parse(bytes_of(text), &defaults, list);
}

static void lines_are_addresses_prefixes_and_spans(void **state)
{
	auto_blocklist struct blocklist list;

	assert_int_equal(parse("192.0.2.7\n198.51.100.0/24 10m\n2001:db8::/32  1 hour\n", &list),
			 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.refused, 0);
	assert_int_equal(list.bans[0].prefix.bits, 32);
	assert_int_equal(list.bans[0].until_ns, 1000 + 60 * NS_PER_SEC);
	assert_int_equal(list.bans[1].prefix.bits, 24);
	assert_int_equal(list.bans[1].until_ns, 1000 + 600 * NS_PER_SEC);
	assert_int_equal(list.bans[2].prefix.family, ADDRESS_IPV6);
	assert_int_equal(list.bans[2].until_ns, 1000 + 3600 * NS_PER_SEC);
}

static void comments_blank_lines_and_dos_line_ends_are_nothing(void **state)
{
	auto_blocklist struct blocklist list;

	assert_int_equal(parse("# a list\r\n\r\n  \t\n192.0.2.7 # a comment\r\n", &list), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.refused, 0);
	assert_int_equal(list.lines[0], 4);
}

static void a_line_that_is_wrong_is_refused_by_number_and_the_others_are_not(void **state)
{
	auto_blocklist struct blocklist list;

	assert_int_equal(parse("192.0.2.7\nnonsense\n192.0.2.8 soon\n192.0.2.1/24\n192.0.2.9 0s\n"
			       "192.0.2.10",
			       &list),
			 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.refused, 4);
	assert_int_equal(list.problems[0].line, 2);
	assert_int_equal(list.problems[1].line, 3);
	assert_int_equal(list.problems[2].line, 4);
	assert_int_equal(list.problems[3].line, 5);
	assert_int_equal(list.lines[1], 6);
}

static void json_gives_prefix_span_and_reason(void **state)
{
	auto_blocklist struct blocklist list;

	assert_int_equal(
		parse(" [ {\"prefix\": \"192.0.2.7\", \"for\": \"10m\", \"reason\": \"}{\\\"\"},\n"
		      "{\"prefix\": \"198.51.100.0/24\", \"for\": 90}]\n",
		      &list),
		0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.bans[0].reason, "}{\"");
	assert_int_equal(list.bans[0].until_ns, 1000 + 600 * NS_PER_SEC);
	assert_int_equal(list.bans[1].until_ns, 1000 + 90 * NS_PER_SEC);
	assert_int_equal(list.lines[1], 2);
}

static void an_empty_array_and_an_empty_text_are_no_bans(void **state)
{
	auto_blocklist struct blocklist array;
	auto_blocklist struct blocklist text;

	assert_int_equal(parse("[]", &array), 0);
	assert_int_equal(parse("", &text), 0);
	assert_int_equal(array.count + array.refused + text.count + text.refused, 0);
}

static void a_json_entry_that_is_wrong_is_refused_alone(void **state)
{
	auto_blocklist struct blocklist list;

	assert_int_equal(parse("[{\"prefix\": 7}, {\"prefix\": \"192.0.2.7\", \"fro\": \"10m\"},\n"
			       "{\"prefix\": \"192.0.2.7\"}]",
			       &list),
			 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.refused, 2);
}

static void json_that_is_broken_is_refused_whole(void **state)
{
	static const char *const broken[] = {
		"[",
		"[1]",
		"[{}",
		"[{},]",
		"[{}{}]",
		"[{}] x",
		"[[{}]]",
		"[,]",
		"[]]",
		"[{\"prefix\": \"}",
		"[\"192.0.2.7\"]",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		auto_blocklist struct blocklist list;

		assert_int_equal(parse(broken[i], &list), -EINVAL);
	}
}

static void an_element_longer_than_its_limit_is_broken(void **state)
{
	auto_buffer struct buffer text = buffer_new(3 * BLOCKLIST_ELEMENT_MAX);
	auto_blocklist struct blocklist list = {0};

	buffer_add_text(&text, "[{\"prefix\": \"192.0.2.7\", \"reason\": \"");
	while (text.len < BLOCKLIST_ELEMENT_MAX + 10)
		buffer_add_text(&text, "x");
	buffer_add_text(&text, "\"}]");
	assert_int_equal(blocklist_parse((struct bytes){text.at, text.len}, &defaults, &list),
			 -EINVAL);
}

static void every_prefix_of_a_good_list_ends_without_a_crash(void **state)
{
	static const char good[] =
		"[{\"prefix\": \"192.0.2.7\", \"for\": \"10m\", \"reason\": \"a\\\\\\\"b\"}]";

	for (size_t len = 0; len < sizeof(good) - 1; len++) {
		auto_blocklist struct blocklist list = {0};
		char *exact = test_malloc(len ? len : 1);

		memcpy(exact, good, len);
		assert_int_equal(blocklist_parse((struct bytes){exact, len}, &defaults, &list),
				 len ? -EINVAL : 0);
		test_free(exact);
	}
}

static void problems_beyond_those_kept_are_still_counted(void **state)
{
	auto_blocklist struct blocklist list = {0};

	for (uint32_t i = 0; i < BLOCKLIST_PROBLEMS_MAX + 5; i++)
		blocklist_refuse(&list, i, "no");
	assert_int_equal(list.problem_count, BLOCKLIST_PROBLEMS_MAX);
	assert_int_equal(list.refused, BLOCKLIST_PROBLEMS_MAX + 5);
}

static void more_entries_than_the_limit_are_too_many(void **state)
{
	auto_buffer struct buffer text = buffer_new(64u << 20);
	auto_blocklist struct blocklist list = {0};

	for (int i = 0; i < BLOCKLIST_MAX; i++)
		buffer_add_text(&text, "192.0.2.7\n");
	assert_int_equal(blocklist_parse((struct bytes){text.at, text.len}, &defaults, &list), 0);
	assert_int_equal(list.count, BLOCKLIST_MAX);
	blocklist_free(&list);
	buffer_add_text(&text, "192.0.2.7\n");
	assert_int_equal(blocklist_parse((struct bytes){text.at, text.len}, &defaults, &list),
			 -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_addresses_prefixes_and_spans),
		cmocka_unit_test(comments_blank_lines_and_dos_line_ends_are_nothing),
		cmocka_unit_test(a_line_that_is_wrong_is_refused_by_number_and_the_others_are_not),
		cmocka_unit_test(json_gives_prefix_span_and_reason),
		cmocka_unit_test(an_empty_array_and_an_empty_text_are_no_bans),
		cmocka_unit_test(a_json_entry_that_is_wrong_is_refused_alone),
		cmocka_unit_test(json_that_is_broken_is_refused_whole),
		cmocka_unit_test(an_element_longer_than_its_limit_is_broken),
		cmocka_unit_test(every_prefix_of_a_good_list_ends_without_a_crash),
		cmocka_unit_test(problems_beyond_those_kept_are_still_counted),
		cmocka_unit_test(more_entries_than_the_limit_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
