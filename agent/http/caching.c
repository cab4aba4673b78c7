/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of the cache before the upstream, and when the upstream fails. */
#include "http/caching.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/duration.h"
#include "cache/facts_read.h"
#include "http/caching_facts.h"
#include "http/exchange.h"
#include "http/http_parts.h"

#define WINDOW	       (4ull * CONTENT_CHUNK_MAX) /* what a slow reader of a large answer may hold up */
#define REFUSED_FOR_NS (120 * NS_PER_SEC) /* keys whose answers could not be shared: nobody waits */
/* Who could not fetch anew what is stale or soon will be leaves it alone for so long. */
#define REFRESH_AGAIN_NS NS_PER_SEC
#define LOOKS_MAX	 4 /* stored anew between looking and fetching as often as this: go alone */
#define SWEEP_BUCKETS	 4096 /* a second */

int caching_store_new(const struct http_policy *http, struct budget *total,
		      struct cache_store **ret_store)
{
	struct cache_config config = {
		.max_bytes = http->cache.size,
		.total = total,
		.object_max = http->cache.object_max,
		.window = WINDOW,
		.waiters_max = http->cache.waiters,
		.refused_for_ns = REFUSED_FOR_NS,
	};

	*ret_store = NULL;
	if (http->cache.off)
		return 0;
	if (getrandom(&config.secret, sizeof(config.secret), 0) < 0)
		return -errno;
	return cache_store_new(&config, ret_store);
}

void caching_sweep(struct worker *worker)
{
	if (worker->http->cache && !worker->number)
		(void)cache_sweep(worker->http->cache, &worker->sweep_at, SWEEP_BUCKETS);
}

void caching_drop_object(struct exchange *x)
{
	struct caching *c = &x->cache;

	if (!c->object)
		return;
	if (c->has_claim)
		object_unclaim(c->object, x->worker->now_ns + REFRESH_AGAIN_NS);
	c->has_claim = false;
	cache_release(x->worker->http->cache, c->object);
	c->object = NULL;
}

void caching_take_hit(struct exchange *x, struct cache_object *object, uint64_t now_ns)
{
	struct caching *c = &x->cache;

	c->object = object;
	c->age_s = freshness_age_s(&object->fresh, now_ns);
	c->status.has_ttl = true;
	c->status.ttl_s = (int64_t)object->fresh.lifetime_s - c->age_s;
}

/* ---- Looking ---- */

struct look {
	struct caching_facts facts;
	struct cache_query query;
	struct cache_found found;
	struct judgement judgement;
};

static void judge(struct exchange *x, struct look *look)
{
	const struct lookup_facts at = {
		.now_ns = x->worker->now_ns,
		.is_soft_purged = look->found.is_soft_purged,
		.is_hot = look->found.is_hot,
	};

	look->judgement = freshness_judge(&look->found.object->fresh, &look->facts.req,
					  look->facts.rules, &at);
}

/*
 * RFC 5861 section 3: nobody waits for it. Of those who may use it as it is one has it fetched
 * anew; who asks for HEAD has nothing to show for it.
 */
static void refresh_if_due(struct exchange *x, const struct look *look)
{
	const struct judgement *is = &look->judgement;
	struct cache_object *object = look->found.object;
	uint64_t now_ns = x->worker->now_ns;

	if (!is->refresh_early && is->verdict != FRESHNESS_STALE_REVALIDATING)
		return;
	if (x->method == METHOD_GET &&
	    object_claim(object, now_ns, now_ns + x->route->response_ns) &&
	    !caching_refresh(x, &look->query, object))
		object_unclaim(object, now_ns + REFRESH_AGAIN_NS);
}

/* RFC 9111 section 4.3.2: conditions that only the origin can judge. */
static bool asks_origin(const struct request *req)
{
	return fields_first(&req->head.fields, FIELD_IF_MATCH) ||
	       fields_first(&req->head.fields, FIELD_IF_UNMODIFIED_SINCE);
}

static bool has_conditions(const struct request *req)
{
	return fields_first(&req->head.fields, FIELD_IF_NONE_MATCH) ||
	       fields_first(&req->head.fields, FIELD_IF_MODIFIED_SINCE) ||
	       fields_first(&req->head.fields, FIELD_RANGE) || asks_origin(req);
}

static enum forward_reason reason_of(const struct look *look)
{
	if (!look->found.object)
		return look->found.has_other_variants ? FORWARD_VARY_MISS : FORWARD_URI_MISS;
	switch (look->judgement.verdict) {
	case FRESHNESS_ASKED_NO_CACHE:
	case FRESHNESS_ASKED_YOUNGER:
	case FRESHNESS_ASKED_FRESHER:
		return FORWARD_REQUEST;
	case FRESHNESS_PERSONAL:
		return FORWARD_BYPASS;
	case FRESHNESS_FRESH:
	case FRESHNESS_STALE_REVALIDATING:
	case FRESHNESS_STALE_ASKED:
	case FRESHNESS_EXPIRED:
	case FRESHNESS_NO_CACHE:
	case FRESHNESS_PURGED:
	case FRESHNESS_VERDICT_COUNT:
		break;
	}
	return FORWARD_STALE;
}

/* Whether a stored response answers, with *look and the exchange set for it. */
static bool find(struct exchange *x, struct look *look)
{
	struct caching *c = &x->cache;

	c->status.detail = NULL;
	look->found = cache_find(x->worker->http->cache, &look->query);
	if (!look->found.object) {
		c->status.forward = reason_of(look);
		return false;
	}
	judge(x, look);
	caching_take_hit(x, look->found.object, x->worker->now_ns);
	c->status.detail = freshness_why(look->judgement.verdict);
	if (asks_origin(exchange_request(x))) {
		c->status.forward = FORWARD_REQUEST;
		c->status.detail = "precondition";
		return false;
	}
	if (!freshness_is_usable(look->judgement.verdict)) {
		c->status.forward = reason_of(look);
		return false;
	}
	c->status.forward = FORWARD_NONE;
	if (look->judgement.verdict != FRESHNESS_FRESH)
		c->verdict = CACHE_VERDICT_STALE;
	else
		c->verdict = c->looks ? CACHE_VERDICT_COLLAPSED : CACHE_VERDICT_HIT;
	refresh_if_due(x, look);
	return true;
}

/* ---- Fetching ---- */

static void fill_moved(struct worker *worker, struct letter *letter)
{
	struct exchange *x = list_owner(letter, struct exchange, cache.letter);

	atomic_store(&x->cache.is_posted, false);
	conn_run(x->conn);
}

static void post(struct exchange *x)
{
	if (!atomic_exchange(&x->cache.is_posted, true))
		worker_post(x->worker, &x->cache.letter);
}

/* Under the fill's lock, on the thread that feeds it. */
static void wake(struct fill_waiter *waiter)
{
	struct exchange *x = list_owner(waiter, struct exchange, cache.waiter);

	/* Who feeds it reads from it afterwards, and need not be told. */
	if (!x->cache.is_owner)
		post(x);
}

/* Likewise, on the thread of a reader. */
static void drained(void *context)
{
	post(context);
}

void caching_own_fill(struct exchange *x)
{
	x->cache.letter.read = fill_moved;
	fill_on_drained(x->cache.fill, drained, x);
}

static void prepare_revalidation(struct exchange *x)
{
	struct caching *c = &x->cache;

	c->revalidates = c->object && x->method == METHOD_GET &&
			 !asks_origin(exchange_request(x)) &&
			 (c->object->etag_len || c->object->has_last_modified);
}

/* For the answer. Names of fields stand in scratch, and no rule asks a request for them. */
void caching_keep_facts(struct exchange *x, const struct caching_facts *facts)
{
	struct caching_facts *asked = &x->cache.asked;

	*asked = *facts;
	asked->req.says.no_cache_fields = (struct bytes){NULL, 0};
	asked->req.says.private_fields = (struct bytes){NULL, 0};
}

/* The upstream it is: as the one whose fetch others wait for, alone, or behind another. */
static enum progress fetch(struct exchange *x, struct look *look, bool *ret_again)
{
	struct caching *c = &x->cache;
	struct worker *worker = x->worker;
	struct fill_request req = {
		.query = look->query,
		.seen = c->object,
		.now_ns = worker->now_ns,
		.join_within_ns = x->share->plan->http->cache.wait_ns,
	};

	*ret_again = false;
	caching_keep_facts(x, &look->facts);
	c->sequence = cache_sequence(worker->http->cache);
	prepare_revalidation(x);
	/* Where our own conditions go to the upstream the answer is for all. */
	req.is_alone = c->is_alone || (!c->revalidates && has_conditions(exchange_request(x)));
	if (x->method != METHOD_GET)
		return go(x, STAGE_ADMIT);
	c->waiter.wake = wake;
	c->letter.read = fill_moved;
	switch (fill_join(worker->http->cache, &req, &c->waiter, &c->fill)) {
	case FILL_LEADS:
	case FILL_ALONE:
		caching_own_fill(x);
		break;
	case FILL_JOINED:
		c->wait_until_ns = worker->now_ns + x->share->plan->http->cache.wait_ns;
		c->status.is_collapsed = true;
		c->verdict = CACHE_VERDICT_COLLAPSED;
		return go(x, STAGE_SERVE);
	case FILL_LOOK_AGAIN:
		*ret_again = true;
		break;
	case FILL_NO_MEMORY:
		c->status.detail = storable_label(STORE_NO_SPACE);
		break;
	}
	return go(x, STAGE_ADMIT);
}

static enum progress bypass(struct exchange *x, enum store_verdict why)
{
	x->cache.verdict = CACHE_VERDICT_BYPASS;
	x->cache.status.forward = why == STORE_METHOD ? FORWARD_METHOD : FORWARD_BYPASS;
	x->cache.status.detail = why == STORE_METHOD ? NULL : storable_label(why);
	count(&x->worker->counters.forwarded[x->cache.status.forward]);
	return go(x, STAGE_ADMIT);
}

/* With a key: until there is a hit, or somebody fetches. */
static enum progress look_up(struct exchange *x, struct look *look)
{
	struct caching *c = &x->cache;
	bool again = true;
	enum progress progress = PROGRESS_MOVE_ON;

	for (int i = 0; again; i++) {
		caching_drop_object(x);
		if (find(x, look)) {
			/* After a first look: what another one has fetched meanwhile. */
			count(c->looks ? &x->worker->counters.cache_collapsed
				       : &x->worker->counters.cache_hits);
			return go(x, STAGE_SERVE);
		}
		c->verdict = CACHE_VERDICT_MISS;
		if (look->facts.rules->honour_request && look->facts.req.says.only_if_cached) {
			c->status.forward = FORWARD_NONE;
			return exchange_refuse(
				x, 504, "not in the cache, and the client wants nothing else");
		}
		c->is_alone |= i == LOOKS_MAX;
		progress = fetch(x, look, &again);
	}
	if (!c->looks) {
		count(&x->worker->counters.cache_misses);
		count(&x->worker->counters.forwarded[c->status.forward]);
	}
	return progress;
}

enum progress caching_lookup(struct exchange *x)
{
	struct worker *worker = x->worker;
	const struct http_policy *http = x->share->plan->http;
	const struct request *req = exchange_request(x);
	struct cache_key key;
	struct look look;
	enum store_verdict verdict;

	if (!worker->http->cache)
		return go(x, STAGE_ADMIT);
	look.facts = caching_facts_of(x->share->plan, req);
	verdict = storable_request(&look.facts.req, look.facts.rules);
	if (verdict == STORE_YES && x->wants_websocket)
		verdict = STORE_ROUTE;
	if (verdict != STORE_YES)
		return bypass(x, verdict);
	if (caching_key(http, req, &worker->key, &key)) {
		x->cache.verdict = CACHE_VERDICT_BYPASS;
		x->cache.status.detail = "no-key";
		x->cache.status.forward = FORWARD_BYPASS;
		count(&worker->counters.forwarded[FORWARD_BYPASS]);
		return go(x, STAGE_ADMIT);
	}
	x->cache.takes_part = true;
	look.query = (struct cache_query){&key, cache_hash(worker->http->cache, &key),
					  &req->head.fields};
	return look_up(x, &look);
}

/* ---- On the way to the upstream ---- */

struct bytes caching_conditions(struct exchange *x, struct text out)
{
	const struct cache_object *object = x->cache.object;
	const char *start = out.at;
	char date[DATE_TEXT_LEN];

	if (!x->cache.revalidates)
		return (struct bytes){NULL, 0};
	if (object->etag_len)
		text_field(&out, BYTES("If-None-Match"), object_validators(object).etag);
	if (object->has_last_modified) {
		date_format(object->last_modified_unix_s, date);
		text_field(&out, BYTES("If-Modified-Since"), (struct bytes){date, sizeof(date)});
	}
	if (!out.is_cut)
		return text_since(&out, start);
	x->cache.revalidates = false;
	return (struct bytes){NULL, 0};
}

/* ---- What is said of it ---- */

struct bytes caching_status(const struct exchange *x, char out[static CACHE_STATUS_MAX])
{
	if (!x->worker->http->cache)
		return (struct bytes){NULL, 0};
	return (struct bytes){
		out, cache_status_format(&x->cache.status, x->share->plan->http->name, out)};
}
