/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/map_walk.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int map_walk_begin(struct map_walk *walk, int fd, uint32_t key_size, uint32_t value_size)
{
	*walk = (struct map_walk){.fd = fd, .key_size = key_size, .value_size = value_size};
	walk->keys = calloc(MAP_WALK_BATCH, key_size);
	walk->values = calloc(MAP_WALK_BATCH, value_size);
	if (walk->keys && walk->values)
		return 0;
	map_walk_end(walk);
	return -ENOMEM;
}

void map_walk_end(struct map_walk *walk)
{
	free(walk->keys);
	free(walk->values);
	*walk = (struct map_walk){};
}

int map_walk_step(struct map_walk *walk)
{
	uint32_t count = MAP_WALK_BATCH;
	int error;

	walk->count = 0;
	if (walk->has_ended)
		return 0;

	error = bpf_map_lookup_batch(walk->fd, walk->has_begun ? walk->token[0] : NULL,
				     walk->token[1], walk->keys, walk->values, &count, NULL);
	if (error && error != -ENOENT)
		return error;

	/* -ENOENT: the last entries, if any. */
	walk->has_ended = error == -ENOENT;
	walk->has_begun = true;
	memcpy(walk->token[0], walk->token[1], sizeof(walk->token[0]));
	walk->count = count;
	return 0;
}
