/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/freshness.h"

#define SEC  1000000000ull
#define NOW  (1000000 * SEC) /* the response arrived */
#define UNIX 1700000000ll    /* the same instant */

static const struct route_rules no_rules = {.stale_if_error_s = SECONDS_ABSENT,
					    .stale_while_revalidate_s = SECONDS_ABSENT};
static const struct request_facts plain = {.says = CACHE_CONTROL_NONE};
static const struct fetch_times at_once = {NOW, NOW, UNIX};

static struct response_facts response(void)
{
	return (struct response_facts){
		.status = 200,
		.says = CACHE_CONTROL_NONE,
		.date = {true, true, UNIX},
	};
}

static struct response_facts max_age(int64_t seconds)
{
	struct response_facts resp = response();

	resp.says.max_age = seconds;
	return resp;
}

static struct freshness of(const struct response_facts *resp, const struct route_rules *rules)
{
	return freshness_of(resp, rules, &at_once);
}

static enum freshness_verdict verdict_at(const struct freshness *fresh,
					 const struct request_facts *req,
					 const struct route_rules *rules, uint64_t now_ns)
{
	struct lookup_facts at = {.now_ns = now_ns};

	return freshness_judge(fresh, req, rules, &at).verdict;
}

/* Without rules, for a plain request, this many nanoseconds after it arrived. */
static enum freshness_verdict after(const struct response_facts *resp, uint64_t ns)
{
	struct freshness fresh = of(resp, &no_rules);

	return verdict_at(&fresh, &plain, &no_rules, NOW + ns);
}

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

static void a_routes_own_statuses_replace_the_usual_ones(void **state)
{
	struct response_facts resp = response();
	struct route_rules rules = no_rules;

	rules.has_lifetime = true;
	rules.status[0] = 500;
	rules.status_count = 1;
	assert_int_equal(of(&resp, &rules).source, LIFETIME_NONE);
	resp.status = 500;
	assert_int_equal(of(&resp, &rules).source, LIFETIME_POLICY);
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

static void age_and_ttl_are_told_in_whole_seconds(void **state)
{
	struct response_facts resp = max_age(60);
	struct freshness fresh = of(&resp, &no_rules);
	struct lookup_facts at = {.now_ns = NOW + 61 * SEC + SEC / 2};
	struct judgement is = freshness_judge(&fresh, &plain, &no_rules, &at);

	assert_int_equal(is.age_s, 61);
	assert_int_equal(is.ttl_s, -1);
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
	assert_true(freshness_is_error_status(504) && !freshness_is_error_status(501));
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
		cmocka_unit_test(fresh_until_its_lifetime_is_over_and_not_1ns_longer),
		cmocka_unit_test(s_maxage_goes_before_max_age_and_max_age_before_expires),
		cmocka_unit_test(expires_counts_from_date_or_else_from_receipt),
		cmocka_unit_test(what_cannot_be_read_is_stale_at_once_and_explicit),
		cmocka_unit_test(a_targeted_field_makes_cache_control_and_expires_irrelevant),
		cmocka_unit_test(the_policys_lifetime_is_for_answers_that_say_nothing),
		cmocka_unit_test(a_routes_own_statuses_replace_the_usual_ones),
		cmocka_unit_test(the_policys_lifetime_never_covers_what_is_meant_for_one),
		cmocka_unit_test(heuristics_are_a_tenth_since_last_modified_where_switched_on),
		cmocka_unit_test(heuristics_need_a_status_for_them_or_public),
		cmocka_unit_test(age_is_the_larger_of_what_date_and_age_say_plus_the_delay),
		cmocka_unit_test(a_date_in_the_future_makes_nothing_younger_than_it_is),
		cmocka_unit_test(extremes_do_not_overflow),
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
		cmocka_unit_test(age_and_ttl_are_told_in_whole_seconds),
		cmocka_unit_test(only_what_is_hot_is_refreshed_early_and_only_near_its_end),
		cmocka_unit_test(without_an_answer_stale_is_used_for_the_policys_time),
		cmocka_unit_test(error_statuses_need_stale_if_error_of_response_or_route),
		cmocka_unit_test(stale_is_never_used_on_error_where_the_origin_forbids_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
