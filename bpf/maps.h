/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every map of the program. Names here are the names user space sees; keys and
 * values are those of abi.h. "counters" is the program's own, one per interface;
 * all others are shared by the interfaces of a namespace. Sizes marked "agent" are set
 * from the policy's `tables` before loading.
 */
#ifndef MAPS_H
#define MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <sluice/abi.h>

/* One value, read with the constant key 0: the verifier turns the lookup into an address. */
#define SINGLE(map_name, value_type)               \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(max_entries, 1);            \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__type(key, __u32);                \
		__type(value, value_type);         \
	} map_name SEC(".maps")

SINGLE(config, struct sl_config);
SINGLE(state, struct sl_state);
SINGLE(secret, struct sl_secret);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2); /* slot: generation & 1 */
	__type(key, __u32);
	__type(value, struct sl_policy);
} policies SEC(".maps");

/* The policy's prefixes: per family an outer map of two slots; the inner tries are made by each reload. */
struct rules4 {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* the kernel's tries know no other way */
	__uint(max_entries, 1000000);	      /* agent */
	__type(key, struct sl_prefix4);
	__type(value, struct sl_rule);
};
struct rules6 {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1000000); /* agent */
	__type(key, struct sl_prefix6);
	__type(value, struct sl_rule);
};

struct rules4 no_rules4 SEC(".maps");
struct rules6 no_rules6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct rules4);
} policy4 SEC(".maps") = {.values = {&no_rules4, &no_rules4}};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct rules6);
} policy6 SEC(".maps") = {.values = {&no_rules6, &no_rules6}};

/* Runtime allows are few and of any length: tries alone serve them. */
#define PREFIX_TRIE(map_name, key_type, value_type)      \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);     \
		__uint(map_flags, BPF_F_NO_PREALLOC);    \
		__uint(max_entries, 262144); /* agent */ \
		__type(key, key_type);                   \
		__type(value, value_type);               \
	} map_name SEC(".maps")

PREFIX_TRIE(allows4, struct sl_prefix4, struct sl_allow);
PREFIX_TRIE(allows6, struct sl_prefix6, struct sl_allow);
PREFIX_TRIE(ban_prefixes4, struct sl_prefix4, struct sl_ban);
PREFIX_TRIE(ban_prefixes6, struct sl_prefix6, struct sl_ban);

/* Not preallocated: most hosts have few bans. Never LRU: a flood must not un-ban. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144); /* agent */
	__type(key, struct sl_source);
	__type(value, struct sl_ban);
} bans SEC(".maps");

/* Preallocated: promotion happens under flood, when memory must not be asked for. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536); /* agent */
	__type(key, struct sl_source);
	__type(value, struct sl_tracked);
} sources SEC(".maps");

/* Two halves of one bit per hash of a tracked source, SL_FILTER_BITS bits per entry of "sources". */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * 16384); /* agent */
	__type(key, __u32);
	__type(value, __u64);
} filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 262144); /* agent: tables.strangers / 64 */
	__type(key, __u32);
	__type(value, struct sl_line);
} strangers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256); /* by tier number, allow and deny included */
	__type(key, __u32);
	__type(value, struct sl_tally);
} tiers SEC(".maps");

/* By rule id. Made by the first packet a rule matches: a blocklist of a million lines costs what is hit. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2000000); /* agent: prefixes of both families */
	__type(key, __u32);
	__type(value, struct sl_tally);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SL_FAULT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} faults SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_budgets);
} budgets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18); /* bytes: 4,096 events */
} events SEC(".maps");

/* Per reason, this program's interface only. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SL_REASON_COUNT);
	__type(key, __u32);
	__type(value, struct sl_count);
} counters SEC(".maps");

#endif
