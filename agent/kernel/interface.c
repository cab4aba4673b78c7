/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel/counters.h"
#include "kernel/interface.h"

static const char *mode_text(enum attach_mode mode)
{
	static const char *const text[] = {
#define MODE_TEXT(name, label, help) help,
		ATTACH_MODES(MODE_TEXT)
#undef MODE_TEXT
	};

	return text[mode];
}

/* What stays wrong is said once, not every thirty seconds. */
void interface_complain(struct interface *interface, const char *trouble)
{
	if (!strcmp(interface->trouble, trouble))
		return;
	snprintf(interface->trouble, sizeof(interface->trouble), "%s", trouble);
	if (trouble[0])
		log_warning("%s: %s; trying again when it changes, and every 30 s", interface->name,
			    trouble);
}

static void announce(const struct interface *interface, enum attach_result result)
{
	const struct attachment *at = &interface->at;
	const char *how = "protected";

	if (result == ATTACH_KEPT)
		how = "protected already, by the program of an earlier agent";
	if (result == ATTACH_SWAPPED)
		how = "protected; the program of an earlier agent has been replaced without a gap";
	log_notice("%s: %s: %s%s%s", interface->name, how, mode_text(at->mode),
		   at->why[0] ? "; " : "", at->why);
}

int interface_detach(unsigned ifindex, const char *name)
{
	char error[INTERFACE_ERROR_MAX];
	int removed = attach_remove(ifindex, error);
	int filters;

	if (removed < 0 && removed != -ENODEV)
		log_error("%s: our XDP program stays attached: %s", name, error);
	filters = tc_flag_detach(ifindex, error);
	if (filters < 0 && filters != -ENODEV)
		log_error("%s: our tc program stays attached: %s", name, error);
	return removed > 0 ? removed : 0;
}

void interface_unprotect(struct interface *interface, const char *why)
{
	if (interface_detach(interface->ifindex, interface->name))
		log_notice("%s: no longer protected: %s", interface->name, why);
	interface->at.mode = ATTACH_NONE;
	interface->flags = false;
}

/* Returns whether all is well. */
static bool see_to_flags(struct interface *interface, const struct tc_flag *flag)
{
	char error[TC_ERROR_MAX];
	int err = tc_flag_attach(flag, interface->ifindex, error);

	interface->flags = !err;
	if (err) {
		char trouble[INTERFACE_ERROR_MAX];

		snprintf(trouble, sizeof(trouble), "flags do not reach skb->mark: %.200s", error);
		interface_complain(interface, trouble);
	}
	return !err;
}

void interface_protect(struct interface *interface, const struct datapath *datapath,
		       const struct tc_flag *flag)
{
	bool was_attached = interface->at.mode != ATTACH_NONE;
	char error[INTERFACE_ERROR_MAX] = "";
	enum attach_result result =
		attach_program(datapath, interface->ifindex, &interface->at, error);

	if (was_attached && (result == ATTACH_DONE || result == ATTACH_FAILED))
		log_warning("%s: somebody has detached or replaced our XDP program",
			    interface->name);
	if (result == ATTACH_FAILED) {
		char trouble[INTERFACE_ERROR_MAX];

		snprintf(trouble, sizeof(trouble), "not protected: %.230s", error);
		interface_complain(interface, trouble);
		return;
	}
	if (result != ATTACH_KEPT || !was_attached) {
		counters_pin(datapath_pin_dir(datapath), interface->ifindex,
			     interface->at.counters_fd);
		announce(interface, result);
	}
	if (!flag || see_to_flags(interface, flag))
		interface_complain(interface, ""); /* nothing is wrong any more */
}

void interface_cover(struct interface *interface, const struct link *by)
{
	if (interface->at.mode != ATTACH_NONE)
		interface_unprotect(interface, "it is stacked on an interface that is");
	if (!interface->covered)
		log_info("%s: left alone: its packets are judged on %s", interface->name, by->name);
	interface->covered = true;
	interface->trouble[0] = '\0';
	snprintf(interface->at.why, sizeof(interface->at.why), "its packets are judged on %s",
		 by->name);
}
