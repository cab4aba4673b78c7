/* SPDX-License-Identifier: BSD-2-Clause */
/* Bans that get longer each time, asked for by user space: what the datapath does for its own drops. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include <sluice/bucket.h>

#include "kernel/datapath_private.h"

/* So that what is asked for elsewhere never takes the room of the datapath's own bans, and of people's. */
#define SHARE_OF_TABLE 2

static bool is_source(const struct datapath *datapath, const struct prefix *prefix)
{
	return prefix->bits ==
	       (prefix->family == ADDRESS_IPV4 ? datapath->bits.ipv4 : datapath->bits.ipv6);
}

static bool has_room(const struct datapath *datapath)
{
	return __atomic_load_n(&datapath->state->bans, __ATOMIC_RELAXED) <
	       datapath->tables.bans / SHARE_OF_TABLE;
}

int datapath_ban_again(struct datapath *datapath, const struct policy *policy,
		       struct ban_terms *terms, struct ban *ban,
		       char error[static DATAPATH_ERROR_MAX])
{
	struct sl_source source = source_of(&ban->prefix, datapath->bits);
	struct sl_ban before = {.strikes = 0};
	struct ban next = *ban;
	int err;

	if (!is_source(datapath, &ban->prefix))
		return -EINVAL;
	err = bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_bans], &source, &before);
	if (!err && before.until_ns > ban->since_ns)
		return -EALREADY;
	if (err && !has_room(datapath)) {
		(void)snprintf(error, DATAPATH_ERROR_MAX,
			       "half of the ban table is in use (tables: {bans: %u} in the policy)",
			       datapath->tables.bans);
		return -ENOSPC;
	}
	next.strikes = before.strikes < UINT32_MAX ? before.strikes + 1 : UINT32_MAX;
	next.until_ns = ban->since_ns + sl_ban_ns(terms->for_ns, terms->max_ns, next.strikes);
	err = datapath_ban(datapath, policy, &next, error);
	if (err)
		return err;
	*ban = next;
	terms->ret_ended_ns =
		before.until_ns > datapath->sweep.bans_cutoff_ns ? before.until_ns : 0;
	return 0;
}
