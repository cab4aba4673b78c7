/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bans are taken for a slip of the hand. */
#include "datapath_fixture.h"

#include "control/ban_care.h"

#define POLICY                                                                     \
	"interfaces: [\"sl*\"]\nprotect: everything\n"                             \
	"tiers: {public: {packets: 100/second}}\ndefault: public\n"                \
	"http:\n  listen: [\"203.0.113.1:80\"]\n  upstream: [\"10.0.0.9:5000\"]\n" \
	"  trusted_proxies: [203.0.113.64/28, \"2001:db8:0:7::9\"]\n"

static bool has_server_in(void *context, const struct prefix *at)
{
	struct prefix server = prefix(context);

	return prefix_covers(at, &server);
}

/* Whether a ban of at is accepted, with one address of this host, and one that the caller comes from; why is kept. */
static char why[DATAPATH_ERROR_MAX];

static bool accepts_if(struct datapath *datapath, const char *text, bool is_careful)
{
	const struct agent_http http = {.has_server_in = has_server_in, .context = "10.0.7.7"};
	struct prefix own = prefix("192.0.2.1"), at = prefix(text);
	struct policy *policy = parse(POLICY);
	const struct agent agent = {.datapath = datapath, .policy = policy, .http = &http};
	const struct ban_care care = {
		.is_careful = is_careful,
		.has_caller = true,
		.caller = prefix("2001:db8:9::77"),
		.own = {.at = &own, .count = 1},
		.agent = &agent,
	};
	bool result;

	why[0] = 0;
	result = ban_care_accepts(&care, &at, why);
	policy_free(policy);
	return result;
}

static bool accepts(struct datapath *datapath, const char *text)
{
	return accepts_if(datapath, text, true);
}

static void strangers_may_be_banned(void **state)
{
	assert_true(accepts(*state, "198.51.100.7"));
	assert_true(accepts(*state, "198.51.100.0/24"));
	assert_true(accepts(*state, "2001:db8:1::1"));
}

static void what_nobody_has_may_be_banned_and_no_good_part_of_the_internet(void **state)
{
	assert_true(accepts(*state, "12.0.0.0/7"));
	assert_true(accepts(*state, "224.0.0.0/3"));
	assert_true(accepts(*state, "e000::/3"));
	assert_true(accepts(*state, "3000::/4"));
	assert_false(accepts(*state, "192.0.0.0/2"));
	assert_string_equal(why,
			    "it holds a good part of the internet; --force bans it all the same");
	assert_false(accepts(*state, "0.0.0.0/0"));
	assert_false(accepts(*state, "2000::/3"));
	assert_false(accepts(*state, "::/0"));
}

static void an_address_of_this_host_is_refused_and_a_network_that_holds_it_is_not(void **state)
{
	assert_false(accepts(*state, "192.0.2.1"));
	assert_string_equal(why,
			    "it bans 192.0.2.1, this host's own; --force bans it all the same");
	assert_false(accepts(*state, "127.0.0.1"));
	assert_true(accepts(*state, "192.0.2.0/24"));
	assert_true(accepts(*state, "192.0.2.2"));
}

static void the_whole_source_of_the_caller_is_refused(void **state)
{
	assert_false(accepts(*state, "2001:db8:9::1")); /* the same /64 */
	assert_non_null(strstr(why, "it bans 2001:db8:9::77, from where"));
	assert_true(accepts(*state, "2001:db8:9:1::77"));
}

static void what_the_http_plane_lives_by_is_refused(void **state)
{
	assert_false(accepts(*state, "203.0.113.66"));
	assert_non_null(strstr(why, "a trusted proxy of the policy"));
	assert_false(accepts(*state, "2001:db8:0:7::1"));
	assert_false(accepts(*state, "10.0.0.9"));
	assert_non_null(strstr(why, "an upstream of the policy"));
	assert_false(accepts(*state, "10.0.7.0/24")); /* a server that has a name */
	assert_non_null(strstr(why, "an upstream of the policy"));
	assert_true(accepts(*state, "203.0.113.80"));
	assert_true(accepts(*state, "10.0.7.8"));
}

static void without_care_every_ban_is_meant(void **state)
{
	assert_true(accepts_if(*state, "0.0.0.0/0", false));
	assert_true(accepts_if(*state, "127.0.0.1", false));
	assert_true(accepts_if(*state, "203.0.113.66", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(strangers_may_be_banned),
		TEST(what_nobody_has_may_be_banned_and_no_good_part_of_the_internet),
		TEST(an_address_of_this_host_is_refused_and_a_network_that_holds_it_is_not),
		TEST(the_whole_source_of_the_caller_is_refused),
		TEST(what_the_http_plane_lives_by_is_refused),
		TEST(without_care_every_ban_is_meant),
	};

	return run_as_root(tests);
}
