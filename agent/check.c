/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "parent/http_keys.h"
#include "policy/http_policy.h"
#include "policy/problems.h"
#include "policy/report.h"
#include "tasks.h"

#define TEXT_MAX (1u << 20)
#define MIB	 (1024.0 * 1024.0)

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

static void print_count(const char *before, size_t count, const char *one, const char *more)
{
	printf("%s%zu %s%s", before, count, one, count == 1 ? "" : more);
}

/* What the policy has of the planes it has. */
static void print_good(const char *path, const struct policy *policy)
{
	const char *before = " ";

	printf("%s: good:", path);
	if (policy->has_packet_plane || policy->tier_count || policy->source_count) {
		print_count(before, policy->tier_count, "tier", "s");
		print_count(", ", policy->source_count, "source prefix", "es");
		before = ", ";
	}
	if (policy->http) {
		print_count(before, policy->http->route_count, "route", "s");
		print_count(", ", policy->http->upstream_count, "upstream", "s");
	}
	putchar('\n');
}

static void print_http(const struct policy *policy)
{
	const struct http_policy *http = policy->http;
	char name[HTTP_ADDRESS_TEXT_MAX];

	if (!http)
		return;
	printf("%shttp:", policy->has_packet_plane ? "\n" : "");
	for (size_t i = 0; i < http->listener_count; i++) {
		http_address_format(&http->listeners[i].address, name);
		printf(" %s", name);
	}
	printf("\nmemory of the HTTP process, at most                 %10.1f MiB\n",
	       (double)http->max.memory / MIB);
	if (!http->cache.off)
		printf("  the cache, part of it                             %10.1f MiB\n",
		       (double)http->cache.size / MIB);
	printf("  counts of limits, part of it                      %10.1f MiB\n",
	       (double)http->max.limit_table / MIB);
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
	print_good(path, policy);
	print_interfaces(policy);
	buffer_free(&text);
	policy_report(policy, &text);
	print(&text, stdout);
	print_http(policy);
	policy_free(policy);
	return EXIT_DONE;
}
