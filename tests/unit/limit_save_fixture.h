/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of limits whose counts are saved to a file and read from it. */
#ifndef LIMIT_SAVE_FIXTURE_H
#define LIMIT_SAVE_FIXTURE_H

#include "limit_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "limit/limit_save.h"
#include "limit/limit_table.h"

#define HOUR (3600 * SECOND)

static char dir[] = "/tmp/sl-limits-XXXXXX";
static char path[sizeof(dir) + 16];

static const struct limit_table_size size = {.entries = 64, .state_bytes = 1024};

static inline int begin(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/limits.saved", dir);
	return 0;
}

static inline int end(void **state)
{
	(void)unlink(path);
	return rmdir(dir);
}

static inline int no_file(void **state)
{
	(void)unlink(path);
	return 0;
}

static inline int new_table(struct limit_table_size of)
{
	int fd = -1;

	assert_int_equal(limit_table_create(of, &fd), 0);
	return fd;
}

static inline struct limit_table *open_table(int fd)
{
	struct limit_table *table;

	assert_int_equal(limit_table_open(fd, &table), 0);
	return table;
}

/* Requests of this key until one is refused; how many were let in. */
static inline unsigned let_in(struct limit_table *table, const char *key,
			      const struct limit_spec *spec, uint64_t now_ns)
{
	struct limit_moment moment = limit_table_moment(table, now_ns);
	unsigned count = 0;
	bool fits = true;

	while (fits && count < 100000) {
		struct limit_seek seek = {
			.key = bytes_of(key), .coarse = BYTES("coarse"), .spec = spec};

		limit_table_seize(table, &seek, 1, moment);
		fits = limit_state_fits(seek.state, spec, 1, moment.now_ns);
		if (fits)
			limit_state_take(seek.state, spec, 1, moment.now_ns);
		limit_table_release(table, &seek, 1);
		count += fits;
	}
	return count;
}

static inline struct limit_saving at(uint64_t now_ns, uint64_t unix_ns)
{
	return (struct limit_saving){.now_ns = now_ns, .unix_ns = unix_ns};
}

static inline void save(int fd, uint64_t now_ns, uint64_t unix_ns)
{
	size_t saved, lost;

	assert_int_equal(limit_table_save(fd, path, at(now_ns, unix_ns), &saved, &lost), 0);
	assert_int_equal(lost, 0);
}

/* The file as it was saved, len bytes of it. */
static inline size_t read_file(char *out, size_t room)
{
	FILE *file = fopen(path, "r");
	size_t len = fread(out, 1, room, file);

	fclose(file);
	return len;
}

static inline void write_file(const char *from, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_int_equal(fwrite(from, 1, len, file), len);
	fclose(file);
}

#define WITHOUT_FILE(name) cmocka_unit_test_setup(name, no_file)

#endif
