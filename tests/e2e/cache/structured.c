/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structured fields read and written again: the other side of the comparison with an independent
 * implementation (tests/e2e/structured_oracle.py).
 *
 * Each line of standard input is "item", "list" or "dictionary", a tab, and a value. Writes one
 * line for each: the value in canonical form, or "!" if it is no such field.
 */
#include <stdio.h>
#include <string.h>

#include "message/chars.h"
#include "../../structured_text.h"

#define LINE_MAX    STRUCTURED_TEXT_MAX
#define MEMBERS_MAX 256

static char room[3 * LINE_MAX]; /* %xx is the longest form of a byte */

static bool is_true(const struct sf_bare *item)
{
	return item->type == SF_BOOLEAN && item->number;
}

/* Each key stands where it came first, with what came last. */
static void put_params(struct sf_writer *out, struct bytes params)
{
	struct bytes rest = params, key, before, other;
	struct sf_bare value;

	while (sf_param_next(&rest, &key, &value)) {
		before = params;
		while (sf_param_next(&before, &other, &value) && !bytes_equal(other, key))
			;
		if (other.at != key.at)
			continue;
		(void)sf_param_find(params, key, &value); /* it is there */
		sf_put_param(out, key);
		if (is_true(&value))
			continue;
		sf_put_equals(out);
		structured_put_bare(out, &value);
	}
}

static void put_value(struct sf_writer *out, const struct sf_member *member)
{
	struct bytes inner = member->inner;
	struct sf_member item;
	bool is_first = true;

	if (!member->is_inner_list) {
		structured_put_bare(out, &member->item);
		put_params(out, member->params);
		return;
	}
	sf_put_open(out);
	while (sf_inner_next(&inner, &item)) {
		if (!is_first)
			sf_put_space(out);
		is_first = false;
		structured_put_bare(out, &item.item);
		put_params(out, item.params);
	}
	sf_put_close(out);
	put_params(out, member->params);
}

static bool put_list(struct sf_writer *out, struct bytes value)
{
	struct sf_member member;
	enum sf_result result;

	while ((result = sf_list_next(&value, &member)) == SF_MEMBER) {
		sf_put_next(out);
		put_value(out, &member);
	}
	return result == SF_END;
}

static bool put_dictionary(struct sf_writer *out, struct bytes value)
{
	static struct sf_member members[MEMBERS_MAX];
	struct sf_member member;
	enum sf_result result;
	size_t count = 0, i;

	while ((result = sf_dictionary_next(&value, &member)) == SF_MEMBER) {
		for (i = 0; i < count && !bytes_equal(members[i].key, member.key); i++)
			;
		if (i == MEMBERS_MAX)
			return false;
		members[i] = member;
		count += i == count;
	}
	for (i = 0; i < count; i++) {
		bool is_bare = !members[i].is_inner_list && is_true(&members[i].item);

		sf_put_next(out);
		sf_put_key(out, members[i].key);
		if (!is_bare)
			sf_put_equals(out);
		if (is_bare)
			put_params(out, members[i].params);
		else
			put_value(out, &members[i]);
	}
	return result == SF_END;
}

static bool put_line(struct sf_writer *out, struct bytes kind, struct bytes value)
{
	struct sf_member item;

	if (bytes_equal(kind, BYTES("list")))
		return put_list(out, value);
	if (bytes_equal(kind, BYTES("dictionary")))
		return put_dictionary(out, value);
	if (!sf_item_parse(value, &item))
		return false;
	put_value(out, &item);
	return true;
}

int main(void)
{
	char line[LINE_MAX];

	while (fgets(line, sizeof(line), stdin)) {
		struct bytes text = {line, strcspn(line, "\n")};
		const char *tab = memchr(text.at, '\t', text.len);
		struct sf_writer out = sf_writer_of(room, sizeof(room));
		struct bytes kind = {line, tab ? (size_t)(tab - line) : text.len};

		if (!tab || !put_line(&out, kind, bytes_from(text, kind.len + 1)) || out.failed)
			printf("!\n");
		else
			printf("%.*s\n", (int)out.len, room);
	}
	return 0;
}
