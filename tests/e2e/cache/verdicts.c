/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the caching rules say of messages: the other side of the comparison with an independent
 * implementation (tests/e2e/cache_oracle.py).
 *
 * Reads cases from standard input, each a line of five numbers and then three heads:
 *
 *   REQUEST_LEN RESPONSE_LEN NEXT_LEN NOW_UNIX_S ELAPSED_S
 *
 * The response answers the request at NOW; next is asked ELAPSED later. Writes one line a case:
 * store verdict, lifetime and age in seconds, verdict of a lookup, whether the response may
 * stand in for an error. The rules are those of a policy that guesses lifetimes and obeys clients.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/facts_read.h"
#include "cache/storable.h"
#include "cache/vary.h"

#define HEAD_MAX 8192
#define START_NS \
	(1000000ull * 1000000000ull) /* when the response came: well after the clock's start */

struct heads {
	struct request_head request;
	struct response_head response;
	struct request_head next;
};

static const struct route_rules rules = {
	.heuristics = true,
	.honour_request = true,
	.stale_if_error_s = SECONDS_ABSENT,
	.stale_while_revalidate_s = SECONDS_ABSENT,
};

static void fail(const char *what)
{
	fprintf(stderr, "verdicts: %s\n", what);
	exit(1);
}

static struct bytes read_text(char *room, size_t len)
{
	if (len > HEAD_MAX || fread(room, 1, len, stdin) != len)
		fail("a head is cut short");
	return (struct bytes){room, len};
}

static void read_heads(const size_t len[3], struct heads *heads)
{
	static char text[3][HEAD_MAX];
	const struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t scanned[3] = {0};

	if (head_parse_request(read_text(text[0], len[0]), &limits, &scanned[0], &heads->request) !=
		    MESSAGE_DONE ||
	    head_parse_response(read_text(text[1], len[1]), &limits, &scanned[1],
				&heads->response) != MESSAGE_DONE ||
	    head_parse_request(read_text(text[2], len[2]), &limits, &scanned[2], &heads->next) !=
		    MESSAGE_DONE)
		fail("a head is malformed");
}

static enum store_verdict judge_storing(const struct heads *heads, const struct request_facts *req,
					const struct response_facts *resp,
					const struct freshness *fresh)
{
	const struct store_case c = {.req = req,
				     .resp = resp,
				     .rules = &rules,
				     .fresh = fresh,
				     .now_ns = START_NS,
				     .path = heads->request.target};
	enum store_verdict verdict = storable_request(req, &rules);

	return verdict == STORE_YES ? storable_response(&c) : verdict;
}

static const char *judge_use(const struct heads *heads, const struct freshness *fresh,
			     uint64_t now_ns)
{
	const struct request_facts next = facts_of_request(&heads->next, false);
	const struct lookup_facts at = {.now_ns = now_ns};
	char room[VARY_SELECTOR_MAX];
	struct bytes selector = {NULL, 0};

	switch (vary_select(&heads->response.fields, &heads->request.fields, room, &selector)) {
	case VARY_NONE:
	case VARY_SELECTED:
		break;
	case VARY_ANY:
	case VARY_BAD:
		return "vary";
	}
	if (!vary_matches(selector, &heads->next.fields))
		return "vary";
	return freshness_label(freshness_judge(fresh, &next, &rules, &at).verdict);
}

static void judge(const struct heads *heads, int64_t now_unix_s, uint64_t elapsed_s)
{
	const struct fetch_times times = {START_NS, START_NS, now_unix_s};
	const struct request_facts req = facts_of_request(&heads->request, false);
	const struct request_facts next = facts_of_request(&heads->next, false);
	const struct response_facts resp = facts_of_response(&heads->response, now_unix_s);
	const struct freshness fresh = freshness_of(&resp, &rules, &times);
	uint64_t now_ns = START_NS + elapsed_s * 1000000000ull;

	printf("%s %" PRIu32 " %" PRIu32 " %s %d\n",
	       storable_label(judge_storing(heads, &req, &resp, &fresh)), fresh.lifetime_s,
	       freshness_age_s(&fresh, now_ns), judge_use(heads, &fresh, now_ns),
	       freshness_on_error(&fresh, &next, &rules, FAILURE_STATUS, now_ns));
}

int main(void)
{
	static struct heads heads;
	size_t len[3];
	int64_t now_unix_s;
	uint64_t elapsed_s;

	while (scanf("%zu %zu %zu %" SCNd64 " %" SCNu64, &len[0], &len[1], &len[2], &now_unix_s,
		     &elapsed_s) == 5) {
		if (getchar() != '\n')
			fail("a case begins with a line of its own");
		read_heads(len, &heads);
		judge(&heads, now_unix_s, elapsed_s);
	}
	return 0;
}
