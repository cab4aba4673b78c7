/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A policy file, from its first byte to a checked struct policy:
 *
 *   reader (YAML) -> sections, in the file's order -> finish: what one section says about another
 *
 * Nothing stops at the first mistake but broken YAML.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "policy/problems.h"
#include "policy/reading.h"

#define PROTECT_EXAMPLE "`protect: {tcp: [80, 443]}`, or `protect: everything`"

static const struct field sections[] = {
	{"interfaces", parse_interfaces, NULL},
	{"protect", parse_protect, NULL},
	{"scope", parse_scope, NULL},
	{"tiers", parse_tiers, NULL},
	{"sources", parse_sources, NULL},
	{"default", parse_default, NULL},
	{"bans", parse_bans, NULL},
	{"source_prefix", parse_source_prefix, NULL},
	{"tables", parse_tables, NULL},
	{"flag", parse_flag, NULL},
	{"http", parse_http, NULL},
};

static const struct policy defaults = {
	.default_tier = SL_TIER_ALLOW,
	.source_bits = {.ipv4 = 32, .ipv6 = 64},
	.tables = {.sources = 65536, .strangers = 16 << 20, .prefixes = 1000000, .bans = 262144},
	.flag = {.mark = 1, .mask = 1},
};

/* What one plane needs to have been said. */
static void finish_planes(struct reading *r)
{
	const struct policy *policy = r->policy;

	if (!policy->has_packet_plane && !policy->has_http_plane)
		reading_error(r, ((struct place){1, 1}),
			      "neither `interfaces` nor `http`: there is nothing to protect");
	if (policy->has_packet_plane && !r->protect_at.line)
		reading_error(
			r, r->interfaces_at,
			"`protect` is missing; say what to protect, for example " PROTECT_EXAMPLE);
	if (policy->has_packet_plane && !r->tiers_at.line)
		reading_error(r, r->interfaces_at,
			      "`tiers` is missing; for example `tiers: {public: {packets: "
			      "2000/second}}` and `default: public`");
	if (r->tiers_at.line && !r->default_given)
		reading_error(r, r->tiers_at,
			      "`default` is missing: which of the tiers is everybody's?");
}

/* What is deeper in tags than the datapath looks is charged to the default's packets and bytes: it shows no SYN. */
static void warn_of_deep_tags(struct reading *r)
{
	const struct policy *policy = r->policy;
	const struct policy_tier *tier;

	if (!policy->has_packet_plane || policy->default_tier >= policy->tier_count)
		return;
	tier = &policy->tiers[policy->default_tier];
	if (tier->limited[SL_CONNECTIONS] && !tier->limited[SL_PACKETS] && !tier->limited[SL_BYTES])
		reading_warning(
			r, r->default_at,
			"tier %s limits connections only, so frames with more than two VLAN tags "
			"are not limited at all: nobody sees a SYN in them",
			tier->name);
}

static void finish(struct reading *r)
{
	if (r->reader.failed || r->error)
		return;
	finish_planes(r);
	finish_sources(r);
	warn_of_deep_tags(r);
	finish_http(r);
}

static int read_all(struct reading *r, struct bytes text)
{
	struct node root;
	int err = reader_open(&r->reader, text, r->problems, &root);

	if (err)
		return err;
	if (READING_MAP(r, &root, sections, NULL)) {
		reader_expect_end(&r->reader);
		finish(r);
	}
	err = r->reader.error ? r->reader.error : r->error;
	reader_close(&r->reader);
	return err;
}

int policy_parse(struct bytes text, struct policy_problems *problems, struct policy **ret_policy)
{
	auto_free struct reading *r = calloc(1, sizeof(*r));
	const size_t errors_before = problems->errors;
	struct policy *policy = malloc(sizeof(*policy));
	int err;

	if (!r || !policy) {
		free(policy);
		return -ENOMEM;
	}
	*policy = defaults;
	r->policy = policy;
	r->problems = problems;

	if (text.len > POLICY_TEXT_MAX) {
		problems_add(problems, (struct place){0}, false, "larger than %u MiB",
			     POLICY_TEXT_MAX >> 20);
		err = -EFBIG;
	} else {
		err = read_all(r, text);
	}
	if (!err && problems->errors > errors_before)
		err = -EINVAL;
	if (err)
		policy_free(policy);
	else
		*ret_policy = policy;
	return err;
}

int policy_read(const char *path, struct policy_problems *problems, struct buffer *ret_text,
		struct policy **ret_policy)
{
	auto_buffer struct buffer text = buffer_new(POLICY_TEXT_MAX + 1);
	int err = file_read(path, &text);

	if (err)
		problems_add(problems, (struct place){0}, false, "cannot be read: %s",
			     strerror(-err));
	else
		err = policy_parse((struct bytes){text.at, text.len}, problems, ret_policy);
	if (ret_text) {
		*ret_text = text;
		text = buffer_new(0);
	}
	return err;
}
