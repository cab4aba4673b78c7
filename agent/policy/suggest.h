/* SPDX-License-Identifier: BSD-2-Clause */
/* "Did you mean": the known word nearest to a misspelt one. Pure. */
#ifndef POLICY_SUGGEST_H
#define POLICY_SUGGEST_H

#include <stddef.h>

#include "base/bytes.h"

#define SUGGEST_WORD_MAX 63 /* bytes; longer words are nobody's misspelling */

/* The nearest of count names, name(context, i) being the i-th; NULL if none is near. */
typedef const char *suggest_name_fn(const void *context, size_t i);
const char *suggest_nearest(struct bytes word, suggest_name_fn *name, const void *context,
			    size_t count);

#endif
