/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sources: {10.0.0.0/8: internal, 203.0.113.66: deny}
 *
 * A million lines are a legitimate block list: nothing here takes more than a few words a line, or looks
 * at one line for each of the others.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/problems.h"
#include "policy/reading.h"
#include "policy/split.h"
#include "policy/suggest.h"

#define SOURCES_ROOM_MIN 64

/* ---- Names of tiers, known or not yet ---- */

static bool is_tier_name(struct bytes text)
{
	if (!text.len || text.len > POLICY_NAME_MAX || !isalnum((unsigned char)text.at[0]))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!isalnum((unsigned char)text.at[i]) && !memchr("_-.", text.at[i], 3))
			return false;
	return true;
}

static uint32_t hash(struct bytes text)
{
	uint32_t sum = 2166136261u; /* FNV-1a; at most 256 names, so chosen ones gain nothing */

	for (size_t i = 0; i < text.len; i++)
		sum = (sum ^ (uint8_t)text.at[i]) * 16777619u;
	return sum;
}

/* The number of a name, or -ENOSPC. */
static int name_number(struct tier_names *names, struct bytes text)
{
	size_t slot = hash(text) % READING_SLOTS;
	uint16_t number;

	for (; (number = names->slot[slot]); slot = (slot + 1) % READING_SLOTS)
		if (bytes_equal(text, bytes_of(names->name[number - 1])))
			return number - 1;
	if (names->count == READING_NAMES_MAX)
		return -ENOSPC;
	memcpy(names->name[names->count], text.at, text.len);
	names->slot[slot] = (uint16_t)++names->count;
	return (int)names->count - 1;
}

int reading_tier_name(struct reading *r, const struct node *node)
{
	int number;

	if (!reading_wants_text(r, node, "a tier's name"))
		return -EINVAL;
	if (!is_tier_name(node->text)) {
		reading_unexpected(r, node,
				   "a tier's name: at most 63 letters, digits, '_', '-', '.', "
				   "beginning with a letter or digit");
		return -EINVAL;
	}
	number = name_number(&r->names, node->text);
	if (number < 0) {
		reading_error(r, node->place, "more names of tiers than there can be tiers");
		return -EINVAL;
	}
	return number;
}

/* ---- Lines ---- */

static bool read_prefix(struct reading *r, const struct node *key, struct prefix *ret_prefix)
{
	char text[PREFIX_TEXT_MAX];

	if (!reading_wants_text(r, key, "an address or prefix"))
		return false;
	switch (prefix_parse(key->text, ret_prefix, NULL)) {
	case PREFIX_OK:
		return true;
	case PREFIX_BAD_ADDRESS:
		reading_unexpected(r, key, "an IPv4 or IPv6 address or prefix");
		return false;
	case PREFIX_BAD_LENGTH:
		reading_unexpected(r, key, "a prefix length of at most /32 (IPv4) or /128 (IPv6)");
		return false;
	case PREFIX_HOST_BITS:
		prefix_format(ret_prefix, text);
		reading_error(r, key->place, "bits behind the prefix are set; did you mean %s?",
			      text);
		return false;
	}
	return false;
}

static bool make_room(struct reading *r)
{
	struct policy *policy = r->policy;
	size_t room = r->sources_room ? 2 * r->sources_room : SOURCES_ROOM_MIN;
	struct policy_source *sources;

	if (policy->source_count < r->sources_room)
		return true;
	sources = reallocarray(policy->sources, room, sizeof(*sources));
	if (!sources) {
		r->error = -ENOMEM;
		return false;
	}
	policy->sources = sources;
	r->sources_room = room;
	return true;
}

void parse_sources(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct policy *policy = r->policy;
	struct node line;

	r->sources_at = key;
	if (value->kind != NODE_MAP) {
		reading_unexpected(r, value, "a mapping of prefixes to tiers, allow or deny");
		return;
	}
	while ((line = reader_next(&r->reader)).kind != NODE_END) {
		struct policy_source source = {.place = line.place};
		bool is_good = read_prefix(r, &line, &source.prefix);
		struct node tier = reader_next(&r->reader);
		int name = reading_tier_name(r, &tier);

		if (!is_good || name < 0 || !make_room(r))
			continue;
		source.tier = (uint8_t)name;
		policy->sources[policy->source_count++] = source;
	}
}

/* ---- When the tiers are known ---- */

static const char *tier_name(const void *context, size_t i)
{
	return policy_tier_name(context, (uint8_t)i);
}

static void unknown_tier(struct reading *r, struct place place, const char *name)
{
	const struct policy *policy = r->policy;
	char known[120] = "";
	const char *meant;
	size_t len = 0;

	if (problems_full(r->problems, place)) {
		reading_error(r, place, "unknown tier");
		return;
	}
	meant = suggest_nearest(bytes_of(name), tier_name, policy, policy->tier_count);
	if (meant) {
		reading_error(r, place, "unknown tier \"%s\"; did you mean \"%s\"?", name, meant);
		return;
	}
	for (size_t i = 0; i < policy->tier_count && len < sizeof(known); i++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s, ",
					policy->tiers[i].name);
	reading_error(r, place, "unknown tier \"%s\"; expected %sallow or deny", name, known);
}

#define UNKNOWN SL_TIERS_MAX /* a number that is no tier's, nor allow, nor deny */

/* What each name means, by its number. */
static void resolve_names(const struct reading *r, uint8_t ret_tier[static READING_NAMES_MAX])
{
	for (size_t i = 0; i < r->names.count; i++) {
		struct bytes name = bytes_of(r->names.name[i]);
		int tier = policy_find_tier(r->policy, name);

		if (bytes_equal(name, BYTES("allow")))
			tier = SL_TIER_ALLOW;
		else if (bytes_equal(name, BYTES("deny")))
			tier = SL_TIER_DENY;
		ret_tier[i] = tier < 0 ? UNKNOWN : (uint8_t)tier;
	}
}

static int compare_sources(const void *a, const void *b)
{
	const struct policy_source *x = a, *y = b;
	int order = prefix_compare(&x->prefix, &y->prefix);

	if (order)
		return order;
	return (x->place.line > y->place.line) - (x->place.line < y->place.line);
}

static void sort_sources(struct policy *policy)
{
	size_t i = 1;

	/* Lists are often sorted already, by the program that made them. */
	while (i < policy->source_count &&
	       compare_sources(&policy->sources[i - 1], &policy->sources[i]) <= 0)
		i++;
	if (i < policy->source_count)
		qsort(policy->sources, policy->source_count, sizeof(policy->sources[0]),
		      compare_sources);
}

static void find_twins(struct reading *r)
{
	const struct policy *policy = r->policy;
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 1; i < policy->source_count; i++) {
		const struct policy_source *first = &policy->sources[i - 1];
		const struct policy_source *second = &policy->sources[i];

		if (prefix_compare(&first->prefix, &second->prefix))
			continue;
		if (first->tier == second->tier || first->tier == UNKNOWN ||
		    second->tier == UNKNOWN)
			reading_error(r, second->place, "%s stands twice; it is on line %u already",
				      prefix_format(&second->prefix, text), first->place.line);
		else
			reading_error(r, second->place, "%s contradicts line %u: %s there, %s here",
				      prefix_format(&second->prefix, text), first->place.line,
				      policy_tier_name(policy, first->tier),
				      policy_tier_name(policy, second->tier));
	}
}

static void check_room(struct reading *r)
{
	const uint32_t max = r->policy->tables.prefixes;
	struct trie_sizes sizes = trie_sizes(r->policy);

	if (sizes.ipv4 > max || sizes.ipv6 > max)
		reading_error(
			r, r->sources_at,
			"%zu IPv4 and %zu IPv6 prefixes (those added where a source is split "
			"included), expected at most %u each; raise `tables: {prefixes: ...}`",
			sizes.ipv4, sizes.ipv6, max);
}

static void resolve_sources(struct reading *r, const uint8_t tier[static READING_NAMES_MAX])
{
	struct policy *policy = r->policy;

	for (size_t i = 0; i < policy->source_count; i++) {
		struct policy_source *source = &policy->sources[i];
		uint8_t name = source->tier;

		source->tier = tier[name];
		if (source->tier == UNKNOWN)
			unknown_tier(r, source->place, r->names.name[name]);
	}
}

void finish_sources(struct reading *r)
{
	uint8_t tier[READING_NAMES_MAX];

	resolve_names(r, tier);
	if (r->default_given && r->default_at.line) {
		r->policy->default_tier = tier[r->default_name];
		if (r->policy->default_tier == UNKNOWN)
			unknown_tier(r, r->default_at, r->names.name[r->default_name]);
	}
	resolve_sources(r, tier);
	sort_sources(r->policy);
	find_twins(r);
	check_room(r);
}
