/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the datapath and everything in user space.
 *
 * The only place where these layouts exist: clang compiles it for BPF and the
 * host compiler for the agent and the tests, so it includes <linux/types.h> and
 * nothing else. Integers are in host order unless a name ends in _be. Times are
 * CLOCK_MONOTONIC nanoseconds and their names end in _ns.
 *
 * Changing a layout, a map's key or the number of a reason: raise SL_ABI_VERSION.
 * A pinned datapath of another version is never written to.
 */
#ifndef SL_ABI_H
#define SL_ABI_H

#include <linux/types.h>

#define SL_ABI_VERSION 1u
#define SL_ABI_MAGIC   0x65636975u /* "uice": first word of the pinned configuration */

#define SL_CACHE_LINE  64

/* ---- Sources ------------------------------------------------------------- */

/*
 * Who is limited: an IPv6 prefix (host bits zero), an IPv4 prefix, or everything
 * that arrives on one interface under more VLAN tags than we read.
 *
 * The family is part of the key. IPv6 stands as it is on the wire. What is not
 * IPv6 begins with 0xff, which as an IPv6 source is a multicast address: the
 * kernel discards such packets and the datapath drops them as malformed, so no
 * packet can forge another family's key. Sixteen bytes exactly: together with the
 * kernel's own header the value of a tracked source then starts on a cache line.
 */
struct sl_source {
	__u8 byte[16];
} __attribute__((aligned(8)));

#define SL_NOT_IPV6 0xff /* byte[0]; byte[1] is then one of */
enum sl_family {
	SL_FAMILY_LINK = 1, /* byte[12..16): interface index, big endian */
	SL_FAMILY_IPV4 = 4, /* byte[12..16): address, network order */
};

/* Keys of the prefix tries (BPF_MAP_TYPE_LPM_TRIE): bits, then the address in network order. */
struct sl_prefix4 {
	__u32 bits; /* 0 to 32 */
	__u8 byte[4];
};
struct sl_prefix6 {
	__u32 bits; /* 0 to 128 */
	__u8 byte[16];
};

/* ---- Policy, as the datapath reads it ------------------------------------ */

/* What one packet is charged for. The order is that in which buckets are taken. */
enum sl_kind {
	SL_PACKETS,
	SL_BYTES,
	SL_CONNECTIONS, /* TCP SYN without ACK */
	SL_KIND_COUNT,
};

/*
 * One limit. User space divides; the packet path multiplies and adds.
 *
 * cost is 1e9 / rate: nanoseconds for packets and connections, nanoseconds times
 * 2^SL_BYTE_SHIFT for a byte. 0 means there is no such limit. burst_ns is cost
 * times the size of the bucket; owed time above it is refused.
 */
struct sl_limit {
	__u64 cost;
	__u64 burst_ns;
	__u64 flag_above_ns; /* owed time above which a packet is flagged; SL_NEVER: none */
	__u32 region;	     /* of the strangers table: sl_region_of() of what one packet costs */
	__u32 slack_ns; /* strangers: what rounding to 64 ns adds up to in a burst, below one cost */
};

#define SL_BYTE_SHIFT  20
#define SL_COST_NS_MIN 10ull	      /* 100 million a second */
#define SL_COST_NS_MAX 60000000000ull /* 1 a minute */
#define SL_BURST_NS_MAX \
	3600000000000ull	      /* one hour's worth; the strangers' words wrap at 78 hours */
#define SL_BYTE_COST_MAX (1ull << 47) /* 8 bytes a second: times SL_LEN_MAX still fits 64 bits */
#define SL_LEN_MAX	 (1u << 16)   /* bytes charged for one frame; frames are shorter */
#define SL_NEVER	 (~0ull)

enum sl_over {
	SL_OVER_DROP,
	SL_OVER_FLAG,
	SL_OVER_COUNT, /* dry run: judged and counted, nothing done */
};

struct sl_tier {
	struct sl_limit limit[SL_KIND_COUNT];
	__u8 over;	 /* enum sl_over */
	__u8 unlimited;	 /* no limit at all: counted by rule, never tracked */
	__u8 fine_clock; /* a burst is short against the tick of the coarse clock */
	__u8 zero[5];
};

#define SL_TIERS_MAX	250 /* numbers 0 to 249; the rest of the byte says: */
#define SL_TIER_NUMBERS 256 /* so that any byte is an index */
/* In a tracked source: ask the tries, longer prefixes lie inside it. In the policy: no tier, but each kind's longest burst. */
#define SL_TIER_UNCACHED 253
#define SL_TIER_ALLOW	 254
#define SL_TIER_DENY	 255

/* Value of a policy trie: which tier an address has, and the line that gave it. */
struct sl_rule {
	__u32 id; /* 1 to SL_RULES_MAX: counter of the prefix, kept while the prefix exists; 0: default */
	__u8 tier;
	__u8 flags;
	__u16 zero;
};

#define SL_RULES_MAX  ((1u << 24) - 1)
#define SL_RULE_SPLIT 1u /* longer prefixes lie inside this source: its tier must not be cached */
#define SL_RULE_NAMED 2u /* an explicit prefix: promoted at once, may use the reserved quarter */

#define SL_PORT_WORDS (65536 / 64)
enum sl_port_table { SL_PORTS_TCP, SL_PORTS_UDP, SL_PORTS_SCTP, SL_PORT_TABLES };

/*
 * One policy. Two of these exist: the lowest bit of the generation says which one
 * is in force. A slot is refilled only after a grace period.
 */
struct sl_policy {
	__u32 generation; /* the one this slot was filled for */
	__u8 protect_everything;
	__u8 scope_everything; /* deny and bans cover unprotected traffic too */
	__u8 has_rules4;       /* 0: the trie is empty and not asked */
	__u8 has_rules6;
	__u8 source_bits4; /* 1 to 32 */
	__u8 source_bits6; /* 1 to 128 */
	__u8 zero[2];
	__u32 flag_mark;
	__u32 flag_mask;
	__u32 ban_after; /* dropped packets; 0: no automatic bans */
	__u64 ban_within_ns;
	__u64 ban_for_ns; /* the first ban; doubles with each strike */
	__u64 ban_max_ns;
	__u64 event_every_ns; /* one event per source in this time */
	struct sl_rule default_rule;
	__u64 protocols[256 / 64];	/* bit set: protected whatever else it carries */
	__u64 port_protocols[256 / 64]; /* bit set: tcp, udp, sctp where some port is protected */
	__u64 ports[SL_PORT_TABLES][SL_PORT_WORDS]; /* bit set by destination port, host order */
	struct sl_tier tier[SL_TIER_NUMBERS];
};

/* ---- Configuration and state shared by every program of one namespace ----- */

/* Written by the agent only. Map "config", one entry. */
struct sl_config {
	__u32 magic;
	__u32 abi_version;
	__u32 generation;	/* continued by every agent; a packet reads it once */
	__u32 filter_write;	/* bits 0, 1: which halves of the filter are written */
	__u32 filter_read;	/* 0, 1: which half is read */
	__u32 has_allows;	/* bit 0: IPv4, bit 1: IPv6; 0: the tries are empty and not asked */
	__u32 has_ban_prefixes; /* likewise */
	__u32 sources_open; /* newcomers are tracked below this many; named prefixes up to the map's size */
	__u64 longest_burst_ns; /* ever in force: an instant further ahead is the past (stranger.h) */
	__u64 started_unix_ns; /* wall clock when these maps were made */
};

/* Written by the datapath too, with atomics. Map "state", one entry. */
struct sl_state {
	__u64 tracked; /* entries in "sources": added by the datapath, subtracted by the sweep */
	__u64 bans;    /* entries in "bans", expired ones included; 0: the map is not asked */
	__u64 test_now_ns; /* the clock of programs loaded for a test */
	__u64 zero[5];
};

/* SipHash keys from getrandom(). Map "secret", one entry. */
struct sl_secret {
	__u64 key[2];
};

/* ---- Buckets -------------------------------------------------------------- */

struct sl_count {
	__u64 packets;
	__u64 bytes; /* on the wire, Ethernet header included */
};

/*
 * A tracked source. Value of map "sources". The first line is all that a refusal
 * reads and writes.
 */
struct sl_tracked {
	__u64 full_at_ns[SL_KIND_COUNT]; /* see bucket.h; compare-and-swap only */
	__u64 rule;			 /* sl_rule_word(): written at once */
	__u64 drop_window;		 /* sl_window_word(): written at once */
	struct sl_count dropped;
	__u64 last_seen_ns;

	struct sl_count passed;
	struct sl_count flagged;
	__u64 first_seen_ns;
	__u64 event_ns;	     /* when it was last told of; 0: never; lowest bit: of flagging */
	__u64 event_dropped; /* dropped packets told of so far */
	__u64 zero;
};

/* generation:32 | rule id:24 | tier:8, the cached answer of the tries. */
static inline __attribute__((always_inline)) __u64 sl_rule_word(__u32 generation, __u32 id,
								__u8 tier)
{
	return (__u64)generation << 32 | (__u64)(id & SL_RULES_MAX) << 8 | tier;
}

/* One line of the strangers table: eight words of tag:22 | full_at:42 (bucket.h). */
#define SL_LINE_WORDS (SL_CACHE_LINE / 8)
struct sl_line {
	__u64 word[SL_LINE_WORDS];
} __attribute__((aligned(SL_CACHE_LINE)));

/*
 * The table is split evenly by what one packet of a limit costs, so that slow
 * debts never push fast ones out: to 1 ms, to 32 ms, to 1 s, slower.
 */
#define SL_REGIONS 4

/* Bits of the filter in front of "sources" for each entry of it: 1 lookup in 16 of a stranger is in vain. */
#define SL_FILTER_BITS 16

/* What one CPU may still do this second; both are buckets. Map "budgets", one entry per CPU. */
struct sl_budgets {
	__u64 promote_full_at_ns;
	__u64 event_full_at_ns;
};

/* ---- Bans ----------------------------------------------------------------- */

#define SL_BAN_CAUSES(X)                                 \
	X(MANUAL, "manual", "sluice ban or import")      \
	X(DROPS, "drops", "kept sending over its limit") \
	X(HTTP, "http", "kept ignoring refusals at the HTTP plane")

enum sl_ban_cause {
#define SL_BAN_CAUSE_ENUM(name, label, help) SL_BAN_##name,
	SL_BAN_CAUSES(SL_BAN_CAUSE_ENUM)
#undef SL_BAN_CAUSE_ENUM
		SL_BAN_CAUSE_COUNT,
};

/*
 * Value of "bans" (key: source) and of the tries "ban_prefixes4" and "ban_prefixes6". A trie entry's
 * until_ns is the later of its own end and that of any ban that covers it.
 * An entry outlives its end, so that strikes are remembered.
 */
struct sl_ban {
	__u64 until_ns;
	__u64 since_ns;
	__u32 strikes;
	__u8 cause; /* enum sl_ban_cause */
	__u8 zero[3];
};

/* Value of the tries "allows4" and "allows6"; until_ns as for bans, SL_NEVER: until disallowed. */
struct sl_allow {
	__u64 until_ns;
};

/* ---- Verdicts ------------------------------------------------------------- */

/*
 * Every way a packet can leave the program, as X(name, verdict, label, help).
 * The enum, the verdict, the counter's index, the metric's label and the manual
 * all come from this table; a reason added here appears in each.
 */
#define SL_REASONS(X)                                                                            \
	X(NOT_IP, PASS, "not_ip", "neither IPv4 nor IPv6, ARP among it")                         \
	X(NEIGHBOR, PASS, "neighbor", "IPv6 neighbour discovery in its only valid form")         \
	X(UNPROTECTED, PASS, "unprotected", "the policy does not protect this protocol or port") \
	X(ALLOWED, PASS, "allowed", "allowed at run time (sluice allow)")                        \
	X(ALLOW_RULE, PASS, "allow_rule", "a prefix of the policy allows it")                    \
	X(UNLIMITED, PASS, "unlimited", "its tier has no limits")                                \
	X(CONFORMING, PASS, "conforming", "within its tier's limits")                            \
	X(PORTLESS, PASS, "portless",                                                            \
	  "shows no port (fragment, long header chain); within limits")                          \
	X(DEEP_TAGS, PASS, "deep_tags",                                                          \
	  "more than two VLAN tags; within the interface's allowance")                           \
	X(DRY_RUN, PASS, "dry_run", "over a limit of a tier that only counts")                   \
	X(FLAG_SOFT, FLAG, "flag_soft", "above its tier's soft mark")                            \
	X(FLAG_OVER, FLAG, "flag_over", "over a limit of a tier that flags")                     \
	X(OVER_PACKETS, DROP, "over_packets", "over its packet limit")                           \
	X(OVER_BYTES, DROP, "over_bytes", "over its byte limit")                                 \
	X(OVER_CONNECTIONS, DROP, "over_connections", "over its connection limit")               \
	X(OVER_PORTLESS, DROP, "over_portless", "shows no port and is over a limit")             \
	X(OVER_DEEP_TAGS, DROP, "over_deep_tags", "more than two VLAN tags, over the allowance") \
	X(CONTENDED, DROP, "contended", "its bucket was lost in too many races")                 \
	X(DENIED, DROP, "denied", "a prefix of the policy denies it")                            \
	X(BANNED, DROP, "banned", "banned by hand or for its drops")                             \
	X(MALFORMED, DROP, "malformed", "a header the kernel itself would discard")              \
	X(UNREADY, PASS, "unready", "no policy is loaded yet")

enum sl_verdict { SL_PASS, SL_FLAG, SL_DROP, SL_VERDICT_COUNT };

enum sl_reason {
#define SL_REASON_ENUM(name, verdict, label, help) SL_##name,
	SL_REASONS(SL_REASON_ENUM)
#undef SL_REASON_ENUM
		SL_REASON_COUNT,
};

/* Counters by verdict: value of the per-CPU maps "tiers" (key: tier) and "rules" (key: rule id). */
struct sl_tally {
	struct sl_count by_verdict[SL_VERDICT_COUNT];
};

/*
 * What went wrong on the way without changing a verdict, as X(name, label, help);
 * index into the per-CPU map "faults".
 */
#define SL_FAULTS(X)                                                                           \
	X(PROMOTE_BUDGET, "promote_budget",                                                    \
	  "a source stayed a stranger: too many promotions at once")                           \
	X(PROMOTE_FULL, "promote_full", "a source stayed a stranger: the sources map is full") \
	X(EVICTED, "evicted", "a stranger still in debt was forgotten for a newcomer")         \
	X(BAN_FULL, "ban_full", "an automatic ban was refused: the ban map is full")           \
	X(RULE_UNCOUNTED, "rule_uncounted", "a prefix rule's counter could not be made")       \
	X(EVENT_LOST, "event_lost", "an event was not told: over budget or the ring was full") \
	X(UNMARKED, "unmarked", "a flagged packet carries no mark: the driver has no metadata")

enum sl_fault {
#define SL_FAULT_ENUM(name, label, help) SL_FAULT_##name,
	SL_FAULTS(SL_FAULT_ENUM)
#undef SL_FAULT_ENUM
		SL_FAULT_COUNT,
};

/* ---- Events ---------------------------------------------------------------- */

/*
 * What is told of a source, as X(name, label, help). STOPPED and BAN_ENDED are found by the agent's sweep; what stands
 * behind them comes from the HTTP plane, just before it has a source banned.
 */
#define SL_EVENTS(X)                                                     \
	X(LIMITED, "limited", "packets are being dropped, or still are") \
	X(FLAGGED, "flagged", "packets are being flagged, or still are") \
	X(BANNED, "banned", "banned")                                    \
	X(STOPPED, "stopped", "no longer over its limit")                \
	X(BAN_ENDED, "ban_ended", "its ban has ended")                   \
	X(REFUSED, "refused", "requests over its limits were refused")   \
	X(MALFORMED, "malformed", "messages that break HTTP's framing")  \
	X(SLOW, "slow", "requests that did not come in time")

enum sl_event_kind {
#define SL_EVENT_ENUM(name, label, help) SL_EVENT_##name,
	SL_EVENTS(SL_EVENT_ENUM)
#undef SL_EVENT_ENUM
		SL_EVENT_COUNT,
};

/* One record of the ring buffer "events". */
struct sl_event {
	__u64 at_ns;
	struct sl_source source;
	__u64 packets;	/* dropped or flagged since this source was last told of; HTTP: requests */
	__u64 until_ns; /* BANNED: the end of the ban */
	__u32 strikes;	/* BANNED: how often so far, this one included */
	__u32 ifindex;
	__u8 kind;   /* enum sl_event_kind */
	__u8 reason; /* enum sl_reason of the packet that caused it */
	__u8 tier;
	__u8 cause; /* BANNED: enum sl_ban_cause. The datapath leaves it 0, the agent fills it in */
	__u8 zero[4];
};

/* ---- Flag ------------------------------------------------------------------- */

/* In front of a flagged frame, for flag.bpf.c. Only an XDP program can write there. */
struct sl_meta {
	__u32 magic;
	__u32 mark;
	__u32 mask;
};
#define SL_META_MAGIC	     0x67616c66u /* "flag" */

#define SL_SIZED(type, size) _Static_assert(sizeof(type) == (size), #type " is part of the ABI")
SL_SIZED(struct sl_source, 16);
SL_SIZED(struct sl_prefix4, 8);
SL_SIZED(struct sl_prefix6, 20);
SL_SIZED(struct sl_limit, 32);
SL_SIZED(struct sl_tier, 104);
SL_SIZED(struct sl_rule, 8);
SL_SIZED(struct sl_config, 48);
SL_SIZED(struct sl_state, 64);
SL_SIZED(struct sl_tracked, 2 * SL_CACHE_LINE);
SL_SIZED(struct sl_line, SL_CACHE_LINE);
SL_SIZED(struct sl_ban, 24);
SL_SIZED(struct sl_tally, 48);
SL_SIZED(struct sl_event, 56);
SL_SIZED(struct sl_meta, 12);

#endif
