/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame -> struct packet. Reads headers, decides nothing.
 *
 * Also compiles for user space, where it is fuzzed: whoever includes it there
 * needs no BPF headers.
 */
#ifndef PACKET_H
#define PACKET_H

#include <linux/types.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <sluice/bucket.h>

#ifdef __bpf__
#include <bpf/bpf_endian.h>
/* The verifier knows a pointer's bounds only for the register that was compared; clang 14 would
 * compute the address a second time ("invalid access to packet", 6.18). */
#define KEEP_POINTER(p) __asm__ volatile("" : "+r"(p))
#else
#define KEEP_POINTER(p) (void)(p)
#include <string.h>
/* Constant expressions, which htons() need not be; the tests run on little-endian hosts only. */
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohs(x) __builtin_bswap16(x)
#endif

#define TAGS_MAX	 2 /* QinQ; a deeper stack is judged without looking inside */
#define CHAIN_MAX	 8 /* IPv6 extension headers walked; honest packets have two at the most */
#define HEADERS_MAX	 1024 /* bytes from the start of the frame in which all headers must lie */

#define PROTOCOL_SCTP	 132
#define ND_TYPE_FIRST	 133 /* router solicitation ... */
#define ND_TYPE_LAST	 137 /* ... redirect (RFC 4861) */
#define ND_HOP_LIMIT	 255 /* anything less has crossed a router: forged */
#define IPV4_OFFSET_MASK 0x1fff
#define IPV4_MORE	 0x2000
#define IPV6_OFFSET_MASK 0xfff8
#define IPV6_MORE	 0x0001

struct packet {
	__u8 address[16]; /* whole source address, network order; IPv4 in the first four */
	__u8 family;	  /* 4 or 6; 0 if not IP */
	__u8 protocol;	  /* behind all extension headers */
	__u8 shows_port;
	__u8 opens_connection; /* TCP SYN without ACK, or what may hide one */
	__u16 port;	       /* destination, host order, if shows_port */
	__u32 len;	       /* bytes on the wire, Ethernet header included */
};

enum parse_result {
	PARSE_IP,	/* protocol is known; the port too if it has one */
	PARSE_FRAGMENT, /* a later IPv4 fragment: the protocol is known, the port is not */
	PARSE_OPAQUE, /* not even the protocol can be trusted: a later IPv6 fragment, a long chain */
	PARSE_NEIGHBOR,	 /* neighbour discovery in its only valid form */
	PARSE_DEEP_TAGS, /* more VLAN tags than we read */
	PARSE_NOT_IP,
	PARSE_MALFORMED, /* the kernel would discard it */
};

/*
 * The unread part of the frame. Every read goes through cursor_take().
 *
 * at_packet: data and end are the frame itself, which the verifier wants compared
 * as pointers. Otherwise data is a copy of the first HEADERS_MAX bytes. Always a
 * constant where it is used, so that each caller compiles to one of the two.
 */
struct cursor {
	const __u8 *data;
	const __u8 *data_end;
	__u32 pos;
	__u32 end; /* of what may be read: the frame, later the IP packet without padding */
	_Bool at_packet;
};

/* size is a constant. Returns NULL at the end of the packet, or of what we are willing to read. */
SL_INLINE const void *cursor_take(struct cursor *cur, __u32 size)
{
	__u32 pos = cur->pos;
	const __u8 *at;

	if (pos > HEADERS_MAX - size || pos + size > cur->end)
		return 0;

	at = cur->data + pos;
	KEEP_POINTER(at);
	if (cur->at_packet && at + size > cur->data_end)
		return 0;

	cur->pos = pos + size;
	return at;
}

/* Whether the packet goes on behind what we are willing to read. */
SL_INLINE _Bool cursor_at_limit(const struct cursor *cur, __u32 size)
{
	return cur->pos > HEADERS_MAX - size && cur->pos + size <= cur->end;
}

struct vlan_header {
	__be16 tci_be;
	__be16 type_be;
};

struct extension_header {
	__u8 next;
	__u8 length; /* in 8 bytes beyond the first 8; AH: in 4 bytes minus 2 */
	__be16 fragment_be;
	__u8 rest[4];
};

struct port_header {
	__be16 source_be;
	__be16 dest_be;
};

struct tcp_header {
	struct port_header ports;
	__be32 sequence_be;
	__be32 acknowledged_be;
	__u8 words;
	__u8 flags;
	__be16 window_be;
	__be16 checksum_be;
	__be16 urgent_be;
};
#define TCP_SYN 0x02
#define TCP_ACK 0x10

SL_INLINE _Bool is_vlan(__be16 type_be)
{
	return type_be == bpf_htons(ETH_P_8021Q) || type_be == bpf_htons(ETH_P_8021AD);
}

/* PARSE_IP: *ret_type_be is the EtherType behind the tags. */
SL_INLINE enum parse_result take_ethernet(struct cursor *cur, __be16 *ret_type_be)
{
	const struct ethhdr *eth = cursor_take(cur, sizeof(*eth));
	__be16 type_be;

	if (!eth)
		return PARSE_MALFORMED;

	type_be = eth->h_proto;
	for (int depth = 0; depth < TAGS_MAX && is_vlan(type_be); depth++) {
		const struct vlan_header *vlan = cursor_take(cur, sizeof(*vlan));

		if (!vlan)
			return PARSE_MALFORMED;
		type_be = vlan->type_be;
	}

	*ret_type_be = type_be;
	return is_vlan(type_be) ? PARSE_DEEP_TAGS : PARSE_IP;
}

/* The headers go on where we do not read. The kernel does, and a SYN may be there. */
SL_INLINE enum parse_result leave_unread(struct packet *pkt)
{
	pkt->opens_connection = 1;
	return PARSE_OPAQUE;
}

/*
 * A TCP header. In a first fragment it may be cut short: without flags it may be
 * a SYN, and without ports nothing can be said but that.
 */
SL_INLINE enum parse_result take_tcp(struct cursor *cur, _Bool is_fragment, struct packet *pkt)
{
	const struct tcp_header *tcp = cursor_take(cur, sizeof(*tcp));
	const struct port_header *ports;

	if (tcp) {
		if (tcp->words >> 4 < 5)
			return PARSE_MALFORMED;
		pkt->port = bpf_ntohs(tcp->ports.dest_be);
		pkt->opens_connection = (tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
		pkt->shows_port = 1;
		return PARSE_IP;
	}

	if (cursor_at_limit(cur, sizeof(*tcp)))
		return leave_unread(pkt);
	if (!is_fragment)
		return PARSE_MALFORMED;

	pkt->opens_connection = 1;
	ports = cursor_take(cur, sizeof(*ports));
	if (!ports)
		return PARSE_FRAGMENT;
	pkt->port = bpf_ntohs(ports->dest_be);
	pkt->shows_port = 1;
	return PARSE_IP;
}

SL_INLINE enum parse_result take_ports(struct cursor *cur, _Bool is_fragment, struct packet *pkt)
{
	const struct port_header *ports = cursor_take(cur, sizeof(*ports));

	if (ports) {
		pkt->port = bpf_ntohs(ports->dest_be);
		pkt->shows_port = 1;
		return PARSE_IP;
	}

	if (cursor_at_limit(cur, sizeof(*ports)))
		return PARSE_OPAQUE;
	return is_fragment ? PARSE_FRAGMENT : PARSE_MALFORMED;
}

SL_INLINE enum parse_result take_transport(struct cursor *cur, _Bool is_fragment,
					   struct packet *pkt)
{
	switch (pkt->protocol) {
	case IPPROTO_TCP:
		return take_tcp(cur, is_fragment, pkt);
	case IPPROTO_UDP:
	case PROTOCOL_SCTP:
		return take_ports(cur, is_fragment, pkt);
	default:
		return PARSE_IP;
	}
}

/* IPsec's authentication header hides nothing: what it carries is judged (RFC 4302). */
SL_INLINE enum parse_result take_ipv4_payload(struct cursor *cur, _Bool is_fragment,
					      struct packet *pkt)
{
	if (pkt->protocol == IPPROTO_AH) {
		const struct extension_header *ah = cursor_take(cur, sizeof(*ah));

		if (!ah)
			return is_fragment ? leave_unread(pkt) : PARSE_MALFORMED;
		cur->pos += (ah->length + 2) * 4 - sizeof(*ah);
		pkt->protocol = ah->next;
	}

	return take_transport(cur, is_fragment, pkt);
}

SL_INLINE enum parse_result take_ipv4(struct cursor *cur, struct packet *pkt)
{
	__u32 start = cur->pos;
	const struct iphdr *ip = cursor_take(cur, sizeof(*ip));
	__u32 header_len, total_len, offset;
	_Bool more;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return PARSE_MALFORMED;

	header_len = ip->ihl * 4;
	total_len = bpf_ntohs(ip->tot_len);
	if (total_len < header_len || total_len > cur->end - start)
		return PARSE_MALFORMED;

	cur->end = start + total_len;
	cur->pos = start + header_len;
	pkt->family = 4;
	pkt->protocol = ip->protocol;
	__builtin_memcpy(pkt->address, &ip->saddr, sizeof(ip->saddr));
	offset = bpf_ntohs(ip->frag_off) & IPV4_OFFSET_MASK;
	more = bpf_ntohs(ip->frag_off) & IPV4_MORE;

	if (offset) {
		/* Offset 1 is where an 8-byte first fragment would have hidden its flags (RFC 3128). */
		pkt->opens_connection = offset == 1 && pkt->protocol == IPPROTO_TCP;
		return PARSE_FRAGMENT;
	}
	return take_ipv4_payload(cur, more, pkt);
}

SL_INLINE _Bool is_extension(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
		return 1;
	default:
		return 0;
	}
}

/* One extension header. PARSE_IP: go on with pkt->protocol. */
SL_INLINE enum parse_result take_extension(struct cursor *cur, _Bool *is_fragment,
					   struct packet *pkt)
{
	const struct extension_header *ext = cursor_take(cur, sizeof(*ext));
	__u16 fragment;

	if (!ext) {
		if (*is_fragment || cursor_at_limit(cur, sizeof(*ext)))
			return leave_unread(pkt);
		return PARSE_MALFORMED;
	}

	switch (pkt->protocol) {
	case IPPROTO_FRAGMENT:
		fragment = bpf_ntohs(ext->fragment_be);
		if (fragment & IPV6_OFFSET_MASK)
			return PARSE_OPAQUE; /* its next header speaks of the first fragment */
		*is_fragment |= fragment & IPV6_MORE;
		break;
	case IPPROTO_AH:
		cur->pos += (ext->length + 2) * 4 - sizeof(*ext);
		break;
	default:
		cur->pos += ext->length * 8;
	}

	pkt->protocol = ext->next;
	return PARSE_IP;
}

/* Only directly behind the IPv6 header: a chain or a fragment header is a disguise here. */
SL_INLINE _Bool is_neighbor_discovery(const struct cursor *at, const struct ipv6hdr *ip)
{
	struct cursor cur = *at;
	const __u8 *type;

	if (ip->nexthdr != IPPROTO_ICMPV6 || ip->hop_limit != ND_HOP_LIMIT)
		return 0;
	type = cursor_take(&cur, sizeof(*type));
	return type && *type >= ND_TYPE_FIRST && *type <= ND_TYPE_LAST;
}

SL_INLINE enum parse_result take_ipv6_chain(struct cursor *cur, struct packet *pkt)
{
	_Bool is_fragment = 0;

	for (int i = 0; i < CHAIN_MAX; i++) {
		enum parse_result result;

		if (!is_extension(pkt->protocol))
			return take_transport(cur, is_fragment, pkt);
		result = take_extension(cur, &is_fragment, pkt);
		if (result != PARSE_IP)
			return result;
	}

	if (!is_extension(pkt->protocol))
		return take_transport(cur, is_fragment, pkt);
	return leave_unread(pkt);
}

SL_INLINE enum parse_result take_ipv6(struct cursor *cur, struct packet *pkt)
{
	const struct ipv6hdr *ip = cursor_take(cur, sizeof(*ip));
	__u32 payload_len;

	/* A multicast source is discarded by every host (RFC 4291 section 2.7). */
	if (!ip || ip->version != 6 || ip->saddr.s6_addr[0] == 0xff)
		return PARSE_MALFORMED;

	payload_len = bpf_ntohs(ip->payload_len);
	if (payload_len > cur->end - cur->pos)
		return PARSE_MALFORMED;

	/* Length 0 in front of hop-by-hop options is a jumbogram (RFC 2675): it ends with the frame. */
	if (payload_len || ip->nexthdr != IPPROTO_HOPOPTS)
		cur->end = cur->pos + payload_len;

	pkt->family = 6;
	pkt->protocol = ip->nexthdr;
	__builtin_memcpy(pkt->address, &ip->saddr, sizeof(ip->saddr));

	if (is_neighbor_discovery(cur, ip))
		return PARSE_NEIGHBOR;
	return take_ipv6_chain(cur, pkt);
}

/* cur stands at the start of the frame; pkt is zeroed but for len. */
SL_INLINE enum parse_result packet_parse(struct cursor *cur, struct packet *pkt)
{
	__be16 type_be = 0;
	enum parse_result result = take_ethernet(cur, &type_be);

	if (result != PARSE_IP)
		return result;

	switch (type_be) {
	case bpf_htons(ETH_P_IP):
		return take_ipv4(cur, pkt);
	case bpf_htons(ETH_P_IPV6):
		return take_ipv6(cur, pkt);
	default:
		return PARSE_NOT_IP;
	}
}

#endif
