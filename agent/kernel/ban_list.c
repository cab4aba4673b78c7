/* SPDX-License-Identifier: BSD-2-Clause */
/* Bans read: listed, found by address, and what the agent keeps of them rebuilt. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include "kernel/datapath_private.h"
#include "kernel/trie_key.h"

static void copy_reason(char *to, size_t size, const struct prefix_node *node)
{
	snprintf(to, size, "%s", node && node->reason ? node->reason : "");
}

bool bans_describe(const struct datapath *datapath, const struct sl_source *source,
		   const struct sl_ban *value, struct ban *ret_ban)
{
	struct ban ban = {
		.since_ns = value->since_ns,
		.until_ns = value->until_ns,
		.strikes = value->strikes,
		.cause = value->cause < SL_BAN_CAUSE_COUNT ? value->cause : SL_BAN_MANUAL,
	};

	if (!source_prefix(source, datapath->bits, &ban.prefix))
		return false;
	copy_reason(ban.reason, sizeof(ban.reason),
		    prefix_tree_find(&datapath->reasons, &ban.prefix));
	*ret_ban = ban;
	return true;
}

static struct ban describe_node(const struct prefix_node *node)
{
	struct ban ban = {
		.prefix = node->prefix,
		.since_ns = node->since_ns,
		.until_ns = node->until_ns,
		.strikes = node->strikes,
		.cause = node->cause,
	};

	copy_reason(ban.reason, sizeof(ban.reason), node);
	return ban;
}

struct listing {
	uint64_t now_ns;
	datapath_ban_fn *fn;
	void *context;
};

static bool list_node(void *context, struct prefix_node *node)
{
	struct listing *listing = context;
	struct ban ban = describe_node(node);

	return ban.until_ns <= listing->now_ns || listing->fn(listing->context, &ban);
}

int datapath_each_ban(const struct datapath *datapath, uint64_t now_ns, datapath_ban_fn *fn,
		      void *context)
{
	struct listing listing = {now_ns, fn, context};
	auto_walk struct map_walk walk = {};
	int error = map_walk_begin(&walk, datapath->fd[DATAPATH_MAP_bans], sizeof(struct sl_source),
				   sizeof(struct sl_ban));

	if (error || !prefix_tree_each(&datapath->bans, list_node, &listing))
		return error;
	do {
		error = map_walk_step(&walk);
		if (error)
			return error;
		for (uint32_t i = 0; i < walk.count; i++) {
			const struct sl_ban *value = map_walk_value(&walk, i);
			struct ban ban;

			if (value->until_ns > now_ns &&
			    bans_describe(datapath, map_walk_key(&walk, i), value, &ban) &&
			    !fn(context, &ban))
				return 0;
		}
	} while (walk.count);
	return 0;
}

struct latest {
	struct ban ban;
};

static bool keep_latest(void *context, struct prefix_node *node)
{
	struct latest *latest = context;

	if (node->until_ns > latest->ban.until_ns)
		latest->ban = describe_node(node);
	return true;
}

int datapath_find_ban(const struct datapath *datapath, const struct prefix *address,
		      uint64_t now_ns, struct ban *ret_ban)
{
	struct sl_source source = source_of(address, datapath->bits);
	struct latest latest = {.ban = {.until_ns = now_ns}};
	struct sl_ban value;

	prefix_tree_each_covering(&datapath->bans, address, keep_latest, &latest);
	if (!bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_bans], &source, &value) &&
	    value.until_ns > latest.ban.until_ns)
		(void)bans_describe(datapath, &source, &value, &latest.ban); /* it is an address */
	if (latest.ban.until_ns <= now_ns)
		return -ENOENT;
	*ret_ban = latest.ban;
	return 0;
}

/* ---- After adoption ------------------------------------------------------------ */

/* The own end of an entry is taken to be the effective one, until bans_recall() knows better. */
static int read_trie(struct datapath *datapath, enum address_family family)
{
	auto_walk struct map_walk walk = {};
	int fd = datapath->fd[family == ADDRESS_IPV4 ? DATAPATH_MAP_ban_prefixes4
						     : DATAPATH_MAP_ban_prefixes6];
	int error = map_walk_begin(&walk, fd, trie_key_size(family), sizeof(struct sl_ban));

	if (error)
		return error;
	do {
		error = map_walk_step(&walk);
		if (error)
			return error;
		for (uint32_t i = 0; i < walk.count; i++) {
			struct prefix prefix = trie_key_prefix(map_walk_key(&walk, i), family);
			const struct sl_ban *value = map_walk_value(&walk, i);
			struct prefix_node *node = prefix_tree_add(&datapath->bans, &prefix);

			if (!node)
				return -ENOMEM;
			node->until_ns = node->written_ns = value->until_ns;
			node->since_ns = value->since_ns;
			node->strikes = value->strikes;
			node->cause = value->cause;
		}
	} while (walk.count);
	return 0;
}

int bans_read(struct datapath *datapath)
{
	int error = read_trie(datapath, ADDRESS_IPV4);

	if (!error)
		error = read_trie(datapath, ADDRESS_IPV6);
	if (!error)
		tries_note(&datapath->config->has_ban_prefixes, &datapath->bans);
	return error;
}
