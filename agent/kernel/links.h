/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network interfaces of this namespace, as the kernel tells of them (rtnetlink through libmnl).
 *
 * Keeps a table and says when it has changed; knows nothing of policies or programs beyond the number of
 * the XDP program an interface runs. Single-threaded, on the loop's thread.
 */
#ifndef KERNEL_LINKS_H
#define KERNEL_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

#define LINK_KIND_MAX	16
#define LINKS_ERROR_MAX 256

struct link {
	unsigned ifindex;
	char name[IF_NAMESIZE];
	char kind[LINK_KIND_MAX]; /* "vlan", "veth", ...; "" for hardware */
	unsigned mtu;
	unsigned master;      /* ifindex of the bridge or bond it is a port of, or 0 */
	unsigned lower;	      /* ifindex of the device it is made on, or 0 */
	bool lower_elsewhere; /* lower counts in another namespace */
	bool up;
	uint16_t type;	     /* ARPHRD_ETHER and so on: what its frames begin with */
	uint32_t native_id;  /* XDP program in the driver, 0: none */
	uint32_t generic_id; /* XDP program in the stack, 0: none */
	uint32_t serial;     /* of this device: an ifindex that is used again gets another one */
	uint32_t revision;   /* raised by every change of the above */
};

struct links;

/* Called after the table has changed, once for a batch of messages. May call anything here but links_free(). */
typedef void links_changed_fn(void *context);

/*
 * Read all links and follow them with loop. Returns 0 and *ret_links; -errno with a sentence in error.
 */
int links_new(struct loop *loop, links_changed_fn *changed, void *context, struct links **ret_links,
	      char error[static LINKS_ERROR_MAX]);
void links_free(struct links *links);

/*
 * Read all links again, which heals whatever was missed. Does not call changed(). Returns 0 or -errno; the table
 * is then as it was. error as above, may be NULL.
 */
int links_refresh(struct links *links, char *error);

/* The table, sorted by ifindex; pointers stay valid until the loop runs or links_refresh(). */
size_t links_count(const struct links *links);
const struct link *links_at(const struct links *links, size_t index);
/* NULL if there is none. */
const struct link *links_find(const struct links *links, unsigned ifindex);

#endif
