/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bans or allows of the agent by prefix: what each entry was given itself, beside what the datapath is told.
 *
 * The kernel's tries answer with the longest prefix only, so an entry there carries the later of its own end
 * and the ends of all that cover it: its effective end. Taking a covering entry away must bring the own end back,
 * which only this tree still knows.
 *
 * A path-compressed binary tree per family: depth at most 129, about 100 bytes an entry. Pure.
 */
#ifndef KERNEL_PREFIX_TREE_H
#define KERNEL_PREFIX_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

enum { PREFIX_TREE_IPV4, PREFIX_TREE_IPV6, PREFIX_TREE_FAMILIES };

struct prefix_node {
	struct prefix prefix;
	struct prefix_node *child[2];
	bool is_used;  /* else it only joins its children */
	uint8_t cause; /* enum sl_ban_cause */
	uint32_t strikes;
	uint64_t since_ns;
	uint64_t until_ns;   /* its own end */
	uint64_t written_ns; /* the effective end the datapath was told; 0: none */
	char *reason;	     /* owned; NULL: none given */
};

struct prefix_tree {
	struct prefix_node *root[PREFIX_TREE_FAMILIES];
	size_t count[PREFIX_TREE_FAMILIES]; /* of used nodes */
};

/* Index of a family in the arrays above. */
static inline int prefix_tree_family(const struct prefix *prefix)
{
	return prefix->family == ADDRESS_IPV4 ? PREFIX_TREE_IPV4 : PREFIX_TREE_IPV6;
}

/* The used node of exactly prefix, or NULL. */
struct prefix_node *prefix_tree_find(const struct prefix_tree *tree, const struct prefix *prefix);

/* The same, made (all zero) where missing. It stays the tree's. NULL: no memory, tree unchanged. */
struct prefix_node *prefix_tree_add(struct prefix_tree *tree, const struct prefix *prefix);

/* Remove the used node of exactly prefix; nothing happens where there is none. */
void prefix_tree_remove(struct prefix_tree *tree, const struct prefix *prefix);

/* Free all nodes and their reasons; the tree is empty then and can be used again. */
void prefix_tree_free(struct prefix_tree *tree);

/* Give node a copy of reason; "" and NULL take it away. Without memory it has none: reasons are a courtesy. */
void prefix_node_set_reason(struct prefix_node *node, const char *reason);

/* Return false to stop. The tree must not be changed meanwhile, but a node's own members may. */
typedef bool prefix_tree_fn(void *context, struct prefix_node *node);

/* All used nodes that cover prefix, itself included, shortest first. */
void prefix_tree_each_covering(const struct prefix_tree *tree, const struct prefix *prefix,
			       prefix_tree_fn *fn, void *context);

/* All used nodes, covering ones before what they cover. Returns false if fn stopped it. */
bool prefix_tree_each(const struct prefix_tree *tree, prefix_tree_fn *fn, void *context);

/* The first max prefixes whose own end is not after now_ns, to ret_ended. Returns how many. */
size_t prefix_tree_ended(const struct prefix_tree *tree, uint64_t now_ns, struct prefix *ret_ended,
			 size_t max);

/*
 * The own end of an adopted entry, of which the effective one is known: until_ns is taken where it is earlier and what
 * covers the entry lasts as long as that, else the end that is known can only be its own.
 */
void prefix_tree_recall(struct prefix_tree *tree, const struct prefix *prefix, uint64_t until_ns);

/*
 * Call write() for every used node at or below prefix whose effective end is not written_ns; where it returns 0
 * that end is written_ns from then on. prefix NULL: the whole tree. Goes on after failures.
 * Returns 0 or the first error of write().
 */
typedef int prefix_tree_write_fn(void *context, const struct prefix_node *node,
				 uint64_t effective_ns);
int prefix_tree_spread(struct prefix_tree *tree, const struct prefix *prefix,
		       prefix_tree_write_fn *write, void *context);

#endif
