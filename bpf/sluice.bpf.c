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
#include "visit.h"
#include "rules.h"
#include "judge.h"
#include "offence.h"

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
	v->account.slot = v->policy->generation & 1;

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
		count_tier(v.account.tier, verdict, v.pkt.len);
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
