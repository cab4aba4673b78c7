/* SPDX-License-Identifier: BSD-2-Clause */
/* Lifetimes and ages: how long a response is fresh. */
#include "freshness_fixture.h"

static void fresh_until_its_lifetime_is_over_and_not_1ns_longer(void **state)
{
	struct response_facts resp = max_age(60);

	assert_int_equal(after(&resp, 60 * SEC - 1), FRESHNESS_FRESH);
	assert_int_equal(after(&resp, 60 * SEC), FRESHNESS_EXPIRED);
}

static void s_maxage_goes_before_max_age_and_max_age_before_expires(void **state)
{
	struct response_facts resp = max_age(60);

	resp.expires = (struct maybe_time){true, true, UNIX + 300};
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 60);
	resp.says.s_maxage = 10;
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 10);
	resp.says.s_maxage = resp.says.max_age = SECONDS_ABSENT;
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 300);
}

static void expires_counts_from_date_or_else_from_receipt(void **state)
{
	struct response_facts resp = response();

	resp.expires = (struct maybe_time){true, true, UNIX + 100};
	resp.date.unix_s = UNIX - 50;
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 150);
	resp.date.is_given = false;
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 100);
	resp.expires.unix_s = UNIX - 1;
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 0);
}

static void what_cannot_be_read_is_stale_at_once_and_explicit(void **state)
{
	struct response_facts resp = max_age(SECONDS_BAD), zero = response();
	struct route_rules rules = no_rules;

	rules.has_lifetime = true;
	rules.lifetime_s = 60;
	zero.expires = (struct maybe_time){.is_given = true}; /* "Expires: 0" */
	assert_int_equal(of(&resp, &rules).lifetime_s, 0);
	assert_int_equal(of(&resp, &rules).source, LIFETIME_EXPLICIT);
	assert_int_equal(of(&zero, &rules).lifetime_s, 0);
	assert_int_equal(of(&zero, &rules).source, LIFETIME_EXPLICIT);
}

static void a_targeted_field_makes_cache_control_and_expires_irrelevant(void **state)
{
	struct response_facts resp = max_age(60);

	resp.says.no_cache = true;
	resp.expires = (struct maybe_time){true, true, UNIX + 100};
	resp.has_targeted[TARGETED_CDN] = true;
	resp.targeted[TARGETED_CDN] = CACHE_CONTROL_NONE;
	assert_int_equal(of(&resp, &no_rules).source, LIFETIME_NONE);
	resp.targeted[TARGETED_CDN].max_age = 5;
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 5);
	assert_false(of(&resp, &no_rules).no_cache);

	resp.has_targeted[TARGETED_SLUICE] = true;
	resp.targeted[TARGETED_SLUICE] = CACHE_CONTROL_NONE;
	resp.targeted[TARGETED_SLUICE].max_age = 7;
	assert_int_equal(of(&resp, &no_rules).lifetime_s, 7);
}

static void the_policys_lifetime_is_for_answers_that_say_nothing(void **state)
{
	static const unsigned covered[] = {200, 203, 301, 308, 404, 410};
	static const unsigned not_covered[] = {201, 204, 302, 307, 403, 500, 503};
	struct response_facts resp = response();
	struct route_rules rules = no_rules;

	rules.has_lifetime = true;
	rules.lifetime_s = 60;
	for (size_t i = 0; i < sizeof(covered) / sizeof(*covered); i++) {
		resp.status = covered[i];
		assert_int_equal(of(&resp, &rules).source, LIFETIME_POLICY);
		assert_int_equal(of(&resp, &rules).lifetime_s, 60);
	}
	for (size_t i = 0; i < sizeof(not_covered) / sizeof(*not_covered); i++) {
		resp.status = not_covered[i];
		assert_int_equal(of(&resp, &rules).source, LIFETIME_NONE);
	}
	resp = max_age(5);
	assert_int_equal(of(&resp, &rules).lifetime_s, 5);
}

/* A route whose own lifetime `covers` this status, or all but this. */
static struct route_rules covering(enum covered_statuses covers, unsigned status)
{
	struct route_rules rules = no_rules;

	rules.has_lifetime = true;
	rules.covers = (uint8_t)covers;
	rules.status[(status - 100) / 64] = 1ull << (status - 100) % 64;
	return rules;
}

static enum lifetime_source source_of(unsigned status, const struct route_rules *rules)
{
	struct response_facts resp = response();

	resp.status = status;
	return (enum lifetime_source)of(&resp, rules).source;
}

static void a_routes_own_statuses_replace_the_usual_ones(void **state)
{
	static const unsigned named[] = {200, 404, 500, 599};

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
		struct route_rules rules = covering(COVERED_ONLY, named[i]);

		for (unsigned status = 200; status < 600; status++)
			assert_int_equal(source_of(status, &rules),
					 status == named[i] ? LIFETIME_POLICY : LIFETIME_NONE);
	}
}

static void statuses_that_a_route_leaves_out_are_the_usual_ones_without_them(void **state)
{
	struct route_rules rules = covering(COVERED_EXCEPT, 404);

	assert_int_equal(source_of(200, &rules), LIFETIME_POLICY);
	assert_int_equal(source_of(410, &rules), LIFETIME_POLICY);
	assert_int_equal(source_of(404, &rules), LIFETIME_NONE);
	assert_int_equal(source_of(500, &rules), LIFETIME_NONE);
	rules = covering(COVERED_EXCEPT, 500);
	assert_int_equal(source_of(404, &rules), LIFETIME_POLICY);
	assert_int_equal(source_of(500, &rules), LIFETIME_NONE);
}

static void a_routes_grace_belongs_to_its_own_lifetime_only(void **state)
{
	struct response_facts silent = response(), explicit = max_age(60);
	struct route_rules rules = no_rules;

	rules.has_lifetime = true;
	rules.lifetime_s = 60;
	rules.stale_while_revalidate_s = 30;
	assert_int_equal(of(&silent, &rules).stale_while_revalidate_s, 30);
	assert_int_equal(of(&explicit, &rules).stale_while_revalidate_s, 0);
	silent.says.stale_while_revalidate = 5;
	assert_int_equal(of(&silent, &rules).stale_while_revalidate_s, 5);
}

static void the_policys_lifetime_never_covers_what_is_meant_for_one(void **state)
{
	struct response_facts cookie = response(), any = response(), private = response(),
			      no_store = response();
	struct route_rules rules = no_rules;

	rules.has_lifetime = true;
	cookie.has_set_cookie = true;
	any.has_vary_any = true;
	private.says.is_private = true;
	no_store.says.no_store = true;
	assert_int_equal(of(&cookie, &rules).source, LIFETIME_NONE);
	assert_int_equal(of(&any, &rules).source, LIFETIME_NONE);
	assert_int_equal(of(&private, &rules).source, LIFETIME_NONE);
	assert_int_equal(of(&no_store, &rules).source, LIFETIME_NONE);
}

static void heuristics_are_a_tenth_since_last_modified_where_switched_on(void **state)
{
	struct response_facts resp = response();
	struct route_rules rules = no_rules;

	resp.last_modified = (struct maybe_time){true, true, UNIX - 1000};
	assert_int_equal(of(&resp, &rules).source, LIFETIME_NONE);
	rules.heuristics = true;
	assert_int_equal(of(&resp, &rules).source, LIFETIME_HEURISTIC);
	assert_int_equal(of(&resp, &rules).lifetime_s, 100);
	resp.last_modified.unix_s = UNIX - 100 * HEURISTIC_MAX_S;
	assert_int_equal(of(&resp, &rules).lifetime_s, HEURISTIC_MAX_S);
	resp.last_modified.unix_s = UNIX + 5;
	assert_int_equal(of(&resp, &rules).lifetime_s, 0);
	resp.last_modified.is_valid = false;
	assert_int_equal(of(&resp, &rules).source, LIFETIME_NONE);
}

static void heuristics_need_a_status_for_them_or_public(void **state)
{
	struct response_facts resp = response();
	struct route_rules rules = no_rules;

	rules.heuristics = true;
	resp.last_modified = (struct maybe_time){true, true, UNIX - 1000};
	resp.status = 201;
	assert_int_equal(of(&resp, &rules).source, LIFETIME_NONE);
	resp.says.is_public = true;
	assert_int_equal(of(&resp, &rules).source, LIFETIME_HEURISTIC);
}

static void age_is_the_larger_of_what_date_and_age_say_plus_the_delay(void **state)
{
	struct response_facts resp = max_age(60);
	struct fetch_times slow = {NOW - 3 * SEC, NOW, UNIX};
	struct freshness fresh;

	resp.date.unix_s = UNIX - 10;
	resp.age_s = 5;
	fresh = freshness_of(&resp, &no_rules, &slow);
	assert_int_equal(freshness_age_s(&fresh, NOW), 10);
	resp.age_s = 8;
	fresh = freshness_of(&resp, &no_rules, &slow);
	assert_int_equal(freshness_age_s(&fresh, NOW), 11);
	assert_int_equal(freshness_age_s(&fresh, NOW + 9 * SEC - 1), 19);
	assert_int_equal(freshness_age_s(&fresh, NOW + 9 * SEC), 20);
}

static void a_date_in_the_future_makes_nothing_younger_than_it_is(void **state)
{
	struct response_facts resp = max_age(60);

	resp.date.unix_s = UNIX + 1000;
	assert_int_equal(after(&resp, 60 * SEC - 1), FRESHNESS_FRESH);
	assert_int_equal(after(&resp, 60 * SEC), FRESHNESS_EXPIRED);
}

static void extremes_do_not_overflow(void **state)
{
	struct response_facts resp = max_age(DELTA_SECONDS_MAX);
	struct freshness fresh;
	struct route_rules rules = no_rules;
	struct lookup_facts at = {.now_ns = NOW, .is_hot = true};

	rules.refresh_early_percent = 100;
	resp.age_s = DELTA_SECONDS_MAX;
	resp.date.unix_s = -62135596800; /* the year 1 */
	fresh = of(&resp, &rules);
	assert_int_equal(freshness_age_s(&fresh, NOW), DELTA_SECONDS_MAX);
	assert_int_equal(freshness_judge(&fresh, &plain, &rules, &at).verdict, FRESHNESS_EXPIRED);
	resp.age_s = 0;
	resp.date.unix_s = 253402300799; /* the year 9999 */
	fresh = of(&resp, &rules);
	assert_true(freshness_judge(&fresh, &plain, &rules, &at).refresh_early);
}

static void age_and_ttl_are_told_in_whole_seconds(void **state)
{
	struct response_facts resp = max_age(60);
	struct freshness fresh = of(&resp, &no_rules);
	struct lookup_facts at = {.now_ns = NOW + 61 * SEC + SEC / 2};
	struct judgement is = freshness_judge(&fresh, &plain, &no_rules, &at);

	assert_int_equal(is.age_s, 61);
	assert_int_equal(is.ttl_s, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_until_its_lifetime_is_over_and_not_1ns_longer),
		cmocka_unit_test(s_maxage_goes_before_max_age_and_max_age_before_expires),
		cmocka_unit_test(expires_counts_from_date_or_else_from_receipt),
		cmocka_unit_test(what_cannot_be_read_is_stale_at_once_and_explicit),
		cmocka_unit_test(a_targeted_field_makes_cache_control_and_expires_irrelevant),
		cmocka_unit_test(the_policys_lifetime_is_for_answers_that_say_nothing),
		cmocka_unit_test(a_routes_own_statuses_replace_the_usual_ones),
		cmocka_unit_test(statuses_that_a_route_leaves_out_are_the_usual_ones_without_them),
		cmocka_unit_test(a_routes_grace_belongs_to_its_own_lifetime_only),
		cmocka_unit_test(the_policys_lifetime_never_covers_what_is_meant_for_one),
		cmocka_unit_test(heuristics_are_a_tenth_since_last_modified_where_switched_on),
		cmocka_unit_test(heuristics_need_a_status_for_them_or_public),
		cmocka_unit_test(age_is_the_larger_of_what_date_and_age_say_plus_the_delay),
		cmocka_unit_test(a_date_in_the_future_makes_nothing_younger_than_it_is),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(age_and_ttl_are_told_in_whole_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
