/* SPDX-License-Identifier: BSD-2-Clause */
/* interfaces: ["eth0", "ens*"] */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/reading.h"

#define GLOB_MAX 63 /* bytes: a glob may be longer than the names it matches */

static bool is_pattern_text(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isgraph((unsigned char)text.at[i]) || text.at[i] == '/')
			return false;
	return true;
}

static bool is_glob(struct bytes text)
{
	return memchr(text.at, '*', text.len) || memchr(text.at, '?', text.len) ||
	       memchr(text.at, '[', text.len);
}

static bool is_listed(const struct policy *policy, struct bytes name)
{
	for (size_t i = 0; i < policy->interface_count; i++)
		if (bytes_equal(name, bytes_of(policy->interfaces[i])))
			return true;
	return false;
}

static void add_interface(struct reading *r, void *into, const struct node *item)
{
	static const char expected[] = "an interface's name (at most 15 bytes) or a glob";
	struct policy *policy = r->policy;

	if (!reading_wants_text(r, item, expected))
		return;
	if (item->text.len > (is_glob(item->text) ? GLOB_MAX : IFNAMSIZ - 1) ||
	    !is_pattern_text(item->text)) {
		reading_unexpected(r, item, expected);
		return;
	}
	if (is_listed(policy, item->text)) {
		reading_warning(r, item->place, "this interface stands here twice");
		return;
	}
	if (policy->interface_count == POLICY_INTERFACES_MAX) {
		reading_error(r, item->place, "more than %d interfaces; use a glob",
			      POLICY_INTERFACES_MAX);
		return;
	}

	policy->interfaces[policy->interface_count] = strndup(item->text.at, item->text.len);
	if (policy->interfaces[policy->interface_count])
		policy->interface_count++;
	else
		r->error = -ENOMEM;
}

void parse_interfaces(struct reading *r, void *into, struct place key, const struct node *value)
{
	size_t errors = r->problems->errors;

	r->policy->has_packet_plane = true;
	r->interfaces_at = key;
	r->policy->interfaces = calloc(POLICY_INTERFACES_MAX + 1, sizeof(char *));
	if (!r->policy->interfaces) {
		r->error = -ENOMEM;
		reader_skip(&r->reader, value);
		return;
	}
	reading_list(r, value, "a list of interfaces", add_interface, NULL);
	if (!r->policy->interface_count && r->problems->errors == errors)
		reading_error(r, value->place, "found an empty list, expected an interface");
}
