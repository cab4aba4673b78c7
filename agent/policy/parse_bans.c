/* SPDX-License-Identifier: BSD-2-Clause */
/* bans: {after: 1000 drops in 10 seconds, for: 1 minute, up to: 1 hour} */
#include "base/duration.h"
#include "policy/reading.h"

#define DROPS_MAX     1000000000u
#define WITHIN_MIN_NS NS_PER_SEC
#define WITHIN_MAX_NS (86400 * NS_PER_SEC) /* the datapath's window wraps after 52 days */
#define BAN_MIN_NS    NS_PER_SEC
#define UP_TO_NS      (3600 * NS_PER_SEC) /* unless the file says otherwise */

/* While the section is read. */
struct section {
	struct policy_bans bans;
	struct place after_at, for_at, up_to_at;
};

static struct bytes take_word(struct bytes *text)
{
	struct bytes word;

	while (text->len && *text->at == ' ') {
		text->at++;
		text->len--;
	}
	word = (struct bytes){text->at, 0};
	while (word.len < text->len && word.at[word.len] != ' ')
		word.len++;
	text->at += word.len;
	text->len -= word.len;
	return word;
}

/* "1000 drops in 10 seconds" */
static bool parse_after(struct bytes text, struct policy_bans *bans)
{
	struct bytes number = take_word(&text), what = take_word(&text), in = take_word(&text);
	uint64_t drops, within_ns;

	if (!parse_number(number, &drops) || !drops || drops > DROPS_MAX)
		return false;
	if (!bytes_equal(what, BYTES("drops")) && !bytes_equal(what, BYTES("drop")))
		return false;
	if (!bytes_equal(in, BYTES("in")) || duration_parse(text, &within_ns))
		return false;
	if (within_ns < WITHIN_MIN_NS || within_ns > WITHIN_MAX_NS)
		return false;
	bans->after = (uint32_t)drops;
	bans->within_ns = within_ns;
	return true;
}

static void read_after(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const char expected[] =
		"`N drops in TIME`, N from 1 to 1000000000 and TIME from 1 second to 1 day";
	struct section *section = into;

	section->after_at = value->place;
	if (!reading_wants_text(r, value, expected))
		return;
	if (!parse_after(value->text, &section->bans))
		reading_unexpected(r, value, expected);
}

static void read_span(struct reading *r, const struct node *value, uint64_t *ret_ns)
{
	uint64_t ns;

	if (!reading_duration(r, value, &ns))
		return;
	if (ns < BAN_MIN_NS)
		reading_unexpected(r, value, "at least 1 second");
	else
		*ret_ns = ns;
}

static void read_for(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct section *section = into;

	section->for_at = value->place;
	read_span(r, value, &section->bans.for_ns);
}

static void read_up_to(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct section *section = into;

	section->up_to_at = value->place;
	read_span(r, value, &section->bans.max_ns);
}

static const struct field fields[] = {
	{"after", read_after, NULL},
	{"for", read_for, NULL},
	{"up to", read_up_to, NULL},
};

void parse_bans(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct section section = {0};
	struct policy_bans *bans = &section.bans;

	if (!READING_MAP(r, value, fields, &section))
		return;
	if (!section.after_at.line)
		reading_error(r, key,
			      "`after` is missing, for example `after: 1000 drops in 10 seconds`");
	if (!section.for_at.line)
		reading_error(r, key, "`for` is missing, for example `for: 1 minute`");
	if (!section.up_to_at.line)
		bans->max_ns = bans->for_ns > UP_TO_NS ? bans->for_ns : UP_TO_NS;
	if (bans->max_ns && bans->max_ns < bans->for_ns)
		reading_error(r, section.up_to_at, "`up to` is shorter than `for`");
	r->policy->bans = *bans;
}
