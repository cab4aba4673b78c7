/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_table_fixture.h"

#include <errno.h>
#include <sys/mman.h>

static void each_key_has_its_own_count(void **state)
{
	struct limit_table *table = fresh(small);

	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask(table, "a", &five, START), LET_IN);
		assert_int_equal(ask(table, "b", &five, START), LET_IN);
	}
	assert_int_equal(ask(table, "a", &five, START), REFUSED);
	assert_int_equal(ask(table, "b", &five, START), REFUSED);
	assert_int_equal(ask(table, "c", &five, START), LET_IN);
	limit_table_close(table);
}

static void who_asks_for_old_entries_only_makes_none(void **state)
{
	struct limit_table *table = fresh(small);
	struct limit_moment moment = limit_table_moment(table, START);
	struct limit_seek seek = {.key = BYTES("a"), .spec = &five, .only_old = true};

	limit_table_seize(table, &seek, 1, moment);
	assert_null(seek.state);
	limit_table_release(table, &seek, 1);
	assert_false(limit_table_forget(table, BYTES("a")));
	assert_int_equal(ask(table, "a", &five, START), LET_IN);
	limit_table_seize(table, &seek, 1, moment);
	assert_non_null(seek.state);
	limit_table_release(table, &seek, 1);
	limit_table_close(table);
}

static void the_largest_table_fits_its_memory_and_one_more_set_does_not(void **state)
{
	const uint64_t bytes = 32 << 20;
	struct limit_table_size size = limit_table_within(bytes, 1024);

	assert_true(limit_table_bytes(size) <= bytes);
	size.entries++;
	assert_true(limit_table_bytes(size) > bytes);
	assert_int_equal(limit_table_within(4096, 1024).entries, 0);
}

static void a_full_table_shares_and_never_lets_in_for_being_full(void **state)
{
	struct limit_table *table = fresh(small);
	int answers[NO_ROOM + 1] = {0};

	for (int i = 0; i < 10000; i++)
		answers[ask(table, name_of(i), &five, START)]++;
	assert_int_equal(answers[LET_IN_SHARED], 5);
	assert_true(answers[LET_IN] <= 64);
	assert_int_equal(answers[REFUSED], 0);
	assert_int_equal(answers[LET_IN] + 5 + answers[REFUSED_SHARED], 10000);
	limit_table_close(table);
}

static void nobody_over_a_limit_is_freed_by_newcomers(void **state)
{
	struct limit_table *table = fresh(small);

	while (ask(table, "offender", &five, START) == LET_IN)
		;
	for (int i = 0; i < 10000; i++)
		(void)ask(table, name_of(i), &five, START + i);
	assert_int_equal(ask(table, "offender", &five, START + 60 * SECOND - 1), REFUSED);
	assert_int_equal(ask(table, "offender", &five, START + 60 * SECOND), LET_IN);
	limit_table_close(table);
}

static void what_is_at_rest_makes_room(void **state)
{
	struct limit_table *table = fresh(small);

	for (int i = 0; i < 1000; i++)
		(void)ask(table, name_of(i), &five, START);
	for (int i = 0; i < 8; i++)
		assert_int_equal(ask(table, name_of(2000 + i), &five, START + 60 * SECOND + 1),
				 LET_IN);
	limit_table_close(table);
}

static void neighbours_that_share_are_coarse_and_others_refused_when_even_that_is_full(void **state)
{
	struct limit_table *table = fresh((struct limit_table_size){1, 1024});
	struct limit_moment moment = limit_table_moment(table, START);
	int without = 0;

	for (int i = 0; i < 1000; i++) {
		struct limit_seek seek = {
			.key = bytes_of(name_of(i)), .coarse = bytes_of(name_of(i)), .spec = &five};

		limit_table_seize(table, &seek, 1, moment);
		if (seek.state)
			limit_state_take(seek.state, &five, 1, START);
		without += !seek.state;
		limit_table_release(table, &seek, 1);
	}
	assert_true(without >= 1000 - 9 * LIMIT_TABLE_WAYS);
	limit_table_close(table);
}

static void keys_of_one_request_never_share_an_entry_by_accident(void **state)
{
	struct limit_table *table = fresh((struct limit_table_size){1, 1024});

	for (uint64_t now_ns = START; now_ns < START + 100; now_ns++) {
		struct limit_seek seeks[12];
		char names[12][32];

		for (int i = 0; i < 12; i++) {
			snprintf(names[i], sizeof(names[i]), "%d at %d", i, (int)(now_ns - START));
			seeks[i] = (struct limit_seek){.key = bytes_of(names[i]),
						       .coarse = bytes_of(names[i]),
						       .spec = &five};
		}
		limit_table_seize(table, seeks, 12, limit_table_moment(table, now_ns));
		for (int a = 0; a < 12; a++)
			for (int b = 0; b < a; b++)
				assert_true(!seeks[a].state || seeks[a].state != seeks[b].state);
		limit_table_release(table, seeks, 12);
	}
	limit_table_close(table);
}

static void a_state_that_does_not_fit_is_refused_not_cut(void **state)
{
	struct limit_spec large = spec_of(LIMIT_MOVING_WINDOW, 10000, SECOND);
	struct limit_table *table = fresh(small);
	struct limit_table *roomy = fresh((struct limit_table_size){8, limit_state_bytes(&large)});

	assert_int_equal(ask(table, "a", &large, START), NO_ROOM);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(ask(roomy, "a", &large, START), LET_IN);
	assert_int_equal(ask(roomy, "a", &large, START), REFUSED);
	limit_table_close(table);
	limit_table_close(roomy);
}

static void a_key_is_forgotten_on_request(void **state)
{
	struct limit_table *table = fresh(small);

	while (ask(table, "a", &five, START) == LET_IN)
		;
	assert_true(limit_table_forget(table, BYTES("a")));
	assert_false(limit_table_forget(table, BYTES("a")));
	assert_int_equal(ask(table, "a", &five, START), LET_IN);
	limit_table_close(table);
}

static void count_entry(void *context, struct bytes label, const struct limit_state *state)
{
	*(int *)context += bytes_equal(label, BYTES("b")) ? 100 : 1;
}

static void a_visit_meets_every_entry_in_use(void **state)
{
	struct limit_table *table = fresh(small);
	int met = 0;

	(void)ask(table, "a", &five, START);
	(void)ask(table, "b", &five, START);
	limit_table_visit(table, count_entry, &met);
	assert_int_equal(met, 101);
	limit_table_close(table);
}

static void what_is_held_is_settled_where_it_was_charged(void **state)
{
	struct limit_table *table = fresh(small);
	struct limit_moment moment = limit_table_moment(table, START);
	struct limit_seek seek = {.key = BYTES("login"), .coarse = BYTES("c"), .spec = &five};

	for (int i = 0; i < 5; i++) {
		limit_table_seize(table, &seek, 1, moment);
		limit_state_hold(seek.state, &five, 1, moment);
		limit_table_release(table, &seek, 1);
	}
	assert_int_equal(ask(table, "login", &five, START), REFUSED);
	limit_table_return(table, &seek, moment);
	limit_state_refund(seek.state, 1);
	limit_table_release(table, &seek, 1);
	assert_int_equal(ask(table, "login", &five, START), LET_IN);
	limit_table_close(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_its_own_count),
		cmocka_unit_test(who_asks_for_old_entries_only_makes_none),
		cmocka_unit_test(the_largest_table_fits_its_memory_and_one_more_set_does_not),
		cmocka_unit_test(a_full_table_shares_and_never_lets_in_for_being_full),
		cmocka_unit_test(nobody_over_a_limit_is_freed_by_newcomers),
		cmocka_unit_test(what_is_at_rest_makes_room),
		cmocka_unit_test(
			neighbours_that_share_are_coarse_and_others_refused_when_even_that_is_full),
		cmocka_unit_test(keys_of_one_request_never_share_an_entry_by_accident),
		cmocka_unit_test(a_state_that_does_not_fit_is_refused_not_cut),
		cmocka_unit_test(a_key_is_forgotten_on_request),
		cmocka_unit_test(a_visit_meets_every_entry_in_use),
		cmocka_unit_test(what_is_held_is_settled_where_it_was_charged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
