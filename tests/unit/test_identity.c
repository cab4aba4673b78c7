/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/forwarded.h"
#include "message/identity.h"
#include "message_input.h"

static struct prefix trusted[3]; /* the last is not in the list, and would trust everybody */
static struct identity found;

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(bytes_of(text), &prefix, NULL), PREFIX_OK);
	return prefix;
}

static int set_up(void **state)
{
	trusted[0] = prefix_of("10.0.0.0/8");
	trusted[1] = prefix_of("2001:db8::/32");
	trusted[2] = prefix_of("0.0.0.0/0");
	return 0;
}

static void assert_client(const char *want)
{
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(&found.address, text), want);
}

static void find(enum identity_family family, const char *peer, const char *lines)
{
	struct identity_rules rules = {family, trusted, 2};
	struct prefix address = prefix_of(peer);

	found = identity_find(fields_with(lines), &rules, &address);
}

static void find_x(const char *lines)
{
	find(IDENTITY_X_FORWARDED_FOR, "10.0.0.1", lines);
}

static void find_f(const char *lines)
{
	find(IDENTITY_FORWARDED, "10.0.0.1", lines);
}

static void a_peer_that_is_not_trusted_is_the_client(void **state)
{
	find(IDENTITY_X_FORWARDED_FOR, "192.0.2.1", "X-Forwarded-For: 198.51.100.1\r\n");
	assert_client("192.0.2.1");
	assert_false(found.peer_is_trusted);
	assert_int_equal(found.hops, 0);
	find(IDENTITY_X_FORWARDED_FOR, "11.0.0.0", "X-Forwarded-For: 198.51.100.1\r\n");
	assert_client("11.0.0.0");
}

static void the_first_address_from_the_right_that_is_not_trusted_is_the_client(void **state)
{
	find_x("X-Forwarded-For: 192.0.2.1\r\n");
	assert_client("192.0.2.1");
	assert_true(found.peer_is_trusted);
	find_x("X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\n");
	assert_client("192.0.2.1");
	find_x("X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1 ,10.2.2.2\r\n");
	assert_client("192.0.2.1");
	assert_int_equal(found.hops, 3);
	find_x("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.1.1.1\r\n");
	assert_client("192.0.2.1");
	find_x("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: \r\nX-Forwarded-For: "
	       ",10.1.1.1,\r\n");
	assert_client("192.0.2.1");
	find_x("X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n");
	assert_client("10.1.1.1");
	find_x("");
	assert_client("10.0.0.1");
}

static void only_the_family_of_the_policy_decides(void **state)
{
	find_x("Forwarded: for=192.0.2.1\r\n");
	assert_client("10.0.0.1");
	find_f("X-Forwarded-For: 192.0.2.1\r\n");
	assert_client("10.0.0.1");
	find(IDENTITY_SOCKET, "10.0.0.1",
	     "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n");
	assert_client("10.0.0.1");
	assert_true(found.peer_is_trusted);
}

static void a_bad_element_ends_the_walk_at_the_last_good_address(void **state)
{
	static const char *const bad[] = {"unknown",
					  "_x",
					  "x",
					  "1.2.3",
					  "192.0.2.1/32",
					  "[::1",
					  "1.2.3.4:",
					  "1.2.3.4:x",
					  "1.2.3.4:123456",
					  "\"1.2.3.4\"",
					  "[1.2.3.4]",
					  "[2001:db9::1]:x",
					  "[2001:db9::1]x80",
					  "[2001:db9::1]:",
					  "fe80::1%eth0",
					  "1.2.3.4 5.6.7.8",
					  "[::1]x"};
	char lines[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(lines, sizeof(lines), "X-Forwarded-For: 192.0.2.1, %s, 10.1.1.1\r\n",
			 bad[i]);
		find_x(lines);
		assert_client("10.1.1.1");
		assert_true(found.ended_early);
		assert_int_equal(found.hops, 1);
	}
}

static void ports_brackets_and_mapped_addresses_are_understood(void **state)
{
	static const struct {
		const char *text;
		const char *client;
	} rows[] = {
		{"192.0.2.1:80", "192.0.2.1"},	       {"192.0.2.1:65535", "192.0.2.1"},
		{"[2001:db9::1]", "2001:db9::1"},      {"[2001:db9::1]:443", "2001:db9::1"},
		{"2001:db9::1", "2001:db9::1"},	       {"::ffff:192.0.2.1", "192.0.2.1"},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1"},
	};
	char lines[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(lines, sizeof(lines), "X-Forwarded-For: %s\r\n", rows[i].text);
		find_x(lines);
		assert_client(rows[i].client);
		snprintf(lines, sizeof(lines), "Forwarded: for=\"%s\"\r\n", rows[i].text);
		find_f(lines);
		assert_client(rows[i].client);
	}
	find(IDENTITY_X_FORWARDED_FOR, "::ffff:10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n");
	assert_client("192.0.2.1");
	find(IDENTITY_X_FORWARDED_FOR, "2001:db8::7", "X-Forwarded-For: 192.0.2.1\r\n");
	assert_client("192.0.2.1");
}

static void addresses_and_elements_are_read_up_to_their_last_byte(void **state)
{
	static const char *const good[] = {"192.0.2.1:80", "[2001:db9::1]:443", "2001:db9::1"};
	struct bytes element = BYTES("for=192.0.2.1;proto=https;host=\"a\"");
	struct forwarded_element parts;
	struct prefix address;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t len = 0; len < strlen(good[i]); len++)
			(void)identity_parse_address(at_edge((struct bytes){good[i], len}),
						     &address);
		assert_true(identity_parse_address(at_edge(bytes_of(good[i])), &address));
	}
	assert_true(forwarded_parse(at_edge(element), &parts));
	assert_bytes(parts.host, "a");
	assert_bytes(parts.proto, "https");
	for (size_t len = 0; len < element.len; len++)
		(void)forwarded_parse(at_edge((struct bytes){element.at, len}), &parts);
	assert_false(forwarded_parse(at_edge(BYTES("for")), &parts));
	assert_false(forwarded_parse(at_edge(BYTES("for=")), &parts));
	assert_false(forwarded_parse(at_edge(BYTES("")), &parts));
}

static void elements_are_cut_from_the_right_with_their_escapes(void **state)
{
	const struct fields *fields =
		fields_with("Forwarded: a=1, b=\"x,\\\",y\\\\\", c=\"\\\\\", d=\"\",\r\n");
	struct from_right walk = from_right_of(fields, FIELD_FORWARDED);
	struct bytes element;

	assert_true(from_right_next(&walk, &element));
	assert_bytes(element, "d=\"\"");
	assert_true(from_right_next(&walk, &element));
	assert_bytes(element, "c=\"\\\\\"");
	assert_true(from_right_next(&walk, &element));
	assert_bytes(element, "b=\"x,\\\",y\\\\\"");
	assert_true(from_right_next(&walk, &element));
	assert_bytes(element, "a=1");
	assert_false(from_right_next(&walk, &element));
}

static void thirty_two_elements_are_walked_and_not_one_more(void **state)
{
	char lines[1024] = "X-Forwarded-For: 192.0.2.1";

	for (int i = 0; i < IDENTITY_ELEMENTS_MAX - 1; i++)
		strcat(lines, ",10.1.1.1");
	strcat(lines, "\r\n");
	find_x(lines);
	assert_client("192.0.2.1");
	assert_int_equal(found.hops, IDENTITY_ELEMENTS_MAX);
	assert_false(found.ended_early);

	strcpy(lines + strlen(lines) - 2, ",10.1.1.1\r\n");
	find_x(lines);
	assert_client("10.1.1.1");
	assert_true(found.ended_early);
}

static void four_kibibytes_are_looked_at_and_not_one_byte_more(void **state)
{
	static char lines[8192];
	const char *client = "192.0.2.1";

	/* Client, comma, blanks, proxy: IDENTITY_BYTES_MAX in all. */
	for (int more = 0; more < 2; more++) {
		int blanks = IDENTITY_BYTES_MAX - (int)strlen("192.0.2.1,10.1.1.1") + more;

		snprintf(lines, sizeof(lines), "X-Forwarded-For: %s,%*s10.1.1.1\r\n", client,
			 blanks, "");
		find_x(lines);
		assert_client(more ? "10.1.1.1" : client);
	}
}

static void what_a_stranger_puts_to_the_left_changes_nothing(void **state)
{
	static char junk[6000];
	static char lines[8192];

	memset(junk, 'a', sizeof(junk) - 1);
	snprintf(lines, sizeof(lines), "X-Forwarded-For: %s, 192.0.2.1\r\n", junk);
	find_x(lines);
	assert_client("192.0.2.1");
	snprintf(lines, sizeof(lines), "Forwarded: for=\"%s, for=192.0.2.1\r\n", junk);
	find_f(lines);
	assert_client("192.0.2.1");
	find_f("Forwarded: for=\"6.6.6.6, for=192.0.2.1\r\n");
	assert_client("192.0.2.1");
	find_f("Forwarded: for=\"6.6.6.6\\, for=192.0.2.1\r\n");
	assert_client("192.0.2.1");
	find_f("Forwarded: for=\"\r\nForwarded: for=192.0.2.1, for=10.1.1.1\r\n");
	assert_client("192.0.2.1");
}

static void forwarded_is_read_as_rfc_7239_writes_it(void **state)
{
	find_f("Forwarded: for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\"\r\n");
	assert_client("192.0.2.43");
	find_f("Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43\r\n");
	assert_client("192.0.2.60");
	find_f("Forwarded: for=192.0.2.60;ext=\"a,b\\\",c\", for=10.1.1.1;host=\"x,y\"\r\n");
	assert_client("10.1.1.1"); /* escapes are refused: the walk ends there */
	find_f("Forwarded: for=192.0.2.60;ext=\"a,b;c\", for=10.1.1.1;host=\"x,y\"\r\n");
	assert_client("192.0.2.60");
	find_f("Forwarded: for=192.0.2.60, for=\"_hidden\", for=10.1.1.1\r\n");
	assert_client("10.1.1.1");
	assert_true(found.ended_early);
}

static void malformed_elements_of_forwarded_end_the_walk(void **state)
{
	static const char *const bad[] = {"for",
					  "for=",
					  "=1.2.3.4",
					  "for=1.2.3.4;",
					  "for=1.2.3.4;for=1.2.3.4",
					  "for =1.2.3.4",
					  "for= 1.2.3.4",
					  "proto=http",
					  "for=\"1.2.3.4",
					  "for=1.2.3.4;;proto=http",
					  "for=1.2.3.4 proto=http",
					  "for=\"\"",
					  "1.2.3.4"};
	char lines[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(lines, sizeof(lines), "Forwarded: %s\r\n", bad[i]);
		find_f(lines);
		assert_client("10.0.0.1");
		assert_true(found.ended_early);
	}
}

static void the_nearest_proxy_says_the_scheme(void **state)
{
	bool https = false;

	assert_true(identity_scheme(fields_with("X-Forwarded-Proto: http, HTTPS\r\n"),
				    IDENTITY_X_FORWARDED_FOR, &https));
	assert_true(https);
	assert_true(
		identity_scheme(fields_with("Forwarded: for=a;proto=https, for=b;proto=http\r\n"),
				IDENTITY_FORWARDED, &https));
	assert_false(https);
	assert_false(identity_scheme(fields_with("X-Forwarded-Proto: ftp\r\n"),
				     IDENTITY_X_FORWARDED_FOR, &https));
	assert_false(
		identity_scheme(fields_with("Forwarded: for=b\r\n"), IDENTITY_FORWARDED, &https));
	assert_false(identity_scheme(fields_with(""), IDENTITY_FORWARDED, &https));
	assert_false(identity_scheme(fields_with("X-Forwarded-Proto: https\r\n"), IDENTITY_SOCKET,
				     &https));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_is_not_trusted_is_the_client),
		cmocka_unit_test(
			the_first_address_from_the_right_that_is_not_trusted_is_the_client),
		cmocka_unit_test(only_the_family_of_the_policy_decides),
		cmocka_unit_test(a_bad_element_ends_the_walk_at_the_last_good_address),
		cmocka_unit_test(ports_brackets_and_mapped_addresses_are_understood),
		cmocka_unit_test(addresses_and_elements_are_read_up_to_their_last_byte),
		cmocka_unit_test(elements_are_cut_from_the_right_with_their_escapes),
		cmocka_unit_test(thirty_two_elements_are_walked_and_not_one_more),
		cmocka_unit_test(four_kibibytes_are_looked_at_and_not_one_byte_more),
		cmocka_unit_test(what_a_stranger_puts_to_the_left_changes_nothing),
		cmocka_unit_test(forwarded_is_read_as_rfc_7239_writes_it),
		cmocka_unit_test(malformed_elements_of_forwarded_end_the_walk),
		cmocka_unit_test(the_nearest_proxy_says_the_scheme),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
