/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/ban_care.h"

#include <stdio.h>

#include "control/input.h"
#include "policy/http_policy.h"

#define INSIST "--force bans it all the same"

static bool read_caller(const struct request *request, struct ban_care *care)
{
	char text[PREFIX_TEXT_MAX];
	bool whole = false;

	switch (request_param(request, "caller", text, sizeof(text))) {
	case PARAM_ABSENT:
		return true;
	case PARAM_BAD:
		return false;
	case PARAM_OK:
		care->has_caller = true;
		return prefix_parse(bytes_of(text), &care->caller, &whole) == PREFIX_OK && whole;
	}
	return false;
}

bool ban_care_read(const struct agent *agent, const struct request *request,
		   struct ban_care *ret_care, struct response *response)
{
	struct ban_care *care = ret_care;

	*care = (struct ban_care){.agent = agent};
	if (!input_flag(request, "careful", &care->is_careful) || !read_caller(request, care)) {
		response_problem(response, 400, "expected careful=0 or 1, caller=ADDR");
		return false;
	}
	if (care->is_careful)
		care->own = own_addresses_read();
	return true;
}

void ban_care_free(struct ban_care *care)
{
	own_addresses_free(&care->own);
}

/* A ban of one address bans its whole source. */
static struct prefix banned_by(const struct agent *agent, const struct prefix *prefix)
{
	struct source_bits bits = datapath_source_bits(agent->datapath);

	return prefix_cut(prefix, prefix->family == ADDRESS_IPV4 ? bits.ipv4 : bits.ipv6);
}

/* Lists of what nobody has been given hold 224.0.0.0/3 and e000::/3, rightly; nobody means all of global unicast. */
static bool is_wide(const struct prefix *prefix)
{
	static const struct prefix global = {.family = ADDRESS_IPV6, .bits = 3, .byte = {0x20}};

	return prefix->bits < BAN_CARE_BITS || prefix_covers(prefix, &global);
}

/*
 * An address of this host, given by itself. A network that holds one may well be meant: what the host sends to itself
 * comes in through no interface that is protected.
 */
static const struct prefix *own_meant(const struct ban_care *care, const struct prefix *prefix)
{
	bool is_whole = prefix->bits == (prefix->family == ADDRESS_IPV4 ? 32 : 128);

	return is_whole ? own_addresses_find(&care->own, prefix) : NULL;
}

/* What the HTTP plane lives by, in words. */
static const char *http_part_in(const struct agent *agent, const struct prefix *prefix)
{
	const struct agent_http *http = agent->http;
	const char *what;

	if (!agent->policy || !agent->policy->http)
		return NULL;
	what = http_policy_needs(agent->policy->http, prefix);
	if (!what && http && http->has_server_in && http->has_server_in(http->context, prefix))
		what = "an upstream";
	return what;
}

bool ban_care_accepts(const struct ban_care *care, const struct prefix *prefix,
		      char why[static DATAPATH_ERROR_MAX])
{
	char text[PREFIX_TEXT_MAX];
	const struct prefix *own;
	struct prefix banned;
	const char *part;

	if (!care->is_careful)
		return true;
	banned = banned_by(care->agent, prefix);
	own = own_meant(care, prefix);
	part = http_part_in(care->agent, &banned);
	if (is_wide(&banned))
		snprintf(why, DATAPATH_ERROR_MAX, "it holds a good part of the internet; " INSIST);
	else if (care->has_caller && prefix_covers(&banned, &care->caller))
		snprintf(why, DATAPATH_ERROR_MAX,
			 "it bans %s, from where you are logged in; " INSIST,
			 prefix_format(&care->caller, text));
	else if (own)
		snprintf(why, DATAPATH_ERROR_MAX, "it bans %s, this host's own; " INSIST,
			 prefix_format(own, text));
	else if (part)
		snprintf(why, DATAPATH_ERROR_MAX, "it bans %s of the policy; " INSIST, part);
	else
		return true;
	return false;
}
