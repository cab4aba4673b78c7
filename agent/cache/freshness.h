/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How old a response is, how long it is fresh, and what may be done with it after
 * that: RFC 9111 section 4.2, RFC 5861, RFC 8246, RFC 9213.
 *
 * Pure. freshness_of() is asked once, when the response arrives; its answer is kept
 * with the stored response and freshness_judge() reads it on every request.
 */
#ifndef CACHE_FRESHNESS_H
#define CACHE_FRESHNESS_H

#include "cache/facts.h"

/* Who said how long. */
enum lifetime_source {
	LIFETIME_NONE,	    /* nobody: stale at once */
	LIFETIME_EXPLICIT,  /* the origin: s-maxage, max-age, Expires */
	LIFETIME_POLICY,    /* `cache:` of the route */
	LIFETIME_HEURISTIC, /* a tenth of the time since Last-Modified */
};

/* A heuristic lifetime is never longer (RFC 9111 section 4.2.2 leaves it to us). */
#define HEURISTIC_MAX_S 86400

/* Kept with every stored response. */
struct freshness {
	int64_t born_ns; /* monotonic instant at which its age was 0; may lie before the clock's start */
	uint32_t lifetime_s;
	uint32_t stale_while_revalidate_s;
	uint32_t stale_if_error_s;
	uint8_t source; /* enum lifetime_source */
	bool no_stale;	/* never once stale: must-revalidate, proxy-revalidate, s-maxage */
	bool no_cache;	/* never without asking the origin */
	bool immutable;
};
_Static_assert(sizeof(struct freshness) == 24, "counts in every object");

/* How long, by whom, and how old resp is already. */
struct freshness freshness_of(const struct response_facts *resp, const struct route_rules *rules,
			      const struct fetch_times *times);

/* X(NAME, label, is usable without the origin, help) */
#define FRESHNESS_VERDICTS(X)                                                                \
	X(FRESH, "fresh", true, "within its lifetime")                                       \
	X(STALE_REVALIDATING, "stale-while-revalidate", true,                                \
	  "stale, and may be used while one request asks the origin again")                  \
	X(STALE_ASKED, "max-stale", true, "stale, and the client takes it")                  \
	X(EXPIRED, "stale", false, "its lifetime is over")                                   \
	X(NO_CACHE, "no-cache", false, "the origin wants to be asked every time")            \
	X(PERSONAL, "personal", false,                                                       \
	  "the request says who asks, and the lifetime is not the origin's")                 \
	X(PURGED, "purged", false, "a soft purge ended its lifetime")                        \
	X(ASKED_NO_CACHE, "request-no-cache", false, "the client wants the origin's answer") \
	X(ASKED_YOUNGER, "request-max-age", false, "older than the client takes")            \
	X(ASKED_FRESHER, "request-min-fresh", false, "not fresh for as long as the client wants")

enum freshness_verdict {
#define X(name, label, usable, help) FRESHNESS_##name,
	FRESHNESS_VERDICTS(X)
#undef X
		FRESHNESS_VERDICT_COUNT
};

struct judgement {
	enum freshness_verdict verdict;
	uint32_t age_s;	    /* for the Age field */
	int64_t ttl_s;	    /* freshness left; negative: stale for so long */
	bool refresh_early; /* fresh, hot and near its end: one request should fetch it anew */
};

/* What one lookup knows besides the stored response. */
struct lookup_facts {
	uint64_t now_ns;
	bool is_soft_purged;
	bool is_hot; /* asked for again lately */
};

/* May a response be used for this request, as it is? */
struct judgement freshness_judge(const struct freshness *fresh, const struct request_facts *req,
				 const struct route_rules *rules, const struct lookup_facts *at);

/* Whether the verdict lets a response be sent without the origin's word. */
bool freshness_is_usable(enum freshness_verdict verdict);
const char *freshness_label(enum freshness_verdict verdict);
/* The label where it says more than that a response is fresh, or that its lifetime is over; else NULL. */
const char *freshness_why(enum freshness_verdict verdict);

/* What went wrong when the origin was asked. */
enum origin_failure {
	FAILURE_NO_ANSWER, /* connect failure, closed early, time-out */
	FAILURE_STATUS,	   /* 500, 502, 503 or 504 (RFC 5861 section 4) */
};

/* Whether a response that is not fresh may be used because the origin failed. */
bool freshness_on_error(const struct freshness *fresh, const struct request_facts *req,
			const struct route_rules *rules, enum origin_failure failure,
			uint64_t now_ns);

/* Whether stale-if-error speaks of this status at all. */
bool freshness_is_error_status(unsigned status);

/* RFC 9110 section 15.1: statuses whose responses may be stored without explicit freshness. */
bool freshness_is_heuristic_status(unsigned status);

/* RFC 9111 section 4.2.3; whole seconds, rounded down. */
uint32_t freshness_age_s(const struct freshness *fresh, uint64_t now_ns);

#endif
