/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/link_message.h"
#include "kernel/links.h"

#define EVENT_ROOM \
	(1 << 20) /* bytes of unread messages: a host that starts a thousand containers at once */
#define MESSAGE_MAX 32768 /* the kernel's own limit for one part of a dump */
#define LINKS_MAX   65536 /* more are ignored, and said to be */
#define DUMP_WAIT_S 5
#define DUMP_TRIES  4
#define BATCH_MAX   256 /* messages read before the loop gets its turn */

struct links {
	struct loop *loop;
	struct loop_watch *watch;
	struct mnl_socket *events;
	links_changed_fn *changed;
	void *context;
	struct link *table; /* sorted by ifindex */
	size_t count;
	size_t room;
	uint32_t serial;
	bool missed; /* messages were lost */
	bool dirty;  /* the table has changed since changed() was called */
};

/* ---- The table -------------------------------------------------------------- */

static int by_ifindex(const void *a, const void *b)
{
	unsigned x = ((const struct link *)a)->ifindex, y = ((const struct link *)b)->ifindex;

	return x < y ? -1 : x > y;
}

static struct link *find(const struct links *links, unsigned ifindex)
{
	struct link key = {.ifindex = ifindex};

	if (!links->count)
		return NULL;
	return bsearch(&key, links->table, links->count, sizeof(key), by_ifindex);
}

static int make_room(struct links *links)
{
	size_t room = links->room ? links->room * 2 : 64;
	struct link *table;

	if (links->count < links->room)
		return 0;
	if (links->count >= LINKS_MAX)
		return -ENOSPC;

	table = reallocarray(links->table, room, sizeof(*table));
	if (!table)
		return -ENOMEM;
	links->table = table;
	links->room = room;
	return 0;
}

static int add(struct links *links, const struct link *told)
{
	size_t at = links->count;
	int err = make_room(links);

	if (err)
		return err;

	while (at > 0 && links->table[at - 1].ifindex > told->ifindex) {
		links->table[at] = links->table[at - 1];
		at--;
	}
	links->table[at] = *told;
	links->table[at].serial = ++links->serial;
	links->count++;
	links->dirty = true;
	return 0;
}

static int put(struct links *links, const struct link *told)
{
	struct link *known = find(links, told->ifindex);
	struct link same = *told;

	if (!known)
		return add(links, told);

	same.serial = known->serial;
	same.revision = known->revision;
	if (!memcmp(known, &same, sizeof(same)))
		return 0;

	same.revision++;
	*known = same;
	links->dirty = true;
	return 0;
}

static void drop(struct links *links, struct link *link)
{
	size_t after = links->count - (size_t)(link - links->table) - 1;

	memmove(link, link + 1, after * sizeof(*link));
	links->count--;
	links->dirty = true;
}

/* ---- Messages ----------------------------------------------------------------- */

static int on_message(const struct nlmsghdr *message, void *context)
{
	struct links *links = context;
	struct link told, *known;

	if (!link_read(message, &told))
		return MNL_CB_OK;

	if (message->nlmsg_type == RTM_NEWLINK) {
		int err = put(links, &told);

		if (err)
			log_warning("interface %s is not followed: %s", told.name, strerror(-err));
		return MNL_CB_OK;
	}
	known = message->nlmsg_type == RTM_DELLINK ? find(links, told.ifindex) : NULL;
	if (known)
		drop(links, known);
	return MNL_CB_OK;
}

/* ---- Dump --------------------------------------------------------------------- */

static void cleanup_socket(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}
#define auto_socket __attribute__((cleanup(cleanup_socket)))

static int open_socket(unsigned groups, struct mnl_socket **ret_socket)
{
	auto_socket struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1;

	if (!nl || mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID))
		return -errno;

	/* Only makes errors more telling; kernels have it since 4.12. */
	(void)mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &on, sizeof(on));
	*ret_socket = take_ptr(nl);
	return 0;
}

struct dump {
	struct link *at;
	size_t count, room;
};

static int on_dumped(const struct nlmsghdr *message, void *context)
{
	struct dump *dump = context;

	if (dump->count == dump->room) {
		size_t room = dump->room ? dump->room * 2 : 64;
		struct link *grown;

		if (room > LINKS_MAX)
			return MNL_CB_OK;
		grown = reallocarray(dump->at, room, sizeof(*grown));
		if (!grown)
			return MNL_CB_ERROR;
		dump->at = grown;
		dump->room = room;
	}
	if (message->nlmsg_type == RTM_NEWLINK && link_read(message, &dump->at[dump->count]))
		dump->count++;
	return MNL_CB_OK;
}

static int ask_for_all(struct mnl_socket *nl, uint32_t sequence)
{
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	const struct timeval wait = {.tv_sec = DUMP_WAIT_S};

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = sequence;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	if (setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	return 0;
}

static int read_all(struct mnl_socket *nl, struct dump *dump, char *error)
{
	auto_free char *buf = malloc(MESSAGE_MAX);
	ssize_t len;
	int more, err;

	if (!buf)
		return -ENOMEM;

	do {
		len = mnl_socket_recvfrom(nl, buf, MESSAGE_MAX);
		if (len < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)len, 1, mnl_socket_get_portid(nl), on_dumped, dump);
	} while (more > MNL_CB_STOP);
	if (more == MNL_CB_STOP)
		return 0;

	err = -errno;
	if (error) {
		const char *why = link_error_text((struct nlmsghdr *)buf);

		snprintf(error, LINKS_ERROR_MAX, "reading the interfaces: %s",
			 why ? why : strerror(-err));
	}
	return err;
}

static void merge(struct links *links, struct dump *dump)
{
	if (dump->count)
		qsort(dump->at, dump->count, sizeof(*dump->at), by_ifindex);
	for (size_t i = links->count; i-- > 0;)
		if (!dump->count || !bsearch(&links->table[i], dump->at, dump->count,
					     sizeof(*dump->at), by_ifindex))
			drop(links, &links->table[i]);
	for (size_t i = 0; i < dump->count; i++)
		(void)put(links, &dump->at[i]); /* too many, or no memory: tried again in 30 s */
}

static int refresh_once(struct links *links, char *error)
{
	auto_socket struct mnl_socket *nl = NULL;
	struct dump dump = {};
	int err;

	err = open_socket(0, &nl);
	if (!err)
		err = ask_for_all(nl, 1);
	if (error && err)
		snprintf(error, LINKS_ERROR_MAX, "asking for the interfaces: %s", strerror(-err));
	if (!err)
		err = read_all(nl, &dump, error);
	if (!err)
		merge(links, &dump);
	free(dump.at);
	return err;
}

int links_refresh(struct links *links, char *error)
{
	int err = -EINTR;

	/* EINTR: interfaces came or went meanwhile and the answer may lack some. */
	for (int tries = 0; tries < DUMP_TRIES && err == -EINTR; tries++)
		err = refresh_once(links, error);
	return err;
}

/* ---- Events --------------------------------------------------------------------- */

static void tell(struct links *links)
{
	if (!links->dirty)
		return;
	links->dirty = false;
	links->changed(links->context);
}

/* Returns whether there may be more. */
static bool read_some(struct links *links, char *buf)
{
	ssize_t len = mnl_socket_recvfrom(links->events, buf, MESSAGE_MAX);

	if (len < 0 && errno == ENOBUFS) {
		links->missed = true;
		return true;
	}
	if (len <= 0)
		return false;

	/* A message that makes no sense ends its batch; the next dump heals what that leaves out. */
	(void)mnl_cb_run(buf, (size_t)len, 0, 0, on_message, links);
	return true;
}

/* What is queued is older than a dump made now: behind it, it would bring back what has gone since. */
static void catch_up(struct links *links)
{
	log_warning("so many interfaces changed at once that some were missed; reading all");
	links->missed = false;
	links->dirty = true;
	if (links_refresh(links, NULL))
		log_warning("reading the interfaces failed; trying again within 30 s");
}

static void on_events(void *context, uint32_t events)
{
	auto_free char *buf = malloc(MESSAGE_MAX);
	struct links *links = context;
	bool more = buf;

	for (int i = 0; i < BATCH_MAX && more; i++)
		more = read_some(links, buf);
	if (links->missed && more)
		return; /* nobody should act on half of it */
	if (links->missed)
		catch_up(links);
	tell(links);
}

static int follow(struct links *links)
{
	int room = EVENT_ROOM, fd, err;

	err = open_socket(RTMGRP_LINK, &links->events);
	if (err)
		return err;

	fd = mnl_socket_get_fd(links->events);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)); /* or the default */
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		return -errno;
	return loop_watch(links->loop, fd, EPOLLIN, on_events, links, &links->watch);
}

int links_new(struct loop *loop, links_changed_fn *changed, void *context, struct links **ret_links,
	      char error[static LINKS_ERROR_MAX])
{
	struct links *links = calloc(1, sizeof(*links));
	int err;

	snprintf(error, LINKS_ERROR_MAX, "not enough memory");
	if (!links)
		return -ENOMEM;

	*links = (struct links){.loop = loop, .changed = changed, .context = context};
	/* Events first: what changes between the two is then told of twice rather than never. */
	err = follow(links);
	if (err)
		snprintf(error, LINKS_ERROR_MAX, "following the interfaces: %s", strerror(-err));
	else
		err = links_refresh(links, error);
	if (err) {
		links_free(links);
		return err;
	}
	links->dirty = false;
	*ret_links = links;
	return 0;
}

void links_free(struct links *links)
{
	if (!links)
		return;
	loop_unwatch(links->watch);
	cleanup_socket(&links->events);
	free(links->table);
	free(links);
}

size_t links_count(const struct links *links)
{
	return links->count;
}

const struct link *links_at(const struct links *links, size_t index)
{
	return &links->table[index];
}

const struct link *links_find(const struct links *links, unsigned ifindex)
{
	return find(links, ifindex);
}
