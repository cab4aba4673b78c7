/* SPDX-License-Identifier: BSD-2-Clause */
/* tiers: {public: {packets: 2000/second burst 4000, over: drop}, internal: unlimited} */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/rate.h"
#include "policy/reading.h"

#define FRAME_LEN	    1514 /* bytes of a full Ethernet frame: a smaller bucket never lets it through */
#define PACKETS_BURST_SMALL 10 /* TCP's initial window: a smaller bucket drops ordinary traffic */
#define PERCENT_MAX	    99

static void warn_of_small_burst(struct reading *r, const struct policy_tier *tier,
				enum sl_kind kind)
{
	const struct rate *rate = &tier->rate[kind];

	if (kind == SL_BYTES && rate->burst < FRAME_LEN)
		reading_warning(r, rate->place,
				"a burst of %u bytes never lets a full frame of %u through",
				(unsigned)rate->burst, FRAME_LEN);
	if (kind == SL_PACKETS && rate->burst < PACKETS_BURST_SMALL)
		reading_warning(r, rate->place,
				"a burst of %u packets drops ordinary connections; at least %u is "
				"usual",
				(unsigned)rate->burst, PACKETS_BURST_SMALL);
}

static void read_rate(struct reading *r, struct policy_tier *tier, enum sl_kind kind,
		      const struct node *value)
{
	struct rate_error error;

	tier->limited[kind] = true;
	if (!reading_wants_text(r, value, "a rate such as \"100/second burst 200\""))
		return;
	if (rate_parse(value->text, kind, &tier->rate[kind], &error)) {
		reading_error(r, node_place_at(value, error.offset), "%s", error.text);
		return;
	}
	tier->rate[kind].place = value->place;
	warn_of_small_burst(r, tier, kind);
}

static void read_packets(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_rate(r, into, SL_PACKETS, value);
}

static void read_bytes(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_rate(r, into, SL_BYTES, value);
}

static void read_connections(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	read_rate(r, into, SL_CONNECTIONS, value);
}

static void read_over(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const char *const words[] = {
		[SL_OVER_DROP] = "drop", [SL_OVER_FLAG] = "flag", [SL_OVER_COUNT] = "count", NULL};
	struct policy_tier *tier = into;
	unsigned word;

	if (reading_word(r, value, words, &word))
		tier->over = (enum sl_over)word;
}

static void read_flag_above(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	static const char expected[] = "a share of the burst from 1% to 99%";
	struct policy_tier *tier = into;
	struct bytes number;
	uint64_t percent;

	if (!reading_wants_text(r, value, expected))
		return;
	number = (struct bytes){value->text.at, value->text.len - 1};
	while (number.len && number.at[number.len - 1] == ' ')
		number.len--;
	if (value->text.at[value->text.len - 1] != '%' || !parse_number(number, &percent) ||
	    !percent || percent > PERCENT_MAX) {
		reading_unexpected(r, value, expected);
		return;
	}
	tier->flag_above_percent = (uint8_t)percent;
}

static const struct field fields[] = {
	{"packets", read_packets, NULL},	 {"bytes", read_bytes, NULL},
	{"connections", read_connections, NULL}, {"over", read_over, NULL},
	{"flag above", read_flag_above, NULL},
};

static void read_tier(struct reading *r, struct policy_tier *tier, const struct node *value)
{
	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("unlimited"))) {
		tier->unlimited = true;
		return;
	}
	if (value->kind != NODE_MAP) {
		reading_unexpected(r, value,
				   "`unlimited` or limits, such as {packets: 2000/second}");
		return;
	}
	READING_MAP(r, value, fields, tier);
	if (!tier->limited[SL_PACKETS] && !tier->limited[SL_BYTES] &&
	    !tier->limited[SL_CONNECTIONS])
		reading_error(r, value->place,
			      "found no limit, expected packets, bytes or connections; a tier "
			      "without limits is written `%s: unlimited`",
			      tier->name);
}

/* Room for a tier called by the key; NULL with an error if there can be none. */
static struct policy_tier *add_tier(struct reading *r, const struct node *key)
{
	struct policy *policy = r->policy;
	struct policy_tier *tier;
	int name = reading_tier_name(r, key), known;

	if (name < 0)
		return NULL;
	if (bytes_equal(key->text, BYTES("allow")) || bytes_equal(key->text, BYTES("deny"))) {
		reading_error(r, key->place, "a tier cannot be called allow or deny");
		return NULL;
	}
	known = policy_find_tier(policy, key->text);
	if (known >= 0) {
		reading_error(r, key->place, "tier %s stands twice; it is on line %u already",
			      policy->tiers[known].name, policy->tiers[known].place.line);
		return NULL;
	}
	if (policy->tier_count == SL_TIERS_MAX) {
		reading_error(r, key->place, "more than %d tiers", SL_TIERS_MAX);
		return NULL;
	}

	tier = &policy->tiers[policy->tier_count++];
	memcpy(tier->name, key->text.at, key->text.len);
	tier->place = key->place;
	return tier;
}

void parse_tiers(struct reading *r, void *into, struct place key, const struct node *value)
{
	size_t errors = r->problems->errors;
	struct node name;

	r->tiers_at = key;
	if (value->kind != NODE_MAP) {
		reading_unexpected(r, value, "a mapping of names to limits");
		return;
	}
	r->policy->tiers = calloc(SL_TIERS_MAX, sizeof(struct policy_tier));
	if (!r->policy->tiers) {
		r->error = -ENOMEM;
		reader_skip(&r->reader, value);
		return;
	}
	while ((name = reader_next(&r->reader)).kind != NODE_END) {
		struct policy_tier *tier = add_tier(r, &name);
		struct node limits = reader_next(&r->reader);

		if (tier)
			read_tier(r, tier, &limits);
		else
			reader_skip(&r->reader, &limits);
	}
	if (!r->policy->tier_count && r->problems->errors == errors)
		reading_error(r, value->place, "found no tier, expected at least one");
}

void parse_default(struct reading *r, void *into, struct place key, const struct node *value)
{
	int name;

	r->default_given = true;
	r->default_at = value->place;
	name = reading_tier_name(r, value);
	if (name >= 0)
		r->default_name = (uint8_t)name;
	else
		r->default_at.line = 0;
}
