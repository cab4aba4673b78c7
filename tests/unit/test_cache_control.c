/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/cache_control.h"
#include "message_input.h"

static struct cache_control says(const char *lines)
{
	return cache_control_read(fields_with(lines), FIELD_CACHE_CONTROL);
}

static void a_message_without_the_field_says_nothing(void **state)
{
	struct cache_control nothing = CACHE_CONTROL_NONE;
	struct cache_control got = says("");

	assert_int_equal(got.max_age, SECONDS_ABSENT);
	assert_int_equal(got.min_fresh, SECONDS_ABSENT);
	assert_false(got.no_store);
	assert_int_equal(got.max_age, nothing.max_age);
	got = says("Cache-Control: unknown, x=\"max-age=5, no-store\"\r\n");
	assert_int_equal(got.max_age, SECONDS_ABSENT);
	assert_false(got.no_store);
}

static void every_directive_is_read_in_any_case_and_on_any_line(void **state)
{
	struct cache_control got =
		says("Cache-Control: MAX-AGE=1, s-maxage=\"2\", Stale-While-Revalidate=3\r\n"
		     "cache-control: stale-if-error=4,max-stale=5,min-fresh=6,no-store,NO-CACHE\r\n"
		     "Cache-Control: private, public, must-revalidate, proxy-revalidate\r\n"
		     "Cache-Control: must-understand, no-transform, immutable, only-if-cached\r\n");

	assert_int_equal(got.max_age, 1);
	assert_int_equal(got.s_maxage, 2);
	assert_int_equal(got.stale_while_revalidate, 3);
	assert_int_equal(got.stale_if_error, 4);
	assert_int_equal(got.max_stale, 5);
	assert_int_equal(got.min_fresh, 6);
	assert_true(got.no_store && got.no_cache && got.is_private && got.is_public);
	assert_true(got.must_revalidate && got.proxy_revalidate && got.must_understand);
	assert_true(got.no_transform && got.immutable && got.only_if_cached);
}

static void seconds_saturate_and_broken_ones_are_bad_not_absent(void **state)
{
	static const struct {
		const char *line;
		int64_t seconds;
	} rows[] = {
		{"Cache-Control: max-age=0\r\n", 0},
		{"Cache-Control: max-age=003600\r\n", 3600},
		{"Cache-Control: max-age=2147483648\r\n", DELTA_SECONDS_MAX},
		{"Cache-Control: max-age=99999999999999999999999\r\n", DELTA_SECONDS_MAX},
		{"Cache-Control: max-age\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=\"\"\r\n", SECONDS_BAD},
		{"Cache-Control: max-age='3600'\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=-1\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=1.5\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=a1\r\n", SECONDS_BAD},
		{"Cache-Control: max-age =1\r\n", SECONDS_BAD},
		{"Cache-Control: max-age= 1\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=\"1\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=1\"\r\n", SECONDS_BAD},
		{"Cache-Control: max-age=\"\r\n", SECONDS_BAD},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(says(rows[i].line).max_age, rows[i].seconds);
}

static void max_stale_without_an_argument_is_however_stale(void **state)
{
	assert_int_equal(says("Cache-Control: max-stale\r\n").max_stale, DELTA_SECONDS_MAX);
	assert_int_equal(says("Cache-Control: max-stale=\r\n").max_stale, SECONDS_BAD);
}

static void of_several_the_most_restrictive_counts(void **state)
{
	assert_int_equal(says("Cache-Control: max-age=5, max-age=3\r\n").max_age, 3);
	assert_int_equal(says("Cache-Control: max-age=3\r\nCache-Control: max-age=5\r\n").max_age,
			 3);
	assert_int_equal(says("Cache-Control: max-age=x, max-age=5\r\n").max_age, SECONDS_BAD);
	assert_int_equal(says("Cache-Control: max-age=5, max-age=x\r\n").max_age, SECONDS_BAD);
}

static void field_names_of_no_cache_and_private_are_kept(void **state)
{
	struct cache_control got =
		says("Cache-Control: no-cache=\"Set-Cookie, X-A\", private=X-B\r\n");

	assert_true(got.no_cache);
	assert_bytes(got.no_cache_fields, "Set-Cookie, X-A");
	assert_bytes(got.private_fields, "X-B");
	got = says("Cache-Control: no-cache=\"a\", no-cache\r\n");
	assert_true(got.no_cache);
	assert_int_equal(got.no_cache_fields.len, 0);
	got = says("Cache-Control: private =\"a\"\r\n");
	assert_true(got.is_private);
	assert_int_equal(got.private_fields.len, 0);
}

static void quotes_hide_directives_from_a_reader(void **state)
{
	assert_int_equal(says("Cache-Control: extension=\"max-age=3600\", max-age=1\r\n").max_age,
			 1);
	assert_int_equal(says("Cache-Control: a=\"\\\", max-age=9\", max-age=1\r\n").max_age, 1);
}

static void a_targeted_field_is_a_dictionary_and_ignored_whole_if_it_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"CDN-Cache-Control:\r\n",
		"CDN-Cache-Control: max-age=1,\r\n",
		"CDN-Cache-Control: Max-Age=1\r\n",
		"CDN-Cache-Control: max-age=1;\r\n",
		"CDN-Cache-Control: max-age=1, a b\r\n",
		"CDN-Cache-Control: max-age=\r\n",
	};
	struct cache_control got = {.max_age = 77};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cache_control_read_targeted(fields_with(bad[i]),
							 FIELD_CDN_CACHE_CONTROL, &got));
	assert_int_equal(got.max_age, 77);
}

static void a_targeted_field_is_read_by_type(void **state)
{
	static const struct {
		const char *lines;
		int64_t max_age;
	} rows[] = {
		{"CDN-Cache-Control: max-age=60;x=y\r\n", 60},
		{"CDN-Cache-Control: max-age=5, max-age=60\r\n", 60},
		{"CDN-Cache-Control: max-age=5\r\nCDN-Cache-Control: max-age=60\r\n", 60},
		{"CDN-Cache-Control: max-age=999999999999999\r\n", DELTA_SECONDS_MAX},
		{"CDN-Cache-Control: max-age=0\r\n", 0},
		{"CDN-Cache-Control: max-age=-1\r\n", SECONDS_BAD},
		{"CDN-Cache-Control: max-age=1.5\r\n", SECONDS_BAD},
		{"CDN-Cache-Control: max-age=\"60\"\r\n", SECONDS_BAD},
		{"CDN-Cache-Control: max-age=(60)\r\n", SECONDS_BAD},
		{"CDN-Cache-Control: max-age\r\n", SECONDS_BAD},
		{"CDN-Cache-Control: x=\"max-age=60\"\r\n", SECONDS_ABSENT},
	};
	struct cache_control got;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(cache_control_read_targeted(fields_with(rows[i].lines),
							FIELD_CDN_CACHE_CONTROL, &got));
		assert_int_equal(got.max_age, rows[i].max_age);
	}
	assert_true(cache_control_read_targeted(
		fields_with("CDN-Cache-Control: no-store=?0, immutable, private=\"a\", "
			    "no-cache=?0\r\n"),
		FIELD_CDN_CACHE_CONTROL, &got));
	assert_false(got.no_store || got.no_cache);
	assert_true(got.immutable && got.is_private);
	assert_bytes(got.private_fields, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_without_the_field_says_nothing),
		cmocka_unit_test(every_directive_is_read_in_any_case_and_on_any_line),
		cmocka_unit_test(seconds_saturate_and_broken_ones_are_bad_not_absent),
		cmocka_unit_test(max_stale_without_an_argument_is_however_stale),
		cmocka_unit_test(of_several_the_most_restrictive_counts),
		cmocka_unit_test(field_names_of_no_cache_and_private_are_kept),
		cmocka_unit_test(quotes_hide_directives_from_a_reader),
		cmocka_unit_test(a_targeted_field_is_a_dictionary_and_ignored_whole_if_it_is_none),
		cmocka_unit_test(a_targeted_field_is_read_by_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
