/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bans that an operator hardly means: of a good part of the internet, of this host by its address, of what others come through, and of
 * whoever types the ban. Only asked where the request says `careful=1`, as the command line does without --force.
 */
#ifndef CONTROL_BAN_CARE_H
#define CONTROL_BAN_CARE_H

#include "base/own_address.h"
#include "control/agent.h"
#include "control/request.h"
#include "control/response.h"

/* Prefixes shorter than this are too wide to be meant, and 2000::/3. */
#define BAN_CARE_BITS 3

struct ban_care {
	bool is_careful; /* false: every ban is meant */
	bool has_caller;
	struct prefix caller; /* whoever asks is logged in from there */
	struct own_addresses own;
	const struct agent *agent;
};

/*
 * Reads `careful=0|1` and `caller=ADDR` of the query, and the host's addresses. Returns false with the request answered.
 * Release with ban_care_free() whatever it returns.
 */
bool ban_care_read(const struct agent *agent, const struct request *request,
		   struct ban_care *ret_care, struct response *response);
void ban_care_free(struct ban_care *care);
#define auto_ban_care __attribute__((cleanup(ban_care_free)))

/* Whether a ban of prefix is meant. If not, why has a sentence. */
bool ban_care_accepts(const struct ban_care *care, const struct prefix *prefix,
		      char why[static DATAPATH_ERROR_MAX]);

#endif
