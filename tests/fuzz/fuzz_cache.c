/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pure rules of the cache on any two heads: an input is a request's head, an empty line, and
 * the head of its response, as they are on the wire.
 *
 * What must hold: a request matches the selector it was selected by; a normal form is its own; a
 * resolved reference stays on its origin; a lifetime and an age are never negative.
 */
#include <stdlib.h>

#include "cache/facts_read.h"
#include "cache/invalidation.h"
#include "cache/storable.h"
#include "cache/vary.h"

#define NOW_UNIX_S 1700000000
#define NOW_NS	   (1000000ull * 1000000000ull)

static const struct route_rules rules = {.heuristics = true,
					 .honour_request = true,
					 .has_lifetime = true,
					 .is_prefix = true,
					 .lifetime_s = 60,
					 .stale_if_error_s = SECONDS_ABSENT,
					 .stale_while_revalidate_s = SECONDS_ABSENT};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void try_vary(const struct fields *request, const struct fields *response)
{
	char room[VARY_SELECTOR_MAX];
	struct bytes selector = {NULL, 0};

	switch (vary_select(response, request, room, &selector)) {
	case VARY_NONE:
	case VARY_SELECTED:
		must(vary_matches(selector, request));
		break;
	case VARY_ANY:
	case VARY_BAD:
		break;
	}
}

/* With more room than a selector has, as a key of declared headers lends it. */
static void try_normal_forms(const struct fields *request)
{
	static char room[2 * VARY_SELECTOR_MAX];

	for (size_t i = 0; i < request->count; i++) {
		struct vary_value value = {.at = room, .room = sizeof(room)};
		bool fits = vary_normalise(request, request->field[i].name, &value);

		must(value.len <= sizeof(room) && (!fits || value.is_given));
	}
}

static void try_rules(const struct request_head *request, const struct response_head *response)
{
	const struct fetch_times times = {NOW_NS, NOW_NS, NOW_UNIX_S};
	const struct request_facts req = facts_of_request(request, false);
	const struct response_facts resp = facts_of_response(response, NOW_UNIX_S);
	const struct freshness fresh = freshness_of(&resp, &rules, &times);
	const struct lookup_facts at = {.now_ns = NOW_NS, .is_hot = true};
	const struct store_case c = {&req, &resp, &rules, &fresh, NOW_NS, request->target};
	struct judgement is = freshness_judge(&fresh, &req, &rules, &at);

	must(fresh.lifetime_s <= DELTA_SECONDS_MAX && is.age_s <= DELTA_SECONDS_MAX);
	must(is.verdict != FRESHNESS_FRESH || is.age_s < fresh.lifetime_s);
	must(storable_response(&c) < STORE_VERDICT_COUNT);
	(void)freshness_on_error(&fresh, &req, &rules, FAILURE_STATUS, NOW_NS);
}

static void try_reference(const struct fields *response)
{
	const struct field *field = fields_first(response, FIELD_LOCATION);
	const struct bytes url = BYTES("http://a.example:81/b/c?d");
	const size_t origin_len = strlen("http://a.example:81/");
	auto_buffer struct buffer out = buffer_new(4096);

	if (!field || invalidation_resolve(url, field->value, &out))
		return;
	must(out.len >= origin_len && !memcmp(out.at, url.at, origin_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct request_head request;
	static struct response_head response;
	const struct head_limits limits = HEAD_LIMITS_DEFAULT;
	struct bytes text = {(const char *)input, size};
	size_t scanned = 0;

	if (head_parse_request(text, &limits, &scanned, &request) != MESSAGE_DONE)
		return 0;
	text = (struct bytes){text.at + request.len, text.len - request.len};
	scanned = 0;
	if (head_parse_response(text, &limits, &scanned, &response) != MESSAGE_DONE)
		return 0;
	try_vary(&request.fields, &response.fields);
	try_normal_forms(&request.fields);
	try_rules(&request, &response);
	try_reference(&response.fields);
	return 0;
}
