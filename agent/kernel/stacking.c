/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "kernel/stacking.h"

#define DEPTH_MAX 8 /* the kernel allows as many (MAX_NEST_DEV) */

/*
 * Only these hand on whole packets of the device they are made on. A veth's IFLA_LINK is its peer, a tunnel's
 * the device it sends by: their packets are others.
 */
static const char *const made_on[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"};
static const char *const gather[] = {"bond", "bridge", "team", "vrf"};

static bool is_one_of(const char *kind, const char *const *kinds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(kind, kinds[i]))
			return true;
	return false;
}
#define IS_ONE_OF(kind, kinds) is_one_of(kind, kinds, sizeof(kinds) / sizeof((kinds)[0]))

static bool is_below(const struct link *lower, const struct link *upper)
{
	if (lower->ifindex == upper->ifindex)
		return false;
	if (IS_ONE_OF(upper->kind, gather))
		return lower->master == upper->ifindex;
	return IS_ONE_OF(upper->kind, made_on) && !upper->lower_elsewhere &&
	       upper->lower == lower->ifindex;
}

struct question {
	const struct links *links;
	stacking_protected_fn *is_protected;
	const void *context;
};

static const struct link *covered_by(const struct question *question, const struct link *link,
				     unsigned depth)
{
	for (size_t i = 0; depth < DEPTH_MAX && i < links_count(question->links); i++) {
		const struct link *lower = links_at(question->links, i);

		if (!is_below(lower, link))
			continue;
		if (question->is_protected(question->context, lower->ifindex))
			return lower;
		lower = covered_by(question, lower, depth + 1);
		if (lower)
			return lower;
	}
	return NULL;
}

const struct link *stacking_covered_by(const struct links *links, const struct link *link,
				       stacking_protected_fn *is_protected, const void *context)
{
	const struct question question = {links, is_protected, context};

	return covered_by(&question, link, 0);
}

static unsigned depth_of(const struct links *links, const struct link *link, unsigned limit)
{
	unsigned deepest = 0;

	for (size_t i = 0; limit > 0 && i < links_count(links); i++) {
		const struct link *lower = links_at(links, i);
		unsigned depth = is_below(lower, link) ? 1 + depth_of(links, lower, limit - 1) : 0;

		deepest = depth > deepest ? depth : deepest;
	}
	return deepest;
}

unsigned stacking_depth(const struct links *links, const struct link *link)
{
	return depth_of(links, link, DEPTH_MAX);
}
