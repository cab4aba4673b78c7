/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/structured.h"
#include "message/structured_write.h"
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

static char written[512];

static void assert_written(struct sf_writer *out, const char *want)
{
	assert_false(out->failed);
	assert_bytes((struct bytes){out->at, out->len}, want);
	*out = sf_writer_of(written, sizeof(written));
}

static void fields_are_written_as_the_rfcs_show_them(void **state)
{
	struct sf_writer out = sf_writer_of(written, sizeof(written));

	sf_put_next(&out);
	sf_put_token(&out, BYTES("Sluice"));
	sf_put_param(&out, BYTES("hit"));
	sf_put_param(&out, BYTES("ttl"));
	sf_put_equals(&out);
	sf_put_integer(&out, -376);
	assert_written(&out, "Sluice;hit;ttl=-376");

	for (int i = 0; i < 2; i++) {
		sf_put_next(&out);
		sf_put_string(&out, i ? BYTES("a\\b\"c") : BYTES("burst"));
		sf_put_param(&out, BYTES("q"));
		sf_put_equals(&out);
		sf_put_integer(&out, 100);
	}
	assert_written(&out, "\"burst\";q=100, \"a\\\\b\\\"c\";q=100");

	sf_put_key(&out, BYTES("a"));
	sf_put_equals(&out);
	sf_put_open(&out);
	sf_put_boolean(&out, false);
	sf_put_space(&out);
	sf_put_date(&out, 7);
	sf_put_close(&out);
	assert_written(&out, "a=(?0 @7)");
}

static void numbers_bytes_and_display_strings_are_written(void **state)
{
	struct sf_writer out = sf_writer_of(written, sizeof(written));

	sf_put_decimal(&out, 0);
	assert_written(&out, "0.0");
	sf_put_decimal(&out, 999999999999999);
	assert_written(&out, "999999999999.999");
	sf_put_integer(&out, -999999999999999);
	assert_written(&out, "-999999999999999");
	sf_put_integer(&out, 999999999999999);
	assert_written(&out, "999999999999999");
	sf_put_key(&out, BYTES("*a_-.*9z"));
	assert_written(&out, "*a_-.*9z");
	sf_put_key(&out, BYTES("z"));
	assert_written(&out, "z");
	sf_put_decimal(&out, 1500);
	assert_written(&out, "1.5");
	sf_put_decimal(&out, -500);
	assert_written(&out, "-0.5");
	sf_put_decimal(&out, 2000);
	assert_written(&out, "2.0");
	sf_put_decimal(&out, 1);
	assert_written(&out, "0.001");
	sf_put_bytes(&out, at_edge(BYTES("hello")));
	assert_written(&out, ":aGVsbG8=:");
	sf_put_bytes(&out, at_edge(BYTES("hell")));
	assert_written(&out, ":aGVsbA==:");
	sf_put_bytes(&out, BYTES("hel"));
	assert_written(&out, ":aGVs:");
	sf_put_bytes(&out, BYTES(""));
	assert_written(&out, "::");
	sf_put_display(&out, BYTES(" ~\xc3\xbc%\"\n"));
	assert_written(&out, "%\" ~%c3%bc%25%22%0a\"");
	sf_put_string(&out, BYTES(" ~"));
	assert_written(&out, "\" ~\"");
}

static void what_a_type_does_not_have_is_not_written(void **state)
{
	struct sf_writer out;

	out = sf_writer_of(written, sizeof(written));
	sf_put_integer(&out, 1000000000000000);
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_decimal(&out, INT64_MIN);
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_string(&out, BYTES("a\nb"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_string(&out, BYTES("\xc3\xbc"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_token(&out, BYTES("1a"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_token(&out, BYTES("1"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_token(&out, BYTES("a b"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES("Key"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES("kEy"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES("1"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES(""));
	assert_true(out.failed);
}

static void a_writer_never_goes_beyond_its_room(void **state)
{
	struct sf_writer exact = sf_writer_of(written, strlen("abc;d=\"efgh\""));

	sf_put_token(&exact, BYTES("abc"));
	sf_put_param(&exact, BYTES("d"));
	sf_put_equals(&exact);
	sf_put_string(&exact, BYTES("efgh"));
	assert_written(&exact, "abc;d=\"efgh\"");

	for (size_t room = 0; room < 12; room++) {
		char small[12];
		struct sf_writer out = sf_writer_of(small, room);

		memset(small, '#', sizeof(small));
		sf_put_token(&out, BYTES("abc"));
		sf_put_param(&out, BYTES("d"));
		sf_put_equals(&out);
		sf_put_string(&out, BYTES("efgh"));
		assert_true(out.failed);
		for (size_t i = room; i < sizeof(small); i++)
			assert_int_equal(small[i], '#');
	}
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
		cmocka_unit_test(fields_are_written_as_the_rfcs_show_them),
		cmocka_unit_test(numbers_bytes_and_display_strings_are_written),
		cmocka_unit_test(what_a_type_does_not_have_is_not_written),
		cmocka_unit_test(a_writer_never_goes_beyond_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
