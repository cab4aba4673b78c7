/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
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
	policy_problems_format(problems, path, &text);
	print(&text, stderr);
	if (status) {
		if (!problems->errors)
			fprintf(stderr, "%s: %s\n", path, strerror(-status));
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
