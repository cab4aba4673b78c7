/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts that are saved go on: in other tables, after a boot, whatever the wall clock says. */
#include "limit_save_fixture.h"

#include <string.h>

#include "base/boot.h"
#include "base/siphash.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITHOUT_FILE(counts_go_on_where_they_stood),
		WITHOUT_FILE(a_table_of_another_size_takes_them_too),
		WITHOUT_FILE(an_exact_log_goes_where_it_fits_and_nowhere_else),
		WITHOUT_FILE(a_table_in_use_can_be_saved_and_is_not_disturbed),
		WITHOUT_FILE(what_was_held_then_counts_now),
		WITHOUT_FILE(what_is_at_rest_is_not_saved_and_nothing_is_no_file),
		WITHOUT_FILE(after_a_reboot_the_wall_clock_says_how_long_it_took),
		WITHOUT_FILE(within_a_boot_the_wall_clock_changes_nothing),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
