/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapping in YAML's flow style taken apart again: "{limits: [\"5/minute\"], cache: {for: 1m}}" as print_*() write it, and
 * nothing else of YAML. Pure; what it returns are parts of the text.
 */
#ifndef POLICY_FLOW_TEXT_H
#define POLICY_FLOW_TEXT_H

#include "base/bytes.h"

struct flow_text_pair {
	struct bytes key;
	struct bytes value;
};

/* What stands between the braces; false if text is no mapping. */
bool flow_text_inside(struct bytes text, struct bytes *ret_inside);

/* Cut the first pair off *inside. False: there is none left, or what there is makes no sense. */
bool flow_text_take(struct bytes *inside, struct flow_text_pair *ret_pair);

/* The value of key, empty where there is none. */
struct bytes flow_text_value(struct bytes inside, struct bytes key);

#endif
