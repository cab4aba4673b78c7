/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/siphash.h"
#include "limit/limit_save.h"
#include "limit/limit_table.h"

#define HOUR (3600 * SECOND)

static char dir[] = "/tmp/sl-limits-XXXXXX";
static char path[sizeof(dir) + 16];

static const struct limit_table_size size = {.entries = 64, .state_bytes = 1024};

static int begin(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/limits.saved", dir);
	return 0;
}

static int end(void **state)
{
	(void)unlink(path);
	return rmdir(dir);
}

static int no_file(void **state)
{
	(void)unlink(path);
	return 0;
}

static int new_table(struct limit_table_size of)
{
	int fd = -1;

	assert_int_equal(limit_table_create(of, &fd), 0);
	return fd;
}

static struct limit_table *open_table(int fd)
{
	struct limit_table *table;

	assert_int_equal(limit_table_open(fd, &table), 0);
	return table;
}

/* Requests of this key until one is refused; how many were let in. */
static unsigned let_in(struct limit_table *table, const char *key, const struct limit_spec *spec,
		       uint64_t now_ns)
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

static struct limit_saving at(uint64_t now_ns, uint64_t unix_ns)
{
	return (struct limit_saving){.now_ns = now_ns, .unix_ns = unix_ns};
}

static void save(int fd, uint64_t now_ns, uint64_t unix_ns)
{
	size_t saved, lost;

	assert_int_equal(limit_table_save(fd, path, at(now_ns, unix_ns), &saved, &lost), 0);
	assert_int_equal(lost, 0);
}

static struct limit_table *restored_at(uint64_t now_ns, uint64_t unix_ns,
				       struct limit_table_size of)
{
	size_t restored, lost;
	int fd = new_table(of);
	struct limit_table *table;

	assert_int_equal(limit_table_restore(fd, path, at(now_ns, unix_ns), &restored, &lost), 0);
	table = open_table(fd);
	close(fd);
	return table;
}

static void counts_go_on_where_they_stood(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 100, HOUR);
	const struct limit_spec bucket = {.count = 3600,
					  .window_ns = HOUR,
					  .burst = 10,
					  .granularity_ns = HOUR,
					  .strategy = LIMIT_TOKEN_BUCKET};
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);

	assert_int_equal(let_in(table, "one", &spec, START), 100);
	assert_int_equal(let_in(table, "two", &bucket, START), 10);
	save(fd, START + SECOND, 0);
	limit_table_close(table);
	close(fd);

	table = restored_at(START + 5 * SECOND, 0, size);
	assert_int_equal(let_in(table, "one", &spec, START + 5 * SECOND), 0);
	assert_int_equal(let_in(table, "two", &bucket, START + 5 * SECOND), 5);
	assert_int_equal(let_in(table, "three", &spec, START + 5 * SECOND), 100);
	assert_int_equal(let_in(table, "one", &spec, START + HOUR - 1), 0);
	assert_int_equal(let_in(table, "one", &spec, START + HOUR), 100);
	limit_table_close(table);
}

static void a_table_of_another_size_takes_them_too(void **state)
{
	const struct limit_table_size other = {.entries = 1024, .state_bytes = 4096};
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 7, HOUR);
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);

	assert_int_equal(let_in(table, "one", &spec, START), 7);
	save(fd, START, 0);
	limit_table_close(table);
	close(fd);
	table = restored_at(START, 0, other);
	assert_int_equal(let_in(table, "one", &spec, START), 0);
	limit_table_close(table);
}

static void an_exact_log_goes_where_it_fits_and_nowhere_else(void **state)
{
	const struct limit_table_size large = {.entries = 64, .state_bytes = 8192};
	const struct limit_spec spec = spec_of(LIMIT_MOVING_WINDOW, 50, HOUR);
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);

	assert_int_equal(let_in(table, "one", &spec, START), 50);
	save(fd, START, 0);
	limit_table_close(table);
	close(fd);
	table = restored_at(START, 0, size);
	assert_int_equal(let_in(table, "one", &spec, START), 0);
	limit_table_close(table);
	table = restored_at(START, 0, large);
	assert_int_equal(let_in(table, "one", &spec, START), 50);
	limit_table_close(table);
}

static void a_table_in_use_can_be_saved_and_is_not_disturbed(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, HOUR);
	int fd = new_table(size);
	struct limit_table *table = open_table(fd), *next;
	const uint32_t epoch = limit_table_moment(table, START).epoch;
	struct limit_seek seek = {.key = BYTES("held"), .coarse = BYTES("c"), .spec = &spec};

	assert_int_equal(let_in(table, "one", &spec, START), 5);
	limit_table_seize(table, &seek, 1, limit_table_moment(table, START));
	save(fd, START, 0);
	limit_table_release(table, &seek, 1);
	assert_int_equal(let_in(table, "one", &spec, START), 0);
	assert_int_equal(limit_table_moment(table, START).epoch, epoch);
	next = restored_at(START, 0, size);
	assert_true(limit_table_moment(next, START).epoch > epoch);
	assert_int_equal(let_in(next, "one", &spec, START), 0);
	limit_table_close(next);
	limit_table_close(table);
	close(fd);
}

static void what_was_held_then_counts_now(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, HOUR);
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);
	const struct limit_moment moment = limit_table_moment(table, START);
	struct limit_seek seek = {.key = BYTES("one"), .coarse = BYTES("c"), .spec = &spec};

	limit_table_seize(table, &seek, 1, moment);
	limit_state_hold(seek.state, &spec, 2, moment);
	limit_table_release(table, &seek, 1);
	save(fd, START, 0);
	limit_table_close(table);
	close(fd);
	table = restored_at(START, 0, size);
	assert_int_equal(let_in(table, "one", &spec, START), 3);
	limit_table_close(table);
}

static void what_is_at_rest_is_not_saved_and_nothing_is_no_file(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, SECOND);
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);

	assert_int_equal(let_in(table, "one", &spec, START), 5);
	save(fd, START, 0);
	assert_int_equal(access(path, F_OK), 0);
	save(fd, START + 2 * SECOND, 0);
	assert_int_not_equal(access(path, F_OK), 0);
	limit_table_close(table);
	close(fd);
}

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

/* The file as it was saved, len bytes of it. */
static size_t read_file(char *out, size_t room)
{
	FILE *file = fopen(path, "r");
	size_t len = fread(out, 1, room, file);

	fclose(file);
	return len;
}

static void write_file(const char *from, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_int_equal(fwrite(from, 1, len, file), len);
	fclose(file);
}

/* As if it had been saved in another boot: another id, and the checksum that belongs to it. */
static void reboot(void)
{
	static const struct siphash_secret key = {{0x736c75696365, 0x636f756e7473}};
	static char file[1 << 20];
	char id[BOOT_ID_ROOM], *found;
	size_t len = read_file(file, sizeof(file));
	uint64_t checksum;

	boot_id_read(id);
	found = memmem(file, len, id, strlen(id));
	assert_non_null(found);
	*found = *found == '0' ? '1' : '0';
	checksum = siphash(&key, (struct bytes){file, len - sizeof(checksum)});
	memcpy(file + len - sizeof(checksum), &checksum, sizeof(checksum));
	write_file(file, len);
}

static void after_a_reboot_the_wall_clock_says_how_long_it_took(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, HOUR);
	const uint64_t unix_ns = 1700000000 * SECOND, booted_ns = 7 * SECOND;
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);

	assert_int_equal(let_in(table, "one", &spec, START), 5);
	save(fd, START + SECOND, unix_ns);
	limit_table_close(table);
	close(fd);
	reboot();

	table = restored_at(booted_ns, unix_ns + 60 * SECOND, size);
	assert_int_equal(let_in(table, "one", &spec, booted_ns), 0);
	assert_int_equal(let_in(table, "one", &spec, booted_ns + HOUR - 61 * SECOND - 1), 0);
	assert_int_equal(let_in(table, "one", &spec, booted_ns + HOUR - 61 * SECOND), 5);
	limit_table_close(table);

	/* Set back meanwhile: no time has passed, and nobody waits longer than from the beginning. */
	table = restored_at(booted_ns, unix_ns - HOUR, size);
	assert_int_equal(let_in(table, "one", &spec, booted_ns + HOUR - SECOND - 1), 0);
	assert_int_equal(let_in(table, "one", &spec, booted_ns + HOUR - SECOND), 5);
	limit_table_close(table);
}

/* Set back or forth by a day between saving and restoring in one boot. */
static void within_a_boot_the_wall_clock_changes_nothing(void **state)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, HOUR);
	const uint64_t unix_ns = 1700000000 * SECOND;
	int fd = new_table(size);
	struct limit_table *table = open_table(fd);

	assert_int_equal(let_in(table, "one", &spec, START), 5);
	save(fd, START, unix_ns);
	limit_table_close(table);
	close(fd);
	for (int days = -1; days <= 1; days += 2) {
		table = restored_at(START, unix_ns + days * 24 * HOUR, size);
		assert_int_equal(let_in(table, "one", &spec, START + HOUR - 1), 0);
		assert_int_equal(let_in(table, "one", &spec, START + HOUR), 5);
		limit_table_close(table);
	}
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

#define WITHOUT_FILE(name) cmocka_unit_test_setup(name, no_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT_FILE(counts_go_on_where_they_stood),
		WITHOUT_FILE(a_table_of_another_size_takes_them_too),
		WITHOUT_FILE(an_exact_log_goes_where_it_fits_and_nowhere_else),
		WITHOUT_FILE(a_table_in_use_can_be_saved_and_is_not_disturbed),
		WITHOUT_FILE(what_was_held_then_counts_now),
		WITHOUT_FILE(what_is_at_rest_is_not_saved_and_nothing_is_no_file),
		WITHOUT_FILE(only_its_owner_reads_the_file),
		WITHOUT_FILE(every_damaged_file_is_refused_and_the_table_stays_empty),
		WITHOUT_FILE(after_a_reboot_the_wall_clock_says_how_long_it_took),
		WITHOUT_FILE(within_a_boot_the_wall_clock_changes_nothing),
		WITHOUT_FILE(no_file_and_a_directory_are_told_apart),
		WITHOUT_FILE(a_file_that_is_no_table_is_not_saved),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
