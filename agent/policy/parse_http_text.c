/* SPDX-License-Identifier: BSD-2-Clause */
/* The pieces of which `http` is made: names, prefixes, statuses, addresses. */
#include <errno.h>
#include <stdio.h>

#include "message/chars.h"
#include "message/host.h"
#include "policy/parse_http.h"

#define UNIX_PATH_MAX 107 /* bytes; sun_path with its terminator */
#define NAME_MAX_LEN  255

void *http_list_add(struct reading *r, struct arena_list *list, size_t item_size)
{
	void *item = arena_list_add(r->http->arena, list, item_size);

	if (!item)
		r->error = -ENOMEM;
	return item;
}

static bool is_printable(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < ' ' || text.at[i] > '~')
			return false;
	return true;
}

const char *http_text(struct reading *r, const struct node *node, size_t max, const char *expected)
{
	const char *copy;

	if (!reading_wants_text(r, node, expected))
		return NULL;
	if (node->text.len > max || !is_printable(node->text)) {
		reading_unexpected(r, node, expected);
		return NULL;
	}
	copy = arena_text(r->http->arena, node->text);
	if (!copy)
		r->error = -ENOMEM;
	return copy;
}

/* ---- Names ---- */

static void make_small(char *name)
{
	for (; *name; name++)
		*name = char_lower(*name);
}

static bool is_token(const char *name)
{
	struct bytes text = bytes_of(name);

	return text.len && bytes_span(text, CHAR_TOKEN) == text.len;
}

const char *check_any_name(char *name)
{
	return NULL;
}

const char *check_field_name(char *name)
{
	make_small(name);
	return is_token(name) ? NULL : "the name of a header field";
}

const char *check_cookie_name(char *name)
{
	return is_token(name) ? NULL : "the name of a cookie";
}

const char *check_tag(char *name)
{
	return strpbrk(name, " ,") ? "a tag, without spaces and commas" : NULL;
}

const char *check_tier_name(char *name)
{
	return strlen(name) > POLICY_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz"
							      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							      "0123456789_-.") != strlen(name)
		       ? "a tier's name"
		       : NULL;
}

const char *check_host_pattern(char *name)
{
	const char *bare = name[0] == '*' && name[1] == '.' ? name + 2 : name;
	struct host host;

	make_small(name);
	if (!host_parse(bytes_of(bare), &host) || host.name.len != strlen(bare))
		return "a host's name without port, or \"*.\" and a name";
	return NULL;
}

static bool is_in(const struct arena_list *list, const char *name)
{
	const char *const *names = list->at;

	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

bool http_add_name(struct reading *r, const struct node *node, name_check_fn *check,
		   struct arena_list *list)
{
	char *name = (char *)http_text(r, node, NAME_MAX_LEN, "a name of at most 255 characters");
	const char *expected, **slot;

	if (!name)
		return false;
	expected = check(name);
	if (expected) {
		reading_unexpected(r, node, expected);
		return false;
	}
	if (is_in(list, name)) {
		reading_error(r, node->place, "\"%s\" stands here twice", name);
		return false;
	}
	if (list->count == HTTP_NAMES_MAX) {
		reading_error(r, node->place, "more than %d names", HTTP_NAMES_MAX);
		return false;
	}
	slot = http_list_add(r, list, sizeof(*slot));
	if (slot)
		*slot = name;
	return slot;
}

struct name_reading {
	name_check_fn *check;
	struct arena_list list;
};

static void read_name(struct reading *r, void *into, const struct node *item)
{
	struct name_reading *names = into;

	(void)http_add_name(r, item, names->check, &names->list); /* has said what is wrong */
}

void http_read_names(struct reading *r, const struct node *node, const char *expected,
		     name_check_fn *check, struct http_names *names)
{
	struct name_reading reading = {.check = check};

	reading_list(r, node, expected, read_name, &reading);
	*names = (struct http_names){reading.list.at, reading.list.count};
}

/* ---- Prefixes ---- */

bool http_add_prefix(struct reading *r, const struct node *node, struct arena_list *list)
{
	static const char expected[] = "an address or a prefix";
	struct prefix prefix, *slot;
	char text[PREFIX_TEXT_MAX];

	if (!reading_wants_text(r, node, expected))
		return false;
	switch (prefix_parse(node->text, &prefix, NULL)) {
	case PREFIX_OK:
		break;
	case PREFIX_HOST_BITS:
		reading_error(r, node->place, "bits beyond the prefix are set; did you mean %s?",
			      prefix_format(&prefix, text));
		return false;
	case PREFIX_BAD_ADDRESS:
	case PREFIX_BAD_LENGTH:
		reading_unexpected(r, node, expected);
		return false;
	}
	slot = http_list_add(r, list, sizeof(*slot));
	if (slot)
		*slot = prefix;
	return slot;
}

/* ---- Statuses ---- */

static void set_statuses(struct http_statuses *set, uint64_t first, uint64_t last)
{
	for (uint64_t status = first; status <= last; status++)
		set->bits[(status - 100) / 64] |= 1ull << (status - 100) % 64;
}

static bool parse_statuses(struct bytes text, uint64_t *first, uint64_t *last)
{
	if (text.len == 3 && text.at[1] == 'x' && text.at[2] == 'x') {
		*first = 100 * (uint64_t)(text.at[0] - '0');
		*last = *first + 99;
	} else if (text.len == 7 && text.at[3] == '-') {
		if (!parse_number((struct bytes){text.at, 3}, first) ||
		    !parse_number((struct bytes){text.at + 4, 3}, last))
			return false;
	} else {
		if (text.len != 3 || !parse_number(text, first))
			return false;
		*last = *first;
	}
	return *first >= 100 && *last <= 599 && *first <= *last;
}

static void read_status(struct reading *r, void *into, const struct node *item)
{
	static const char expected[] = "a status such as 404, \"4xx\" or \"500-503\"";
	uint64_t first, last;

	if (!reading_wants_text(r, item, expected))
		return;
	if (parse_statuses(item->text, &first, &last))
		set_statuses(into, first, last);
	else
		reading_unexpected(r, item, expected);
}

void http_read_statuses(struct reading *r, const struct node *node, struct http_statuses *set)
{
	memset(set, 0, sizeof(*set));
	reading_list(r, node, "statuses, such as [401, 403]", read_status, set);
}

/* ---- Addresses ---- */

static bool read_unix(struct reading *r, const struct node *node, struct http_address *address)
{
	struct bytes path = bytes_from(node->text, sizeof("unix:") - 1);

	if (path.len < 2 || path.at[0] != '/' || path.len > UNIX_PATH_MAX || !is_printable(path)) {
		reading_unexpected(r, node,
				   "\"unix:\" and an absolute path of at most 107 characters");
		return false;
	}
	address->kind = HTTP_ADDRESS_UNIX;
	address->name = arena_text(r->http->arena, path);
	if (!address->name)
		r->error = -ENOMEM;
	return address->name;
}

static bool is_ip(struct bytes name, struct prefix *ret_ip)
{
	if (name.len > 2 && name.at[0] == '[')
		name = (struct bytes){name.at + 1, name.len - 2};
	return !memchr(name.at, '/', name.len) && prefix_parse(name, ret_ip, NULL) == PREFIX_OK;
}

bool http_read_address(struct reading *r, const struct node *node, bool names_too,
		       struct http_address *ret_address)
{
	const char *expected = names_too ? "\"ADDRESS:PORT\", \"NAME:PORT\" or \"unix:PATH\""
					 : "\"ADDRESS:PORT\" or \"unix:PATH\"";
	struct http_address address = {.place = node->place};
	char *name;
	struct host host;

	if (!reading_wants_text(r, node, expected))
		return false;
	if (node->text.len > 5 && !memcmp(node->text.at, "unix:", 5)) {
		if (!read_unix(r, node, &address))
			return false;
		*ret_address = address;
		return true;
	}
	if (!host_parse(node->text, &host) || !host.port ||
	    (!is_ip(host.name, &address.ip) && !names_too)) {
		reading_unexpected(r, node, expected);
		return false;
	}
	address.port = host.port;
	address.kind = HTTP_ADDRESS_IP;
	if (!address.ip.family) {
		name = arena_text(r->http->arena, host.name);
		if (!name) {
			r->error = -ENOMEM;
			return false;
		}
		make_small(name);
		address.kind = HTTP_ADDRESS_NAME;
		address.name = name;
	}
	*ret_address = address;
	return true;
}
