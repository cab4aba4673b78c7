/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/prefix_set.h"

#include <stdlib.h>
#include <string.h>

#define LENGTHS_MAX 129 /* 0 to 128 */

struct lengths {
	uint8_t at[LENGTHS_MAX];
	size_t count;
};

struct prefix_set {
	struct lengths ipv4;
	struct lengths ipv6;
	size_t count;
	struct prefix at[]; /* sorted by prefix_compare() */
};

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static void add_length(struct lengths *lengths, uint8_t bits)
{
	if (!memchr(lengths->at, bits, lengths->count))
		lengths->at[lengths->count++] = bits;
}

struct prefix_set *prefix_set_new(const struct prefix *prefixes, size_t count)
{
	struct prefix_set *set = calloc(1, sizeof(*set) + count * sizeof(*prefixes));

	if (!set)
		return NULL;
	set->count = count;
	for (size_t i = 0; i < count; i++) {
		set->at[i] = prefixes[i];
		add_length(prefixes[i].family == ADDRESS_IPV4 ? &set->ipv4 : &set->ipv6,
			   prefixes[i].bits);
	}
	qsort(set->at, count, sizeof(*set->at), compare);
	return set;
}

void prefix_set_free(struct prefix_set *set)
{
	free(set);
}

bool prefix_set_covers(const struct prefix_set *set, const struct prefix *address)
{
	const struct lengths *lengths = address->family == ADDRESS_IPV4 ? &set->ipv4 : &set->ipv6;

	for (size_t i = 0; i < lengths->count; i++) {
		struct prefix outer;

		if (lengths->at[i] > address->bits)
			continue;
		outer = prefix_cut(address, lengths->at[i]);
		if (bsearch(&outer, set->at, set->count, sizeof(*set->at), compare))
			return true;
	}
	return false;
}
