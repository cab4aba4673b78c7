// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet path:
 *
 *   frame -> parse -> protected? -> allow, tier, deny -> ban? -> bucket -> verdict -> count -> XDP action
 *
 * Every packet is a visit; each step below looks at it and either names the reason why the packet
 * leaves, or CONTINUE. There is one exit, and that exit counts. Nothing here waits for user
 * space: without an agent the last policy stays in force.
 */
#include "maps.h"
#include "packet.h"
#include "count.h"
#include "meter.h"
#include "source.h"
#include "stranger.h"

/* Tests take the clock from the map "state". Constant at load time, so it costs nothing otherwise. */
const volatile bool sl_test_clock = false;

#define CONTINUE SL_REASON_COUNT /* not a reason: the next step decides */

/* One packet on its way through the steps. */
struct visit {
	struct packet pkt;
	struct sl_source source;
	const struct sl_config *cfg;
	const struct sl_policy *policy;
	struct sl_tracked *tracked; /* NULL: a stranger */
	__u64 now_ns;		    /* 0: the clock has not been read */
	__u64 rule_word;	    /* what an entry keeps of the rule */
	__u32 ifindex;
	__u32 rule_id;
	__u8 tier; /* number, SL_TIER_ALLOW or _DENY, once has_rule */
	__u8 has_rule;
	__u8 named;	/* an explicit prefix names the source */
	__u8 is_opaque; /* charged without a port, under reasons of its own */
	__u8 is_deep;	/* likewise, for a stack of tags */
};

/* ---- Policy and clock --------------------------------------------------------- */

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

/* The coarse clock of this CPU's present tick. */
struct tick {
	__u64 jiffies;
	__u64 coarse_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tick);
} ticks SEC(".maps");

/*
 * The coarse clock moves only with the tick, and jiffies are one load: it is read once a tick. It lags by a tick, by two
 * on a CPU that looks between the kernel's two updates. The time is stored first, so that whoever
 * interrupts us here sees an old pair or a new one.
 */
SL_INLINE __u64 read_coarse_clock(void)
{
	__u32 key = 0;
	__u64 jiffies = bpf_jiffies64();
	struct tick *tick = bpf_map_lookup_elem(&ticks, &key);

	if (!tick)
		return bpf_ktime_get_coarse_ns();
	if (tick->jiffies != jiffies) {
		tick->coarse_ns = bpf_ktime_get_coarse_ns();
		tick->jiffies = jiffies;
	}
	return tick->coarse_ns;
}

/* Both clocks count from the same instant; a tier's bursts say whether the coarse one will do. */
SL_INLINE __u64 read_clock(bool fine)
{
	if (sl_test_clock) {
		__u32 key = 0;
		struct sl_state *shared = bpf_map_lookup_elem(&state, &key);

		return shared ? READ_ONCE(shared->test_now_ns) : 1;
	}
	return fine ? bpf_ktime_get_ns() : read_coarse_clock();
}

SL_INLINE __u64 visit_now(struct visit *v)
{
	if (!v->now_ns)
		v->now_ns = read_clock(false);
	return v->now_ns;
}

/* ---- Parse ------------------------------------------------------------------- */

struct header_copy {
	__u8 byte[HEADERS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct header_copy);
} headers SEC(".maps");

/* Frames in several buffers whose first one ends within the headers: rare, so a copy and a call. */
static __attribute__((noinline)) int parse_copy(struct xdp_md *ctx, struct packet *pkt)
{
	struct cursor cur = {};
	struct header_copy *copy;
	__u32 key = 0, len;

	copy = bpf_map_lookup_elem(&headers, &key);
	if (!copy || !pkt)
		return PARSE_MALFORMED;

	len = pkt->len < HEADERS_MAX ? pkt->len : HEADERS_MAX;
	/* Not "!len": the verifier of 6.1 learns no lower bound from a comparison with zero. */
	if (len < ETH_HLEN || bpf_xdp_load_bytes(ctx, 0, copy->byte, len))
		return PARSE_MALFORMED;

	cur.data = copy->byte;
	cur.end = pkt->len;
	return packet_parse(&cur, pkt);
}

SL_INLINE enum parse_result parse(struct xdp_md *ctx, struct packet *pkt)
{
	struct cursor cur = {
		.data = (const __u8 *)(long)ctx->data,
		.data_end = (const __u8 *)(long)ctx->data_end,
		.at_packet = true,
	};
	__u32 linear = ctx->data_end - ctx->data;

	pkt->len = bpf_xdp_get_buff_len(ctx);
	if (linear < HEADERS_MAX && linear < pkt->len)
		return parse_copy(ctx, pkt);

	cur.end = pkt->len;
	return packet_parse(&cur, pkt);
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
	__u64 *word = (__u64 *)v->source.byte;

	if (v->is_deep) {
		v->source.byte[0] = SL_NOT_IPV6;
		v->source.byte[1] = SL_FAMILY_LINK;
		*(__be32 *)&v->source.byte[12] = __builtin_bswap32(v->ifindex);
	} else if (v->pkt.family == 4) {
		__u32 bits = v->policy->source_bits4 & 63;
		__u32 mask = bits ? ~0u << ((32 - bits) & 31) : 0;

		v->source.byte[0] = SL_NOT_IPV6;
		v->source.byte[1] = SL_FAMILY_IPV4;
		*(__be32 *)&v->source.byte[12] =
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
	if (filter_has(v->cfg, keys, &v->source, SL_FILTER_TRACKED))
		v->tracked = bpf_map_lookup_elem(&sources, &v->source);
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
	v->tier = word & 0xff;
	v->has_rule = true;
	return true;
}

/*
 * Write down what rule a tracked source has. Debts are cut at this moment, whatever becomes of this packet: nobody asks
 * again under this policy. Swapped: an entry that the sweep took out meanwhile may be somebody else's by now.
 */
SL_INLINE void cache_rule(struct visit *v)
{
	const struct sl_tier *tier = &v->policy->tier[v->tier];
	__u64 before = READ_ONCE(v->tracked->rule);

	if (before == v->rule_word)
		return;
	if (before >> 32 != v->policy->generation)
		clamp_tracked(v->tracked, tier, read_clock(tier->fine_clock));
	__sync_val_compare_and_swap(&v->tracked->rule, before, v->rule_word);
}

SL_INLINE enum sl_reason policy_rule(struct visit *v)
{
	const struct sl_rule *rule;

	if (rule_from_cache(v))
		return CONTINUE;

	rule = find_rule(v);
	v->rule_id = rule->id;
	v->tier = rule->tier;
	v->has_rule = true;
	v->named = rule->flags & SL_RULE_NAMED;

	if (v->tier == SL_TIER_DENY)
		return SL_DENIED;
	if (v->tier == SL_TIER_ALLOW)
		return SL_ALLOW_RULE;

	v->rule_word = sl_rule_word(v->policy->generation, rule->id,
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

SL_INLINE const struct sl_ban *find_ban(const struct visit *v)
{
	__u32 key = 0;
	const struct sl_state *shared = bpf_map_lookup_elem(&state, &key);
	const struct sl_secret *keys = bpf_map_lookup_elem(&secret, &key);

	if (!shared || !keys || !READ_ONCE(shared->bans))
		return NULL;
	if (!filter_has(v->cfg, keys, &v->source, SL_FILTER_BANNED))
		return NULL;
	return bpf_map_lookup_elem(&bans, &v->source);
}

SL_INLINE enum sl_reason ban(struct visit *v)
{
	const struct sl_ban *entry = find_ban(v);

	if (entry && READ_ONCE(entry->until_ns) > visit_now(v))
		return SL_BANNED;

	entry = find_prefix_ban(v);
	if (entry && READ_ONCE(entry->until_ns) > visit_now(v))
		return SL_BANNED;
	return CONTINUE;
}

#include "judge.h"

/* ---- Verdict ------------------------------------------------------------------------------ */

SL_INLINE enum sl_verdict verdict_of(enum sl_reason reason)
{
	switch (reason) {
#define VERDICT_CASE(name, verdict, label, help) \
	case SL_##name:                          \
		return SL_##verdict;
		SL_REASONS(VERDICT_CASE)
#undef VERDICT_CASE
	default:
		return SL_PASS;
	}
}

/* What is not protected passes: a mistake in the policy must not lock out ssh. */
SL_INLINE enum sl_reason judge_unprotected(struct visit *v)
{
	enum sl_reason reason;

	if (!v->policy->scope_everything)
		return SL_UNPROTECTED;

	find_source(v);
	reason = runtime_allow(v);
	if (reason == CONTINUE)
		reason = policy_rule(v);
	if (reason == CONTINUE)
		reason = ban(v);
	return reason == CONTINUE ? SL_UNPROTECTED : reason;
}

SL_INLINE enum sl_reason judge(struct visit *v)
{
	enum sl_reason reason;

	find_source(v);
	reason = runtime_allow(v);
	if (reason == CONTINUE)
		reason = policy_rule(v);
	if (reason == CONTINUE)
		reason = ban(v);
	return reason == CONTINUE ? bucket(v) : reason;
}

SL_INLINE enum sl_reason classify(struct xdp_md *ctx, struct visit *v)
{
	enum parse_result result = parse(ctx, &v->pkt);

	v->cfg = current_config();
	if (!v->cfg)
		return SL_UNREADY;
	v->policy = current_policy(READ_ONCE(v->cfg->generation));
	if (!v->policy || !v->policy->generation)
		return SL_UNREADY;

	switch (result) {
	case PARSE_NOT_IP:
		return SL_NOT_IP;
	case PARSE_NEIGHBOR:
		return SL_NEIGHBOR;
	case PARSE_MALFORMED:
		return SL_MALFORMED;
	case PARSE_DEEP_TAGS:
		v->is_deep = true;
		return judge(v);
	case PARSE_OPAQUE:
		v->is_opaque = true;
		return judge(v);
	case PARSE_FRAGMENT:
		v->is_opaque = true;
		break;
	case PARSE_IP:
		break;
	}

	return is_protected(v) ? judge(v) : judge_unprotected(v);
}

/* ---- Count, act ------------------------------------------------------------------------------ */

/* Marks the frame for flag.bpf.c. The last thing that happens: the frame's pointers are void after it. */
SL_INLINE void mark(struct xdp_md *ctx, const struct sl_policy *policy)
{
	struct sl_meta meta = {SL_META_MAGIC, policy->flag_mark, policy->flag_mask};
	struct sl_meta *room;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(meta))) {
		count_fault(SL_FAULT_UNMARKED);
		return;
	}
	room = (struct sl_meta *)(long)ctx->data_meta;
	if ((void *)(room + 1) <= (void *)(long)ctx->data)
		*room = meta;
}

SL_INLINE int ingress(struct xdp_md *ctx)
{
	struct visit v = {.ifindex = ctx->ingress_ifindex};
	enum sl_reason reason = classify(ctx, &v);
	enum sl_verdict verdict = verdict_of(reason);

	count_reason(reason, v.pkt.len);
	if (v.has_rule)
		count_tier(v.tier, verdict, v.pkt.len);
	if (v.rule_id)
		count_rule(v.rule_id, verdict, v.pkt.len);
	if (v.tracked)
		count_source(&v, reason, verdict);

	if (verdict == SL_FLAG)
		mark(ctx, v.policy);
	return verdict == SL_DROP ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int sl_ingress(struct xdp_md *ctx)
{
	return ingress(ctx);
}

char LICENSE[] SEC("license") = "GPL";
