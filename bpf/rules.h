/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the policy, the agent and the bans say of a packet: protected or not, whose it is, allowed, its tier,
 * denied, banned. Each question is one function; sluice.bpf.c asks them in order.
 */
#ifndef RULES_H
#define RULES_H

#include "source.h"
#include "visit.h"

SL_INLINE const struct sl_config *current_config(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&config, &key);
}

SL_INLINE const struct sl_policy *current_policy(__u32 generation)
{
	__u32 slot = generation & 1;

	return bpf_map_lookup_elem(&policies, &slot);
}

/* ---- Protected? ----------------------------------------------------------------- */

SL_INLINE bool has_bit(const __u64 *set, __u32 bit)
{
	return set[bit / 64] >> (bit & 63) & 1;
}

SL_INLINE bool protects_port(const struct sl_policy *policy, __u8 protocol, __u16 port)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return has_bit(policy->ports[SL_PORTS_TCP], port);
	case IPPROTO_UDP:
		return has_bit(policy->ports[SL_PORTS_UDP], port);
	case PROTOCOL_SCTP:
		return has_bit(policy->ports[SL_PORTS_SCTP], port);
	default:
		return false;
	}
}

/* Decided by what a packet is, never by failing to parse it. */
SL_INLINE bool is_protected(const struct visit *v)
{
	const struct sl_policy *policy = v->policy;
	__u8 protocol = v->pkt.protocol;

	if (policy->protect_everything || has_bit(policy->protocols, protocol))
		return true;
	if (v->pkt.shows_port)
		return protects_port(policy, protocol, v->pkt.port);
	return has_bit(policy->port_protocols, protocol);
}

/* ---- Who is it? ------------------------------------------------------------------- */

SL_INLINE __u64 mask_be64(__u64 word_be, __u32 bits)
{
	__u64 mask = bits ? ~0ull << (64 - bits) : 0;

	return word_be & __builtin_bswap64(mask);
}

SL_INLINE void set_source(struct visit *v)
{
	__u64 *word = (__u64 *)v->account.source.byte;

	if (v->is_deep) {
		v->account.source.byte[0] = SL_NOT_IPV6;
		v->account.source.byte[1] = SL_FAMILY_LINK;
		*(__be32 *)&v->account.source.byte[12] = __builtin_bswap32(v->ifindex);
	} else if (v->pkt.family == 4) {
		__u32 bits = v->policy->source_bits4 & 63;
		__u32 mask = bits ? ~0u << ((32 - bits) & 31) : 0;

		v->account.source.byte[0] = SL_NOT_IPV6;
		v->account.source.byte[1] = SL_FAMILY_IPV4;
		*(__be32 *)&v->account.source.byte[12] =
			*(__be32 *)v->pkt.address & __builtin_bswap32(mask);
	} else {
		__u32 bits = v->policy->source_bits6;
		const __u64 *address = (const __u64 *)v->pkt.address;

		word[0] = bits >= 64 ? address[0] : mask_be64(address[0], bits);
		word[1] = bits > 64 ? mask_be64(address[1], bits - 64) : 0;
	}
}

/* Once per packet: the source, and its entry if it has one. */
SL_INLINE void find_source(struct visit *v)
{
	__u32 key = 0;
	const struct sl_secret *keys = bpf_map_lookup_elem(&secret, &key);

	set_source(v);
	if (!keys)
		return;
	if (filter_has(v->cfg, keys, &v->account.source, SL_FILTER_TRACKED))
		v->tracked = bpf_map_lookup_elem(&sources, &v->account.source);
}

/* ---- Allow, tier, deny --------------------------------------------------------------- */

SL_INLINE struct sl_prefix4 prefix4_of(const struct visit *v)
{
	struct sl_prefix4 key = {.bits = 32};

	*(__u32 *)key.byte = *(const __u32 *)v->pkt.address;
	return key;
}

SL_INLINE struct sl_prefix6 prefix6_of(const struct visit *v)
{
	struct sl_prefix6 key = {.bits = 128};

	__builtin_memcpy(key.byte, v->pkt.address, sizeof(key.byte));
	return key;
}

SL_INLINE enum sl_reason runtime_allow(struct visit *v)
{
	const struct sl_allow *allow = NULL;
	__u32 families = READ_ONCE(v->cfg->has_allows);

	if (v->pkt.family == 4 && families & 1) {
		struct sl_prefix4 key = prefix4_of(v);

		allow = bpf_map_lookup_elem(&allows4, &key);
	} else if (v->pkt.family == 6 && families & 2) {
		struct sl_prefix6 key = prefix6_of(v);

		allow = bpf_map_lookup_elem(&allows6, &key);
	}

	return allow && READ_ONCE(allow->until_ns) > visit_now(v) ? SL_ALLOWED : CONTINUE;
}

/* The policy's longest prefix of the whole address, or the default. */
SL_INLINE const struct sl_rule *find_rule(const struct visit *v)
{
	__u32 slot = v->policy->generation & 1;
	const struct sl_rule *rule = NULL;
	void *trie;

	if (v->pkt.family == 4 && v->policy->has_rules4) {
		struct sl_prefix4 key = prefix4_of(v);

		trie = bpf_map_lookup_elem(&policy4, &slot);
		if (trie)
			rule = bpf_map_lookup_elem(trie, &key);
	} else if (v->pkt.family == 6 && v->policy->has_rules6) {
		struct sl_prefix6 key = prefix6_of(v);

		trie = bpf_map_lookup_elem(&policy6, &slot);
		if (trie)
			rule = bpf_map_lookup_elem(trie, &key);
	}

	return rule ? rule : &v->policy->default_rule;
}

SL_INLINE bool rule_from_cache(struct visit *v)
{
	__u64 word;

	if (!v->tracked)
		return false;
	word = READ_ONCE(v->tracked->rule);
	if (word >> 32 != v->policy->generation || (word & 0xff) == SL_TIER_UNCACHED)
		return false;

	v->rule_id = (word >> 8) & SL_RULES_MAX;
	v->account.tier = word & 0xff;
	v->has_rule = true;
	return true;
}

/*
 * Write down what rule a tracked source has. Debts are cut at this moment, whatever becomes of this packet: nobody asks
 * again under this policy. Swapped: an entry that the sweep took out meanwhile may be somebody else's by now.
 */
SL_INLINE void cache_rule(struct visit *v)
{
	__u64 before = READ_ONCE(v->tracked->rule);

	if (before == v->account.rule_word)
		return;
	if (before >> 32 != v->policy->generation)
		clamp_tracked(v->tracked, debtor_tier(v->policy, &v->account), visit_now(v));
	__sync_val_compare_and_swap(&v->tracked->rule, before, v->account.rule_word);
}

SL_INLINE enum sl_reason policy_rule(struct visit *v)
{
	const struct sl_rule *rule;

	if (rule_from_cache(v))
		return CONTINUE;

	rule = find_rule(v);
	v->rule_id = rule->id;
	v->account.tier = rule->tier;
	v->has_rule = true;
	v->account.named = rule->flags & SL_RULE_NAMED;

	if (v->account.tier == SL_TIER_DENY)
		return SL_DENIED;
	if (v->account.tier == SL_TIER_ALLOW)
		return SL_ALLOW_RULE;

	v->account.rule_word =
		sl_rule_word(v->policy->generation, rule->id,
			     rule->flags & SL_RULE_SPLIT ? SL_TIER_UNCACHED : rule->tier);
	if (v->tracked)
		cache_rule(v);
	return CONTINUE;
}

/* ---- Ban? -------------------------------------------------------------------------------- */

SL_INLINE const struct sl_ban *find_prefix_ban(const struct visit *v)
{
	__u32 families = READ_ONCE(v->cfg->has_ban_prefixes);

	if (v->pkt.family == 4 && families & 1) {
		struct sl_prefix4 key = prefix4_of(v);

		return bpf_map_lookup_elem(&ban_prefixes4, &key);
	}
	if (v->pkt.family == 6 && families & 2) {
		struct sl_prefix6 key = prefix6_of(v);

		return bpf_map_lookup_elem(&ban_prefixes6, &key);
	}
	return NULL;
}

/* When the ban of this very source ends; 0: it has none. Global, so that it is verified by itself. */
__attribute__((noinline)) __u64 source_ban_end(const struct sl_source *source)
{
	const struct sl_ban *ban;
	struct sl_source
		own; /* 6.1 takes no other function's memory as a map's key ("R2 type=mem") */

	if (!source)
		return 0;
	own = *source;
	ban = bpf_map_lookup_elem(&bans, &own);
	return ban ? READ_ONCE(ban->until_ns) : 0;
}

SL_INLINE bool may_be_banned(const struct visit *v)
{
	__u32 key = 0;
	const struct sl_state *shared = bpf_map_lookup_elem(&state, &key);
	const struct sl_secret *keys = bpf_map_lookup_elem(&secret, &key);

	return shared && keys && READ_ONCE(shared->bans) &&
	       filter_has(v->cfg, keys, &v->account.source, SL_FILTER_BANNED);
}

SL_INLINE enum sl_reason ban(struct visit *v)
{
	__u64 until_ns = may_be_banned(v) ? source_ban_end(&v->account.source) : 0;
	const struct sl_ban *entry;

	if (until_ns && until_ns > visit_now(v))
		return SL_BANNED;

	entry = find_prefix_ban(v);
	if (entry && READ_ONCE(entry->until_ns) > visit_now(v))
		return SL_BANNED;
	return CONTINUE;
}

#endif
