/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fnmatch.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "kernel/chatter.h"
#include "kernel/counters.h"
#include "kernel/interface.h"
#include "kernel/interfaces.h"
#include "kernel/stacking.h"

#define CHECK_EVERY_NS (30 * NS_PER_SEC) /* how long what no message told of may go unnoticed */

struct interfaces {
	struct datapath *datapath; /* NULL: can only detach */
	struct links *links;
	struct loop_timer *timer;
	struct tc_flag *flag; /* loaded when first wanted */
	char **names;	      /* the policy's, NULL-terminated; NULL: none */
	bool wants_flags;
	bool is_stopped;       /* after interfaces_detach_all() */
	struct interface **at; /* by depth, so that what is below comes first */
	size_t count;
};

/* ---- Which links -------------------------------------------------------------------------- */

static const char *pin_dir(const struct interfaces *interfaces)
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

static struct interface *find(const struct interfaces *interfaces, unsigned ifindex)
{
	for (size_t i = 0; i < interfaces->count; i++)
		if (interfaces->at[i]->ifindex == ifindex)
			return interfaces->at[i];
	return NULL;
}

static bool is_protected(const void *context, unsigned ifindex)
{
	const struct interface *interface = find(context, ifindex);

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

static void drop(struct interfaces *interfaces, size_t index)
{
	struct interface *interface = interfaces->at[index];

	counters_unpin(pin_dir(interfaces), interface->ifindex);
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

static void settle(struct interfaces *interfaces, struct interface *interface, bool check)
{
	const struct link *link = links_find(interfaces->links, interface->ifindex);
	const struct link *by =
		stacking_covered_by(interfaces->links, link, is_protected, interfaces);

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
			drop(interfaces, i);
			continue;
		}
		if (strcmp(link->name, interface->name))
			log_notice("%s: is called %s now", interface->name, link->name);
		memcpy(interface->name, link->name, sizeof(interface->name));
		if (!is_named(interfaces, link)) {
			interface_unprotect(interface, "the policy does not name it");
			drop(interfaces, i);
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

/* Make what is attached be what is named. check: also look where nothing seems to have changed. */
static void reconcile(struct interfaces *interfaces, bool check)
{
	drop_what_is_gone(interfaces);
	for (size_t i = 0; i < links_count(interfaces->links); i++) {
		const struct link *link = links_at(interfaces->links, i);

		if (is_named(interfaces, link) && !find(interfaces, link->ifindex))
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

static void refresh(struct interfaces *interfaces)
{
	char error[LINKS_ERROR_MAX] = "";

	if (links_refresh(interfaces->links, error))
		log_warning("the interfaces could not be read again: %s", error);
}

static void on_links_changed(void *context)
{
	struct interfaces *interfaces = context;

	if (!interfaces->is_stopped)
		reconcile(interfaces, false);
}

static void on_check(void *context, uint64_t now_ns)
{
	struct interfaces *interfaces = context;

	if (interfaces->is_stopped)
		return;
	refresh(interfaces);
	reconcile(interfaces, true);
}

/* ---- Life ------------------------------------------------------------------------------------- */

int interfaces_new(struct loop *loop, struct datapath *datapath, struct interfaces **ret_interfaces,
		   char error[static INTERFACE_ERROR_MAX])
{
	struct interfaces *interfaces = calloc(1, sizeof(*interfaces));
	int err;

	chatter_route();
	snprintf(error, INTERFACE_ERROR_MAX, "not enough memory");
	if (!interfaces)
		return -ENOMEM;

	interfaces->datapath = datapath;
	err = links_new(loop, on_links_changed, interfaces, &interfaces->links, error);
	if (!err)
		err = loop_at(loop, clock_now_ns() + CHECK_EVERY_NS, CHECK_EVERY_NS, on_check,
			      interfaces, &interfaces->timer);
	if (err) {
		interfaces_free(interfaces);
		return err;
	}
	*ret_interfaces = interfaces;
	return 0;
}

static void free_names(struct interfaces *interfaces)
{
	for (char **name = interfaces->names; name && *name; name++)
		free(*name);
	free(interfaces->names);
	interfaces->names = NULL;
}

void interfaces_free(struct interfaces *interfaces)
{
	if (!interfaces)
		return;
	loop_cancel(interfaces->timer);
	links_free(interfaces->links);
	for (size_t i = 0; i < interfaces->count; i++) {
		attachment_close(&interfaces->at[i]->at);
		free(interfaces->at[i]);
	}
	free(interfaces->at);
	free_names(interfaces);
	tc_flag_free(interfaces->flag);
	free(interfaces);
}

/* ---- The policy ---------------------------------------------------------------------------------- */

static int take_names(struct interfaces *interfaces, const struct policy *policy)
{
	char **names = calloc(policy->interface_count + 1, sizeof(*names));

	for (size_t i = 0; names && i < policy->interface_count; i++) {
		names[i] = strdup(policy->interfaces[i]);
		if (names[i])
			continue;
		while (i-- > 0)
			free(names[i]);
		free(names);
		names = NULL;
	}
	if (!names)
		return -ENOMEM;

	free_names(interfaces);
	interfaces->names = names;
	return 0;
}

static bool can_flag(const struct policy *policy)
{
	for (size_t i = 0; i < policy->tier_count; i++)
		if (policy->tiers[i].over == SL_OVER_FLAG || policy->tiers[i].flag_above_percent)
			return true;
	return false;
}

static void want_flags(struct interfaces *interfaces, const struct policy *policy)
{
	char error[TC_ERROR_MAX];

	interfaces->wants_flags = can_flag(policy);
	if (interfaces->wants_flags && !interfaces->flag && tc_flag_new(&interfaces->flag, error))
		log_error("%s; packets are flagged, but skb->mark is not set", error);
	if (policy->flag.accept)
		tc_accept_marks();
}

/* Also those of an earlier agent, whose policy did flag. */
static void remove_flags(struct interfaces *interfaces)
{
	char error[TC_ERROR_MAX];

	for (size_t i = 0; i < interfaces->count; i++) {
		struct interface *interface = interfaces->at[i];

		interface->flags = false;
		if (tc_flag_detach(interface->ifindex, error) < 0)
			log_warning("%s: %s", interface->name, error);
	}
}

/* What earlier agents attached where the policy names nothing any more. */
static void detach_strays(struct interfaces *interfaces)
{
	for (size_t i = 0; i < links_count(interfaces->links); i++) {
		const struct link *link = links_at(interfaces->links, i);

		if ((link->native_id || link->generic_id) && !find(interfaces, link->ifindex) &&
		    interface_detach(link->ifindex, link->name))
			log_notice("%s: no longer protected: the policy does not name it",
				   link->name);
	}
}

static void tell_what_is_awaited(const struct interfaces *interfaces)
{
	for (char **name = interfaces->names; name && *name; name++) {
		bool found = false;

		for (size_t i = 0; i < interfaces->count && !found; i++)
			found = !fnmatch(*name, interfaces->at[i]->name, 0);
		if (!found)
			log_notice("waiting for %s: no interface is called so yet", *name);
	}
}

void interfaces_apply(struct interfaces *interfaces, const struct policy *policy,
		      size_t *ret_attached)
{
	size_t attached = 0;

	interfaces->is_stopped = false;
	refresh(interfaces);
	if (take_names(interfaces, policy))
		log_error("the policy's interfaces are left as they were: not enough memory");

	want_flags(interfaces, policy);
	reconcile(interfaces, true);
	if (!interfaces->wants_flags)
		remove_flags(interfaces);
	detach_strays(interfaces);
	counters_unpin_others(pin_dir(interfaces), is_protected, interfaces);
	tell_what_is_awaited(interfaces);

	for (size_t i = 0; i < interfaces->count; i++)
		attached += interfaces->at[i]->at.mode != ATTACH_NONE;
	if (ret_attached)
		*ret_attached = attached;
}

static bool is_nobody(const void *context, unsigned ifindex)
{
	return false;
}

void interfaces_detach_all(struct interfaces *interfaces)
{
	int removed = 0;

	interfaces->is_stopped = true;
	refresh(interfaces);
	for (size_t i = 0; i < links_count(interfaces->links); i++) {
		const struct link *link = links_at(interfaces->links, i);

		removed += interface_detach(link->ifindex, link->name);
	}
	while (interfaces->count)
		drop(interfaces, interfaces->count - 1);
	counters_unpin_others(pin_dir(interfaces), is_nobody, NULL);
	log_notice("detached: %d XDP program%s of ours removed; nothing is limited any more",
		   removed, removed == 1 ? "" : "s");
}

/* ---- Status ------------------------------------------------------------------------------------------ */

static void describe(const struct interface *interface, struct interface_status *status)
{
	*status = (struct interface_status){
		.ifindex = interface->ifindex,
		.mode = interface->covered ? ATTACH_COVERED : interface->at.mode,
		.adopted = interface->at.adopted,
		.flags = interface->flags,
	};
	memcpy(status->name, interface->name, sizeof(status->name));
	snprintf(status->why, sizeof(status->why), "%s",
		 interface->trouble[0] ? interface->trouble : interface->at.why);
	counters_read(interface->at.counters_fd, status->reasons);
}

/* A name without an interface; globs are not told of, they may match nothing for good. */
static bool each_awaited(const struct interfaces *interfaces, interface_fn *fn, void *context)
{
	struct interface_status status = {.mode = ATTACH_NONE, .why = "waiting for it to appear"};

	for (char **name = interfaces->names; name && *name; name++) {
		bool found = strpbrk(*name, "*?[") || strlen(*name) >= sizeof(status.name);

		for (size_t i = 0; i < interfaces->count && !found; i++)
			found = !strcmp(*name, interfaces->at[i]->name);
		if (found)
			continue;
		snprintf(status.name, sizeof(status.name), "%s", *name);
		if (!fn(context, &status))
			return false;
	}
	return true;
}

void interfaces_each(const struct interfaces *interfaces, interface_fn *fn, void *context)
{
	for (size_t i = 0; i < interfaces->count; i++) {
		struct interface_status status;

		describe(interfaces->at[i], &status);
		if (!fn(context, &status))
			return;
	}
	if (!interfaces->is_stopped)
		(void)each_awaited(interfaces, fn, context); /* the last part anyway */
}
