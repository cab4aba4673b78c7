/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Policies as files, the examples and the reference among them; and hostile bytes in their place. */
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guarded.h"
#include "policy_mistakes.h"

/* ---- Files ---- */

static void a_file_that_cannot_be_read_is_a_problem_without_a_place(void **state)
{
	auto_buffer struct buffer told = buffer_new(1000);
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_read("/nowhere/policy.yaml", &problems, NULL, &policy), -ENOENT);
	policy_problems_format(&problems, "/nowhere/policy.yaml", &told);
	assert_string_equal(told.at, "/nowhere/policy.yaml: error: cannot be read: No such file or "
				     "directory\n");
	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_read("/", &problems, NULL, &policy), -EISDIR);
	assert_null(policy);
}

static void the_text_of_a_bad_file_is_handed_out_too(void **state)
{
	char path[] = "/tmp/sluice-test-XXXXXX";
	auto_close int fd = mkstemp(path);
	auto_buffer struct buffer text = {0};
	struct policy *policy = NULL;

	assert_int_equal(write(fd, "scope: x\n", 9), 9);
	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_read(path, &problems, &text, &policy), -EINVAL);
	unlink(path);
	assert_string_equal(text.at, "scope: x\n");
}

static void every_example_is_a_good_policy_without_a_warning(void **state)
{
	glob_t found;

	assert_int_equal(glob("docs/examples/*.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct policy *policy = NULL;

		problems = (struct policy_problems){.count = 0};
		if (policy_read(found.gl_pathv[i], &problems, NULL, &policy))
			fail_msg("%s: %s", found.gl_pathv[i], problems.at[0].text);
		assert_int_equal(problems.warnings, 0);
		policy_free(policy);
	}
	assert_true(found.gl_pathc >= 4);
	globfree(&found);
}

static void every_policy_in_the_reference_is_good(void **state)
{
	static char text[65536];
	FILE *file = fopen("docs/policy.md", "r");
	size_t found = 0;
	char *block, *end;

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	for (block = text; (block = strstr(block, "```yaml\n")); block = end + 1) {
		block += strlen("```yaml\n");
		end = strstr(block, "```");
		assert_non_null(end);
		*end = '\0';
		policy_free(policy_of(block));
		found++;
	}
	assert_true(found > 0);
}

/* ---- Hostile bytes ---- */

static const char full[] =
	PLANES "tiers:\n  public: {packets: 2000/second burst 4000, over: drop, flag above: 50%}\n"
	       "  partner: {bytes: 200 MB per 10 seconds}\n  internal: unlimited\n"
	       "sources:\n  10.0.0.0/8: internal\n  \"2001:db8::/32\": deny\n"
	       "bans: {after: 1000 drops in 10 seconds, for: 1 minute, up to: 1 hour}\n"
	       "source_prefix: {ipv4: 24, ipv6: 56}\nscope: everything\n"
	       "tables: {strangers: 16 MiB}\nflag: {mark: 0x1, mask: 0x3, accept: true}\n"
	       "http: {listen: [\"0.0.0.0:80\"]}\ndefault: public\n";

static void every_beginning_of_a_good_policy_is_read_without_harm(void **state)
{
	struct policy *policy;

	for (size_t len = 0; len < sizeof(full); len++) {
		struct guarded guarded = guarded_copy((struct bytes){full, len});

		problems = (struct policy_problems){.count = 0};
		policy = NULL;
		(void)policy_parse(guarded.text, &problems,
				   &policy); /* may be good: it has no end */
		policy_free(policy);
		guarded_free(&guarded);
	}
}

static void any_byte_of_a_good_policy_may_change_without_harm(void **state)
{
	static const char bytes[] = {'\0', '\n', ' ', ':',    '{', ']',
				     '"',  '9',	 '&', '\xff', '#', '-'};
	char text[sizeof(full)];

	memcpy(text, full, sizeof(full));
	for (size_t i = 0; i < sizeof(full) - 1; i++) {
		for (size_t j = 0; j < sizeof(bytes); j++) {
			struct policy *policy = NULL;

			text[i] = bytes[j];
			problems = (struct policy_problems){.count = 0};
			(void)policy_parse((struct bytes){text, sizeof(full) - 1}, &problems,
					   &policy); /* the sanitizer is the judge */
			policy_free(policy);
		}
		text[i] = full[i];
	}
}

static void ten_megabytes_of_nonsense_are_refused(void **state)
{
	static const char *const pieces[] = {"[",  "{a: ", "a: b\n", "- ",  "? ",
					     "\"", "\n",   "x",	     "\x01"};
	const size_t size = 10 << 20;
	char *text = malloc(size);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t len = strlen(pieces[i]);

		for (size_t at = 0; at + len <= size; at += len)
			memcpy(text + at, pieces[i], len);
		refuse_bytes((struct bytes){text, size / len * len});
	}
	free(text);
}

static void a_text_above_the_limit_is_not_read(void **state)
{
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(
		policy_parse((struct bytes){full, (size_t)POLICY_TEXT_MAX + 1}, &problems, &policy),
		-EFBIG);
	assert_null(policy);
	assert_int_equal(problems.errors, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_cannot_be_read_is_a_problem_without_a_place),
		cmocka_unit_test(the_text_of_a_bad_file_is_handed_out_too),
		cmocka_unit_test(every_example_is_a_good_policy_without_a_warning),
		cmocka_unit_test(every_policy_in_the_reference_is_good),
		cmocka_unit_test(every_beginning_of_a_good_policy_is_read_without_harm),
		cmocka_unit_test(any_byte_of_a_good_policy_may_change_without_harm),
		cmocka_unit_test(ten_megabytes_of_nonsense_are_refused),
		cmocka_unit_test(a_text_above_the_limit_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
