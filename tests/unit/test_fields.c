/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/fields.h"
#include "message_input.h"

static void assert_members(const char *lines, const char *joined)
{
	struct field_list list = field_list_of(fields_with(lines), FIELD_VARY);
	struct bytes member;
	char text[256] = "";

	while (field_list_next(&list, &member)) {
		strcat(text, "<");
		strncat(text, member.at, member.len);
		strcat(text, ">");
	}
	assert_string_equal(text, joined);
}

static void lists_are_cut_at_commas_outside_quotes(void **state)
{
	assert_members("", "");
	assert_members("Vary:\r\n", "");
	assert_members("Vary: a\r\n", "<a>");
	assert_members("Vary: a,b ,\t c\r\n", "<a><b><c>");
	assert_members("Vary: ,, a,, ,b,\r\n", "<a><b>");
	assert_members("Vary: \"a,b\", c\r\n", "<\"a,b\"><c>");
	assert_members("Vary: \"a\\\",b\", c\r\n", "<\"a\\\",b\"><c>");
	assert_members("Vary: \"a, b\r\n", "<\"a, b>");
	assert_members("Vary: \"a\\\r\n", "<\"a\\>");
	assert_members("Vary: x=\"1,2\";y, z\r\n", "<x=\"1,2\";y><z>");
}

static void lines_of_one_name_are_one_list(void **state)
{
	assert_members("Vary: a\r\nX: y\r\nvary:\r\nVARY: b, c\r\n", "<a><b><c>");
}

static void vary_matches_nothing_with_an_asterisk_anywhere(void **state)
{
	assert_true(vary_has_any(fields_with("Vary: *\r\n")));
	assert_true(vary_has_any(fields_with("Vary: Accept, *, Cookie\r\n")));
	assert_true(vary_has_any(fields_with("Vary: Accept\r\nVary: *\r\n")));
	assert_false(vary_has_any(fields_with("Vary: Accept-*\r\n")));
	assert_false(vary_has_any(fields_with("")));
}

static struct connection connection;

static enum message_result read_connection(const char *lines)
{
	return connection_read(fields_with(lines), true, &connection);
}

static void connection_says_whether_it_stays_open(void **state)
{
	assert_int_equal(read_connection(""), MESSAGE_DONE);
	assert_true(connection_persists(&connection, 1));
	assert_false(connection_persists(&connection, 0));
	assert_int_equal(read_connection("Connection: Close\r\n"), MESSAGE_DONE);
	assert_false(connection_persists(&connection, 1));
	assert_int_equal(read_connection("Connection: x, Keep-Alive\r\n"), MESSAGE_DONE);
	assert_true(connection_persists(&connection, 0));
	assert_int_equal(read_connection("Connection: keep-alive\r\nConnection: close\r\n"),
			 MESSAGE_DONE);
	assert_false(connection_persists(&connection, 0));
	assert_int_equal(read_connection("Connection: Upgrade\r\n"), MESSAGE_DONE);
	assert_true(connection.upgrade);
}

static void fields_named_in_connection_and_hop_by_hop_ones_are_taken_out(void **state)
{
	static const bool hop[] = {false, true, true, true, false, true, true, true, false};

	assert_int_equal(read_connection("Connection: x-a, X-B\r\n"
					 "X-A: 1\r\n"
					 "TE: trailers\r\n"
					 "X-C: 1\r\n"
					 "x-b: 1\r\n"
					 "Keep-Alive: 5\r\n"
					 "X-a: 2\r\n"
					 "Trailer: x\r\n"),
			 MESSAGE_DONE);
	for (unsigned i = 0; i < sizeof(hop) / sizeof(hop[0]) - 1; i++)
		assert_int_equal(field_set_has(&connection.hop, i), hop[i]);
}

static void the_last_of_255_fields_can_be_taken_out(void **state)
{
	static char lines[4096];

	strcpy(lines, "Connection: z\r\n");
	for (int i = 0; i < 252; i++)
		strcat(lines, "a:b\r\n");
	strcat(lines, "z:1\r\n");
	assert_int_equal(read_connection(lines), MESSAGE_DONE);
	assert_true(field_set_has(&connection.hop, 254));
	assert_false(field_set_has(&connection.hop, 253));
}

static void a_request_may_not_take_out_what_the_origin_decides_by(void **state)
{
	static const char *const names[] = {
		"Host",
		"Authorization",
		"cookie",
		"Cache-Control",
		"Content-Length",
		"Content-Type",
		"content-anything",
		"X-Forwarded-For",
		"X-Forwarded-Else",
		"Forwarded",
		"X-Real-IP",
		"X-API-Key",
	};
	char lines[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(lines, sizeof(lines), "Connection: close, %s\r\n", names[i]);
		assert_int_equal(read_connection(lines), MESSAGE_BAD_CONNECTION);
		assert_int_equal(connection_read(fields_with(lines), false, &connection),
				 MESSAGE_DONE);
	}
	assert_int_equal(message_status(MESSAGE_BAD_CONNECTION), 400);
}

static void connection_options_are_at_most_16_tokens(void **state)
{
	assert_int_equal(read_connection("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n"),
			 MESSAGE_DONE);
	assert_int_equal(read_connection("Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n"),
			 MESSAGE_BAD_CONNECTION);
	assert_int_equal(read_connection("Connection: a b\r\n"), MESSAGE_BAD_CONNECTION);
	assert_int_equal(read_connection("Connection: \"close\"\r\n"), MESSAGE_BAD_CONNECTION);
}

static void expect_knows_100_continue_only(void **state)
{
	bool wanted = true;

	assert_int_equal(expect_read(request_with(""), &wanted), MESSAGE_DONE);
	assert_false(wanted);
	assert_int_equal(expect_read(request_with("Expect: 100-Continue\r\n"), &wanted),
			 MESSAGE_DONE);
	assert_true(wanted);
	assert_int_equal(expect_read(request_with_minor("Expect: 100-continue\r\n", 0), &wanted),
			 MESSAGE_DONE);
	assert_false(wanted);
	assert_int_equal(expect_read(request_with("Expect: 100-continue, x\r\n"), &wanted),
			 MESSAGE_BAD_EXPECT);
	assert_int_equal(message_status(MESSAGE_BAD_EXPECT), 417);
}

static void age_is_the_first_member_or_0(void **state)
{
	static const struct {
		const char *lines;
		int64_t age;
	} rows[] = {
		{"", 0},
		{"Age: 0\r\n", 0},
		{"Age: 17\r\n", 17},
		{"Age: 17, 3\r\n", 17},
		{"Age: 17;x=3\r\n", 17},
		{"Age: 17\r\nAge: 3\r\n", 17},
		{"Age: 2147483647\r\n", 2147483647},
		{"Age: 2147483648\r\n", 2147483648},
		{"Age: 99999999999999999999999\r\n", 2147483648},
		{"Age: x, 17\r\n", 0},
		{"Age: -1\r\n", 0},
		{"Age: 1.5\r\n", 0},
		{"Age: , 5\r\n", 0},
		{"Age: 5 5\r\n", 0},
		{"Age: x\r\nAge: 5\r\n", 0},
		{"Age:\r\n", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(age_read(fields_with(rows[i].lines)), rows[i].age);
}

static void request_ids_are_64_harmless_bytes_at_most(void **state)
{
	char id[REQUEST_ID_MAX + 2];

	memset(id, 'a', sizeof(id));
	assert_true(request_id_is_sound((struct bytes){id, REQUEST_ID_MAX}));
	assert_false(request_id_is_sound((struct bytes){id, REQUEST_ID_MAX + 1}));
	assert_false(request_id_is_sound((struct bytes){id, 0}));
	assert_true(request_id_is_sound(at_edge(BYTES("aZ09._-"))));
	assert_false(request_id_is_sound(at_edge(BYTES("a~"))));
	assert_false(request_id_is_sound(at_edge(BYTES("a b"))));
	assert_false(request_id_is_sound(at_edge(BYTES("a\"b"))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_cut_at_commas_outside_quotes),
		cmocka_unit_test(lines_of_one_name_are_one_list),
		cmocka_unit_test(vary_matches_nothing_with_an_asterisk_anywhere),
		cmocka_unit_test(connection_says_whether_it_stays_open),
		cmocka_unit_test(fields_named_in_connection_and_hop_by_hop_ones_are_taken_out),
		cmocka_unit_test(the_last_of_255_fields_can_be_taken_out),
		cmocka_unit_test(a_request_may_not_take_out_what_the_origin_decides_by),
		cmocka_unit_test(connection_options_are_at_most_16_tokens),
		cmocka_unit_test(expect_knows_100_continue_only),
		cmocka_unit_test(age_is_the_first_member_or_0),
		cmocka_unit_test(request_ids_are_64_harmless_bytes_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
