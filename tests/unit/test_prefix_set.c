/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/prefix_set.h"

static struct prefix prefix(const char *text)
{
	struct prefix parsed;

	assert_int_equal(prefix_parse(bytes_of(text), &parsed, NULL), PREFIX_OK);
	return parsed;
}

static bool covers(const char *const *texts, size_t count, const char *address)
{
	struct prefix prefixes[8], asked = prefix(address);
	struct prefix_set *set;
	bool result;

	for (size_t i = 0; i < count; i++)
		prefixes[i] = prefix(texts[i]);
	set = prefix_set_new(prefixes, count);
	assert_non_null(set);
	result = prefix_set_covers(set, &asked);
	prefix_set_free(set);
	return result;
}

#define COVERS(address, ...)                       \
	covers((const char *const[]){__VA_ARGS__}, \
	       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), address)

static void each_length_is_found_and_its_neighbours_are_not(void **state)
{
	assert_true(COVERS("10.0.0.1", "10.0.0.1"));
	assert_false(COVERS("10.0.0.2", "10.0.0.1"));
	assert_true(COVERS("10.0.0.255", "192.0.2.0/24", "10.0.0.0/24", "10.9.0.0/16"));
	assert_false(COVERS("10.0.1.0", "192.0.2.0/24", "10.0.0.0/24", "10.9.0.0/16"));
	assert_true(COVERS("198.51.100.7", "0.0.0.0/0"));
}

static void families_are_told_apart(void **state)
{
	assert_false(COVERS("::1", "0.0.0.0/0"));
	assert_false(COVERS("10.0.0.1", "::/0"));
	assert_true(COVERS("2001:db8:0:1::/64", "2001:db8::/32", "10.0.0.1"));
}

static void a_source_is_not_covered_by_what_is_longer(void **state)
{
	assert_false(COVERS("2001:db8:0:1::/64", "2001:db8:0:1::7"));
	assert_true(COVERS("2001:db8:0:1::/64", "2001:db8:0:1::/64"));
}

static void order_and_repetition_change_nothing(void **state)
{
	assert_true(COVERS("10.0.0.9", "10.0.0.9", "10.0.0.0/8", "10.0.0.9", "10.0.0.0/8"));
	assert_true(COVERS("10.0.0.9", "10.0.0.0/8", "10.0.0.0/30"));
	assert_true(COVERS("10.0.0.9", "10.0.0.0/30", "10.0.0.0/8"));
}

/* Against a plain look at each of them. */
static void many_random_prefixes_agree_with_a_look_at_each(void **state)
{
	static struct prefix prefixes[1000];
	uint32_t random = 12345;
	struct prefix_set *set;

	for (size_t i = 0; i < 1000; i++) {
		struct prefix whole = {.family = ADDRESS_IPV4, .bits = 32};

		random = random * 1664525 + 1013904223;
		whole.byte[0] = 10;
		whole.byte[1] = (uint8_t)(random >> 24);
		whole.byte[2] = (uint8_t)(random >> 16);
		whole.byte[3] = (uint8_t)(random >> 8);
		prefixes[i] = prefix_cut(&whole, (uint8_t)(20 + random % 13));
	}
	set = prefix_set_new(prefixes, 1000);
	for (uint32_t i = 0; i < 5000; i++) {
		struct prefix asked = {
			.family = ADDRESS_IPV4,
			.bits = 32,
			.byte = {10, (uint8_t)(i >> 5), (uint8_t)(i * 7), (uint8_t)i}};
		bool expected = false;

		for (size_t j = 0; j < 1000; j++)
			expected |= prefix_covers(&prefixes[j], &asked);
		assert_int_equal(prefix_set_covers(set, &asked), expected);
	}
	prefix_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_length_is_found_and_its_neighbours_are_not),
		cmocka_unit_test(families_are_told_apart),
		cmocka_unit_test(a_source_is_not_covered_by_what_is_longer),
		cmocka_unit_test(order_and_repetition_change_nothing),
		cmocka_unit_test(many_random_prefixes_agree_with_a_look_at_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
