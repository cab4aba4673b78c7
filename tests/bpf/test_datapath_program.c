/* SPDX-License-Identifier: BSD-2-Clause */
/* The datapath under the real program: shared with it, found again through it, upkept while it runs. */
#include "datapath_fixture.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <pthread.h>

#include "frame.h"
#include "kernel/saved_bans.h"
#include "sluice.skel.h"

#define SOURCES 250 /* a round; four rounds fit the table */
#define REPEAT	1   /* more makes the kernel patch its XDP dispatcher for each run: 30 ms */

/* The program with the maps of datapath, loaded and not attached. */
static struct sluice_bpf *load_program(const struct datapath *datapath)
{
	struct sluice_bpf *skeleton = sluice_bpf__open();

	assert_non_null(skeleton);
	assert_int_equal(datapath_share_maps(datapath, skeleton->obj), 0);
	assert_int_equal(sluice_bpf__load(skeleton), 0);
	return skeleton;
}

static int run_repeated(int prog_fd, const char *src, int repeat)
{
	struct frame frame = frame_new();
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	frame_ip(&frame, src);
	frame_tcp(&frame, 80, ACK);
	frame_finish(&frame);
	opts.data_in = frame.byte;
	opts.data_size_in = (uint32_t)frame.len;
	opts.repeat = repeat;
	assert_int_equal(bpf_prog_test_run_opts(prog_fd, &opts), 0);
	return (int)opts.retval;
}

static int run(int prog_fd, const char *src)
{
	return run_repeated(prog_fd, src, 1);
}

static int ingress_fd(const struct sluice_bpf *skeleton)
{
	return bpf_program__fd(skeleton->progs.sl_ingress);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

/* ---- Sharing -------------------------------------------------------------------- */

static void the_program_uses_every_shared_map_and_counters_of_its_own(void **state)
{
	struct datapath *datapath = *state;
	struct sluice_bpf *first = load_program(datapath), *second = load_program(datapath);

	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		int fd = bpf_object__find_map_fd_by_name(first->obj, datapath_map_name(i));

		assert_int_equal(map_id(fd), map_id(datapath_map_fd(datapath, i)));
	}
	assert_int_not_equal(map_id(bpf_map__fd(first->maps.counters)),
			     map_id(bpf_map__fd(second->maps.counters)));
	sluice_bpf__destroy(first);
	sluice_bpf__destroy(second);
}

static void what_the_policy_and_the_bans_say_is_what_happens(void **state)
{
	struct ban ban = {.prefix = prefix("203.0.113.0/24"), .until_ns = SL_NEVER};
	struct ban single = {.prefix = prefix("198.51.100.9"), .until_ns = SL_NEVER};
	struct allow allow = {.prefix = prefix("203.0.113.5"), .until_ns = SL_NEVER};
	struct datapath *datapath = *state;
	struct sluice_bpf *program = load_program(datapath);
	char error[DATAPATH_ERROR_MAX];

	load(datapath, POLICY_A);
	assert_int_equal(run(ingress_fd(program), "203.0.113.4"), XDP_PASS);
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	assert_int_equal(datapath_ban(datapath, NULL, &single, error), 0);
	assert_int_equal(datapath_allow(datapath, &allow), 0);
	assert_int_equal(run(ingress_fd(program), "203.0.113.4"), XDP_DROP);
	assert_int_equal(run(ingress_fd(program), "203.0.113.5"), XDP_PASS);
	assert_int_equal(run(ingress_fd(program), "203.0.114.4"), XDP_PASS);
	assert_int_equal(run(ingress_fd(program), "198.51.100.9"), XDP_DROP);
	assert_int_equal(run(ingress_fd(program), "198.51.100.8"), XDP_PASS);
	sluice_bpf__destroy(program);
}

static void a_tracked_source_is_counted_and_a_stranger_owes_in_the_table(void **state)
{
	struct datapath *datapath = *state;
	struct sluice_bpf *program = load_program(datapath);
	struct sl_policy *policy = malloc(sizeof(*policy));
	struct sl_source named, stranger;
	uint64_t owed_ns[SL_KIND_COUNT];
	struct sl_tracked tracked;
	int tier;

	load(datapath, "interfaces: [\"sl*\"]\nprotect: everything\n"
		       "tiers:\n  public: {packets: 1/minute burst 60}\n"
		       "  partner: {packets: 1000/second}\n"
		       "sources:\n  10.0.0.0/8: partner\ndefault: public\n");
	named = source(datapath, "10.0.0.7");
	stranger = source(datapath, "192.0.2.7");
	run(ingress_fd(program), "10.0.0.7");
	run(ingress_fd(program), "192.0.2.7");

	tier = numbering_tier(datapath_numbering(datapath), "public");
	assert_int_equal(datapath_policy(datapath, policy), 0);
	assert_int_equal(datapath_find_source(datapath, &named, &tracked), 0);
	assert_int_equal(tracked.passed.packets, 1);
	assert_int_equal(datapath_find_source(datapath, &stranger, &tracked), -ENOENT);
	datapath_stranger_owed(datapath, &stranger, &policy->tier[tier], clock_now_ns(), owed_ns);
	assert_in_range(owed_ns[SL_PACKETS], 50 * SECOND, 60 * SECOND);
	free(policy);
	sluice_bpf__destroy(program);
}

/* ---- Upkeep while packets come ----------------------------------------------------- */

struct sender {
	int prog_fd;
	int round;
};

static void *send_from_many(void *context)
{
	const struct sender *sender = context;

	for (int i = 0; i < SOURCES; i++) {
		char src[32];

		snprintf(src, sizeof(src), "10.%d.%d.%d", sender->round, i / 250, i % 250);
		run_repeated(sender->prog_fd, src, REPEAT);
	}
	return NULL;
}

struct seen {
	const struct datapath *datapath;
	unsigned missing;
	unsigned count;
};

static bool check_bit(void *context, const struct sl_source *key, const struct sl_tracked *tracked)
{
	struct seen *seen = context;
	const struct datapath *datapath = seen->datapath;
	uint32_t bit =
		sl_filter_bit(datapath->secret, key, SL_FILTER_TRACKED, datapath->filter_bits);
	size_t half = (size_t)datapath->config->filter_read * (datapath->filter_bits / 64);

	seen->count++;
	seen->missing += !(datapath->filter[half + bit / 64] >> (bit & 63) & 1);
	return true;
}

static void no_source_is_missed_by_a_filter_that_is_rebuilt_while_others_come(void **state)
{
	struct datapath *datapath = *state;
	struct sluice_bpf *program = load_program(datapath);

	load(datapath, POLICY_A);
	for (int round = 0; round < 4; round++) {
		struct sender sender = {ingress_fd(program), round};
		struct seen seen = {.datapath = datapath};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, send_from_many, &sender), 0);
		/* Right behind each: the next one would heal what it missed. */
		for (int i = 0; i < 3; i++) {
			assert_int_equal(filter_rebuild(datapath), 0);
			assert_int_equal(datapath_each_source(datapath, check_bit, &seen), 0);
		}
		pthread_join(thread, NULL);
		assert_int_equal(seen.missing, 0);
		seen = (struct seen){.datapath = datapath};
		assert_int_equal(datapath_each_source(datapath, check_bit, &seen), 0);
		assert_int_equal(seen.missing, 0);
		assert_true(seen.count > 0);
		assert_int_equal(seen.count, datapath->state->tracked);
	}
	sluice_bpf__destroy(program);
}

#define POLICY_BANS                                                  \
	"interfaces: [\"sl*\"]\nprotect: everything\n"               \
	"tiers:\n  one: {packets: 1/minute burst 1}\ndefault: one\n" \
	"bans: {after: 3 drops in 10 seconds, for: 1 minute, up to: 1 hour}\n"

/* What the packet program adds: an entry with the first packet, a ban with the drops behind it. */
static void add_by_packets(int prog_fd, const char *src)
{
	for (int i = 0; i < 6; i++)
		run(prog_fd, src);
}

static bool filter_says(const struct datapath *datapath, const char *src, enum sl_filtered what)
{
	struct sl_source key = source(datapath, src);
	uint32_t bit = sl_filter_bit(datapath->secret, &key, what, datapath->filter_bits);
	size_t half = (size_t)(datapath->config->filter_read & 1) * (datapath->filter_bits / 64);

	return datapath->filter[half + bit / 64] >> (bit & 63) & 1;
}

/* The program finds its entry, whose count moves, and refuses. */
static void assert_found(struct datapath *datapath, int prog_fd, const char *src)
{
	struct sl_source key = source(datapath, src);
	struct sl_tracked before, after;

	assert_true(filter_says(datapath, src, SL_FILTER_TRACKED));
	assert_true(filter_says(datapath, src, SL_FILTER_BANNED));
	assert_int_equal(datapath_find_source(datapath, &key, &before), 0);
	assert_int_equal(run(prog_fd, src), XDP_DROP);
	assert_int_equal(datapath_find_source(datapath, &key, &after), 0);
	assert_int_equal(after.dropped.packets, before.dropped.packets + 1);
}

static void who_comes_between_two_steps_of_a_rebuild_is_found_behind_it(void **state)
{
	/* Two rounds: each half is the idle one once. */
	static const char *const who[2][4] = {
		{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"},
		{"192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8"},
	};
	struct datapath *datapath = *state;
	struct sluice_bpf *program = load_program(datapath);
	int prog_fd = ingress_fd(program);

	load(datapath, POLICY_BANS);
	for (int round = 0; round < 2; round++) {
		add_by_packets(prog_fd, who[round][0]);
		filter_begin(datapath);
		add_by_packets(prog_fd, who[round][1]);
		assert_int_equal(filter_mark(datapath), 0);
		add_by_packets(prog_fd, who[round][2]);
		filter_switch(datapath);
		add_by_packets(prog_fd, who[round][3]);
		for (int i = 0; i < 4; i++)
			assert_found(datapath, prog_fd, who[round][i]);
	}
	sluice_bpf__destroy(program);
}

/* ---- Found again without pins --------------------------------------------------------- */

static void maps_are_found_through_an_attached_program_where_pins_are_gone(void **state)
{
	struct ban ban = {.prefix = prefix("203.0.113.0/24"), .until_ns = SL_NEVER}, found;
	char error[DATAPATH_ERROR_MAX];
	struct datapath *datapath = NULL;
	enum datapath_origin origin;
	struct sluice_bpf *program;
	int ifindex;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link add slD0 type veth peer name slD1"), 0);
	ifindex = (int)if_nametoindex("slD0");
	assert_int_equal(datapath_open_at(NULL, &small, &datapath, &origin, error), 0);
	assert_int_equal(origin, DATAPATH_NEW);
	load(datapath, POLICY_A);
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	program = load_program(datapath);
	assert_int_equal(bpf_xdp_attach(ifindex, ingress_fd(program), XDP_FLAGS_DRV_MODE, NULL), 0);
	sluice_bpf__destroy(program);
	datapath_close(datapath);

	assert_int_equal(datapath_open_at(root, &small, &datapath, &origin, error), 0);
	assert_int_equal(origin, DATAPATH_ADOPTED);
	assert_int_equal(datapath_generation(datapath), 1);
	assert_int_equal(datapath_find_ban(datapath, &ban.prefix, 1, &found), 0);
	datapath_close(datapath);

	/* They are pinned again. */
	assert_int_equal(bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL), 0);
	assert_int_equal(datapath_open_at(root, &small, &datapath, &origin, error), 0);
	assert_int_equal(origin, DATAPATH_ADOPTED);
	datapath_remove(datapath);
	assert_int_equal(system("ip link del slD0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_program_uses_every_shared_map_and_counters_of_its_own),
		TEST(what_the_policy_and_the_bans_say_is_what_happens),
		TEST(a_tracked_source_is_counted_and_a_stranger_owes_in_the_table),
		TEST(no_source_is_missed_by_a_filter_that_is_rebuilt_while_others_come),
		TEST(who_comes_between_two_steps_of_a_rebuild_is_found_behind_it),
		TEST(maps_are_found_through_an_attached_program_where_pins_are_gone),
	};

	return run_as_root(tests);
}
