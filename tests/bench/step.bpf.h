/* SPDX-License-Identifier: GPL-2.0-only */
/* The harness of both measured objects: before each run the frame gets the next source. */
#ifndef BENCH_STEP_BPF_H
#define BENCH_STEP_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "step.h"

/* Sources: a power of two minus one. */
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

static inline __attribute__((always_inline)) void next_source(struct xdp_md *ctx)
{
	struct bench_frame *frame = (void *)(long)ctx->data;
	__u32 key = 0;
	__u32 *step = bpf_map_lookup_elem(&bench_step, &key);

	if (!step || (void *)(frame + 1) > (void *)(long)ctx->data_end)
		return;
	frame->ip.saddr = bpf_htonl(bench_source(++*step, bench_source_mask));
}

#endif
