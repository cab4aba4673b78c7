/* SPDX-License-Identifier: BSD-2-Clause */
/* http: what the HTTP plane reads. Here it only has to be a mapping, and sound YAML. */
#include "policy/reading.h"

void parse_http(struct reading *r, void *into, struct place key, const struct node *value)
{
	r->policy->has_http_plane = true;
	if (value->kind != NODE_MAP)
		reading_unexpected(r, value, "a mapping");
	else
		reader_skip(&r->reader, value);
}

void finish_http(struct reading *r)
{
}
