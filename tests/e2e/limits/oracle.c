/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of a policy, asked at given instants: the compile and decide path of agent/http without sockets and clocks.
 *
 * Reads "policy LENGTH\n" and so many bytes of YAML, which begin a new and empty table; and "ask NOW_NS ADDRESS PATH\n".
 * Answers each of those with one line: "in" or "refused", then the fields of the answer with '|' for line ends. The
 * wall clock is NOW_NS too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quota/quota_judge.h"

#define PATH_MAX_LEN 256

struct oracle {
	struct policy *policy;
	struct quota_plan *plan;
	struct limit_table *table;
};

static void fail(const char *what)
{
	fprintf(stderr, "limits-oracle: %s\n", what);
	exit(1);
}

static void forget(struct oracle *oracle)
{
	quota_plan_free(oracle->plan);
	policy_free(oracle->policy);
	limit_table_close(oracle->table);
	*oracle = (struct oracle){.plan = NULL};
}

static struct policy *parse(struct bytes text)
{
	static struct policy_problems problems;
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	if (policy_parse(text, &problems, &policy))
		fail(problems.at[0].text);
	return policy;
}

static void begin(struct oracle *oracle, size_t len)
{
	auto_buffer struct buffer text = buffer_new(1 << 20);
	struct quota_source source = {.threads = 1};
	int fd;

	forget(oracle);
	if (buffer_reserve(&text, len) || fread(text.at, 1, len, stdin) != len)
		fail("no policy");
	oracle->policy = parse((struct bytes){text.at, len});
	source.policy = oracle->policy;
	if (quota_plan_new(&source, &oracle->plan) ||
	    limit_table_create(limit_table_within(oracle->policy->http->max.limit_table,
						  quota_state_bytes(oracle->policy->http)),
			       &fd) ||
	    limit_table_open(fd, &oracle->table))
		fail("no table");
	close(fd);
}

static void print_fields(const struct oracle *oracle, const struct quota_result *result)
{
	auto_buffer struct buffer text = buffer_new(1 << 16);
	struct limit_shown shown[QUOTA_LIMITS_MAX];
	const struct limit_answer answer = {
		.limits = shown,
		.n = quota_show(oracle->plan, result, shown),
		.families = LIMIT_FIELDS_ALL,
		.now_ns = result->now_ns,
	};

	limit_fields_write(&answer, &text);
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != '\r')
			putchar(text.at[i] == '\n' ? '|' : text.at[i]);
	putchar('\n');
}

static void ask(struct oracle *oracle, uint64_t now_ns, const char *address, const char *path)
{
	static const struct fields nothing;
	struct quota_judged judged[QUOTA_LIMITS_MAX];
	struct quota_held held[2 * QUOTA_LIMITS_MAX];
	struct quota_result result = {.judged = judged, .held = held};
	const struct route_request line = {.method = BYTES("GET"), .path = bytes_of(path)};
	const struct http_policy *http = oracle->policy->http;
	const struct http_route *route =
		http->route_count ? http_policy_route(http, &line) : &http->other;
	struct quota_request request = {
		.plan = oracle->plan,
		.route = &oracle->plan->routes[route->number],
		.table = oracle->table,
		.now_ns = now_ns,
		.client = {.fields = &nothing,
			   .method = METHOD_GET,
			   .bits = oracle->policy->source_bits,
			   .table = oracle->table},
	};

	if (prefix_parse(bytes_of(address), &request.client.client, NULL) != PREFIX_OK)
		fail("no address");
	request.client.source = request.client.client;
	printf("%s ", quota_judge(&request, &result) == QUOTA_REFUSED ? "refused" : "in");
	print_fields(oracle, &result);
}

int main(void)
{
	struct oracle oracle = {.plan = NULL};
	char address[PREFIX_TEXT_MAX], path[PATH_MAX_LEN], word[8];
	uint64_t now_ns;
	size_t len;

	while (scanf("%7s", word) == 1) {
		if (!strcmp(word, "policy") && scanf("%zu", &len) == 1 && getchar() == '\n')
			begin(&oracle, len);
		else if (oracle.plan &&
			 scanf("%" SCNu64 " %63s %255s", &now_ns, address, path) == 3)
			ask(&oracle, now_ns, address, path);
		else
			fail("what?");
	}
	forget(&oracle);
	return 0;
}
