/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guarded.h"
#include "policy/key_file.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define C "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct key_error error;

static struct key_file *read_good(const char *text)
{
	struct key_file *file = NULL;

	if (key_file_parse(bytes_of(text), &error, &file))
		fail_msg("%u:%u: %s", error.line, error.column, error.text);
	return file;
}

static void assert_broken(const char *text, unsigned line, unsigned column, const char *says)
{
	struct key_file *file = NULL;

	assert_int_equal(key_file_parse(bytes_of(text), &error, &file), -EINVAL);
	assert_null(file);
	assert_int_equal(error.line, line);
	assert_int_equal(error.column, column);
	assert_non_null(strstr(error.text, says));
}

static uint32_t find_filled(const struct key_file *file, int byte)
{
	uint8_t digest[KEY_DIGEST_LEN];

	memset(digest, byte, sizeof(digest));
	return key_file_find(file, digest);
}

static void a_key_is_found_by_its_digest_with_name_and_tier(void **state)
{
	struct key_file *file = read_good("# who\n\nalice partner " A "\r\n\tbob\t-\t" B "\n");
	uint32_t alice = find_filled(file, 0xaa), bob = find_filled(file, 0xbb);

	assert_int_equal(key_file_count(file), 2);
	assert_true(bytes_equal(key_file_name(file, alice), BYTES("alice")));
	assert_true(bytes_equal(key_file_name(file, bob), BYTES("bob")));
	assert_string_equal(key_file_tier_name(file, key_file_tier(file, alice)), "partner");
	assert_int_equal(key_file_tier(file, bob), KEY_NONE);
	assert_int_equal(find_filled(file, 0xab), KEY_NONE);
	key_file_free(file);
}

static void names_and_their_numbers_lead_to_each_other(void **state)
{
	struct key_file *file = read_good("alice - " A "\nbob - " B "\n");
	uint32_t bob = key_file_named(file, BYTES("bob"));

	assert_int_equal(bob, find_filled(file, 0xbb));
	assert_int_equal(key_file_hashed(file, key_file_hash(file, bob)), bob);
	assert_int_equal(key_file_named(file, BYTES("carol")), KEY_NONE);
	assert_int_equal(key_file_hashed(file, 12345), KEY_NONE);
	key_file_free(file);
}

static void a_client_may_have_two_keys_and_is_one_client(void **state)
{
	struct key_file *file = read_good("alice gold " A "\nalice gold " B "\n");

	assert_int_equal(key_file_count(file), 2);
	assert_int_equal(find_filled(file, 0xaa), find_filled(file, 0xbb));
	key_file_free(file);
}

static void an_empty_file_has_no_keys(void **state)
{
	struct key_file *file = read_good("");

	assert_int_equal(key_file_count(file), 0);
	assert_int_equal(find_filled(file, 0), KEY_NONE);
	assert_int_equal(key_file_named(file, BYTES("")), KEY_NONE);
	key_file_free(file);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	assert_broken("\nal!ce - " A, 2, 1, "expected a name");
	assert_broken("alice", 1, 6, "name of a tier");
	assert_broken("alice -", 1, 8, "SHA-256");
	assert_broken("alice - abc", 1, 9, "SHA-256");
	assert_broken("alice - " A "0", 1, 9, "SHA-256");
	assert_broken("alice - g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1,
		      9, "SHA-256");
	assert_broken("alice - " A " x", 1, 74, "end of the line");
	assert_broken("alice _x " A, 1, 7, "name of a tier");
	assert_broken("alice - " A "\nbob - " A, 2, 7, "line 1 has this key");
	assert_broken("alice - " A "\nalice gold " B, 2, 7, "another tier");
}

static void what_may_be_a_key_is_not_repeated(void **state)
{
	assert_broken("alice - sk_live_secret", 1, 9, "SHA-256");
	assert_null(strstr(error.text, "secret"));
	assert_broken("sk!live!secret", 1, 1, "name");
	assert_null(strstr(error.text, "secret"));
}

static void a_name_has_63_bytes_and_not_64(void **state)
{
	char text[256];
	struct key_file *file;

	snprintf(text, sizeof(text), "%063d - " C, 7);
	file = read_good(text);
	assert_int_equal(key_file_name(file, 0).len, 63);
	key_file_free(file);
	snprintf(text, sizeof(text), "%064d - " C, 7);
	assert_broken(text, 1, 1, "at most 63");
}

static void a_million_keys_fit_and_one_more_does_not(void **state)
{
	char *text = malloc(90000000), *at = text;
	struct key_file *file = NULL;

	for (int i = 0; i < KEY_FILE_KEYS_MAX; i++)
		at += sprintf(at, "c%d t%d %064x\n", i % 500000, i % 250, i);
	assert_int_equal(key_file_parse((struct bytes){text, (size_t)(at - text)}, &error, &file),
			 0);
	assert_int_equal(key_file_count(file), KEY_FILE_KEYS_MAX);
	assert_int_equal(key_file_tier_count(file), KEY_FILE_TIERS_MAX);
	assert_true(key_file_memory(file) < 100000000);
	key_file_free(file);

	at += sprintf(at, "last - " A "\n");
	assert_int_equal(key_file_parse((struct bytes){text, (size_t)(at - text)}, &error, &file),
			 -EINVAL);
	assert_non_null(strstr(error.text, "more than 1000000"));
	free(text);
}

static void every_beginning_of_a_file_is_read_within_its_bounds(void **state)
{
	const char text[] = "# c\nalice partner " A "\r\nbob - " B " ";

	for (size_t len = 0; len < sizeof(text); len++) {
		struct guarded guarded = guarded_copy((struct bytes){text, len});
		struct key_file *file = NULL;

		(void)key_file_parse(guarded.text, &error, &file);
		key_file_free(file);
		guarded_free(&guarded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_found_by_its_digest_with_name_and_tier),
		cmocka_unit_test(names_and_their_numbers_lead_to_each_other),
		cmocka_unit_test(a_client_may_have_two_keys_and_is_one_client),
		cmocka_unit_test(an_empty_file_has_no_keys),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(what_may_be_a_key_is_not_repeated),
		cmocka_unit_test(a_name_has_63_bytes_and_not_64),
		cmocka_unit_test(a_million_keys_fit_and_one_more_does_not),
		cmocka_unit_test(every_beginning_of_a_file_is_read_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
