/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/storable.h"

#define SEC  1000000000ull
#define NOW  (1000000 * SEC)
#define UNIX 1700000000ll

/* A case that is stored, for each test to change one thing of. */
struct scene {
	struct request_facts req;
	struct response_facts resp;
	struct route_rules rules;
	const char *path;
};

static struct scene stored(void)
{
	return (struct scene){
		.req = {.says = CACHE_CONTROL_NONE},
		.resp = {.status = 200,
			 .says = {.max_age = 60,
				  .s_maxage = SECONDS_ABSENT,
				  .stale_while_revalidate = SECONDS_ABSENT,
				  .stale_if_error = SECONDS_ABSENT,
				  .max_stale = SECONDS_ABSENT,
				  .min_fresh = SECONDS_ABSENT},
			 .date = {true, true, UNIX}},
		.rules = {.stale_if_error_s = SECONDS_ABSENT,
			  .stale_while_revalidate_s = SECONDS_ABSENT},
		.path = "/",
	};
}

/* The same, of an origin that says nothing, on a route with `cache:`. */
static struct scene stored_by_policy(void)
{
	struct scene scene = stored();

	scene.resp.says.max_age = SECONDS_ABSENT;
	scene.rules.has_lifetime = true;
	scene.rules.lifetime_s = 60;
	return scene;
}

static enum store_verdict judge(const struct scene *scene)
{
	const struct fetch_times times = {NOW, NOW, UNIX};
	struct freshness fresh = freshness_of(&scene->resp, &scene->rules, &times);
	struct store_case c = {&scene->req, &scene->resp, &scene->rules,
			       &fresh,	    NOW,	  bytes_of(scene->path)};

	return storable_response(&c);
}

static void the_plain_cases_are_stored(void **state)
{
	struct scene origins = stored(), policys = stored_by_policy();

	assert_int_equal(judge(&origins), STORE_YES);
	assert_int_equal(judge(&policys), STORE_YES);
}

static void what_the_request_rules_out_has_its_reason(void **state)
{
	struct scene route = stored(), post = stored(), head = stored(), options = stored(),
		     content = stored(), override = stored();

	route.rules.no_cache = true;
	post.req.method = ASKS_UNSAFE;
	head.req.method = ASKS_HEAD;
	options.req.method = ASKS_SAFE;
	content.req.has_content = true;
	override.req.has_method_override = true;
	assert_int_equal(judge(&route), STORE_ROUTE);
	assert_int_equal(judge(&post), STORE_METHOD);
	assert_int_equal(judge(&head), STORE_METHOD);
	assert_int_equal(judge(&options), STORE_METHOD);
	assert_int_equal(judge(&content), STORE_CONTENT);
	assert_int_equal(judge(&override), STORE_OVERRIDE);
	assert_int_equal(storable_request(&head.req, &head.rules), STORE_YES);
}

static void a_requests_no_store_counts_where_it_is_honoured(void **state)
{
	struct scene scene = stored();

	scene.req.says.no_store = true;
	assert_int_equal(judge(&scene), STORE_YES);
	scene.rules.honour_request = true;
	assert_int_equal(judge(&scene), STORE_REQUEST_NO_STORE);
}

static void any_final_status_is_stored_with_explicit_freshness_but_206_304_and_429(void **state)
{
	struct scene scene = stored();

	for (unsigned status = 100; status <= 600; status++) {
		bool is_refused = status < 200 || status > 599 || status == 206 || status == 304 ||
				  status == 429;

		scene.resp.status = status;
		assert_int_equal(judge(&scene), is_refused ? STORE_STATUS : STORE_YES);
	}
}

static void must_understand_overrides_no_store_for_statuses_that_are_understood(void **state)
{
	struct scene scene = stored();

	scene.resp.says.no_store = true;
	assert_int_equal(judge(&scene), STORE_NO_STORE);
	scene.resp.says.must_understand = true;
	assert_int_equal(judge(&scene), STORE_YES);
	scene.resp.status = 303;
	assert_int_equal(judge(&scene), STORE_YES);
	scene.resp.status = 599;
	assert_int_equal(judge(&scene), STORE_STATUS);
}

static void private_is_not_stored(void **state)
{
	struct scene scene = stored();

	scene.resp.says.is_private = true;
	assert_int_equal(judge(&scene), STORE_PRIVATE);
}

static void an_answer_to_an_authorized_request_needs_one_of_three_permissions(void **state)
{
	struct scene none = stored(), public = stored(), must = stored(), shared = stored();

	none.req.authorization = public.req.authorization = must.req.authorization =
		shared.req.authorization = PERSONAL_LOOSE;
	public.resp.says.is_public = true;
	must.resp.says.must_revalidate = true;
	shared.resp.says.s_maxage = 60;
	assert_int_equal(judge(&none), STORE_AUTHORIZATION);
	assert_int_equal(judge(&public), STORE_YES);
	assert_int_equal(judge(&must), STORE_YES);
	assert_int_equal(judge(&shared), STORE_YES);
	none.req.authorization = PERSONAL_DECLARED;
	assert_int_equal(judge(&none), STORE_YES);
}

static void an_identity_header_is_treated_as_authorization_is(void **state)
{
	struct scene scene = stored();

	scene.req.identity = PERSONAL_LOOSE;
	assert_int_equal(judge(&scene), STORE_AUTHORIZATION);
	scene.resp.says.is_public = true;
	assert_int_equal(judge(&scene), STORE_YES);
}

static void explicit_freshness_is_obeyed_for_a_request_with_cookies(void **state)
{
	struct scene scene = stored();

	scene.req.cookie = PERSONAL_LOOSE;
	assert_int_equal(judge(&scene), STORE_YES);
}

static void the_policys_lifetime_is_not_for_personal_requests_unless_declared(void **state)
{
	struct scene cookie = stored_by_policy(), authorized = stored_by_policy(),
		     identity = stored_by_policy();

	cookie.req.cookie = PERSONAL_LOOSE;
	assert_int_equal(judge(&cookie), STORE_PERSONAL);
	cookie.req.cookie = PERSONAL_DECLARED;
	assert_int_equal(judge(&cookie), STORE_YES);
	authorized.req.authorization = PERSONAL_LOOSE;
	authorized.resp.says.is_public = true;
	assert_int_equal(judge(&authorized), STORE_PERSONAL);
	authorized.req.authorization = PERSONAL_DECLARED;
	assert_int_equal(judge(&authorized), STORE_YES);
	identity.req.identity = PERSONAL_LOOSE;
	identity.resp.says.is_public = true;
	assert_int_equal(judge(&identity), STORE_PERSONAL);
}

static void a_heuristic_lifetime_is_not_for_personal_requests(void **state)
{
	struct scene scene = stored();

	scene.resp.says.max_age = SECONDS_ABSENT;
	scene.rules.heuristics = true;
	scene.resp.last_modified = (struct maybe_time){true, true, UNIX - 1000};
	assert_int_equal(judge(&scene), STORE_YES);
	scene.req.cookie = PERSONAL_LOOSE;
	assert_int_equal(judge(&scene), STORE_PERSONAL);
}

static void set_cookie_is_shared_only_where_the_route_says_so(void **state)
{
	struct scene scene = stored();

	scene.resp.has_set_cookie = true;
	assert_int_equal(judge(&scene), STORE_SET_COOKIE);
	scene.rules.share_set_cookie = true;
	assert_int_equal(judge(&scene), STORE_YES);
}

static void vary_any_is_not_stored(void **state)
{
	struct scene scene = stored();

	scene.resp.has_vary_any = true;
	assert_int_equal(judge(&scene), STORE_VARY_ANY);
}

static void without_freshness_only_what_can_be_validated_is_kept(void **state)
{
	struct scene scene = stored();

	scene.resp.says.max_age = SECONDS_ABSENT;
	assert_int_equal(judge(&scene), STORE_NO_FRESHNESS);
	scene.resp.has_etag = true;
	assert_int_equal(judge(&scene), STORE_YES);
	scene.resp.status = 201;
	assert_int_equal(judge(&scene), STORE_NO_FRESHNESS);
	scene.resp.says.is_public = true;
	assert_int_equal(judge(&scene), STORE_YES);
}

static void what_is_stale_at_once_needs_a_validator_or_a_grace(void **state)
{
	struct scene scene = stored(), validated, graced;

	scene.resp.says.max_age = 0;
	validated = graced = scene;
	validated.resp.last_modified = (struct maybe_time){true, true, UNIX};
	graced.resp.says.stale_while_revalidate = 10;
	assert_int_equal(judge(&scene), STORE_STALE);
	assert_int_equal(judge(&validated), STORE_YES);
	assert_int_equal(judge(&graced), STORE_YES);
	scene.resp.says.max_age = 10;
	scene.resp.age_s = 9;
	assert_int_equal(judge(&scene), STORE_YES);
	scene.resp.age_s = 10;
	assert_int_equal(judge(&scene), STORE_STALE);
}

static void a_targeted_field_decides_alone(void **state)
{
	struct scene scene = stored();

	scene.resp.says.no_store = true;
	scene.resp.has_targeted[TARGETED_CDN] = true;
	scene.resp.targeted[TARGETED_CDN] = CACHE_CONTROL_NONE;
	scene.resp.targeted[TARGETED_CDN].max_age = 60;
	assert_int_equal(judge(&scene), STORE_YES);
	scene.resp.targeted[TARGETED_CDN].no_store = true;
	assert_int_equal(judge(&scene), STORE_NO_STORE);
}

static void on_a_prefix_a_type_that_does_not_fit_the_extension_is_not_stored(void **state)
{
	struct scene scene = stored();

	scene.path = "/account/x.css";
	scene.resp.content_type = BYTES("text/html; charset=utf-8");
	assert_int_equal(judge(&scene), STORE_YES);
	scene.rules.is_prefix = true;
	assert_int_equal(judge(&scene), STORE_CONTENT_TYPE);
	scene.resp.content_type = BYTES("TEXT/CSS");
	assert_int_equal(judge(&scene), STORE_YES);
}

static void extensions_promise_types(void **state)
{
	static const struct {
		const char *path, *type;
		bool fits;
	} cases[] = {
		{"/a.js", "application/javascript", true},
		{"/a.js", "text/html", false},
		{"/a.PNG", "image/webp", true},
		{"/a.png", "text/html", false},
		{"/a.json", "application/json", true},
		{"/a.json", "text/html", false},
		{"/a.unknown", "text/html", true},
		{"/a.css/b", "text/html", true},
		{"/a.css", "", true},
		{"/a.css", "application/octet-stream", true},
		{"/.css", "text/html", false},
		{"/css", "text/html", true},
		{"/a.", "text/html", true},
		{"", "text/html", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(
			storable_type_fits(bytes_of(cases[i].path), bytes_of(cases[i].type)),
			cases[i].fits);
}

static void labels_are_tokens_and_all_different(void **state)
{
	for (int i = 0; i < STORE_VERDICT_COUNT; i++) {
		const char *label = storable_label((enum store_verdict)i);

		assert_int_equal(strspn(label, "abcdefghijklmnopqrstuvwxyz-"), strlen(label));
		assert_true(strlen(storable_help((enum store_verdict)i)) > 0);
		for (int other = 0; other < i; other++)
			assert_string_not_equal(label, storable_label((enum store_verdict)other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plain_cases_are_stored),
		cmocka_unit_test(what_the_request_rules_out_has_its_reason),
		cmocka_unit_test(a_requests_no_store_counts_where_it_is_honoured),
		cmocka_unit_test(
			any_final_status_is_stored_with_explicit_freshness_but_206_304_and_429),
		cmocka_unit_test(
			must_understand_overrides_no_store_for_statuses_that_are_understood),
		cmocka_unit_test(private_is_not_stored),
		cmocka_unit_test(an_answer_to_an_authorized_request_needs_one_of_three_permissions),
		cmocka_unit_test(an_identity_header_is_treated_as_authorization_is),
		cmocka_unit_test(explicit_freshness_is_obeyed_for_a_request_with_cookies),
		cmocka_unit_test(the_policys_lifetime_is_not_for_personal_requests_unless_declared),
		cmocka_unit_test(a_heuristic_lifetime_is_not_for_personal_requests),
		cmocka_unit_test(set_cookie_is_shared_only_where_the_route_says_so),
		cmocka_unit_test(vary_any_is_not_stored),
		cmocka_unit_test(without_freshness_only_what_can_be_validated_is_kept),
		cmocka_unit_test(what_is_stale_at_once_needs_a_validator_or_a_grace),
		cmocka_unit_test(a_targeted_field_decides_alone),
		cmocka_unit_test(on_a_prefix_a_type_that_does_not_fit_the_extension_is_not_stored),
		cmocka_unit_test(extensions_promise_types),
		cmocka_unit_test(labels_are_tokens_and_all_different),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
