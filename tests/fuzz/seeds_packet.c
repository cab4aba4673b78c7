// SPDX-License-Identifier: BSD-2-Clause
/* Writes the packet fuzzer's first inputs into the directory named by its argument, a frame a file. */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"

static const char *directory;

static void save(const char *name, struct frame *frame)
{
	char path[512];
	FILE *file;

	frame_finish(frame);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	if (!file || fwrite(frame->byte, frame->len, 1, file) != 1 || fclose(file)) {
		perror(path);
		exit(1);
	}
}

static void seed_transports(const char *src, const char *prefix)
{
	static const struct {
		const char *name;
		void (*add)(struct frame *, uint16_t);
	} ported[] = {{"udp", frame_udp}, {"sctp", frame_sctp}};
	struct frame frame;
	char name[64];

	for (size_t i = 0; i < sizeof(ported) / sizeof(*ported); i++) {
		frame = frame_new();
		frame_ip(&frame, src);
		ported[i].add(&frame, 80);
		snprintf(name, sizeof(name), "%s-%s", prefix, ported[i].name);
		save(name, &frame);
	}
	frame = frame_of_tcp(src, 80, SYN);
	snprintf(name, sizeof(name), "%s-tcp", prefix);
	save(name, &frame);
	frame = frame_new();
	frame_ip(&frame, src);
	frame_protocol(&frame, IPPROTO_GRE, 24);
	snprintf(name, sizeof(name), "%s-gre", prefix);
	save(name, &frame);
}

static void seed_fragments(const char *src, const char *prefix)
{
	struct frame frame;
	char name[64];

	for (unsigned offset = 0; offset < 3; offset++) {
		frame = frame_new();
		frame_ip(&frame, src);
		frame_fragment(&frame, offset, true);
		frame_tcp(&frame, 80, SYN);
		snprintf(name, sizeof(name), "%s-fragment-%u", prefix, offset);
		save(name, &frame);
	}
	frame = frame_new();
	frame_ip(&frame, src);
	frame_fragment(&frame, 0, true);
	frame_protocol(&frame, IPPROTO_TCP, 8);
	snprintf(name, sizeof(name), "%s-fragment-tiny", prefix);
	save(name, &frame);
}

static void seed_tags(void)
{
	struct frame frame;
	char name[64];

	for (int depth = 1; depth < 4; depth++) {
		frame = frame_new();
		for (int i = 0; i < depth; i++)
			frame_vlan(&frame, i ? ETH_P_8021Q : ETH_P_8021AD, 5);
		frame_ip(&frame, V4);
		frame_tcp(&frame, 80, ACK);
		snprintf(name, sizeof(name), "tags-%d", depth);
		save(name, &frame);
	}
}

static void seed_chains(void)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
					IPPROTO_AH};
	struct frame frame;
	char name[64];

	for (unsigned links = 1; links < 11; links++) {
		frame = frame_new();
		frame_ipv6(&frame, V6);
		for (unsigned i = 0; i < links; i++)
			frame_extension(&frame, kinds[i % sizeof(kinds)], 16);
		frame_tcp(&frame, 80, SYN);
		snprintf(name, sizeof(name), "chain-%u", links);
		save(name, &frame);
	}
	frame = frame_new();
	frame_ipv4_options(&frame, V4, 40);
	frame_tcp(&frame, 80, SYN);
	save("ipv4-options", &frame);
	frame = frame_new();
	frame_ipv4(&frame, V4);
	frame_extension(&frame, IPPROTO_AH, 24);
	frame_tcp(&frame, 80, SYN);
	save("ipv4-ah", &frame);
}

static void seed_others(void)
{
	struct frame frame = frame_new();

	frame_other(&frame, ETH_P_ARP);
	save("arp", &frame);
	frame = frame_new();
	frame_ipv6(&frame, V6);
	frame.byte[frame.ip_at + 7] = 255; /* hop limit */
	frame_icmp6(&frame, 135);
	save("neighbor", &frame);
	frame = frame_new();
	frame_ipv4(&frame, V4);
	frame_icmp(&frame, 8);
	save("ipv4-icmp", &frame);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: seeds_packet DIRECTORY\n", stderr);
		return 2;
	}
	directory = argv[1];
	seed_transports(V4, "ipv4");
	seed_transports(V6, "ipv6");
	seed_fragments(V4, "ipv4");
	seed_fragments(V6, "ipv6");
	seed_tags();
	seed_chains();
	seed_others();
	return 0;
}
