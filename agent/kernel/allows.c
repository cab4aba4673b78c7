/* SPDX-License-Identifier: BSD-2-Clause */
/* Runtime allows: few, of any length, in tries; their own ends and reasons in a tree, as for bans. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include "kernel/datapath_private.h"
#include "kernel/trie_key.h"

static int trie_of(const struct datapath *datapath, const struct prefix *prefix)
{
	return datapath
		->fd[prefix->family == ADDRESS_IPV4 ? DATAPATH_MAP_allows4 : DATAPATH_MAP_allows6];
}

static int write_allow(void *context, const struct prefix_node *node, uint64_t effective_ns)
{
	union trie_key key = trie_key_of(&node->prefix);
	struct sl_allow value = {.until_ns = effective_ns};

	return bpf_map_update_elem(trie_of(context, &node->prefix), &key, &value, BPF_ANY);
}

/* The new end and reason take the place of the old ones: `allow` can shorten, too. */
int datapath_allow(struct datapath *datapath, const struct allow *allow)
{
	struct prefix_node *node = prefix_tree_add(&datapath->allows, &allow->prefix);
	int error;

	if (!node)
		return -ENOMEM;
	node->until_ns = allow->until_ns;
	prefix_node_set_reason(node, allow->reason);
	error = prefix_tree_spread(&datapath->allows, &allow->prefix, write_allow, datapath);
	if (error && !node->written_ns)
		prefix_tree_remove(&datapath->allows, &allow->prefix);
	tries_note(&datapath->config->has_allows, &datapath->allows);
	return error;
}

int datapath_disallow(struct datapath *datapath, const struct prefix *prefix)
{
	union trie_key key = trie_key_of(prefix);

	if (!prefix_tree_find(&datapath->allows, prefix))
		return -ENOENT;
	prefix_tree_remove(&datapath->allows, prefix);
	(void)prefix_tree_spread(&datapath->allows, prefix, write_allow,
				 datapath); /* keys exist: only values change */
	(void)bpf_map_delete_elem(trie_of(datapath, prefix), &key);
	tries_note(&datapath->config->has_allows, &datapath->allows);
	return 0;
}

void allows_recall(struct datapath *datapath, const struct allow *allow)
{
	struct prefix_node *node = prefix_tree_find(&datapath->allows, &allow->prefix);

	if (!node)
		return;
	prefix_tree_recall(&datapath->allows, &allow->prefix, allow->until_ns);
	prefix_node_set_reason(node, allow->reason);
}

static struct allow describe(const struct prefix_node *node)
{
	struct allow allow = {.prefix = node->prefix, .until_ns = node->until_ns};

	snprintf(allow.reason, sizeof(allow.reason), "%s", node->reason ? node->reason : "");
	return allow;
}

struct listing {
	uint64_t now_ns;
	datapath_allow_fn *fn;
	void *context;
};

static bool list_node(void *context, struct prefix_node *node)
{
	struct listing *listing = context;
	struct allow allow = describe(node);

	return allow.until_ns <= listing->now_ns || listing->fn(listing->context, &allow);
}

int datapath_each_allow(const struct datapath *datapath, uint64_t now_ns, datapath_allow_fn *fn,
			void *context)
{
	struct listing listing = {now_ns, fn, context};

	prefix_tree_each(&datapath->allows, list_node, &listing);
	return 0;
}

struct longest {
	uint64_t now_ns;
	const struct prefix_node *node;
};

static bool keep_longest(void *context, struct prefix_node *node)
{
	struct longest *longest = context;

	if (node->until_ns > longest->now_ns)
		longest->node = node;
	return true;
}

int datapath_find_allow(const struct datapath *datapath, const struct prefix *address,
			uint64_t now_ns, struct allow *ret_allow)
{
	struct longest longest = {.now_ns = now_ns};

	prefix_tree_each_covering(&datapath->allows, address, keep_longest, &longest);
	if (!longest.node)
		return -ENOENT;
	*ret_allow = describe(longest.node);
	return 0;
}

void allows_forget(struct datapath *datapath, uint64_t now_ns)
{
	struct prefix ended[256]; /* more are forgotten by the next sweep */
	size_t count = prefix_tree_ended(&datapath->allows, now_ns, ended,
					 sizeof(ended) / sizeof(ended[0]));

	for (size_t i = 0; i < count; i++)
		(void)datapath_disallow(datapath, &ended[i]); /* it is there: just seen */
}

static int read_trie(struct datapath *datapath, enum address_family family)
{
	auto_walk struct map_walk walk = {};
	int fd = datapath->fd[family == ADDRESS_IPV4 ? DATAPATH_MAP_allows4 : DATAPATH_MAP_allows6];
	int error = map_walk_begin(&walk, fd, trie_key_size(family), sizeof(struct sl_allow));

	if (error)
		return error;
	do {
		error = map_walk_step(&walk);
		if (error)
			return error;
		for (uint32_t i = 0; i < walk.count; i++) {
			struct prefix prefix = trie_key_prefix(map_walk_key(&walk, i), family);
			const struct sl_allow *value = map_walk_value(&walk, i);
			struct prefix_node *node = prefix_tree_add(&datapath->allows, &prefix);

			if (!node)
				return -ENOMEM;
			node->until_ns = node->written_ns = value->until_ns;
		}
	} while (walk.count);
	return 0;
}

int allows_read(struct datapath *datapath)
{
	int error = read_trie(datapath, ADDRESS_IPV4);

	if (!error)
		error = read_trie(datapath, ADDRESS_IPV6);
	if (!error)
		tries_note(&datapath->config->has_allows, &datapath->allows);
	return error;
}
