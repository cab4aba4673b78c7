/* SPDX-License-Identifier: BSD-2-Clause */
/* protect: everything, or {tcp: [80, 443, "8000-8999"], udp: all, icmp: all}; scope: protected */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "policy/reading.h"

#define PORT_MAX 65535

/* Ports of one protocol while its list is read. */
struct port_list {
	struct port_range *ranges;
	size_t count;
};

static bool parse_range(struct bytes text, struct port_range *ret_range)
{
	const char *dash = memchr(text.at, '-', text.len);
	struct bytes low = text, high = text;
	uint64_t first, last;

	if (dash) {
		low.len = (size_t)(dash - text.at);
		high = (struct bytes){dash + 1, text.len - low.len - 1};
	}
	if (!parse_number(low, &first) || !parse_number(high, &last))
		return false;
	if (!first || first > last || last > PORT_MAX)
		return false;
	*ret_range = (struct port_range){(uint16_t)first, (uint16_t)last};
	return true;
}

static void add_port(struct reading *r, void *into, const struct node *item)
{
	static const char expected[] = "a port (1 to 65535) or a range such as \"8000-8999\"";
	struct port_list *list = into;
	struct port_range range;

	if (!reading_wants_text(r, item, expected))
		return;
	if (!parse_range(item->text, &range)) {
		reading_unexpected(r, item, expected);
		return;
	}
	if (list->count == POLICY_PORT_RANGES_MAX) {
		reading_error(r, item->place, "more than %d ports and ranges; use `all`",
			      POLICY_PORT_RANGES_MAX);
		return;
	}
	list->ranges[list->count++] = range;
}

static int compare_ranges(const void *a, const void *b)
{
	return ((const struct port_range *)a)->first - ((const struct port_range *)b)->first;
}

/* Sort, and join what overlaps or touches. */
static void join_ranges(struct port_list *list)
{
	size_t kept = 0;

	qsort(list->ranges, list->count, sizeof(list->ranges[0]), compare_ranges);
	for (size_t i = 1; i < list->count; i++) {
		struct port_range *last = &list->ranges[kept];
		struct port_range next = list->ranges[i];

		if (next.first > last->last + 1)
			list->ranges[++kept] = next;
		else if (next.last > last->last)
			last->last = next.last;
	}
	if (list->count)
		list->count = kept + 1;
}

static bool is_all(const struct node *value)
{
	return value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("all"));
}

static void read_ports(struct reading *r, enum sl_port_table table, uint8_t protocol,
		       const struct node *value)
{
	struct policy_protect *protect = &r->policy->protect;
	struct port_list list = {0};
	size_t errors = r->problems->errors;

	if (is_all(value)) {
		protect->whole[protocol] = true;
		return;
	}
	list.ranges = calloc(POLICY_PORT_RANGES_MAX, sizeof(list.ranges[0]));
	if (!list.ranges) {
		r->error = -ENOMEM;
		reader_skip(&r->reader, value);
		return;
	}
	reading_list(r, value, "`all` or a list of ports", add_port, &list);
	if (!list.count && r->problems->errors == errors)
		reading_error(r, value->place, "found an empty list, expected a port");
	join_ranges(&list);
	protect->ranges[table] = list.ranges;
	protect->range_count[table] = list.count;
}

static void read_tcp(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_ports(r, SL_PORTS_TCP, IPPROTO_TCP, value);
}

static void read_udp(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_ports(r, SL_PORTS_UDP, IPPROTO_UDP, value);
}

static void read_sctp(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_ports(r, SL_PORTS_SCTP, IPPROTO_SCTP, value);
}

static void read_whole(struct reading *r, const struct node *value, uint8_t protocol)
{
	if (is_all(value))
		r->policy->protect.whole[protocol] = true;
	else
		reading_unexpected(r, value, "`all`: this protocol has no ports");
}

static void read_icmp(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_whole(r, value, IPPROTO_ICMP);
	r->policy->protect.whole[IPPROTO_ICMPV6] = r->policy->protect.whole[IPPROTO_ICMP];
}

static void read_gre(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_whole(r, value, IPPROTO_GRE);
}

static void read_esp(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_whole(r, value, IPPROTO_ESP);
}

static const struct field protocols[] = {
	{"tcp", read_tcp, NULL},   {"udp", read_udp, NULL}, {"sctp", read_sctp, NULL},
	{"icmp", read_icmp, NULL}, {"gre", read_gre, NULL}, {"esp", read_esp, NULL},
};

static bool protects_nothing(const struct policy_protect *protect)
{
	for (size_t i = 0; i < sizeof(protect->whole); i++)
		if (protect->whole[i])
			return false;
	return !protect->range_count[SL_PORTS_TCP] && !protect->range_count[SL_PORTS_UDP] &&
	       !protect->range_count[SL_PORTS_SCTP];
}

void parse_protect(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct policy_protect *protect = &r->policy->protect;
	size_t errors = r->problems->errors;

	r->protect_at = key;
	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("everything"))) {
		protect->everything = true;
		return;
	}
	if (value->kind != NODE_MAP) {
		reading_unexpected(r, value, "`everything` or protocols, such as {tcp: [80, 443]}");
		return;
	}
	READING_MAP(r, value, protocols, NULL);
	if (protects_nothing(protect) && r->problems->errors == errors)
		reading_error(r, value->place,
			      "found no protocol, expected {tcp: [80, 443]} or "
			      "the like");
}

void parse_scope(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const char *const words[] = {"protected", "everything", NULL};
	unsigned word;

	if (reading_word(r, value, words, &word))
		r->policy->scope_everything = word;
}
