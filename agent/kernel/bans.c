/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bans. A source's own lies in the hash map "bans", where the datapath adds its own; a shorter prefix's in a trie, which
 * only the agent writes. Reasons are the agent's alone.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "kernel/datapath_private.h"
#include "kernel/trie_key.h"

static uint8_t source_length(const struct datapath *datapath, const struct prefix *prefix)
{
	return prefix->family == ADDRESS_IPV4 ? datapath->bits.ipv4 : datapath->bits.ipv6;
}

/* What a ban of prefix bans: the prefix itself, or the source it lies in. */
static struct prefix banned_prefix(const struct datapath *datapath, const struct prefix *prefix)
{
	return prefix_cut(prefix, source_length(datapath, prefix));
}

static bool is_source(const struct datapath *datapath, const struct prefix *prefix)
{
	return prefix->bits >= source_length(datapath, prefix);
}

void tries_note(uint32_t *mask, const struct prefix_tree *tree)
{
	uint32_t bits = 0;

	for (int i = 0; i < PREFIX_TREE_FAMILIES; i++)
		bits |= tree->count[i] ? 1u << i : 0;
	__atomic_store_n(mask, bits, __ATOMIC_RELEASE);
}

static int trie_of(const struct datapath *datapath, const struct prefix *prefix)
{
	return datapath->fd[prefix->family == ADDRESS_IPV4 ? DATAPATH_MAP_ban_prefixes4
							   : DATAPATH_MAP_ban_prefixes6];
}

static int write_prefix(void *context, const struct prefix_node *node, uint64_t effective_ns)
{
	const struct datapath *datapath = context;
	union trie_key key = trie_key_of(&node->prefix);
	struct sl_ban value = {
		.until_ns = effective_ns,
		.since_ns = node->since_ns,
		.strikes = node->strikes,
		.cause = node->cause,
	};

	return bpf_map_update_elem(trie_of(datapath, &node->prefix), &key, &value, BPF_ANY);
}

/* Into the tree only; the trie is written by spreading. Returns the node, or NULL without memory. */
static struct prefix_node *plant(struct datapath *datapath, const struct ban *ban,
				 const struct prefix *prefix)
{
	struct prefix_node *node = prefix_tree_add(&datapath->bans, prefix);

	if (!node || node->until_ns > ban->until_ns)
		return node;
	if (node->until_ns <= ban->since_ns)
		node->since_ns = ban->since_ns;
	node->until_ns = ban->until_ns;
	node->cause = (uint8_t)ban->cause;
	if (ban->strikes > node->strikes)
		node->strikes = ban->strikes;
	if (*ban->reason)
		prefix_node_set_reason(node, ban->reason);
	return node;
}

static int put_prefix(struct datapath *datapath, const struct ban *ban, const struct prefix *prefix)
{
	struct prefix_node *node = plant(datapath, ban, prefix);
	int error;

	if (!node)
		return -ENOMEM;
	error = prefix_tree_spread(&datapath->bans, prefix, write_prefix, datapath);
	if (error && !node->written_ns)
		prefix_tree_remove(&datapath->bans, prefix);
	tries_note(&datapath->config->has_ban_prefixes, &datapath->bans);
	return error;
}

static void note_reason(struct datapath *datapath, const struct ban *ban,
			const struct prefix *prefix)
{
	struct prefix_node *node =
		*ban->reason ? prefix_tree_add(&datapath->reasons, prefix) : NULL;

	if (node)
		prefix_node_set_reason(node, ban->reason);
}

/*
 * A source's ban, merged with the one it may have: the later end holds, and the beginning of a ban in force. The
 * entry is replaced, so an automatic ban that the datapath writes at this very moment may be lost to ours.
 */
static int put_source(struct datapath *datapath, const struct ban *ban, const struct prefix *prefix)
{
	struct sl_source source = source_of(prefix, datapath->bits);
	int fd = datapath->fd[DATAPATH_MAP_bans], error;
	struct sl_ban value = {
		.until_ns = ban->until_ns,
		.since_ns = ban->since_ns,
		.strikes = ban->strikes,
		.cause = (uint8_t)ban->cause,
	};
	struct sl_ban before;

	/* Before the entry: the datapath asks "bans" only for sources whose bit is set. */
	filter_add(datapath, &source, SL_FILTER_BANNED);
	error = bpf_map_update_elem(fd, &source, &value, BPF_NOEXIST);
	if (!error)
		__atomic_fetch_add(&datapath->state->bans, 1, __ATOMIC_RELEASE);
	if (error == -EEXIST && !bpf_map_lookup_elem(fd, &source, &before)) {
		if (before.until_ns > ban->until_ns)
			return 0;
		if (before.until_ns > ban->since_ns)
			value.since_ns = before.since_ns;
		if (before.strikes > value.strikes)
			value.strikes = before.strikes;
		error = bpf_map_update_elem(fd, &source, &value, BPF_EXIST);
	}
	if (error == -E2BIG)
		return -ENOSPC;
	if (!error)
		note_reason(datapath, ban, prefix);
	return error;
}

int bans_put(struct datapath *datapath, const struct ban *ban)
{
	struct prefix prefix = banned_prefix(datapath, &ban->prefix);

	if (is_source(datapath, &prefix))
		return put_source(datapath, ban, &prefix);
	return put_prefix(datapath, ban, &prefix);
}

void bans_recall(struct datapath *datapath, const struct ban *ban)
{
	struct prefix banned = banned_prefix(datapath, &ban->prefix);
	struct sl_source source = source_of(&banned, datapath->bits);
	struct prefix_node *node = NULL;
	struct sl_ban value;

	prefix_tree_recall(&datapath->bans, &banned, ban->until_ns);
	if (!is_source(datapath, &banned))
		node = prefix_tree_find(&datapath->bans, &banned);
	else if (*ban->reason &&
		 !bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_bans], &source, &value))
		node = prefix_tree_add(&datapath->reasons, &banned);
	if (node)
		prefix_node_set_reason(node, ban->reason);
}

/* ---- What forbids a ban ------------------------------------------------------- */

static int refuse_by_policy(const struct policy *policy, const struct prefix *prefix, char *error)
{
	const struct policy_source *line = policy_find_source(policy, prefix);
	uint8_t tier = line ? line->tier : policy->default_tier;
	char text[PREFIX_TEXT_MAX], line_text[PREFIX_TEXT_MAX];

	if (tier != SL_TIER_ALLOW)
		return 0;
	prefix_format(prefix, text);
	if (line)
		snprintf(error, DATAPATH_ERROR_MAX, "%s is allowed by line %u of the policy (%s)",
			 text, line->place.line, prefix_format(&line->prefix, line_text));
	else
		snprintf(error, DATAPATH_ERROR_MAX,
			 "%s is allowed by the default of the policy (default: allow)", text);
	return -EEXIST;
}

static int refuse_by_allow(const struct datapath *datapath, const struct ban *ban,
			   const struct prefix *prefix, char *error)
{
	char text[PREFIX_TEXT_MAX], allow_text[PREFIX_TEXT_MAX];
	struct allow allow;

	if (datapath_find_allow(datapath, prefix, ban->since_ns, &allow))
		return 0;
	snprintf(error, DATAPATH_ERROR_MAX,
		 "%s is allowed at run time (%s): sluice disallow %s first",
		 prefix_format(prefix, text), prefix_format(&allow.prefix, allow_text), allow_text);
	return -EEXIST;
}

/* policy is NULL while none is in force. */
static int refuse(const struct datapath *datapath, const struct policy *policy,
		  const struct ban *ban, char *error)
{
	struct prefix prefix = banned_prefix(datapath, &ban->prefix);
	int refused = policy ? refuse_by_policy(policy, &prefix, error) : 0;

	return refused ? refused : refuse_by_allow(datapath, ban, &prefix, error);
}

static const char *why_not(const struct datapath *datapath, int error, char *text)
{
	if (error == -ENOSPC)
		snprintf(text, DATAPATH_ERROR_MAX,
			 "the ban table is full: %u entries (tables: {bans: N} in the policy)",
			 datapath->tables.bans);
	else
		snprintf(text, DATAPATH_ERROR_MAX, "the kernel refused: %s", strerror(-error));
	return text;
}

int datapath_ban(struct datapath *datapath, const struct policy *policy, const struct ban *ban,
		 char error_text[static DATAPATH_ERROR_MAX])
{
	int error = refuse(datapath, policy, ban, error_text);

	if (error)
		return error;
	error = bans_put(datapath, ban);
	if (error)
		why_not(datapath, error, error_text);
	return error;
}

/* One of many: prefixes are only planted, so that the tree is spread once, not once a prefix. */
static int ban_one_of_many(struct datapath *datapath, const struct policy *policy,
			   const struct ban *ban, char *text)
{
	struct prefix prefix = banned_prefix(datapath, &ban->prefix);
	int error = refuse(datapath, policy, ban, text);

	if (error)
		return error;
	if (is_source(datapath, &prefix)) {
		error = put_source(datapath, ban, &prefix);
	} else {
		int family = prefix_tree_family(&prefix);

		if (datapath->bans.count[family] >= datapath->tables.bans &&
		    !prefix_tree_find(&datapath->bans, &prefix))
			error = -ENOSPC;
		else if (!plant(datapath, ban, &prefix))
			error = -ENOMEM;
	}
	if (error)
		why_not(datapath, error, text);
	return error;
}

int datapath_ban_all(struct datapath *datapath, const struct policy *policy, const struct ban *bans,
		     size_t count, datapath_refused_fn *fn, void *context, size_t *ret_banned)
{
	char text[DATAPATH_ERROR_MAX];
	size_t banned = 0;
	int error;

	for (size_t i = 0; i < count; i++) {
		if (!ban_one_of_many(datapath, policy, &bans[i], text))
			banned++;
		else if (fn)
			fn(context, &bans[i], text);
	}
	error = prefix_tree_spread(&datapath->bans, NULL, write_prefix, datapath);
	tries_note(&datapath->config->has_ban_prefixes, &datapath->bans);
	*ret_banned = banned;
	return error;
}

/* ---- Ends ------------------------------------------------------------------------ */

int bans_drop_source(struct datapath *datapath, const struct sl_source *source)
{
	if (bpf_map_delete_elem(datapath->fd[DATAPATH_MAP_bans], source))
		return -ENOENT;
	__atomic_fetch_sub(&datapath->state->bans, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Out of the tree and the trie; what it covered has its own end again first, so nothing is free for a moment. */
int bans_drop_prefix(struct datapath *datapath, const struct prefix *prefix)
{
	union trie_key key = trie_key_of(prefix);

	if (!prefix_tree_find(&datapath->bans, prefix))
		return -ENOENT;
	prefix_tree_remove(&datapath->bans, prefix);
	(void)prefix_tree_spread(&datapath->bans, prefix, write_prefix,
				 datapath); /* keys exist: only values change */
	(void)bpf_map_delete_elem(trie_of(datapath, prefix), &key);
	tries_note(&datapath->config->has_ban_prefixes, &datapath->bans);
	return 0;
}

static int unban_prefix(struct datapath *datapath, const struct prefix *prefix, uint64_t now_ns)
{
	const struct prefix_node *node = prefix_tree_find(&datapath->bans, prefix);
	bool has_ended = node && node->until_ns <= now_ns;
	int error = bans_drop_prefix(datapath, prefix);

	return !error && has_ended ? -ETIME : error;
}

int datapath_unban(struct datapath *datapath, const struct prefix *prefix, uint64_t now_ns)
{
	struct prefix banned = banned_prefix(datapath, prefix);
	struct sl_source source;
	struct sl_ban value;
	bool has_ended;
	int error;

	if (!is_source(datapath, &banned))
		return unban_prefix(datapath, &banned, now_ns);
	source = source_of(&banned, datapath->bits);
	has_ended = !bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_bans], &source, &value) &&
		    value.until_ns <= now_ns;
	prefix_tree_remove(&datapath->reasons, &banned);
	error = bans_drop_source(datapath, &source);
	return !error && has_ended ? -ETIME : error;
}

void bans_forget_prefixes(struct datapath *datapath, uint64_t now_ns)
{
	struct prefix ended[1024]; /* more are forgotten by the next sweep */
	size_t count =
		prefix_tree_ended(&datapath->bans, now_ns, ended, sizeof(ended) / sizeof(ended[0]));

	for (size_t i = 0; i < count; i++)
		(void)bans_drop_prefix(datapath, &ended[i]); /* it is there: just seen */
}
