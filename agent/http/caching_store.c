/* SPDX-License-Identifier: BSD-2-Clause */
/* What the upstream's answer does to the cache: stored, freshened, invalidated, or kept from it. */
#include <errno.h>

#include "cache/facts_read.h"
#include "cache/vary.h"
#include "http/caching.h"
#include "http/caching_facts.h"
#include "http/exchange.h"
#include "http/http_parts.h"
#include "http/respond.h"

#define HEAD_MERGED_MAX (64u << 10) /* a stored head and all that a 304 adds to it */

static struct cache_store *store_of(const struct exchange *x)
{
	return x->worker->http->cache;
}

/* What was learned of an answer, for the rules. */
struct answer {
	struct response_facts says;
	struct freshness fresh;
	enum store_verdict verdict;
};

/*
 * What the request said. Scratch has another one by now, as a rule, and to read this one again is a tenth of all that
 * a miss costs: so only what was kept of it is looked at, unless the answer asks for more.
 */
static const struct caching_facts *asked_of(struct exchange *x)
{
	struct caching_facts facts;

	if (!x->cache.asked.rules) { /* an exchange that refreshes has looked nothing up */
		facts = caching_facts_of(x->share->plan, exchange_request(x));
		caching_keep_facts(x, &facts);
	}
	return &x->cache.asked;
}

static struct answer judge_facts(struct exchange *x, const struct response_facts *says)
{
	const struct fetch_times times = {x->sent_ns, x->worker->now_ns, x->worker->now_unix_s};
	const struct caching_facts *asked = asked_of(x);
	struct answer answer = {.says = *says};
	struct store_case c = {
		.req = &asked->req,
		.resp = &answer.says,
		.rules = asked->rules,
		.fresh = &answer.fresh,
		.now_ns = x->worker->now_ns,
	};

	if (asked->rules->is_prefix)
		c.path = exchange_request(x)->target.path.text;
	answer.fresh = freshness_of(&answer.says, asked->rules, &times);
	answer.verdict = storable_response(&c);
	return answer;
}

static struct answer judge_answer(struct exchange *x)
{
	const struct worker *worker = x->worker;
	const struct response_facts says = facts_of_response(&worker->resp, worker->now_unix_s);

	return judge_facts(x, &says);
}

static void fill_parts(const struct exchange *x, const struct answer *answer,
		       const struct response_head *resp, struct object_parts *parts)
{
	parts->status = resp->status;
	parts->fresh = answer->fresh;
	parts->date = answer->says.date;
	parts->last_modified = answer->says.last_modified;
	parts->received_unix_s = x->worker->now_unix_s;
	parts->stored_ns = x->worker->now_ns;
	parts->sequence = x->cache.sequence;
}

/* Where the value of ETag stands in a head of ours. */
static struct bytes etag_in(struct bytes head, struct bytes etag)
{
	const char *at = etag.len ? memmem(head.at, head.len, etag.at, etag.len) : NULL;

	return at ? (struct bytes){at, etag.len} : (struct bytes){NULL, 0};
}

/* ---- Storing ---- */

static void give_up_fill(struct exchange *x, enum store_verdict why, bool remember)
{
	struct caching *c = &x->cache;

	count(&x->worker->counters.not_stored[why]);
	c->status.detail = storable_label(why);
	if (c->fill)
		fill_release(c->fill, remember, x->worker->now_ns);
	c->fill = NULL;
	fill_leave(&c->waiter);
}

static void add_tags(struct exchange *x, struct tag_list *tags)
{
	auto_buffer struct buffer origin = buffer_new(CACHE_KEY_MAX);

	/* Names of groups are an origin's own; nothing else of it is asked for. */
	if (fields_first(&x->worker->resp.fields, FIELD_CACHE_GROUPS))
		caching_origin(exchange_request(x), &origin);
	facts_add_tags(store_of(x), &x->worker->resp.fields, (struct bytes){origin.at, origin.len},
		       tags);
	for (size_t i = 0; i < x->route->tags.count; i++)
		cache_tags_add(store_of(x), TAG_NAMED, (struct bytes){NULL, 0},
			       bytes_of(x->route->tags.at[i]), tags);
}

/* The head as it is kept, in the memory that the answer's head is written to afterwards. */
static struct bytes write_stored(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};
	const struct respond respond = {
		.resp = &worker->resp,
		.connection = &worker->resp_connection,
		.name = x->share->plan->http->name,
		.date = worker->date,
	};

	respond_write_stored(&respond, &out);
	return out.is_cut ? (struct bytes){NULL, 0} : text_since(&out, worker->head_out);
}

static bool select_variant(struct exchange *x, char room[static VARY_SELECTOR_MAX],
			   struct bytes *ret_selector)
{
	if (!fields_first(&x->worker->resp.fields, FIELD_VARY)) {
		*ret_selector = (struct bytes){NULL, 0};
		return true;
	}
	switch (vary_select(&x->worker->resp.fields, &exchange_request(x)->head.fields, room,
			    ret_selector)) {
	case VARY_NONE:
	case VARY_SELECTED:
		return true;
	case VARY_ANY:
	case VARY_BAD:
		break;
	}
	return false;
}

static void begin_fill(struct exchange *x, const struct answer *answer)
{
	struct caching *c = &x->cache;
	struct fill_answer fill = {.may_store = true};
	char room[VARY_SELECTOR_MAX];

	fill.parts.head = write_stored(x);
	if (!select_variant(x, room, &fill.parts.selector)) {
		give_up_fill(x, STORE_BAD_VARY, true);
		return;
	}
	fill_parts(x, answer, &x->worker->resp, &fill.parts);
	fill.parts.etag = etag_in(fill.parts.head, facts_etag(&x->worker->resp.fields));
	add_tags(x, &fill.tags);
	if (fill.tags.is_cut)
		give_up_fill(x, STORE_TOO_MANY_TAGS, true);
	else if (!fill.parts.head.len || fill_publish(c->fill, &fill))
		give_up_fill(x, STORE_NO_SPACE, false);
	else
		c->status.is_stored = c->is_owner = true;
}

/* An answer that is offered: stored as it passes, or told why not. */
static void offer(struct exchange *x, const struct answer *answer)
{
	const struct body *body = &x->answer_body;
	enum store_verdict verdict = answer->verdict;

	if (!x->cache.fill) {
		if (verdict == STORE_YES)
			return;
		count(&x->worker->counters.not_stored[verdict]);
		x->cache.status.detail = storable_label(verdict);
		return;
	}
	if (verdict == STORE_YES && body->length_given &&
	    body->length > x->share->plan->http->cache.object_max)
		verdict = STORE_TOO_LARGE;
	if (verdict == STORE_YES)
		begin_fill(x, answer);
	else
		/* An error passes: who asks for the same after it may wait for one answer again. */
		give_up_fill(x, verdict, !freshness_is_error_status(x->worker->resp.status));
}

/* ---- Freshening ---- */

/* What a 304 may not put into a stored head, beside what validation.h says. */
static bool is_not_taken(const void *context, const struct field *field)
{
	const struct exchange *x = context;
	const struct worker *worker = x->worker;
	ptrdiff_t index = field - worker->resp.fields.field;

	if (field->id == FIELD_SET_COOKIE)
		return !x->route->share_set_cookie;
	return field->id == FIELD_VIA || field->id == FIELD_CACHE_STATUS ||
	       field->id == FIELD_VARY ||
	       field_flags((enum field_name)field->id, field->name) & FIELD_IS_LIMITS ||
	       field_set_has(&worker->resp_connection.hop, (unsigned)index);
}

/* The stored response as this answer updates it: its head in merged, parsed again into worker->resp. */
static bool merge_head(struct exchange *x, struct buffer *merged)
{
	static const struct head_limits limits = {.max_bytes = HEAD_MERGED_MAX,
						  .max_fields = HEAD_FIELDS_MAX};
	struct worker *worker = x->worker;
	const struct head_merge merge = {
		.stored_head = object_head(x->cache.object),
		.answer = &worker->resp.fields,
		.date = {worker->date, DATE_TEXT_LEN},
		.is_dropped = is_not_taken,
		.context = x,
	};
	size_t scanned = 0;

	validation_merge(&merge, merged);
	buffer_add(merged, BYTES("\r\n"));
	return !merged->error &&
	       head_parse_response((struct bytes){merged->at, merged->len}, &limits, &scanned,
				   &worker->resp) == MESSAGE_DONE;
}

/*
 * Store the response anew and hold that one. Without room the one we have will do. Returns whether
 * it may be stored as it is now.
 */
static enum store_verdict freshen(struct exchange *x)
{
	auto_buffer struct buffer merged = buffer_new(HEAD_MERGED_MAX);
	struct cache_object *object = x->cache.object;
	const struct cache_key key = {object_key(object), object->url_len};
	struct cache_query query = {&key, object->link.hash, NULL};
	struct object_parts news = {0};
	struct tag_list tags = {.count = 0};
	struct cache_found found;
	struct response_facts confirmed, says;
	struct answer answer;

	confirmed = facts_of_response(&x->worker->resp, x->worker->now_unix_s);
	if (!merge_head(x, &merged))
		return STORE_YES;
	says = facts_of_response(&x->worker->resp, x->worker->now_unix_s);
	says.age_s = confirmed.age_s; /* since it was confirmed: no stored head has an Age */
	answer = judge_facts(x, &says);
	x->cache.status.detail =
		answer.verdict == STORE_YES ? NULL : storable_label(answer.verdict);
	if (answer.verdict != STORE_YES)
		return answer.verdict;
	news.head = (struct bytes){merged.at, merged.len - 2};
	news.etag = etag_in(news.head, facts_etag(&x->worker->resp.fields));
	fill_parts(x, &answer, &x->worker->resp, &news);
	add_tags(x, &tags); /* of the head as it is now */
	if (tags.is_cut || cache_update(store_of(x), object, &news, &tags) != STORE_YES)
		return STORE_YES;
	x->cache.status.is_stored = true;
	query.request = &exchange_request(x)->head.fields;
	found = cache_find(store_of(x), &query);
	if (found.object) {
		caching_drop_object(x);
		x->cache.object = found.object;
	}
	return STORE_YES;
}

/* Whether the 304 speaks of what we hold. */
static bool is_confirmed(struct exchange *x)
{
	const struct fields *fields = &x->worker->resp.fields;
	const struct validators ours = object_validators(x->cache.object);
	const struct validators answer = {
		.etag = facts_etag(fields),
		.last_modified = facts_date(fields, FIELD_LAST_MODIFIED, x->worker->now_unix_s),
	};
	bool is_chosen;

	/* RFC 9111 section 4.3.4 is about choosing; without validators it is the one we asked about. */
	if (!answer.etag.len && !answer.last_modified.is_given)
		return true;
	return validation_choose(&answer, &ours, 1, &is_chosen) == 1;
}

/* What we hold will not do. */
static enum progress fetch_whole(struct exchange *x)
{
	caching_drop_object(x);
	x->cache.status.detail = NULL;
	return fetch_again(x);
}

static enum progress take_confirmation(struct exchange *x)
{
	struct caching *c = &x->cache;
	enum store_verdict verdict;

	c->revalidates = false;
	if (!is_confirmed(x)) /* of something else */
		return fetch_whole(x);
	c->status.forward_status = 304;
	verdict = freshen(x);
	if (verdict == STORE_NO_STORE || verdict == STORE_PRIVATE) {
		/*
		 * From now on it is nobody else's, nor may it stand in; and who asked is to be told
		 * so. While it is fresh for others, a word to one who says who he is is for him.
		 */
		if (c->status.forward == FORWARD_STALE)
			cache_forget(store_of(x), c->object);
		return fetch_whole(x);
	}
	if (c->fill)
		fill_release(c->fill, false, x->worker->now_ns);
	c->fill = NULL;
	fill_leave(&c->waiter);
	if (!x->answer.len) /* only the head stands there, and it has been read */
		held_free(&x->origin->in, &x->worker->memory);
	relay_leave_origin(x);
	fetch_leave_gate(x);
	caching_take_hit(x, c->object, x->worker->now_ns);
	c->verdict = CACHE_VERDICT_REVALIDATED;
	count(&x->worker->counters.cache_revalidated);
	return go(x, STAGE_SERVE);
}

/* RFC 9111 section 4.3.5: what HEAD says of a stored GET. */
static void take_head_answer(struct exchange *x)
{
	const struct cache_object *object = x->cache.object;
	const struct fields *fields = &x->worker->resp.fields;
	const struct validators answer = {
		.etag = facts_etag(fields),
		.last_modified = facts_date(fields, FIELD_LAST_MODIFIED, x->worker->now_unix_s),
	};
	const struct validators ours = object ? object_validators(object) : answer;
	int64_t len = x->answer_body.length_given ? (int64_t)x->answer_body.length : -1;

	if (!object || x->worker->resp.status != 200 || object->status != 200)
		return;
	if (validation_head(&answer, len, &ours, (int64_t)object->body_len) == HEAD_INVALIDATES)
		cache_make_stale(store_of(x), x->cache.object);
}

/* ---- The stage ---- */

enum progress caching_store(struct exchange *x)
{
	struct caching *c = &x->cache;
	struct answer answer;

	if (!store_of(x) || x->worker->resp.status < 200)
		return go(x, STAGE_RESPOND);
	c->status.forward_status = x->worker->resp.status;
	c->status.has_ttl = false;
	if (!c->takes_part) {
		caching_invalidate(x);
		return go(x, STAGE_RESPOND);
	}
	if (c->revalidates && x->worker->resp.status == 304)
		return take_confirmation(x);
	answer = judge_answer(x);
	/* RFC 5861 section 4: an error is not passed on where what is stored may stand in. */
	if (freshness_is_error_status(x->worker->resp.status) &&
	    caching_stand_in(x, FAILURE_STATUS))
		return PROGRESS_MOVE_ON;
	if (x->method == METHOD_HEAD)
		take_head_answer(x);
	else
		offer(x, &answer);
	caching_drop_object(x);
	if (c->is_left && !c->fill)
		return PROGRESS_RESET; /* nobody wants what is not stored */
	return go(x, c->fill ? STAGE_SERVE : STAGE_RESPOND);
}
