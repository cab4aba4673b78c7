/* SPDX-License-Identifier: BSD-2-Clause */
/* Bans, allows and upkeep on real maps, without any program. */
#include "datapath_fixture.h"

#include <errno.h>

static int ban(struct datapath *datapath, const struct policy *policy, const char *text,
	       uint64_t since_ns, uint64_t until_ns)
{
	struct ban made = {.prefix = prefix(text), .since_ns = since_ns, .until_ns = until_ns};
	char error[DATAPATH_ERROR_MAX];

	return datapath_ban(datapath, policy, &made, error);
}

/* When the ban that covers an address ends; 0: none does at now_ns. */
static uint64_t banned_until(const struct datapath *datapath, const char *text, uint64_t now_ns)
{
	struct prefix at = prefix(text);
	struct ban found;

	return datapath_find_ban(datapath, &at, now_ns, &found) ? 0 : found.until_ns;
}

/* What the trie, which is what packets see, answers for an address. */
static uint64_t trie_until(const struct datapath *datapath, const char *text)
{
	struct prefix at = prefix(text);
	union trie_key key = trie_key_of(&at);
	struct sl_ban value = {};
	int map =
		at.family == ADDRESS_IPV4 ? DATAPATH_MAP_ban_prefixes4 : DATAPATH_MAP_ban_prefixes6;

	return bpf_map_lookup_elem(datapath_map_fd(datapath, map), &key, &value) ? 0
										 : value.until_ns;
}

static bool is_in_hash(const struct datapath *datapath, const char *text)
{
	struct sl_source key = source(datapath, text);
	struct sl_ban value;

	return !bpf_map_lookup_elem(datapath_map_fd(datapath, DATAPATH_MAP_bans), &key, &value);
}

/* ---- Bans ---------------------------------------------------------------------- */

static void a_ban_ends_at_its_end_and_not_1ns_sooner(void **state)
{
	assert_int_equal(ban(*state, NULL, "192.0.2.1", 10, 100), 0);
	assert_int_equal(banned_until(*state, "192.0.2.1", 99), 100);
	assert_int_equal(banned_until(*state, "192.0.2.1", 100), 0);
	assert_int_equal(banned_until(*state, "192.0.2.2", 50), 0);
}

static void an_address_inside_a_source_bans_the_source(void **state)
{
	assert_int_equal(ban(*state, NULL, "2001:db8::1", 10, 100), 0);
	assert_int_equal(banned_until(*state, "2001:db8::ffff", 50), 100);
	assert_int_equal(banned_until(*state, "2001:db8:0:1::1", 50), 0);
}

static void of_two_bans_the_later_end_holds_with_the_beginning_of_the_first(void **state)
{
	struct prefix at = prefix("192.0.2.1");
	struct ban found;

	ban(*state, NULL, "192.0.2.1", 10, 100);
	ban(*state, NULL, "192.0.2.1", 20, 60);
	assert_int_equal(banned_until(*state, "192.0.2.1", 50), 100);
	ban(*state, NULL, "192.0.2.1", 30, 300);
	assert_int_equal(datapath_find_ban(*state, &at, 50, &found), 0);
	assert_int_equal(found.until_ns, 300);
	assert_int_equal(found.since_ns, 10);
	assert_int_equal(((struct datapath *)*state)->state->bans, 1);
}

static void a_ban_after_the_first_has_ended_has_a_beginning_of_its_own(void **state)
{
	struct prefix at = prefix("192.0.2.1");
	struct ban found;

	ban(*state, NULL, "192.0.2.1", 10, 100);
	ban(*state, NULL, "192.0.2.1", 100, 300);
	assert_int_equal(datapath_find_ban(*state, &at, 150, &found), 0);
	assert_int_equal(found.since_ns, 100);
}

static void packets_see_the_later_end_of_a_covering_ban(void **state)
{
	ban(*state, NULL, "10.1.0.0/16", 1, 100);
	ban(*state, NULL, "10.0.0.0/8", 1, 500);
	assert_int_equal(trie_until(*state, "10.1.2.3"), 500);

	struct prefix covering = prefix("10.0.0.0/8");

	assert_int_equal(datapath_unban(*state, &covering, 1), 0);
	assert_int_equal(trie_until(*state, "10.1.2.3"), 100);
	assert_int_equal(trie_until(*state, "10.2.2.3"), 0);
	assert_int_equal(datapath_unban(*state, &covering, 1), -ENOENT);
}

static void to_unban_what_has_ended_says_so_and_forgets_its_strikes(void **state)
{
	struct prefix source_at = prefix("192.0.2.1"), network = prefix("10.1.0.0/16");

	ban(*state, NULL, "192.0.2.1", 1, 100);
	ban(*state, NULL, "10.1.0.0/16", 1, 100);
	assert_int_equal(datapath_unban(*state, &source_at, 100), -ETIME);
	assert_int_equal(datapath_unban(*state, &network, 100), -ETIME);
	assert_int_equal(datapath_unban(*state, &source_at, 100), -ENOENT);
	assert_int_equal(datapath_unban(*state, &network, 100), -ENOENT);

	ban(*state, NULL, "192.0.2.1", 1, 100);
	ban(*state, NULL, "10.1.0.0/16", 1, 100);
	assert_int_equal(datapath_unban(*state, &source_at, 99), 0);
	assert_int_equal(datapath_unban(*state, &network, 99), 0);
}

static void the_mask_says_which_tries_hold_anything(void **state)
{
	const struct sl_config *config = ((struct datapath *)*state)->config;
	struct prefix v6 = prefix("2001:db8::/32");

	ban(*state, NULL, "2001:db8::/32", 1, 100);
	assert_int_equal(config->has_ban_prefixes, 2);
	ban(*state, NULL, "10.0.0.0/8", 1, 100);
	assert_int_equal(config->has_ban_prefixes, 3);
	datapath_unban(*state, &v6, 1);
	assert_int_equal(config->has_ban_prefixes, 1);
}

static void a_ban_under_an_allow_fails_and_names_the_line(void **state)
{
	struct policy *policy = parse(POLICY_A);
	struct ban made = {.prefix = prefix("192.0.2.7"), .since_ns = 1, .until_ns = 100};
	char error[DATAPATH_ERROR_MAX] = "";

	assert_int_equal(datapath_ban(*state, policy, &made, error), -EEXIST);
	assert_non_null(strstr(error, "line 8"));
	assert_non_null(strstr(error, "192.0.2.0/24"));
	assert_int_equal(ban(*state, policy, "10.0.0.7", 1, 100), 0);
	/* Covers the allowed prefix, but is not covered by it. */
	assert_int_equal(ban(*state, policy, "192.0.0.0/16", 1, 100), 0);
	policy_free(policy);
}

static void a_ban_under_a_runtime_allow_fails_until_it_is_disallowed(void **state)
{
	struct allow allow = {.prefix = prefix("192.0.2.0/24"), .until_ns = SL_NEVER};

	assert_int_equal(datapath_allow(*state, &allow), 0);
	assert_int_equal(ban(*state, NULL, "192.0.2.7", 1, 100), -EEXIST);
	assert_int_equal(datapath_disallow(*state, &allow.prefix), 0);
	assert_int_equal(ban(*state, NULL, "192.0.2.7", 1, 100), 0);
}

static void a_full_ban_table_refuses_and_keeps_what_it_has(void **state)
{
	struct ban bans[4097] = {};
	char error[DATAPATH_ERROR_MAX];
	size_t banned;

	for (unsigned i = 0; i < 4097; i++)
		bans[i] = (struct ban){.prefix = {4, 32, {10, 9, (uint8_t)(i >> 8), (uint8_t)i}},
				       .until_ns = 100};
	assert_int_equal(datapath_ban_all(*state, NULL, bans, 4097, NULL, NULL, &banned), 0);
	assert_int_equal(banned, 4096);
	assert_int_equal(datapath_ban(*state, NULL, &bans[4096], error), -ENOSPC);
	assert_non_null(strstr(error, "full"));
	assert_int_equal(banned_until(*state, "10.9.0.0", 50), 100);
}

static void other_source_lengths_lose_no_ban(void **state)
{
	struct datapath *datapath = *state;

	load(datapath, POLICY_A);
	ban(datapath, NULL, "2001:db8:1:2::5", 1, 100);
	ban(datapath, NULL, "2001:db8:7::/56", 1, 200);
	ban(datapath, NULL, "192.0.2.1", 1, 300);

	load(datapath, POLICY_A "source_prefix: {ipv4: 32, ipv6: 128}\n");
	assert_int_equal(trie_until(datapath, "2001:db8:1:2::77"), 100);
	assert_int_equal(datapath->state->bans, 1);
	assert_true(is_in_hash(datapath, "192.0.2.1"));

	load(datapath, POLICY_A "source_prefix: {ipv4: 24, ipv6: 56}\n");
	assert_true(is_in_hash(datapath, "2001:db8:1::1"));
	assert_true(is_in_hash(datapath, "2001:db8:7::1"));
	assert_true(is_in_hash(datapath, "192.0.2.99"));
	assert_int_equal(datapath->state->bans, 3);
	assert_int_equal(datapath->config->has_ban_prefixes, 0);
}

static void bans_put_back_before_the_first_policy_follow_its_source_lengths(void **state)
{
	struct datapath *datapath = *state;

	ban(datapath, NULL, "2001:db8:1:2::5", 1, 100);
	load(datapath, POLICY_A "source_prefix: {ipv4: 32, ipv6: 56}\n");
	assert_true(is_in_hash(datapath, "2001:db8:1:ff::1"));
	assert_int_equal(banned_until(datapath, "2001:db8:1:ff::1", 50), 100);
}

/* ---- Sweep ----------------------------------------------------------------------- */

struct told {
	unsigned of_kind[SL_EVENT_COUNT];
	uint64_t packets;
};

static void note_told(void *context, const struct sl_event *event)
{
	struct told *told = context;

	told->of_kind[event->kind]++;
	told->packets += event->packets;
}

static struct told sweep(struct datapath *datapath, uint64_t now_ns)
{
	struct told told = {};

	datapath_sweep(datapath, now_ns, note_told, &told);
	return told;
}

static void a_source_leaves_after_60s_idle_and_not_1ns_sooner(void **state)
{
	struct sl_tracked tracked = {.last_seen_ns = 100 * SECOND};

	track(*state, "192.0.2.1", &tracked);
	sweep(*state, 160 * SECOND - 1);
	assert_true(is_tracked(*state, "192.0.2.1"));
	sweep(*state, 160 * SECOND);
	assert_false(is_tracked(*state, "192.0.2.1"));
	assert_int_equal(((struct datapath *)*state)->state->tracked, 0);
}

static void a_source_that_owes_1ns_stays(void **state)
{
	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		struct sl_tracked tracked = {};

		tracked.full_at_ns[kind] = 200 * SECOND;
		track(*state, "192.0.2.1", &tracked);
		sweep(*state, 200 * SECOND - 1);
		assert_true(is_tracked(*state, "192.0.2.1"));
		sweep(*state, 200 * SECOND);
		assert_false(is_tracked(*state, "192.0.2.1"));
	}
}

static void a_stop_is_told_once_with_the_packets_no_event_has_stood_for(void **state)
{
	struct sl_tracked tracked = {
		.last_seen_ns = 100 * SECOND,
		.event_ns = 100 * SECOND,
		.event_dropped = 1,
		.dropped.packets = 40,
		.flagged.packets = 3,
	};
	struct told told;

	track(*state, "192.0.2.1", &tracked);
	assert_int_equal(sweep(*state, 100 * SECOND).of_kind[SL_EVENT_STOPPED], 0);
	told = sweep(*state, 110 * SECOND);
	assert_int_equal(told.of_kind[SL_EVENT_STOPPED], 1);
	assert_int_equal(told.packets, 42);
	assert_int_equal(sweep(*state, 111 * SECOND).of_kind[SL_EVENT_STOPPED], 0);
}

static void the_end_of_a_ban_is_told_once_and_its_strikes_are_forgotten_later(void **state)
{
	struct datapath *datapath = *state;

	datapath->ban_max_ns = 50 * SECOND;
	ban(datapath, NULL, "192.0.2.1", 1, 100 * SECOND);
	assert_int_equal(sweep(datapath, 99 * SECOND).of_kind[SL_EVENT_BAN_ENDED], 0);
	assert_int_equal(sweep(datapath, 100 * SECOND).of_kind[SL_EVENT_BAN_ENDED], 1);
	assert_int_equal(sweep(datapath, 101 * SECOND).of_kind[SL_EVENT_BAN_ENDED], 0);
	sweep(datapath, 150 * SECOND - 1);
	assert_true(is_in_hash(datapath, "192.0.2.1"));
	sweep(datapath, 150 * SECOND);
	assert_false(is_in_hash(datapath, "192.0.2.1"));
	assert_int_equal(datapath->state->bans, 0);
}

static void prefixes_and_allows_that_have_ended_leave_the_tries(void **state)
{
	struct datapath *datapath = *state;
	struct allow allow = {.prefix = prefix("198.51.100.0/24"), .until_ns = 100};

	ban(datapath, NULL, "10.0.0.0/8", 1, 100);
	datapath_allow(datapath, &allow);
	sweep(datapath, 99);
	assert_int_equal(datapath->config->has_ban_prefixes, 1);
	assert_int_equal(datapath->config->has_allows, 1);
	sweep(datapath, 100);
	assert_int_equal(datapath->config->has_ban_prefixes, 0);
	assert_int_equal(datapath->config->has_allows, 0);
}

static void only_words_long_past_are_cleared(void **state)
{
	struct datapath *datapath = *state;
	uint64_t now_ns = 10000 * SECOND;
	__u64 *word = datapath->strangers[5].word;

	datapath->config->longest_burst_ns = 3600 * SECOND;
	word[0] = sl_word_of(7, now_ns, 3600 * SECOND);
	word[1] = sl_word_of(7, now_ns, 64);
	word[2] = sl_word_of(7, now_ns - 10 * SECOND, 0);
	word[3] = sl_word_of(7, now_ns - 61 * SECOND, 0);
	word[4] = sl_word_of(7, now_ns - 9000 * SECOND, 0);
	sweep(datapath, now_ns);

	assert_true(word[0] && word[1] && word[2]);
	assert_true(!word[3] && !word[4]);
}

static void a_rebuilt_filter_holds_who_is_tracked_and_nobody_else(void **state)
{
	struct datapath *datapath = *state;
	struct sl_tracked idle = {}, busy = {.last_seen_ns = 1000 * SECOND};
	unsigned bits = 0;

	track(datapath, "192.0.2.200", &busy);
	for (int i = 0; i < 300; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%d.%d", i / 256, i % 256);
		track(datapath, text, &idle);
	}
	sweep(datapath, 1000 * SECOND);

	assert_int_equal(datapath->config->filter_read, 1);
	assert_int_equal(datapath->config->filter_write, 2);
	for (uint32_t i = 0; i < datapath->filter_bits / 64; i++)
		bits += (unsigned)__builtin_popcountll(
			datapath->filter[datapath->filter_bits / 64 + i]);
	assert_int_equal(bits, 1);
	assert_int_equal(datapath->state->tracked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ban_ends_at_its_end_and_not_1ns_sooner),
		TEST(an_address_inside_a_source_bans_the_source),
		TEST(of_two_bans_the_later_end_holds_with_the_beginning_of_the_first),
		TEST(a_ban_after_the_first_has_ended_has_a_beginning_of_its_own),
		TEST(packets_see_the_later_end_of_a_covering_ban),
		TEST(to_unban_what_has_ended_says_so_and_forgets_its_strikes),
		TEST(the_mask_says_which_tries_hold_anything),
		TEST(a_ban_under_an_allow_fails_and_names_the_line),
		TEST(a_ban_under_a_runtime_allow_fails_until_it_is_disallowed),
		TEST(a_full_ban_table_refuses_and_keeps_what_it_has),
		TEST(other_source_lengths_lose_no_ban),
		TEST(bans_put_back_before_the_first_policy_follow_its_source_lengths),
		TEST(a_source_leaves_after_60s_idle_and_not_1ns_sooner),
		TEST(a_source_that_owes_1ns_stays),
		TEST(a_stop_is_told_once_with_the_packets_no_event_has_stood_for),
		TEST(the_end_of_a_ban_is_told_once_and_its_strikes_are_forgotten_later),
		TEST(prefixes_and_allows_that_have_ended_leave_the_tries),
		TEST(only_words_long_past_are_cleared),
		TEST(a_rebuilt_filter_holds_who_is_tracked_and_nobody_else),
	};

	return run_as_root(tests);
}
