/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/duration.h"
#include "guarded.h"
#include "policy/http_limit.h"

#define HOUR_NS (3600 * NS_PER_SEC)
#define DAY_NS	(24 * HOUR_NS)

static struct http_rate good(const char *text)
{
	struct bytes rest = bytes_of(text);
	struct http_limit_error error = {.text = ""};
	struct http_rate rate = {0};

	assert_int_equal(http_limit_take(&rest, &rate, &error), 0);
	assert_int_equal(rest.len, 0);
	return rate;
}

static void assert_rate(const char *text, uint64_t count, uint64_t period_ns)
{
	struct http_rate rate = good(text);

	assert_int_equal(rate.count, count);
	assert_int_equal(rate.period_ns, period_ns);
	assert_int_equal(rate.burst, 0);
}

static void assert_bad(const char *text, size_t offset, const char *part)
{
	struct bytes rest = bytes_of(text);
	struct http_limit_error error;
	struct http_rate rate = {.count = 77};

	assert_int_equal(http_limit_take(&rest, &rate, &error), -EINVAL);
	assert_int_equal(error.offset, offset);
	assert_non_null(strstr(error.text, part));
	assert_int_equal(rate.count, 77);
	assert_ptr_equal(rest.at, text);
}

static void every_spelling_of_flask_limiter_is_read(void **state)
{
	assert_rate("100 per minute", 100, 60 * NS_PER_SEC);
	assert_rate("100/minute", 100, 60 * NS_PER_SEC);
	assert_rate("100 / minute", 100, 60 * NS_PER_SEC);
	assert_rate("5perminute", 5, 60 * NS_PER_SEC);
	assert_rate("5per3minutes", 5, 180 * NS_PER_SEC);
	assert_rate("5 PER 3 Minutes", 5, 180 * NS_PER_SEC);
	assert_rate("1 per 1 second", 1, NS_PER_SEC);
	assert_rate("10 per hour", 10, HOUR_NS);
	assert_rate("10 per days", 10, DAY_NS);
	assert_rate(" \t7/day ", 7, DAY_NS);
}

static void a_month_has_30_days_and_a_year_360(void **state)
{
	assert_rate("1 per month", 1, 30 * DAY_NS);
	assert_rate("1 per year", 1, 360 * DAY_NS);
}

static void zero_lets_nothing_in_and_is_no_error(void **state)
{
	assert_rate("0/second", 0, NS_PER_SEC);
}

static void a_burst_stands_behind_the_window(void **state)
{
	struct http_rate rate = good("5/second burst 20");

	assert_int_equal(rate.count, 5);
	assert_int_equal(rate.burst, 20);
	assert_int_equal(good("5/second").burst, 0);
}

static void several_limits_are_taken_one_by_one(void **state)
{
	struct bytes rest = BYTES("200 per day; 50 per hour,3/minute|1 per second");
	const uint64_t counts[] = {200, 50, 3, 1};
	struct http_limit_error error;
	struct http_rate rate;

	for (size_t i = 0; i < 4; i++) {
		assert_true(rest.len > 0);
		assert_int_equal(http_limit_take(&rest, &rate, &error), 0);
		assert_int_equal(rate.count, counts[i]);
	}
	assert_int_equal(rest.len, 0);
}

static void a_separator_with_nothing_behind_it_is_a_mistake(void **state)
{
	struct bytes rest = BYTES("1/second;");
	struct http_limit_error error;
	struct http_rate rate;

	assert_int_equal(http_limit_take(&rest, &rate, &error), 0);
	assert_int_equal(http_limit_take(&rest, &rate, &error), -EINVAL);
}

static void mistakes_are_told_with_their_place(void **state)
{
	assert_bad("ten per minute", 0, "expected a limit");
	assert_bad("10 minutes", 3, "expected `per` or `/`");
	assert_bad("10 per fortnight", 7, "\"fortnight\"");
	assert_bad("10 per", 6, "found the end");
	assert_bad("10 per 0 minutes", 7, "no limit");
	assert_bad("10 per minute bursts", 20, "found the end");
	assert_bad("10 per minute burst x", 20, "found \"x\"");
	assert_bad("10 per minute or so", 14, "\"or\"");
	assert_bad("10 per minute burst 3 4", 22, "\"4\"");
	assert_bad("0 per minute burst 3", 13, "has no burst");
	assert_bad("10 per minute burst 0", 14, "lets nothing in");
	assert_bad("1000000000001/day", 0, "more than");
	assert_bad("99999999999999999999999/day", 0, "more than");
	assert_bad("-1/day", 0, "expected a limit");
	assert_bad("", 0, "found the end");
}

static void a_window_is_at_most_ten_years(void **state)
{
	assert_rate("1 per 3650 days", 1, 3650 * DAY_NS);
	assert_bad("1 per 3651 days", 6, "ten years");
	assert_bad("1 per 4294967295 years", 6, "ten years");
}

static void a_burst_is_at_most_ten_years_worth(void **state)
{
	assert_int_equal(good("1/day burst 3649").burst, 3649);
	assert_bad("1/day burst 3651", 6, "ten years");
}

static void a_token_bucket_costs_a_nanosecond_at_least(void **state)
{
	assert_int_equal(good("1000000000/second burst 5").count, 1000000000);
	assert_bad("1000000001/second burst 5", 18, "nanosecond");
	assert_int_equal(good("1000000001/second").count, 1000000001);
}

static void what_is_written_reads_back_the_same(void **state)
{
	static const char *const texts[] = {"100 per minute", "5 per 3 minutes burst 20",
					    "0 per second", "1000000000000 per 9 years"};
	char text[HTTP_LIMIT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct http_rate rate = {0}, again;
		struct bytes rest = bytes_of(texts[i]);
		struct http_limit_error error;

		assert_int_equal(http_limit_take(&rest, &rate, &error), 0);
		assert_string_equal(http_limit_format(&rate, text), texts[i]);
		again = good(text);
		assert_memory_equal(&rate, &again, sizeof(rate));
	}
}

static void a_limit_is_called_by_what_it_lets_in(void **state)
{
	struct http_rate rate = good("100 per minute");
	char text[HTTP_LIMIT_TEXT_MAX];

	assert_string_equal(http_limit_name(&rate, text), "100-per-60s");
	rate = good("5/second burst 20");
	assert_string_equal(http_limit_name(&rate, text), "5-per-1s-burst-20");
}

static void no_prefix_reads_past_its_end(void **state)
{
	static const char text[] = "200 per 3 days burst 7; 50perhour";

	for (size_t len = 0; len < sizeof(text); len++) {
		struct guarded memory = guarded_copy((struct bytes){text, len});
		struct bytes rest = memory.text;
		struct http_limit_error error;
		struct http_rate rate;

		while (rest.len && !http_limit_take(&rest, &rate, &error))
			;
		guarded_free(&memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_flask_limiter_is_read),
		cmocka_unit_test(a_month_has_30_days_and_a_year_360),
		cmocka_unit_test(zero_lets_nothing_in_and_is_no_error),
		cmocka_unit_test(a_burst_stands_behind_the_window),
		cmocka_unit_test(several_limits_are_taken_one_by_one),
		cmocka_unit_test(a_separator_with_nothing_behind_it_is_a_mistake),
		cmocka_unit_test(mistakes_are_told_with_their_place),
		cmocka_unit_test(a_window_is_at_most_ten_years),
		cmocka_unit_test(a_burst_is_at_most_ten_years_worth),
		cmocka_unit_test(a_token_bucket_costs_a_nanosecond_at_least),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(a_limit_is_called_by_what_it_lets_in),
		cmocka_unit_test(no_prefix_reads_past_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
