// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet parser on hostile frames, in user space under ASan and UBSan.
 *
 * A frame is parsed twice, as the datapath reads it: in place, and from a copy of its first bytes. Both must
 * agree and keep their promises. With SLUICE_FUZZ_BPF=1 (root) the kernel runs the program on the same
 * frame, too, and its counters must name the reason that follows from what the parser said.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "packet.h"
#include "sluice.skel.h"
#include <sluice/abi.h>

#define PORT	    80	 /* the only protected one, of TCP */
#define KERNEL_MAX  3000 /* a test run's frame in one buffer */
#define REGION_SIZE 64
#define CPUS_MAX    512

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static enum parse_result parse_in_place(const uint8_t *bytes, size_t len, struct packet *pkt)
{
	/* A block of its own, exactly as long: reading past it is caught. */
	uint8_t *frame = malloc(len ? len : 1);
	struct cursor cur = {
		.data = frame, .data_end = frame + len, .end = (uint32_t)len, .at_packet = 1};
	enum parse_result result;

	assert(frame);
	memcpy(frame, bytes, len);
	pkt->len = (uint32_t)len;
	result = packet_parse(&cur, pkt);
	free(frame);
	return result;
}

static enum parse_result parse_from_copy(const uint8_t *bytes, size_t len, struct packet *pkt)
{
	uint8_t *copy = calloc(1, HEADERS_MAX);
	struct cursor cur = {.data = copy, .end = (uint32_t)len};
	enum parse_result result;

	assert(copy);
	memcpy(copy, bytes, len < HEADERS_MAX ? len : HEADERS_MAX);
	pkt->len = (uint32_t)len;
	result = packet_parse(&cur, pkt);
	free(copy);
	return result;
}

static void check_promises(enum parse_result result, const struct packet *pkt)
{
	switch (result) {
	case PARSE_IP:
	case PARSE_FRAGMENT:
	case PARSE_OPAQUE:
	case PARSE_NEIGHBOR:
		assert(pkt->family == 4 || pkt->family == 6);
		break;
	case PARSE_DEEP_TAGS:
	case PARSE_NOT_IP:
		assert(!pkt->family);
		break;
	case PARSE_MALFORMED:
		break;
	}
	if (result == PARSE_FRAGMENT || result == PARSE_OPAQUE)
		assert(!pkt->shows_port);
	if (pkt->shows_port)
		assert(pkt->protocol == IPPROTO_TCP || pkt->protocol == IPPROTO_UDP ||
		       pkt->protocol == PROTOCOL_SCTP);
	if (pkt->opens_connection) /* or may: what we do not read may be a SYN */
		assert(pkt->protocol == IPPROTO_TCP || result == PARSE_OPAQUE);
	/* A multicast source would pass for another family's key. */
	if (pkt->family == 6)
		assert(pkt->address[0] != 0xff);
}

static enum sl_reason reason_of(enum parse_result result, const struct packet *pkt)
{
	_Bool is_tcp = pkt->protocol == IPPROTO_TCP;

	switch (result) {
	case PARSE_IP:
		return is_tcp && pkt->shows_port && pkt->port == PORT ? SL_CONFORMING
								      : SL_UNPROTECTED;
	case PARSE_FRAGMENT:
		return is_tcp ? SL_PORTLESS : SL_UNPROTECTED;
	case PARSE_OPAQUE:
		return SL_PORTLESS;
	case PARSE_DEEP_TAGS:
		return SL_DEEP_TAGS;
	case PARSE_NEIGHBOR:
		return SL_NEIGHBOR;
	case PARSE_NOT_IP:
		return SL_NOT_IP;
	case PARSE_MALFORMED:
		return SL_MALFORMED;
	}
	abort();
}

/* ---- The kernel's opinion ----------------------------------------------------------- */

static struct sluice_bpf *skel;
static int cpus;

/* TCP port 80 under a limit that no fuzzer reaches: every class of packet has a reason of its own. */
static void install_policy(void)
{
	struct sl_config config = {.magic = SL_ABI_MAGIC,
				   .abi_version = SL_ABI_VERSION,
				   .generation = 1,
				   .longest_burst_ns = SL_BURST_NS_MAX};
	struct sl_policy *policy = calloc(1, sizeof(*policy));
	struct sl_limit *limit;
	uint32_t key = 0, slot = 1;

	assert(policy);
	limit = &policy->tier[0].limit[SL_PACKETS];
	policy->generation = 1;
	policy->source_bits4 = 32;
	policy->source_bits6 = 64;
	policy->port_protocols[IPPROTO_TCP / 64] = 1ull << IPPROTO_TCP;
	policy->ports[SL_PORTS_TCP][PORT / 64] = 1ull << PORT % 64;
	*limit = (struct sl_limit){
		.cost = SL_COST_NS_MIN, .burst_ns = SL_BURST_NS_MAX, .flag_above_ns = SL_NEVER};
	assert(!bpf_map__update_elem(skel->maps.policies, &slot, sizeof(slot), policy,
				     sizeof(*policy), 0));
	assert(!bpf_map__update_elem(skel->maps.config, &key, sizeof(key), &config, sizeof(config),
				     0));
	free(policy);
}

static void kernel_open(void)
{
	skel = sluice_bpf__open();
	assert(skel);
	skel->rodata->sl_test_clock = 1;
	skel->rodata->sl_region_lines = REGION_SIZE;
	assert(!bpf_map__set_max_entries(skel->maps.strangers, SL_REGIONS * REGION_SIZE));
	assert(!sluice_bpf__load(skel));
	cpus = libbpf_num_possible_cpus();
	assert(cpus > 0 && cpus <= CPUS_MAX);
	install_policy();
}

static uint64_t counted(enum sl_reason reason)
{
	struct sl_count per_cpu[CPUS_MAX];
	uint64_t total = 0;
	uint32_t key = reason;

	assert(!bpf_map_lookup_elem(bpf_map__fd(skel->maps.counters), &key, per_cpu));
	for (int cpu = 0; cpu < cpus; cpu++)
		total += per_cpu[cpu].packets;
	return total;
}

static void ask_kernel(const uint8_t *bytes, size_t len, enum sl_reason reason)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = bytes, .data_size_in = (uint32_t)len,
		    .repeat = 1);
	uint64_t before = counted(reason);

	assert(!bpf_prog_test_run_opts(bpf_program__fd(skel->progs.sl_ingress), &run));
	assert(counted(reason) == before + 1);
	assert(run.retval == (reason == SL_MALFORMED ? XDP_DROP : XDP_PASS));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static _Bool is_open;
	struct packet pkt = {}, pkt_copied = {};
	enum parse_result result = parse_in_place(bytes, len, &pkt);

	assert(parse_from_copy(bytes, len, &pkt_copied) == result);
	assert(!memcmp(&pkt, &pkt_copied, sizeof(pkt)));
	check_promises(result, &pkt);

	if (!is_open && getenv("SLUICE_FUZZ_BPF"))
		kernel_open();
	is_open = 1;
	/* The kernel wants a whole Ethernet header of a test run. */
	if (skel && len >= ETH_HLEN && len <= KERNEL_MAX)
		ask_kernel(bytes, len, reason_of(result, &pkt));
	return 0;
}
