// SPDX-License-Identifier: BSD-2-Clause
#include "template.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <string.h>

#define TTL 64

/* Words as they lie in memory: one's complement sums do not mind the byte order. */
static uint32_t sum_of(const void *at, size_t len)
{
	const uint8_t *byte = at;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint16_t word;

		memcpy(&word, byte + i, sizeof(word));
		sum += word;
	}
	if (len % 2)
		sum += ntohs((uint16_t)(byte[len - 1] << 8));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static size_t ip_len(const struct template_flow *flow)
{
	return flow->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static size_t transport_len(const struct template_flow *flow)
{
	return flow->is_tcp_syn ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

static uint8_t protocol_of(const struct template_flow *flow)
{
	return flow->is_tcp_syn ? IPPROTO_TCP : IPPROTO_UDP;
}

static void write_ipv4(const struct template_flow *flow, uint8_t *at, struct tg_settings *settings)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(flow->size - ETH_HLEN)),
		.ttl = TTL,
		.protocol = protocol_of(flow),
	};

	memcpy(&ip.daddr, flow->dst, sizeof(ip.daddr));
	settings->ip_sum = sum_of(&ip, sizeof(ip));
	memcpy(&ip.saddr, flow->src, sizeof(ip.saddr));
	memcpy(at, &ip, sizeof(ip));
}

static void write_ipv6(const struct template_flow *flow, uint8_t *at)
{
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons((uint16_t)(flow->size - ETH_HLEN - sizeof(ip))),
		.nexthdr = protocol_of(flow),
		.hop_limit = TTL,
	};

	memcpy(&ip.saddr, flow->src, sizeof(ip.saddr));
	memcpy(&ip.daddr, flow->dst, sizeof(ip.daddr));
	memcpy(at, &ip, sizeof(ip));
}

/* Returns the offset of the checksum within the header. */
static size_t write_transport(const struct template_flow *flow, uint8_t *at, size_t len)
{
	struct tcphdr tcp = {
		.source = htons(flow->src_port),
		.dest = htons(flow->dst_port),
		.doff = sizeof(tcp) / 4,
		.syn = 1,
		.window = htons(65535),
	};
	struct udphdr udp = {
		.source = htons(flow->src_port),
		.dest = htons(flow->dst_port),
		.len = htons((uint16_t)len),
	};

	if (flow->is_tcp_syn) {
		memcpy(at, &tcp, sizeof(tcp));
		return offsetof(struct tcphdr, check);
	}
	memcpy(at, &udp, sizeof(udp));
	return offsetof(struct udphdr, check);
}

/* The part of the source address that no copy changes. */
static uint32_t fixed_source_sum(const struct template_flow *flow)
{
	if (flow->family == 4)
		return 0;
	return sum_of(flow->src, 4) + sum_of(flow->src + 8, 8);
}

int template_build(const struct template_flow *flow, uint8_t frame[static TEMPLATE_SIZE_MAX],
		   struct tg_settings *settings)
{
	size_t transport_at = ETH_HLEN + ip_len(flow);
	size_t len = flow->size - transport_at;
	uint16_t type_be = htons(flow->family == 4 ? ETH_P_IP : ETH_P_IPV6);
	size_t check;

	if (flow->size > TEMPLATE_SIZE_MAX || flow->size < TEMPLATE_SIZE_MIN ||
	    flow->size < transport_at + transport_len(flow))
		return -EINVAL;

	memset(frame, 0, flow->size);
	memcpy(frame, flow->dst_mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, flow->src_mac, ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, &type_be, sizeof(type_be));
	if (flow->family == 4)
		write_ipv4(flow, frame + ETH_HLEN, settings);
	else
		write_ipv6(flow, frame + ETH_HLEN);

	check = write_transport(flow, frame + transport_at, len);
	settings->transport_sum = sum_of(frame + transport_at, len) + fixed_source_sum(flow) +
				  sum_of(flow->dst, flow->family == 4 ? 4 : 16) +
				  htons((uint16_t)len) + htons(protocol_of(flow));
	settings->checksum_offset = (uint32_t)(transport_at + check);
	if (flow->family == 4 && !flow->is_tcp_syn)
		settings->checksum_offset = TG_NO_CHECKSUM;
	return 0;
}
