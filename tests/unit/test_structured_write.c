/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/structured_write.h"
#include "message_input.h"

static char written[512];

static void assert_written(struct sf_writer *out, const char *want)
{
	assert_false(out->failed);
	assert_bytes((struct bytes){out->at, out->len}, want);
	*out = sf_writer_of(written, sizeof(written));
}

static void fields_are_written_as_the_rfcs_show_them(void **state)
{
	struct sf_writer out = sf_writer_of(written, sizeof(written));

	sf_put_next(&out);
	sf_put_token(&out, BYTES("Sluice"));
	sf_put_param(&out, BYTES("hit"));
	sf_put_param(&out, BYTES("ttl"));
	sf_put_equals(&out);
	sf_put_integer(&out, -376);
	assert_written(&out, "Sluice;hit;ttl=-376");

	for (int i = 0; i < 2; i++) {
		sf_put_next(&out);
		sf_put_string(&out, i ? BYTES("a\\b\"c") : BYTES("burst"));
		sf_put_param(&out, BYTES("q"));
		sf_put_equals(&out);
		sf_put_integer(&out, 100);
	}
	assert_written(&out, "\"burst\";q=100, \"a\\\\b\\\"c\";q=100");

	sf_put_key(&out, BYTES("a"));
	sf_put_equals(&out);
	sf_put_open(&out);
	sf_put_boolean(&out, false);
	sf_put_space(&out);
	sf_put_date(&out, 7);
	sf_put_close(&out);
	assert_written(&out, "a=(?0 @7)");
}

static void numbers_bytes_and_display_strings_are_written(void **state)
{
	struct sf_writer out = sf_writer_of(written, sizeof(written));

	sf_put_decimal(&out, 0);
	assert_written(&out, "0.0");
	sf_put_decimal(&out, 999999999999999);
	assert_written(&out, "999999999999.999");
	sf_put_integer(&out, -999999999999999);
	assert_written(&out, "-999999999999999");
	sf_put_integer(&out, 999999999999999);
	assert_written(&out, "999999999999999");
	sf_put_key(&out, BYTES("*a_-.*9z"));
	assert_written(&out, "*a_-.*9z");
	sf_put_key(&out, BYTES("z"));
	assert_written(&out, "z");
	sf_put_decimal(&out, 1500);
	assert_written(&out, "1.5");
	sf_put_decimal(&out, -500);
	assert_written(&out, "-0.5");
	sf_put_decimal(&out, 2000);
	assert_written(&out, "2.0");
	sf_put_decimal(&out, 1);
	assert_written(&out, "0.001");
	sf_put_bytes(&out, at_edge(BYTES("hello")));
	assert_written(&out, ":aGVsbG8=:");
	sf_put_bytes(&out, at_edge(BYTES("hell")));
	assert_written(&out, ":aGVsbA==:");
	sf_put_bytes(&out, BYTES("hel"));
	assert_written(&out, ":aGVs:");
	sf_put_bytes(&out, BYTES(""));
	assert_written(&out, "::");
	sf_put_display(&out, BYTES(" ~\xc3\xbc%\"\n"));
	assert_written(&out, "%\" ~%c3%bc%25%22%0a\"");
	sf_put_string(&out, BYTES(" ~"));
	assert_written(&out, "\" ~\"");
}

static void what_a_type_does_not_have_is_not_written(void **state)
{
	struct sf_writer out;

	out = sf_writer_of(written, sizeof(written));
	sf_put_integer(&out, 1000000000000000);
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_decimal(&out, INT64_MIN);
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_string(&out, BYTES("a\nb"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_string(&out, BYTES("\xc3\xbc"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_token(&out, BYTES("1a"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_token(&out, BYTES("1"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_token(&out, BYTES("a b"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES("Key"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES("kEy"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES("1"));
	assert_true(out.failed);
	out = sf_writer_of(written, sizeof(written));
	sf_put_key(&out, BYTES(""));
	assert_true(out.failed);
}

static void a_writer_never_goes_beyond_its_room(void **state)
{
	struct sf_writer exact = sf_writer_of(written, strlen("abc;d=\"efgh\""));

	sf_put_token(&exact, BYTES("abc"));
	sf_put_param(&exact, BYTES("d"));
	sf_put_equals(&exact);
	sf_put_string(&exact, BYTES("efgh"));
	assert_written(&exact, "abc;d=\"efgh\"");

	for (size_t room = 0; room < 12; room++) {
		char small[12];
		struct sf_writer out = sf_writer_of(small, room);

		memset(small, '#', sizeof(small));
		sf_put_token(&out, BYTES("abc"));
		sf_put_param(&out, BYTES("d"));
		sf_put_equals(&out);
		sf_put_string(&out, BYTES("efgh"));
		assert_true(out.failed);
		for (size_t i = room; i < sizeof(small); i++)
			assert_int_equal(small[i], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_written_as_the_rfcs_show_them),
		cmocka_unit_test(numbers_bytes_and_display_strings_are_written),
		cmocka_unit_test(what_a_type_does_not_have_is_not_written),
		cmocka_unit_test(a_writer_never_goes_beyond_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
