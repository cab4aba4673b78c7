/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/storable.h"

#include <stddef.h>

enum store_verdict storable_request(const struct request_facts *req,
				    const struct route_rules *rules)
{
	if (rules->no_cache)
		return STORE_ROUTE;
	if (req->method != ASKS_GET && req->method != ASKS_HEAD)
		return STORE_METHOD;
	/* RFC 9110 section 9.3.1: content of a GET has no meaning to us; to the origin it may. */
	if (req->has_content)
		return STORE_CONTENT;
	if (req->has_method_override)
		return STORE_OVERRIDE;
	return STORE_YES;
}

/*
 * Statuses whose caching we implement (RFC 9111 section 3, "must-understand"). 206 is left out:
 * a part is never stored, so never mistaken for the whole; 304 updates and is not stored itself.
 */
static bool is_understood(unsigned status)
{
	switch (status) {
	case 200:
	case 203:
	case 204:
	case 300:
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
	case 400:
	case 401:
	case 403:
	case 404:
	case 405:
	case 410:
	case 414:
	case 451:
	case 500:
	case 501:
	case 502:
	case 503:
	case 504:
		return true;
	}
	return false;
}

static bool status_may_be_stored(unsigned status, const struct cache_control *says)
{
	/* RFC 6585 section 4: a 429 is never stored. 206, 304: see is_understood(). */
	if (status < 200 || status > 599 || status == 206 || status == 304 || status == 429)
		return false;
	/* RFC 9111 section 5.2.2.3: only who knows the status may go on. */
	return !says->must_understand || is_understood(status);
}

/* RFC 9111 section 3.5. Identity headers of the policy are credentials like any other. */
static bool authorization_permits(const struct request_facts *req, const struct cache_control *says)
{
	if (req->authorization != PERSONAL_LOOSE && req->identity != PERSONAL_LOOSE)
		return true;
	return says->is_public || says->must_revalidate || says->s_maxage != SECONDS_ABSENT;
}

static enum store_verdict judge_directives(const struct store_case *c)
{
	const struct cache_control *says = response_directives(c->resp, NULL);

	if (c->rules->honour_request && c->req->says.no_store) /* section 5.2.1.5 */
		return STORE_REQUEST_NO_STORE;
	if (!status_may_be_stored(c->resp->status, says))
		return STORE_STATUS;
	/* Section 5.2.2.3: must-understand, understood, overrides no-store. */
	if (says->no_store && !says->must_understand)
		return STORE_NO_STORE;
	if (says->is_private) /* section 5.2.2.7 */
		return STORE_PRIVATE;
	if (!authorization_permits(c->req, says))
		return STORE_AUTHORIZATION;
	return STORE_YES;
}

static enum store_verdict judge_lifetime(const struct store_case *c)
{
	const struct freshness *fresh = c->fresh;
	bool has_validator = c->resp->has_etag ||
			     (c->resp->last_modified.is_given && c->resp->last_modified.is_valid);
	bool has_grace = fresh->stale_if_error_s || fresh->stale_while_revalidate_s;

	/* Explicit freshness from the origin is obeyed; no other is applied to who says who asks. */
	if (fresh->source != LIFETIME_EXPLICIT && request_is_personal(c->req))
		return STORE_PERSONAL;
	/* Section 3, last rule: explicit freshness, public, or a status that may be guessed for. */
	if (fresh->source == LIFETIME_NONE &&
	    !(has_validator && (response_directives(c->resp, NULL)->is_public ||
				freshness_is_heuristic_status(c->resp->status))))
		return STORE_NO_FRESHNESS;
	if (freshness_age_s(fresh, c->now_ns) >= fresh->lifetime_s && !has_validator && !has_grace)
		return STORE_STALE;
	return STORE_YES;
}

enum store_verdict storable_response(const struct store_case *c)
{
	enum store_verdict verdict = storable_request(c->req, c->rules);

	if (verdict == STORE_YES && c->req->method != ASKS_GET)
		verdict = STORE_METHOD;
	if (verdict == STORE_YES)
		verdict = judge_directives(c);
	if (verdict != STORE_YES)
		return verdict;

	/* RFC 9111 has no rule for cookies (section 7.3 warns); this one is ours. */
	if (c->resp->has_set_cookie && !c->rules->share_set_cookie)
		return STORE_SET_COOKIE;
	if (c->resp->has_vary_any) /* section 4.1 */
		return STORE_VARY_ANY;
	if (c->rules->is_prefix && !storable_type_fits(c->path, c->resp->content_type))
		return STORE_CONTENT_TYPE;
	return judge_lifetime(c);
}

/* What a path's extension promises: a beginning that the content type must have. */
static const struct {
	const char *extension;
	const char *types[3];
} promises[] = {
	{"css", {"text/css"}},
	{"js", {"text/javascript", "application/javascript", "application/x-javascript"}},
	{"mjs", {"text/javascript", "application/javascript"}},
	{"json", {"application/json", "application/manifest+json", "application/ld+json"}},
	{"xml", {"application/xml", "text/xml", "application/rss+xml"}},
	{"csv", {"text/csv"}},
	{"txt", {"text/plain"}},
	{"png", {"image/"}},
	{"jpg", {"image/"}},
	{"jpeg", {"image/"}},
	{"gif", {"image/"}},
	{"webp", {"image/"}},
	{"avif", {"image/"}},
	{"svg", {"image/svg+xml"}},
	{"ico", {"image/"}},
	{"bmp", {"image/"}},
	{"woff", {"font/", "application/font-woff", "application/x-font-woff"}},
	{"woff2", {"font/", "application/font-woff2"}},
	{"ttf", {"font/", "application/x-font-ttf", "application/font-sfnt"}},
	{"otf", {"font/", "application/x-font-otf"}},
	{"eot", {"application/vnd.ms-fontobject"}},
	{"mp4", {"video/"}},
	{"webm", {"video/", "audio/"}},
	{"mp3", {"audio/"}},
	{"ogg", {"audio/", "video/", "application/ogg"}},
	{"wasm", {"application/wasm"}},
	{"pdf", {"application/pdf"}},
	{"zip", {"application/zip", "application/x-zip-compressed"}},
	{"gz", {"application/gzip", "application/x-gzip"}},
};

/* Opaque bytes: what servers say of a file they do not know. No browser shows it as a page. */
static const struct bytes opaque_type = {"application/octet-stream", 24};

static bool begins_nocase(struct bytes text, const char *with)
{
	size_t len = strlen(with);

	return text.len >= len && !strncasecmp(text.at, with, len);
}

static struct bytes extension_of(struct bytes path)
{
	for (size_t i = path.len; i > 0 && path.at[i - 1] != '/'; i--)
		if (path.at[i - 1] == '.')
			return (struct bytes){path.at + i, path.len - i};
	return (struct bytes){NULL, 0};
}

bool storable_type_fits(struct bytes path, struct bytes content_type)
{
	struct bytes extension = extension_of(path);

	if (!extension.len || !content_type.len || begins_nocase(content_type, opaque_type.at))
		return true;
	for (size_t i = 0; i < sizeof(promises) / sizeof(*promises); i++) {
		if (!bytes_equal_nocase(extension, bytes_of(promises[i].extension)))
			continue;
		for (size_t t = 0; t < 3 && promises[i].types[t]; t++)
			if (begins_nocase(content_type, promises[i].types[t]))
				return true;
		return false;
	}
	return true;
}

const char *storable_label(enum store_verdict verdict)
{
	static const char *const labels[] = {
#define X(name, label, help) label,
		STORE_VERDICTS(X)
#undef X
	};
	return labels[verdict];
}

const char *storable_help(enum store_verdict verdict)
{
	static const char *const helps[] = {
#define X(name, label, help) help,
		STORE_VERDICTS(X)
#undef X
	};
	return helps[verdict];
}
