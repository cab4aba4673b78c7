/* SPDX-License-Identifier: BSD-2-Clause */
/* tables: {sources: 65536, strangers: 16 MiB, ...}; source_prefix: {ipv4: 32, ipv6: 64} */
#include "policy/rate.h"
#include "policy/reading.h"

#define ENTRIES_MAX   (1u << 24)
#define SOURCES_MIN   16 /* a quarter is kept for named prefixes */
#define STRANGERS_MIN (64u << 10)
#define STRANGERS_MAX (1u << 30)

static void read_entries(struct reading *r, const struct node *value, uint64_t min,
			 uint32_t *ret_entries)
{
	uint64_t number;

	if (reading_number(r, value, min, ENTRIES_MAX, &number))
		*ret_entries = (uint32_t)number;
}

static void read_sources(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_entries(r, value, SOURCES_MIN, &r->policy->tables.sources);
}

static void read_prefixes(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_entries(r, value, 1, &r->policy->tables.prefixes);
}

static void read_bans(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_entries(r, value, 1, &r->policy->tables.bans);
}

static void read_strangers(struct reading *r, void *into, struct place key,
			   const struct node *value)
{
	static const char expected[] = "a power of two from 64 KiB to 1 GiB";
	struct rate_error error;
	uint64_t bytes;

	if (!reading_wants_text(r, value, expected))
		return;
	if (rate_parse_bytes(value->text, &bytes, &error))
		reading_error(r, node_place_at(value, error.offset), "%s", error.text);
	else if (bytes < STRANGERS_MIN || bytes > STRANGERS_MAX || (bytes & (bytes - 1)))
		reading_unexpected(r, value, expected);
	else
		r->policy->tables.strangers = bytes;
}

void parse_tables(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {
		{"sources", read_sources, NULL},
		{"strangers", read_strangers, NULL},
		{"prefixes", read_prefixes, NULL},
		{"bans", read_bans, NULL},
	};

	READING_MAP(r, value, fields, NULL);
}

static void read_bits(struct reading *r, const struct node *value, uint64_t max, uint8_t *ret_bits)
{
	uint64_t number;

	if (reading_number(r, value, 1, max, &number))
		*ret_bits = (uint8_t)number;
}

static void read_ipv4(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_bits(r, value, 32, &r->policy->source_bits.ipv4);
}

static void read_ipv6(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_bits(r, value, 128, &r->policy->source_bits.ipv6);
}

void parse_source_prefix(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {{"ipv4", read_ipv4, NULL}, {"ipv6", read_ipv6, NULL}};

	READING_MAP(r, value, fields, NULL);
}
