/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/suggest.h"

#include <ctype.h>
#include <limits.h>

static int least(int a, int b, int c)
{
	int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Letters to change, add, remove or swap with their neighbour: cost[i][j] for the first i and j letters. */
static int edits(struct bytes word, struct bytes known)
{
	int cost[SUGGEST_WORD_MAX + 1][SUGGEST_WORD_MAX + 1];

	for (size_t i = 0; i <= word.len; i++)
		cost[i][0] = (int)i;
	for (size_t j = 0; j <= known.len; j++)
		cost[0][j] = (int)j;
	for (size_t i = 1; i <= word.len; i++) {
		for (size_t j = 1; j <= known.len; j++) {
			int change = !same_letter(word.at[i - 1], known.at[j - 1]);

			cost[i][j] = least(cost[i - 1][j] + 1, cost[i][j - 1] + 1,
					   cost[i - 1][j - 1] + change);
			if (i > 1 && j > 1 && same_letter(word.at[i - 1], known.at[j - 2]) &&
			    same_letter(word.at[i - 2], known.at[j - 1]))
				cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1, INT_MAX);
		}
	}
	return cost[word.len][known.len];
}

/*
 * Whether word is near enough to known to be meant: a third of its letters wrong, missing, too many or
 * swapped, or one of a short word. Case does not count. The smaller, the nearer; -1 if it is too far.
 */
static int distance_of(struct bytes word, const char *known)
{
	struct bytes other = bytes_of(known);
	int distance, far;

	if (!word.len || word.len > SUGGEST_WORD_MAX || other.len > SUGGEST_WORD_MAX)
		return -1;
	far = other.len < 6 ? 1 : (int)other.len / 3;
	distance = edits(word, other);
	return distance <= far ? distance : -1;
}

const char *suggest_nearest(struct bytes word, suggest_name_fn *name, const void *context,
			    size_t count)
{
	const char *nearest = NULL;
	int nearest_distance = SUGGEST_WORD_MAX + 1;

	for (size_t i = 0; i < count; i++) {
		const char *known = name(context, i);
		int distance = distance_of(word, known);

		if (distance < 0 || distance >= nearest_distance)
			continue;
		nearest_distance = distance;
		nearest = known;
	}
	return nearest;
}
