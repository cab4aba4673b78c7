// SPDX-License-Identifier: BSD-2-Clause
#include "sender.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "template.h"
#include "trafficgen.skel.h"

#define BATCH 64 /* frames handed to the driver, or to the packet socket, at once */

struct sender {
	struct tg_settings settings;
	uint8_t frame[TEMPLATE_SIZE_MAX];
	uint16_t size;
	struct trafficgen_bpf *skel; /* full speed */
	int fd;			     /* paced */
	uint64_t frames;
	uint8_t copies[BATCH][TEMPLATE_SIZE_MAX];
};

static int fail(int err, const char *what)
{
	fprintf(stderr, "trafficgen: %s: %s\n", what, strerror(-err));
	return err;
}

static int read_mac(const char *interface, uint8_t ret_mac[ETH_ALEN])
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return fail(-errno, "socket");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		err = fail(-errno, interface);
	else
		memcpy(ret_mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
	return err;
}

static uint32_t base_of(const struct template_flow *flow)
{
	uint32_t word_be;

	memcpy(&word_be, flow->src + (flow->family == 4 ? 0 : 4), sizeof(word_be));
	return ntohl(word_be);
}

static int prepare(const struct options *options, struct sender *sender)
{
	struct template_flow flow = options->flow;
	int err = read_mac(options->interface, flow.src_mac);

	if (err)
		return err;
	sender->settings = (struct tg_settings){
		.ifindex = if_nametoindex(options->interface),
		.family = flow.family,
		.base = base_of(&flow),
		.mask = (uint32_t)((1ull << options->bits) - 1),
		.sources = options->sources,
	};
	sender->size = flow.size;
	err = template_build(&flow, sender->frame, &sender->settings);
	return err ? fail(err, "--size does not hold the headers") : 0;
}

static int open_program(struct sender *sender)
{
	int err;

	sender->skel = trafficgen_bpf__open();
	if (!sender->skel)
		return fail(-errno, "BPF program");
	memcpy((void *)&sender->skel->rodata->settings, &sender->settings,
	       sizeof(sender->settings));
	err = trafficgen_bpf__load(sender->skel);
	return err ? fail(err, "BPF program") : 0;
}

static int open_socket(struct sender *sender)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)sender->settings.ifindex};

	/* Protocol 0: it receives nothing. */
	sender->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sender->fd < 0 || bind(sender->fd, (struct sockaddr *)&to, sizeof(to)))
		return fail(-errno, "packet socket");
	for (unsigned i = 0; i < BATCH; i++)
		memcpy(sender->copies[i], sender->frame, sender->size);
	return 0;
}

int sender_new(const struct options *options, struct sender **ret_sender)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	int err;

	if (!sender)
		return fail(-ENOMEM, "memory");
	sender->fd = -1;
	err = prepare(options, sender);
	if (!err)
		err = options->rate ? open_socket(sender) : open_program(sender);
	if (err)
		sender_free(sender);
	else
		*ret_sender = sender;
	return err;
}

void sender_free(struct sender *sender)
{
	if (!sender)
		return;
	trafficgen_bpf__destroy(sender->skel);
	if (sender->fd >= 0)
		close(sender->fd);
	free(sender);
}

static int send_program(struct sender *sender, uint32_t count)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = sender->frame, .data_size_in = sender->size,
		    .repeat = (int)count, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	int err = bpf_prog_test_run_opts(bpf_program__fd(sender->skel->progs.tg_send), &run);

	sender->frames = sender->skel->bss->frames;
	return err && err != -EINTR ? fail(err, "test run") : 0;
}

static int send_batch(struct sender *sender, unsigned count)
{
	struct mmsghdr message[BATCH] = {};
	struct iovec part[BATCH];
	int sent;

	for (unsigned i = 0; i < count; i++) {
		uint8_t *copy = sender->copies[i];

		/* Cannot fail: the template holds the headers. */
		(void)tg_rewrite(&sender->settings, copy, copy + sender->size,
				 (uint32_t)(sender->frames + i));
		part[i] = (struct iovec){.iov_base = copy, .iov_len = sender->size};
		message[i].msg_hdr = (struct msghdr){.msg_iov = &part[i], .msg_iovlen = 1};
	}
	sent = sendmmsg(sender->fd, message, count, 0);
	if (sent < 0 && errno != EINTR && errno != ENOBUFS)
		return fail(-errno, "send");
	sender->frames += sent > 0 ? (unsigned)sent : 0;
	return 0;
}

int sender_send(struct sender *sender, uint32_t count)
{
	int err = 0;

	if (sender->skel)
		return send_program(sender, count);
	for (; !err && count > BATCH; count -= BATCH)
		err = send_batch(sender, BATCH);
	return err ? err : send_batch(sender, count);
}

uint64_t sender_frames(const struct sender *sender)
{
	return sender->frames;
}
