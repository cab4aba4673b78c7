/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands under `http` in a policy, with every default filled in.
 *
 * A part of struct policy: made whole, never changed afterwards, freed with it. All that it points to is its
 * own. docs/policy.md says what each key means to people; here is what the HTTP plane reads.
 */
#ifndef POLICY_HTTP_POLICY_H
#define POLICY_HTTP_POLICY_H

#include "policy/http_limit.h"
#include "policy/http_pieces.h"
#include "policy/policy.h"
#include "policy/route.h"

#define HTTP_FIELDS_MAX	   255 /* what message/head.h can hold */
#define HTTP_LISTENERS_MAX 64
#define HTTP_UPSTREAMS_MAX 256
#define HTTP_SERVERS_MAX   64 /* of one upstream */
#define HTTP_THREADS_MAX   64
#define HTTP_ROUTES_MAX	   4096	 /* the one for what matches no other not counted */
#define HTTP_LIMITS_MAX	   32	 /* in force on one request, the global ones included */
#define HTTP_KEY_PARTS_MAX 8	 /* of one identity */
#define HTTP_NAMES_MAX	   64	 /* of one list of names: fields, parameters, tags, tiers, hosts */
#define HTTP_BODY_MAX	   65536 /* bytes of a route's own answer to a refused request */
#define HTTP_NAME_ROOM	   256	 /* bytes of a host name, terminator included */

/* ---- Listeners and upstreams ---- */

/* Connections that begin with a PROXY header, and who may open them. */
struct http_senders {
	bool required;	  /* false: no PROXY header is understood on this listener */
	bool unix_socket; /* whoever can connect to a Unix listener */
	struct http_prefixes prefixes;
};

struct http_listener {
	struct http_address address; /* IP or UNIX */
	bool is_https;		     /* TLS ends in front of us: the scheme requests came by */
	struct http_senders senders; /* its own, or those under http */
	bool senders_given;
};

struct http_health {
	/* Passive, by connect failures, time-outs and closes in a row; the last server left is never ejected. */
	uint32_t eject_after;  /* 0: off */
	uint64_t eject_for_ns; /* doubles while it goes on failing, to ten times this */
	/* Active; path NULL: off. */
	const char *path;
	const char *host; /* Host of the request; NULL: the server's address */
	uint64_t every_ns;
	uint64_t timeout_ns;
	struct http_statuses expect;
	uint32_t down_after; /* failed checks in a row */
	uint32_t up_after;   /* passed checks in a row */
};

struct http_upstream {
	const char *name; /* "default" for the one under `upstream` */
	struct http_address *servers;
	size_t server_count;
	uint32_t max_requests; /* at once, all servers and threads together; 0: no cap */
	uint32_t queue;	       /* requests that may wait for one of them to end */
	uint64_t queue_wait_ns;
	struct http_health health;
	struct place place;
};

/* ---- Limits ---- */

enum http_key_kind {
	HTTP_KEY_CLIENT, /* the address as trusted proxies tell it; without such proxies the source */
	HTTP_KEY_SOURCE,  /* the address of the accepted socket (or its PROXY header) */
	HTTP_KEY_API_KEY, /* a key of the key file; else the client counts */
	HTTP_KEY_HEADER,  /* unverified: always paired with a limit on the source */
	HTTP_KEY_COOKIE,  /* likewise */
};

struct http_key_part {
	enum http_key_kind kind;
	const char *name; /* of HEADER (small letters) and COOKIE, else NULL */
};

/* Who is counted: all parts together. */
struct http_key {
	struct http_key_part part[HTTP_KEY_PARTS_MAX];
	size_t count; /* at least 1 */
};

enum http_scope {
	HTTP_SCOPE_ROUTE,  /* counted for the route it is in force on */
	HTTP_SCOPE_SHARED, /* counted with all limits of the same shared name and window */
	HTTP_SCOPE_GLOBAL, /* everything together: of global_limits */
};

/* What can be said of a limit: by itself, by its route, under http; the nearest word counts. */
enum http_limit_option {
	HTTP_OPTION_STRATEGY = 1,
	HTTP_OPTION_KEY = 2,
	HTTP_OPTION_COST = 4,
	HTTP_OPTION_COUNT_STATUS = 8,
	HTTP_OPTION_SHARED = 16,
	HTTP_OPTION_PER_METHOD = 32,
	HTTP_OPTION_DRY_RUN = 64,
	HTTP_OPTION_TIERS = 128,
};

struct http_limit_how {
	enum http_strategy strategy;
	struct http_key key;
	uint32_t cost;	    /* a request takes so much; 0: it is only looked at */
	bool counts_status; /* only answers whose status is in count_status count */
	struct http_statuses count_status;
	const char *shared; /* counted with all limits of this name and window; NULL: not shared */
	bool per_method;    /* each method has a count of its own */
	bool dry_run;	    /* judged and counted, nothing refused */
	struct http_names tiers; /* only clients of these; none: of all */
	unsigned given; /* bits of enum http_limit_option: said here; the others are inherited */
};

/* One limit with all that route and defaults say about it resolved: nothing else has to be asked. */
struct http_limit {
	struct http_rate rate;
	const char
		*name; /* given, or as http_limit_name() has it; unique among those of its route */
	bool name_given;
	enum http_scope scope;
	struct http_limit_how how;
	uint64_t burst;	 /* the token bucket's size, given or not (then it is rate.count) */
	bool is_default; /* from `limits` under http, not the route's own */
	struct place place;
};

struct http_limits {
	const struct http_limit *at;
	size_t count;
};

/* What a refused request is told. */
struct http_on_limit {
	uint16_t status;  /* 429 */
	const char *type; /* NULL: problem+json of our own making, body is NULL too */
	const char *body;
	uint64_t queue_ns; /* wait for so long to be let in before refusing; 0: refuse at once */
};

/* ---- Caching ---- */

enum http_query_rule { HTTP_QUERY_ALL, HTTP_QUERY_NONE, HTTP_QUERY_ONLY, HTTP_QUERY_EXCEPT };

/* Dimensions of the cache key beside scheme, host and path. */
struct http_cache_key {
	enum http_query_rule query;
	struct http_names query_names; /* of ONLY and EXCEPT */
	struct http_names headers;     /* small letters */
	struct http_names cookies;
	bool identity; /* the client as the route's `key` has it: a cache of its own for each */
};

struct http_cache_rule {
	bool off;	      /* `cache: off`: neither looked up nor stored */
	bool has_lifetime;    /* for answers that say nothing themselves */
	uint64_t lifetime_ns; /* whole seconds */
	bool has_stale_while_revalidate;
	uint64_t stale_while_revalidate_ns; /* for lifetimes of the policy */
	bool has_stale_if_error;
	uint64_t stale_if_error_ns; /* also on 500, 502, 503, 504 */
	struct http_cache_key key;
};

/* What does not make a request personal (`ignore`). */
struct http_ignore {
	struct http_names headers; /* small letters; "cookie" stands for all cookies */
	struct http_names cookies;
};

/* ---- Routes ---- */

/* The statuses of a route's own lifetime: the usual six, the named ones, or the usual ones without these. */
enum http_covers { HTTP_COVERS_USUAL, HTTP_COVERS_ONLY, HTTP_COVERS_EXCEPT };

enum http_retry { HTTP_RETRY_SAFE, HTTP_RETRY_IDEMPOTENT, HTTP_RETRY_OFF };

struct http_route {
	const char *
		match; /* in normal form: names of {} kept. NULL: of the route for what matches no other */
	uint32_t
		number; /* index into routes; route_count for the one that matches what no other does */
	bool is_prefix;	 /* its path ends in '*' */
	size_t upstream; /* index into upstreams */

	struct http_limits limits; /* in force here, without the global ones */
	bool and_defaults;
	bool has_limits;	   /* said in the file, even if empty: the defaults do not apply */
	struct http_limit_how how; /* what limits inherit; its key is also cache.key.identity's */
	bool exempt;		   /* no limit applies, the global ones included */
	struct http_names exempt_tiers;	      /* nor for clients of these tiers */
	struct http_prefixes exempt_prefixes; /* or these addresses */
	uint32_t concurrency;		      /* requests of one client in flight; 0: any number */
	struct http_on_limit on_limit;

	struct http_cache_rule cache;
	struct http_ignore ignore;
	enum http_covers covers;	    /* what cache.lifetime is for */
	struct http_statuses status;	    /* that `covers` speaks of */
	struct http_names tags;		    /* of every stored answer */
	struct http_names invalidate_tags;  /* by an unsafe request that succeeded */
	struct http_names invalidate_paths; /* likewise: "/path", or a prefix that ends in '*' */
	bool share_set_cookie;

	enum http_retry retry;
	bool lenient_path;    /* ambiguous paths are let through */
	bool websocket;	      /* Upgrade: websocket is tunnelled */
	bool method_override; /* X-HTTP-Method-Override reaches the upstream; then nothing is cached */
	uint64_t max_body;    /* bytes */
	uint64_t response_ns; /* the upstream's time to the head of its answer */
	struct place place;
};

/* ---- Everything ---- */

enum http_forwarded {
	HTTP_FORWARDED_X_FORWARDED_FOR,
	HTTP_FORWARDED_FORWARDED,
	HTTP_FORWARDED_OFF
};

struct http_timeouts {
	uint64_t head_ns; /* from the first byte of a request to the end of its head */
	uint64_t body_ns; /* while a body is awaited: in each such span min_rate.body must be met */
	uint64_t idle_ns; /* between requests */
	uint64_t
		send_ns; /* while a client is to read: in each such span min_rate.send must be met */
	uint64_t connect_ns;  /* to an upstream */
	uint64_t response_ns; /* an upstream's, to the head of its answer, and between its bytes */
	uint64_t drain_ns;    /* from SIGTERM to the end */
};

struct http_min_rate {
	uint64_t body; /* bytes a second; 0: any progress will do */
	uint64_t send;
};

struct http_max {
	uint32_t connections;
	uint32_t
		per_source; /* connections; trusted proxies and PROXY senders may have any number */
	uint32_t head;	    /* bytes */
	uint32_t fields;
	uint64_t body;	      /* bytes; a route may say otherwise */
	uint64_t memory;      /* bytes of everything: connections, buffers, cache, limit table */
	uint64_t limit_table; /* bytes of it */
	uint32_t identities_per_source; /* new unverified ones a minute */
};

struct http_cache {
	bool off;	     /* nothing is ever stored */
	uint64_t size;	     /* bytes */
	uint64_t object_max; /* bytes */
	bool heuristics;
	bool share_set_cookie;
	bool honour_request; /* request_directives: honour */
	uint64_t stale_on_error_ns;
	uint8_t refresh_early_percent; /* of a lifetime, from its end; 0: off */
	uint32_t waiters;	       /* that one fetch may have */
	uint64_t wait_ns;	       /* how long one waits at most */
};

struct http_keys {
	const char *file;   /* NULL: there are no API keys. key_file.h says what stands in it */
	const char *header; /* small letters */
	struct place place; /* of file */
};

/* One cause of bans: count of them from one source in within_ns. count 0: never. */
struct http_strikes {
	uint32_t count;
	uint64_t within_ns;
};

struct http_escalate {
	bool enabled;		       /* `escalate` is in the file */
	struct http_strikes refused;   /* `after`: requests answered 429 */
	struct http_strikes malformed; /* messages that break framing */
	struct http_strikes slow;      /* heads and bodies that ran out of time */
	uint64_t for_ns;	       /* of the first ban; doubles */
	uint64_t max_ns;
};

/* How a connection whose SYN was flagged is served. */
enum http_caution { HTTP_CAUTION_NORMAL, HTTP_CAUTION_CACHE_ONLY, HTTP_CAUTION_REFUSE };

enum http_log_format { HTTP_LOG_JSON, HTTP_LOG_COMBINED };
struct http_access_log {
	const char *file; /* NULL: off; opened by the parent. "stderr" is that */
	enum http_log_format format;
};

/* Which families of fields tell clients about their limits. */
struct http_limit_fields {
	bool retry_after;
	bool x_ratelimit; /* X-RateLimit-Limit, -Remaining, -Reset */
	bool ratelimit;	  /* RateLimit, RateLimit-Policy */
};

struct http_policy {
	struct http_listener *listeners;
	size_t listener_count;
	struct http_upstream
		*upstreams; /* at least one; [0] is "default" where `upstream` is given */
	size_t upstream_count;
	struct http_names hosts; /* small letters, "*.example.com" too; none: any */
	struct http_prefixes trusted_proxies;
	bool trusted_unix; /* whoever connects through a Unix listener is a trusted proxy */
	enum http_forwarded forwarded;
	struct http_senders senders; /* of listeners that say nothing themselves */
	bool lenient_path;
	bool method_override;
	struct http_timeouts timeouts;
	struct http_min_rate min_rate;
	struct http_max max;
	struct http_cache cache;
	struct http_keys keys;
	struct http_limit_how how; /* what all limits inherit: strategy, key */
	struct http_limits
		limits; /* the defaults, as they are in force on routes that say nothing */
	struct http_limits global_limits;
	struct http_names identity_headers; /* all that any key above or of a route names */
	struct http_names identity_cookies;
	struct http_limit_fields limit_fields;
	struct http_escalate escalate;
	enum http_caution caution;
	uint64_t caution_for_ns;
	struct http_access_log access_log;
	const char *name; /* in Via and Cache-Status */
	const char *user; /* the child's; NULL: "sluice" if there is one, else "nobody" */
	uint32_t threads; /* 0: one a core */

	struct http_route *routes; /* in the file's order */
	size_t route_count;
	struct http_route other; /* for requests that match none */
	struct route_table *table;

	struct arena *arena; /* all of the above but table */
};

/*
 * The route of a request: never NULL. A HEAD that has no route of its own takes that of GET.
 */
const struct http_route *http_policy_route(const struct http_policy *http,
					   const struct route_request *request);

/* Whether `hosts` accepts this name (small letters, no port): if not the answer is 421. */
bool http_policy_has_host(const struct http_policy *http, struct bytes name);

/*
 * Who lies in source (or it in that) without whose packets nobody is served, in words: a trusted proxy, a sender of
 * PROXY headers, a server that is given by its address. NULL: nobody. Names of servers are for the caller to know.
 */
const char *http_policy_needs(const struct http_policy *http, const struct prefix *source);

/*
 * Whether no ban of the HTTP plane's may hit source: for those above, or for an address that is listened on. What a
 * wildcard listens on is for the caller to know.
 */
bool http_policy_spares(const struct http_policy *http, const struct prefix *source);

/* Index of the upstream called name, or -ENOENT. */
int http_policy_find_upstream(const struct http_policy *http, struct bytes name);

/* NULL is fine. Called by policy_free(). */
void http_policy_free(struct http_policy *http);

#endif
