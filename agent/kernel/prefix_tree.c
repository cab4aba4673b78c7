/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/prefix_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int bit_at(const struct prefix *prefix, unsigned at)
{
	return prefix->byte[at / 8] >> (7 - at % 8) & 1;
}

/* Length of what a and b have in common, at most the shorter of the two. */
static uint8_t common_bits(const struct prefix *a, const struct prefix *b)
{
	uint8_t max = a->bits < b->bits ? a->bits : b->bits;
	unsigned bits = 0;

	while (bits < max && a->byte[bits / 8] == b->byte[bits / 8])
		bits += 8 - bits % 8;
	if (bits >= max)
		return max;
	while (bits < max && bit_at(a, bits) == bit_at(b, bits))
		bits++;
	return (uint8_t)bits;
}

static struct prefix_node **root_of(struct prefix_tree *tree, const struct prefix *prefix)
{
	return &tree->root[prefix_tree_family(prefix)];
}

/* The link at which prefix stands or would stand: what it holds is NULL, prefix, below it, or apart from it. */
static struct prefix_node **descend(struct prefix_tree *tree, const struct prefix *prefix)
{
	struct prefix_node **link = root_of(tree, prefix);

	while (*link && (*link)->prefix.bits < prefix->bits &&
	       common_bits(&(*link)->prefix, prefix) == (*link)->prefix.bits)
		link = &(*link)->child[bit_at(prefix, (*link)->prefix.bits)];
	return link;
}

static bool is_same(const struct prefix_node *node, const struct prefix *prefix)
{
	return node && node->prefix.bits == prefix->bits &&
	       common_bits(&node->prefix, prefix) == prefix->bits;
}

struct prefix_node *prefix_tree_find(const struct prefix_tree *tree, const struct prefix *prefix)
{
	struct prefix_node *node = *descend((struct prefix_tree *)tree, prefix);

	return is_same(node, prefix) && node->is_used ? node : NULL;
}

static struct prefix_node *node_new(const struct prefix *prefix)
{
	struct prefix_node *node = calloc(1, sizeof(*node));

	if (node)
		node->prefix = *prefix;
	return node;
}

/* Put a new node for prefix at link, above or beside what is there. */
static struct prefix_node *insert_at(struct prefix_node **link, const struct prefix *prefix)
{
	auto_free struct prefix_node *node = node_new(prefix);
	struct prefix_node *below = *link, *joint;
	struct prefix shared;

	if (!node)
		return NULL;
	if (!below)
		return *link = take_ptr(node);

	shared = prefix_cut(prefix, common_bits(prefix, &below->prefix));
	if (shared.bits == prefix->bits) {
		node->child[bit_at(&below->prefix, prefix->bits)] = below;
		return *link = take_ptr(node);
	}

	joint = node_new(&shared);
	if (!joint)
		return NULL;
	joint->child[bit_at(&below->prefix, shared.bits)] = below;
	joint->child[bit_at(prefix, shared.bits)] = node;
	*link = joint;
	return take_ptr(node);
}

struct prefix_node *prefix_tree_add(struct prefix_tree *tree, const struct prefix *prefix)
{
	struct prefix_node **link = descend(tree, prefix);
	struct prefix_node *node = is_same(*link, prefix) ? *link : insert_at(link, prefix);

	if (node && !node->is_used) {
		node->is_used = true;
		tree->count[prefix_tree_family(prefix)]++;
	}
	return node;
}

static void node_free(struct prefix_node *node)
{
	free(node->reason);
	free(node);
}

/* A node that is neither used nor joins two others gives its place to its child. */
static void splice(struct prefix_node **link)
{
	struct prefix_node *node = *link;

	if (!node || node->is_used || (node->child[0] && node->child[1]))
		return;
	*link = node->child[0] ? node->child[0] : node->child[1];
	node_free(node);
}

void prefix_tree_remove(struct prefix_tree *tree, const struct prefix *prefix)
{
	struct prefix_node **above = NULL, **link = root_of(tree, prefix);
	struct prefix_node *node = prefix_tree_find(tree, prefix);

	if (!node)
		return;
	while (*link != node) {
		above = link;
		link = &(*link)->child[bit_at(prefix, (*link)->prefix.bits)];
	}

	tree->count[prefix_tree_family(prefix)]--;
	free(node->reason);
	*node = (struct prefix_node){.prefix = node->prefix,
				     .child = {node->child[0], node->child[1]}};
	splice(link);
	if (above)
		splice(above);
}

static void free_below(struct prefix_node *node)
{
	if (!node)
		return;
	free_below(node->child[0]);
	free_below(node->child[1]);
	node_free(node);
}

void prefix_tree_free(struct prefix_tree *tree)
{
	for (int i = 0; i < PREFIX_TREE_FAMILIES; i++)
		free_below(tree->root[i]);
	*tree = (struct prefix_tree){};
}

void prefix_node_set_reason(struct prefix_node *node, const char *reason)
{
	free(node->reason);
	node->reason = reason && *reason ? strdup(reason) : NULL;
}

void prefix_tree_each_covering(const struct prefix_tree *tree, const struct prefix *prefix,
			       prefix_tree_fn *fn, void *context)
{
	struct prefix_node *node = tree->root[prefix_tree_family(prefix)];

	while (node && node->prefix.bits <= prefix->bits &&
	       common_bits(&node->prefix, prefix) == node->prefix.bits) {
		if (node->is_used && !fn(context, node))
			return;
		if (node->prefix.bits == prefix->bits)
			return;
		node = node->child[bit_at(prefix, node->prefix.bits)];
	}
}

static bool each_below(struct prefix_node *node, prefix_tree_fn *fn, void *context)
{
	if (!node)
		return true;
	if (node->is_used && !fn(context, node))
		return false;
	return each_below(node->child[0], fn, context) && each_below(node->child[1], fn, context);
}

bool prefix_tree_each(const struct prefix_tree *tree, prefix_tree_fn *fn, void *context)
{
	for (int i = 0; i < PREFIX_TREE_FAMILIES; i++)
		if (!each_below(tree->root[i], fn, context))
			return false;
	return true;
}

struct ended {
	uint64_t now_ns;
	struct prefix *prefix;
	size_t count;
	size_t max;
};

static bool note_ended(void *context, struct prefix_node *node)
{
	struct ended *ended = context;

	if (ended->count < ended->max && node->until_ns <= ended->now_ns)
		ended->prefix[ended->count++] = node->prefix;
	return ended->count < ended->max;
}

size_t prefix_tree_ended(const struct prefix_tree *tree, uint64_t now_ns, struct prefix *ret_ended,
			 size_t max)
{
	struct ended ended = {.now_ns = now_ns, .prefix = ret_ended, .max = max};

	(void)prefix_tree_each(tree, note_ended, &ended); /* stopped or not: count says it */
	return ended.count;
}

struct spreading {
	prefix_tree_write_fn *write;
	void *context;
	int error;
};

static void spread_below(struct prefix_node *node, uint64_t covering_ns, struct spreading *to)
{
	int error;

	if (!node)
		return;
	if (node->is_used) {
		if (node->until_ns > covering_ns)
			covering_ns = node->until_ns;
		error = covering_ns == node->written_ns ? 0
							: to->write(to->context, node, covering_ns);
		if (!error)
			node->written_ns = covering_ns;
		else if (!to->error)
			to->error = error;
	}
	spread_below(node->child[0], covering_ns, to);
	spread_below(node->child[1], covering_ns, to);
}

static bool note_latest(void *context, struct prefix_node *node)
{
	uint64_t *latest_ns = context;

	if (node->until_ns > *latest_ns)
		*latest_ns = node->until_ns;
	return true;
}

struct covering {
	const struct prefix_node *node; /* which does not cover itself */
	uint64_t latest_ns;
};

static bool note_covering(void *context, struct prefix_node *node)
{
	struct covering *covering = context;

	return node == covering->node || note_latest(&covering->latest_ns, node);
}

void prefix_tree_recall(struct prefix_tree *tree, const struct prefix *prefix, uint64_t until_ns)
{
	struct prefix_node *node = prefix_tree_find(tree, prefix);
	struct covering covering = {.node = node};

	if (!node || until_ns >= node->until_ns)
		return;
	prefix_tree_each_covering(tree, prefix, note_covering, &covering);
	if (covering.latest_ns >= node->until_ns)
		node->until_ns = until_ns;
}

int prefix_tree_spread(struct prefix_tree *tree, const struct prefix *prefix,
		       prefix_tree_write_fn *write, void *context)
{
	struct spreading to = {write, context, 0};
	uint64_t covering_ns = 0;
	struct prefix_node *top;

	if (!prefix) {
		for (int i = 0; i < PREFIX_TREE_FAMILIES; i++)
			spread_below(tree->root[i], 0, &to);
		return to.error;
	}

	prefix_tree_each_covering(tree, prefix, note_latest, &covering_ns);
	top = *descend(tree, prefix);
	if (top && prefix_covers(prefix, &top->prefix))
		spread_below(top, covering_ns, &to);
	return to.error;
}
