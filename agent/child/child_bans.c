/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/child_bans.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "http/banned.h"
#include "child/child.h"

static const enum pipe_ban_reason reasons[STRIKE_KIND_COUNT] = {
	[STRIKE_REFUSED] = PIPE_BAN_REFUSED,
	[STRIKE_MALFORMED] = PIPE_BAN_MALFORMED,
	[STRIKE_SLOW] = PIPE_BAN_SLOW,
};

bool child_ask_ban(void *context, const struct http_offence *offence)
{
	struct pipe_ban ban = {.family = offence->source.family,
			       .reason = (uint8_t)reasons[offence->kind],
			       .strikes = offence->strikes};
	struct pipe_message message = {.kind = PIPE_BAN,
				       .payload = {(const char *)&ban, sizeof(ban)}};

	memcpy(ban.address, offence->source.byte, sizeof(ban.address));
	return !pipe_send(CHILD_FD, &message);
}

static bool read_prefix(const struct pipe_banned *banned, struct prefix *ret_prefix)
{
	struct prefix prefix = {.family = banned->family, .bits = banned->bits};

	if (banned->family != ADDRESS_IPV4 && banned->family != ADDRESS_IPV6)
		return false;
	if (banned->bits > (banned->family == ADDRESS_IPV4 ? 32 : 128))
		return false;
	memcpy(prefix.byte, banned->address, sizeof(prefix.byte));
	*ret_prefix = prefix_cut(&prefix, prefix.bits);
	return true;
}

int child_take_banned(struct http *http, const struct pipe_message *message)
{
	struct prefix prefixes[PIPE_BANNED_MAX];
	size_t count = message->payload.len / sizeof(struct pipe_banned);

	if (message->payload.len % sizeof(struct pipe_banned))
		return -EPROTO;
	for (size_t i = 0; i < count; i++) {
		struct pipe_banned banned;

		memcpy(&banned, message->payload.at + i * sizeof(banned), sizeof(banned));
		if (!read_prefix(&banned, &prefixes[i]))
			return -EPROTO;
	}
	if (http && http_close_banned(http, prefixes, count))
		log_warning(
			"http: no memory to close connections of banned sources; they time out");
	return 0;
}
