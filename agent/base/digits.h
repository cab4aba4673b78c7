/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers in decimal, for what is written at every request: printf() would cost more than all the rest. Pure. */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <stdint.h>

#include "base/bytes.h"

#define DIGITS_MAX 20 /* of a 64-bit number */

/* "00" to "99", one after the other. */
extern const char digits_pairs[];

/* number in decimal; the slice of out that is used. */
static inline struct bytes digits_of(uint64_t number, char out[static DIGITS_MAX])
{
	char *at = out + DIGITS_MAX;

	for (; number >= 100; number /= 100)
		memcpy(at -= 2, digits_pairs + 2 * (number % 100), 2);
	if (number >= 10)
		memcpy(at -= 2, digits_pairs + 2 * number, 2);
	else
		*--at = (char)('0' + number);
	return (struct bytes){at, (size_t)(out + DIGITS_MAX - at)};
}

#endif
