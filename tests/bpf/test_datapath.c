/* SPDX-License-Identifier: BSD-2-Clause */
/* The datapath's maps without any program: made, adopted, refused, resized, refilled, swept. */
#include "datapath_fixture.h"

#include <errno.h>

/* ---- Opening ------------------------------------------------------------------- */

static void new_maps_say_who_they_are(void **state)
{
	const struct datapath *datapath = *state;
	static const struct sl_secret none;

	assert_int_equal(datapath->config->magic, SL_ABI_MAGIC);
	assert_int_equal(datapath->config->abi_version, SL_ABI_VERSION);
	assert_int_equal(datapath->config->filter_write, 1);
	assert_int_equal(datapath->config->sources_open, 768);
	assert_memory_not_equal(datapath->secret, &none, sizeof(none));
	assert_int_equal(datapath_generation(datapath), 0);
	assert_true(datapath_is_pinned(datapath) || *datapath_pin_dir(datapath));
}

static void everything_is_adopted_as_it_was(void **state)
{
	struct sl_tracked tracked = {.full_at_ns = {5, 6, 7}, .passed = {8, 9}}, found;
	struct allow allow = {.prefix = prefix("198.51.100.0/24"), .until_ns = SL_NEVER};
	struct ban ban = {.prefix = prefix("203.0.113.9"),
			  .since_ns = 10,
			  .until_ns = 2000,
			  .strikes = 3,
			  .reason = "noise"};
	char error[DATAPATH_ERROR_MAX];
	struct datapath *datapath = *state;
	struct sl_secret secret = *datapath->secret;
	struct sl_source key;
	struct ban got;

	load(datapath, POLICY_A);
	track(datapath, "10.1.2.3", &tracked);
	datapath->strangers[3].word[2] = 77;
	assert_int_equal(datapath_allow(datapath, &allow), 0);
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	ban.prefix = prefix("203.0.0.0/16");
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);

	*state = datapath = reopen(datapath);

	key = source(datapath, "10.1.2.3");
	assert_memory_equal(datapath->secret, &secret, sizeof(secret));
	assert_int_equal(datapath_generation(datapath), 1);
	assert_int_equal(datapath_find_source(datapath, &key, &found), 0);
	assert_memory_equal(&found, &tracked, sizeof(found));
	assert_int_equal(datapath->strangers[3].word[2], 77);
	assert_int_equal(datapath_find_allow(datapath, &allow.prefix, 1, &allow), 0);
	assert_int_equal(datapath_find_ban(datapath, &ban.prefix, 1999, &got), 0);
	assert_int_equal(got.until_ns, 2000);
	assert_int_equal(datapath->config->has_ban_prefixes, 1);
	assert_int_equal(datapath->config->has_allows, 1);
	assert_int_equal(datapath->state->bans, 1);
	assert_true(numbering_rule(datapath_numbering(datapath), &(struct prefix){4, 8, {10}}) > 0);
}

static void a_second_agent_is_refused_while_the_first_lives(void **state)
{
	char error[DATAPATH_ERROR_MAX];
	struct datapath *second = NULL;
	enum datapath_origin origin;

	assert_int_equal(datapath_open_at(root, &small, &second, &origin, error), -EBUSY);
	assert_null(second);
}

static void another_abi_version_is_refused_and_left_alone(void **state)
{
	struct datapath *datapath = *state, *other = NULL;
	char error[DATAPATH_ERROR_MAX];
	enum datapath_origin origin;

	datapath->config->abi_version = SL_ABI_VERSION + 1;
	datapath->config->generation = 41;
	datapath_close(datapath);
	*state = NULL;

	assert_int_equal(datapath_open_at(root, &small, &other, &origin, error), -EPROTONOSUPPORT);
	assert_non_null(strstr(error, "--fresh"));
	assert_int_equal(datapath_open_at(root, &small, &other, &origin, error), -EPROTONOSUPPORT);

	*state = open_with(&(struct datapath_options){small.tables, true}, DATAPATH_NEW);
	assert_int_equal(datapath_generation(*state), 0);
}

static void fresh_adopts_a_datapath_of_the_same_version(void **state)
{
	struct datapath *datapath = *state;

	load(datapath, POLICY_A);
	datapath_close(datapath);
	*state = open_with(&(struct datapath_options){small.tables, true}, DATAPATH_ADOPTED);
	assert_int_equal(datapath_generation(*state), 1);
}

static void what_a_killed_agent_only_began_is_made_anew(void **state)
{
	struct datapath *datapath = *state;
	char path[BPFFS_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/config", datapath_pin_dir(datapath));
	assert_int_equal(unlink(path), 0);
	datapath_close(datapath);
	*state = open_with(&small, DATAPATH_NEW);
}

static void removing_leaves_nothing_behind(void **state)
{
	struct datapath *datapath = *state;
	char path[BPFFS_PATH_MAX];

	load(datapath, POLICY_A);
	snprintf(path, sizeof(path), "%s", datapath_pin_dir(datapath));
	assert_int_equal(access(path, F_OK), 0);
	datapath_remove(datapath);
	*state = NULL;
	assert_int_equal(access(path, F_OK), -1);
}

static void pins_of_a_dead_namespace_go_and_those_of_a_live_one_stay(void **state)
{
	struct datapath *datapath = *state;
	char dead[BPFFS_PATH_MAX];

	snprintf(dead, sizeof(dead), "%s/sluice/%llu", root, 1ull << 60);
	assert_int_equal(mkdir(dead, 0700), 0);
	*state = datapath = reopen(datapath);
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(access(datapath_pin_dir(datapath), F_OK), 0);
}

static bool is_in_filter(const struct datapath *datapath, const struct sl_source *key)
{
	uint32_t bit =
		sl_filter_bit(datapath->secret, key, SL_FILTER_TRACKED, datapath->filter_bits);

	return datapath->filter[bit / 64] >> (bit & 63) & 1; /* half 0 is read */
}

/* ---- Sizes --------------------------------------------------------------------- */

static void other_table_sizes_keep_every_entry(void **state)
{
	struct sl_tracked tracked = {.full_at_ns = {5, 6, 7}, .passed = {8, 9}}, found;
	struct datapath_options large = small;
	struct ban ban = {.prefix = prefix("203.0.113.9"), .until_ns = 2000}, got;
	char error[DATAPATH_ERROR_MAX];
	struct datapath *datapath = *state;
	struct sl_source key;

	large.tables.sources = 8192;
	large.tables.bans = 9999;
	large.tables.strangers = 131072;
	track(datapath, "10.1.2.3", &tracked);
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	ban.prefix = prefix("203.0.0.0/16");
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	datapath_close(datapath);

	*state = datapath = open_with(&large, DATAPATH_ADOPTED);
	key = source(datapath, "10.1.2.3");
	assert_int_equal(datapath_find_source(datapath, &key, &found), 0);
	assert_memory_equal(&found, &tracked, sizeof(found));
	assert_int_equal(datapath_find_ban(datapath, &ban.prefix, 1, &got), 0);
	assert_int_equal(maps_max_entries(datapath_map_fd(datapath, DATAPATH_MAP_sources)), 8192);
	assert_int_equal(datapath->state->tracked, 1);
	assert_int_equal(datapath->state->bans, 1);
	assert_int_equal(datapath->lines, 2048);
	assert_true(is_in_filter(datapath, &key));

	datapath_finish_adoption(datapath);
	assert_int_equal(datapath->state->tracked, 1);
}

static void what_does_not_fit_keeps_its_old_size(void **state)
{
	struct ban first = {.prefix = prefix("192.0.2.1"), .until_ns = SL_NEVER};
	struct ban second = {.prefix = prefix("192.0.2.2"), .until_ns = SL_NEVER};
	struct datapath_options tiny = small;
	struct datapath *datapath = *state;
	struct sl_tracked tracked = {};

	tiny.tables.sources = 1;
	tiny.tables.bans = 1;
	track(datapath, "10.1.2.3", &tracked);
	track(datapath, "10.1.2.4", &tracked);
	assert_int_equal(bans_put(datapath, &first), 0);
	assert_int_equal(bans_put(datapath, &second), 0);
	datapath_close(datapath);

	*state = datapath = open_with(&tiny, DATAPATH_ADOPTED);
	assert_true(is_tracked(datapath, "10.1.2.3"));
	assert_true(is_tracked(datapath, "10.1.2.4"));
	assert_int_equal(datapath->tables.sources, 1024);
	assert_int_equal(datapath->tables.bans, 4096);
}

static void what_the_old_programs_track_meanwhile_is_carried_over(void **state)
{
	struct sl_tracked tracked = {.full_at_ns = {50}}, found;
	struct datapath_options large = small;
	struct datapath *datapath = *state;
	struct sl_source key = source(datapath, "10.1.2.3"), late = source(datapath, "10.9.9.9");

	large.tables.sources = 8192;
	track(datapath, "10.1.2.3", &tracked);
	datapath_close(datapath);
	*state = datapath = open_with(&large, DATAPATH_ADOPTED);

	/* A packet that an old program charges, and a source it begins to track. */
	tracked.full_at_ns[0] = 90;
	bpf_map_update_elem(datapath->old_fd[DATAPATH_MAP_sources], &key, &tracked, BPF_EXIST);
	bpf_map_update_elem(datapath->old_fd[DATAPATH_MAP_sources], &late, &tracked, BPF_NOEXIST);
	datapath_finish_adoption(datapath);

	assert_int_equal(datapath_find_source(datapath, &key, &found), 0);
	assert_int_equal(found.full_at_ns[0], 90);
	assert_int_equal(datapath_find_source(datapath, &late, &found), 0);
	assert_int_equal(datapath->state->tracked, 2);
}

static void a_ban_of_the_new_programs_outlives_what_the_old_ones_left(void **state)
{
	struct sl_ban ended = {.until_ns = 50, .strikes = 1},
		      again = {.until_ns = 900, .strikes = 2};
	struct datapath_options large = small;
	struct datapath *datapath = *state;
	struct sl_source key = source(datapath, "10.1.2.3"), late = source(datapath, "10.9.9.9");
	struct sl_ban found;

	large.tables.bans = 9999;
	bpf_map_update_elem(datapath->fd[DATAPATH_MAP_bans], &key, &ended, BPF_NOEXIST);
	datapath->state->bans = 1;
	datapath_close(datapath);
	*state = datapath = open_with(&large, DATAPATH_ADOPTED);

	/* A strike by a new program, and by an old one. */
	bpf_map_update_elem(datapath->fd[DATAPATH_MAP_bans], &key, &again, BPF_EXIST);
	bpf_map_update_elem(datapath->old_fd[DATAPATH_MAP_bans], &late, &again, BPF_NOEXIST);
	datapath_finish_adoption(datapath);

	assert_int_equal(bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_bans], &key, &found), 0);
	assert_int_equal(found.until_ns, 900);
	assert_int_equal(found.strikes, 2);
	assert_int_equal(bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_bans], &late, &found), 0);
	assert_int_equal(datapath->state->bans, 2);
}

/* ---- Reload --------------------------------------------------------------------- */

static void a_reload_keeps_the_numbers_of_what_stays(void **state)
{
	struct datapath *datapath = *state;
	struct prefix stays = prefix("10.0.0.0/8");
	uint32_t rule;
	int tier;

	load(datapath, POLICY_A);
	rule = numbering_rule(datapath_numbering(datapath), &stays);
	tier = numbering_tier(datapath_numbering(datapath), "partner");
	*state = datapath = reopen(datapath);
	load(datapath, POLICY_B);

	assert_int_equal(datapath_generation(datapath), 2);
	assert_int_equal(numbering_rule(datapath_numbering(datapath), &stays), rule);
	assert_int_equal(numbering_tier(datapath_numbering(datapath), "partner"), tier);
}

static void each_load_fills_the_slot_of_its_generation(void **state)
{
	struct datapath *datapath = *state;
	struct sl_policy *policy = malloc(sizeof(*policy));

	for (uint32_t generation = 1; generation <= 5; generation++) {
		load(datapath, generation % 2 ? POLICY_A : POLICY_B);
		assert_int_equal(datapath_generation(datapath), generation);
		assert_int_equal(datapath_policy(datapath, policy), 0);
		assert_int_equal(policy->generation, generation);
	}
	free(policy);
}

static void the_longest_burst_only_grows(void **state)
{
	struct datapath *datapath = *state;
	uint64_t longest_ns;

	load(datapath, POLICY_A);
	longest_ns = datapath->config->longest_burst_ns;
	load(datapath, POLICY_B);
	assert_true(datapath->config->longest_burst_ns >= longest_ns);
	longest_ns = datapath->config->longest_burst_ns;
	load(datapath, POLICY_A);
	assert_int_equal(datapath->config->longest_burst_ns, longest_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_maps_say_who_they_are),
		TEST(everything_is_adopted_as_it_was),
		TEST(a_second_agent_is_refused_while_the_first_lives),
		TEST(another_abi_version_is_refused_and_left_alone),
		TEST(fresh_adopts_a_datapath_of_the_same_version),
		TEST(what_a_killed_agent_only_began_is_made_anew),
		TEST(removing_leaves_nothing_behind),
		TEST(pins_of_a_dead_namespace_go_and_those_of_a_live_one_stay),
		TEST(other_table_sizes_keep_every_entry),
		TEST(what_does_not_fit_keeps_its_old_size),
		TEST(what_the_old_programs_track_meanwhile_is_carried_over),
		TEST(a_ban_of_the_new_programs_outlives_what_the_old_ones_left),
		TEST(a_reload_keeps_the_numbers_of_what_stays),
		TEST(each_load_fills_the_slot_of_its_generation),
		TEST(the_longest_burst_only_grows),
	};

	return run_as_root(tests);
}
