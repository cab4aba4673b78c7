/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cache/cache_status.h"

static void assert_status(const struct cache_status *status, const char *want)
{
	char text[CACHE_STATUS_MAX];
	size_t len = cache_status_format(status, "Sluice", text);

	assert_int_equal(len, strlen(want));
	assert_memory_equal(text, want, len);
}

static void a_hit_tells_what_is_left_of_its_lifetime(void **state)
{
	struct cache_status hit = {.has_ttl = true, .ttl_s = 30};
	struct cache_status stale = {
		.has_ttl = true, .ttl_s = -5, .detail = "stale-while-revalidate"};

	assert_status(&hit, "Sluice; hit; ttl=30");
	assert_status(&stale, "Sluice; hit; ttl=-5; detail=stale-while-revalidate");
}

static void a_miss_tells_why_and_what_came_of_it(void **state)
{
	struct cache_status miss = {
		.forward = FORWARD_URI_MISS, .forward_status = 200, .is_stored = true};
	struct cache_status shared = {.forward = FORWARD_STALE, .is_collapsed = true};
	struct cache_status refused = {
		.forward = FORWARD_VARY_MISS, .forward_status = 200, .detail = "set-cookie"};

	assert_status(&miss, "Sluice; fwd=uri-miss; fwd-status=200; stored");
	assert_status(&shared, "Sluice; fwd=stale; collapsed");
	assert_status(&refused, "Sluice; fwd=vary-miss; fwd-status=200; detail=set-cookie");
}

static void a_hit_never_claims_to_be_stored_or_collapsed(void **state)
{
	struct cache_status hit = {.is_stored = true, .is_collapsed = true, .forward_status = 200};

	assert_status(&hit, "Sluice; hit");
}

static void numbers_reach_their_limits(void **state)
{
	struct cache_status least = {.has_ttl = true, .ttl_s = INT64_MIN};

	assert_status(&least, "Sluice; hit; ttl=-9223372036854775808");
}

static void a_detail_too_long_is_cut_to_fit(void **state)
{
	char detail[300], text[CACHE_STATUS_MAX];
	struct cache_status hit = {.detail = detail};

	memset(detail, 'x', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	assert_int_equal(cache_status_format(&hit, "Sluice", text), CACHE_STATUS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hit_tells_what_is_left_of_its_lifetime),
		cmocka_unit_test(a_miss_tells_why_and_what_came_of_it),
		cmocka_unit_test(a_hit_never_claims_to_be_stored_or_collapsed),
		cmocka_unit_test(numbers_reach_their_limits),
		cmocka_unit_test(a_detail_too_long_is_cut_to_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
