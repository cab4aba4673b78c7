/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the caching rules look at, as plain values.
 *
 * Whoever parses messages fills these in; the rules (freshness.h, storable.h,
 * validation.h) see no byte of a message. A zeroed struct with CACHE_CONTROL_NONE
 * is a message that says nothing.
 *
 * Wall-clock instants are seconds since 1970 and end in _unix_s: only HTTP dates
 * are compared with them. Everything that passes is monotonic and ends in _ns.
 */
#ifndef CACHE_FACTS_H
#define CACHE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/cache_control.h"

/* Fields meant for caches like this one, the nearest first (RFC 9213 section 2.2). */
enum targeted_field {
	TARGETED_SLUICE, /* Sluice-Cache-Control */
	TARGETED_CDN,	 /* CDN-Cache-Control */
	TARGETED_COUNT
};

/* A wall-clock instant that a message may lack. */
struct maybe_time {
	bool is_given;
	bool is_valid; /* it is a date; meaningless unless given */
	int64_t unix_s;
};

enum asked_method {
	ASKS_GET,
	ASKS_HEAD,
	ASKS_SAFE,   /* OPTIONS and other safe methods: never stored, invalidate nothing */
	ASKS_UNSAFE, /* everything else, unknown methods included */
};

/* A credential or cookie that says who asks, and whether the route accounts for it. */
enum personal {
	PERSONAL_ABSENT,
	PERSONAL_DECLARED, /* there; part of the route's key, or listed under `ignore` */
	PERSONAL_LOOSE,	   /* there, and the route says nothing of it */
};

struct request_facts {
	enum asked_method method;
	bool has_content;	  /* Content-Length above zero, or a coding */
	bool has_method_override; /* X-HTTP-Method-Override or its kin was let through */
	bool has_range;
	enum personal authorization;
	enum personal cookie;
	enum personal identity; /* a header or cookie the policy knows clients by */
	struct cache_control says;
};

struct response_facts {
	unsigned status;
	bool has_set_cookie;
	bool has_vary_any; /* "*" is a member of Vary */
	bool has_etag;
	struct cache_control says; /* Cache-Control */
	/* Only where the field is a valid, non-empty dictionary (RFC 9213 section 2.1). */
	bool has_targeted[TARGETED_COUNT];
	struct cache_control targeted[TARGETED_COUNT];
	struct maybe_time date;
	struct maybe_time expires; /* "0" and other non-dates: given, not valid */
	struct maybe_time last_modified;
	int64_t age_s; /* first member of Age; 0 if absent or no number (RFC 9111 section 5.1) */
	struct bytes content_type;
};

/* When a response was fetched. */
struct fetch_times {
	uint64_t request_ns;	 /* the request was sent; CLOCK_MONOTONIC */
	uint64_t response_ns;	 /* the response's head arrived */
	int64_t response_unix_s; /* the same instant, wall clock */
};

/* What a lifetime of the policy is for: the statuses it usually is, only these, or the usual ones but these. */
enum covered_statuses { COVERED_USUAL, COVERED_ONLY, COVERED_EXCEPT };

#define RULES_STATUS_WORDS 8 /* of a set of statuses from 100 to 599, a bit each */

/* What the policy says of the route that matched. */
struct route_rules {
	bool no_cache;			     /* the route is never cached */
	bool has_lifetime;		     /* `cache: DURATION` */
	bool heuristics;		     /* lifetimes may be guessed from Last-Modified */
	bool share_set_cookie;		     /* responses with Set-Cookie may be shared */
	bool honour_request;		     /* request directives are obeyed */
	bool is_prefix;			     /* the route's path ends in a wildcard */
	uint8_t refresh_early_percent;	     /* of the lifetime, from its end; 0: off */
	uint8_t covers;			     /* enum covered_statuses: what `cache:` covers */
	uint64_t status[RULES_STATUS_WORDS]; /* `status:`, of which `covers` speaks */
	uint32_t lifetime_s;
	uint32_t stale_on_error_s;	  /* on connect failure, close, time-out */
	int64_t stale_if_error_s;	  /* the route's own, also on 5xx; SECONDS_ABSENT */
	int64_t stale_while_revalidate_s; /* for lifetimes of the policy; SECONDS_ABSENT */
};

#define STALE_ON_ERROR_DEFAULT_S 60

/* Whether the request carries anything that says who asks and that the route does not account for. */
bool request_is_personal(const struct request_facts *req);

/*
 * The directives in force: of the nearest targeted field that is there, otherwise of
 * Cache-Control (RFC 9213 section 2.2). *ret_is_targeted, which may be NULL, says whether
 * Cache-Control and Expires are to be ignored.
 */
const struct cache_control *response_directives(const struct response_facts *resp,
						bool *ret_is_targeted);

#endif
