// SPDX-License-Identifier: BSD-2-Clause
/* Nanoseconds of one packet by BPF_PROG_TEST_RUN: rounds of one program and of the bare harness take turns. */
#include "bench.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "kernel/datapath.h"
#include "packet.skel.h"
#include "peer.skel.h"
#include "trafficgen/template.h"

#define FRAME_SIZE	62
#define SETTLE_PACKETS	65536 /* between looks at whether the state still changes */
#define SETTLE_TIMES	16    /* as often each source sends, on average, at least */
#define SETTLE_QUIET_NS (300 * NS_PER_MS)
#define SETTLE_NEW	(4u << 20) /* packets of ever-new sources: twice the words of the table */

struct measured {
	const struct bench_options *options;
	struct datapath *datapath; /* NULL: not ours */
	struct packet_bpf *skel;   /* NULL: not ours */
	uint8_t frame[TEMPLATE_SIZE_MAX];
	int program;
	int bare;
};

static const char *const labels[SL_REASON_COUNT] = {
#define LABEL_ENTRY(name, verdict, label, help) [SL_##name] = label,
	SL_REASONS(LABEL_ENTRY)
#undef LABEL_ENTRY
};

/* ---- What is measured -------------------------------------------------------------- */

static void build_frame(struct measured *measured)
{
	const struct bench_options *options = measured->options;
	struct template_flow flow = {.family = 4, .src_port = 40000, .size = FRAME_SIZE};
	struct tg_settings settings = {};

	flow.dst_port = options->port;
	flow.is_tcp_syn = options->is_tcp_syn;
	memcpy(flow.dst, (const uint8_t[]){10, 9, 0, 1}, 4);
	if (template_build(&flow, measured->frame, &settings))
		die("frame", EINVAL);
}

static struct packet_bpf *load_ours(const struct bench_options *options,
				    const struct datapath *datapath, const char *wanted)
{
	struct packet_bpf *skel = packet_bpf__open();
	struct bpf_program *program;
	int error;

	if (!skel)
		die("program", errno);
	bpf_object__for_each_program(program, skel->obj)
	{
		const char *name = bpf_program__name(program);

		bpf_program__set_autoload(program,
					  !strcmp(name, wanted) || !strcmp(name, "bench_bare"));
	}
	skel->rodata->bench_source_mask = bench_mask(options);
	error = datapath_share_maps(datapath, skel->obj);
	if (!error)
		error = packet_bpf__load(skel);
	if (error)
		die("program", error);
	return skel;
}

static void open_peer(struct measured *measured)
{
	struct peer_bpf *skel = peer_bpf__open();
	bool is_bare = !strcmp(measured->options->program, "bare");
	uint32_t key = 0;
	int called;

	if (!skel)
		die("peer", errno);
	skel->rodata->bench_source_mask = bench_mask(measured->options);
	if (peer_bpf__load(skel))
		die("peer", errno);
	called = is_bare ? bpf_program__fd(skel->progs.bench_drop)
			 : setup_xdp_filter(measured->options);
	if (bpf_map_update_elem(bpf_map__fd(skel->maps.bench_peer_program), &key, &called, 0))
		die("peer", errno);
	measured->program = bpf_program__fd(skel->progs.bench_peer);
	measured->bare = -1;
}

static void open_ours(struct measured *measured)
{
	measured->datapath = setup_datapath(measured->options);
	measured->skel = load_ours(measured->options, measured->datapath, "bench_sluice");
	measured->program = bpf_program__fd(measured->skel->progs.bench_sluice);
	measured->bare = bpf_program__fd(measured->skel->progs.bench_bare);
}

/* ---- Running ------------------------------------------------------------------------- */

static uint32_t run(struct measured *measured, int program, uint32_t packets, uint32_t *ret_action)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = measured->frame, .data_size_in = FRAME_SIZE,
		    .repeat = (int)packets);
	int error = bpf_prog_test_run_opts(program, &opts);

	if (error)
		die("test run", error);
	if (ret_action)
		*ret_action = opts.retval;
	return opts.duration;
}

static void ignore_event(void *context, const struct sl_event *event)
{
}

static uint64_t tracked(const struct measured *measured)
{
	struct datapath_fill fill = {};

	datapath_fill(measured->datapath, clock_now_ns(), &fill);
	return fill.sources;
}

/* Send until every source has sent often and no more of them become tracked. */
static void settle(struct measured *measured)
{
	const struct bench_options *options = measured->options;
	uint64_t wanted = options->sources ? (uint64_t)SETTLE_TIMES * options->sources : SETTLE_NEW;
	uint64_t end_ns = clock_now_ns() + (uint64_t)(options->settle_seconds * NS_PER_SEC);
	uint64_t changed_ns = clock_now_ns(), before = 0, sent = 0;

	for (;;) {
		uint64_t now_ns, count;

		run(measured, measured->program, SETTLE_PACKETS, NULL);
		datapath_read_events(measured->datapath, ignore_event, NULL);
		sent += SETTLE_PACKETS;
		now_ns = clock_now_ns();
		count = tracked(measured);
		if (count != before)
			changed_ns = now_ns;
		before = count;
		if (sent >= wanted && (now_ns > end_ns || now_ns - changed_ns > SETTLE_QUIET_NS))
			return;
	}
}

static void read_reasons(const struct measured *measured, uint64_t ret_packets[SL_REASON_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	auto_free struct sl_count *counts = calloc((size_t)cpus, sizeof(*counts));

	if (!counts)
		die("counters", ENOMEM);
	for (uint32_t reason = 0; reason < SL_REASON_COUNT; reason++) {
		ret_packets[reason] = 0;
		if (bpf_map_lookup_elem(bpf_map__fd(measured->skel->maps.counters), &reason,
					counts))
			die("counters", errno);
		for (int cpu = 0; cpu < cpus; cpu++)
			ret_packets[reason] += counts[cpu].packets;
	}
}

/* ---- Report ---------------------------------------------------------------------------- */

static void print_reasons(const uint64_t before[SL_REASON_COUNT],
			  const uint64_t after[SL_REASON_COUNT])
{
	uint64_t all = 0;
	const char *comma = "";

	for (int reason = 0; reason < SL_REASON_COUNT; reason++)
		all += after[reason] - before[reason];
	printf(", \"reasons\": {");
	for (int reason = 0; reason < SL_REASON_COUNT; reason++) {
		if (after[reason] == before[reason])
			continue;
		printf("%s\"%s\": %.6f", comma, labels[reason],
		       (double)(after[reason] - before[reason]) / (double)all);
		comma = ", ";
	}
	printf("}, ");
}

/* Prints "NAME": [...]. */
static void print_rounds(const char *name, const uint32_t *ns, unsigned rounds)
{
	printf("\"%s\": [", name);
	for (unsigned i = 0; i < rounds; i++)
		printf("%s%u", i ? ", " : "", ns[i]);
	printf("]");
}

static void measure_peer(struct measured *measured)
{
	const struct bench_options *options = measured->options;
	auto_free uint32_t *ns = calloc(options->rounds, sizeof(*ns));
	uint32_t action = 0;

	if (!ns)
		die("rounds", ENOMEM);
	run(measured, measured->program, SETTLE_PACKETS, NULL);
	for (unsigned i = 0; i < options->rounds; i++)
		ns[i] = run(measured, measured->program, options->packets, &action);
	printf("{");
	print_rounds("ns", ns, options->rounds);
	printf(", \"last\": \"%s\"}\n", action == XDP_DROP ? "drop" : "pass");
}

static void measure_ours(struct measured *measured)
{
	const struct bench_options *options = measured->options;
	auto_free uint32_t *ns = calloc(options->rounds, sizeof(*ns));
	auto_free uint32_t *bare = calloc(options->rounds, sizeof(*bare));
	uint64_t before[SL_REASON_COUNT], after[SL_REASON_COUNT];

	if (!ns || !bare)
		die("rounds", ENOMEM);
	settle(measured);
	read_reasons(measured, before);
	for (unsigned i = 0; i < options->rounds; i++) {
		bare[i] = run(measured, measured->bare, options->packets, NULL);
		ns[i] = run(measured, measured->program, options->packets, NULL);
		datapath_read_events(measured->datapath, ignore_event, NULL);
	}
	read_reasons(measured, after);
	printf("{");
	print_rounds("ns", ns, options->rounds);
	printf(", ");
	print_rounds("bare", bare, options->rounds);
	print_reasons(before, after);
	printf("\"tracked\": %llu}\n", (unsigned long long)tracked(measured));
}

void measure(const struct bench_options *options)
{
	struct measured measured = {.options = options};

	build_frame(&measured);
	if (!strcmp(options->program, "sluice")) {
		open_ours(&measured);
		measure_ours(&measured);
		setup_end(measured.datapath);
	} else {
		open_peer(&measured);
		measure_peer(&measured);
	}
}

/* ---- Attached ---------------------------------------------------------------------------- */

void attach(const struct bench_options *options)
{
	struct datapath *datapath = NULL;
	int interface = (int)if_nametoindex(options->interface);
	int program, error;
	char byte;

	if (!interface)
		die(options->interface, errno);
	if (!strcmp(options->program, "verdict")) {
		datapath = setup_datapath(options);
		program = bpf_program__fd(
			load_ours(options, datapath, "bench_verdict")->progs.bench_verdict);
	} else if (!strcmp(options->program, "xdp-filter")) {
		program = setup_xdp_filter(options);
	} else {
		program = bpf_program__fd(peer_bpf__open_and_load()->progs.bench_drop);
	}

	error = bpf_xdp_attach(interface, program, XDP_FLAGS_DRV_MODE, NULL);
	if (error)
		die("attach", error);
	puts("attached");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	bpf_xdp_detach(interface, XDP_FLAGS_DRV_MODE, NULL);
	if (datapath)
		setup_end(datapath);
}
