/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_fixture.h"

#include "limit/limit_fields.h"

#define UNIX_OFFSET (1700000000 * SECOND + 1)

static struct limit_shown shown_of(const char *name, uint64_t count, uint64_t window_s)
{
	return (struct limit_shown){
		.name = bytes_of(name),
		.spec = spec_of(LIMIT_SLIDING_WINDOW, count, window_s * SECOND),
		.view = {.remaining = count, .reset_ns = START},
	};
}

static struct limit_answer answer_of(const struct limit_shown *limits, unsigned n)
{
	return (struct limit_answer){limits, n, LIMIT_FIELDS_ALL, START, UNIX_OFFSET, 0};
}

static void writes(const struct limit_answer *answer, const char *expected)
{
	auto_buffer struct buffer out = buffer_new(4096);

	limit_fields_write(answer, &out);
	assert_int_equal(out.error, 0);
	assert_string_equal(out.at ? out.at : "", expected);
}

static void an_allowed_answer_says_what_is_left(void **state)
{
	struct limit_shown burst = shown_of("burst", 100, 60);
	struct limit_answer answer = answer_of(&burst, 1);

	burst.view = (struct limit_view){50, START + 29 * SECOND + 1, 0};
	writes(&answer,
	       "X-RateLimit-Limit: 100\r\nX-RateLimit-Remaining: 50\r\n"
	       "X-RateLimit-Reset: 1700001030\r\n"
	       "RateLimit-Policy: \"burst\";q=100;w=60\r\nRateLimit: \"burst\";r=50;t=30\r\n");
}

static void a_refused_answer_says_when_to_come_back(void **state)
{
	struct limit_shown limits[2] = {shown_of("5-per-1s", 5, 1), shown_of("20-per-60s", 20, 60)};
	struct limit_answer answer = answer_of(limits, 2);

	limits[0].refuses = limits[1].refuses = true;
	limits[0].view = (struct limit_view){0, START + 1, 1};
	limits[1].view = (struct limit_view){0, START + 10 * SECOND, 12 * SECOND + 1};
	answer.families = LIMIT_FIELDS_RETRY_AFTER | LIMIT_FIELDS_RATELIMIT;
	writes(&answer, "Retry-After: 13\r\n"
			"RateLimit-Policy: \"5-per-1s\";q=5;w=1, \"20-per-60s\";q=20;w=60\r\n"
			"RateLimit: \"5-per-1s\";r=0;t=1, \"20-per-60s\";r=0;t=10\r\n");
	assert_ptr_equal(limit_fields_choose(&answer), &limits[1]);
}

static void retry_after_is_at_least_one_second_and_a_window_for_never(void **state)
{
	struct limit_shown limit = shown_of("x", 5, 60);
	struct limit_answer answer = answer_of(&limit, 1);

	assert_int_equal(limit_fields_retry_s(&answer), 0);
	limit.refuses = true;
	assert_int_equal(limit_fields_retry_s(&answer), 1);
	limit.view.wait_ns = SECOND + 1;
	assert_int_equal(limit_fields_retry_s(&answer), 2);
	limit.view.wait_ns = LIMIT_NEVER;
	assert_int_equal(limit_fields_retry_s(&answer), 60);
}

static void the_least_remaining_is_shown_and_the_shorter_window_on_a_tie(void **state)
{
	struct limit_shown limits[3] = {shown_of("day", 10, 86400), shown_of("hour", 10, 3600),
					shown_of("second", 10, 1)};
	struct limit_answer answer = answer_of(limits, 3);

	limits[2].view.remaining = 9;
	assert_ptr_equal(limit_fields_choose(&answer), &limits[2]);
	limits[2].view.remaining = 11;
	assert_ptr_equal(limit_fields_choose(&answer), &limits[1]);
	limits[0].refuses = true;
	assert_ptr_equal(limit_fields_choose(&answer), &limits[0]);
}

static void a_dry_run_is_not_shown(void **state)
{
	struct limit_shown limits[2] = {shown_of("a", 10, 60), shown_of("b", 10, 60)};
	struct limit_answer answer = answer_of(limits, 2);

	limits[0].is_dry_run = limits[0].refuses = true;
	answer.families = LIMIT_FIELDS_RATELIMIT;
	writes(&answer, "RateLimit-Policy: \"b\";q=10;w=60\r\nRateLimit: \"b\";r=10;t=0\r\n");
	limits[1].is_dry_run = true;
	answer.families = LIMIT_FIELDS_ALL;
	writes(&answer, "");
}

static void a_token_bucket_shows_its_size_and_the_time_it_takes(void **state)
{
	struct limit_shown limit = shown_of("b", 10, 1);
	struct limit_answer answer = answer_of(&limit, 1);

	limit.spec.strategy = LIMIT_TOKEN_BUCKET;
	limit.spec.burst = 25;
	answer.families = LIMIT_FIELDS_RATELIMIT;
	writes(&answer, "RateLimit-Policy: \"b\";q=25;w=3\r\nRateLimit: \"b\";r=10;t=0\r\n");
}

static void a_name_cannot_leave_its_quotes(void **state)
{
	struct limit_shown limit = shown_of("a\"b\\c\r\nX: y\x80\x01", 1, 1);
	struct limit_answer answer = answer_of(&limit, 1);

	answer.families = LIMIT_FIELDS_RATELIMIT;
	writes(&answer, "RateLimit-Policy: \"a\\\"b\\\\cX: y\";q=1;w=1\r\n"
			"RateLimit: \"a\\\"b\\\\cX: y\";r=1;t=0\r\n");
}

static void the_problem_names_the_limits_that_refuse(void **state)
{
	struct limit_shown limits[4] = {shown_of("a", 1, 1), shown_of("b", 1, 1),
					shown_of("c", 1, 1), shown_of("d", 1, 1)};
	struct limit_answer answer = answer_of(limits, 4);
	auto_buffer struct buffer out = buffer_new(4096);

	limits[0].refuses = limits[2].refuses = limits[3].refuses = true;
	limits[3].is_dry_run = true;
	limit_problem_write(&answer, &out);
	assert_string_equal(out.at,
			    "{\"type\":\"https://iana.org/assignments/http-problem-types"
			    "#quota-exceeded\",\"title\":\"Request cannot be satisfied as assigned "
			    "quota has been exceeded\",\"status\":429,"
			    "\"violated-policies\":[\"a\",\"c\"]}\n");
}

static void the_longest_answer_fits_what_is_reserved(void **state)
{
	struct limit_shown limits[4];
	struct limit_answer answer = answer_of(limits, 4);
	char name[97];

	memset(name, '"', 96);
	name[96] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		limits[i] = shown_of(name, UINT64_MAX, 1);
		limits[i].spec.window_ns = UINT64_MAX;
		limits[i].refuses = true;
		limits[i].view = (struct limit_view){UINT64_MAX, UINT64_MAX, UINT64_MAX - 1};
	}
	for (size_t before = 0; before < 2048; before++) {
		auto_buffer struct buffer out = buffer_new(8192);

		out.error = buffer_reserve(&out, before);
		memset(out.at, 'x', before);
		out.len = before;
		limit_fields_write(&answer, &out);
		assert_int_equal(out.error, 0);
		assert_int_equal(strlen(out.at), out.len);
		assert_memory_equal(out.at + out.len - 2, "\r\n", 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowed_answer_says_what_is_left),
		cmocka_unit_test(a_refused_answer_says_when_to_come_back),
		cmocka_unit_test(retry_after_is_at_least_one_second_and_a_window_for_never),
		cmocka_unit_test(the_least_remaining_is_shown_and_the_shorter_window_on_a_tie),
		cmocka_unit_test(a_dry_run_is_not_shown),
		cmocka_unit_test(a_token_bucket_shows_its_size_and_the_time_it_takes),
		cmocka_unit_test(a_name_cannot_leave_its_quotes),
		cmocka_unit_test(the_longest_answer_fits_what_is_reserved),
		cmocka_unit_test(the_problem_names_the_limits_that_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
