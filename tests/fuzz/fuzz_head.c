/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message heads under libFuzzer. Byte 0 of the input says where it is cut in two.
 *
 * Besides memory errors it finds: a result that depends on how the bytes came, slices that
 * point outside the input, a chain of fields that misses one, a normal form that is none.
 */
#include <stdint.h>
#include <stdlib.h>

#include "message/body.h"
#include "message/cache_control.h"
#include "message/etag.h"
#include "message/fields.h"
#include "message/head.h"
#include "message/identity.h"
#include "message/proxy_protocol.h"
#include "message/target.h"

#define HEAD_MAX   2048
#define TARGET_MAX 512
#define FIELDS_MAX 40

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static const struct head_limits limits = {HEAD_MAX, TARGET_MAX, FIELDS_MAX};
static struct request_head whole;
static struct request_head cut;
static struct response_head answer;

static void must_be_inside(struct bytes part, struct bytes input)
{
	MUST(!part.len || (part.at >= input.at && part.at + part.len <= input.at + input.len));
}

static void check_fields(const struct fields *fields, struct bytes input)
{
	unsigned known = 0;
	unsigned chained = 0;

	for (unsigned i = 0; i < fields->count; i++) {
		must_be_inside(fields->field[i].name, input);
		must_be_inside(fields->field[i].value, input);
		known += fields->field[i].id != FIELD_OTHER;
	}
	for (int id = 1; id < FIELD_NAME_COUNT; id++) {
		const struct field *field = fields_first(fields, (enum field_name)id);

		for (; field; field = fields_next(fields, field), chained++)
			MUST(field->id == id);
	}
	MUST(known == chained);
}

static void check_target(const struct request_head *head)
{
	char memory[3 * TARGET_MAX];
	char again[3 * 3 * TARGET_MAX];
	struct target target;
	struct path twice;

	if (target_read(head, (struct path_room){memory, sizeof(memory)}, &target) != MESSAGE_DONE)
		return;
	if (target.is_asterisk)
		return;
	MUST(target.path.text.len && target.path.text.at[0] == '/');
	MUST(path_normalise(target.path.text, (struct path_room){again, sizeof(again)}, &twice) ==
	     MESSAGE_DONE);
	MUST(bytes_equal(twice.text, target.path.text));
}

static void read_fields(const struct request_head *head)
{
	static const struct prefix trusted = {.family = ADDRESS_IPV4, .bits = 0};
	struct identity_rules rules = {IDENTITY_X_FORWARDED_FOR, &trusted, 1};
	struct prefix peer = {.family = ADDRESS_IPV4, .bits = 32};
	struct connection connection;
	struct cache_control control;
	struct etag tag = {{"\"a\"", 3}, false};
	struct body body;
	bool flag;

	(void)body_of_request(head, &body);
	(void)connection_read(&head->fields, true, &connection);
	(void)expect_read(head, &flag);
	(void)vary_has_any(&head->fields);
	MUST(age_read(&head->fields) >= 0);
	(void)cache_control_read(&head->fields, FIELD_CACHE_CONTROL);
	(void)cache_control_read_targeted(&head->fields, FIELD_CDN_CACHE_CONTROL, &control);
	(void)etag_if_none_match(&head->fields, &tag, true);
	MUST(identity_find(&head->fields, &rules, &peer).hops <= IDENTITY_ELEMENTS_MAX);
	rules.family = IDENTITY_FORWARDED;
	MUST(identity_find(&head->fields, &rules, &peer).hops <= IDENTITY_ELEMENTS_MAX);
	(void)identity_scheme(&head->fields, IDENTITY_FORWARDED, &flag);
}

static void parse_in_two(struct bytes input, size_t at, enum message_result expected)
{
	size_t scanned = 0;
	struct bytes part = {input.at, at < input.len ? at : input.len};
	enum message_result result = head_parse_request(part, &limits, &scanned, &cut);

	if (result == MESSAGE_MORE)
		result = head_parse_request(input, &limits, &scanned, &cut);
	/* What is refused may be refused later, or for the size it has by then; never accepted. */
	MUST((result == MESSAGE_DONE) == (expected == MESSAGE_DONE));
	MUST(result != MESSAGE_DONE ||
	     (cut.len == whole.len && cut.fields.count == whole.fields.count));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes input = {(const char *)at + 1, len - 1};
	struct proxy_header header;
	enum message_result result;
	size_t scanned = 0;

	if (!len)
		return 0;
	(void)proxy_parse(input, &header);
	if (head_parse_response(input, &limits, &scanned, &answer) == MESSAGE_DONE) {
		struct body body;

		check_fields(&answer.fields, input);
		(void)body_of_response(&answer, METHOD_GET, &body);
	}

	scanned = 0;
	result = head_parse_request(input, &limits, &scanned, &whole);
	if (result == MESSAGE_DONE) {
		MUST(whole.len <= input.len && whole.len <= HEAD_MAX);
		must_be_inside(whole.target, input);
		check_fields(&whole.fields, input);
		check_target(&whole);
		read_fields(&whole);
	}
	parse_in_two(input, (size_t)at[0] * 4, result);
	return 0;
}
