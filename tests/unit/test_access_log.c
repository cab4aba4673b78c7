/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "http/access_log.h"

static struct access_log lines_log;
static const struct prefix client = {.family = ADDRESS_IPV4, .bits = 32, .byte = {192, 0, 2, 9}};

static struct access_line line_of(struct bytes target)
{
	return (struct access_line){.unix_ns = 1700000000123456789ull,
				    .client = &client,
				    .method = BYTES("GET"),
				    .host = BYTES("api.test"),
				    .target = target,
				    .request_id = BYTES("id"),
				    .status = 200,
				    .bytes_out = 12,
				    .took_ns = 3456000,
				    .minor = 1};
}

static int begin(void **state)
{
	(void)state;
	lines_log.len = lines_log.lines = 0;
	return 0;
}

static void any_bytes_make_a_line_of_json_that_parses(void **state)
{
	char every[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(every); i++)
		every[i] = (char)i;
	struct access_line line = line_of((struct bytes){every, sizeof(every)});

	(void)access_log_add(&lines_log, HTTP_LOG_JSON, &line);
	json_t *parsed = json_loadb(lines_log.at, lines_log.len, JSON_ALLOW_NUL, NULL);

	assert_non_null(parsed);
	assert_int_equal(json_integer_value(json_object_get(parsed, "status")), 200);
	assert_string_equal(json_string_value(json_object_get(parsed, "time")),
			    "2023-11-14T22:13:20.123Z");
	json_decref(parsed);
	assert_null(memchr(lines_log.at, '\n', lines_log.len - 1));
}

static void the_combined_format_is_what_its_readers_expect(void **state)
{
	struct access_line line = line_of(BYTES("/a\"b\n"));

	(void)state;
	(void)access_log_add(&lines_log, HTTP_LOG_COMBINED, &line);
	lines_log.at[lines_log.len] = '\0';
	assert_string_equal(lines_log.at, "192.0.2.9 - - [14/Nov/2023:22:13:20 +0000] "
					  "\"GET /a\\\"b\\x0a HTTP/1.1\" 200 12 \"-\" \"-\"\n");
}

static void a_line_that_does_not_fit_is_left_out_whole(void **state)
{
	struct access_line line = line_of(BYTES("/"));

	(void)state;
	while (lines_log.len + 1000 < ACCESS_LOG_ROOM)
		(void)access_log_add(&lines_log, HTTP_LOG_JSON, &line);
	for (int i = 0; i < 100; i++)
		(void)access_log_add(&lines_log, HTTP_LOG_JSON, &line);
	assert_int_equal(lines_log.at[lines_log.len - 1], '\n');
}

static void lines_that_cannot_be_written_are_lost_and_counted(void **state)
{
	struct access_line line = line_of(BYTES("/"));
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	for (int i = 0; i < 7; i++)
		(void)access_log_add(&lines_log, HTTP_LOG_JSON, &line);
	assert_int_equal(access_log_write(&lines_log, full), 7);
	assert_int_equal(lines_log.len, 0);
	assert_int_equal(access_log_write(&lines_log, full), 0);
	close(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(any_bytes_make_a_line_of_json_that_parses, begin),
		cmocka_unit_test_setup(the_combined_format_is_what_its_readers_expect, begin),
		cmocka_unit_test_setup(a_line_that_does_not_fit_is_left_out_whole, begin),
		cmocka_unit_test_setup(lines_that_cannot_be_written_are_lost_and_counted, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
