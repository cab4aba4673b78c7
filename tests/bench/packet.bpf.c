// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole packet program behind a harness that gives every run another source, so that
 * BPF_PROG_TEST_RUN's repeat measures many sources. "bench_bare" is the harness alone.
 */
#include "../../bpf/sluice.bpf.c"

/* Sources: a power of two minus one; ~0: every packet another. */
const volatile __u32 bench_source_mask = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_step SEC(".maps");

struct bench_frame {
	struct ethhdr eth;
	struct iphdr ip;
} __attribute__((packed));

#define FIRST_SOURCE 0x0a0b0c0du /* any; the sum wraps around all of IPv4 */

/* Multiplication by an odd number visits every source once, in no order a prefetcher guesses. */
SL_INLINE void next_source(struct xdp_md *ctx)
{
	struct bench_frame *frame = (void *)(long)ctx->data;
	__u32 key = 0;
	__u32 *step = bpf_map_lookup_elem(&bench_step, &key);

	if (!step || (void *)(frame + 1) > (void *)(long)ctx->data_end)
		return;
	frame->ip.saddr = FIRST_SOURCE + (++*step * 2654435769u & bench_source_mask);
}

SEC("xdp.frags")
int bench_bare(struct xdp_md *ctx)
{
	next_source(ctx);
	return XDP_DROP;
}

SEC("xdp.frags")
int bench_sluice(struct xdp_md *ctx)
{
	next_source(ctx);
	return ingress(ctx);
}
