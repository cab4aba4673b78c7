/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the HTTP plane counts. Each thread has counters of its own and is the only
 * one to write them; anybody may read them at any time and add them up.
 */
#ifndef HTTP_COUNTERS_H
#define HTTP_COUNTERS_H

#include <stdint.h>

#include "base/count.h"
#include "cache/cache_status.h"
#include "cache/storable.h"
#include "message/result.h"
#include "policy/http_times.h"

/* X(name, help) */
#define HTTP_COUNTERS(X)                                                                    \
	X(accepted, "connections accepted")                                                 \
	X(closed, "connections closed")                                                     \
	X(refused_connections, "connections refused: too many in all")                      \
	X(refused_source, "connections refused: too many from one source")                  \
	X(refused_memory, "connections and requests refused: the memory total is in use")   \
	X(idle_evicted, "idle connections closed to make room")                             \
	X(proxy_bad, "connections closed: no valid PROXY header")                           \
	X(requests, "requests whose head was complete")                                     \
	X(informational, "interim answers passed on")                                       \
	X(answered_2xx, "answers with a status of 200 to 299")                              \
	X(answered_3xx, "answers with a status of 300 to 399")                              \
	X(answered_4xx, "answers with a status of 400 to 499")                              \
	X(answered_5xx, "answers with a status of 500 and above")                           \
	X(aborted, "exchanges that ended without a complete answer")                        \
	X(limited, "requests refused by a limit")                                           \
	X(limit_table_full, "requests refused: the table of counts had no room for them")   \
	X(limit_inventions, "requests refused: too many new identities from one source")    \
	X(limit_crowded, "requests refused: as many of the client are in flight as may be") \
	X(limit_queued, "requests that waited to be let in by a limit")                     \
	X(host_refused, "requests for a host that `hosts` does not name")                   \
	X(slow_head, "connections closed: the head took too long")                          \
	X(slow_body, "connections closed: the body came too slowly")                        \
	X(slow_reader, "connections reset: the client read too slowly")                     \
	X(underscore_fields, "request fields dropped: their name has an underscore")        \
	X(method_overrides, "request fields dropped: they ask for another method")          \
	X(upstream_connects, "connections to upstreams begun")                              \
	X(upstream_reused, "requests sent on a connection that was open")                   \
	X(upstream_connect_failed, "connections to upstreams that failed")                  \
	X(upstream_timeout, "requests that an upstream did not answer in time")             \
	X(upstream_closed, "answers cut short by the upstream")                             \
	X(upstream_bad, "answers of upstreams that break framing")                          \
	X(upstream_stray, "upstream connections closed: bytes nobody asked for")            \
	X(retries, "requests sent a second time")                                           \
	X(queued, "requests that waited for an upstream's slot")                            \
	X(queue_full, "requests refused: the upstream's queue is full")                     \
	X(queue_timeout, "requests refused: they waited too long for a slot")               \
	X(ejections, "servers taken out after failures in a row")                           \
	X(tunnels, "connections upgraded")                                                  \
	X(client_bytes_in, "bytes read from clients")                                       \
	X(client_bytes_out, "bytes written to clients")                                     \
	X(upstream_bytes_in, "bytes read from upstreams")                                   \
	X(upstream_bytes_out, "bytes written to upstreams")                                 \
	X(cache_hits, "requests answered from the cache as it was")                         \
	X(cache_misses, "requests that had to be fetched, or waited for somebody's fetch")  \
	X(cache_collapsed, "requests answered with what another one fetched")               \
	X(cache_revalidated, "stored responses that an upstream confirmed")                 \
	X(cache_refreshes, "stored responses fetched anew while they were still sent")      \
	X(cache_stale, "stale responses used because an upstream failed")                   \
	X(cache_stored, "answers stored")                                                   \
	X(strikes_refused, "requests over a limit that count towards a ban")                \
	X(strikes_malformed, "messages that break framing and count towards a ban")         \
	X(strikes_slow, "slow heads and bodies that count towards a ban")                   \
	X(banned_closed, "connections closed: their source was banned")                     \
	X(bans_asked, "sources handed to the packet plane")                                 \
	X(bans_vouched, "sources not handed over: a valid key came from there")             \
	X(bans_unasked, "sources not handed over: too many at once")                        \
	X(flagged, "connections accepted whose SYN was flagged")                            \
	X(caution_refused, "requests refused because their connection was flagged")         \
	X(caution_shed, "flagged requests refused for want of a free slot")                 \
	X(log_dropped, "lines of the access log that could not be written")

struct http_counters {
#define X(name, help) uint64_t name;
	HTTP_COUNTERS(X)
#undef X
	uint64_t refused[MESSAGE_RESULT_COUNT]; /* requests refused, by what was wrong */
	uint64_t forwarded
		[FORWARD_REASON_COUNT]; /* requests that the cache did not answer, by why */
	uint64_t not_stored
		[STORE_VERDICT_COUNT]; /* answers, by why; cache_stats() has those the store refused */
	uint64_t upstream_time[HTTP_TIME_BOUNDS +
			       1]; /* to an answer's head; the last: longer than all */
	uint64_t upstream_time_ns; /* their sum */
	int64_t connections; /* open now; may be negative in one thread's share, never in the sum */
};

/* Add the counters of one thread to *sum. */
void http_counters_add(struct http_counters *sum, const struct http_counters *more);

/* Count one answer of an upstream that took so long. */
void http_counters_time(struct http_counters *counters, uint64_t took_ns);

/* Count a final status told to a client. */
void http_counters_status(struct http_counters *counters, unsigned status);

#endif
