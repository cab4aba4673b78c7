/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers in decimal, for what is written at every request: printf() would cost more than all the rest. Pure. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <stdint.h>

#include "base/bytes.h"

#define DIGITS_MAX 20 /* of a 64-bit number */

/* "00" to "99", one after the other. */
extern const char digits_pairs[];

/* How many digits number has. */
static inline unsigned digits_count(uint64_t number)
{
	unsigned count = 1;

	for (; number >= 10000; number /= 10000)
		count += 4;
	return count + (number >= 10) + (number >= 100) + (number >= 1000);
}

/* Write number in decimal to at, which has room for digits_count() of it. Returns its end. */
static inline char *digits_put(char *at, uint64_t number)
{
	char *end = at + digits_count(number), *to = end;

	for (; number >= 100; number /= 100)
		memcpy(to -= 2, digits_pairs + 2 * (number % 100), 2);
	if (number >= 10)
		memcpy(to - 2, digits_pairs + 2 * number, 2);
	else
		to[-1] = (char)('0' + number);
	return end;
}

/* number in decimal; the slice of out that is used. */
static inline struct bytes digits_of(uint64_t number, char out[static DIGITS_MAX])
{
	return (struct bytes){out, (size_t)(digits_put(out, number) - out)};
}

#endif
