/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames put together header by header, outermost first:
 *
 *   struct frame f = frame_new();
 *   frame_vlan(&f, ETH_P_8021Q, 7);
 *   frame_ipv6(&f, "2001:db8::1");
 *   frame_extension(&f, IPPROTO_DSTOPTS, 8);
 *   frame_tcp(&f, 80, TCP_SYN);
 *   frame_pad(&f, 200);
 *   frame_finish(&f);
 *
 * Each header names itself in the one before it; frame_finish() sets lengths and checksums of IP.
 * Right frames come out; a test that wants a wrong one spoils it afterwards. Pure.
 */
#ifndef TESTS_BPF_FRAME_H
#define TESTS_BPF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 9018 /* a jumbo frame */

#define FIN	  0x01
#define SYN	  0x02
#define RST	  0x04
#define ACK	  0x10

struct frame {
	uint8_t byte[FRAME_MAX];
	size_t len;
	size_t type_at; /* where the next header's EtherType goes */
	size_t ip_at;	/* 0: no IP header yet */
	size_t next_at; /* where the next header's protocol number goes */
	uint8_t family; /* 4 or 6 */
};

/* An Ethernet header. */
struct frame frame_new(void);

/* A tag: ETH_P_8021Q or ETH_P_8021AD. */
void frame_vlan(struct frame *frame, uint16_t ethertype, uint16_t tci);
/* Another EtherType and 46 bytes of it, e.g. ETH_P_ARP. */
void frame_other(struct frame *frame, uint16_t ethertype);

void frame_ipv4(struct frame *frame, const char *src);
/* With options_len bytes of no-operation options, a multiple of 4 up to 40. */
void frame_ipv4_options(struct frame *frame, const char *src, size_t options_len);
void frame_ipv6(struct frame *frame, const char *src);
/* IPv4 or IPv6 by the look of src. */
void frame_ip(struct frame *frame, const char *src);

/*
 * Make it a fragment: offset in units of 8 bytes. IPv4: in its header; IPv6: by a fragment header,
 * whose next header is what is added next (or frame_claim()).
 */
void frame_fragment(struct frame *frame, unsigned offset, bool more);

/* An IPv6 extension header, or an authentication header, of len bytes, a multiple of 8 (AH: of 4, at least 12). */
void frame_extension(struct frame *frame, uint8_t protocol, size_t len);

/* Name protocol as what follows, adding nothing. */
void frame_claim(struct frame *frame, uint8_t protocol);

void frame_tcp(struct frame *frame, uint16_t port, uint8_t flags);
void frame_udp(struct frame *frame, uint16_t port);
void frame_sctp(struct frame *frame, uint16_t port);
void frame_icmp(struct frame *frame, uint8_t type);
void frame_icmp6(struct frame *frame, uint8_t type);
/* len bytes of a protocol whose inside is of no interest: GRE, ESP. */
void frame_protocol(struct frame *frame, uint8_t protocol, size_t len);

/* Payload until the frame has len bytes; nothing if it has. */
void frame_pad(struct frame *frame, size_t len);
void frame_finish(struct frame *frame);

/* Complete ones, finished. */
struct frame frame_of_tcp(const char *src, uint16_t port, uint8_t flags);
struct frame frame_of_udp(const char *src, uint16_t port);
/* UDP to port, len bytes with everything. */
struct frame frame_of_len(const char *src, uint16_t port, size_t len);

#endif
