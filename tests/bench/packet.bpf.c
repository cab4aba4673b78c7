// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole packet program behind a harness that gives every run another source, so that
 * BPF_PROG_TEST_RUN's repeat measures many sources. "bench_bare" is the harness alone.
 */
#include "../../bpf/sluice.bpf.c"
#include "step.bpf.h"

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

/* Attached to an interface: the verdict is found and counted, then the frame goes, whatever it was. */
SEC("xdp.frags")
int bench_verdict(struct xdp_md *ctx)
{
	(void)ingress(ctx);
	return XDP_DROP;
}
