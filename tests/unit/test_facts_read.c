/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_fixture.h"

#include "cache/facts_read.h"
#include "message_input.h"

#define UNIX 784111777ll /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static struct response_facts response_facts(const char *lines)
{
	return facts_of_response(response_with("HTTP/1.1 200 OK", lines), UNIX);
}

static void a_response_is_read_field_by_field(void **state)
{
	struct response_facts facts = response_facts(
		"Cache-Control: max-age=60\r\nAge: 7, 9\r\nDate: " DATE "\r\nExpires: 0\r\n"
		"Set-Cookie: a=1\r\nVary: x, *\r\nETag: \"a\"\r\nContent-Type: text/css\r\n");

	assert_int_equal(facts.status, 200);
	assert_int_equal(facts.says.max_age, 60);
	assert_int_equal(facts.age_s, 7);
	assert_true(facts.date.is_given && facts.date.is_valid && facts.date.unix_s == UNIX);
	assert_true(facts.expires.is_given && !facts.expires.is_valid);
	assert_false(facts.last_modified.is_given);
	assert_true(facts.has_set_cookie && facts.has_vary_any && facts.has_etag);
	assert_bytes(facts.content_type, "text/css");
}

static void an_empty_response_says_nothing(void **state)
{
	struct response_facts facts = response_facts("");

	assert_int_equal(facts.says.max_age, SECONDS_ABSENT);
	assert_false(facts.date.is_given || facts.expires.is_given || facts.has_etag ||
		     facts.has_set_cookie || facts.has_vary_any);
	assert_false(facts.has_targeted[TARGETED_SLUICE] || facts.has_targeted[TARGETED_CDN]);
}

static void two_dates_or_two_tags_are_none(void **state)
{
	struct response_facts facts = response_facts("Date: " DATE "\r\nDate: " DATE "\r\n"
						     "ETag: \"a\"\r\nETag: \"b\"\r\n");

	assert_true(facts.date.is_given && !facts.date.is_valid);
	assert_false(facts.has_etag);
	assert_false(response_facts("ETag: a\r\n").has_etag);
}

static bool targeted(const char *lines, struct cache_control *says)
{
	const struct response_head *head = response_with("HTTP/1.1 200 OK", lines);

	return cache_control_read_targeted(&head->fields, FIELD_CDN_CACHE_CONTROL, says);
}

static void a_targeted_field_is_read_as_a_dictionary(void **state)
{
	struct cache_control says;

	assert_true(
		targeted("CDN-Cache-Control: max-age=60, no-store, private=?0, x=y\r\n", &says));
	assert_int_equal(says.max_age, 60);
	assert_true(says.no_store);
	assert_false(says.is_private);
	assert_true(targeted("CDN-Cache-Control: max-age=1\r\nCDN-Cache-Control: max-age=2\r\n",
			     &says));
	assert_int_equal(says.max_age, 2);
	assert_true(targeted("CDN-Cache-Control: x\r\n", &says));
	assert_int_equal(says.max_age, SECONDS_ABSENT);
}

static void a_targeted_field_that_is_empty_or_has_a_fault_is_none(void **state)
{
	struct cache_control says;

	assert_false(targeted("", &says));
	assert_false(targeted("CDN-Cache-Control:\r\n", &says));
	assert_false(targeted("CDN-Cache-Control: max-age=60,\r\n", &says));
	assert_false(targeted("CDN-Cache-Control: Max-Age=60\r\n", &says));
	assert_false(targeted("CDN-Cache-Control: max-age=60, &\r\n", &says));
}

static void seconds_of_another_type_are_bad(void **state)
{
	static const char *const values[] = {"\"60\"", "60.5", "-1", "abc", "(1 2)", "?1"};
	struct cache_control says;
	char line[64];

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		snprintf(line, sizeof(line), "CDN-Cache-Control: max-age=%s\r\n", values[i]);
		assert_true(targeted(line, &says));
		assert_int_equal(says.max_age, SECONDS_BAD);
	}
}

static void a_request_tells_who_asks_and_how(void **state)
{
	struct request_facts facts = facts_of_request(
		request_with("Cookie: a=1\r\nRange: bytes=0-1\r\nCache-Control: no-cache\r\n"
			     "X-HTTP-Method-Override: PUT\r\n"),
		true);

	assert_int_equal(facts.method, ASKS_GET);
	assert_int_equal(facts.cookie, PERSONAL_LOOSE);
	assert_int_equal(facts.authorization, PERSONAL_ABSENT);
	assert_true(facts.has_range && facts.has_content && facts.has_method_override);
	assert_true(facts.says.no_cache);
}

static void conditions_are_read_against_the_stored_tag(void **state)
{
	const struct fields *fields =
		fields_with("If-None-Match: W/\"b\", \"a\"\r\nIf-Modified-Since: " DATE "\r\n");
	struct conditions same = facts_of_conditions(fields, BYTES("\"a\""), UNIX);
	struct conditions other = facts_of_conditions(fields, BYTES("\"c\""), UNIX);
	struct conditions untagged = facts_of_conditions(fields, BYTES(""), UNIX);

	assert_int_equal(same.if_none_match, ETAG_MATCHES);
	assert_int_equal(other.if_none_match, ETAG_DIFFERS);
	assert_int_equal(untagged.if_none_match, ETAG_DIFFERS);
	assert_int_equal(same.if_modified_since.unix_s, UNIX);
	assert_false(same.has_if_match);
}

static void tags_come_from_all_three_fields_and_groups_belong_to_their_origin(void **state)
{
	struct cache_store *store = new_store();
	struct tag_list tags = {0}, groups = {0};
	const struct response_head *head =
		response_with("HTTP/1.1 200 OK", "Surrogate-Key: a b\r\nCache-Tag: b, c\r\n"
						 "Cache-Groups: \"a\", \"g\\\"h\";x=1, tok\r\n"
						 "Cache-Group-Invalidation: \"a\"\r\n");

	facts_add_tags(store, &head->fields, BYTES("http://x"), &tags);
	assert_int_equal(tags.count, 5); /* a, b, c; and two groups */
	facts_add_invalidated(store, &head->fields, BYTES("http://x"), &groups);
	assert_int_equal(groups.count, 1);
	assert_memory_equal(&groups.id[0], &tags.id[3], sizeof(struct tag_id));
	facts_add_invalidated(store, &head->fields, BYTES("http://y"), &groups);
	assert_int_equal(groups.count, 2);
	end_store(store);
}

static void groups_with_a_fault_are_none(void **state)
{
	struct cache_store *store = new_store();
	struct tag_list tags = {0};

	facts_add_tags(store,
		       &response_with("HTTP/1.1 200 OK", "Cache-Groups: \"a\", \"\r\n")->fields,
		       BYTES("http://x"), &tags);
	assert_int_equal(tags.count, 0);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_is_read_field_by_field),
		cmocka_unit_test(an_empty_response_says_nothing),
		cmocka_unit_test(two_dates_or_two_tags_are_none),
		cmocka_unit_test(a_targeted_field_is_read_as_a_dictionary),
		cmocka_unit_test(a_targeted_field_that_is_empty_or_has_a_fault_is_none),
		cmocka_unit_test(seconds_of_another_type_are_bad),
		cmocka_unit_test(a_request_tells_who_asks_and_how),
		cmocka_unit_test(conditions_are_read_against_the_stored_tag),
		cmocka_unit_test(tags_come_from_all_three_fields_and_groups_belong_to_their_origin),
		cmocka_unit_test(groups_with_a_fault_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
