/* SPDX-License-Identifier: BSD-2-Clause */
/* What is made of the HTTP child's answers, sound or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "control/told.h"

static struct request told(const char *text)
{
	return (struct request){.told = bytes_of(text)};
}

static void assert_refused(const struct request *request, unsigned status, const char *text)
{
	auto_response struct response response = response_new();

	assert_null(told_json(request, &response));
	assert_int_equal(response.status, status);
	assert_string_equal(response.type, "application/problem+json");
	assert_non_null(strstr(response.body.at, text));
	assert_null(told_quietly(request));
}

static void json_is_passed_on_as_it_is(void **state)
{
	auto_response struct response response = response_new();
	const struct request request = told("{\"a\": [1, 2.5, null], \"b\": \"\\u00e9\"}");

	(void)state;
	told_pass_on(&request, &response);
	assert_int_equal(response.status, 200);
	assert_string_equal(response.type, "application/json");
	assert_non_null(strstr(response.body.at, "[1,2.5,null]"));
}

static void what_is_no_json_is_passed_on_to_nobody(void **state)
{
	static const char *const texts[] = {"",
					    "{",
					    "nonsense",
					    "{} {}",
					    "{\"a\": 1, \"a\": 2}",
					    "\"text\"",
					    "{\"a\": \"\xff\"}",
					    "{\"a\": \"\\u0000\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct request request = told(texts[i]);

		assert_refused(&request, 502, "makes no sense");
	}
}

static void nesting_without_an_end_is_refused(void **state)
{
	static char deep[1 << 20];
	const struct request request = {.told = {deep, sizeof(deep)}};

	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_refused(&request, 502, "makes no sense");
}

static void a_refusal_is_a_status_and_a_sentence_and_no_more(void **state)
{
	struct request request;

	(void)state;
	request = told("{\"status\": 404, \"error\": \"not here\", \"title\": \"evil\"}");
	assert_refused(&request, 404, "not here");
	request = told("{\"status\": 200, \"error\": \"fine\"}");
	assert_refused(&request, 500, "fine");
	request = told("{\"status\": -5, \"error\": \"odd\"}");
	assert_refused(&request, 500, "odd");
	request = told("{\"error\": \"alone\"}");
	assert_refused(&request, 500, "alone");
}

static void a_sentence_that_is_cut_inside_a_letter_is_still_told(void **state)
{
	char text[600] = "{\"status\": 404, \"error\": \"";
	struct request request;

	(void)state;
	memset(text + strlen(text), 'a', 399);
	strcat(text, "\xc3\xa9 and more\"}");
	request = told(text);
	assert_refused(&request, 404, "aaa");
}

static void silence_is_told_by_its_cause(void **state)
{
	static const struct {
		int status;
		unsigned answer;
	} cases[] = {{-ENOENT, 409}, {-ETIMEDOUT, 504}, {-ECONNRESET, 503}, {-EPIPE, 503},
		     {-EAGAIN, 503}, {-EBUSY, 503},	{-ENOMEM, 500},	    {-ENOBUFS, 500}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Whatever came before it failed is not looked at. */
		struct request request = told("{}");

		request.told_status = cases[i].status;
		assert_refused(&request, cases[i].answer, "HTTP");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_passed_on_as_it_is),
		cmocka_unit_test(what_is_no_json_is_passed_on_to_nobody),
		cmocka_unit_test(nesting_without_an_end_is_refused),
		cmocka_unit_test(a_refusal_is_a_status_and_a_sentence_and_no_more),
		cmocka_unit_test(a_sentence_that_is_cut_inside_a_letter_is_still_told),
		cmocka_unit_test(silence_is_told_by_its_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
