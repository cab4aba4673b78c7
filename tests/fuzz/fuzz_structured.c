/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structured fields under libFuzzer. Byte 0 chooses list, dictionary or item. A valid member is
 * written again from its parts, and what is written must read back the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "message/structured.h"
#include "message/structured_write.h"

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define TEXT_MAX 4096

static void write_bare(const struct sf_bare *item, struct sf_writer *out)
{
	char text[TEXT_MAX];

	switch (item->type) {
	case SF_INTEGER:
		sf_put_integer(out, item->number);
		break;
	case SF_DECIMAL:
		sf_put_decimal(out, item->number);
		break;
	case SF_STRING:
		sf_put_string(out, (struct bytes){text, sf_string(item, text)});
		break;
	case SF_TOKEN:
		sf_put_token(out, item->text);
		break;
	case SF_BYTES:
		sf_put_bytes(out, (struct bytes){text, sf_decode_bytes(item, text)});
		break;
	case SF_BOOLEAN:
		sf_put_boolean(out, item->number);
		break;
	case SF_DATE:
		sf_put_date(out, item->number);
		break;
	case SF_DISPLAY:
		sf_put_display(out, (struct bytes){text, sf_decode_display(item, text)});
		break;
	}
}

static void check_bare(const struct sf_bare *item)
{
	char memory[3 * TEXT_MAX];
	char again[3 * TEXT_MAX];
	struct sf_writer out = sf_writer_of(memory, sizeof(memory));
	struct sf_writer twice = sf_writer_of(again, sizeof(again));
	struct sf_member back;

	write_bare(item, &out);
	MUST(!out.failed);
	MUST(sf_item_parse((struct bytes){out.at, out.len}, &back));
	MUST(back.item.type == item->type && back.item.number == item->number);
	write_bare(&back.item, &twice);
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
