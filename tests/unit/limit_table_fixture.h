/* SPDX-License-Identifier: BSD-2-Clause */
/* Small tables of counts, and requests judged with them. */
#ifndef TESTS_LIMIT_TABLE_FIXTURE_H
#define TESTS_LIMIT_TABLE_FIXTURE_H

#include <stdio.h>
#include <unistd.h>

#include "limit_fixture.h"
#include "limit/limit_table.h"

static const struct limit_table_size small = {64, 1024};
static const struct limit_spec five = {5, 60 * SECOND, 0, 60 * SECOND, LIMIT_SLIDING_WINDOW};
static const struct limit_spec hundred = {100, 60 * SECOND, 0, 60 * SECOND, LIMIT_SLIDING_WINDOW};

static inline struct limit_table *opened(int fd)
{
	struct limit_table *table = NULL;

	assert_int_equal(limit_table_open(fd, &table), 0);
	return table;
}

static inline int created(struct limit_table_size size)
{
	int fd = -1;

	assert_int_equal(limit_table_create(size, &fd), 0);
	return fd;
}

static inline struct limit_table *fresh(struct limit_table_size size)
{
	int fd = created(size);
	struct limit_table *table = opened(fd);

	close(fd);
	return table;
}

enum answer { LET_IN, REFUSED, LET_IN_SHARED, REFUSED_SHARED, NO_ROOM };

static inline enum answer ask(struct limit_table *table, const char *key,
			      const struct limit_spec *spec, uint64_t now_ns)
{
	struct limit_moment moment = limit_table_moment(table, now_ns);
	struct limit_seek seek = {
		.key = bytes_of(key), .coarse = BYTES("192.0.2.0/24"), .spec = spec};
	struct limit_ask question = {.spec = spec, .cost = 1};
	enum answer answer = NO_ROOM;

	limit_table_seize(table, &seek, 1, moment);
	question.state = seek.state;
	if (seek.state)
		answer = limit_decide(&question, 1, moment) ? LET_IN : REFUSED;
	if (seek.state && seek.is_shared)
		answer += LET_IN_SHARED;
	limit_table_release(table, &seek, 1);
	return answer;
}

static const char *name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "client %d", i);
	return name;
}

#endif
