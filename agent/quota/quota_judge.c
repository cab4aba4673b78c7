/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/quota_judge.h"

#include "base/count.h"
#include "base/duration.h"
#include "quota/quota_scope.h"

#define ASKS_MAX (2 * QUOTA_LIMITS_MAX) /* each may be paired */
#define NO_ROOM_WAIT_NS \
	(60 *           \
	 NS_PER_SEC) /* told to who finds the table full; entries come free as their windows end */

_Static_assert(ASKS_MAX <= LIMIT_ASKS_MAX, "all are decided at once");

/* Everything asked for one request. */
struct asking {
	struct quota_request *request;
	struct quota_result *result;
	unsigned n;
	const struct quota *quota[ASKS_MAX];
	struct quota_key key[ASKS_MAX];
	struct quota_key coarse[ASKS_MAX];
	struct limit_seek seek[ASKS_MAX];
	struct limit_ask ask[ASKS_MAX];
	bool is_pair[ASKS_MAX]; /* of the one before */
};

/* ---- Whom limits are for ---- */

static uint16_t tier_of(struct quota_request *request)
{
	const struct quota_plan *plan = request->plan;
	const struct policy_source *source;
	uint32_t key, tier;

	if (!request->route->needs_tier)
		return QUOTA_TIER_NONE;
	key = quota_client_key(&request->client);
	tier = key == KEY_NONE ? KEY_NONE : key_file_tier(plan->keys, key);
	if (tier != KEY_NONE)
		return plan->tier_of_key[tier];
	if (!request->client.client.family)
		return plan->tier_default;
	source = policy_find_source(plan->policy, &request->client.client);
	return source ? plan->tier_of_policy[source->tier] : plan->tier_default;
}

static bool is_in(const uint64_t *tiers, uint16_t tier)
{
	return tier != QUOTA_TIER_NONE && (tiers[tier / 64] >> tier % 64 & 1);
}

bool quota_is_exempt(struct quota_request *request)
{
	const struct quota_route *route = request->route;
	const struct http_prefixes *prefixes = &route->policy->exempt_prefixes;

	if (route->exempt_tiers && is_in(route->exempt_tiers, tier_of(request)))
		return true;
	for (size_t i = 0; i < prefixes->count; i++)
		if (request->client.client.family &&
		    prefix_covers(&prefixes->at[i], &request->client.client))
			return true;
	return false;
}

/* ---- Asking ---- */

static void add_ask(struct asking *asking, const struct quota *quota, const struct quota_key *key)
{
	const struct http_limit_how *how = &quota->limit->how;
	const unsigned i = asking->n++;

	asking->quota[i] = quota;
	asking->key[i] = *key;
	asking->is_pair[i] = false;
	asking->seek[i] =
		(struct limit_seek){.key = quota_key_bytes(&asking->key[i]), .spec = &quota->spec};
	asking->ask[i] = (struct limit_ask){.spec = &quota->spec,
					    .cost = how->cost,
					    .is_dry_run = how->dry_run,
					    .holds = how->counts_status};
}

/* What an invented identity is charged to is its source's as well: inventing gains nothing. */
static void add_pair(struct asking *asking, const struct quota *quota, const struct quota_key *key)
{
	struct quota_key address = quota_key_of_address(key->scope, &asking->request->client, key);

	add_ask(asking, quota, &address);
	asking->is_pair[asking->n - 1] = true;
}

static void add_list(struct asking *asking, const struct quota_list *list, uint16_t tier)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct quota *quota = &list->at[i];
		struct quota_key key;

		if (quota->tiers && !is_in(quota->tiers, tier))
			continue;
		key = quota_key_of(quota, &asking->request->client);
		add_ask(asking, quota, &key);
		if (quota->is_paired && quota_key_is_invented(&key))
			add_pair(asking, quota, &key);
	}
}

/* Identities that a stranger can make up get no entry before it is known that he may have another one. */
static void ask_for_old(struct asking *asking, bool only_old)
{
	for (unsigned i = 0; i < asking->n; i++)
		asking->seek[i].only_old = only_old && quota_key_is_invented(&asking->key[i]);
}

enum news { NOTHING_NEW, NEW_ON_DRY_RUN, NEW };

static enum news find_news(const struct asking *asking)
{
	enum news news = NOTHING_NEW;

	for (unsigned i = 0; i < asking->n; i++) {
		if (!asking->seek[i].only_old || asking->seek[i].state)
			continue;
		if (!asking->ask[i].is_dry_run)
			return NEW;
		news = NEW_ON_DRY_RUN;
	}
	return news;
}

/* Whether the source may bring one more identity this minute; it is then charged. */
static bool may_invent(struct asking *asking, struct limit_moment moment)
{
	const struct quota_request *request = asking->request;
	const struct limit_spec spec = {.count = request->plan->http->max.identities_per_source,
					.window_ns = QUOTA_IDENTITIES_WINDOW_NS,
					.strategy = LIMIT_SLIDING_WINDOW};
	struct quota_key key =
		quota_key_of_address(quota_scope_of_identities(), &request->client, NULL);
	struct quota_key coarse = quota_key_coarse(&key, &request->client);
	struct limit_seek seek = {
		.key = quota_key_bytes(&key), .coarse = quota_key_bytes(&coarse), .spec = &spec};
	struct limit_ask ask = {.spec = &spec, .cost = 1};
	bool may = false;

	limit_table_seize(request->table, &seek, 1, moment);
	ask.state = seek.state;
	if (seek.state)
		may = limit_decide(&ask, 1, moment);
	limit_table_release(request->table, &seek, 1);
	asking->result->invents = !may;
	asking->result->is_own_fault = !may && seek.state && !seek.is_shared;
	asking->result->invents_wait_ns = seek.state ? ask.view.wait_ns : NO_ROOM_WAIT_NS;
	return may;
}

/* Every entry that counts is there; a dry run without one is left out. False: refuse. */
static bool take_states(struct asking *asking, struct limit_ask *asks, unsigned *places,
			unsigned *ret_n)
{
	unsigned n = 0;

	for (unsigned i = 0; i < asking->n; i++) {
		if (!asking->seek[i].state && !asking->ask[i].is_dry_run)
			return false;
		if (!asking->seek[i].state)
			continue;
		asks[n] = asking->ask[i];
		asks[n].state = asking->seek[i].state;
		places[n++] = i;
	}
	*ret_n = n;
	return true;
}

static void judge_without_room(struct asking *asking, uint64_t now_ns)
{
	for (unsigned i = 0; i < asking->n; i++) {
		asking->ask[i].refuses = !asking->seek[i].state;
		asking->ask[i].is_charged = false;
		asking->ask[i].view = (struct limit_view){
			.reset_ns = now_ns,
			.wait_ns = asking->ask[i].refuses ? NO_ROOM_WAIT_NS : 0};
	}
	asking->result->has_no_room = true;
}

/* Who can wait until he is let in is charged then, not for each time he asks. */
static bool should_wait(struct asking *asking, struct limit_ask *asks, unsigned n,
			struct limit_moment moment)
{
	const uint64_t patience_ns = asking->request->patience_ns;
	uint64_t wait_ns = 0;

	if (!patience_ns || limit_peek(asks, n, moment.now_ns))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (asks[i].refuses && !asks[i].is_dry_run && asks[i].view.wait_ns > wait_ns)
			wait_ns = asks[i].view.wait_ns;
	if (wait_ns > patience_ns)
		return false;
	asking->result->later_ns = wait_ns;
	return true;
}

/* All entries are locked. */
static bool decide(struct asking *asking, struct limit_moment moment)
{
	struct limit_ask asks[ASKS_MAX];
	unsigned places[ASKS_MAX], n;
	bool let_in;

	if (!take_states(asking, asks, places, &n)) {
		judge_without_room(asking, moment.now_ns);
		return false;
	}
	if (should_wait(asking, asks, n, moment))
		return false;
	let_in = limit_decide(asks, n, moment);
	for (unsigned i = 0; i < n; i++)
		asking->ask[places[i]] = asks[i];
	return let_in;
}

static bool all_have_entries(const struct asking *asking)
{
	for (unsigned i = 0; i < asking->n; i++)
		if (!asking->seek[i].state)
			return false;
	return true;
}

/* Where the table has no room it is asked what they share with their neighbours. */
static void seize(struct asking *asking, struct limit_moment moment)
{
	struct limit_table *table = asking->request->table;

	limit_table_seize(table, asking->seek, asking->n, moment);
	if (all_have_entries(asking))
		return;
	limit_table_release(table, asking->seek, asking->n);
	for (unsigned i = 0; i < asking->n; i++) {
		asking->coarse[i] = quota_key_coarse(&asking->key[i], &asking->request->client);
		asking->coarse[i].parts |= asking->is_pair[i] ? QUOTA_PAIR : 0;
		asking->seek[i].coarse = quota_key_bytes(&asking->coarse[i]);
	}
	limit_table_seize(table, asking->seek, asking->n, moment);
}

/*
 * The same, where identities may be invented. Their source's own entry may lie under one of the locks, so it is
 * asked between. False: it has brought too many, and a limit depends on this one; nothing is locked.
 */
static bool seize_known(struct asking *asking, struct limit_moment moment)
{
	struct limit_table *table = asking->request->table;
	enum news news;
	bool may;

	ask_for_old(asking, true);
	limit_table_seize(table, asking->seek, asking->n, moment);
	news = find_news(asking);
	limit_table_release(table, asking->seek, asking->n);
	may = news == NOTHING_NEW || may_invent(asking, moment);
	if (!may && news == NEW)
		return false;
	asking->result->invents = false;
	/* A dry run goes without an entry rather than to refuse. */
	if (may)
		ask_for_old(asking, false);
	seize(asking, moment);
	return true;
}

static bool seize_and_decide(struct asking *asking, struct limit_moment moment)
{
	bool let_in;

	if (!asking->request->route->may_invent)
		seize(asking, moment);
	else if (!seize_known(asking, moment))
		return false;
	let_in = decide(asking, moment);
	limit_table_release(asking->request->table, asking->seek, asking->n);
	return let_in;
}

/* ---- Answers ---- */

/* Of an identity and its source the one that says less shows. */
static void merge(struct quota_judged *judged, const struct limit_ask *ask)
{
	bool is_worse = ask->refuses != judged->refuses ? ask->refuses
			: ask->refuses			? ask->view.wait_ns > judged->view.wait_ns
				       : ask->view.remaining < judged->view.remaining;

	if (!is_worse)
		return;
	judged->view = ask->view;
	judged->refuses = ask->refuses;
}

static void note_held(struct quota_result *result, const struct asking *asking, unsigned i)
{
	const struct limit_seek *seek = &asking->seek[i];

	result->held[result->held_count++] = (struct quota_held){
		.quota = asking->quota[i],
		.key = seek->is_shared ? asking->coarse[i] : asking->key[i],
		.set = seek->set,
		.is_shared = seek->is_shared,
		.judged = (uint16_t)(result->count - 1),
	};
}

static void count_one(const struct quota_request *request, const struct quota_judged *judged,
		      bool let_in)
{
	struct quota_counts *counts = &judged->quota->counter->of[request->thread];

	if (judged->refuses)
		count(judged->quota->limit->how.dry_run ? &counts->dry_run_refused
							: &counts->refused);
	else if (let_in)
		count(&counts->allowed);
}

static bool is_own_fault(const struct asking *asking, unsigned i)
{
	const struct limit_ask *ask = &asking->ask[i];
	const struct quota_key *key = &asking->key[i];

	return ask->refuses && !ask->is_dry_run && asking->seek[i].state &&
	       !asking->seek[i].is_shared && !key->rest &&
	       asking->quota[i]->limit->scope != HTTP_SCOPE_SHARED;
}

static void take_answers(struct asking *asking, bool let_in)
{
	struct quota_result *result = asking->result;

	result->is_own_fault = false;
	for (unsigned i = 0; i < asking->n; i++) {
		const struct limit_ask *ask = &asking->ask[i];

		if (asking->is_pair[i])
			merge(&result->judged[result->count - 1], ask);
		else
			result->judged[result->count++] =
				(struct quota_judged){asking->quota[i], ask->view, ask->refuses};
		if (ask->holds && ask->is_charged)
			note_held(result, asking, i);
		result->is_own_fault |= is_own_fault(asking, i);
	}
	for (unsigned i = 0; i < result->count; i++)
		count_one(asking->request, &result->judged[i], let_in);
}

/* Refused by one, a request is nobody's: what other limits hold for it is given back. */
static void give_back(struct asking *asking)
{
	if (asking->result->held_count)
		quota_settle(asking->request->table, asking->result, QUOTA_NO_ANSWER,
			     asking->request->now_ns);
}

enum quota_verdict quota_judge(struct quota_request *request, struct quota_result *ret_result)
{
	struct asking asking;
	struct limit_moment moment = limit_table_moment(request->table, request->now_ns);
	const uint16_t tier = tier_of(request);
	bool let_in;

	asking.request = request;
	asking.result = ret_result;
	asking.n = 0;
	add_list(&asking, &request->route->own, tier);
	add_list(&asking, &request->plan->global, tier);
	if (!asking.n)
		return QUOTA_FREE;
	ret_result->count = ret_result->held_count = 0;
	ret_result->has_no_room = ret_result->invents = ret_result->is_own_fault = false;
	ret_result->later_ns = 0;
	ret_result->now_ns = moment.now_ns;
	let_in = seize_and_decide(&asking, moment);
	if (ret_result->invents)
		return QUOTA_REFUSED;
	if (ret_result->later_ns)
		return QUOTA_LATER;
	take_answers(&asking, let_in);
	if (!let_in)
		give_back(&asking);
	return let_in ? QUOTA_LET_IN : QUOTA_REFUSED;
}
