// SPDX-License-Identifier: GPL-2.0-only
/* Another project's program behind the same harness; one tail call more than ours. */
#include "step.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_peer_program SEC(".maps");

/* "xdp" and no frags: what is called must be of the same kind. */
SEC("xdp")
int bench_peer(struct xdp_md *ctx)
{
	next_source(ctx);
	bpf_tail_call(ctx, &bench_peer_program, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int bench_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
