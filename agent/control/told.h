/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the HTTP child answered. It parses strangers' bytes and may have been taken over: what it says is JSON, or it is
 * passed on to nobody; and what it says of a refusal is a status and a sentence, no more.
 */
#ifndef CONTROL_TOLD_H
#define CONTROL_TOLD_H

#include <jansson.h>

#include "control/request.h"
#include "control/response.h"

#define TOLD_PATIENCE_NS 10000000000ull /* for walks over everything that is stored */
#define TOLD_SOON_NS	 1000000000ull	/* for counts, which cost the child microseconds */

/* The child's answer, a new reference; NULL if there is none or it refuses, and *response says why. */
json_t *told_json(const struct request *request, struct response *response);

/* The same without a word: NULL where the child does not run, does not answer, or makes no sense. */
json_t *told_quietly(const struct request *request);

/* Answer with what the child said. */
void told_pass_on(const struct request *request, struct response *response);

#endif
