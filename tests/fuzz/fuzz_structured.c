/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structured fields under libFuzzer. Byte 0 chooses list, dictionary or item. A valid member is
 * written again from its parts, and what is written must read back the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "../structured_text.h"

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define TEXT_MAX STRUCTURED_TEXT_MAX

static void check_bare(const struct sf_bare *item)
{
	char memory[3 * TEXT_MAX];
	char again[3 * TEXT_MAX];
	struct sf_writer out = sf_writer_of(memory, sizeof(memory));
	struct sf_writer twice = sf_writer_of(again, sizeof(again));
	struct sf_member back;

	structured_put_bare(&out, item);
	MUST(!out.failed);
	MUST(sf_item_parse((struct bytes){out.at, out.len}, &back));
	MUST(back.item.type == item->type && back.item.number == item->number);
	structured_put_bare(&twice, &back.item);
	MUST(bytes_equal((struct bytes){out.at, out.len}, (struct bytes){twice.at, twice.len}));
}

static void check_member(struct sf_member *member)
{
	struct sf_member inner;
	struct sf_bare value;
	struct bytes key;

	if (!member->is_inner_list)
		check_bare(&member->item);
	while (member->is_inner_list && sf_inner_next(&member->inner, &inner)) {
		check_bare(&inner.item);
		while (sf_param_next(&inner.params, &key, &value))
			check_bare(&value);
		MUST(!inner.params.len);
	}
	MUST(!member->is_inner_list || !member->inner.len);
	while (sf_param_next(&member->params, &key, &value))
		check_bare(&value);
	MUST(!member->params.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = {(const char *)at + 1, len - 1};
	struct sf_member member;

	if (!len || len > TEXT_MAX)
		return 0;
	if (at[0] % 3 == 0)
		while (sf_list_next(&rest, &member) == SF_MEMBER)
			check_member(&member);
	else if (at[0] % 3 == 1)
		while (sf_dictionary_next(&rest, &member) == SF_MEMBER)
			check_member(&member);
	else if (sf_item_parse(rest, &member))
		check_member(&member);
	return 0;
}
