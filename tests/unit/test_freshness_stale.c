/* SPDX-License-Identifier: BSD-2-Clause */
/* When a stored response may be used, and when it has to be asked for again. */
#include "freshness_fixture.h"

static void stale_while_revalidate_bridges_its_time_and_no_longer(void **state)
{
	struct response_facts resp = max_age(60);

	resp.says.stale_while_revalidate = 30;
	assert_int_equal(after(&resp, 60 * SEC), FRESHNESS_STALE_REVALIDATING);
	assert_int_equal(after(&resp, 90 * SEC - 1), FRESHNESS_STALE_REVALIDATING);
	assert_int_equal(after(&resp, 90 * SEC), FRESHNESS_EXPIRED);
}

static void must_revalidate_proxy_revalidate_and_s_maxage_allow_nothing_stale(void **state)
{
	struct response_facts must = max_age(60), proxy = max_age(60), shared = max_age(60);

	must.says.stale_while_revalidate = proxy.says.stale_while_revalidate =
		shared.says.stale_while_revalidate = 30;
	must.says.must_revalidate = true;
	proxy.says.proxy_revalidate = true;
	shared.says.s_maxage = 60;
	assert_int_equal(after(&must, 60 * SEC - 1), FRESHNESS_FRESH);
	assert_int_equal(after(&must, 60 * SEC), FRESHNESS_EXPIRED);
	assert_int_equal(after(&proxy, 60 * SEC), FRESHNESS_EXPIRED);
	assert_int_equal(after(&shared, 60 * SEC), FRESHNESS_EXPIRED);
}

static void no_cache_asks_the_origin_every_time(void **state)
{
	struct response_facts resp = max_age(60);

	resp.says.no_cache = true;
	assert_int_equal(after(&resp, 0), FRESHNESS_NO_CACHE);
}

static enum freshness_verdict asked(struct cache_control says, bool honour, uint64_t ns)
{
	struct response_facts resp = max_age(60);
	struct route_rules rules = no_rules;
	struct request_facts req = {.says = says};
	struct freshness fresh = of(&resp, &rules);

	rules.honour_request = honour;
	return verdict_at(&fresh, &req, &rules, NOW + ns);
}

static void request_directives_count_only_where_the_policy_honours_them(void **state)
{
	struct cache_control says = CACHE_CONTROL_NONE;

	says.no_cache = true;
	says.max_age = 0;
	assert_int_equal(asked(says, false, 1), FRESHNESS_FRESH);
	assert_int_equal(asked(says, true, 1), FRESHNESS_ASKED_NO_CACHE);
}

static void a_requests_max_age_min_fresh_and_max_stale_hold_to_the_second(void **state)
{
	struct cache_control young = CACHE_CONTROL_NONE, fresh = young, stale = young;

	young.max_age = 10;
	assert_int_equal(asked(young, true, 10 * SEC), FRESHNESS_FRESH);
	assert_int_equal(asked(young, true, 10 * SEC + 1), FRESHNESS_ASKED_YOUNGER);
	fresh.min_fresh = 20;
	assert_int_equal(asked(fresh, true, 40 * SEC), FRESHNESS_FRESH);
	assert_int_equal(asked(fresh, true, 40 * SEC + 1), FRESHNESS_ASKED_FRESHER);
	stale.max_stale = 5;
	assert_int_equal(asked(stale, true, 65 * SEC), FRESHNESS_STALE_ASKED);
	assert_int_equal(asked(stale, true, 65 * SEC + 1), FRESHNESS_EXPIRED);
	assert_int_equal(asked(stale, false, 61 * SEC), FRESHNESS_EXPIRED);
}

static void a_client_that_wants_more_is_not_given_what_is_stale(void **state)
{
	struct response_facts resp = max_age(60);
	struct route_rules rules = no_rules;
	struct request_facts req = plain;
	struct freshness fresh;

	resp.says.stale_while_revalidate = 30;
	rules.honour_request = true;
	req.says.min_fresh = 1;
	fresh = of(&resp, &rules);
	assert_int_equal(verdict_at(&fresh, &req, &rules, NOW + 60 * SEC), FRESHNESS_EXPIRED);
	assert_int_equal(verdict_at(&fresh, &plain, &rules, NOW + 60 * SEC),
			 FRESHNESS_STALE_REVALIDATING);
}

static void a_client_may_take_stale_on_error_where_it_is_honoured(void **state)
{
	struct response_facts resp = max_age(60);
	struct route_rules rules = no_rules;
	struct request_facts req = plain;
	struct freshness fresh = of(&resp, &rules);
	uint64_t stale_ns = NOW + 70 * SEC;

	req.says.stale_if_error = 10;
	assert_false(freshness_on_error(&fresh, &req, &rules, FAILURE_STATUS, stale_ns - 1));
	rules.honour_request = true;
	assert_true(freshness_on_error(&fresh, &req, &rules, FAILURE_STATUS, stale_ns - 1));
	assert_false(freshness_on_error(&fresh, &req, &rules, FAILURE_STATUS, stale_ns));
}

static void immutable_is_not_younger_for_a_reload_but_for_a_forced_one(void **state)
{
	struct response_facts resp = max_age(60);
	struct route_rules rules = no_rules;
	struct request_facts req = plain;
	struct freshness fresh;

	resp.says.immutable = true;
	rules.honour_request = true;
	fresh = of(&resp, &rules);
	req.says.max_age = 0;
	assert_int_equal(verdict_at(&fresh, &req, &rules, NOW + SEC), FRESHNESS_FRESH);
	assert_int_equal(verdict_at(&fresh, &req, &rules, NOW + 60 * SEC - 1), FRESHNESS_FRESH);
	assert_int_equal(verdict_at(&fresh, &req, &rules, NOW + 60 * SEC), FRESHNESS_EXPIRED);
	req.says.max_stale = 10;
	assert_int_equal(verdict_at(&fresh, &req, &rules, NOW + 60 * SEC), FRESHNESS_EXPIRED);
	req.says.no_cache = true;
	assert_int_equal(verdict_at(&fresh, &req, &rules, NOW + SEC), FRESHNESS_ASKED_NO_CACHE);
}

static enum freshness_verdict purged(const struct response_facts *resp, uint64_t ns)
{
	struct freshness fresh = of(resp, &no_rules);
	struct lookup_facts at = {.now_ns = NOW + ns, .is_soft_purged = true};

	return freshness_judge(&fresh, &plain, &no_rules, &at).verdict;
}

static void a_soft_purge_serves_what_would_be_fresh_while_it_is_fetched_anew(void **state)
{
	struct response_facts resp = max_age(60), must = max_age(60);

	must.says.must_revalidate = true;
	assert_int_equal(purged(&resp, SEC), FRESHNESS_STALE_REVALIDATING);
	assert_int_equal(purged(&resp, 60 * SEC), FRESHNESS_PURGED);
	assert_int_equal(purged(&must, SEC), FRESHNESS_PURGED);
}

static void a_lifetime_that_is_not_the_origins_is_not_for_who_says_who_he_is(void **state)
{
	struct response_facts silent = response(), explicit = max_age(60);
	struct route_rules rules = no_rules;
	struct request_facts req = plain;
	struct freshness policy, origins;

	rules.has_lifetime = true;
	rules.lifetime_s = 60;
	policy = of(&silent, &rules);
	origins = of(&explicit, &rules);
	req.cookie = PERSONAL_LOOSE;
	assert_int_equal(verdict_at(&policy, &req, &rules, NOW), FRESHNESS_PERSONAL);
	assert_int_equal(verdict_at(&origins, &req, &rules, NOW), FRESHNESS_FRESH);
	req.cookie = PERSONAL_DECLARED;
	assert_int_equal(verdict_at(&policy, &req, &rules, NOW), FRESHNESS_FRESH);
	req.authorization = PERSONAL_LOOSE;
	assert_int_equal(verdict_at(&policy, &req, &rules, NOW), FRESHNESS_PERSONAL);
	req.authorization = PERSONAL_ABSENT;
	req.identity = PERSONAL_LOOSE;
	assert_int_equal(verdict_at(&policy, &req, &rules, NOW), FRESHNESS_PERSONAL);
	rules.stale_on_error_s = 60;
	assert_false(freshness_on_error(&policy, &req, &rules, FAILURE_NO_ANSWER, NOW));
}

static void only_what_is_hot_is_refreshed_early_and_only_near_its_end(void **state)
{
	struct response_facts resp = max_age(100);
	struct route_rules rules = no_rules;
	struct freshness fresh;
	struct lookup_facts at = {.now_ns = NOW + 90 * SEC, .is_hot = true};

	rules.refresh_early_percent = 10;
	fresh = of(&resp, &rules);
	assert_true(freshness_judge(&fresh, &plain, &rules, &at).refresh_early);
	at.now_ns--;
	assert_false(freshness_judge(&fresh, &plain, &rules, &at).refresh_early);
	at.now_ns++;
	at.is_hot = false;
	assert_false(freshness_judge(&fresh, &plain, &rules, &at).refresh_early);
}

static bool on_error(const struct response_facts *resp, const struct route_rules *rules,
		     enum origin_failure failure, uint64_t ns)
{
	struct freshness fresh = of(resp, rules);

	return freshness_on_error(&fresh, &plain, rules, failure, NOW + ns);
}

static void without_an_answer_stale_is_used_for_the_policys_time(void **state)
{
	struct response_facts resp = max_age(60);
	struct route_rules rules = no_rules;

	rules.stale_on_error_s = STALE_ON_ERROR_DEFAULT_S;
	assert_true(on_error(&resp, &rules, FAILURE_NO_ANSWER, 120 * SEC - 1));
	assert_false(on_error(&resp, &rules, FAILURE_NO_ANSWER, 120 * SEC));
	assert_false(on_error(&resp, &rules, FAILURE_STATUS, 60 * SEC));
	rules.stale_on_error_s = 0;
	assert_false(on_error(&resp, &rules, FAILURE_NO_ANSWER, 60 * SEC));
}

static void error_statuses_need_stale_if_error_of_response_or_route(void **state)
{
	struct response_facts resp = max_age(60);
	struct route_rules rules = no_rules;

	rules.stale_if_error_s = 20;
	assert_true(on_error(&resp, &rules, FAILURE_STATUS, 80 * SEC - 1));
	assert_false(on_error(&resp, &rules, FAILURE_STATUS, 80 * SEC));
	resp.says.stale_if_error = 5;
	assert_false(on_error(&resp, &rules, FAILURE_STATUS, 65 * SEC));
	assert_true(on_error(&resp, &rules, FAILURE_STATUS, 65 * SEC - 1));
}

static void four_statuses_are_errors_that_something_stale_may_stand_in_for(void **state)
{
	for (unsigned status = 100; status < 600; status++)
		assert_int_equal(freshness_is_error_status(status),
				 status == 500 || (status >= 502 && status <= 504));
}

static void only_what_is_more_than_fresh_or_stale_is_told(void **state)
{
	assert_null(freshness_why(FRESHNESS_FRESH));
	assert_null(freshness_why(FRESHNESS_EXPIRED));
	assert_string_equal(freshness_why(FRESHNESS_NO_CACHE), "no-cache");
	assert_string_equal(freshness_why(FRESHNESS_PURGED), "purged");
}

static void stale_is_never_used_on_error_where_the_origin_forbids_it(void **state)
{
	struct response_facts cases[4] = {max_age(60), max_age(60), max_age(60), max_age(60)};
	struct route_rules rules = no_rules;

	rules.stale_on_error_s = rules.stale_if_error_s = 60;
	cases[0].says.must_revalidate = true;
	cases[1].says.proxy_revalidate = true;
	cases[2].says.s_maxage = 60;
	cases[3].says.no_cache = true;
	for (int i = 0; i < 4; i++) {
		assert_false(on_error(&cases[i], &rules, FAILURE_NO_ANSWER, 60 * SEC));
		assert_false(on_error(&cases[i], &rules, FAILURE_STATUS, 60 * SEC));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_while_revalidate_bridges_its_time_and_no_longer),
		cmocka_unit_test(must_revalidate_proxy_revalidate_and_s_maxage_allow_nothing_stale),
		cmocka_unit_test(no_cache_asks_the_origin_every_time),
		cmocka_unit_test(request_directives_count_only_where_the_policy_honours_them),
		cmocka_unit_test(a_requests_max_age_min_fresh_and_max_stale_hold_to_the_second),
		cmocka_unit_test(a_client_that_wants_more_is_not_given_what_is_stale),
		cmocka_unit_test(a_client_may_take_stale_on_error_where_it_is_honoured),
		cmocka_unit_test(immutable_is_not_younger_for_a_reload_but_for_a_forced_one),
		cmocka_unit_test(a_soft_purge_serves_what_would_be_fresh_while_it_is_fetched_anew),
		cmocka_unit_test(a_lifetime_that_is_not_the_origins_is_not_for_who_says_who_he_is),
		cmocka_unit_test(only_what_is_hot_is_refreshed_early_and_only_near_its_end),
		cmocka_unit_test(without_an_answer_stale_is_used_for_the_policys_time),
		cmocka_unit_test(error_statuses_need_stale_if_error_of_response_or_route),
		cmocka_unit_test(four_statuses_are_errors_that_something_stale_may_stand_in_for),
		cmocka_unit_test(only_what_is_more_than_fresh_or_stale_is_told),
		cmocka_unit_test(stale_is_never_used_on_error_where_the_origin_forbids_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
