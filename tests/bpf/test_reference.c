// SPDX-License-Identifier: BSD-2-Clause
/*
 * A million random packets at random moments, judged by the program and by a reference that holds what
 * is left in each bucket instead of an instant: other arithmetic, the same verdicts.
 */
#include "harness.h"

#include <string.h>

#define STEPS	    1000000
#define A	    "192.0.2.1"
#define ROUNDING_NS 64 /* of a stranger's word, against the sender */
#define LIMITS                                                                           \
	"packets: 1000/second burst 20, bytes: 700001/second burst 20000, connections: " \
	"150/second burst 5"
#define TIER "protect: everything\ntiers: {public: {" LIMITS "}}\ndefault: public\n"

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Time in hand for each limit, at most its burst. */
struct reference {
	uint64_t cost[SL_KIND_COUNT]; /* as in struct sl_limit */
	uint64_t burst_ns[SL_KIND_COUNT];
	uint64_t left_ns[SL_KIND_COUNT];
	uint64_t rounding_ns; /* what each take costs more */
};

static struct reference reference_of(const struct sl_policy *policy, uint64_t rounding_ns)
{
	struct reference reference = {.rounding_ns = rounding_ns};

	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &policy->tier[policy->default_rule.tier].limit[kind];

		reference.cost[kind] = limit->cost;
		reference.burst_ns[kind] = limit->burst_ns;
		reference.left_ns[kind] = limit->burst_ns;
	}
	return reference;
}

static void reference_wait(struct reference *reference, uint64_t ns)
{
	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		reference->left_ns[kind] += ns;
		if (reference->left_ns[kind] > reference->burst_ns[kind])
			reference->left_ns[kind] = reference->burst_ns[kind];
	}
}

static uint64_t reference_price(const struct reference *reference, int kind,
				const struct frame *frame, bool opens)
{
	const __uint128_t unit = 1 << 20;

	if (kind == SL_PACKETS)
		return reference->cost[kind];
	if (kind == SL_CONNECTIONS)
		return opens ? reference->cost[kind] : 0;
	return (uint64_t)(((__uint128_t)reference->cost[kind] * frame->len + unit - 1) / unit);
}

static bool reference_judge(struct reference *reference, const struct frame *frame, bool opens)
{
	uint64_t price[SL_KIND_COUNT];

	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		price[kind] = reference_price(reference, kind, frame, opens);
		if (price[kind] > reference->left_ns[kind])
			return false;
	}
	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		uint64_t all = price[kind] ? price[kind] + reference->rounding_ns : 0;

		reference->left_ns[kind] -=
			all < reference->left_ns[kind] ? all : reference->left_ns[kind];
	}
	return true;
}

struct step {
	uint64_t wait_ns;
	struct frame *frame;
	bool opens;
};

#define SIZES 16

struct scenario {
	uint64_t seed;
	struct frame ack[SIZES];
	struct frame syn[SIZES];
};

static void scenario_start(struct scenario *scenario)
{
	scenario->seed = 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < SIZES; i++) {
		scenario->ack[i] = frame_of_tcp(A, 80, ACK);
		scenario->syn[i] = frame_of_tcp(A, 80, SYN);
		frame_pad(&scenario->ack[i], 60 + 97 * i);
		frame_pad(&scenario->syn[i], 60 + 97 * i);
		frame_finish(&scenario->ack[i]);
		frame_finish(&scenario->syn[i]);
	}
}

/* Mostly back to back, now and then a pause that fills a bucket in part or whole. */
static struct step scenario_next(struct scenario *scenario)
{
	uint64_t dice = random_next(&scenario->seed);
	uint64_t longest_ns = dice % 100 < 80 ? 200 * US : dice % 100 < 99 ? 4 * MS : 60 * MS;
	size_t size = dice >> 8 & (SIZES - 1);
	struct step step = {
		.wait_ns = random_next(&scenario->seed) % longest_ns,
		.opens = (dice >> 16) % 4 == 0,
	};

	step.frame = step.opens ? &scenario->syn[size] : &scenario->ack[size];
	return step;
}

static void a_tracked_source_gets_the_verdicts_of_the_reference_a_million_times(void **state)
{
	static struct scenario scenario;
	struct reference reference;
	struct sl_policy policy;
	struct sl_tracked tracked;
	uint64_t passed = 0, refused = 0;

	harness_policy(*state, TIER "sources: {192.0.2.1: public}\n");
	policy = harness_compiled(*state);
	reference = reference_of(&policy, 0);
	scenario_start(&scenario);
	for (int i = 0; i < STEPS; i++) {
		struct step step = scenario_next(&scenario);
		bool expected;

		harness_advance(*state, (int64_t)step.wait_ns);
		reference_wait(&reference, step.wait_ns);
		expected = reference_judge(&reference, step.frame, step.opens);
		if ((harness_run(*state, step.frame) == XDP_PASS) != expected)
			fail_msg("step %d: the reference says %s", i, expected ? "pass" : "drop");
		passed += expected;
		refused += !expected;
	}
	/* Both happened often, and by each limit; else nothing was compared. */
	assert_true(passed > STEPS / 10);
	assert_true(refused > STEPS / 10);
	assert_true(harness_reason_count(*state, SL_OVER_PACKETS) > 1000);
	assert_true(harness_reason_count(*state, SL_OVER_BYTES) > 1000);
	assert_true(harness_reason_count(*state, SL_OVER_CONNECTIONS) > 1000);
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(tracked.passed.packets, passed);
	assert_int_equal(tracked.dropped.packets, refused);
}

static void a_stranger_gets_no_more_than_the_reference_and_little_less(void **state)
{
	static struct scenario scenario;
	struct reference exact, rounded;
	struct sl_policy policy;
	int64_t passed = 0, most = 0, least = 0;

	harness_policy(*state, TIER);
	harness_close_sources(*state);
	policy = harness_compiled(*state);
	exact = reference_of(&policy, 0);
	rounded = reference_of(&policy, ROUNDING_NS);
	scenario_start(&scenario);
	for (int i = 0; i < STEPS; i++) {
		struct step step = scenario_next(&scenario);

		harness_advance(*state, (int64_t)step.wait_ns);
		reference_wait(&exact, step.wait_ns);
		reference_wait(&rounded, step.wait_ns);
		most += reference_judge(&exact, step.frame, step.opens);
		least += reference_judge(&rounded, step.frame, step.opens);
		passed += harness_run(*state, step.frame) == XDP_PASS;
	}
	assert_int_equal(harness_state(*state)->tracked, 0);
	/* Three limits of different appetite: a refusal in one leaves room in another for the next frame. */
	assert_in_range(passed, least - least / 1000, most + most / 1000);
}

/* One limit and one size: nothing to trade, so the bound is exact at every step. */
static void a_stranger_under_one_limit_is_never_ahead_of_the_reference_by_more_than_one(
	void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	uint64_t seed = 88172645463325252ull;
	struct reference exact, rounded;
	struct sl_policy policy;
	int64_t passed = 0, most = 0, least = 0;

	harness_policy(*state,
		       "protect: everything\n"
		       "tiers: {public: {packets: 30011/second burst 13}}\ndefault: public\n");
	harness_close_sources(*state);
	policy = harness_compiled(*state);
	exact = reference_of(&policy, 0);
	rounded = reference_of(&policy, ROUNDING_NS);
	for (int i = 0; i < STEPS; i++) {
		uint64_t dice = random_next(&seed);
		uint64_t wait_ns = dice % 50 ? dice % (60 * US) : dice % (3 * MS);

		harness_advance(*state, (int64_t)wait_ns);
		reference_wait(&exact, wait_ns);
		reference_wait(&rounded, wait_ns);
		most += reference_judge(&exact, &frame, false);
		least += reference_judge(&rounded, &frame, false);
		passed += harness_run(*state, &frame) == XDP_PASS;
		if (passed > most + 1 || passed < least - 1)
			fail_msg("step %d: %ld passed, not %ld to %ld", i, (long)passed,
				 (long)least, (long)most);
	}
	assert_true(passed > STEPS / 10 && passed < STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_tracked_source_gets_the_verdicts_of_the_reference_a_million_times),
		HARNESS_TEST(a_stranger_gets_no_more_than_the_reference_and_little_less),
		HARNESS_TEST(
			a_stranger_under_one_limit_is_never_ahead_of_the_reference_by_more_than_one),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
