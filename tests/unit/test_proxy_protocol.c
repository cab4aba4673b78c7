/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "edge.h"
#include "message/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_IPV4                      \
	SIGNATURE "\x21\x11\x00\x0c" \
		  "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"

static struct proxy_header header;

static enum proxy_result parse(struct bytes input)
{
	return proxy_parse(at_edge(input), &header);
}

static void assert_endpoint(const struct proxy_endpoint *endpoint, const char *address,
			    uint16_t port)
{
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(&endpoint->address, text), address);
	assert_int_equal(endpoint->port, port);
}

static void version_1_names_client_and_server(void **state)
{
	struct bytes line = BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET /");

	assert_int_equal(parse(line), PROXY_DONE);
	assert_int_equal(header.len, line.len - strlen("GET /"));
	assert_false(header.is_local);
	assert_endpoint(&header.client, "192.0.2.1", 56324);
	assert_endpoint(&header.server, "198.51.100.1", 443);
	assert_int_equal(parse(BYTES("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n")), PROXY_DONE);
	assert_endpoint(&header.client, "2001:db8::1", 0);
	assert_int_equal(parse(BYTES("PROXY UNKNOWN\r\n")), PROXY_DONE);
	assert_true(header.is_local);
	assert_int_equal(parse(BYTES("PROXY UNKNOWN a b c\r\n")), PROXY_DONE);
	assert_true(header.is_local);
}

static void every_beginning_of_a_header_wants_more(void **state)
{
	struct bytes good[] = {
		BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"),
		BYTES("PROXY UNKNOWN\r\n"),
		{V2_IPV4, sizeof(V2_IPV4) - 1},
		{SIGNATURE "\x20\x00\x00\x03xyz", sizeof(SIGNATURE) - 1 + 7},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t len = 0; len < good[i].len; len++)
			assert_int_equal(parse((struct bytes){good[i].at, len}), PROXY_MORE);
		assert_int_equal(parse(good[i]), PROXY_DONE);
		assert_int_equal(header.len, good[i].len);
	}
}

static void what_is_no_version_1_line_is_bad(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\n",
		"PROXX",
		"proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 1 22\n",
		"PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
		"PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
		"PROXY TCP4 192.0.2.1/32 198.51.100.1 1 2\r\n",
		"PROXY TCP4 ::1 ::1 1 2\r\n",
		"PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n",
		"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
		"PROXY \r\n",
		"PROXY\r\n",
		"PROXY \n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bytes_of(bad[i])), PROXY_BAD);
}

static void a_version_1_line_has_107_bytes_and_not_one_more(void **state)
{
	char line[128];

	snprintf(line, sizeof(line), "PROXY UNKNOWN %0*d\r\n", PROXY_V1_MAX - 16, 0);
	assert_int_equal(strlen(line), PROXY_V1_MAX);
	assert_int_equal(parse(bytes_of(line)), PROXY_DONE);
	snprintf(line, sizeof(line), "PROXY UNKNOWN %0*d\r\n", PROXY_V1_MAX - 15, 0);
	assert_int_equal(parse(bytes_of(line)), PROXY_BAD);
	assert_int_equal(parse((struct bytes){line, PROXY_V1_MAX - 1}), PROXY_MORE);
	assert_int_equal(parse((struct bytes){line, PROXY_V1_MAX}), PROXY_BAD);
}

static void version_2_names_client_and_server(void **state)
{
	assert_int_equal(parse(BYTES(V2_IPV4 "GET /")), PROXY_DONE);
	assert_int_equal(header.len, sizeof(V2_IPV4) - 1);
	assert_endpoint(&header.client, "192.0.2.1", 56324);
	assert_endpoint(&header.server, "198.51.100.1", 443);
	assert_int_equal(parse(BYTES(SIGNATURE "\x21\x21\x00\x24"
					       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
					       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
					       "\x00\x50\x01\xbb")),
			 PROXY_DONE);
	assert_endpoint(&header.client, "2001:db8::1", 80);
	assert_endpoint(&header.server, "::1", 443);
}

static void extensions_of_version_2_are_skipped_by_length(void **state)
{
	struct bytes with = BYTES(SIGNATURE "\x21\x11\x00\x10"
					    "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"
					    "\x04\xff\xff\xff");

	assert_int_equal(parse(with), PROXY_DONE);
	assert_int_equal(header.len, with.len);
	assert_endpoint(&header.client, "192.0.2.1", 56324);
}

static void local_and_families_without_ip_mean_the_socket(void **state)
{
	static char unix_addresses[16 + 216] = SIGNATURE "\x21\x31\x00\xd8";

	assert_int_equal(parse(BYTES(SIGNATURE "\x20\x11\x00\x00")), PROXY_DONE);
	assert_true(header.is_local);
	assert_int_equal(parse(BYTES(SIGNATURE "\x21\x00\x00\x01?")), PROXY_DONE);
	assert_true(header.is_local);
	assert_int_equal(parse((struct bytes){unix_addresses, sizeof(unix_addresses)}), PROXY_DONE);
	assert_true(header.is_local);
}

static void what_is_no_version_2_header_is_bad(void **state)
{
	struct bytes bad[] = {
		BYTES("\r\n\r\nX"),
		BYTES(SIGNATURE "\x11\x11\x00\x0c"), /* version 1 */
		BYTES(SIGNATURE "\x22\x11\x00\x0c"), /* unknown command */
		BYTES(SIGNATURE "\x21\x12\x00\x00"), /* datagram */
		BYTES(SIGNATURE "\x21\x41\x00\x00"), /* unknown family */
		BYTES(SIGNATURE "\x21\x11\x00\x0b"
				"\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01"),
		BYTES(SIGNATURE "\x21\x21\x00\x01?"),
		BYTES(SIGNATURE "\x21\x31\x00\x01?"),
		BYTES(SIGNATURE "\x21\x11\xff\xff"),
		BYTES(SIGNATURE "\x20\x00\x0f\xf1"), /* 4097 bytes in all */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i]), PROXY_BAD);
	assert_int_equal(parse(BYTES(SIGNATURE "\x20\x00\x0f\xf0")), PROXY_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_names_client_and_server),
		cmocka_unit_test(every_beginning_of_a_header_wants_more),
		cmocka_unit_test(what_is_no_version_1_line_is_bad),
		cmocka_unit_test(a_version_1_line_has_107_bytes_and_not_one_more),
		cmocka_unit_test(version_2_names_client_and_server),
		cmocka_unit_test(extensions_of_version_2_are_skipped_by_length),
		cmocka_unit_test(local_and_families_without_ip_mean_the_socket),
		cmocka_unit_test(what_is_no_version_2_header_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
