/* SPDX-License-Identifier: BSD-2-Clause */
/* Like guarded.h, for tests that try thousands of inputs: one mapping, used again and again. */
#ifndef TESTS_EDGE_H
#define TESTS_EDGE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"

#define EDGE_ROOM (1u << 20)
#define EDGE_PAGE 65536u /* at least a page, on every machine */

/* A copy of text that ends where memory ends. The copy made before is gone. */
static inline struct bytes at_edge(struct bytes text)
{
	static char *map;

	if (!map) {
		map = mmap(NULL, EDGE_ROOM + EDGE_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map == MAP_FAILED || mprotect(map + EDGE_ROOM, EDGE_PAGE, PROT_NONE))
			abort();
	}
	if (text.len > EDGE_ROOM)
		abort();
	if (text.len)
		memmove(map + EDGE_ROOM - text.len, text.at, text.len);
	return (struct bytes){map + EDGE_ROOM - text.len, text.len};
}

#endif
