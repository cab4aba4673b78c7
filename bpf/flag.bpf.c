/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the stack has made its packet: turn what the XDP program wrote in front of a flagged frame into
 * skb->mark. Decides nothing, drops nothing, and leaves every other filter its turn.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <sluice/abi.h>

SEC("tc")
int sl_flag(struct __sk_buff *skb)
{
	const struct sl_meta *meta = (void *)(long)skb->data_meta;
	const void *data = (void *)(long)skb->data;

	/* Most frames have no metadata, and another program's has another magic. */
	if ((const void *)(meta + 1) > data || meta->magic != SL_META_MAGIC)
		return TC_ACT_UNSPEC;

	skb->mark = (skb->mark & ~meta->mask) | (meta->mark & meta->mask);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
