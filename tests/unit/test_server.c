/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/server.h"

static struct prefix address_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse((struct bytes){text, strlen(text)}, &prefix, NULL),
			 PREFIX_OK);
	return prefix;
}

static struct server *named_server(void)
{
	const struct http_address address = {
		.kind = HTTP_ADDRESS_NAME, .port = 80, .name = "api.internal"};
	struct server *server = server_make(&address);

	assert_non_null(server);
	return server;
}

static unsigned moves_after(struct server *server, const char *first, const char *second)
{
	struct prefix at[2] = {address_of(first)};

	if (second)
		at[1] = address_of(second);
	server_resolve(server, at, second ? 2 : 1);
	return atomic_load(&server->moves);
}

static void a_server_has_moved_when_an_address_is_no_longer_its_own(void **state)
{
	struct server *server = named_server();

	assert_int_equal(moves_after(server, "192.0.2.1", NULL), 0);
	assert_int_equal(moves_after(server, "192.0.2.1", NULL), 0);
	assert_int_equal(moves_after(server, "192.0.2.2", "192.0.2.1"), 0);
	assert_int_equal(moves_after(server, "192.0.2.2", NULL), 1);
	assert_int_equal(moves_after(server, "2001:db8::2", NULL), 2);
	assert_int_equal(moves_after(server, "2001:db8::2", "192.0.2.2"), 2);
	assert_int_equal(moves_after(server, "2001:db8::3", "192.0.2.2"), 3);
	server_drop(server);
}

static void a_name_without_an_answer_keeps_the_last_good_one(void **state)
{
	struct server *server = named_server();

	assert_int_equal(moves_after(server, "192.0.2.1", NULL), 0);
	server_resolve(server, NULL, 0);
	assert_int_equal(atomic_load(&server->moves), 0);
	assert_int_equal(server->address_count, 1);
	server_drop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_has_moved_when_an_address_is_no_longer_its_own),
		cmocka_unit_test(a_name_without_an_answer_keeps_the_last_good_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
