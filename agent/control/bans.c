/* SPDX-License-Identifier: BSD-2-Clause */
/* /v1/bans and /v1/allows. */
#include <errno.h>
#include <string.h>

#include <sluice/control.h>

#include "base/duration.h"
#include "control/commands.h"
#include "control/json.h"
#include "control/input.h"

struct listing {
	struct json_list list;
	const struct moment *at;
};

static bool list_ban(void *context, const struct ban *ban)
{
	struct listing *listing = context;

	return json_list_add(&listing->list, json_ban(listing->at, ban));
}

static bool list_allow(void *context, const struct allow *allow)
{
	struct listing *listing = context;

	return json_list_add(&listing->list, json_allow(listing->at, allow));
}

static void end_listing(struct listing *listing, int status, struct response *response)
{
	json_list_end(&listing->list);
	if (!status)
		status = response->body.error;
	if (status)
		response_problem(response, 500, "reading the map: %s", strerror(-status));
}

void bans_list(struct agent *agent, const struct request *request, struct response *response)
{
	struct listing listing = {.at = &request->at};

	if (!input_has_plane(agent, response))
		return;
	listing.list = json_list_begin(&response->body, false);
	end_listing(&listing,
		    datapath_each_ban(agent->datapath, request->at.now_ns, list_ban, &listing),
		    response);
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
	struct entry_text entry;
	struct ban ban;
	int status;

	if (!input_has_plane(agent, response) || !take_entry(request, &entry, response))
		return;
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
	ban = ban_in_force(agent, &request->at, ban);
	agent_banned(agent, &ban.prefix, 1);
	tell_of_ban(agent, &ban);
	response_json(response, json_ban(&request->at, &ban));
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
	if (status == -ENOENT) {
		response_problem(response, 404, "there is none for exactly %s", text);
		return;
	}
	if (status) {
		response_problem(response, 500, "writing the map: %s", strerror(-status));
		return;
	}
	agent_bans_changed(agent);
	response_json(response, json_pack("{s:s}", "prefix", text));
}

void bans_remove(struct agent *agent, const struct request *request, struct response *response)
{
	struct prefix prefix;

	if (input_has_plane(agent, response) && input_prefix_param(request, &prefix, response))
		answer_removal(agent, &prefix, datapath_unban(agent->datapath, &prefix), response);
}

void allows_remove(struct agent *agent, const struct request *request, struct response *response)
{
	struct prefix prefix;

	if (input_has_plane(agent, response) && input_prefix_param(request, &prefix, response))
		answer_removal(agent, &prefix, datapath_disallow(agent->datapath, &prefix),
			       response);
}
