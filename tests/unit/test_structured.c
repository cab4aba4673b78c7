/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/structured.h"
#include "message_input.h"

static struct sf_member item;

static bool parse(const char *text)
{
	return sf_item_parse(at_edge(bytes_of(text)), &item);
}

/* How many members, or -1 if it is no list. */
static int list_len(const char *text)
{
	struct bytes rest = at_edge(bytes_of(text));
	struct sf_member member;
	enum sf_result result;
	int count = 0;

	while ((result = sf_list_next(&rest, &member)) == SF_MEMBER)
		count++;
	return result == SF_BAD ? -1 : count;
}

static int dictionary_len(const char *text)
{
	struct bytes rest = at_edge(bytes_of(text));
	struct sf_member member;
	enum sf_result result;
	int count = 0;

	while ((result = sf_dictionary_next(&rest, &member)) == SF_MEMBER)
		count++;
	return result == SF_BAD ? -1 : count;
}

static void assert_number(const char *text, enum sf_type type, int64_t number)
{
	assert_true(parse(text));
	assert_int_equal(item.item.type, type);
	assert_int_equal(item.item.number, number);
}

static void numbers_have_the_range_of_the_rfc(void **state)
{
	static const char *const bad[] = {
		"",
		"-",
		"--1",
		"+1",
		"1.",
		"-1.",
		".5",
		"1.2345",
		"1.2.3",
		"1e3",
		"1 1",
		"- 1",
		"0x1",
		"1_000",
		"1000000000000000",
		"1234567890123.1",
		"1,",
		"9999999999999999",
		"1.5.",
		"\xd9\xa1",
	};

	assert_number("42", SF_INTEGER, 42);
	assert_number(" 42 ", SF_INTEGER, 42);
	assert_number("0", SF_INTEGER, 0);
	assert_number("-0", SF_INTEGER, 0);
	assert_number("00", SF_INTEGER, 0);
	assert_number("-42", SF_INTEGER, -42);
	assert_number("999999999999999", SF_INTEGER, 999999999999999);
	assert_number("-999999999999999", SF_INTEGER, -999999999999999);
	assert_number("4.5", SF_DECIMAL, 4500);
	assert_number("1.25", SF_DECIMAL, 1250);
	assert_number("-0.5", SF_DECIMAL, -500);
	assert_number("1.123", SF_DECIMAL, 1123);
	assert_number("999999999999.999", SF_DECIMAL, 999999999999999);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i]));
}

static void strings_are_printable_and_escape_two_bytes_only(void **state)
{
	static const char *const bad[] = {"\"",	      "\"a",  "a\"",	  "\"\\a\"",
					  "\"\\\"",   "\"\\", "\"\x7f\"", "\"\x1f\"",
					  "\"\xc3\"", "'a'",  "\"a\tb\"", "\"a\"b"};
	char out[64];

	assert_true(parse("\"hello \\\"world\\\\\""));
	assert_int_equal(item.item.type, SF_STRING);
	out[sf_string(&item.item, out)] = '\0';
	assert_string_equal(out, "hello \"world\\");
	assert_true(parse("\" ~\""));
	assert_true(parse("\"\""));
	assert_int_equal(sf_string(&item.item, out), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i]));
}

static void tokens_begin_with_a_letter_or_an_asterisk(void **state)
{
	assert_true(parse("foo123/456"));
	assert_int_equal(item.item.type, SF_TOKEN);
	assert_bytes(item.item.text, "foo123/456");
	assert_true(parse("*a:b!#$%&'*+-.^_`|~"));
	assert_true(parse("A"));
	assert_false(parse("_a"));
	assert_false(parse("a,b"));
	assert_false(parse("a\"b"));
	assert_false(parse("a(b"));
}

static void byte_sequences_are_base64(void **state)
{
	static const char *const bad[] = {
		":",   ":aGVsbG8=",   "aGVsbG8=:", ":a:",    ":aGVsb G8=:", ":_-a=:",
		":=:", ":aGVsbG8==:", ":aG=Vs:",   ":a===:", ":====:",	    ":aGVsbA=:"};
	char out[64];

	assert_true(parse(":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:"));
	assert_int_equal(item.item.type, SF_BYTES);
	out[sf_decode_bytes(&item.item, out)] = '\0';
	assert_string_equal(out, "pretend this is binary content.");
	assert_true(parse("::"));
	assert_int_equal(sf_decode_bytes(&item.item, out), 0);
	assert_true(parse(":aGVsbG8:"));
	assert_int_equal(sf_decode_bytes(&item.item, out), 5);
	assert_memory_equal(out, "hello", 5);
	assert_true(parse(":/+Ah:"));
	assert_int_equal(sf_decode_bytes(&item.item, out), 3);
	assert_memory_equal(out, "\xff\xe0\x21", 3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i]));
}

static void booleans_and_dates_are_marked(void **state)
{
	assert_number("?1", SF_BOOLEAN, 1);
	assert_number("?0", SF_BOOLEAN, 0);
	assert_false(parse("?"));
	assert_false(parse("?2"));
	assert_false(parse("?T"));
	assert_false(parse("?10"));
	assert_number("@1659578233", SF_DATE, 1659578233);
	assert_number("@-1", SF_DATE, -1);
	assert_false(parse("@1.5"));
	assert_false(parse("@"));
	assert_false(parse("@a"));
}

static void display_strings_are_utf_8(void **state)
{
	static const char *const bad[] = {
		"%\"a",
		"%a",
		"%\"%\"",
		"%\"%c\"",
		"%\"%C3%BC\"",
		"%\"%c3\"",
		"%\"%c3a\"",
		"%\"%ff\"",
		"%\"%c0%80\"",
		"%\"%e0%80%80\"",
		"%\"%ed%a0%80\"",
		"%\"%f4%90%80%80\"",
		"%\"%f0%80%80%80\"",
		"%\"\xc3\xbc\"",
		"%\"%bc\"",
		"%\"a\tb\"",
		"%\"%zz\"",
		"%\"%3\"",
		"%",
	};
	char out[64];

	assert_true(parse("%\"This is intended for display to %c3%bcsers.\""));
	assert_int_equal(item.item.type, SF_DISPLAY);
	out[sf_decode_display(&item.item, out)] = '\0';
	assert_string_equal(out, "This is intended for display to \xc3\xbcsers.");
	assert_true(parse("%\" ~%22%25%00\\\""));
	assert_true(parse("%\"%f0%90%80%80%c2%80%ee%80%80\""));
	assert_false(parse("%\"%f0%90%80\""));
	assert_true(parse("%\"%f4%8f%bf%bf%ed%9f%bf%e0%a0%80\""));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i]));
}

static void parameters_are_keys_with_bare_items(void **state)
{
	struct sf_bare value;
	struct bytes key;

	assert_true(parse("text/html;charset=utf-8; a;b=?0;a=2"));
	assert_bytes(item.item.text, "text/html");
	assert_true(sf_param_find(item.params, BYTES("a"), &value));
	assert_int_equal(value.number, 2);
	assert_true(sf_param_find(item.params, BYTES("b"), &value));
	assert_int_equal(value.number, 0);
	assert_false(sf_param_find(item.params, BYTES("c"), &value));
	assert_true(sf_param_next(&item.params, &key, &value));
	assert_bytes(key, "charset");
	assert_bytes(value.text, "utf-8");

	assert_false(parse("a;"));
	assert_false(parse("a;A"));
	assert_false(parse("a ;b"));
	assert_false(parse("a;b= 1"));
	assert_false(parse("a;b ="));
	assert_false(parse("a;b=(1)"));
	assert_false(parse("a;=1"));
	assert_false(parse("a;1"));
	assert_false(parse("a;\tb"));
}

/* The examples of RFC 9651 section 3.1. */
static void lists_are_those_of_the_rfc(void **state)
{
	assert_int_equal(list_len(""), 0);
	assert_int_equal(list_len("sugar, tea, rum"), 3);
	assert_int_equal(list_len("sugar,tea\t,\t rum  "), 3);
	assert_int_equal(list_len("(\"foo\" \"bar\"), (\"baz\"), (\"bat\" \"one\"), ()"), 4);
	assert_int_equal(list_len("(\"foo\"; a=1;b=2);lvl=5, (\"bar\" \"baz\");lvl=1"), 2);
	assert_int_equal(list_len("abc;a=1;b=2; c_4, (ghi;jk=4 l);q=\"9\";r=w"), 2);
	assert_int_equal(list_len("( 1  42 )"), 1);
	assert_int_equal(list_len("1,"), -1);
	assert_int_equal(list_len(",1"), -1);
	assert_int_equal(list_len("1,,2"), -1);
	assert_int_equal(list_len("1 2"), -1);
	assert_int_equal(list_len("(1"), -1);
	assert_int_equal(list_len("(1 "), -1);
	assert_int_equal(list_len("("), -1);
	assert_int_equal(list_len("(1,2)"), -1);
	assert_int_equal(list_len("(1\t2)"), -1);
	assert_int_equal(list_len("(\"a\"\"b\")"), -1);
	assert_int_equal(list_len("((1))"), -1);
	assert_int_equal(list_len("(1))"), -1);
}

/* The examples of RFC 9651 section 3.2. */
static void dictionaries_are_those_of_the_rfc(void **state)
{
	assert_int_equal(dictionary_len(""), 0);
	assert_int_equal(dictionary_len("en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:"), 2);
	assert_int_equal(dictionary_len("a=?0, b, c; foo=bar"), 3);
	assert_int_equal(dictionary_len("rating=1.5, feelings=(joy sadness)"), 2);
	assert_int_equal(dictionary_len("a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid"), 4);
	assert_int_equal(dictionary_len("*a_-.1=1, z=1, a0z9"), 3);
	assert_int_equal(dictionary_len("a=1,"), -1);
	assert_int_equal(dictionary_len("A=1"), -1);
	assert_int_equal(dictionary_len("a =1"), -1);
	assert_int_equal(dictionary_len("a= 1"), -1);
	assert_int_equal(dictionary_len("a="), -1);
	assert_int_equal(dictionary_len("=1"), -1);
	assert_int_equal(dictionary_len("1=1"), -1);
	assert_int_equal(dictionary_len("a=1 b=2"), -1);
	assert_int_equal(dictionary_len("a=1;b=2,,c"), -1);
}

static void inner_lists_give_their_items(void **state)
{
	struct bytes rest = BYTES("(a;x=1 \"b\" 3);y");
	struct sf_member list;
	struct sf_member inner;

	assert_int_equal(sf_list_next(&rest, &list), SF_MEMBER);
	assert_true(list.is_inner_list);
	assert_true(sf_inner_next(&list.inner, &inner));
	assert_bytes(inner.item.text, "a");
	assert_bytes(inner.params, ";x=1");
	assert_true(sf_inner_next(&list.inner, &inner));
	assert_true(sf_inner_next(&list.inner, &inner));
	assert_int_equal(inner.item.number, 3);
	assert_false(sf_inner_next(&list.inner, &inner));
	assert_bytes(list.params, ";y");
}

static void a_dictionary_over_several_lines_is_one_and_its_last_key_counts(void **state)
{
	const struct fields *fields = fields_with(
		"CDN-Cache-Control: max-age=1, a\r\nX: y\r\nCDN-Cache-Control: max-age=2\r\n");
	struct sf_member member;

	assert_true(sf_dictionary_check(fields, FIELD_CDN_CACHE_CONTROL));
	assert_true(sf_dictionary_find(fields, FIELD_CDN_CACHE_CONTROL, BYTES("max-age"), &member));
	assert_int_equal(member.item.number, 2);
	assert_false(sf_dictionary_find(fields, FIELD_CDN_CACHE_CONTROL, BYTES("b"), &member));

	assert_false(
		sf_dictionary_check(fields_with("CDN-Cache-Control: a\r\nCDN-Cache-Control: A\r\n"),
				    FIELD_CDN_CACHE_CONTROL));
	assert_false(sf_dictionary_check(fields_with("CDN-Cache-Control:\r\n"),
					 FIELD_CDN_CACHE_CONTROL));
	assert_false(sf_dictionary_check(fields_with(""), FIELD_CDN_CACHE_CONTROL));
	assert_true(sf_list_check(fields_with("Cache-Groups: \"a\"\r\nCache-Groups: \"b\"\r\n"),
				  FIELD_CACHE_GROUPS));
	assert_false(sf_list_check(fields_with("Cache-Groups: \"a\r\nCache-Groups: b\"\r\n"),
				   FIELD_CACHE_GROUPS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_the_range_of_the_rfc),
		cmocka_unit_test(strings_are_printable_and_escape_two_bytes_only),
		cmocka_unit_test(tokens_begin_with_a_letter_or_an_asterisk),
		cmocka_unit_test(byte_sequences_are_base64),
		cmocka_unit_test(booleans_and_dates_are_marked),
		cmocka_unit_test(display_strings_are_utf_8),
		cmocka_unit_test(parameters_are_keys_with_bare_items),
		cmocka_unit_test(lists_are_those_of_the_rfc),
		cmocka_unit_test(dictionaries_are_those_of_the_rfc),
		cmocka_unit_test(inner_lists_give_their_items),
		cmocka_unit_test(a_dictionary_over_several_lines_is_one_and_its_last_key_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
