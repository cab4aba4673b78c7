/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/host.h"
#include "message_input.h"

static bool parse(const char *text, struct host *host)
{
	return host_parse(at_edge(bytes_of(text)), host);
}

static void hosts_have_one_normal_form(void **state)
{
	static const struct {
		const char *text;
		const char *normal;
	} rows[] = {
		{"Example.COM", "example.com"},
		{"a.", "a"},
		{"a:80", "a"},
		{"a.:80", "a"},
		{"a:", "a"},
		{"a:8080", "a:8080"},
		{"a:0081", "a:81"},
		{"a_b-c.d", "a_b-c.d"},
		{"192.0.2.1:65535", "192.0.2.1:65535"},
		{"[::1]", "[::1]"},
		{"[2001:DB8:0::0001]:80", "[2001:db8::1]"},
		{"[::1]:8080", "[::1]:8080"},
		{"1a.2b", "1a.2b"},
		{"1.2.3.4.com", "1.2.3.4.com"},
	};
	struct host host;
	char out[HOST_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(parse(rows[i].text, &host));
		assert_bytes(host_format(&host, 80, out), rows[i].normal);
	}
}

static void what_is_no_host_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		".",
		"..",
		"a..b",
		".a",
		"a b",
		"a/b",
		"a?b",
		"a@b",
		"a%20b",
		"a,b",
		"a\"",
		"a\\b",
		"a:x",
		"a:-1",
		"a:65536",
		"a:0",
		"a:80:80",
		":80",
		"[::1",
		"::1",
		"[::1]x",
		"[::1].",
		"[::1%eth0]",
		"[v1.x]",
		"[]",
		"[",
		"1.2.3",
		"1.2.3.256",
		"01.2.3.4",
		"12345",
		"1.2.3.4.5",
		"a.1",
		"\xc3\xa9",
		"a~b",
		"a:80 ",
		"[1.2.3.4]",
		"a:99999999999999999999",
		"a..",
		"0x7f.1",
		"123456789012345",
		"1234567890123456",
		"12345678901234567",
		"[0000:0000:0000:0000:0000:0000:255.255.255.2555]",
		"[0000:0000:0000:0000:0000:00000:255.255.255.2555]",
	};
	struct host host = {.port = 7};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i], &host));
	assert_int_equal(host.port, 7);
}

static void labels_have_63_bytes_and_names_253(void **state)
{
	char text[512];
	struct host host;

	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	assert_true(parse(text, &host));
	text[63] = 'a';
	text[64] = '\0';
	assert_false(parse(text, &host));

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 64 == 63 ? '.' : 'a';
	text[253] = '\0';
	assert_true(parse(text, &host));
	text[253] = 'a';
	text[254] = '\0';
	assert_false(parse(text, &host));
	text[253] = '.';
	assert_true(parse(text, &host));
}

static void hosts_are_equal_by_name_and_port_in_force(void **state)
{
	struct host a = {BYTES("A.b"), 0};
	struct host b = {BYTES("a.B"), 80};

	assert_true(host_equal(&a, &b, 80));
	assert_false(host_equal(&a, &b, 443));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_have_one_normal_form),
		cmocka_unit_test(what_is_no_host_is_refused),
		cmocka_unit_test(labels_have_63_bytes_and_names_253),
		cmocka_unit_test(hosts_are_equal_by_name_and_port_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
