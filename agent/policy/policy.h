/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A policy as people wrote it: names, lines, rates; and nothing of maps or sockets.
 *
 *   text -> policy_parse() -> struct policy -> policy_compile() -> what the datapath reads
 *
 * A policy is made whole, never changed afterwards, and freed whole.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/abi.h>

#include "base/address.h"
#include "base/buffer.h"
#include "base/bytes.h"

#define POLICY_TEXT_MAX	      (128u << 20) /* bytes of a policy file; a million prefixes are 30 MiB */
#define POLICY_INTERFACES_MAX 64
#define POLICY_NAME_MAX \
	63 /* bytes of a tier's name: letters, digits, '_', '-', '.'; begins with one of the first two */
#define POLICY_ERRORS_MAX      50 /* more are counted, not kept */
#define POLICY_PORT_RANGES_MAX 256

/* Where something stands in the file; both count from 1. 0: it is a default, not in the file. */
struct place {
	uint32_t line;
	uint32_t column;
};

/* "N per M units burst B", for packets, connections or bytes. */
struct rate {
	uint64_t count;	    /* packets, connections or bytes */
	uint64_t period_ns; /* in which so many are let in */
	uint64_t burst;	    /* packets, connections or bytes: the bucket's size */
	bool burst_given; /* else it is the default: one second's worth, at least the kind's minimum */
	struct place place;
};

struct policy_tier {
	char name[POLICY_NAME_MAX + 1];
	struct place place;
	bool unlimited;
	bool limited[SL_KIND_COUNT];
	struct rate rate[SL_KIND_COUNT]; /* where limited[] */
	enum sl_over over;
	uint8_t flag_above_percent; /* of the burst; 0: no soft mark */
};

/* One line of `sources`. tier: index into tiers, SL_TIER_ALLOW or SL_TIER_DENY. */
struct policy_source {
	struct prefix prefix;
	uint8_t tier;
	struct place place;
};

struct port_range {
	uint16_t first;
	uint16_t last;
};

/* What is protected: protocols whole, or by destination port. */
struct policy_protect {
	bool everything;
	bool whole[256];			   /* by IP protocol number */
	struct port_range *ranges[SL_PORT_TABLES]; /* sorted, not overlapping */
	size_t range_count[SL_PORT_TABLES];
};

struct policy_bans {
	uint32_t after; /* drops; 0: no automatic bans */
	uint64_t within_ns;
	uint64_t for_ns;
	uint64_t max_ns;
};

struct policy_tables {
	uint32_t sources;   /* entries */
	uint64_t strangers; /* bytes; a power of two, 64 KiB to 1 GiB */
	uint32_t prefixes;  /* entries a family */
	uint32_t bans;	    /* entries */
};

struct policy_flag {
	uint32_t mark;
	uint32_t mask;
	bool accept; /* set net.ipv4.tcp_fwmark_accept */
};

struct policy {
	char **interfaces; /* names or globs; NULL-terminated */
	size_t interface_count;
	bool has_packet_plane;	  /* interfaces is in the file */
	bool has_http_plane;	  /* http is in the file */
	struct http_policy *http; /* what stands there; NULL without */

	struct policy_protect protect;
	bool scope_everything;
	struct policy_tier *tiers; /* in the file's order; at most SL_TIERS_MAX */
	size_t tier_count;
	struct policy_source *sources; /* sorted by prefix_compare(), no prefix twice */
	size_t source_count;
	uint8_t default_tier; /* index, SL_TIER_ALLOW or SL_TIER_DENY */
	struct policy_bans bans;
	struct source_bits source_bits;
	struct policy_tables tables;
	struct policy_flag flag;
};

/* One thing wrong, or worth a warning, with the policy. */
struct policy_problem {
	struct place place;
	bool is_warning;
	char text[256]; /* what was found and what was expected */
};

struct policy_problems {
	struct policy_problem at[POLICY_ERRORS_MAX];
	size_t count;  /* kept in at[], sorted by place */
	size_t errors; /* all errors, kept or not */
	size_t warnings;
};

/*
 * Parse text (YAML, at most POLICY_TEXT_MAX bytes). Every problem is added to *problems, errors and
 * warnings alike; a syntax error of YAML itself ends the reading.
 * Returns 0 and *ret_policy, freed with policy_free(); -EINVAL if there is any error, or -ENOMEM,
 * -EFBIG; *ret_policy is then left alone.
 */
int policy_parse(struct bytes text, struct policy_problems *problems, struct policy **ret_policy);

/*
 * Read the file at path and parse it. A file that cannot be read is a problem without a place, and
 * -errno. Otherwise as policy_parse(). ret_text, unless NULL, gets the file's text, the caller's
 * to free, even where the policy is bad.
 */
int policy_read(const char *path, struct policy_problems *problems, struct buffer *ret_text,
		struct policy **ret_policy);

/* NULL is fine. */
void policy_free(struct policy *policy);

/* One line a problem: "FILE:LINE:COLUMN: error: TEXT" (the place is left out where there is none). */
void policy_problems_format(const struct policy_problems *problems, const char *file,
			    struct buffer *out);

/* The policy as YAML in the file's format, defaults written out; parsing it gives the same policy. */
void policy_print(const struct policy *policy, struct buffer *out);

/*
 * What would change from before to after, a line each ("tier public: packets 2000/second -> 500/second",
 * "source 10.0.0.0/8: added, internal"); nothing if they mean the same. before may be NULL.
 * Returns how many lines were written; above POLICY_DIFF_MAX lines the rest is counted in a last line.
 */
#define POLICY_DIFF_MAX 1000
size_t policy_diff(const struct policy *before, const struct policy *after, struct buffer *out);

/* Index of the tier called name, or -ENOENT. */
int policy_find_tier(const struct policy *policy, struct bytes name);

/* Name of a tier index; "allow" and "deny" for the two that are no tiers. */
const char *policy_tier_name(const struct policy *policy, uint8_t tier);

/* The longest prefix of `sources` that covers address, or NULL where the default applies. */
const struct policy_source *policy_find_source(const struct policy *policy,
					       const struct prefix *address);

#endif
