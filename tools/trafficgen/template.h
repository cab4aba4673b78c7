/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame that every generated one is a copy of, and the sums its checksums are made from. Pure.
 */
#ifndef TRAFFICGEN_TEMPLATE_H
#define TRAFFICGEN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rewrite.h"

#define TEMPLATE_SIZE_MIN 60   /* Ethernet's shortest frame, check sequence not counted */
#define TEMPLATE_SIZE_MAX 1514 /* one page less the kernel's own headroom would allow some more */

struct template_flow {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint8_t family;	 /* 4 or 6 */
	uint8_t src[16]; /* IPv4: the first four bytes */
	uint8_t dst[16];
	uint16_t src_port;
	uint16_t dst_port;
	bool is_tcp_syn; /* else UDP */
	uint16_t size;	 /* of the frame: TEMPLATE_SIZE_MIN (IPv6 TCP: 74) to TEMPLATE_SIZE_MAX */
};

/*
 * Write flow's frame, flow->size bytes, to frame, and the sums and the checksum's offset to
 * *settings, whose other members stay. UDP over IPv4 goes without a checksum.
 * Returns 0, or -EINVAL where size does not hold the headers or exceeds TEMPLATE_SIZE_MAX.
 */
int template_build(const struct template_flow *flow, uint8_t frame[static TEMPLATE_SIZE_MAX],
		   struct tg_settings *settings);

#endif
