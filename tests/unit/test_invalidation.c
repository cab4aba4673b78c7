/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "cache/invalidation.h"

#define BASE "http://a.example/b/c/d?q"

static void unsafe_methods_invalidate_unless_the_answer_is_an_error(void **state)
{
	assert_true(invalidation_applies(ASKS_UNSAFE, 200));
	assert_true(invalidation_applies(ASKS_UNSAFE, 399));
	assert_false(invalidation_applies(ASKS_UNSAFE, 199));
	assert_false(invalidation_applies(ASKS_UNSAFE, 400));
	assert_false(invalidation_applies(ASKS_GET, 200));
	assert_false(invalidation_applies(ASKS_HEAD, 200));
	assert_false(invalidation_applies(ASKS_SAFE, 200));
}

static int resolve(const char *reference, struct buffer *out)
{
	return invalidation_resolve(BYTES(BASE), bytes_of(reference), out);
}

static void references_resolve_as_rfc_3986_section_5_4_has_it(void **state)
{
	static const struct {
		const char *reference, *want;
	} cases[] = {
		{"g", "/b/c/g"},
		{"./g", "/b/c/g"},
		{"g/", "/b/c/g/"},
		{"/g", "/g"},
		{"?y", "/b/c/d?y"},
		{"g?y", "/b/c/g?y"},
		{"#s", "/b/c/d?q"},
		{"g#s", "/b/c/g"},
		{"g?y#s", "/b/c/g?y"},
		{"", "/b/c/d?q"},
		{".", "/b/c/"},
		{"./", "/b/c/"},
		{"..", "/b/"},
		{"../", "/b/"},
		{"../g", "/b/g"},
		{"../..", "/"},
		{"../../", "/"},
		{"../../g", "/g"},
		{"../../../g", "/g"},
		{"/./g", "/g"},
		{"/../g", "/g"},
		{"g.", "/b/c/g."},
		{"..g", "/b/c/..g"},
		{"./../g", "/b/g"},
		{"./g/.", "/b/c/g/"},
		{"g/./h", "/b/c/g/h"},
		{"g/../h", "/b/c/h"},
		{"g?y/../x", "/b/c/g?y/../x"},
		{"//a.example", "/"},
		{"//A.Example:80/x", "/x"},
		{"/%7ea%2d", "/~a-"},
		{"http://a.example/x", "/x"},
		{"HTTP://a.example?z", "/?z"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_buffer struct buffer out = buffer_new(1000);
		char want[64];

		snprintf(want, sizeof(want), "http://a.example%s", cases[i].want);
		assert_int_equal(resolve(cases[i].reference, &out), 0);
		assert_string_equal(out.at, want);
	}
}

static void another_origin_is_left_alone(void **state)
{
	static const char *const others[] = {
		"http://b.example/x",	   "https://a.example/x",   "//b.example/",
		"http://a.example:8080/x", "http://a.example.evil", "https://a.example:80/",
	};
	auto_buffer struct buffer out = buffer_new(1000);

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(resolve(others[i], &out), -EXDEV);
}

static void what_is_no_url_of_http_is_refused(void **state)
{
	static const char *const bad[] = {
		"mailto:a@b", "g:h",	      "http:g", "http://", "http://a@b/",
		"//",	      "javascript:1", "/%zz",	"/a b",
	};
	auto_buffer struct buffer out = buffer_new(1000);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(resolve(bad[i], &out), -EINVAL);
}

static void a_url_that_does_not_fit_is_an_error(void **state)
{
	auto_buffer struct buffer exact = buffer_new(18), small = buffer_new(17);

	assert_int_equal(resolve("/x", &exact), 0);
	assert_int_equal(resolve("/x", &small), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsafe_methods_invalidate_unless_the_answer_is_an_error),
		cmocka_unit_test(references_resolve_as_rfc_3986_section_5_4_has_it),
		cmocka_unit_test(another_origin_is_left_alone),
		cmocka_unit_test(what_is_no_url_of_http_is_refused),
		cmocka_unit_test(a_url_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
