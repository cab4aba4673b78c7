// SPDX-License-Identifier: BSD-2-Clause
/*
 * Traffic generator: frames of one, many or ever-new sources out of an interface of a test's own
 * network namespaces.
 *
 * At full speed the receiving end must poll with NAPI: an XDP program or GRO on the peer of a veth.
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "sender.h"

#define NS_PER_SEC  1000000000ull
#define FRAMES_FAST (1u << 18) /* a run: some 50 ms, long against what starting one costs */
#define FRAMES_SLOW 1024u      /* what leaves back to back where we were late */
#define PACE_NS	    200000     /* between looks at the clock */

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * NS_PER_SEC + (uint64_t)at.tv_nsec;
}

static int enter_netns(const char *name)
{
	char path[256];
	int fd, err = 0;

	if (!name)
		return 0;
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		err = -errno;
		fprintf(stderr, "trafficgen: %s: %s\n", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* Frames the other end has taken from the interface, modulo 2^32; 0 where that cannot be told. */
static uint32_t taken_from(const char *interface)
{
	struct ifaddrs *all = NULL;
	uint32_t frames = 0;

	if (getifaddrs(&all))
		return 0;
	for (struct ifaddrs *at = all; at; at = at->ifa_next) {
		const struct rtnl_link_stats *stats = at->ifa_data;

		if (stats && at->ifa_addr && at->ifa_addr->sa_family == AF_PACKET &&
		    !strcmp(at->ifa_name, interface))
			frames = stats->tx_packets;
	}
	freeifaddrs(all);
	return frames;
}

/* How many frames are due at_ns nanoseconds after the start, when sent have left. */
static uint32_t due(uint64_t rate, uint64_t at_ns, uint64_t sent)
{
	uint64_t should = (uint64_t)((double)rate * (double)at_ns / NS_PER_SEC) + 1;

	if (should <= sent)
		return 0;
	return should - sent < FRAMES_SLOW ? (uint32_t)(should - sent) : FRAMES_SLOW;
}

static int run(struct sender *sender, const struct options *options, uint64_t *ret_ns)
{
	const struct timespec pause = {.tv_nsec = PACE_NS};
	uint64_t start_ns = now_ns();
	uint64_t at_ns = 0;
	int err = 0;

	while (!err && !stopped && at_ns < options->duration_ns) {
		uint32_t count = FRAMES_FAST;

		if (options->rate)
			count = due(options->rate, at_ns, sender_frames(sender));
		if (count)
			err = sender_send(sender, count);
		else
			nanosleep(&pause, NULL);
		at_ns = now_ns() - start_ns;
	}
	*ret_ns = at_ns;
	return err;
}

static void report(uint64_t offered, uint32_t taken, uint64_t ns)
{
	double seconds = (double)ns / NS_PER_SEC;

	printf("{\"offered\": %" PRIu64 ", \"taken\": %" PRIu32
	       ", \"seconds\": %.3f, \"rate\": %.0f}\n",
	       offered, taken, seconds, seconds > 0 ? (double)offered / seconds : 0.0);
}

static int generate(const struct options *options)
{
	struct sender *sender = NULL;
	uint32_t before;
	uint64_t ns;
	int err = enter_netns(options->netns);

	if (!err)
		err = sender_new(options, &sender);
	if (err)
		return err;

	before = taken_from(options->interface);
	err = run(sender, options, &ns);
	report(sender_frames(sender), taken_from(options->interface) - before, ns);
	sender_free(sender);
	return err;
}

int main(int argc, char **argv)
{
	const struct sigaction on_stop = {.sa_handler = stop};
	struct options options;

	if (options_parse(argc, argv, &options))
		return 2;
	sigaction(SIGINT, &on_stop, NULL);
	sigaction(SIGTERM, &on_stop, NULL);
	return generate(&options) ? 1 : 0;
}
