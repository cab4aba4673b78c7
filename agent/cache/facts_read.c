/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/facts_read.h"

#include "message/date.h"
#include "message/etag.h"
#include "message/fields.h"
#include "message/structured.h"

static enum asked_method method_of(enum method method)
{
	switch (method) {
	case METHOD_GET:
		return ASKS_GET;
	case METHOD_HEAD:
		return ASKS_HEAD;
	case METHOD_OPTIONS:
		return ASKS_SAFE;
	case METHOD_POST:
	case METHOD_PUT:
	case METHOD_DELETE:
	case METHOD_PATCH:
	case METHOD_OTHER: /* RFC 9111 section 4.4: unknown safety counts as unsafe */
		return ASKS_UNSAFE;
	}
	return ASKS_UNSAFE;
}

static bool has_method_override(const struct fields *fields)
{
	return fields_first(fields, FIELD_X_HTTP_METHOD) ||
	       fields_first(fields, FIELD_X_HTTP_METHOD_OVERRIDE) ||
	       fields_first(fields, FIELD_X_METHOD_OVERRIDE);
}

static enum personal presence(const struct fields *fields, enum field_name id)
{
	return fields_first(fields, id) ? PERSONAL_LOOSE : PERSONAL_ABSENT;
}

struct request_facts facts_of_request(const struct request_head *head, bool has_content)
{
	const struct fields *fields = &head->fields;

	return (struct request_facts){
		.method = method_of(head->method),
		.has_content = has_content,
		.has_method_override = has_method_override(fields),
		.has_range = fields_first(fields, FIELD_RANGE),
		.authorization = presence(fields, FIELD_AUTHORIZATION),
		.cookie = presence(fields, FIELD_COOKIE),
		.says = cache_control_read(fields, FIELD_CACHE_CONTROL),
	};
}

struct maybe_time facts_date(const struct fields *fields, enum field_name id, int64_t now_unix_s)
{
	const struct field *field = fields_first(fields, id);
	struct maybe_time time = {.is_given = field};

	/* Two dates: which one was meant nobody knows. */
	if (field && !fields_next(fields, field))
		time.is_valid = date_parse(field->value, now_unix_s, &time.unix_s);
	return time;
}

struct bytes facts_etag(const struct fields *response)
{
	const struct field *field = fields_first(response, FIELD_ETAG);
	struct etag tag;

	if (!field || fields_next(response, field) || !etag_parse(field->value, &tag))
		return (struct bytes){NULL, 0};
	return field->value;
}

struct response_facts facts_of_response(const struct response_head *head, int64_t now_unix_s)
{
	const struct fields *fields = &head->fields;
	const struct field *type = fields_first(fields, FIELD_CONTENT_TYPE);
	struct response_facts facts = {
		.status = head->status,
		.has_set_cookie = fields_first(fields, FIELD_SET_COOKIE),
		.has_vary_any = vary_has_any(fields),
		.has_etag = facts_etag(fields).len,
		.says = cache_control_read(fields, FIELD_CACHE_CONTROL),
		.date = facts_date(fields, FIELD_DATE, now_unix_s),
		.expires = facts_date(fields, FIELD_EXPIRES, now_unix_s),
		.last_modified = facts_date(fields, FIELD_LAST_MODIFIED, now_unix_s),
		.age_s = age_read(fields),
		.content_type = type ? type->value : (struct bytes){NULL, 0},
	};

	facts.has_targeted[TARGETED_SLUICE] = cache_control_read_targeted(
		fields, FIELD_SLUICE_CACHE_CONTROL, &facts.targeted[TARGETED_SLUICE]);
	facts.has_targeted[TARGETED_CDN] = cache_control_read_targeted(
		fields, FIELD_CDN_CACHE_CONTROL, &facts.targeted[TARGETED_CDN]);
	return facts;
}

struct conditions facts_of_conditions(const struct fields *request, struct bytes stored_etag,
				      int64_t now_unix_s)
{
	struct etag tag;
	bool has_tag = etag_parse(stored_etag, &tag);

	return (struct conditions){
		.has_if_match = fields_first(request, FIELD_IF_MATCH),
		.has_if_unmodified_since = fields_first(request, FIELD_IF_UNMODIFIED_SINCE),
		.if_none_match = etag_if_none_match(request, has_tag ? &tag : NULL, true),
		.if_modified_since = facts_date(request, FIELD_IF_MODIFIED_SINCE, now_unix_s),
	};
}

/* A list of strings (RFC 9875 sections 2 and 3): parameters and other types are ignored. */
static void add_groups(struct cache_store *store, const struct fields *fields, enum field_name id,
		       struct bytes origin, struct tag_list *tags)
{
	char name[TAG_LEN_MAX];

	if (!fields_first(fields, id) || !sf_list_check(fields, id))
		return;
	for (const struct field *field = fields_first(fields, id); field;
	     field = fields_next(fields, field)) {
		struct bytes rest = field->value;
		struct sf_member member;

		while (sf_list_next(&rest, &member) == SF_MEMBER) {
			if (member.is_inner_list || member.item.type != SF_STRING ||
			    member.item.text.len > sizeof(name))
				continue;
			cache_tags_add(store, TAG_GROUP, origin,
				       (struct bytes){name, sf_string(&member.item, name)}, tags);
		}
	}
}

void facts_add_tags(struct cache_store *store, const struct fields *response, struct bytes origin,
		    struct tag_list *tags)
{
	for (const struct field *field = fields_first(response, FIELD_SURROGATE_KEY); field;
	     field = fields_next(response, field))
		cache_tags_split(store, field->value, false, tags);
	for (const struct field *field = fields_first(response, FIELD_CACHE_TAG); field;
	     field = fields_next(response, field))
		cache_tags_split(store, field->value, true, tags);
	add_groups(store, response, FIELD_CACHE_GROUPS, origin, tags);
}

void facts_add_invalidated(struct cache_store *store, const struct fields *response,
			   struct bytes origin, struct tag_list *tags)
{
	add_groups(store, response, FIELD_CACHE_GROUP_INVALIDATION, origin, tags);
}
