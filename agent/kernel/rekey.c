/* SPDX-License-Identifier: BSD-2-Clause */
/* Bans under another `source_prefix`: none may be lost, and none may be left under a key that now means somebody else. */
#include <bpf/bpf.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/datapath_private.h"

struct rekey {
	struct datapath *datapath;
	struct ban *
		bans; /* every one there was, of sources and prefixes, ended ones with strikes too */
	struct sl_source *keys; /* of the first source_count of them: their old keys */
	size_t count;
	size_t source_count;
	size_t room;
};

static void rekey_free(struct rekey *rekey)
{
	if (!rekey)
		return;
	free(rekey->bans);
	free(rekey->keys);
	free(rekey);
}

static uint8_t length_of(struct source_bits bits, const struct prefix *prefix)
{
	return prefix->family == ADDRESS_IPV4 ? bits.ipv4 : bits.ipv6;
}

static bool add(struct rekey *rekey, const struct ban *ban)
{
	if (rekey->count == rekey->room)
		return false; /* one that came meanwhile: it is not older than the switch */
	rekey->bans[rekey->count++] = *ban;
	return true;
}

static int collect_sources(struct rekey *rekey)
{
	const struct datapath *datapath = rekey->datapath;
	auto_walk struct map_walk walk = {};
	int error = map_walk_begin(&walk, datapath->fd[DATAPATH_MAP_bans], sizeof(struct sl_source),
				   sizeof(struct sl_ban));

	if (error)
		return error;
	do {
		error = map_walk_step(&walk);
		if (error)
			return error;
		for (uint32_t i = 0; i < walk.count; i++) {
			const struct sl_source *source = map_walk_key(&walk, i);
			struct ban ban;

			if (!bans_describe(datapath, source, map_walk_value(&walk, i), &ban) ||
			    !add(rekey, &ban))
				continue;
			rekey->keys[rekey->count - 1] = *source;
		}
	} while (walk.count);
	rekey->source_count = rekey->count;
	return 0;
}

static bool collect_prefix(void *context, struct prefix_node *node)
{
	struct ban ban = {
		.prefix = node->prefix,
		.since_ns = node->since_ns,
		.until_ns = node->until_ns,
		.strikes = node->strikes,
		.cause = node->cause,
	};

	if (node->reason)
		strncpy(ban.reason, node->reason, sizeof(ban.reason) - 1);
	return add(context, &ban);
}

static struct rekey *rekey_new(struct datapath *datapath)
{
	auto_free struct rekey *rekey = calloc(1, sizeof(*rekey));

	if (!rekey)
		return NULL;
	rekey->datapath = datapath;
	/* The table's whole size and some: automatic bans go on while this one counts. */
	rekey->room = (size_t)datapath->tables.bans + datapath->bans.count[PREFIX_TREE_IPV4] +
		      datapath->bans.count[PREFIX_TREE_IPV6];
	rekey->bans = calloc(rekey->room, sizeof(*rekey->bans));
	rekey->keys = calloc(rekey->room, sizeof(*rekey->keys));
	if (rekey->bans && rekey->keys)
		return take_ptr(rekey);
	free(rekey->bans);
	free(rekey->keys);
	return NULL;
}

static void unplant(struct rekey *rekey, size_t planted, struct source_bits bits)
{
	for (size_t i = 0; i < planted && i < rekey->source_count; i++)
		if (rekey->bans[i].prefix.bits < length_of(bits, &rekey->bans[i].prefix))
			(void)datapath_unban(rekey->datapath, &rekey->bans[i].prefix,
					     0); /* put there by us */
}

/*
 * Sources that are prefixes from now on go into the tries before the switch, where they do no harm: they cover what is
 * banned already. Only here can room be lacking.
 */
int rekey_begin(struct datapath *datapath, struct source_bits bits, struct rekey **ret_rekey)
{
	struct rekey *rekey = rekey_new(datapath);
	struct source_bits before = datapath->bits;
	int error = rekey ? collect_sources(rekey) : -ENOMEM;
	size_t i;

	if (!error)
		prefix_tree_each(&datapath->bans, collect_prefix, rekey);
	datapath->bits = bits; /* bans_put() decides by it what is a prefix */
	for (i = 0; !error && i < rekey->source_count; i++)
		if (rekey->bans[i].prefix.bits < length_of(bits, &rekey->bans[i].prefix))
			error = bans_put(datapath, &rekey->bans[i]);
	if (error && rekey)
		unplant(rekey, i, bits);
	datapath->bits = before;
	if (error) {
		rekey_free(rekey);
		return error == -E2BIG ? -ENOSPC : error;
	}
	*ret_rekey = rekey;
	return 0;
}

static bool is_shorter_now(const struct rekey *rekey, const struct ban *ban)
{
	return ban->prefix.bits < length_of(rekey->datapath->bits, &ban->prefix);
}

/*
 * Behind the switch: old keys go, sources get their new ones. There is never less room than before, since no old
 * key becomes two. For that moment, some microseconds an entry, a banned source may pass within its limits.
 */
void rekey_finish(struct rekey *rekey)
{
	struct datapath *datapath = rekey ? rekey->datapath : NULL;
	size_t lost = 0;

	if (!rekey)
		return;
	prefix_tree_free(&datapath->reasons);
	for (size_t i = 0; i < rekey->source_count; i++)
		(void)bans_drop_source(datapath,
				       &rekey->keys[i]); /* the sweep may have been first */
	for (size_t i = 0; i < rekey->count; i++)
		if (i >= rekey->source_count || !is_shorter_now(rekey, &rekey->bans[i]))
			lost += bans_put(datapath, &rekey->bans[i]) != 0;
	/* A prefix that is a source, or lies in one, by now is banned as that. */
	for (size_t i = rekey->source_count; i < rekey->count; i++)
		if (!is_shorter_now(rekey, &rekey->bans[i]))
			(void)bans_drop_prefix(datapath, &rekey->bans[i].prefix); /* it is there */
	if (lost)
		log_error("source_prefix changed: %zu bans found no room under their new sources",
			  lost);
	rekey_free(rekey);
}
