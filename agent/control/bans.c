/* SPDX-License-Identifier: BSD-2-Clause */
/* /v1/bans and /v1/allows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "base/duration.h"
#include "control/ban_care.h"
#include "control/commands.h"
#include "control/json.h"
#include "control/input.h"

struct listing {
	struct json_list list;
	const struct moment *at;
};

static bool list_allow(void *context, const struct allow *allow)
{
	struct listing *listing = context;

	return json_list_add(&listing->list, json_allow(listing->at, allow));
}

/* ---- Many bans, as a stream ---------------------------------------------------------------- */

#define BANS_AT_ONCE \
	512 /* some 64 KiB; more make a stream, so that the loop has others served between */

/* Bans as they were when they were asked for. */
struct shown_bans {
	struct moment at;
	struct ban *bans;
	size_t count, room;
	size_t next;
	bool no_memory;
};

static void shown_free(void *context)
{
	struct shown_bans *shown = context;

	free(shown->bans);
	free(shown);
}

static bool copy_ban(void *context, const struct ban *ban)
{
	struct shown_bans *shown = context;

	if (shown->count == shown->room) {
		size_t room = shown->room ? 2 * shown->room : BANS_AT_ONCE;
		struct ban *grown = reallocarray(shown->bans, room, sizeof(*grown));

		if (!grown) {
			shown->no_memory = true;
			return false;
		}
		shown->bans = grown;
		shown->room = room;
	}
	shown->bans[shown->count++] = *ban;
	return true;
}

/* An array in pieces: what stands between two items is written with the second. */
static enum stream_result more_bans(void *context, struct buffer *out)
{
	struct shown_bans *shown = context;
	size_t end = shown->next + BANS_AT_ONCE < shown->count ? shown->next + BANS_AT_ONCE
							       : shown->count;

	if (!shown->next)
		buffer_add_text(out, "[");
	for (; shown->next < end; shown->next++) {
		struct json_list one = {.out = out, .count = shown->next};

		(void)json_list_add(&one, json_ban(&shown->at, &shown->bans[shown->next]));
	}
	if (end < shown->count)
		return STREAM_MORE;
	buffer_add_text(out, "]\n");
	return STREAM_END;
}

static void answer_bans(struct shown_bans *shown, struct response *response)
{
	if (shown->count > BANS_AT_ONCE) {
		response_stream(response, "application/json", more_bans, shown, shown_free,
				sizeof(*shown) + shown->room * sizeof(*shown->bans));
		return;
	}
	response_text(response, "application/json");
	(void)more_bans(shown, &response->body); /* all of them */
	shown_free(shown);
}

void bans_list(struct agent *agent, const struct request *request, struct response *response)
{
	struct shown_bans *shown;
	int status;

	if (!input_has_plane(agent, response))
		return;
	shown = calloc(1, sizeof(*shown));
	if (!shown) {
		response_problem(response, 500, "no memory for the answer");
		return;
	}
	shown->at = request->at;
	status = datapath_each_ban(agent->datapath, request->at.now_ns, copy_ban, shown);
	if (!status && !shown->no_memory) {
		answer_bans(shown, response);
		return;
	}
	response_problem(response, 500, "reading the map: %s", strerror(status ? -status : ENOMEM));
	shown_free(shown);
}

/* ---- Allows ---------------------------------------------------------------------------------- */

static void end_listing(struct listing *listing, int status, struct response *response)
{
	json_list_end(&listing->list);
	if (!status)
		status = response->body.error;
	if (status)
		response_problem(response, 500, "reading the map: %s", strerror(-status));
}

void allows_list(struct agent *agent, const struct request *request, struct response *response)
{
	struct listing listing = {.at = &request->at};

	if (!input_has_plane(agent, response))
		return;
	listing.list = json_list_begin(&response->body, false);
	end_listing(&listing,
		    datapath_each_allow(agent->datapath, request->at.now_ns, list_allow, &listing),
		    response);
}

/* Read {"prefix", "for", "reason"} from the body. Returns false with the request answered. */
static bool take_entry(const struct request *request, struct entry_text *ret_entry,
		       struct response *response)
{
	json_t *json = input_object(request, response);
	const char *why;
	bool good;

	if (!json)
		return false;
	good = input_entry(json, ret_entry, &why);
	if (!good)
		response_problem(response, 400, "%s", why);
	json_decref(json);
	return good;
}

/* What is now in force for the prefix: an older, longer ban stays. */
static struct ban ban_in_force(const struct agent *agent, const struct moment *at, struct ban ban)
{
	struct source_bits bits = datapath_source_bits(agent->datapath);
	struct ban found;

	ban.prefix =
		prefix_cut(&ban.prefix, ban.prefix.family == ADDRESS_IPV4 ? bits.ipv4 : bits.ipv6);
	if (!datapath_find_ban(agent->datapath, &ban.prefix, at->now_ns, &found) &&
	    !prefix_compare(&found.prefix, &ban.prefix))
		ban = found;
	return ban;
}

/* Events are of sources: the ban of a shorter prefix is seen in the list of bans only. */
static void tell_of_ban(struct agent *agent, const struct ban *ban)
{
	struct source_bits bits = datapath_source_bits(agent->datapath);
	const struct sl_event event = {
		.at_ns = ban->since_ns,
		.source = source_of(&ban->prefix, bits),
		.until_ns = ban->until_ns,
		.strikes = ban->strikes,
		.kind = SL_EVENT_BANNED,
		.reason = SL_BANNED,
		.cause = SL_BAN_MANUAL,
	};

	if (ban->prefix.bits == (ban->prefix.family == ADDRESS_IPV4 ? bits.ipv4 : bits.ipv6))
		agent_tell(agent, &event);
}

void bans_add(struct agent *agent, const struct request *request, struct response *response)
{
	char error[DATAPATH_ERROR_MAX] = "";
	auto_ban_care struct ban_care care = {};
	struct entry_text entry;
	uint64_t until_ns;
	struct ban ban;
	json_t *json;
	int status;

	if (!input_has_plane(agent, response) || !take_entry(request, &entry, response) ||
	    !ban_care_read(agent, request, &care, response))
		return;
	if (!ban_care_accepts(&care, &entry.prefix, error)) {
		response_problem(response, 409, "%s", error);
		return;
	}
	if (!entry.has_span)
		entry.span_ns = SL_BAN_DEFAULT_SECONDS * NS_PER_SEC;

	ban = (struct ban){
		.prefix = entry.prefix,
		.since_ns = request->at.now_ns,
		.until_ns = request->at.now_ns + entry.span_ns,
		.strikes = 1,
		.cause = SL_BAN_MANUAL,
	};
	memcpy(ban.reason, entry.reason, sizeof(ban.reason));
	status = datapath_ban(agent->datapath, agent->policy, &ban, error);
	if (status) {
		response_problem(response,
				 status == -EEXIST   ? 409
				 : status == -ENOSPC ? 507
						     : 500,
				 "%s", error[0] ? error : strerror(-status));
		return;
	}
	until_ns = ban.until_ns;
	ban = ban_in_force(agent, &request->at, ban);
	agent_banned(agent, &ban.prefix, 1);
	if (ban.until_ns <= until_ns)
		tell_of_ban(agent, &ban);
	json = json_ban(&request->at, &ban);
	(void)json_object_set_new(json, "stays", json_boolean(ban.until_ns > until_ns));
	response_json(response, json);
}

void allows_add(struct agent *agent, const struct request *request, struct response *response)
{
	struct entry_text entry;
	struct allow allow;
	int status;

	if (!input_has_plane(agent, response) || !take_entry(request, &entry, response))
		return;

	allow = (struct allow){
		.prefix = entry.prefix,
		.until_ns = entry.has_span ? request->at.now_ns + entry.span_ns : SL_NEVER,
	};
	memcpy(allow.reason, entry.reason, sizeof(allow.reason));
	status = datapath_allow(agent->datapath, &allow);
	if (status == -ENOSPC) {
		response_problem(response, 507, "the map of allows is full; disallow some first");
		return;
	}
	if (status) {
		response_problem(response, 500, "writing the map: %s", strerror(-status));
		return;
	}
	agent_bans_changed(agent);
	response_json(response, json_allow(&request->at, &allow));
}

static void answer_removal(struct agent *agent, const struct prefix *prefix, int status,
			   struct response *response)
{
	char text[PREFIX_TEXT_MAX];

	prefix_format(prefix, text);
	if (status == -ENOENT || status == -ETIME) {
		response_problem(response, 404, "there is none in force for exactly %s%s", text,
				 status == -ETIME ? "; its last one has ended" : "");
		return;
	}
	if (status) {
		response_problem(response, 500, "writing the map: %s", strerror(-status));
		return;
	}
	agent_bans_changed(agent);
	response_json(response, json_pack("{s:s}", "prefix", text));
}

/* The sweep tells of bans whose time is over, and never sees one that was taken out before. */
static void tell_of_unban(struct agent *agent, const struct prefix *prefix, uint64_t now_ns)
{
	struct source_bits bits = datapath_source_bits(agent->datapath);
	const struct sl_event event = {
		.at_ns = now_ns,
		.source = source_of(prefix, bits),
		.until_ns = now_ns,
		.kind = SL_EVENT_BAN_ENDED,
		.reason = SL_BANNED,
	};

	if (prefix->bits >= (prefix->family == ADDRESS_IPV4 ? bits.ipv4 : bits.ipv6))
		agent_tell(agent, &event);
}

void bans_remove(struct agent *agent, const struct request *request, struct response *response)
{
	struct prefix prefix;
	int status;

	if (!input_has_plane(agent, response) || !input_prefix_param(request, &prefix, response))
		return;
	status = datapath_unban(agent->datapath, &prefix, request->at.now_ns);
	if (!status)
		tell_of_unban(agent, &prefix, request->at.now_ns);
	answer_removal(agent, &prefix, status, response);
}

void allows_remove(struct agent *agent, const struct request *request, struct response *response)
{
	struct prefix prefix;

	if (input_has_plane(agent, response) && input_prefix_param(request, &prefix, response))
		answer_removal(agent, &prefix, datapath_disallow(agent->datapath, &prefix),
			       response);
}
