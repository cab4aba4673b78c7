/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/target.h"

#include "message/chars.h"

#define PORT_HTTP  80
#define PORT_HTTPS 443

/* Cuts "http://" or "https://" off; returns the scheme's port, or 0 if it is neither. */
static uint16_t take_scheme(struct bytes *rest)
{
	static const struct {
		struct bytes text;
		uint16_t port;
	} schemes[] = {{{"http://", 7}, PORT_HTTP}, {{"https://", 8}, PORT_HTTPS}};

	for (unsigned i = 0; i < 2; i++) {
		struct bytes front = {rest->at, schemes[i].text.len};

		if (rest->len < front.len || !bytes_equal_nocase(front, schemes[i].text))
			continue;
		*rest = bytes_from(*rest, front.len);
		return schemes[i].port;
	}
	return 0;
}

/* "http://host:port" before the path: it and Host must name the same (RFC 9112 section 3.2.2). */
static enum message_result take_authority(struct bytes *rest, struct target *target)
{
	uint16_t port = take_scheme(rest);
	struct bytes text = *rest;
	struct host authority;

	if (!port)
		return MESSAGE_BAD_TARGET;
	for (text.len = 0; text.len < rest->len; text.len++)
		if (rest->at[text.len] == '/' || rest->at[text.len] == '?')
			break;
	if (!host_parse(text, &authority))
		return MESSAGE_BAD_HOST;
	if (target->has_host && !host_equal(&authority, &target->host, port))
		return MESSAGE_HOST_DIFFERS;

	if (!target->has_host)
		target->host = authority;
	target->has_host = true;
	target->scheme_port = port;
	*rest = bytes_from(*rest, text.len);
	return MESSAGE_DONE;
}

static enum message_result take_path(struct bytes rest, struct path_room room,
				     struct target *target)
{
	const char *mark = rest.len ? memchr(rest.at, '?', rest.len) : NULL;
	struct bytes path = rest;

	if (mark) {
		path.len = (size_t)(mark - rest.at);
		target->has_query = true;
		target->query = bytes_from(rest, path.len + 1);
	}
	if (!path.len)
		path = BYTES("/");
	return path_normalise(path, room, &target->path);
}

enum message_result target_read(const struct request_head *head, struct path_room room,
				struct target *ret_target)
{
	struct target target = {.has_host = head->has_host};
	struct bytes rest = head->target;
	enum message_result result = MESSAGE_DONE;

	if (head->has_host)
		target.host = head->host;
	if (rest.at[0] != '/' && !bytes_equal(rest, BYTES("*")))
		result = take_authority(&rest, &target);
	if (result != MESSAGE_DONE)
		return result;

	/* RFC 9112 section 3.2.4: an absolute target without a path is the asterisk to OPTIONS. */
	target.is_asterisk =
		bytes_equal(rest, BYTES("*")) || (!rest.len && head->method == METHOD_OPTIONS);
	if (target.is_asterisk && head->method != METHOD_OPTIONS)
		return MESSAGE_BAD_TARGET;
	if (!target.is_asterisk)
		result = take_path(rest, room, &target);
	if (result == MESSAGE_DONE)
		*ret_target = target;
	return result;
}
