// SPDX-License-Identifier: BSD-2-Clause
/* The agent sweeps in a loop while two CPUs send: entries go and come, and every limit holds. */
#include "datapath_fixture.h"

#include <linux/bpf.h>
#include <pthread.h>

#include <bpf/libbpf.h>

#include "frame.h"
#include "sluice.skel.h"

#define CPUS	2
#define SOURCES 8
#define EPOCHS	300
#define BURST	100
#define IDLE_NS (61 * SECOND) /* longer than a source may be idle and keep its entry */

/* 0.1 s fills every bucket again. */
#define POLICY                                                \
	"interfaces: [\"sl*\"]\nprotect: everything\n"        \
	"tiers: {public: {packets: 1000/second burst 100}}\n" \
	"sources: {10.0.0.0/8: public}\ndefault: public\n"

struct sender {
	pthread_t thread;
	int program;
	int cpu;
	struct frame frame[SOURCES];
	uint64_t passed[SOURCES];
	uint64_t sent;
	const bool *stopped;
	int error;
};

static bool passes(int program, const struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->byte,
		    .data_size_in = (uint32_t)frame->len, .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(program, &opts), 0);
	return opts.retval == XDP_PASS;
}

static void *send_all(void *context)
{
	struct sender *sender = context;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sender->cpu, &set);
	sender->error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	while (!__atomic_load_n(sender->stopped, __ATOMIC_ACQUIRE)) {
		unsigned i = (unsigned)(sender->sent++ % SOURCES);

		sender->passed[i] += passes(sender->program, &sender->frame[i]);
	}
	return NULL;
}

static void start(struct sender *sender, int cpu, int program, const bool *stopped)
{
	*sender = (struct sender){.program = program, .cpu = cpu, .stopped = stopped};
	for (int i = 0; i < SOURCES; i++) {
		char address[16];

		snprintf(address, sizeof(address), "10.0.0.%d", i + 1);
		sender->frame[i] = frame_of_tcp(address, 80, ACK);
	}
	assert_int_equal(pthread_create(&sender->thread, NULL, send_all, sender), 0);
}

static void set_clock(struct datapath *datapath, uint64_t now_ns)
{
	__atomic_store_n(&datapath->state->test_now_ns, now_ns, __ATOMIC_RELEASE);
}

static void ignore(void *context, const struct sl_event *event)
{
	(void)context;
	(void)event;
}

static bool count_one(void *context, const struct sl_source *key, const struct sl_tracked *tracked)
{
	unsigned *count = context;

	(void)key;
	(void)tracked;
	++*count;
	return true;
}

static unsigned count_tracked(struct datapath *datapath)
{
	unsigned count = 0;

	assert_int_equal(datapath_each_source(datapath, count_one, &count), 0);
	return count;
}

static struct sluice_bpf *load_with_test_clock(struct datapath *datapath)
{
	struct sluice_bpf *skeleton = sluice_bpf__open();

	assert_non_null(skeleton);
	assert_int_equal(datapath_share_maps(datapath, skeleton->obj), 0);
	skeleton->rodata->sl_test_clock = true;
	assert_int_equal(sluice_bpf__load(skeleton), 0);
	return skeleton;
}

/* Each epoch begins a minute later, so everybody is idle until a packet of his comes. */
static uint64_t run_epochs(struct datapath *datapath)
{
	uint64_t now_ns = 1000 * SECOND;

	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		set_clock(datapath, now_ns);
		for (int i = 0; i < 20; i++)
			datapath_sweep(datapath, now_ns, ignore, NULL);
		usleep(2000);
		now_ns += IDLE_NS;
	}
	return now_ns;
}

static void limits_hold_and_counts_agree_while_sweeps_race_with_packets(void **state)
{
	struct datapath *datapath = *state;
	static struct sender senders[CPUS];
	struct sluice_bpf *program;
	bool stopped = false;
	uint64_t now_ns;
	int fd;

	set_clock(datapath, 1000 * SECOND);
	program = load_with_test_clock(datapath);
	fd = bpf_program__fd(program->progs.sl_ingress);
	load(datapath, POLICY);
	for (int cpu = 0; cpu < CPUS; cpu++)
		start(&senders[cpu], cpu, fd, &stopped);
	now_ns = run_epochs(datapath);
	__atomic_store_n(&stopped, true, __ATOMIC_RELEASE);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		pthread_join(senders[cpu].thread, NULL);
		assert_int_equal(senders[cpu].error, 0);
	}

	/* A packet a CPU may meet the delete, and one the promotion after it. */
	for (int i = 0; i < SOURCES; i++)
		assert_in_range(senders[0].passed[i] + senders[1].passed[i], EPOCHS,
				(uint64_t)EPOCHS * (BURST + 2 * CPUS));
	assert_int_equal(count_tracked(datapath), datapath->state->tracked);

	/* And afterwards each is limited to the packet. */
	set_clock(datapath, now_ns);
	for (int i = 0; i < SOURCES; i++) {
		unsigned passed = 0;

		for (int packet = 0; packet < BURST + 50; packet++)
			passed += passes(fd, &senders[0].frame[i]);
		assert_int_equal(passed, BURST);
	}
	assert_int_equal(count_tracked(datapath), datapath->state->tracked);
	sluice_bpf__destroy(program);
}

static void idle_sources_are_swept_and_come_back_with_a_full_bucket_only(void **state)
{
	struct datapath *datapath = *state;
	struct frame frame = frame_of_tcp("10.0.0.1", 80, ACK);
	struct sluice_bpf *program;
	unsigned passed = 0;
	int fd;

	set_clock(datapath, 1000 * SECOND);
	program = load_with_test_clock(datapath);
	fd = bpf_program__fd(program->progs.sl_ingress);
	load(datapath, POLICY);
	for (int i = 0; i < BURST + 50; i++)
		passed += passes(fd, &frame);
	assert_int_equal(passed, BURST);
	datapath_sweep(datapath, 1000 * SECOND, ignore, NULL);
	assert_true(is_tracked(datapath, "10.0.0.1"));
	assert_false(passes(fd, &frame));
	set_clock(datapath, 1000 * SECOND + IDLE_NS);
	for (int i = 0; i < 100; i++)
		datapath_sweep(datapath, 1000 * SECOND + IDLE_NS, ignore, NULL);
	assert_false(is_tracked(datapath, "10.0.0.1"));
	assert_int_equal(datapath->state->tracked, 0);
	passed = 0;
	for (int i = 0; i < BURST + 50; i++)
		passed += passes(fd, &frame);
	assert_int_equal(passed, BURST);
	sluice_bpf__destroy(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(idle_sources_are_swept_and_come_back_with_a_full_bucket_only),
		TEST(limits_hold_and_counts_agree_while_sweeps_race_with_packets),
	};

	return run_as_root(tests);
}
