/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "kernel/chatter.h"
#include "kernel/counters.h"
#include "kernel/interfaces_private.h"

#define CHECK_EVERY_NS (30 * NS_PER_SEC) /* how long what no message told of may go unnoticed */

/* ---- What happens ------------------------------------------------------------ */

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
		interfaces_reconcile(interfaces, false);
}

static void on_check(void *context, uint64_t now_ns)
{
	struct interfaces *interfaces = context;

	if (interfaces->is_stopped)
		return;
	refresh(interfaces);
	interfaces_reconcile(interfaces, true);
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

		if ((link->native_id || link->generic_id) &&
		    !interfaces_find(interfaces, link->ifindex) &&
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

	if (ret_attached)
		*ret_attached = 0;
	if (interfaces->is_stopped)
		return;
	refresh(interfaces);
	if (take_names(interfaces, policy))
		log_error("the policy's interfaces are left as they were: not enough memory");

	want_flags(interfaces, policy);
	interfaces_reconcile(interfaces, true);
	if (!interfaces->wants_flags)
		remove_flags(interfaces);
	detach_strays(interfaces);
	counters_unpin_others(interfaces_pin_dir(interfaces), interfaces_is_protected, interfaces);
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
		interfaces_drop(interfaces, interfaces->count - 1);
	counters_unpin_others(interfaces_pin_dir(interfaces), is_nobody, NULL);
	log_notice("detached: %d XDP program%s of ours removed; no packet is limited until sluiced "
		   "is started again",
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
