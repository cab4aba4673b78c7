/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_fixture.h"

#include "limit/token_bucket.h"

static struct limit_spec bucket_of(uint64_t count, uint64_t window_ns, uint64_t burst)
{
	struct limit_spec spec = spec_of(LIMIT_TOKEN_BUCKET, count, window_ns);

	spec.burst = burst;
	return spec;
}

static bool let_in(struct token_bucket *bucket, const struct limit_spec *spec, uint64_t cost,
		   uint64_t now_ns)
{
	if (!token_bucket_fits(bucket, spec, cost, now_ns))
		return false;
	token_bucket_take(bucket, spec, cost, now_ns);
	return true;
}

static void from_rest_exactly_the_burst_passes(void **state)
{
	struct limit_spec spec = bucket_of(10, SECOND, 20);
	struct token_bucket bucket = {0};

	for (uint64_t i = 20; i; i--) {
		assert_int_equal(token_bucket_view(&bucket, &spec, 1, START).remaining, i);
		assert_true(let_in(&bucket, &spec, 1, START));
	}
	assert_false(let_in(&bucket, &spec, 1, START + SECOND / 10 - 1));
	assert_true(let_in(&bucket, &spec, 1, START + SECOND / 10));
}

static void the_wait_is_over_when_the_cost_fits_and_not_1ns_sooner(void **state)
{
	struct limit_spec spec = bucket_of(3, SECOND, 7);
	struct token_bucket bucket = {0};
	uint64_t wait_ns;

	assert_true(let_in(&bucket, &spec, 6, START));
	wait_ns = token_bucket_view(&bucket, &spec, 5, START).wait_ns;
	assert_false(token_bucket_fits(&bucket, &spec, 5, START + wait_ns - 1));
	assert_true(token_bucket_fits(&bucket, &spec, 5, START + wait_ns));
	assert_int_equal(token_bucket_view(&bucket, &spec, 8, START).wait_ns, LIMIT_NEVER);
}

static void the_largest_numbers_do_not_wrap(void **state)
{
	struct limit_spec spec = bucket_of(1, LIMIT_WINDOW_MAX, LIMIT_COUNT_MAX);
	struct token_bucket bucket = {0};

	assert_true(let_in(&bucket, &spec, 1, START));
	assert_false(let_in(&bucket, &spec, 1, START));
	assert_false(let_in(&bucket, &spec, UINT64_MAX, START));
	spec = bucket_of(LIMIT_COUNT_MAX, 1, LIMIT_COUNT_MAX);
	bucket.full_at_ns = 0;
	assert_true(let_in(&bucket, &spec, LIMIT_COUNT_MAX, START));
	assert_false(let_in(&bucket, &spec, 1, START));
}

static void a_count_of_zero_lets_nothing_in(void **state)
{
	struct limit_spec spec = bucket_of(0, SECOND, 20);
	struct token_bucket bucket = {0};

	assert_false(let_in(&bucket, &spec, 1, START));
	assert_int_equal(token_bucket_view(&bucket, &spec, 1, START).remaining, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_rest_exactly_the_burst_passes),
		cmocka_unit_test(the_wait_is_over_when_the_cost_fits_and_not_1ns_sooner),
		cmocka_unit_test(the_largest_numbers_do_not_wrap),
		cmocka_unit_test(a_count_of_zero_lets_nothing_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
