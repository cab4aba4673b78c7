/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static int real_stderr = -1, reader = -1;

/* Standard error goes into a pipe until seen() reads what was written. */
static int capture(void **state)
{
	int ends[2];

	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
	if (pipe2(ends, O_NONBLOCK))
		return -1;
	real_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	return 0;
}

static int release(void **state)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(reader);
	return 0;
}

static const char *seen(void)
{
	static char text[2 * LOG_LINE_MAX];
	ssize_t len = read(reader, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static void a_line_ends_with_a_newline(void **state)
{
	log_info("eth0: attached, %d programs", 2);
	assert_string_equal(seen(), "eth0: attached, 2 programs\n");
}

static void errors_and_warnings_say_so(void **state)
{
	log_error("a");
	log_warning("b");
	log_notice("c");
	assert_string_equal(seen(), "error: a\nwarning: b\nc\n");
}

static void lines_above_the_level_are_not_written(void **state)
{
	log_debug("quiet");
	assert_string_equal(seen(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("loud");
	assert_string_equal(seen(), "debug: loud\n");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("quiet");
	assert_string_equal(seen(), "");
}

static void the_journal_gets_a_priority(void **state)
{
	char stream[48];
	struct stat at;

	fstat(STDERR_FILENO, &at);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)at.st_dev, (uintmax_t)at.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_warning("careful");
	assert_string_equal(seen(), "<4>careful\n");
}

static void another_streams_journal_gets_no_priority(void **state)
{
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_warning("careful");
	assert_string_equal(seen(), "warning: careful\n");
}

static void a_long_line_is_cut_and_still_one_line(void **state)
{
	static char text[3 * LOG_LINE_MAX];
	const char *line;

	memset(text, 'x', sizeof(text) - 1);
	log_info("%s", text);
	line = seen();
	assert_int_equal(strlen(line), LOG_LINE_MAX);
	assert_ptr_equal(strchr(line, '\n'), line + LOG_LINE_MAX - 1);
}

static void foreign_newlines_cannot_forge_a_line(void **state)
{
	log_info("%s", "a\nerror: forged\x1b[31m");
	assert_string_equal(seen(), "a error: forged [31m\n");
}

static void errno_survives_a_line(void **state)
{
	close(STDERR_FILENO);
	errno = ENOTTY;
	log_info("into the void");
	assert_int_equal(errno, ENOTTY);
}

static void quoting_escapes_what_is_not_plain(void **state)
{
	char out[LOG_QUOTE_MAX];

	assert_string_equal(log_quote("plain text", out, sizeof(out)), "\"plain text\"");
	assert_string_equal(log_quote("", out, sizeof(out)), "\"\"");
	assert_string_equal(log_quote("a\"b\\c", out, sizeof(out)), "\"a\\\"b\\\\c\"");
	assert_string_equal(log_quote_bytes(BYTES("a\0b"), out, sizeof(out)), "\"a\\x00b\"");
	assert_string_equal(log_quote("\x01\n\x7f\xc3\xa9~", out, sizeof(out)),
			    "\"\\x01\\x0a\\x7f\\xc3\\xa9~\"");
}

static void quoting_cuts_what_does_not_fit_and_never_inside_an_escape(void **state)
{
	char out[11];

	assert_string_equal(log_quote("12345678", out, sizeof(out)), "\"12345678\"");
	assert_string_equal(log_quote("123456789", out, sizeof(out)), "\"12345...\"");
	assert_string_equal(log_quote("1234\n6789", out, sizeof(out)), "\"1234...\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_ends_with_a_newline, capture, release),
		cmocka_unit_test_setup_teardown(errors_and_warnings_say_so, capture, release),
		cmocka_unit_test_setup_teardown(lines_above_the_level_are_not_written, capture,
						release),
		cmocka_unit_test_setup_teardown(the_journal_gets_a_priority, capture, release),
		cmocka_unit_test_setup_teardown(another_streams_journal_gets_no_priority, capture,
						release),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_still_one_line, capture,
						release),
		cmocka_unit_test_setup_teardown(foreign_newlines_cannot_forge_a_line, capture,
						release),
		cmocka_unit_test_setup_teardown(errno_survives_a_line, capture, release),
		cmocka_unit_test(quoting_escapes_what_is_not_plain),
		cmocka_unit_test(quoting_cuts_what_does_not_fit_and_never_inside_an_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
