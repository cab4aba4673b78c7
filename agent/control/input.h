/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What several commands read from requests. Where a function takes the response, false means that it is answered
 * already.
 */
#ifndef CONTROL_INPUT_H
#define CONTROL_INPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/address.h"
#include "control/agent.h"
#include "control/request.h"
#include "control/response.h"

/* "NAME=0|1", false if it is absent. Returns false for anything else. */
bool input_flag(const struct request *request, const char *name, bool *ret_flag);

/* A number from 0 to max, fallback if it is absent. Returns false for anything else. */
bool input_number(const struct request *request, const char *name, uint64_t fallback, uint64_t max,
		  uint64_t *ret_number);

/* Percent-encoded text that is one whole address. As below, IPv4 that was mapped into IPv6 is IPv4. */
bool input_address(struct bytes text, struct prefix *ret_address, struct response *response);

/* "prefix" in the query. */
bool input_prefix_param(const struct request *request, struct prefix *ret_prefix,
			struct response *response);

/* Plain text of an address or prefix; *ret_why is a sentence if it is none. */
bool input_prefix(struct bytes text, struct prefix *ret_prefix, const char **ret_why);

/* The body as one JSON object, a new reference; NULL if it is none. */
json_t *input_object(const struct request *request, struct response *response);

/* Whether there is a packet plane to ask; 409 if not. */
bool input_has_plane(const struct agent *agent, struct response *response);

/* An entry of bans and allows as people write it. */
struct entry_text {
	struct prefix prefix;
	bool has_span;
	uint64_t span_ns;
	char reason[64];
};

/* {"prefix", "for", "reason"}; what is too long of a reason is cut. *ret_why is a sentence on failure. */
bool input_entry(const json_t *json, struct entry_text *ret_entry, const char **ret_why);

#endif
