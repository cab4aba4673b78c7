/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/route.h"

#define MAX 64

struct routes {
	struct route_table *table;
	const char *text[MAX];
	uint32_t count;
};

static struct routes routes_of(const char *const *patterns)
{
	struct routes routes = {.count = 0};
	struct route_error error = {.text = ""};
	uint32_t other;

	assert_int_equal(route_table_new(&routes.table), 0);
	for (; patterns[routes.count]; routes.count++) {
		routes.text[routes.count] = patterns[routes.count];
		assert_int_equal(route_table_add(routes.table, bytes_of(patterns[routes.count]),
						 routes.count, &error, &other),
				 0);
	}
	return routes;
}

/* request: "METHOD HOST PATH"; HOST may be "-". */
static const char *taken(const struct routes *routes, const char *request)
{
	char method[16], host[64], path[256];
	struct route_request asked;
	uint32_t number;

	assert_int_equal(sscanf(request, "%15s %63s %255s", method, host, path), 3);
	asked = (struct route_request){bytes_of(method), bytes_of(host), bytes_of(path)};
	if (!strcmp(host, "-"))
		asked.host = BYTES("");
	number = route_table_find(routes->table, &asked);
	return number == ROUTE_NONE ? "none" : routes->text[number];
}

#define ROUTES(name, ...)                                          \
	const char *const name##_patterns[] = {__VA_ARGS__, NULL}; \
	struct routes name = routes_of(name##_patterns)
#define TAKES(routes, request, pattern) assert_string_equal(taken(&(routes), request), pattern)

static void an_exact_path_takes_itself_alone(void **state)
{
	ROUTES(r, "/users", "/");

	TAKES(r, "GET - /users", "/users");
	TAKES(r, "GET - /", "/");
	TAKES(r, "GET - /users/", "none");
	TAKES(r, "GET - /user", "none");
	TAKES(r, "GET - /users/1", "none");
	TAKES(r, "GET - /Users", "none");
	TAKES(r, "OPTIONS - *", "none");
	route_table_free(r.table);
}

static void a_name_takes_one_segment_that_is_not_empty(void **state)
{
	ROUTES(r, "/users/{id}", "/users/{id}/posts/{post}");

	TAKES(r, "GET - /users/1", "/users/{id}");
	TAKES(r, "GET - /users/", "none");
	TAKES(r, "GET - /users/1/", "none");
	TAKES(r, "GET - /users/1/posts", "none");
	TAKES(r, "GET - /users/1/posts/2", "/users/{id}/posts/{post}");
	route_table_free(r.table);
}

static void a_star_takes_every_path_that_begins_so(void **state)
{
	ROUTES(r, "/static/*", "/v1*");

	TAKES(r, "GET - /static/", "/static/*");
	TAKES(r, "GET - /static/a/b/c", "/static/*");
	TAKES(r, "GET - /static", "none");
	TAKES(r, "GET - /v1", "/v1*");
	TAKES(r, "GET - /v12/x", "/v1*");
	TAKES(r, "GET - /v", "none");
	route_table_free(r.table);
}

static void text_goes_before_a_name_and_a_name_before_a_star(void **state)
{
	ROUTES(r, "/a/*", "/a/{x}", "/a/b", "/a/be*", "/a/bee*", "/*");

	TAKES(r, "GET - /a/b", "/a/b");
	TAKES(r, "GET - /a/c", "/a/{x}");
	TAKES(r, "GET - /a/bed", "/a/be*");
	TAKES(r, "GET - /a/been", "/a/bee*");
	TAKES(r, "GET - /a/c/d", "/a/*");
	TAKES(r, "GET - /a/", "/a/*");
	TAKES(r, "GET - /z", "/*");
	route_table_free(r.table);
}

static void the_leftmost_difference_decides(void **state)
{
	ROUTES(r, "/{x}/b", "/a/{y}", "/a/*");

	TAKES(r, "GET - /a/b", "/a/{y}");
	TAKES(r, "GET - /c/b", "/{x}/b");
	TAKES(r, "GET - /a/b/c", "/a/*");
	route_table_free(r.table);
}

static void a_way_that_ends_nowhere_is_left_for_the_next(void **state)
{
	ROUTES(r, "/a/b/c", "/{x}/b/d", "/a/*", "/{x}/{y}/e");

	TAKES(r, "GET - /a/b/c", "/a/b/c");
	/* The star under "/a" is met before "/{x}/b/d" is: its text stands further left. */
	TAKES(r, "GET - /a/b/d", "/a/*");
	TAKES(r, "GET - /z/b/d", "/{x}/b/d");
	TAKES(r, "GET - /z/b/e", "/{x}/{y}/e");
	route_table_free(r.table);
}

static void a_method_goes_before_none_on_the_same_path(void **state)
{
	ROUTES(r, "/users", "POST /users", "DELETE /users/{id}", "/users/{id}");

	TAKES(r, "POST - /users", "POST /users");
	TAKES(r, "GET - /users", "/users");
	TAKES(r, "DELETE - /users/1", "DELETE /users/{id}");
	route_table_free(r.table);
}

static void a_method_in_other_letters_takes_the_route_an_origin_may_take_it_for(void **state)
{
	ROUTES(r, "POST /a", "GET /a", "/a");

	TAKES(r, "POSt - /a", "POST /a");
	TAKES(r, "get - /a", "GET /a");
	TAKES(r, "hEAD - /a", "GET /a");
	TAKES(r, "POSTS - /a", "/a");
	TAKES(r, "POS - /a", "/a");
	route_table_free(r.table);
}

static void the_path_goes_before_the_method(void **state)
{
	ROUTES(r, "GET /users/{id}", "/users/me", "POST /users/you");

	TAKES(r, "GET - /users/me", "/users/me");
	TAKES(r, "GET - /users/you", "GET /users/{id}");
	TAKES(r, "PUT - /users/1", "none");
	route_table_free(r.table);
}

static void head_takes_the_route_of_get_unless_it_has_its_own(void **state)
{
	ROUTES(r, "GET /a", "/a", "HEAD /b", "GET /b", "/c");

	TAKES(r, "HEAD - /a", "GET /a");
	TAKES(r, "HEAD - /b", "HEAD /b");
	TAKES(r, "HEAD - /c", "/c");
	TAKES(r, "OPTIONS - /a", "/a");
	route_table_free(r.table);
}

static void the_host_goes_before_everything(void **state)
{
	ROUTES(r, "/users", "api.example/*", "*.example/*", "*.b.example/*", "POST x.b.example/a");

	TAKES(r, "GET api.example /users", "api.example/*");
	TAKES(r, "GET www.example /users", "*.example/*");
	TAKES(r, "GET x.b.example /users", "*.b.example/*");
	TAKES(r, "POST x.b.example /a", "POST x.b.example/a");
	TAKES(r, "GET x.b.example /a", "*.b.example/*");
	TAKES(r, "GET example /users", "/users");
	TAKES(r, "GET other /users", "/users");
	TAKES(r, "GET - /users", "/users");
	TAKES(r, "GET xexample /z", "none");
	route_table_free(r.table);
}

static void a_host_that_has_no_fitting_path_leaves_it_to_the_others(void **state)
{
	ROUTES(r, "api.example/only", "/users");

	TAKES(r, "GET api.example /users", "/users");
	TAKES(r, "GET api.example /only", "api.example/only");
	TAKES(r, "GET other /only", "none");
	route_table_free(r.table);
}

static void patterns_that_fit_the_same_requests_tie(void **state)
{
	static const char *const ties[][2] = {
		{"/a", "/a"},
		{"/a/{x}", "/a/{y}"},
		{"GET /a", "GET /a"},
		{"h.example/a*", "h.example/a*"},
		{"*.h.example/", "*.h.example/"},
		{"/{a}/*", "/{b}/*"},
	};

	for (size_t i = 0; i < sizeof(ties) / sizeof(ties[0]); i++) {
		const char *const first[] = {ties[i][0], NULL};
		struct routes routes = routes_of(first);
		struct route_error error;
		uint32_t other = 7;

		assert_int_equal(
			route_table_add(routes.table, bytes_of(ties[i][1]), 1, &error, &other),
			-EEXIST);
		assert_int_equal(other, 0);
		route_table_free(routes.table);
	}
}

static void patterns_of_different_method_or_host_do_not_tie(void **state)
{
	ROUTES(r, "/a", "GET /a", "POST /a", "h.example/a", "*.example/a", "/a/", "/a*", "/{a}");

	TAKES(r, "GET - /a", "GET /a");
	route_table_free(r.table);
}

static void assert_bad(const char *pattern, size_t offset, const char *part)
{
	struct route_error error = {.text = ""};
	struct route_table *table;
	uint32_t other;

	assert_int_equal(route_table_new(&table), 0);
	assert_int_equal(route_table_add(table, bytes_of(pattern), 0, &error, &other), -EINVAL);
	assert_non_null(strstr(error.text, part));
	assert_int_equal(error.offset, offset);
	route_table_free(table);
}

static void what_is_no_pattern_is_told_with_its_place(void **state)
{
	char deep[2 * 65 + 1];

	assert_bad("", 0, "begins with '/'");
	assert_bad("users", 0, "begins with '/'");
	assert_bad("get /users", 0, "in capitals");
	assert_bad("G(T /users", 0, "a method, a space");
	assert_bad(" /users", 0, "a method, a space");
	assert_bad("TRACE /users", 0, "always refused");
	assert_bad("GET API.example/x", 4, "small letters");
	assert_bad("a.example:80/x", 0, "without port");
	assert_bad("*.*.example/x", 0, "host's name");
	assert_bad("/a*b", 1, "last byte only");
	assert_bad("/a*/b", 1, "last byte only");
	assert_bad("/a/{x}y", 3, "alone between");
	assert_bad("/a/{}", 3, "alone between");
	assert_bad("/a/x}", 3, "alone between");
	assert_bad("/a/{x}*", 3, "alone between");
	assert_bad("/a?b=c", 1, "query");
	assert_bad("/a#b", 1, "'#'");
	assert_bad("/%4", 1, "two hexadecimal digits");
	assert_bad("/a/%61", 3, "\"/a\"");
	assert_bad("/a/%c3%bc", 3, "\"/%C3%BC\"");
	assert_bad("/a/../b", 3, "normal form");
	assert_bad("/a/./b", 3, "normal form");
	assert_bad("/a b", 0, "a method");
	for (size_t i = 0; i < sizeof(deep) - 1; i++)
		deep[i] = i % 2 ? 'a' : '/';
	deep[sizeof(deep) - 1] = '\0';
	assert_bad(deep, 2 * 64 + 1, "more than 64 segments");
}

static void the_longest_pattern_and_no_longer_one_fits(void **state)
{
	char text[ROUTE_MATCH_MAX + 2];
	struct route_error error;
	struct route_table *table;
	uint32_t other;

	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(route_table_new(&table), 0);
	assert_int_equal(
		route_table_add(table, (struct bytes){text, ROUTE_MATCH_MAX}, 0, &error, &other),
		0);
	assert_int_equal(route_table_add(table, (struct bytes){text, ROUTE_MATCH_MAX + 1}, 1,
					 &error, &other),
			 -EINVAL);
	route_table_free(table);
}

static void many_routes_are_told_apart(void **state)
{
	struct route_table *table;
	struct route_error error;
	char text[64];
	uint32_t other;

	assert_int_equal(route_table_new(&table), 0);
	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "h%u.example/a%u/{x}", i % 50, i * 7919 % 3000);
		assert_int_equal(route_table_add(table, bytes_of(text), i, &error, &other), 0);
	}
	for (uint32_t i = 0; i < 3000; i++) {
		char host[32], path[32];
		struct route_request asked = {.method = BYTES("GET")};

		snprintf(host, sizeof(host), "h%u.example", i % 50);
		snprintf(path, sizeof(path), "/a%u/z", i * 7919 % 3000);
		asked.host = bytes_of(host);
		asked.path = bytes_of(path);
		assert_int_equal(route_table_find(table, &asked), i);
	}
	route_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_path_takes_itself_alone),
		cmocka_unit_test(a_name_takes_one_segment_that_is_not_empty),
		cmocka_unit_test(a_star_takes_every_path_that_begins_so),
		cmocka_unit_test(text_goes_before_a_name_and_a_name_before_a_star),
		cmocka_unit_test(the_leftmost_difference_decides),
		cmocka_unit_test(a_way_that_ends_nowhere_is_left_for_the_next),
		cmocka_unit_test(a_method_goes_before_none_on_the_same_path),
		cmocka_unit_test(
			a_method_in_other_letters_takes_the_route_an_origin_may_take_it_for),
		cmocka_unit_test(the_path_goes_before_the_method),
		cmocka_unit_test(head_takes_the_route_of_get_unless_it_has_its_own),
		cmocka_unit_test(the_host_goes_before_everything),
		cmocka_unit_test(a_host_that_has_no_fitting_path_leaves_it_to_the_others),
		cmocka_unit_test(patterns_that_fit_the_same_requests_tie),
		cmocka_unit_test(patterns_of_different_method_or_host_do_not_tie),
		cmocka_unit_test(what_is_no_pattern_is_told_with_its_place),
		cmocka_unit_test(the_longest_pattern_and_no_longer_one_fits),
		cmocka_unit_test(many_routes_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
