// SPDX-License-Identifier: BSD-2-Clause
/*
 * The generator at full speed: makes each frame the next one and sends it out of an interface.
 * Run with BPF_F_TEST_XDP_LIVE_FRAMES.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "rewrite.h"

const volatile struct tg_settings settings = {};

__u64 frames; /* sent so far; one program runs on one CPU at a time */

SEC("xdp")
int tg_send(struct xdp_md *ctx)
{
	void *start = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if (tg_rewrite(&settings, start, end, (__u32)frames++))
		return XDP_ABORTED;
	return bpf_redirect(settings.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
