/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/freshness.h"

#include <stddef.h>

#define NS 1000000000ll

const struct cache_control *response_directives(const struct response_facts *resp,
						bool *ret_is_targeted)
{
	for (int i = 0; i < TARGETED_COUNT; i++) {
		if (!resp->has_targeted[i])
			continue;
		if (ret_is_targeted)
			*ret_is_targeted = true;
		return &resp->targeted[i];
	}
	if (ret_is_targeted)
		*ret_is_targeted = false;
	return &resp->says;
}

bool request_is_personal(const struct request_facts *req)
{
	return req->authorization == PERSONAL_LOOSE || req->cookie == PERSONAL_LOOSE ||
	       req->identity == PERSONAL_LOOSE;
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

/* A delta-seconds as a length of time: what cannot be read is no time at all. */
static uint32_t delta_s(int64_t delta)
{
	return (uint32_t)clamp(delta, 0, DELTA_SECONDS_MAX);
}

bool freshness_is_heuristic_status(unsigned status)
{
	switch (status) {
	case 200:
	case 203:
	case 204:
	case 206:
	case 300:
	case 301:
	case 308:
	case 404:
	case 405:
	case 410:
	case 414:
	case 501:
		return true;
	}
	return false;
}

bool freshness_is_error_status(unsigned status)
{
	return status == 500 || status == 502 || status == 503 || status == 504;
}

/* A Date that cannot be read is no Date (RFC 9110 section 6.6.1: the time of receipt stands in). */
static int64_t date_of(const struct response_facts *resp, const struct fetch_times *times)
{
	if (resp->date.is_given && resp->date.is_valid)
		return resp->date.unix_s;
	return times->response_unix_s;
}

/* RFC 9111 section 4.2.1, the first three rules. Returns false if the origin says nothing. */
static bool explicit_lifetime(const struct response_facts *resp, const struct fetch_times *times,
			      uint32_t *ret_s)
{
	bool is_targeted;
	const struct cache_control *says = response_directives(resp, &is_targeted);

	if (says->s_maxage != SECONDS_ABSENT) {
		*ret_s = delta_s(says->s_maxage);
		return true;
	}
	if (says->max_age != SECONDS_ABSENT) {
		*ret_s = delta_s(says->max_age);
		return true;
	}
	/* RFC 9213 section 2.2: a targeted field makes Expires irrelevant. */
	if (is_targeted || !resp->expires.is_given)
		return false;

	/* RFC 9111 section 5.3: what is no date, "0" above all, is in the past. */
	*ret_s = resp->expires.is_valid
			 ? (uint32_t)clamp(resp->expires.unix_s - date_of(resp, times), 0,
					   DELTA_SECONDS_MAX)
			 : 0;
	return true;
}

/* Statuses that `cache:` covers where the route does not list its own. */
static bool is_usual_status(unsigned status)
{
	switch (status) {
	case 200:
	case 203:
	case 301:
	case 308:
	case 404:
	case 410:
		return true;
	}
	return false;
}

static bool is_named(unsigned status, const struct route_rules *rules)
{
	unsigned i = status - 100;

	return i < 500 && rules->status[i / 64] >> (i % 64) & 1;
}

static bool is_policy_status(unsigned status, const struct route_rules *rules)
{
	switch ((enum covered_statuses)rules->covers) {
	case COVERED_USUAL:
		return is_usual_status(status);
	case COVERED_ONLY:
		return is_named(status, rules);
	case COVERED_EXCEPT:
		return is_usual_status(status) && !is_named(status, rules);
	}
	return false;
}

static bool policy_lifetime(const struct response_facts *resp, const struct route_rules *rules)
{
	const struct cache_control *says = response_directives(resp, NULL);

	return rules->has_lifetime && is_policy_status(resp->status, rules) &&
	       !resp->has_set_cookie && !resp->has_vary_any && !says->is_private && !says->no_store;
}

/* RFC 9111 section 4.2.2. "public" marks any final status as one we may guess for. */
static bool heuristic_lifetime(const struct response_facts *resp, const struct route_rules *rules,
			       const struct fetch_times *times, uint32_t *ret_s)
{
	int64_t unchanged_s;

	if (!rules->heuristics || !resp->last_modified.is_given || !resp->last_modified.is_valid)
		return false;
	if (!freshness_is_heuristic_status(resp->status) &&
	    !response_directives(resp, NULL)->is_public)
		return false;

	unchanged_s = date_of(resp, times) - resp->last_modified.unix_s;
	*ret_s = (uint32_t)clamp(unchanged_s / 10, 0, HEURISTIC_MAX_S);
	return true;
}

/* RFC 9111 section 4.2.3: corrected_initial_age, in nanoseconds. */
static int64_t initial_age_ns(const struct response_facts *resp, const struct fetch_times *times)
{
	int64_t apparent_s =
		clamp(times->response_unix_s - date_of(resp, times), 0, DELTA_SECONDS_MAX);
	int64_t delay_ns = times->response_ns > times->request_ns
				   ? (int64_t)(times->response_ns - times->request_ns)
				   : 0;
	int64_t corrected_ns = clamp(resp->age_s, 0, DELTA_SECONDS_MAX) * NS + delay_ns;

	return apparent_s * NS > corrected_ns ? apparent_s * NS : corrected_ns;
}

static enum lifetime_source lifetime_of(const struct response_facts *resp,
					const struct route_rules *rules,
					const struct fetch_times *times, uint32_t *ret_s)
{
	if (explicit_lifetime(resp, times, ret_s))
		return LIFETIME_EXPLICIT;
	if (policy_lifetime(resp, rules)) {
		*ret_s = rules->lifetime_s;
		return LIFETIME_POLICY;
	}
	if (heuristic_lifetime(resp, rules, times, ret_s))
		return LIFETIME_HEURISTIC;
	*ret_s = 0;
	return LIFETIME_NONE;
}

static uint32_t first_given_s(int64_t origins, int64_t routes)
{
	return origins != SECONDS_ABSENT ? delta_s(origins) : delta_s(routes);
}

struct freshness freshness_of(const struct response_facts *resp, const struct route_rules *rules,
			      const struct fetch_times *times)
{
	const struct cache_control *says = response_directives(resp, NULL);
	struct freshness fresh = {
		.born_ns = (int64_t)times->response_ns - initial_age_ns(resp, times),
		/* RFC 9111 sections 5.2.2.2, 5.2.2.8 and 5.2.2.10: the last includes the second. */
		.no_stale = says->must_revalidate || says->proxy_revalidate ||
			    says->s_maxage != SECONDS_ABSENT,
		.no_cache = says->no_cache,   /* section 5.2.2.4 */
		.immutable = says->immutable, /* RFC 8246 section 2 */
		.stale_if_error_s = first_given_s(says->stale_if_error, rules->stale_if_error_s),
	};

	fresh.source = (uint8_t)lifetime_of(resp, rules, times, &fresh.lifetime_s);
	/* The route's grace belongs to the route's lifetime; an origin that sets its own means it. */
	fresh.stale_while_revalidate_s = first_given_s(
		says->stale_while_revalidate,
		fresh.source == LIFETIME_POLICY ? rules->stale_while_revalidate_s : SECONDS_ABSENT);
	return fresh;
}

static int64_t age_ns(const struct freshness *fresh, uint64_t now_ns)
{
	int64_t age = (int64_t)now_ns - fresh->born_ns;

	return age > 0 ? age : 0;
}

uint32_t freshness_age_s(const struct freshness *fresh, uint64_t now_ns)
{
	return (uint32_t)clamp(age_ns(fresh, now_ns) / NS, 0, DELTA_SECONDS_MAX);
}

/* Nanoseconds of freshness left; not positive: stale for so long (section 4.2: fresh while lifetime > age). */
static int64_t left_ns(const struct freshness *fresh, uint64_t now_ns)
{
	return (int64_t)fresh->lifetime_s * NS - age_ns(fresh, now_ns);
}

/* Section 5.2.1: what the client will not take, were the response fresh. */
static enum freshness_verdict judge_request(const struct freshness *fresh,
					    const struct cache_control *asks, uint64_t now_ns)
{
	int64_t age = age_ns(fresh, now_ns), left = left_ns(fresh, now_ns);

	/* RFC 8246 section 2.1: a reload does not make an immutable response younger; a forced one does. */
	if (asks->no_cache)
		return FRESHNESS_ASKED_NO_CACHE;
	if (asks->max_age != SECONDS_ABSENT && age > (int64_t)delta_s(asks->max_age) * NS &&
	    !(fresh->immutable && left > 0))
		return FRESHNESS_ASKED_YOUNGER;
	if (asks->min_fresh != SECONDS_ABSENT && left < (int64_t)delta_s(asks->min_fresh) * NS)
		return FRESHNESS_ASKED_FRESHER;
	return FRESHNESS_FRESH;
}

/* Section 4.2.4: stale, not forbidden, and somebody permits it. */
static enum freshness_verdict judge_stale(const struct freshness *fresh,
					  const struct cache_control *asks, int64_t stale_ns)
{
	if (fresh->no_stale)
		return FRESHNESS_EXPIRED;
	if (stale_ns < (int64_t)fresh->stale_while_revalidate_s * NS)
		return FRESHNESS_STALE_REVALIDATING;
	if (asks && asks->max_stale != SECONDS_ABSENT &&
	    stale_ns <= (int64_t)delta_s(asks->max_stale) * NS)
		return FRESHNESS_STALE_ASKED;
	return FRESHNESS_EXPIRED;
}

/* A soft purge ends the lifetime; what would still be fresh bridges the time until it is fetched anew. */
static enum freshness_verdict judge_purged(const struct freshness *fresh, int64_t left)
{
	if (fresh->no_stale)
		return FRESHNESS_PURGED;
	if (left + (int64_t)fresh->stale_while_revalidate_s * NS > 0)
		return FRESHNESS_STALE_REVALIDATING;
	return FRESHNESS_PURGED;
}

/* A lifetime that the origin did not give is not applied to a request that says who asks. */
static bool is_for_somebody_else(const struct freshness *fresh, const struct request_facts *req)
{
	return fresh->source != LIFETIME_EXPLICIT && request_is_personal(req);
}

static enum freshness_verdict judge(const struct freshness *fresh, const struct cache_control *asks,
				    const struct lookup_facts *at)
{
	int64_t left = left_ns(fresh, at->now_ns);
	enum freshness_verdict wish =
		asks ? judge_request(fresh, asks, at->now_ns) : FRESHNESS_FRESH;

	if (fresh->no_cache)
		return FRESHNESS_NO_CACHE;
	/* What is stale besides is called so: that the client asked for more changed nothing. */
	if (wish != FRESHNESS_FRESH)
		return left > 0 ? wish : FRESHNESS_EXPIRED;
	if (at->is_soft_purged)
		return judge_purged(fresh, left);
	if (left <= 0)
		return judge_stale(fresh, asks, -left);
	return FRESHNESS_FRESH;
}

static bool is_near_end(const struct freshness *fresh, const struct route_rules *rules,
			int64_t left)
{
	return left <= (int64_t)fresh->lifetime_s * NS / 100 * rules->refresh_early_percent;
}

struct judgement freshness_judge(const struct freshness *fresh, const struct request_facts *req,
				 const struct route_rules *rules, const struct lookup_facts *at)
{
	const struct cache_control *asks = rules->honour_request ? &req->says : NULL;
	int64_t left = left_ns(fresh, at->now_ns);
	struct judgement is = {
		.verdict = judge(fresh, asks, at),
		.age_s = freshness_age_s(fresh, at->now_ns),
	};

	if (is_for_somebody_else(fresh, req))
		is.verdict = FRESHNESS_PERSONAL;
	is.ttl_s = (int64_t)fresh->lifetime_s - is.age_s;
	is.refresh_early = is.verdict == FRESHNESS_FRESH && at->is_hot &&
			   rules->refresh_early_percent && is_near_end(fresh, rules, left);
	return is;
}

bool freshness_on_error(const struct freshness *fresh, const struct request_facts *req,
			const struct route_rules *rules, enum origin_failure failure,
			uint64_t now_ns)
{
	int64_t stale_ns = -left_ns(fresh, now_ns);
	uint32_t allowed_s = fresh->stale_if_error_s;

	/* Section 4.2.4: no-cache and must-revalidate forbid it even when disconnected. */
	if (fresh->no_stale || fresh->no_cache || is_for_somebody_else(fresh, req))
		return false;
	/* RFC 5861 section 4: either side may ask for it. */
	if (rules->honour_request && delta_s(req->says.stale_if_error) > allowed_s)
		allowed_s = delta_s(req->says.stale_if_error);
	if (failure == FAILURE_NO_ANSWER && rules->stale_on_error_s > allowed_s)
		allowed_s = rules->stale_on_error_s;
	/* Without permission not even what a soft purge or the client called stale before its time. */
	return allowed_s && stale_ns < (int64_t)allowed_s * NS;
}

bool freshness_is_usable(enum freshness_verdict verdict)
{
	static const bool usable[] = {
#define X(name, label, is_usable, help) is_usable,
		FRESHNESS_VERDICTS(X)
#undef X
	};
	return usable[verdict];
}

const char *freshness_label(enum freshness_verdict verdict)
{
	static const char *const labels[] = {
#define X(name, label, is_usable, help) label,
		FRESHNESS_VERDICTS(X)
#undef X
	};
	return labels[verdict];
}

const char *freshness_why(enum freshness_verdict verdict)
{
	return verdict == FRESHNESS_FRESH || verdict == FRESHNESS_EXPIRED
		       ? NULL
		       : freshness_label(verdict);
}
