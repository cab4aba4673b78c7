/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes that end where the mapped memory ends: reading one too far is a fault, in any build. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"

struct guarded {
	struct bytes text; /* what is under test reads this */
	void *map;
	size_t map_len;
};

/* A copy of text in front of a page nobody may touch. Aborts without memory. */
static inline struct guarded guarded_copy(struct bytes text)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (text.len + page - 1) / page * page;
	struct guarded guarded = {.map_len = room + page};
	char *map = mmap(NULL, guarded.map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE))
		abort();
	if (text.len)
		memcpy(map + room - text.len, text.at, text.len);
	guarded.map = map;
	guarded.text = (struct bytes){map + room - text.len, text.len};
	return guarded;
}

static inline void guarded_free(struct guarded *guarded)
{
	munmap(guarded->map, guarded->map_len);
}

#endif
