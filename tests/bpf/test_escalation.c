/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of bans that the HTTP plane asks for: judged by the parent, on real maps, under a clock of the test's. */
#include "datapath_fixture.h"

#include "control/escalation.h"

#define START_NS (1000 * SECOND)

#define POLICY                                                                     \
	"interfaces: [\"sl*\"]\nprotect: everything\n"                             \
	"tiers: {public: {packets: 100/second}}\n"                                 \
	"sources: {198.51.100.0/24: allow}\ndefault: public\n"                     \
	"http:\n  listen: [\"203.0.113.1:80\"]\n  upstream: [\"10.0.0.9:5000\"]\n" \
	"  trusted_proxies: [203.0.113.64/28, \"2001:db8:0:7::9\"]\n"              \
	"  escalate: {after: 40 refused in 10 seconds, for: 1 minute, up to: 5 minutes}\n"

struct scene {
	struct agent agent;
	struct escalation escalation;
	struct agent_http http;
	unsigned told; /* to the HTTP plane: banned */
};

static void count_banned(void *context, const struct prefix *banned, size_t count)
{
	((struct scene *)context)->told += (unsigned)count;
}

static struct scene *scene_new(struct datapath *datapath, const char *yaml)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct policy *policy = parse(yaml);
	char error[DATAPATH_ERROR_MAX];

	assert_int_equal(datapath_load_policy(datapath, policy, error), 0);
	scene->http = (struct agent_http){.banned = count_banned, .context = scene};
	scene->agent = (struct agent){.datapath = datapath, .policy = policy, .http = &scene->http};
	assert_int_equal(journal_new(&scene->agent.journal), 0);
	scene->escalation.agent = &scene->agent;
	return scene;
}

static void scene_free(struct scene *scene)
{
	journal_free(scene->agent.journal);
	policy_free(scene->agent.policy);
	free(scene);
}

static enum escalation_result ask(struct scene *scene, const char *address, uint64_t now_ns)
{
	const struct offender offender = {
		.address = prefix(address), .kind = SL_EVENT_REFUSED, .strikes = 40};

	return escalation_take(&scene->escalation, &offender, now_ns);
}

/* When the ban in force at now_ns ends, 0: there is none. */
static uint64_t ends_at(const struct scene *scene, const char *address, uint64_t now_ns)
{
	struct prefix at = prefix(address);
	struct ban found;

	return datapath_find_ban(scene->agent.datapath, &at, now_ns, &found) ? 0 : found.until_ns;
}

static unsigned told(const struct scene *scene, enum sl_event_kind kind)
{
	return (unsigned)journal_count(scene->agent.journal, kind);
}

static void each_ban_is_twice_as_long_as_the_last_up_to_the_longest(void **state)
{
	static const unsigned minutes[] = {1, 2, 4, 5, 5};
	struct scene *scene = scene_new(*state, POLICY);
	uint64_t now_ns = START_NS;

	for (unsigned i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		uint64_t until_ns = now_ns + minutes[i] * 60 * SECOND;

		assert_int_equal(ask(scene, "192.0.2.1", now_ns), ESCALATION_BANNED);
		assert_int_equal(ends_at(scene, "192.0.2.1", now_ns), until_ns);
		now_ns = until_ns;
	}
	assert_int_equal(scene->told, 5);
	scene_free(scene);
}

static void a_ban_in_force_is_neither_longer_nor_told_again(void **state)
{
	struct scene *scene = scene_new(*state, POLICY);

	ask(scene, "192.0.2.1", START_NS);
	assert_int_equal(ask(scene, "192.0.2.1", START_NS + 60 * SECOND - 1), ESCALATION_STANDING);
	assert_int_equal(ends_at(scene, "192.0.2.1", START_NS), START_NS + 60 * SECOND);
	assert_int_equal(told(scene, SL_EVENT_REFUSED), 1);
	assert_int_equal(told(scene, SL_EVENT_BANNED), 1);
	assert_int_equal(ask(scene, "192.0.2.1", START_NS + 60 * SECOND), ESCALATION_BANNED);
	scene_free(scene);
}

static void strikes_of_the_datapath_count_as_well(void **state)
{
	struct scene *scene = scene_new(*state, POLICY);
	struct datapath *datapath = *state;
	struct sl_source key = source(datapath, "192.0.2.1");
	const struct sl_ban before = {
		.until_ns = START_NS - 1, .strikes = 2, .cause = SL_BAN_DROPS};

	bpf_map_update_elem(datapath_map_fd(datapath, DATAPATH_MAP_bans), &key, &before,
			    BPF_NOEXIST);
	ask(scene, "192.0.2.1", START_NS);
	assert_int_equal(ends_at(scene, "192.0.2.1", START_NS), START_NS + 240 * SECOND);
	scene_free(scene);
}

static void strikes_outlive_the_agent(void **state)
{
	struct scene *scene = scene_new(*state, POLICY);

	ask(scene, "192.0.2.1", START_NS);
	scene_free(scene);
	*state = reopen(*state);
	scene = scene_new(*state, POLICY);
	ask(scene, "192.0.2.1", START_NS + 60 * SECOND);
	assert_int_equal(ends_at(scene, "192.0.2.1", START_NS + 60 * SECOND),
			 START_NS + 180 * SECOND);
	scene_free(scene);
}

static void strikes_are_remembered_as_long_as_the_longest_ban_of_either_plane(void **state)
{
	struct scene *scene = scene_new(*state, POLICY "bans: {after: 9 drops in 1 second, for: 1 "
						       "second, up to: 2 seconds}\n");
	struct datapath *datapath = *state;

	assert_int_equal(datapath->ban_max_ns, 300 * SECOND);
	scene_free(scene);
}

static void the_end_that_no_sweep_has_told_comes_before_the_next_ban(void **state)
{
	static const enum sl_event_kind story[] = {SL_EVENT_REFUSED, SL_EVENT_BANNED,
						   SL_EVENT_BAN_ENDED, SL_EVENT_REFUSED,
						   SL_EVENT_BANNED};
	struct scene *scene = scene_new(*state, POLICY);

	ask(scene, "192.0.2.1", START_NS);
	datapath_sweep(*state, START_NS + SECOND, NULL, NULL);
	ask(scene, "192.0.2.1", START_NS + 61 * SECOND);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(journal_at(scene->agent.journal, i + 1)->event.kind, story[i]);
	assert_int_equal(journal_next(scene->agent.journal), 6);
	scene_free(scene);
}

static void the_whole_of_an_ipv6_network_is_banned_and_spared(void **state)
{
	struct scene *scene = scene_new(*state, POLICY);

	assert_int_equal(ask(scene, "2001:db8:0:1::5", START_NS), ESCALATION_BANNED);
	assert_int_not_equal(ends_at(scene, "2001:db8:0:1::6", START_NS), 0);
	assert_int_equal(ask(scene, "2001:db8:0:7::1", START_NS), ESCALATION_SPARED);
	assert_int_equal(ends_at(scene, "2001:db8:0:7::1", START_NS), 0);
	scene_free(scene);
}

static bool spares_one(void *context, const struct prefix *source)
{
	const struct prefix own = prefix("192.0.2.77");

	return prefix_covers(source, &own);
}

static void who_must_not_be_banned_is_told_of_and_not_banned(void **state)
{
	static const char *const spared[] = {"203.0.113.70", "10.0.0.9", "203.0.113.1",
					     "192.0.2.77"};
	struct scene *scene = scene_new(*state, POLICY);

	scene->escalation.spares = spares_one;
	for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
		assert_int_equal(ask(scene, spared[i], START_NS), ESCALATION_SPARED);
	assert_int_equal(ask(scene, "198.51.100.7", START_NS), ESCALATION_ALLOWED);
	assert_int_equal(ask(scene, "203.0.113.80", START_NS), ESCALATION_BANNED);
	assert_int_equal(told(scene, SL_EVENT_REFUSED), 6);
	assert_int_equal(told(scene, SL_EVENT_BANNED), 1);
	assert_int_equal(((struct datapath *)*state)->state->bans, 1);
	scene_free(scene);
}

static void who_is_not_banned_never_crowds_out_the_story_of_others(void **state)
{
	struct scene *scene = scene_new(*state, POLICY);

	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(ask(scene, "203.0.113.70", START_NS), ESCALATION_SPARED);
	assert_int_equal(ask(scene, "192.0.2.1", START_NS), ESCALATION_BANNED);
	assert_int_equal(told(scene, SL_EVENT_REFUSED), ESCALATION_OTHERS_TOLD + 1);
	assert_int_equal(told(scene, SL_EVENT_BANNED), 1);
	ask(scene, "203.0.113.70", START_NS + SECOND);
	assert_int_equal(told(scene, SL_EVENT_REFUSED), ESCALATION_OTHERS_TOLD + 2);
	scene_free(scene);
}

static void a_burst_of_a_hundred_thousand_is_bounded(void **state)
{
	struct scene *scene = scene_new(*state, POLICY);
	struct datapath *datapath = *state;
	char text[PREFIX_TEXT_MAX];

	for (uint32_t i = 0; i < 100000; i++) {
		(void)snprintf(text, sizeof(text), "100.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		(void)ask(scene, text, START_NS);
	}
	assert_int_equal(datapath->state->bans, ESCALATIONS_PER_SECOND);
	assert_int_equal(scene->escalation.results[ESCALATION_BANNED], ESCALATIONS_PER_SECOND);
	assert_int_equal(scene->escalation.results[ESCALATION_OVER_BUDGET],
			 100000 - ESCALATIONS_PER_SECOND);
	assert_int_equal(journal_next(scene->agent.journal), 2 * ESCALATIONS_PER_SECOND + 1);
	assert_int_equal(ask(scene, "192.0.2.1", START_NS + SECOND), ESCALATION_BANNED);
	scene_free(scene);
}

static void asked_for_bans_leave_half_of_the_table_to_others(void **state)
{
	struct scene *scene = scene_new(*state, POLICY);
	struct datapath *datapath = *state;
	const uint32_t half = small.tables.bans / 2;
	char text[PREFIX_TEXT_MAX], error[DATAPATH_ERROR_MAX];
	struct ban by_hand = {.prefix = prefix("192.0.2.1"), .since_ns = 1, .until_ns = SL_NEVER};

	for (uint32_t i = 0; i < half + 50; i++) {
		(void)snprintf(text, sizeof(text), "100.64.%u.%u", i >> 8, i & 255);
		(void)ask(scene, text, START_NS + i * SECOND / 50);
	}
	assert_int_equal(datapath->state->bans, half);
	assert_int_equal(scene->escalation.results[ESCALATION_FULL], 50);
	assert_int_equal(datapath_ban(datapath, scene->agent.policy, &by_hand, error), 0);
	scene_free(scene);
}

static void without_escalate_in_the_policy_nothing_is_done(void **state)
{
	struct scene *scene =
		scene_new(*state, POLICY_A
			  "http: {listen: [\"203.0.113.1:80\"], upstream: [\"10.0.0.9:5\"]}\n");

	assert_int_equal(ask(scene, "172.16.0.1", START_NS), ESCALATION_UNWANTED);
	assert_int_equal(journal_next(scene->agent.journal), 1);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_ban_is_twice_as_long_as_the_last_up_to_the_longest),
		TEST(a_ban_in_force_is_neither_longer_nor_told_again),
		TEST(strikes_of_the_datapath_count_as_well),
		TEST(strikes_outlive_the_agent),
		TEST(strikes_are_remembered_as_long_as_the_longest_ban_of_either_plane),
		TEST(the_end_that_no_sweep_has_told_comes_before_the_next_ban),
		TEST(the_whole_of_an_ipv6_network_is_banned_and_spared),
		TEST(who_must_not_be_banned_is_told_of_and_not_banned),
		TEST(who_is_not_banned_never_crowds_out_the_story_of_others),
		TEST(a_burst_of_a_hundred_thousand_is_bounded),
		TEST(asked_for_bans_leave_half_of_the_table_to_others),
		TEST(without_escalate_in_the_policy_nothing_is_done),
	};

	return run_as_root(tests);
}
