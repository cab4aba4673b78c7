/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>

#include "edge.h"
#include "message/names.h"
#include "message/result.h"

/* Fails after a change of FIELD_NAMES until tools/field-slots has written names_slots.h anew. */
static void every_name_is_found_in_small_and_in_capitals(void **state)
{
	for (int id = 1; id < FIELD_NAME_COUNT; id++) {
		struct bytes text = field_name_text((enum field_name)id);
		char capitals[64];

		for (size_t i = 0; i < text.len; i++)
			capitals[i] = (char)toupper((unsigned char)text.at[i]);
		assert_int_equal(field_name_find(at_edge(text)), id);
		assert_int_equal(field_name_find(at_edge((struct bytes){capitals, text.len})), id);
	}
}

static void a_name_with_one_byte_changed_is_another_name(void **state)
{
	for (int id = 1; id < FIELD_NAME_COUNT; id++) {
		struct bytes text = field_name_text((enum field_name)id);
		char changed[64];

		for (size_t i = 0; i < text.len; i++) {
			memcpy(changed, text.at, text.len);
			changed[i] = changed[i] == '~' ? '!' : '~';
			assert_int_equal(
				field_name_find(at_edge((struct bytes){changed, text.len})),
				FIELD_OTHER);
		}
	}
}

static void names_one_byte_shorter_or_longer_are_others(void **state)
{
	assert_int_equal(field_name_find(at_edge(BYTES("hos"))), FIELD_OTHER);
	assert_int_equal(field_name_find(at_edge(BYTES("hostt"))), FIELD_OTHER);
	assert_int_equal(field_name_find(at_edge(BYTES("t"))), FIELD_OTHER);
	assert_int_equal(field_name_find(at_edge(BYTES("content_length"))), FIELD_OTHER);
	assert_int_equal(field_name_find(at_edge(
				 BYTES("a-name-that-is-longer-than-any-that-is-known-here"))),
			 FIELD_OTHER);
}

static void families_of_names_are_guarded_whatever_follows(void **state)
{
	assert_true(field_flags(FIELD_OTHER, BYTES("X-Forwarded-Anything")) & FIELD_SAYS_CLIENT);
	assert_true(field_flags(FIELD_OTHER, BYTES("CONTENT-MD5")) & FIELD_IS_GUARDED);
	assert_true(field_flags(FIELD_OTHER, BYTES("Content-")) & FIELD_IS_GUARDED);
	assert_int_equal(field_flags(FIELD_OTHER, BYTES("Content")), 0);
	assert_int_equal(field_flags(FIELD_OTHER, BYTES("X-Forwarded")), 0);
	assert_true(field_flags(FIELD_HOST, BYTES("Host")) & FIELD_IS_GUARDED);
	assert_true(field_flags(FIELD_TE, BYTES("TE")) & FIELD_IS_HOP);
}

static void every_result_has_a_status_a_label_and_a_text(void **state)
{
	for (int result = 0; result < MESSAGE_RESULT_COUNT; result++) {
		assert_true(message_status((enum message_result)result) >= 200);
		assert_true(strlen(message_label((enum message_result)result)) > 0);
		assert_true(strlen(message_text((enum message_result)result)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_found_in_small_and_in_capitals),
		cmocka_unit_test(a_name_with_one_byte_changed_is_another_name),
		cmocka_unit_test(names_one_byte_shorter_or_longer_are_others),
		cmocka_unit_test(families_of_names_are_guarded_whatever_follows),
		cmocka_unit_test(every_result_has_a_status_a_label_and_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
