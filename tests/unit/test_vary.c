/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/vary.h"
#include "message_input.h"

/* A response with these lines, in memory of its own: the request is parsed into the usual one. */
static const struct fields *response_lines(const char *lines)
{
	static struct response_head head;
	static char text[1024];
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t scanned = 0;
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", lines);

	assert_int_equal(
		head_parse_response((struct bytes){text, (size_t)len}, &limits, &scanned, &head),
		MESSAGE_DONE);
	return &head.fields;
}

/* The selector of a response with this Vary to a request with these lines, as text. */
static const char *select_text(const char *vary_lines, const char *request_lines)
{
	static char room[VARY_SELECTOR_MAX], text[VARY_SELECTOR_MAX + 1];
	struct bytes selector = {NULL, 0};

	switch (vary_select(response_lines(vary_lines), fields_with(request_lines), room,
			    &selector)) {
	case VARY_NONE:
		return "none";
	case VARY_ANY:
		return "any";
	case VARY_BAD:
		return "bad";
	case VARY_SELECTED:
		break;
	}
	memcpy(text, selector.at, selector.len);
	text[selector.len] = '\0';
	return text;
}

static bool matches(const char *selector, const char *request_lines)
{
	return vary_matches(bytes_of(selector), fields_with(request_lines));
}

static void a_selector_names_each_field_once_in_small_letters(void **state)
{
	assert_string_equal(select_text("", "A: 1\r\n"), "none");
	assert_string_equal(select_text("Vary: A, b, a\r\n", "A: 1\r\n"), "a:1\nb\n");
	assert_string_equal(select_text("Vary: A\r\nVary: B\r\n", "B: x\r\nA: y\r\n"),
			    "a:y\nb:x\n");
	assert_string_equal(select_text("Vary: ,\r\n", ""), "none");
}

static void a_star_anywhere_matches_nothing(void **state)
{
	assert_string_equal(select_text("Vary: *\r\n", ""), "any");
	assert_string_equal(select_text("Vary: A, *\r\n", ""), "any");
	assert_string_equal(select_text("Vary: A\r\nVary: *\r\n", ""), "any");
}

static void what_is_no_name_is_bad_and_so_is_the_17th(void **state)
{
	assert_string_equal(select_text("Vary: a b\r\n", ""), "bad");
	assert_string_not_equal(select_text("Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n", ""),
				"bad");
	assert_string_equal(select_text("Vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n", ""), "bad");
}

static void a_value_longer_than_a_selector_is_bad(void **state)
{
	char line[VARY_SELECTOR_MAX + 8], selector[VARY_SELECTOR_MAX];

	/* "a:" value LF fills the selector to the last byte. */
	snprintf(line, sizeof(line), "a: %0*d\r\n", VARY_SELECTOR_MAX - 3, 0);
	assert_int_equal(strlen(select_text("Vary: a\r\n", line)), VARY_SELECTOR_MAX);
	snprintf(line, sizeof(line), "a: %0*d\r\n", VARY_SELECTOR_MAX - 2, 0);
	assert_string_equal(select_text("Vary: a\r\n", line), "bad");
	memcpy(selector, "a:1\n", 4);
	assert_false(vary_matches((struct bytes){selector, 4}, fields_with(line)));
}

static void only_the_same_values_match(void **state)
{
	assert_true(matches("x:1\n", "X: 1\r\n"));
	assert_false(matches("x:1\n", "X: 2\r\n"));
	assert_false(matches("x:1\n", "X: 11\r\n"));
	assert_false(matches("x:1\n", ""));
	assert_true(matches("x\n", "Y: 1\r\n"));
	assert_false(matches("x\n", "X:\r\n"));
	assert_true(matches("x:\n", "X:\r\n"));
	assert_false(matches("x:1\ny:2\n", "X: 1\r\n"));
	assert_true(matches("x:1\ny:2\n", "Y: 2\r\nX: 1\r\n"));
	assert_true(matches("", "Y: 2\r\n"));
}

static void unknown_fields_differ_by_every_byte_but_not_by_their_lines(void **state)
{
	assert_string_equal(select_text("Vary: Foo\r\n", "Foo: 1\r\nFoo: 2\r\n"), "foo:1, 2\n");
	assert_string_equal(select_text("Vary: Foo\r\n", "Foo: 1, 2\r\n"), "foo:1, 2\n");
	assert_string_equal(select_text("Vary: Foo\r\n", "Foo: 1,2\r\n"), "foo:1,2\n");
	assert_string_equal(select_text("Vary: Foo\r\n", "Foo: A\r\n"), "foo:A\n");
	assert_string_equal(select_text("Vary: Cookie\r\n", "Cookie: a=1; b=2\r\n"),
			    "cookie:a=1; b=2\n");
}

static void known_lists_are_normalised_as_far_as_their_meaning_goes(void **state)
{
	assert_string_equal(select_text("Vary: Accept\r\n", "Accept: text/HTML , */*;q=0.1\r\n"),
			    "accept:text/HTML,*/*;q=0.1\n");
	assert_string_equal(
		select_text("Vary: Accept-Language\r\n", "Accept-Language: EN , de ; q = 0.5\r\n"),
		"accept-language:de;q=0.5,en\n");
	assert_string_equal(select_text("Vary: Accept-Language\r\n", "Accept-Language: en, de\r\n"),
			    "accept-language:de,en\n");
	assert_string_equal(
		select_text("Vary: Accept-Encoding\r\n",
			    "Accept-Encoding: gzip, BR\r\nAccept-Encoding:, deflate ;q=0\r\n"),
		"accept-encoding:br,deflate;q=0,gzip\n");
}

/* The normal form of one language range with these parameters. */
static const char *language(const char *parameters)
{
	static char line[128];

	snprintf(line, sizeof(line), "Accept-Language: en%s\r\n", parameters);
	return select_text("Vary: Accept-Language\r\n", line);
}

static void weights_that_say_the_same_are_spelled_the_same(void **state)
{
	assert_string_equal(language(";q=0.50"), "accept-language:en;q=0.5\n");
	assert_string_equal(language("; Q=0.500"), "accept-language:en;q=0.5\n");
	assert_string_equal(language(";q=0.05"), "accept-language:en;q=0.05\n");
	assert_string_equal(language(";q=0.0"), "accept-language:en;q=0\n");
	assert_string_equal(language(";q=0."), "accept-language:en;q=0\n");
	assert_string_equal(language(";q=0"), "accept-language:en;q=0\n");
	assert_string_equal(language(";q=1"), "accept-language:en\n");
	assert_string_equal(language(";q=1.000"), "accept-language:en\n");
	assert_string_equal(language(";q=1."), "accept-language:en\n");
}

static void what_is_no_weight_is_left_as_it_is(void **state)
{
	assert_string_equal(language(";q="), "accept-language:en;q=\n");
	assert_string_equal(language(";q=0.5000"), "accept-language:en;q=0.5000\n");
	assert_string_equal(language(";q=0,5"), "accept-language:5,en;q=0\n");
	assert_string_equal(language(";q=x"), "accept-language:en;q=x\n");
	assert_string_equal(language(";q=10"), "accept-language:en;q=10\n");
	assert_string_equal(language(";q=-1"), "accept-language:en;q=-1\n");
	assert_string_equal(language(";q=1.0;x"), "accept-language:en;q=1.0;x\n");
	assert_string_equal(language(";"), "accept-language:en;\n");
}

/* Whoever builds a key from a declared header lends more room than a selector has. */
static void a_value_that_is_too_long_to_be_sorted_is_left_in_its_order(void **state)
{
	static char line[9000], room[8192];
	struct vary_value value = {.at = room, .room = sizeof(room)};

	snprintf(line, sizeof(line), "Accept-Encoding: %0*d,a\r\n", 8000, 0);
	assert_true(vary_normalise(fields_with(line), BYTES("accept-encoding"), &value));
	assert_int_equal(value.len, 8002);
	assert_int_equal(room[0], '0');
	assert_int_equal(room[8001], 'a');
}

static void a_long_list_of_codings_is_left_in_its_order(void **state)
{
	assert_string_equal(select_text("Vary: Accept-Encoding\r\n",
					"Accept-Encoding: q,p,o,n,m,l,k,j,i,h,g,"
					"f,e,d,c,b,a\r\n"),
			    "accept-encoding:q,p,o,n,m,l,k,j,i,h,g,f,e,d,c,b,a\n");
	assert_string_equal(select_text("Vary: Accept-Encoding\r\n",
					"Accept-Encoding: p,o,n,m,l,k,j,i,h,g,f,e,d,c,b,a\r\n"),
			    "accept-encoding:a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selector_names_each_field_once_in_small_letters),
		cmocka_unit_test(a_star_anywhere_matches_nothing),
		cmocka_unit_test(what_is_no_name_is_bad_and_so_is_the_17th),
		cmocka_unit_test(a_value_longer_than_a_selector_is_bad),
		cmocka_unit_test(only_the_same_values_match),
		cmocka_unit_test(unknown_fields_differ_by_every_byte_but_not_by_their_lines),
		cmocka_unit_test(known_lists_are_normalised_as_far_as_their_meaning_goes),
		cmocka_unit_test(weights_that_say_the_same_are_spelled_the_same),
		cmocka_unit_test(what_is_no_weight_is_left_as_it_is),
		cmocka_unit_test(a_value_that_is_too_long_to_be_sorted_is_left_in_its_order),
		cmocka_unit_test(a_long_list_of_codings_is_left_in_its_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
