/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/privileges.h"
#include "flag.skel.h"
#include "kernel/chatter.h"
#include "kernel/tc.h"

#define PRIORITY 10 /* before what operators number from 100 on, behind what must come first */

/* Which of two handles our filter has says whether the qdisc is ours too: it lives exactly as long as that matters. */
enum handle { HANDLE_GUEST = 0x51, HANDLE_HOST = 0x52 };

static const enum handle handles[] = {HANDLE_GUEST, HANDLE_HOST};
#define HANDLES (sizeof(handles) / sizeof(handles[0]))

struct tc_flag {
	struct flag_bpf *skeleton;
};

static int fail(int err, const char *what, char *error)
{
	const char *why = chatter_last()[0] ? chatter_last() : strerror(-err);

	if (err == -EPERM)
		why = "not permitted: it takes CAP_NET_ADMIN";
	snprintf(error, TC_ERROR_MAX, "%s: %s", what, why);
	return err;
}

int tc_flag_new(struct tc_flag **ret_flag, char error[static TC_ERROR_MAX])
{
	auto_free struct tc_flag *flag = calloc(1, sizeof(*flag));

	chatter_clear();
	if (!flag)
		return fail(-ENOMEM, "loading the tc program", error);
	flag->skeleton = flag_bpf__open_and_load();
	if (!flag->skeleton)
		return fail(-errno, "loading the tc program", error);

	*ret_flag = take_ptr(flag);
	return 0;
}

void tc_flag_free(struct tc_flag *flag)
{
	if (!flag)
		return;
	flag_bpf__destroy(flag->skeleton);
	free(flag);
}

/* ---- Whose filter ----------------------------------------------------------------- */

enum filter { FILTER_NONE, FILTER_OURS, FILTER_OLDER, FILTER_OTHERS };

static bool read_program(int fd, struct bpf_prog_info *ret_info)
{
	__u32 len = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return !bpf_obj_get_info_by_fd(fd, ret_info, &len);
}

/* flag may be NULL: then every program of ours is an older one. */
static enum filter whose(const struct tc_flag *flag, uint32_t program_id)
{
	auto_close int fd = bpf_prog_get_fd_by_id(program_id);
	struct bpf_prog_info there, ours;

	if (fd < 0 || !read_program(fd, &there) || strcmp(there.name, "sl_flag"))
		return FILTER_OTHERS;
	if (flag && read_program(bpf_program__fd(flag->skeleton->progs.sl_flag), &ours) &&
	    !memcmp(there.tag, ours.tag, sizeof(there.tag)))
		return FILTER_OURS;
	return FILTER_OLDER;
}

static enum filter look(const struct tc_flag *flag, const struct bpf_tc_hook *hook,
			enum handle handle)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = PRIORITY);

	if (bpf_tc_query(hook, &opts))
		return FILTER_NONE;
	return whose(flag, opts.prog_id);
}

/* ---- Attach -------------------------------------------------------------------------- */

static int put(const struct tc_flag *flag, const struct bpf_tc_hook *hook, enum handle handle,
	       bool replace)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = PRIORITY,
		    .prog_fd = bpf_program__fd(flag->skeleton->progs.sl_flag),
		    .flags = replace ? BPF_TC_F_REPLACE : 0);

	return bpf_tc_attach(hook, &opts);
}

static int attach_new(const struct tc_flag *flag, struct bpf_tc_hook *hook)
{
	int made = bpf_tc_hook_create(hook); /* -EEXIST: somebody's clsact or ingress qdisc */

	if (made && made != -EEXIST)
		return made;
	return put(flag, hook, made == -EEXIST ? HANDLE_GUEST : HANDLE_HOST, false);
}

int tc_flag_attach(const struct tc_flag *flag, unsigned ifindex, char error[static TC_ERROR_MAX])
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	auto_lower bool raised = privileges_raise();
	enum filter found = FILTER_NONE;
	size_t i;
	int err = 0;

	for (i = 0; i < HANDLES && found == FILTER_NONE; i++)
		found = look(flag, &hook, handles[i]);

	chatter_clear();
	switch (found) {
	case FILTER_OURS:
		return 0;
	case FILTER_NONE:
		err = attach_new(flag, &hook);
		break;
	case FILTER_OLDER:
		err = put(flag, &hook, handles[i - 1], true);
		break;
	case FILTER_OTHERS:
		snprintf(error, TC_ERROR_MAX,
			 "somebody else's tc filter has priority %d handle %#x; move it: tc filter "
			 "show "
			 "dev IFACE ingress",
			 PRIORITY, handles[i - 1]);
		return -EEXIST;
	}
	return err ? fail(err, "attaching the tc program", error) : 0;
}

/* ---- Detach --------------------------------------------------------------------------- */

static int on_filter(const struct nlmsghdr *message, void *context)
{
	if (message->nlmsg_type == RTM_NEWTFILTER)
		*(bool *)context = true;
	return MNL_CB_OK;
}

/* Whether any filter is at parent; where that cannot be told, yes. */
static bool has_filters(struct mnl_socket *nl, unsigned ifindex, uint32_t parent)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct tcmsg *about;
	bool found = false;
	ssize_t len;
	int more;

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = parent;
	about = mnl_nlmsg_put_extra_header(request, sizeof(*about));
	about->tcm_family = AF_UNSPEC;
	about->tcm_ifindex = (int)ifindex;
	about->tcm_parent = parent;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return true;

	do {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len <= 0)
			return true;
		more = mnl_cb_run(buf, (size_t)len, parent, mnl_socket_get_portid(nl), on_filter,
				  &found);
	} while (more > MNL_CB_STOP);
	return found || more < MNL_CB_STOP;
}

static bool is_empty(unsigned ifindex)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	const struct timeval wait = {.tv_sec = 5};
	bool empty;

	if (!nl)
		return false;
	empty = !mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) &&
		!setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) &&
		!has_filters(nl, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) &&
		!has_filters(nl, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
	mnl_socket_close(nl);
	return empty;
}

static int take_away(struct bpf_tc_hook *hook, enum handle handle)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = PRIORITY);
	int err = bpf_tc_detach(hook, &opts);

	if (err || handle != HANDLE_HOST || !is_empty((unsigned)hook->ifindex))
		return err;

	/* Both directions: that is how libbpf is told to remove the qdisc itself. */
	hook->attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	return bpf_tc_hook_destroy(hook);
}

int tc_flag_detach(unsigned ifindex, char error[static TC_ERROR_MAX])
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	auto_lower bool raised = privileges_raise();

	for (size_t i = 0; i < HANDLES; i++) {
		enum filter found = look(NULL, &hook, handles[i]);
		int err;

		if (found != FILTER_OURS && found != FILTER_OLDER)
			continue;
		chatter_clear();
		err = take_away(&hook, handles[i]);
		return err ? fail(err, "removing the tc program", error) : 1;
	}
	return 0;
}

/* ---- Sockets --------------------------------------------------------------------------- */

void tc_accept_marks(void)
{
	const char *path = "/proc/sys/net/ipv4/tcp_fwmark_accept";
	auto_fclose FILE *file = fopen(path, "we");

	if (!file || fputs("1\n", file) < 0 || fflush(file))
		log_warning("%s: %s; accepted sockets will not carry the flag's mark (sysctl -w "
			    "net.ipv4.tcp_fwmark_accept=1)",
			    path, strerror(errno));
}
