/* SPDX-License-Identifier: BSD-2-Clause */
/* flag: {mark: 0x1, mask: 0x1, accept: true} */
#include "policy/reading.h"

/* While the section is read: a mask left out is the mark itself. */
struct section {
	struct place mark_at, mask_at;
};

static void read_bits(struct reading *r, const struct node *value, uint32_t *ret_bits)
{
	uint64_t number;

	if (reading_number(r, value, 1, UINT32_MAX, &number))
		*ret_bits = (uint32_t)number;
}

static void read_mark(struct reading *r, void *into, struct place key, const struct node *value)
{
	((struct section *)into)->mark_at = value->place;
	read_bits(r, value, &r->policy->flag.mark);
}

static void read_mask(struct reading *r, void *into, struct place key, const struct node *value)
{
	((struct section *)into)->mask_at = value->place;
	read_bits(r, value, &r->policy->flag.mask);
}

static void read_accept(struct reading *r, void *into, struct place key, const struct node *value)
{
	reading_bool(r, value, &r->policy->flag.accept);
}

void parse_flag(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {{"mark", read_mark, NULL},
					      {"mask", read_mask, NULL},
					      {"accept", read_accept, NULL}};
	struct policy_flag *flag = &r->policy->flag;
	size_t errors = r->problems->errors;
	struct section section = {{0}, {0}};

	if (!READING_MAP(r, value, fields, &section))
		return;
	if (!section.mask_at.line)
		flag->mask = flag->mark;
	if (r->problems->errors == errors && (flag->mark & ~flag->mask))
		reading_error(r, section.mark_at.line ? section.mark_at : section.mask_at,
			      "the mark 0x%x has bits outside its mask 0x%x", flag->mark,
			      flag->mask);
}
