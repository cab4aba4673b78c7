// SPDX-License-Identifier: BSD-2-Clause
#include <sluice/hash.h>

#include "harness_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/address.h"
#include "policy/policy.h"

#define TICK_NS	       (4 * MS) /* of a coarse clock */
#define FILTER_BITS(n) ((n)*SL_FILTER_BITS)

static const struct harness_options defaults = {
	.sources = 1024,
	.region_lines = 1024,
	.bans = 1024,
};

/* ---- Loading ---------------------------------------------------------------------- */

static void set_sizes(struct sluice_bpf *skel, const struct harness_options *options)
{
	uint32_t filter_words = 2 * FILTER_BITS(options->sources) / 64;
	uint32_t lines = SL_REGIONS * options->region_lines;

	assert_int_equal(bpf_map__set_max_entries(skel->maps.sources, options->sources), 0);
	assert_int_equal(bpf_map__set_max_entries(skel->maps.filter, filter_words), 0);
	assert_int_equal(bpf_map__set_max_entries(skel->maps.strangers, lines), 0);
	assert_int_equal(bpf_map__set_max_entries(skel->maps.bans, options->bans), 0);
	skel->rodata->sl_test_clock = !options->real_clock;
	skel->rodata->sl_filter_bits = FILTER_BITS(options->sources);
	skel->rodata->sl_sources_max = options->sources;
	skel->rodata->sl_region_lines = options->region_lines;
}

static void *map_memory(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

size_t harness_strangers_size(const struct harness *harness)
{
	return SL_REGIONS * (size_t)harness->options.region_lines * sizeof(struct sl_line);
}

struct harness *harness_new(const struct harness_options *options)
{
	struct harness *harness = calloc(1, sizeof(*harness));

	assert_non_null(harness);
	harness->options = options ? *options : defaults;
	harness->cpus = libbpf_num_possible_cpus();
	assert_in_range(harness->cpus, 1, CPUS_MAX);
	harness->skel = sluice_bpf__open();
	assert_non_null(harness->skel);
	set_sizes(harness->skel, &harness->options);
	assert_int_equal(sluice_bpf__load(harness->skel), 0);
	harness->state = map_memory(harness_map(harness, "state"), sizeof(struct sl_state));
	harness->strangers =
		map_memory(harness_map(harness, "strangers"), harness_strangers_size(harness));
	harness_reset(harness);
	return harness;
}

static void forget_policy(struct harness *harness)
{
	compiled_free(&harness->compiled);
	memset(&harness->compiled, 0, sizeof(harness->compiled));
	numbering_free(harness->numbering);
	harness->numbering = NULL;
	harness->generation = 0;
}

void harness_free(struct harness *harness)
{
	if (!harness)
		return;
	forget_policy(harness);
	munmap(harness->state, sizeof(struct sl_state));
	munmap(harness->strangers, harness_strangers_size(harness));
	sluice_bpf__destroy(harness->skel);
	free(harness);
}

int harness_map(struct harness *harness, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(harness->skel->obj, name);

	assert_true(fd >= 0);
	return fd;
}

int harness_program(struct harness *harness)
{
	return bpf_program__fd(harness->skel->progs.sl_ingress);
}

/* ---- Back to the start --------------------------------------------------------------- */

static void map_empty(struct harness *harness, const char *name)
{
	int fd = harness_map(harness, name);
	uint8_t key[32];

	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

static void array_zero(struct harness *harness, const char *name, uint32_t entries, size_t size)
{
	int fd = harness_map(harness, name);
	void *zero = calloc((size_t)harness->cpus, (size + 7) / 8 * 8);

	assert_non_null(zero);
	for (uint32_t key = 0; key < entries; key++)
		assert_int_equal(bpf_map_update_elem(fd, &key, zero, BPF_ANY), 0);
	free(zero);
}

static void filter_zero(struct harness *harness)
{
	size_t size = 2 * FILTER_BITS(harness->options.sources) / 8;
	void *filter = map_memory(harness_map(harness, "filter"), size);

	memset(filter, 0, size);
	munmap(filter, size);
}

/* As the agent does before it bans a source. */
void harness_filter_add(struct harness *harness, const struct sl_source *source)
{
	uint32_t bits = FILTER_BITS(harness->options.sources), key = 0;
	uint64_t *filter = map_memory(harness_map(harness, "filter"), 2 * bits / 8);
	struct sl_secret secret;
	uint32_t bit;

	assert_int_equal(bpf_map_lookup_elem(harness_map(harness, "secret"), &key, &secret), 0);
	bit = sl_filter_bit(&secret, source, SL_FILTER_BANNED, bits);
	filter[bit / 64] |= 1ull << (bit & 63);
	munmap(filter, 2 * bits / 8);
}

static void write_config(struct harness *harness)
{
	const struct sl_config config = {
		.magic = SL_ABI_MAGIC,
		.abi_version = SL_ABI_VERSION,
		.filter_write = 1,
		.sources_open = harness->options.sources / 4 * 3,
		.started_unix_ns = 1,
	};

	harness_write_config(harness, &config);
}

void harness_reset(struct harness *harness)
{
	const char *const hashes[] = {"sources", "bans",	  "rules",	  "allows4",
				      "allows6", "ban_prefixes4", "ban_prefixes6"};
	const struct sl_secret secret = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
	uint32_t key = 0;

	forget_policy(harness);
	assert_int_equal(numbering_new(&harness->numbering), 0);
	for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++)
		map_empty(harness, hashes[i]);
	array_zero(harness, "counters", SL_REASON_COUNT, sizeof(struct sl_count));
	array_zero(harness, "faults", SL_FAULT_COUNT, sizeof(uint64_t));
	array_zero(harness, "tiers", 256, sizeof(struct sl_tally));
	array_zero(harness, "budgets", 1, sizeof(struct sl_budgets));
	filter_zero(harness);
	memset(harness->strangers, 0, harness_strangers_size(harness));
	memset(harness->state, 0, sizeof(*harness->state));
	assert_int_equal(bpf_map_update_elem(harness_map(harness, "secret"), &key, &secret, 0), 0);
	write_config(harness);
	harness_set_clock(harness, HARNESS_START);
}

int harness_setup_group(void **state)
{
	*state = harness_new(NULL);
	return 0;
}

int harness_teardown_group(void **state)
{
	harness_free(*state);
	return 0;
}

int harness_setup(void **state)
{
	harness_reset(*state);
	return 0;
}

/* ---- Policy ------------------------------------------------------------------------------ */

static struct policy *parse(const char *yaml)
{
	struct policy_problems problems = {};
	struct policy *policy = NULL;
	char text[8192];

	assert_true((size_t)snprintf(text, sizeof(text), "interfaces: [slt0]\n%s", yaml) <
		    sizeof(text));
	if (policy_parse(bytes_of(text), &problems, &policy))
		fail_msg("policy: line %u: %s", problems.at[0].place.line, problems.at[0].text);
	return policy;
}

static void trie_add(int trie, const struct compiled_rule *rule)
{
	struct sl_prefix6 key = {.bits = rule->prefix.bits};

	/* struct sl_prefix4 is the same, shorter. */
	memcpy(key.byte, rule->prefix.byte, sizeof(key.byte));
	assert_int_equal(bpf_map_update_elem(trie, &key, &rule->rule, BPF_ANY), 0);
}

static void fill_trie(struct harness *harness, uint8_t family, uint32_t slot)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	const struct compiled *compiled = &harness->compiled;
	size_t key_size =
		family == ADDRESS_IPV4 ? sizeof(struct sl_prefix4) : sizeof(struct sl_prefix6);
	int outer = harness_map(harness, family == ADDRESS_IPV4 ? "policy4" : "policy6");
	int trie = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "trie", (uint32_t)key_size,
				  sizeof(struct sl_rule), 1000000, &options);

	assert_true(trie >= 0);
	for (size_t i = 0; i < compiled->rule_count; i++)
		if (compiled->rules[i].prefix.family == family)
			trie_add(trie, &compiled->rules[i]);
	assert_int_equal(bpf_map_update_elem(outer, &slot, &trie, BPF_ANY), 0);
	close(trie);
}

static void switch_to(struct harness *harness)
{
	struct sl_config config = harness_read_config(harness);

	config.generation = harness->generation;
	if (harness->compiled.longest_burst_ns > config.longest_burst_ns)
		config.longest_burst_ns = harness->compiled.longest_burst_ns;
	harness_write_config(harness, &config);
}

void harness_policy(struct harness *harness, const char *yaml)
{
	struct policy *policy = parse(yaml);
	uint32_t generation = harness->generation + 1;
	uint32_t slot = generation & 1;

	compiled_free(&harness->compiled);
	assert_int_equal(
		policy_compile(policy, generation, TICK_NS, harness->numbering, &harness->compiled),
		0);
	harness->bits = policy->source_bits;
	policy_free(policy);

	assert_int_equal(bpf_map_update_elem(harness_map(harness, "policies"), &slot,
					     harness->compiled.policy, BPF_ANY),
			 0);
	fill_trie(harness, ADDRESS_IPV4, slot);
	fill_trie(harness, ADDRESS_IPV6, slot);
	harness->generation = generation;
	switch_to(harness);
}

struct sl_policy harness_compiled(struct harness *harness)
{
	return *harness->compiled.policy;
}

/* ---- Clock ------------------------------------------------------------------------------- */

void harness_set_clock(struct harness *harness, uint64_t now_ns)
{
	__atomic_store_n(&harness->state->test_now_ns, now_ns, __ATOMIC_RELEASE);
}

uint64_t harness_now(const struct harness *harness)
{
	return harness->state->test_now_ns;
}

void harness_advance(struct harness *harness, int64_t by_ns)
{
	harness_set_clock(harness, harness_now(harness) + (uint64_t)by_ns);
}

/* ---- Running ------------------------------------------------------------------------------- */

static uint32_t run(struct harness *harness, const struct frame *frame, uint32_t count)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->byte,
		    .data_size_in = (uint32_t)frame->len, .repeat = (int)count);

	assert_int_equal(bpf_prog_test_run_opts(harness_program(harness), &opts), 0);
	return opts.retval;
}

uint32_t harness_run(struct harness *harness, const struct frame *frame)
{
	return run(harness, frame, 1);
}

static const enum sl_verdict verdicts[SL_REASON_COUNT] = {
#define VERDICT_ENTRY(name, verdict, label, help) [SL_##name] = SL_##verdict,
	SL_REASONS(VERDICT_ENTRY)
#undef VERDICT_ENTRY
};

static const char *const labels[SL_REASON_COUNT] = {
#define LABEL_ENTRY(name, verdict, label, help) [SL_##name] = label,
	SL_REASONS(LABEL_ENTRY)
#undef LABEL_ENTRY
};

const char *reason_label(enum sl_reason reason)
{
	return reason < SL_REASON_COUNT ? labels[reason] : "none";
}

enum sl_reason harness_judge(struct harness *harness, const struct frame *frame)
{
	uint64_t before[SL_REASON_COUNT];
	enum sl_reason found = SL_REASON_COUNT;
	uint32_t action;

	for (int reason = 0; reason < SL_REASON_COUNT; reason++)
		before[reason] = harness_reason_count(harness, (enum sl_reason)reason);
	action = harness_run(harness, frame);
	for (int reason = 0; reason < SL_REASON_COUNT; reason++) {
		uint64_t more =
			harness_reason_count(harness, (enum sl_reason)reason) - before[reason];

		assert_in_range(more, 0, found == SL_REASON_COUNT);
		if (more)
			found = (enum sl_reason)reason;
	}
	assert_int_not_equal(found, SL_REASON_COUNT);
	assert_int_equal(action, verdicts[found] == SL_DROP ? XDP_DROP : XDP_PASS);
	return found;
}

static uint64_t passed_so_far(struct harness *harness)
{
	uint64_t passed = 0;

	for (int reason = 0; reason < SL_REASON_COUNT; reason++)
		if (verdicts[reason] != SL_DROP)
			passed += harness_reason_count(harness, (enum sl_reason)reason);
	return passed;
}

uint64_t harness_passes(struct harness *harness, const struct frame *frame, uint32_t count)
{
	uint64_t before = passed_so_far(harness);

	run(harness, frame, count);
	return passed_so_far(harness) - before;
}

struct sl_meta harness_meta(struct harness *harness, const struct frame *frame)
{
	uint8_t out[FRAME_MAX + 256];
	struct xdp_md ctx = {.data_end = (uint32_t)frame->len};
	struct xdp_md ctx_out = {};
	struct sl_meta meta = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->byte,
		    .data_size_in = (uint32_t)frame->len, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .ctx_out = &ctx_out, .ctx_size_out = sizeof(ctx_out), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(harness_program(harness), &opts), 0);
	if (ctx_out.data) {
		assert_int_equal(ctx_out.data, sizeof(meta));
		memcpy(&meta, out, sizeof(meta));
	}
	return meta;
}
