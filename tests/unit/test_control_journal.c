/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/journal.h"

static void add(struct journal *journal, uint64_t packets)
{
	struct sl_event event = {.kind = SL_EVENT_LIMITED, .packets = packets};

	journal_add(journal, &event);
}

static int make(void **state)
{
	return journal_new((struct journal **)state);
}

static int unmake(void **state)
{
	journal_free(*state);
	return 0;
}

static void events_are_numbered_from_one(void **state)
{
	struct journal *journal = *state;

	assert_int_equal(journal_next(journal), 1);
	add(journal, 70);
	add(journal, 80);
	assert_int_equal(journal_first(journal), 1);
	assert_int_equal(journal_next(journal), 3);
	assert_int_equal(journal_at(journal, 1)->event.packets, 70);
	assert_int_equal(journal_at(journal, 2)->event.packets, 80);
	assert_int_equal(journal_at(journal, 2)->id, 2);
}

static void what_is_not_in_the_ring_is_null(void **state)
{
	struct journal *journal = *state;

	add(journal, 1);
	assert_null(journal_at(journal, 0));
	assert_null(journal_at(journal, 2));
	assert_null(journal_at(journal, UINT64_MAX));
}

static void the_oldest_leaves_when_the_ring_is_full_and_not_before(void **state)
{
	struct journal *journal = *state;

	for (uint64_t i = 1; i <= JOURNAL_MAX; i++)
		add(journal, i);
	assert_int_equal(journal_first(journal), 1);
	assert_int_equal(journal_at(journal, 1)->event.packets, 1);

	add(journal, JOURNAL_MAX + 1);
	assert_int_equal(journal_first(journal), 2);
	assert_null(journal_at(journal, 1));
	assert_int_equal(journal_at(journal, 2)->event.packets, 2);
	assert_int_equal(journal_at(journal, JOURNAL_MAX + 1)->event.packets, JOURNAL_MAX + 1);
}

static void events_are_counted_by_kind_and_an_unknown_kind_by_none(void **state)
{
	struct journal *journal = *state;
	struct sl_event unknown = {.kind = 200};

	add(journal, 1);
	add(journal, 1);
	journal_add(journal, &unknown);
	assert_int_equal(journal_count(journal, SL_EVENT_LIMITED), 2);
	assert_int_equal(journal_count(journal, SL_EVENT_BANNED), 0);
	assert_int_equal(journal_next(journal), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_are_numbered_from_one, make, unmake),
		cmocka_unit_test_setup_teardown(what_is_not_in_the_ring_is_null, make, unmake),
		cmocka_unit_test_setup_teardown(
			the_oldest_leaves_when_the_ring_is_full_and_not_before, make, unmake),
		cmocka_unit_test_setup_teardown(
			events_are_counted_by_kind_and_an_unknown_kind_by_none, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
