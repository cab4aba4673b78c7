/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/digits.h"

static void assert_digits(uint64_t number)
{
	char digits[DIGITS_MAX], want[DIGITS_MAX + 1];
	struct bytes text = digits_of(number, digits);

	snprintf(want, sizeof(want), "%" PRIu64, number);
	assert_int_equal(text.len, strlen(want));
	assert_memory_equal(text.at, want, text.len);
}

static void small_numbers_are_as_printf_has_them(void **state)
{
	(void)state;
	for (uint64_t number = 0; number < 100000; number++)
		assert_digits(number);
}

static void numbers_around_each_power_of_ten_are_as_printf_has_them(void **state)
{
	(void)state;
	for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
		assert_digits(power - 1);
		assert_digits(power);
		assert_digits(power * 10 - 1);
	}
	assert_digits(UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_numbers_are_as_printf_has_them),
		cmocka_unit_test(numbers_around_each_power_of_ten_are_as_printf_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
