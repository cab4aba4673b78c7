/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/request.h"

#define PORT_HTTP  80
#define PORT_HTTPS 443

static void read_identity(const struct plan *plan, const struct peer *peer, struct request *req)
{
	bool is_https = peer->is_https;

	if (peer->address.family) {
		req->identity = identity_find(&req->head.fields, &plan->identity, &peer->address);
	} else {
		req->identity = (struct identity){.address = peer->address};
		req->identity.peer_is_trusted = peer->is_unix_trusted;
	}
	req->peer_is_trusted = req->identity.peer_is_trusted;
	if (req->peer_is_trusted)
		(void)identity_scheme(&req->head.fields, plan->identity.family, &is_https);
	req->is_https = is_https;
}

static void read_host(struct request *req)
{
	uint16_t port = req->is_https ? PORT_HTTPS : PORT_HTTP;
	struct host bare = req->target.host;
	size_t len;

	if (!req->target.has_host) {
		req->authority_text = req->host = (struct bytes){0};
		return;
	}
	req->authority_text = host_format(&req->target.host, port, req->authority);
	/* The name is what stands before the port, if there is one. */
	len = req->authority_text.len;
	if (bare.port && bare.port != port)
		while (len && req->authority[--len] != ':')
			;
	req->host = (struct bytes){req->authority, len};
}

static bool connection_names(const struct request *req, struct http_names names)
{
	for (size_t i = 0; i < names.count; i++)
		if (field_list_has(&req->head.fields, FIELD_CONNECTION, bytes_of(names.at[i])))
			return true;
	return false;
}

/* Fields that say who asks must not be taken out on the way (standards: Connection naming them). */
static bool connection_hides_identity(const struct plan *plan, const struct request *req)
{
	return fields_first(&req->head.fields, FIELD_CONNECTION) &&
	       (connection_names(req, plan->http->identity_headers) ||
		connection_names(req, req->route->cache.key.headers));
}

static enum message_result read_parts(struct request *req)
{
	enum message_result result =
		target_read(&req->head, (struct path_room){req->path_room, sizeof(req->path_room)},
			    &req->target);

	if (result == MESSAGE_DONE)
		result = connection_read(&req->head.fields, true, &req->connection);
	if (result == MESSAGE_DONE)
		result = body_of_request(&req->head, &req->body);
	if (result == MESSAGE_DONE)
		result = expect_read(&req->head, &req->expects_continue);
	return result;
}

static void find_route(const struct plan *plan, struct request *req)
{
	const struct route_request line = {.method = req->head.method_text,
					   .host = req->host,
					   .path = req->target.is_asterisk ? BYTES("*")
									   : req->target.path.text};

	req->route =
		plan->http->route_count ? http_policy_route(plan->http, &line) : &plan->http->other;
	/* Bytes of a body would be the tunnel's first for some, and not for others. */
	req->wants_websocket = req->route->websocket && req->connection.upgrade &&
			       req->body.kind == BODY_NONE && req->head.method == METHOD_GET &&
			       req->head.minor &&
			       field_list_has(&req->head.fields, FIELD_UPGRADE, BYTES("websocket"));
}

enum request_fault request_judge(const struct plan *plan, const struct peer *peer,
				 struct request *req, enum message_result *ret_result)
{
	enum message_result result = read_parts(req);

	req->route = NULL;
	*ret_result = result;
	if (result != MESSAGE_DONE)
		return REQUEST_REFUSED;

	read_identity(plan, peer, req);
	read_host(req);
	/* RFC 9110 section 7.4: what is asked for over TLS is not answered without, and not under its name. */
	if (req->target.scheme_port &&
	    req->target.scheme_port != (req->is_https ? PORT_HTTPS : PORT_HTTP))
		return REQUEST_MISDIRECTED;
	if (plan->http->hosts.count && !http_policy_has_host(plan->http, req->host))
		return REQUEST_MISDIRECTED;

	find_route(plan, req);
	if (!req->target.is_asterisk && req->target.path.is_ambiguous && !req->route->lenient_path)
		*ret_result = MESSAGE_BAD_PATH;
	else if (connection_hides_identity(plan, req))
		*ret_result = MESSAGE_BAD_CONNECTION;
	else if (req->body.kind == BODY_LENGTH && req->body.length > req->route->max_body)
		*ret_result = MESSAGE_BODY_TOO_LARGE;
	return *ret_result == MESSAGE_DONE ? REQUEST_FINE : REQUEST_REFUSED;
}

bool request_is_idempotent(const struct request *req)
{
	switch (req->head.method) {
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_OPTIONS:
	case METHOD_PUT:
	case METHOD_DELETE:
		return true;
	case METHOD_POST:
	case METHOD_PATCH:
	case METHOD_OTHER:
		return false;
	}
	return false;
}
