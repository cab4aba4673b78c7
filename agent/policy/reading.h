/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the sections of a policy are read with. Each section is a file, parse_NAME.c, whose functions get
 * the node of a value, read all of it, and say what is wrong with it; parse.c has the table of them.
 */
#ifndef POLICY_READING_H
#define POLICY_READING_H

#include "policy/policy.h"
#include "policy/reader.h"

#define READING_NAMES_MAX 256 /* different tier names among sources: more than there can be tiers */
#define READING_SLOTS	  1024
#define READING_KEYS_MAX  40 /* of one mapping with known keys */

/*
 * Tiers are named before they are known, as the file may have its sections in any order. Until then a
 * source's tier is the number of a name here.
 */
struct tier_names {
	char name[READING_NAMES_MAX][POLICY_NAME_MAX + 1];
	size_t count;
	uint16_t slot[READING_SLOTS]; /* hash -> number + 1; 0: empty */
};

struct reading {
	struct reader reader;
	struct policy_problems *problems;
	struct policy *policy;
	int error;		   /* 0 or -ENOMEM */
	const struct field *field; /* whose read() was called last */
	struct http_reading *http; /* what is known of http so far; NULL without */

	struct tier_names names;
	size_t sources_room;
	bool default_given;
	uint8_t default_name;
	struct place default_at;

	/* Where the keys of these stand; line 0 if they are not in the file. */
	struct place interfaces_at, protect_at, tiers_at, sources_at;
};

/* Add a problem, unless reading has ended early: what follows from that is nobody's mistake. */
#define reading_error(r, place, ...)   reading_problem(r, place, false, __VA_ARGS__)
#define reading_warning(r, place, ...) reading_problem(r, place, true, __VA_ARGS__)
void reading_problem(struct reading *r, struct place place, bool is_warning, const char *format,
		     ...) __attribute__((format(printf, 4, 5)));

/* "found X, expected EXPECTED" at the node, which is read past. */
void reading_unexpected(struct reading *r, const struct node *node, const char *expected);

/* Whether node is a scalar that is not empty; else reading_unexpected(). */
bool reading_wants_text(struct reading *r, const struct node *node, const char *expected);

/* One key of a mapping: read() reads value into what `into` points to. key is where the key stands. */
typedef void field_fn(struct reading *r, void *into, struct place key, const struct node *value);
struct field {
	const char *name;
	field_fn *read;
	const void *spec; /* for read(), which finds it in r->field */
};

/*
 * Read node, a mapping, by the table of its keys; unknown keys and keys that stand twice are errors.
 * Returns false, with an error, if it is no mapping.
 */
bool reading_map(struct reading *r, const struct node *node, const struct field *fields,
		 size_t count, void *into);
#define READING_MAP(r, node, fields, into) \
	reading_map(r, node, fields, sizeof(fields) / sizeof((fields)[0]), into)

/* Call item() for every item of a list, or for node itself if it is a scalar. */
typedef void item_fn(struct reading *r, void *into, const struct node *item);
void reading_list(struct reading *r, const struct node *node, const char *expected, item_fn *item,
		  void *into);

/* Scalars. Each returns false with an error if it is something else, and leaves the output alone. */
bool reading_number(struct reading *r, const struct node *node, uint64_t min, uint64_t max,
		    uint64_t *ret_number);
bool reading_duration(struct reading *r, const struct node *node, uint64_t *ret_ns);
bool reading_bool(struct reading *r, const struct node *node, bool *ret_bool);
/* words: NULL-terminated; *ret_word is the index of the one found. */
bool reading_word(struct reading *r, const struct node *node, const char *const *words,
		  unsigned *ret_word);

/* Decimal, or hexadecimal with 0x. Returns false for anything else. */
bool parse_number(struct bytes text, uint64_t *ret_number);

/* Number of a name in r->names; -EINVAL, with an error at node, if it cannot be a tier's name. */
int reading_tier_name(struct reading *r, const struct node *node);

/* The sections. */
field_fn parse_interfaces, parse_protect, parse_scope, parse_tiers, parse_sources, parse_default,
	parse_bans, parse_source_prefix, parse_tables, parse_flag, parse_http;

/* When all is read: names become tiers, sources are sorted, and what contradicts itself is found. */
void finish_sources(struct reading *r);
void finish_http(struct reading *r);

#endif
