// SPDX-License-Identifier: BSD-2-Clause
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <netinet/in.h>
#include <string.h>

#define TCP_LEN	     20
#define UDP_LEN	     8
#define SCTP_LEN     12
#define ICMP_LEN     8
#define FRAGMENT_LEN 8
#define SOURCE_PORT  40000
#define HOST4	     "192.0.2.254"
#define HOST6	     "2001:db8:ffff::1"
#define NOP	     1 /* IPv4 option */

static uint8_t *append(struct frame *frame, size_t len)
{
	uint8_t *at = frame->byte + frame->len;

	assert(frame->len + len <= FRAME_MAX);
	memset(at, 0, len);
	frame->len += len;
	return at;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

struct frame frame_new(void)
{
	struct frame frame = {.type_at = 2 * ETH_ALEN};
	uint8_t *at = append(&frame, ETH_HLEN);

	memcpy(at, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 2 * ETH_ALEN);
	return frame;
}

void frame_vlan(struct frame *frame, uint16_t ethertype, uint16_t tci)
{
	uint8_t *tag = append(frame, 4);

	put16(frame->byte + frame->type_at, ethertype);
	put16(tag, tci);
	frame->type_at = frame->len - 2;
}

void frame_other(struct frame *frame, uint16_t ethertype)
{
	put16(frame->byte + frame->type_at, ethertype);
	append(frame, 46);
}

void frame_ipv4_options(struct frame *frame, const char *src, size_t options_len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = (uint8_t)((sizeof(ip) + options_len) / 4) & 0xf,
		.ttl = 64,
	};

	assert(options_len % 4 == 0 && options_len <= 40);
	assert(inet_pton(AF_INET, src, &ip.saddr) == 1);
	assert(inet_pton(AF_INET, HOST4, &ip.daddr) == 1);
	put16(frame->byte + frame->type_at, ETH_P_IP);
	frame->family = 4;
	frame->ip_at = frame->len;
	frame->next_at = frame->len + offsetof(struct iphdr, protocol);
	memcpy(append(frame, sizeof(ip)), &ip, sizeof(ip));
	memset(append(frame, options_len), NOP, options_len);
}

void frame_ipv4(struct frame *frame, const char *src)
{
	frame_ipv4_options(frame, src, 0);
}

void frame_ipv6(struct frame *frame, const char *src)
{
	struct ipv6hdr ip = {.version = 6, .hop_limit = 64};

	assert(inet_pton(AF_INET6, src, &ip.saddr) == 1);
	assert(inet_pton(AF_INET6, HOST6, &ip.daddr) == 1);
	put16(frame->byte + frame->type_at, ETH_P_IPV6);
	frame->family = 6;
	frame->ip_at = frame->len;
	frame->next_at = frame->len + offsetof(struct ipv6hdr, nexthdr);
	memcpy(append(frame, sizeof(ip)), &ip, sizeof(ip));
}

void frame_ip(struct frame *frame, const char *src)
{
	if (strchr(src, ':'))
		frame_ipv6(frame, src);
	else
		frame_ipv4(frame, src);
}

void frame_claim(struct frame *frame, uint8_t protocol)
{
	frame->byte[frame->next_at] = protocol;
}

void frame_fragment(struct frame *frame, unsigned offset, bool more)
{
	uint8_t *header;

	if (frame->family == 4) {
		put16(frame->byte + frame->ip_at + offsetof(struct iphdr, frag_off),
		      (uint16_t)(offset | (more ? 0x2000 : 0)));
		return;
	}
	frame_claim(frame, IPPROTO_FRAGMENT);
	frame->next_at = frame->len;
	header = append(frame, FRAGMENT_LEN);
	put16(header + 2, (uint16_t)(offset << 3 | more));
}

void frame_extension(struct frame *frame, uint8_t protocol, size_t len)
{
	uint8_t *header;

	frame_claim(frame, protocol);
	frame->next_at = frame->len;
	header = append(frame, len);
	header[1] = (uint8_t)(protocol == IPPROTO_AH ? len / 4 - 2 : len / 8 - 1);
	/* One PadN option fills what is left of an options header. */
	if (protocol != IPPROTO_AH) {
		header[2] = 1;
		header[3] = (uint8_t)(len - 4);
	}
}

static void put_ports(uint8_t *header, uint16_t port)
{
	put16(header, SOURCE_PORT);
	put16(header + 2, port);
}

void frame_tcp(struct frame *frame, uint16_t port, uint8_t flags)
{
	uint8_t *header = append(frame, TCP_LEN);

	frame_claim(frame, IPPROTO_TCP);
	put_ports(header, port);
	header[12] = TCP_LEN / 4 << 4;
	header[13] = flags;
}

void frame_udp(struct frame *frame, uint16_t port)
{
	uint8_t *header = append(frame, UDP_LEN);

	frame_claim(frame, IPPROTO_UDP);
	put_ports(header, port);
	put16(header + 4, UDP_LEN);
}

void frame_sctp(struct frame *frame, uint16_t port)
{
	uint8_t *header = append(frame, SCTP_LEN);

	frame_claim(frame, IPPROTO_SCTP);
	put_ports(header, port);
}

void frame_icmp(struct frame *frame, uint8_t type)
{
	frame_claim(frame, IPPROTO_ICMP);
	append(frame, ICMP_LEN)[0] = type;
}

void frame_icmp6(struct frame *frame, uint8_t type)
{
	frame_claim(frame, IPPROTO_ICMPV6);
	append(frame, ICMP_LEN)[0] = type;
}

void frame_protocol(struct frame *frame, uint8_t protocol, size_t len)
{
	frame_claim(frame, protocol);
	append(frame, len);
}

void frame_pad(struct frame *frame, size_t len)
{
	if (len > frame->len)
		append(frame, len - frame->len);
}

static void finish_ipv4(uint8_t *header, size_t len)
{
	size_t header_len = (size_t)(header[0] & 0xf) * 4;
	uint32_t sum = 0;

	put16(header + offsetof(struct iphdr, tot_len), (uint16_t)len);
	put16(header + offsetof(struct iphdr, check), 0);
	for (size_t i = 0; i < header_len; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(header + offsetof(struct iphdr, check), (uint16_t)~sum);
}

void frame_finish(struct frame *frame)
{
	uint8_t *header = frame->byte + frame->ip_at;
	size_t len = frame->len - frame->ip_at;

	if (frame->family == 4)
		finish_ipv4(header, len);
	else if (frame->family == 6)
		put16(header + offsetof(struct ipv6hdr, payload_len),
		      (uint16_t)(len - sizeof(struct ipv6hdr)));
}

struct frame frame_of_tcp(const char *src, uint16_t port, uint8_t flags)
{
	struct frame frame = frame_new();

	frame_ip(&frame, src);
	frame_tcp(&frame, port, flags);
	frame_finish(&frame);
	return frame;
}

struct frame frame_of_len(const char *src, uint16_t port, size_t len)
{
	struct frame frame = frame_new();

	frame_ip(&frame, src);
	frame_udp(&frame, port);
	frame_pad(&frame, len);
	frame_finish(&frame);
	return frame;
}

struct frame frame_of_udp(const char *src, uint16_t port)
{
	return frame_of_len(src, port, 0);
}
