/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbering as bytes, as it stands in memory: it is read by the same program on the same machine. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/numbering.h"

#define SAVED_MAGIC   0x6d756e73u /* "snum" */
#define SAVED_VERSION 1u

struct saved_head {
	uint32_t magic;
	uint32_t version;
	uint32_t rule_count;
	uint32_t released_count;
};

void numbering_save(const struct numbering *numbering, struct buffer *out)
{
	struct saved_head head = {SAVED_MAGIC, SAVED_VERSION, (uint32_t)numbering->rule_count,
				  (uint32_t)numbering->released_count};

	buffer_add(out, (struct bytes){(const char *)&head, sizeof(head)});
	buffer_add(out, (struct bytes){(const char *)numbering->tier, sizeof(numbering->tier)});
	buffer_add(out, (struct bytes){(const char *)numbering->rules,
				       numbering->rule_count * sizeof(numbering->rules[0])});
	buffer_add(out, (struct bytes){(const char *)numbering->released,
				       numbering->released_count * sizeof(numbering->released[0])});
}

static bool are_tiers_sound(const struct numbering *numbering)
{
	for (int i = 0; i < SL_TIERS_MAX; i++) {
		const struct tier_number *tier = &numbering->tier[i];

		if (tier->state > RELEASED || !memchr(tier->name, '\0', sizeof(tier->name)))
			return false;
		if ((tier->state == LIVE || tier->state == RESTING) &&
		    (!tier->name[0] || numbering_find_tier(numbering, tier->name) != i))
			return false;
	}
	return true;
}

static bool is_rule_sound(const struct rule_number *rule, const struct rule_number *last)
{
	uint8_t max = rule->prefix.family == ADDRESS_IPV4 ? 32 : 128;
	struct prefix cut;

	if (rule->prefix.family != ADDRESS_IPV4 && rule->prefix.family != ADDRESS_IPV6)
		return false;
	if (rule->prefix.bits > max || (rule->state != LIVE && rule->state != RESTING))
		return false;
	cut = prefix_cut(&rule->prefix, rule->prefix.bits);
	return !prefix_compare(&cut, &rule->prefix) &&
	       (!last || prefix_compare(&last->prefix, &rule->prefix) < 0);
}

static bool take_id(uint64_t *taken, uint32_t id)
{
	if (!id || id > SL_RULES_MAX || taken[id / 64] >> id % 64 & 1)
		return false;
	taken[id / 64] |= 1ull << id % 64;
	return true;
}

/* Whether everything in it could have come about; no id stands for two prefixes. */
static bool is_sound(const struct numbering *numbering, uint64_t *taken)
{
	for (size_t i = 0; i < numbering->rule_count; i++) {
		const struct rule_number *rule = &numbering->rules[i];

		if (!is_rule_sound(rule, i ? rule - 1 : NULL) || !take_id(taken, rule->id))
			return false;
	}
	for (size_t i = 0; i < numbering->released_count; i++)
		if (!take_id(taken, numbering->released[i].id))
			return false;
	return are_tiers_sound(numbering);
}

/* Copy size bytes from the front of saved. */
static void take_bytes(struct bytes *saved, void *to, size_t size)
{
	memcpy(to, saved->at, size);
	saved->at += size;
	saved->len -= size;
}

static int load_into(struct numbering *numbering, struct bytes saved)
{
	auto_free uint64_t *taken = calloc(SL_RULES_MAX / 64 + 1, sizeof(*taken));
	struct saved_head head;
	size_t rules, released;

	if (saved.len < sizeof(head) + sizeof(numbering->tier))
		return -EINVAL;
	take_bytes(&saved, &head, sizeof(head));
	if (head.magic != SAVED_MAGIC || head.version != SAVED_VERSION ||
	    head.rule_count > SL_RULES_MAX || head.released_count > SL_RULES_MAX)
		return -EINVAL;
	take_bytes(&saved, numbering->tier, sizeof(numbering->tier));
	rules = head.rule_count * sizeof(numbering->rules[0]);
	released = head.released_count * sizeof(numbering->released[0]);
	if (saved.len != rules + released)
		return -EINVAL;

	numbering->rules = malloc(rules + 1);
	numbering->released = malloc(released + 1);
	if (!numbering->rules || !numbering->released || !taken)
		return -ENOMEM;
	take_bytes(&saved, numbering->rules, rules);
	take_bytes(&saved, numbering->released, released);
	numbering->rule_count = head.rule_count;
	numbering->released_count = head.released_count;
	if (!is_sound(numbering, taken))
		return -EINVAL;
	return numbering_index(numbering);
}

int numbering_load(struct bytes saved, struct numbering **ret_numbering)
{
	struct numbering *numbering;
	int err = numbering_new(&numbering);

	if (err)
		return err;
	err = load_into(numbering, saved);
	if (err)
		numbering_free(numbering);
	else
		*ret_numbering = numbering;
	return err;
}
