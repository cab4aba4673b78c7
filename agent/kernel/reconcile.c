/* SPDX-License-Identifier: BSD-2-Clause */
#include <fnmatch.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel/counters.h"
#include "kernel/interfaces_private.h"
#include "kernel/stacking.h"

/* ---- Which links -------------------------------------------------------------------------- */

const char *interfaces_pin_dir(const struct interfaces *interfaces)
{
	return interfaces->datapath ? datapath_pin_dir(interfaces->datapath) : "";
}

static bool is_named(const struct interfaces *interfaces, const struct link *link)
{
	for (char **name = interfaces->names; name && *name; name++) {
		if (!strcmp(*name, link->name))
			return true;
		/* "*" is not meant to limit the host's talk with itself. */
		if (link->type != ARPHRD_LOOPBACK && !fnmatch(*name, link->name, 0))
			return true;
	}
	return false;
}

struct interface *interfaces_find(const struct interfaces *interfaces, unsigned ifindex)
{
	for (size_t i = 0; i < interfaces->count; i++)
		if (interfaces->at[i]->ifindex == ifindex)
			return interfaces->at[i];
	return NULL;
}

bool interfaces_is_protected(const void *context, unsigned ifindex)
{
	const struct interface *interface = interfaces_find(context, ifindex);

	return interface && interface->at.mode != ATTACH_NONE;
}

static void add(struct interfaces *interfaces, const struct link *link)
{
	struct interface *interface = calloc(1, sizeof(*interface));
	struct interface **at =
		reallocarray(interfaces->at, interfaces->count + 1, sizeof(struct interface *));

	if (at)
		interfaces->at = at;
	if (!interface || !at) {
		free(interface);
		log_error("%s: not protected: not enough memory; trying again", link->name);
		return;
	}
	interface->ifindex = link->ifindex;
	interface->serial = link->serial;
	interface->revision = link->revision - 1; /* not tried yet */
	interface->at = ATTACHMENT_NONE;
	snprintf(interface->name, sizeof(interface->name), "%s", link->name);
	at[interfaces->count++] = interface;
}

void interfaces_drop(struct interfaces *interfaces, size_t index)
{
	struct interface *interface = interfaces->at[index];

	counters_unpin(interfaces_pin_dir(interfaces), interface->ifindex);
	attachment_close(&interface->at);
	free(interface);
	interfaces->at[index] = interfaces->at[--interfaces->count];
}

static bool has_our_program(const struct interface *interface, const struct link *link)
{
	return interface->at.mode != ATTACH_NONE && interface->at.main_id &&
	       (link->native_id == interface->at.main_id ||
		link->generic_id == interface->at.main_id);
}

static bool is_same(const void *context, unsigned ifindex)
{
	return *(const unsigned *)context == ifindex;
}

/* The kernel attaches nothing below an interface that has a program: free what is stacked on this one. */
static void clear_above(struct interfaces *interfaces, const struct interface *below)
{
	for (size_t i = 0; i < interfaces->count; i++) {
		struct interface *above = interfaces->at[i];

		if (above->at.mode == ATTACH_NONE ||
		    !stacking_covered_by(interfaces->links,
					 links_find(interfaces->links, above->ifindex), is_same,
					 &below->ifindex))
			continue;
		interface_unprotect(above, "what it is stacked on is to be protected instead");
		above->revision--; /* its turn comes later, and again if this fails */
	}
}

static void settle(struct interfaces *interfaces, struct interface *interface, bool check)
{
	const struct link *link = links_find(interfaces->links, interface->ifindex);
	const struct link *by =
		stacking_covered_by(interfaces->links, link, interfaces_is_protected, interfaces);

	if (by) {
		interface_cover(interface, by);
		return;
	}
	interface->covered = false;
	if (link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK) {
		interface_complain(interface,
				   "not protected: its packets have no Ethernet header; name the "
				   "interface they arrive on");
		return;
	}
	/* What failed is tried again when something about the link is different. */
	if (!check && (has_our_program(interface, link) || (interface->at.mode == ATTACH_NONE &&
							    interface->revision == link->revision)))
		return;

	/* Not at every check: where it fails for good, what is above must not flap. */
	if (interface->at.mode == ATTACH_NONE && interface->revision != link->revision)
		clear_above(interfaces, interface);
	interface->revision = link->revision;
	interface_protect(interface, interfaces->datapath,
			  interfaces->wants_flags ? interfaces->flag : NULL);
}

/* ---- All of them ------------------------------------------------------------------------------ */

static void drop_what_is_gone(struct interfaces *interfaces)
{
	for (size_t i = interfaces->count; i-- > 0;) {
		struct interface *interface = interfaces->at[i];
		const struct link *link = links_find(interfaces->links, interface->ifindex);

		if (!link || link->serial != interface->serial) {
			log_notice("%s: is gone", interface->name);
			interfaces_drop(interfaces, i);
			continue;
		}
		if (strcmp(link->name, interface->name))
			log_notice("%s: is called %s now", interface->name, link->name);
		memcpy(interface->name, link->name, sizeof(interface->name));
		if (!is_named(interfaces, link)) {
			interface_unprotect(interface, "the policy does not name it");
			interfaces_drop(interfaces, i);
		}
	}
}

static int by_depth(const void *a, const void *b)
{
	const struct interface *x = *(struct interface *const *)a;
	const struct interface *y = *(struct interface *const *)b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

void interfaces_reconcile(struct interfaces *interfaces, bool check)
{
	drop_what_is_gone(interfaces);
	for (size_t i = 0; i < links_count(interfaces->links); i++) {
		const struct link *link = links_at(interfaces->links, i);

		if (is_named(interfaces, link) && !interfaces_find(interfaces, link->ifindex))
			add(interfaces, link);
	}
	for (size_t i = 0; i < interfaces->count; i++)
		interfaces->at[i]->depth =
			stacking_depth(interfaces->links,
				       links_find(interfaces->links, interfaces->at[i]->ifindex));
	if (interfaces->count)
		qsort(interfaces->at, interfaces->count, sizeof(struct interface *), by_depth);
	for (size_t i = 0; i < interfaces->count; i++)
		settle(interfaces, interfaces->at[i], check);
}
