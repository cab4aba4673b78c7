/* SPDX-License-Identifier: GPL-2.0-only */
/* Somebody else's XDP program: counts what reaches it and passes it on. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} other_seen SEC(".maps");

SEC("xdp.frags")
int other(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *seen = bpf_map_lookup_elem(&other_seen, &key);

	if (seen)
		__sync_fetch_and_add(seen, 1);
	return XDP_PASS;
}

/* And somebody else's tc program. */
SEC("tc")
int other_tc(struct __sk_buff *skb)
{
	return -1; /* TC_ACT_UNSPEC */
}

char _license[] SEC("license") = "GPL";
