/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of saved counts: who reads it, and what is refused. */
#include "limit_save_fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void only_its_owner_reads_the_file(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, HOUR);
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);
	struct stat stat_of;

	assert_int_equal(let_in(table, "one", &spec, START), 5);
	save(fd, START, 0);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0600);
	limit_table_close(table);
	close(fd);
}

static int restore_into(int fd)
{
	size_t restored, lost;

	return limit_table_restore(fd, path, at(START, 0), &restored, &lost);
}

static void every_damaged_file_is_refused_and_the_table_stays_empty(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, HOUR);
	static char good[1 << 20], bad[1 << 20];
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);
	size_t len;

	assert_int_equal(let_in(table, "one", &spec, START), 5);
	assert_int_equal(let_in(table, "two", &spec, START), 5);
	save(fd, START, 0);
	limit_table_close(table);
	close(fd);
	len = read_file(good, sizeof(good));
	assert_in_range(len, 100, sizeof(good) - 1);

	fd = new_table(size);
	for (size_t cut = 0; cut < len; cut++) {
		write_file(good, cut);
		assert_int_equal(restore_into(fd), -EINVAL);
	}
	for (size_t i = 0; i < len; i++) {
		memcpy(bad, good, len);
		bad[i] ^= 0x10;
		write_file(bad, len);
		assert_int_equal(restore_into(fd), -EINVAL);
	}
	memcpy(bad, good, len);
	write_file(bad, len + 1);
	assert_int_equal(restore_into(fd), -EINVAL);
	table = open_table(fd);
	assert_int_equal(let_in(table, "one", &spec, START), 5);
	limit_table_close(table);
	close(fd);
}

static void no_file_and_a_directory_are_told_apart(void **state)
{
	int fd = new_table(size);
	size_t restored, lost;

	assert_int_equal(restore_into(fd), -ENOENT);
	assert_int_equal(limit_table_restore(fd, dir, at(START, 0), &restored, &lost), -EISDIR);
	close(fd);
}

static void a_file_that_is_no_table_is_not_saved(void **state)
{
	FILE *file = tmpfile();
	size_t saved, lost;

	assert_int_equal(limit_table_save(fileno(file), path, at(START, 0), &saved, &lost),
			 -EINVAL);
	assert_int_not_equal(access(path, F_OK), 0);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT_FILE(only_its_owner_reads_the_file),
		WITHOUT_FILE(every_damaged_file_is_refused_and_the_table_stays_empty),
		WITHOUT_FILE(no_file_and_a_directory_are_told_apart),
		WITHOUT_FILE(a_file_that_is_no_table_is_not_saved),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
