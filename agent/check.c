/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "http_keys.h"
#include "policy/problems.h"
#include "policy/report.h"
#include "tasks.h"

#define TEXT_MAX (1u << 20)

static void print(const struct buffer *text, FILE *out)
{
	if (text->len)
		(void)fwrite(text->at, 1, text->len,
			     out); /* a closed terminal is not our trouble */
}

/* In one line, so that a script can tell whether a policy is about its interface. */
static void print_interfaces(const struct policy *policy)
{
	if (!policy->has_packet_plane)
		return;
	printf("interfaces:");
	for (size_t i = 0; i < policy->interface_count; i++)
		printf(" %s", policy->interfaces[i]);
	putchar('\n');
}

/* The file of keys is part of what will be loaded. */
static int check_keys(const struct policy *policy, struct policy_problems *problems)
{
	auto_buffer struct buffer error = buffer_new(TEXT_MAX);
	auto_buffer struct buffer text = buffer_new(0);
	int err = policy->http ? http_keys_read(policy->http, &text, &error) : 0;

	if (err)
		problems_add(problems, policy->http->keys.place, false, "%s",
			     error.at ? error.at : strerror(-err));
	return err;
}

int check(const struct options *options)
{
	const char *path = options->agent.policy_path;
	auto_free struct policy_problems *problems = calloc(1, sizeof(*problems));
	auto_buffer struct buffer text = buffer_new(TEXT_MAX);
	struct policy *policy = NULL;
	int status;

	if (!problems) {
		fputs("sluiced: no memory\n", stderr);
		return EXIT_FAILED;
	}
	status = policy_read(path, problems, NULL, &policy);
	if (!status)
		status = check_keys(policy, problems);
	policy_problems_format(problems, path, &text);
	print(&text, stderr);
	if (status) {
		if (!problems->errors)
			fprintf(stderr, "%s: %s\n", path, strerror(-status));
		policy_free(policy);
		return EXIT_FAILED;
	}
	printf("%s: good: %zu tier%s, %zu source prefix%s\n", path, policy->tier_count,
	       policy->tier_count == 1 ? "" : "s", policy->source_count,
	       policy->source_count == 1 ? "" : "es");
	print_interfaces(policy);
	buffer_free(&text);
	policy_report(policy, &text);
	print(&text, stdout);
	policy_free(policy);
	return EXIT_DONE;
}
