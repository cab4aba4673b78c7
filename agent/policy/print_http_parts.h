/* SPDX-License-Identifier: BSD-2-Clause */
/* The values under `http` as YAML in flow style. Each adds to out; "{...}" and "[...]" included. */
#ifndef POLICY_PRINT_HTTP_PARTS_H
#define POLICY_PRINT_HTTP_PARTS_H

#include "policy/http_values.h"

/* A mapping being written: begin, the keys that there are, end. */
struct flow_map {
	struct buffer *out;
	bool has_keys;
};

struct flow_map flow_map_begin(struct buffer *out);
/* "NAME: ", with what goes before it; the value is the caller's. Returns out. */
struct buffer *flow_key(struct flow_map *map, const char *name);
void flow_end(struct flow_map *map);

/* In double quotes, whatever it holds. */
void print_quoted(const char *text, struct buffer *out);
void print_names(const struct http_names *names, struct buffer *out);
void print_prefixes(const struct http_prefixes *prefixes, bool unix_socket, struct buffer *out);
void print_statuses(const struct http_statuses *set, struct buffer *out);
void print_key(const struct http_key *key, struct buffer *out);

/* What is said there, bits of how->given; nothing else. */
void print_how(struct flow_map *map, const struct http_limit_how *how);
void print_limits(const struct http_limits *limits, bool own_only, struct buffer *out);

void print_senders(const struct http_senders *senders, struct buffer *out);
void print_listener(const struct http_listener *listener, struct buffer *out);
void print_upstream(const struct http_upstream *upstream, struct buffer *out);

/* All of a route but `match` that is not the default, into map. */
struct route_printing {
	const struct http_policy *http;
	const struct http_route *route;
	struct flow_map *map;
};
void print_route(const struct route_printing *printing);

#endif
