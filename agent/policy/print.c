/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/print.h"

#include <netinet/in.h>

#include "base/duration.h"
#include "base/log.h"
#include "policy/print_http.h"
#include "policy/rate.h"

void print_interfaces(const struct policy *policy, struct buffer *out)
{
	char quoted[LOG_QUOTE_MAX];

	buffer_add_text(out, "[");
	for (size_t i = 0; i < policy->interface_count; i++)
		buffer_printf(out, "%s%s", i ? ", " : "",
			      log_quote(policy->interfaces[i], quoted, sizeof(quoted)));
	buffer_add_text(out, "]");
}

/* ---- protect ---- */

struct protocol {
	const char *name;
	uint8_t number;
	int table; /* enum sl_port_table; -1: has no ports */
};

/* ICMP and ICMPv6 go by one name. */
static const struct protocol protocols[] = {
	{"tcp", IPPROTO_TCP, SL_PORTS_TCP},
	{"udp", IPPROTO_UDP, SL_PORTS_UDP},
	{"sctp", IPPROTO_SCTP, SL_PORTS_SCTP},
	{"icmp", IPPROTO_ICMP, -1},
	{"gre", IPPROTO_GRE, -1},
	{"esp", IPPROTO_ESP, -1},
};

static void print_ports(const struct policy_protect *protect, int table, struct buffer *out)
{
	for (size_t i = 0; i < protect->range_count[table]; i++) {
		struct port_range range = protect->ranges[table][i];

		buffer_add_text(out, i ? ", " : "[");
		if (range.first == range.last)
			buffer_printf(out, "%u", range.first);
		else
			buffer_printf(out, "\"%u-%u\"", range.first, range.last);
	}
	buffer_add_text(out, "]");
}

void print_protect(const struct policy *policy, struct buffer *out)
{
	const struct policy_protect *protect = &policy->protect;
	const char *before = "{";

	if (protect->everything) {
		buffer_add_text(out, "everything");
		return;
	}
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		const struct protocol *protocol = &protocols[i];
		bool has_ports = protocol->table >= 0 && protect->range_count[protocol->table];

		if (!protect->whole[protocol->number] && !has_ports)
			continue;
		buffer_printf(out, "%s%s: ", before, protocol->name);
		if (has_ports)
			print_ports(protect, protocol->table, out);
		else
			buffer_add_text(out, "all");
		before = ", ";
	}
	if (*before == ',')
		buffer_add_text(out, "}");
}

/* ---- tiers ---- */

const char *print_over(enum sl_over over)
{
	switch (over) {
	case SL_OVER_DROP:
		return "drop";
	case SL_OVER_FLAG:
		return "flag";
	case SL_OVER_COUNT:
		return "count";
	}
	return "drop";
}

void print_tier(const struct policy_tier *tier, struct buffer *out)
{
	const char *before = "{";
	char text[RATE_TEXT_MAX];

	if (tier->unlimited) {
		buffer_add_text(out, "unlimited");
		return;
	}
	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		if (!tier->limited[kind])
			continue;
		buffer_printf(out, "%s%s: %s", before, rate_kind_name((enum sl_kind)kind),
			      rate_format(&tier->rate[kind], (enum sl_kind)kind, text));
		before = ", ";
	}
	buffer_printf(out, "%sover: %s", before, print_over(tier->over));
	if (tier->flag_above_percent)
		buffer_printf(out, ", flag above: %u%%", tier->flag_above_percent);
	buffer_add_text(out, "}");
}

static void print_tiers(const struct policy *policy, struct buffer *out)
{
	if (policy->tier_count)
		buffer_add_text(out, "tiers:\n");
	for (size_t i = 0; i < policy->tier_count; i++) {
		buffer_printf(out, "  %s: ", policy->tiers[i].name);
		print_tier(&policy->tiers[i], out);
		buffer_add_text(out, "\n");
	}
	buffer_printf(out, "default: %s\n", policy_tier_name(policy, policy->default_tier));
}

static void print_sources(const struct policy *policy, struct buffer *out)
{
	char text[PREFIX_TEXT_MAX];

	if (policy->source_count)
		buffer_add_text(out, "sources:\n");
	for (size_t i = 0; i < policy->source_count; i++) {
		const struct policy_source *source = &policy->sources[i];

		buffer_add_text(out, "  ");
		buffer_add_text(out, prefix_format(&source->prefix, text));
		buffer_add_text(out, ": ");
		buffer_add_text(out, policy_tier_name(policy, source->tier));
		buffer_add_text(out, "\n");
	}
}

/* ---- the rest ---- */

void print_bans(const struct policy *policy, struct buffer *out)
{
	const struct policy_bans *bans = &policy->bans;
	char within[DURATION_TEXT_MAX], first[DURATION_TEXT_MAX], longest[DURATION_TEXT_MAX];

	if (bans->after)
		buffer_printf(out, "{after: %u drops in %s, for: %s, up to: %s}", bans->after,
			      duration_format(bans->within_ns, within),
			      duration_format(bans->for_ns, first),
			      duration_format(bans->max_ns, longest));
}

void print_flag(const struct policy *policy, struct buffer *out)
{
	buffer_printf(out, "{mark: 0x%x, mask: 0x%x, accept: %s}", policy->flag.mark,
		      policy->flag.mask, policy->flag.accept ? "true" : "false");
}

/* "NAME: VALUE\n", or nothing where the value is nothing. */
static void print_section(const char *name, const struct policy *policy,
			  void (*value)(const struct policy *policy, struct buffer *out),
			  struct buffer *out)
{
	auto_buffer struct buffer text = buffer_new(out->max);

	value(policy, &text);
	if (text.error)
		out->error = text.error;
	if (text.len)
		buffer_printf(out, "%s: %s\n", name, text.at);
}

void policy_print(const struct policy *policy, struct buffer *out)
{
	char strangers[RATE_TEXT_MAX];

	if (policy->has_packet_plane)
		print_section("interfaces", policy, print_interfaces, out);
	print_section("protect", policy, print_protect, out);
	buffer_printf(out, "scope: %s\n", policy->scope_everything ? "everything" : "protected");
	print_tiers(policy, out);
	print_sources(policy, out);
	print_section("bans", policy, print_bans, out);
	buffer_printf(out, "source_prefix: {ipv4: %u, ipv6: %u}\n", policy->source_bits.ipv4,
		      policy->source_bits.ipv6);
	buffer_printf(out, "tables: {sources: %u, strangers: %s, prefixes: %u, bans: %u}\n",
		      policy->tables.sources,
		      rate_format_bytes(policy->tables.strangers, strangers),
		      policy->tables.prefixes, policy->tables.bans);
	print_section("flag", policy, print_flag, out);
	if (policy->has_http_plane)
		http_print(policy->http, out);
}
