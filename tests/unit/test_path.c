/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/path.h"
#include "message/target.h"
#include "message_input.h"

static char memory[4096];
static struct path path;

static enum message_result normalise(const char *raw)
{
	return path_normalise(at_edge(bytes_of(raw)), (struct path_room){memory, strlen(raw) * 3},
			      &path);
}

static void the_normal_form_is_that_of_rfc_3986(void **state)
{
	static const struct {
		const char *raw;
		const char *normal;
	} rows[] = {
		{"/", "/"},
		{"/a/b", "/a/b"},
		{"/a/b/", "/a/b/"},
		{"/%7Euser/%61%2d%5F", "/~user/a-_"},
		{"/%c3%a9", "/%C3%A9"},
		{"/a%20b%3f%25", "/a%20b%3F%25"},
		{"/a/./b", "/a/b"},
		{"/a/../b", "/b"},
		{"/a/b/..", "/a/"},
		{"/a/b/.", "/a/b/"},
		{"/a/b/../..", "/"},
		{"/../../a", "/a"},
		{"/..", "/"},
		{"/.", "/"},
		{"/./../.", "/"},
		{"/...", "/..."},
		{"/.a/..b/c.", "/.a/..b/c."},
		{"/.well-known/x", "/.well-known/x"},
		{"/a;b=c,d:@!$&'()*+", "/a;b=c,d:@!$&'()*+"},
		{"/a\"b<c>d^e`f{g|h}[i]", "/a%22b%3Cc%3Ed%5Ee%60f%7Bg%7Ch%7D%5Bi%5D"},
		{"/a;b/...;x/.a;", "/a;b/...;x/.a;"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(normalise(rows[i].raw), MESSAGE_DONE);
		assert_bytes(path.text, rows[i].normal);
		assert_false(path.is_ambiguous);
	}
}

static void the_normal_form_of_a_normal_form_is_itself(void **state)
{
	static const char *const raws[] = {"/%7e/a%2Fb/./c", "/a//b/..", "/a/%2e%2e/b", "/\\x|y"};
	char once[256];

	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++) {
		assert_int_equal(normalise(raws[i]), MESSAGE_DONE);
		snprintf(once, sizeof(once), "%.*s", (int)path.text.len, path.text.at);
		assert_int_equal(normalise(once), MESSAGE_DONE);
		assert_bytes(path.text, once);
	}
}

static void what_origins_could_read_in_two_ways_is_marked(void **state)
{
	static const struct {
		const char *raw;
		const char *lenient;
	} rows[] = {
		{"/a%2fb", "/a%2Fb"},	  {"/a%2Fb", "/a%2Fb"},	    {"/a%5cb", "/a%5Cb"},
		{"/a%00b", "/a%00b"},	  {"/a\\b", "/a%5Cb"},	    {"//a", "//a"},
		{"/a//b", "/a//b"},	  {"/a//", "/a//"},	    {"/a/%2e%2e/b", "/b"},
		{"/a/%2E/b", "/a/b"},	  {"/a/.%2e/b", "/b"},	    {"/a/%2e", "/a/"},
		{"/a/..;/b", "/a/..;/b"}, {"/a/.;x/b", "/a/.;x/b"}, {"/a/%2e%2e;x", "/a/..;x"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(normalise(rows[i].raw), MESSAGE_DONE);
		assert_true(path.is_ambiguous);
		assert_bytes(path.text, rows[i].lenient);
	}
}

static void a_percent_sign_wants_two_hex_digits(void **state)
{
	static const char *const bad[] = {"/%",	   "/%4", "/%4/", "/%zz", "/%4g",
					  "/%%20", "/a%", "x",	  ""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(normalise(bad[i]), MESSAGE_BAD_PATH);
}

static void a_plain_path_is_not_copied_and_needs_no_room(void **state)
{
	struct bytes raw = at_edge(BYTES("/a/b.c/d"));

	assert_int_equal(path_normalise(raw, (struct path_room){NULL, 0}, &path), MESSAGE_DONE);
	assert_ptr_equal(path.text.at, raw.at);
	raw = at_edge(BYTES("/%41"));
	assert_int_equal(path_normalise(raw, (struct path_room){memory, 11}, &path),
			 MESSAGE_TARGET_TOO_LONG);
	assert_int_equal(path_normalise(raw, (struct path_room){memory, 12}, &path), MESSAGE_DONE);
}

static struct target target;

static enum message_result read_line(const char *method, const char *text, const char *host)
{
	static struct request_head head;
	static char input[1024];
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t scanned = 0;

	snprintf(input, sizeof(input), "%s %s HTTP/1.0\r\n%s\r\n", method, text, host);
	assert_int_equal(head_parse_request(at_edge(bytes_of(input)), &limits, &scanned, &head),
			 MESSAGE_DONE);
	return target_read(&head, (struct path_room){memory, sizeof(memory)}, &target);
}

static enum message_result read_target(const char *text)
{
	return read_line("GET", text, "Host: example.com\r\n");
}

static void the_origin_form_is_path_and_query(void **state)
{
	assert_int_equal(read_target("/a/%62?c=%2F&/../?"), MESSAGE_DONE);
	assert_bytes(target.path.text, "/a/b");
	assert_true(target.has_query);
	assert_bytes(target.query, "c=%2F&/../?");
	assert_bytes(target.host.name, "example.com");
	assert_int_equal(read_target("/a?"), MESSAGE_DONE);
	assert_true(target.has_query);
	assert_bytes(target.query, "");
	assert_int_equal(read_target("/a"), MESSAGE_DONE);
	assert_false(target.has_query);
	assert_int_equal(read_line("GET", "/a", ""), MESSAGE_DONE);
	assert_false(target.has_host);
}

static void the_absolute_form_names_the_host_that_host_names(void **state)
{
	assert_int_equal(read_target("http://example.com/a?b"), MESSAGE_DONE);
	assert_bytes(target.path.text, "/a");
	assert_bytes(target.query, "b");
	assert_int_equal(read_target("HTTP://EXAMPLE.com.:80"), MESSAGE_DONE);
	assert_bytes(target.path.text, "/");
	assert_int_equal(read_target("http://example.com?x"), MESSAGE_DONE);
	assert_bytes(target.path.text, "/");
	assert_bytes(target.query, "x");
	assert_int_equal(read_target("https://example.com:443/"), MESSAGE_DONE);
	assert_int_equal(read_target("http://example.com:81/"), MESSAGE_HOST_DIFFERS);
	assert_int_equal(read_target("http://example.org/"), MESSAGE_HOST_DIFFERS);
	assert_int_equal(read_target("http://u@example.com/"), MESSAGE_BAD_HOST);
	assert_int_equal(read_target("http:///a"), MESSAGE_BAD_HOST);
	assert_int_equal(read_target("ftp://example.com/"), MESSAGE_BAD_TARGET);
	assert_int_equal(read_target("example.com:80"), MESSAGE_BAD_TARGET);
	assert_int_equal(read_target("http:/a"), MESSAGE_BAD_TARGET);
	assert_int_equal(read_target("a"), MESSAGE_BAD_TARGET);
	assert_int_equal(read_target("?a"), MESSAGE_BAD_TARGET);
	assert_int_equal(read_line("GET", "http://b/", ""), MESSAGE_DONE);
	assert_true(target.has_host);
	assert_bytes(target.host.name, "b");
}

static void the_asterisk_is_for_options(void **state)
{
	assert_int_equal(read_line("OPTIONS", "*", "Host: a\r\n"), MESSAGE_DONE);
	assert_true(target.is_asterisk);
	assert_int_equal(read_line("OPTIONS", "http://a", "Host: a\r\n"), MESSAGE_DONE);
	assert_true(target.is_asterisk);
	assert_int_equal(read_line("OPTIONS", "http://a/", "Host: a\r\n"), MESSAGE_DONE);
	assert_false(target.is_asterisk);
	assert_int_equal(read_target("*"), MESSAGE_BAD_TARGET);
	assert_int_equal(read_line("OPTIONS", "*a", "Host: a\r\n"), MESSAGE_BAD_TARGET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_normal_form_is_that_of_rfc_3986),
		cmocka_unit_test(the_normal_form_of_a_normal_form_is_itself),
		cmocka_unit_test(what_origins_could_read_in_two_ways_is_marked),
		cmocka_unit_test(a_percent_sign_wants_two_hex_digits),
		cmocka_unit_test(a_plain_path_is_not_copied_and_needs_no_room),
		cmocka_unit_test(the_origin_form_is_path_and_query),
		cmocka_unit_test(the_absolute_form_names_the_host_that_host_names),
		cmocka_unit_test(the_asterisk_is_for_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
