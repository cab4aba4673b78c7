/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The field names Sluice knows, each written once: its number, its text and what
 * a proxy may do with it. A name is recognised when the head is parsed; later
 * stages compare numbers.
 *
 * After adding a name run tools/field-slots (see there); test_names fails until then.
 */
#ifndef MESSAGE_NAMES_H
#define MESSAGE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum field_flag {
	FIELD_IS_HOP = 1,      /* about this connection only: neither forwarded nor stored */
	FIELD_IS_GUARDED = 2,  /* a request whose Connection names it is refused */
	FIELD_SAYS_CLIENT = 4, /* says who the client was: believed from trusted peers only */
	FIELD_SAYS_METHOD = 8, /* makes some origins take another method than the one we saw */
	FIELD_NOT_IN_TRAILER =
		16,	       /* framing, routing, authentication, limits: dropped from trailers */
	FIELD_NOT_STORED = 32, /* RFC 9111 section 3.1: not part of a stored response */
	FIELD_IS_LIMITS = 64,  /* the quota families; ours replace the upstream's where we limit */
};

#define FIELD_G	  FIELD_IS_GUARDED
#define FIELD_T	  FIELD_NOT_IN_TRAILER
#define FIELD_GT  (FIELD_IS_GUARDED | FIELD_NOT_IN_TRAILER)
#define FIELD_FGT (FIELD_SAYS_CLIENT | FIELD_IS_GUARDED | FIELD_NOT_IN_TRAILER)
#define FIELD_HT  (FIELD_IS_HOP | FIELD_NOT_IN_TRAILER)
#define FIELD_NT  (FIELD_NOT_STORED | FIELD_NOT_IN_TRAILER)
#define FIELD_LT  (FIELD_IS_LIMITS | FIELD_NOT_IN_TRAILER)
#define FIELD_OT  (FIELD_SAYS_METHOD | FIELD_NOT_IN_TRAILER)

/* X(NAME, "text in lower case", flags). */
#define FIELD_NAMES(X)                                                         \
	X(ACCEPT, "accept", 0)                                                 \
	X(ACCEPT_CHARSET, "accept-charset", 0)                                 \
	X(ACCEPT_ENCODING, "accept-encoding", 0)                               \
	X(ACCEPT_LANGUAGE, "accept-language", 0)                               \
	X(ACCEPT_RANGES, "accept-ranges", 0)                                   \
	X(ACCESS_CONTROL_REQUEST_HEADERS, "access-control-request-headers", 0) \
	X(ACCESS_CONTROL_REQUEST_METHOD, "access-control-request-method", 0)   \
	X(AGE, "age", FIELD_T)                                                 \
	X(ALLOW, "allow", 0)                                                   \
	X(ALT_SVC, "alt-svc", 0)                                               \
	X(AUTHORIZATION, "authorization", FIELD_GT)                            \
	X(CACHE_CONTROL, "cache-control", FIELD_GT)                            \
	X(CACHE_GROUPS, "cache-groups", FIELD_T)                               \
	X(CACHE_GROUP_INVALIDATION, "cache-group-invalidation", FIELD_T)       \
	X(CACHE_STATUS, "cache-status", 0)                                     \
	X(CACHE_TAG, "cache-tag", FIELD_T)                                     \
	X(CDN_CACHE_CONTROL, "cdn-cache-control", FIELD_T)                     \
	X(CF_CONNECTING_IP, "cf-connecting-ip", FIELD_FGT)                     \
	X(CONNECTION, "connection", FIELD_HT)                                  \
	X(CONTENT_DISPOSITION, "content-disposition", FIELD_G)                 \
	X(CONTENT_ENCODING, "content-encoding", FIELD_GT)                      \
	X(CONTENT_LANGUAGE, "content-language", FIELD_G)                       \
	X(CONTENT_LENGTH, "content-length", FIELD_GT)                          \
	X(CONTENT_LOCATION, "content-location", FIELD_GT)                      \
	X(CONTENT_RANGE, "content-range", FIELD_GT)                            \
	X(CONTENT_TYPE, "content-type", FIELD_GT)                              \
	X(COOKIE, "cookie", FIELD_GT)                                          \
	X(DATE, "date", FIELD_T)                                               \
	X(DNT, "dnt", 0)                                                       \
	X(ETAG, "etag", 0)                                                     \
	X(EXPECT, "expect", FIELD_T)                                           \
	X(EXPIRES, "expires", FIELD_T)                                         \
	X(FASTLY_CLIENT_IP, "fastly-client-ip", FIELD_FGT)                     \
	X(FORWARDED, "forwarded", FIELD_FGT)                                   \
	X(FROM, "from", 0)                                                     \
	X(HOST, "host", FIELD_GT)                                              \
	X(HTTP2_SETTINGS, "http2-settings", FIELD_HT)                          \
	X(IF_MATCH, "if-match", FIELD_T)                                       \
	X(IF_MODIFIED_SINCE, "if-modified-since", FIELD_T)                     \
	X(IF_NONE_MATCH, "if-none-match", FIELD_T)                             \
	X(IF_RANGE, "if-range", FIELD_T)                                       \
	X(IF_UNMODIFIED_SINCE, "if-unmodified-since", FIELD_T)                 \
	X(KEEP_ALIVE, "keep-alive", FIELD_HT)                                  \
	X(LAST_MODIFIED, "last-modified", 0)                                   \
	X(LINK, "link", 0)                                                     \
	X(LOCATION, "location", FIELD_T)                                       \
	X(MAX_FORWARDS, "max-forwards", FIELD_T)                               \
	X(ORIGIN, "origin", 0)                                                 \
	X(PRAGMA, "pragma", FIELD_T)                                           \
	X(PRIORITY, "priority", 0)                                             \
	X(PROXY, "proxy", FIELD_HT)                                            \
	X(PROXY_AUTHENTICATE, "proxy-authenticate", FIELD_NT)                  \
	X(PROXY_AUTHENTICATION_INFO, "proxy-authentication-info", FIELD_NT)    \
	X(PROXY_AUTHORIZATION, "proxy-authorization", FIELD_NT)                \
	X(PROXY_CONNECTION, "proxy-connection", FIELD_HT)                      \
	X(RANGE, "range", FIELD_T)                                             \
	X(RATELIMIT, "ratelimit", FIELD_LT)                                    \
	X(RATELIMIT_POLICY, "ratelimit-policy", FIELD_LT)                      \
	X(REFERER, "referer", 0)                                               \
	X(RETRY_AFTER, "retry-after", FIELD_LT)                                \
	X(SEC_CH_UA, "sec-ch-ua", 0)                                           \
	X(SEC_CH_UA_MOBILE, "sec-ch-ua-mobile", 0)                             \
	X(SEC_CH_UA_PLATFORM, "sec-ch-ua-platform", 0)                         \
	X(SEC_FETCH_DEST, "sec-fetch-dest", 0)                                 \
	X(SEC_FETCH_MODE, "sec-fetch-mode", 0)                                 \
	X(SEC_FETCH_SITE, "sec-fetch-site", 0)                                 \
	X(SEC_FETCH_USER, "sec-fetch-user", 0)                                 \
	X(SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept", FIELD_T)               \
	X(SEC_WEBSOCKET_EXTENSIONS, "sec-websocket-extensions", FIELD_T)       \
	X(SEC_WEBSOCKET_KEY, "sec-websocket-key", FIELD_T)                     \
	X(SEC_WEBSOCKET_PROTOCOL, "sec-websocket-protocol", FIELD_T)           \
	X(SEC_WEBSOCKET_VERSION, "sec-websocket-version", FIELD_T)             \
	X(SERVER, "server", 0)                                                 \
	X(SET_COOKIE, "set-cookie", FIELD_T)                                   \
	X(SLUICE_CACHE_CONTROL, "sluice-cache-control", FIELD_T)               \
	X(SURROGATE_CAPABILITY, "surrogate-capability", FIELD_T)               \
	X(SURROGATE_CONTROL, "surrogate-control", FIELD_T)                     \
	X(SURROGATE_KEY, "surrogate-key", FIELD_T)                             \
	X(TE, "te", FIELD_HT)                                                  \
	X(TRAILER, "trailer", FIELD_T)                                         \
	X(TRANSFER_ENCODING, "transfer-encoding", FIELD_HT)                    \
	X(TRUE_CLIENT_IP, "true-client-ip", FIELD_FGT)                         \
	X(UPGRADE, "upgrade", FIELD_HT)                                        \
	X(UPGRADE_INSECURE_REQUESTS, "upgrade-insecure-requests", 0)           \
	X(USER_AGENT, "user-agent", 0)                                         \
	X(VARY, "vary", FIELD_T)                                               \
	X(VIA, "via", FIELD_T)                                                 \
	X(WARNING, "warning", FIELD_T)                                         \
	X(WWW_AUTHENTICATE, "www-authenticate", FIELD_T)                       \
	X(X_API_KEY, "x-api-key", FIELD_GT)                                    \
	X(X_CLIENT_IP, "x-client-ip", FIELD_FGT)                               \
	X(X_CLUSTER_CLIENT_IP, "x-cluster-client-ip", FIELD_FGT)               \
	X(X_FORWARDED_FOR, "x-forwarded-for", FIELD_FGT)                       \
	X(X_FORWARDED_HOST, "x-forwarded-host", FIELD_FGT)                     \
	X(X_FORWARDED_PORT, "x-forwarded-port", FIELD_FGT)                     \
	X(X_FORWARDED_PROTO, "x-forwarded-proto", FIELD_FGT)                   \
	X(X_HOST, "x-host", FIELD_FGT)                                         \
	X(X_HTTP_METHOD, "x-http-method", FIELD_OT)                            \
	X(X_HTTP_METHOD_OVERRIDE, "x-http-method-override", FIELD_OT)          \
	X(X_METHOD_OVERRIDE, "x-method-override", FIELD_OT)                    \
	X(X_ORIGINAL_HOST, "x-original-host", FIELD_FGT)                       \
	X(X_ORIGINAL_URL, "x-original-url", FIELD_FGT)                         \
	X(X_RATELIMIT_LIMIT, "x-ratelimit-limit", FIELD_LT)                    \
	X(X_RATELIMIT_REMAINING, "x-ratelimit-remaining", FIELD_LT)            \
	X(X_RATELIMIT_RESET, "x-ratelimit-reset", FIELD_LT)                    \
	X(X_REAL_IP, "x-real-ip", FIELD_FGT)                                   \
	X(X_REQUEST_ID, "x-request-id", FIELD_T)                               \
	X(X_REWRITE_URL, "x-rewrite-url", FIELD_FGT)

enum field_name {
	FIELD_OTHER, /* a name that is not in the table */
#define X(name, text, flags) FIELD_##name,
	FIELD_NAMES(X)
#undef X
		FIELD_NAME_COUNT
};

/* Number of a name that is known to be a token (RFC 9110 section 5.6.2), or FIELD_OTHER. */
enum field_name field_name_find(struct bytes name);

/* Its text in lower case; empty for FIELD_OTHER. */
struct bytes field_name_text(enum field_name name);

/*
 * Bits of enum field_flag. A name that is not in the table is judged by its beginning:
 * "content-" and "x-forwarded-" are families, whatever follows.
 */
unsigned field_flags(enum field_name name, struct bytes text);

#endif
