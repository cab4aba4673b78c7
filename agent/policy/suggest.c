/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/suggest.h"

#include <ctype.h>

static int least(int a, int b, int c)
{
	int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Levenshtein, one row at a time. */
static int edits(struct bytes word, struct bytes known)
{
	int row[SUGGEST_WORD_MAX + 1];

	for (size_t j = 0; j <= known.len; j++)
		row[j] = (int)j;
	for (size_t i = 1; i <= word.len; i++) {
		int diagonal = row[0];

		row[0] = (int)i;
		for (size_t j = 1; j <= known.len; j++) {
			int above = row[j];
			int swap = !same_letter(word.at[i - 1], known.at[j - 1]);

			row[j] = least(above + 1, row[j - 1] + 1, diagonal + swap);
			diagonal = above;
		}
	}
	return row[known.len];
}

int suggest_distance(struct bytes word, const char *known)
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
		int distance = suggest_distance(word, known);

		if (distance < 0 || distance >= nearest_distance)
			continue;
		nearest_distance = distance;
		nearest = known;
	}
	return nearest;
}
