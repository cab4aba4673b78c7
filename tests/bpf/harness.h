/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real program, run by the kernel on frames we build (BPF_PROG_TEST_RUN), under a policy written as
 * YAML and a clock that stands still until a test moves it.
 *
 * Whatever fails here ends the test: results need no checking.
 */
#ifndef TESTS_BPF_HARNESS_H
#define TESTS_BPF_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/bpf.h>

#include <sluice/abi.h>

#include "base/duration.h"
#include "frame.h"

#define US	      1000ull
#define MS	      NS_PER_MS
#define SECOND	      NS_PER_SEC
#define MINUTE	      (60 * SECOND)
#define HARNESS_START (1000 * SECOND) /* what the clock shows at first: any instant but 0 */

struct harness_options {
	uint32_t sources;      /* size of the map; a power of two, at least 64 */
	uint32_t region_lines; /* of the strangers' table; a power of two */
	uint32_t bans;
	bool real_clock; /* the kernel's instead of the test's */
};

struct harness;

/* Loaded, without a policy. NULL options: 1,024 sources, 1,024 lines a region, 1,024 bans. */
struct harness *harness_new(const struct harness_options *options);
void harness_free(struct harness *harness);

/* Everything as after loading: no policy, empty maps, counters zero, the clock at HARNESS_START. */
void harness_reset(struct harness *harness);

/* cmocka fixtures: one default harness a test program, reset before each test. */
int harness_setup_group(void **state);
int harness_teardown_group(void **state);
int harness_setup(void **state);

/* `interfaces` is added; put the policy in force as the agent would: fill the idle slot, then switch. */
void harness_policy(struct harness *harness, const char *yaml);

void harness_set_clock(struct harness *harness, uint64_t now_ns);
void harness_advance(struct harness *harness, int64_t by_ns);
uint64_t harness_now(const struct harness *harness);

/* Returns the XDP action. */
uint32_t harness_run(struct harness *harness, const struct frame *frame);
/* Returns the reason, having checked that the action is that of the reason's verdict. */
enum sl_reason harness_judge(struct harness *harness, const struct frame *frame);
/* Runs frame count times; returns how many were not dropped. */
uint64_t harness_passes(struct harness *harness, const struct frame *frame, uint32_t count);
/* Runs frame and returns the metadata it leaves with; all zero for none. */
struct sl_meta harness_meta(struct harness *harness, const struct frame *frame);

/* A map's fd by its name; the program's fd. */
int harness_map(struct harness *harness, const char *name);
int harness_program(struct harness *harness);

struct sl_state *harness_state(struct harness *harness); /* mapped: reads and writes are live */
struct sl_line *harness_strangers(struct harness *harness, size_t *ret_lines); /* mapped */
struct sl_policy harness_compiled(struct harness *harness); /* the policy in force */

uint64_t harness_reason_count(struct harness *harness, enum sl_reason reason);
struct sl_count harness_reason_total(struct harness *harness, enum sl_reason reason);
uint64_t harness_fault_count(struct harness *harness, enum sl_fault fault);
/* By tier name, "allow" and "deny" among them. */
struct sl_tally harness_tier(struct harness *harness, const char *tier);
/* Of the policy's rule for this prefix. */
struct sl_tally harness_rule(struct harness *harness, const char *prefix);

struct sl_source harness_source(struct harness *harness, const char *address);
/* False for a stranger. */
bool harness_tracked(struct harness *harness, const char *address, struct sl_tracked *ret_tracked);
bool harness_ban_of(struct harness *harness, const char *address, struct sl_ban *ret_ban);

/* As the agent does: a single source, a prefix, a runtime allow. */
void harness_ban(struct harness *harness, const char *address, uint64_t until_ns);
void harness_ban_prefix(struct harness *harness, const char *prefix, uint64_t until_ns);
void harness_allow(struct harness *harness, const char *prefix, uint64_t until_ns);

/* No newcomer gets an entry any more, but for those a prefix of the policy names. */
void harness_close_sources(struct harness *harness);

#define assert_reason(harness, frame, reason) \
	assert_string_equal(reason_label(harness_judge(harness, frame)), reason_label(SL_##reason))

const char *reason_label(enum sl_reason reason);

/* A cmocka test of a group made with harness_setup_group(). */
#define HARNESS_TEST(name) cmocka_unit_test_setup(name, harness_setup)

#endif
