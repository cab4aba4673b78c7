/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Release at the end of a scope, and allocation that cannot fail.
 *
 * A command line tool that is out of memory has nothing better to do than to say so and
 * leave; nothing it holds outlives it.
 */
#ifndef SLUICE_MEMORY_H
#define SLUICE_MEMORY_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

static inline void release_text(char **slot)
{
	free(*slot);
}

static inline void release_json(json_t **slot)
{
	json_decref(*slot);
}

static inline void release_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void release_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define auto_text  __attribute__((cleanup(release_text)))
#define auto_json  __attribute__((cleanup(release_json)))
#define auto_close __attribute__((cleanup(release_fd)))
#define auto_file  __attribute__((cleanup(release_file)))

#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define take_fd(fd)                \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

/* Says so on stderr and exits with 1. */
void memory_is_out(void) __attribute__((noreturn));

/* As realloc(), strdup() and asprintf(); never NULL. */
void *memory_resize(void *old, size_t size);
char *memory_copy(const char *text);
char *memory_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
