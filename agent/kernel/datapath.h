/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pinned maps of one network namespace: made, adopted, filled, read, removed.
 *
 * Kernel objects have two lives. The fds end with datapath_close() and leave the datapath
 * limiting; the pins end with datapath_remove(). Nothing here attaches programs (attach.h)
 * or follows interfaces (interfaces.h).
 *
 * Single-threaded. now_ns is CLOCK_MONOTONIC.
 */
#ifndef KERNEL_DATAPATH_H
#define KERNEL_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/abi.h>

#include "policy/compile.h"
#include "policy/policy.h"

struct datapath;
struct bpf_object;

/*
 * Every map shared by the programs of a namespace, as X(name). Pinned under these names.
 * (clang-format 14 breaks this table differently each time it is asked.)
 */
/* clang-format off */
#define DATAPATH_MAPS(X)                                                        \
	X(config) X(state) X(secret) X(policies) X(policy4) X(policy6)          \
	X(allows4) X(allows6) X(ban_prefixes4) X(ban_prefixes6) X(bans)         \
	X(sources) X(filter) X(strangers) X(tiers) X(rules) X(faults)           \
	X(budgets) X(events)
/* clang-format on */

enum datapath_map {
#define DATAPATH_MAP_ENUM(name) DATAPATH_MAP_##name,
	DATAPATH_MAPS(DATAPATH_MAP_ENUM)
#undef DATAPATH_MAP_ENUM
		DATAPATH_MAP_COUNT,
};

/* Longest problem text a call here produces for people. */
#define DATAPATH_ERROR_MAX 256

enum datapath_origin {
	DATAPATH_NEW,	  /* maps were made */
	DATAPATH_ADOPTED, /* maps of an earlier agent, with everything in them */
};

struct datapath_options {
	struct policy_tables tables; /* sizes; 0: as it is, or the usual one where there is none */
	bool fresh;		     /* take the place of a datapath of another ABI version */
};

/*
 * Open the datapath of the current network namespace: adopt what is pinned (or, where the pins are
 * gone, what the attached programs hold), else make it. Pin directories of namespaces that no longer
 * exist are removed. Tables of another size than options->tables are made anew and filled from the old ones; strangers begin
 * anew. What people should know of it is logged.
 * Returns 0, *ret_datapath and *ret_origin; else -errno and a sentence for people in error: -EPERM
 * (not root), -EPROTONOSUPPORT (another ABI version; it keeps running), -ENOTSUP (kernel below 6.1 or a
 * feature missing), -EBUSY (another agent has this namespace's datapath open: the pin directory is locked).
 */
int datapath_open(const struct datapath_options *options, struct datapath **ret_datapath,
		  enum datapath_origin *ret_origin, char error[static DATAPATH_ERROR_MAX]);

/* Closes the fds; the datapath goes on limiting. NULL is fine. */
void datapath_close(struct datapath *datapath);

/* Unpins everything of this namespace. Call after the programs are detached. Ends with datapath_close(). */
void datapath_remove(struct datapath *datapath);

/*
 * Make object, opened from the program's skeleton and not loaded, use the shared maps: every map but "counters", which
 * stays its own; and set the constants that follow from their sizes. Returns 0 or -errno.
 */
int datapath_share_maps(const struct datapath *datapath, struct bpf_object *object);

/*
 * Call when every attached program uses the maps of this datapath (at a start: when the programs of an earlier agent have
 * been kept or replaced). Where a table was resized, what was written to the old one meanwhile is carried over
 * and the old one released. Otherwise does nothing. The first sweep calls it, too.
 */
void datapath_finish_adoption(struct datapath *datapath);

/* The fd of a shared map, the datapath's. */
int datapath_map_fd(const struct datapath *datapath, enum datapath_map map);

/*
 * Make object, opened and not yet loaded, use the shared maps instead of its own. Returns 0, or -errno of libbpf.
 * Maps of object that are not shared ("counters") are left alone.
 */
struct bpf_object;
int datapath_share_maps(const struct datapath *datapath, struct bpf_object *object);

/* Directory of this namespace's pins, e.g. /sys/fs/bpf/sluice/1; "" where there is no bpffs. */
const char *datapath_pin_dir(const struct datapath *datapath);

/* Whether pins outlive this process: false where bpffs could only be mounted privately. */
bool datapath_is_pinned(const struct datapath *datapath);

/*
 * Put policy in force: fill the idle slot, switch, wait for the packets still under the old one.
 * Returns 0; on -errno nothing has changed and error says why.
 */
int datapath_load_policy(struct datapath *datapath, const struct policy *policy,
			 char error[static DATAPATH_ERROR_MAX]);

/* What is in force. generation is 0 and the numbering empty before the first load. */
uint32_t datapath_generation(const struct datapath *datapath);
const struct numbering *datapath_numbering(const struct datapath *datapath);
struct source_bits datapath_source_bits(const struct datapath *datapath);

/* ---- Reading --------------------------------------------------------------- */

/* Called for every tracked source; return false to stop. */
typedef bool datapath_source_fn(void *context, const struct sl_source *source,
				const struct sl_tracked *tracked);
/* Returns 0 or -errno of the map. Entries added meanwhile may be left out. */
int datapath_each_source(const struct datapath *datapath, datapath_source_fn *fn, void *context);

/* Returns 0, or -ENOENT for a stranger. */
int datapath_find_source(const struct datapath *datapath, const struct sl_source *source,
			 struct sl_tracked *ret_tracked);

/* What a stranger owes in the table under tier: nanoseconds by kind, 0 where it has no word. */
void datapath_stranger_owed(const struct datapath *datapath, const struct sl_source *source,
			    const struct sl_tier *tier, uint64_t now_ns,
			    uint64_t ret_owed_ns[SL_KIND_COUNT]);

/* The compiled policy in force (a copy). Returns 0 or -ENOENT before the first load. */
int datapath_policy(const struct datapath *datapath, struct sl_policy *ret_policy);

/* Sums over all CPUs. Unknown numbers give zeros. */
void datapath_tier_tally(const struct datapath *datapath, uint8_t tier, struct sl_tally *ret_tally);
void datapath_rule_tally(const struct datapath *datapath, uint32_t rule,
			 struct sl_tally *ret_tally);
/* Called for every rule that a packet has matched, in no order; return false to stop. */
typedef bool datapath_rule_fn(void *context, uint32_t rule, const struct sl_tally *tally);
/* Returns 0, -ENOMEM or -errno of the map. */
int datapath_each_rule(const struct datapath *datapath, datapath_rule_fn *fn, void *context);
uint64_t datapath_fault_count(const struct datapath *datapath, enum sl_fault fault);

struct datapath_fill {
	uint64_t sources, sources_max;
	uint64_t bans, bans_max;		   /* single sources, expired ones included */
	uint64_t ban_prefixes, allows;		   /* both families */
	uint64_t strangers_owing, strangers_words; /* words in debt at now_ns / all */
};
/* Counting the strangers reads the whole table (16 MiB: some milliseconds). */
void datapath_fill(const struct datapath *datapath, uint64_t now_ns,
		   struct datapath_fill *ret_fill);

/* ---- Bans and runtime allows ------------------------------------------------- */

struct ban {
	struct prefix prefix; /* of a source's own length: the source */
	uint64_t since_ns;
	uint64_t until_ns;
	uint32_t strikes;
	enum sl_ban_cause cause;
	char reason
		[64]; /* for people; "" if none was given. Kept by the agent, not by the datapath */
};

/*
 * Ban prefix until until_ns. A prefix as long as a source, or longer, bans the source. What is banned
 * longer already stays so. Returns 0; -EEXIST if a policy prefix or a runtime allow covers it (error
 * names the line or the allow); -ENOSPC if the map is full; -errno.
 */
int datapath_ban(struct datapath *datapath, const struct policy *policy, const struct ban *ban,
		 char error[static DATAPATH_ERROR_MAX]);

/*
 * Ban a source for one strike more than it has: for_ns the first time, then twice as long each time, up to max_ns.
 * Strikes are those of the datapath's own bans, and are remembered as long (they outlive this process and, saved, the
 * host's reboot). Of *ban prefix, since_ns, cause and reason are the caller's; strikes and until_ns are set.
 * Returns 0; -EALREADY if a ban of the source is in force; -ENOSPC also where half of the table is in use; -EINVAL if
 * prefix is not as long as a source; else as datapath_ban(). *ban is then untouched.
 */
struct ban_terms {
	uint64_t for_ns;
	uint64_t max_ns;
	uint64_t
		ret_ended_ns; /* 0, or when the ban before ended, if no sweep has told of it (nor will) */
};
int datapath_ban_again(struct datapath *datapath, const struct policy *policy,
		       struct ban_terms *terms, struct ban *ban,
		       char error[static DATAPATH_ERROR_MAX]);

/* Ban many; the same rules. *ret_banned counts those done; refused ones are reported through fn. Returns 0 or -errno. */
typedef void datapath_refused_fn(void *context, const struct ban *ban, const char *why);
int datapath_ban_all(struct datapath *datapath, const struct policy *policy, const struct ban *bans,
		     size_t count, datapath_refused_fn *fn, void *context, size_t *ret_banned);

/*
 * End the ban of exactly this prefix or source; its strikes are forgotten. Returns 0; -ENOENT; -ETIME if it had ended
 * by now_ns: its strikes are forgotten all the same.
 */
int datapath_unban(struct datapath *datapath, const struct prefix *prefix, uint64_t now_ns);

/* Called for every ban in force at now_ns; return false to stop. */
typedef bool datapath_ban_fn(void *context, const struct ban *ban);
int datapath_each_ban(const struct datapath *datapath, uint64_t now_ns, datapath_ban_fn *fn,
		      void *context);

/* The ban that covers address at now_ns, source or prefix, the one that ends last. Returns 0 or -ENOENT. */
int datapath_find_ban(const struct datapath *datapath, const struct prefix *address,
		      uint64_t now_ns, struct ban *ret_ban);

struct allow {
	struct prefix prefix;
	uint64_t until_ns; /* SL_NEVER: until disallowed */
	char reason[64];
};
int datapath_allow(struct datapath *datapath, const struct allow *allow);
int datapath_disallow(struct datapath *datapath, const struct prefix *prefix); /* -ENOENT */
typedef bool datapath_allow_fn(void *context, const struct allow *allow);
int datapath_each_allow(const struct datapath *datapath, uint64_t now_ns, datapath_allow_fn *fn,
			void *context);
/* The longest runtime allow that covers address at now_ns. Returns 0 or -ENOENT. */
int datapath_find_allow(const struct datapath *datapath, const struct prefix *address,
			uint64_t now_ns, struct allow *ret_allow);

/* ---- Upkeep, on the agent's timers ---------------------------------------------- */

/*
 * Drop sources that are idle for a minute and full, forget bans whose strikes have lapsed and allows
 * that have ended, clear past words of the strangers, shrink the filter. Calls told() for every STOPPED
 * and BAN_ENDED it finds. Bounded work: at most a part of a large table per call.
 */
typedef void datapath_told_fn(void *context, const struct sl_event *event);
void datapath_sweep(struct datapath *datapath, uint64_t now_ns, datapath_told_fn *told,
		    void *context);

/* The ring buffer's epoll fd, and what to call when it is readable. Returns how many events were told. */
int datapath_events_fd(const struct datapath *datapath);
int datapath_read_events(struct datapath *datapath, datapath_told_fn *told, void *context);

#endif
