/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache_status.h"

#include <string.h>

#include "base/digits.h"

/* Written on every response, so without printf. */
struct text {
	char *at;
	size_t len;
};

static inline void add(struct text *text, struct bytes more)
{
	if (more.len > CACHE_STATUS_MAX - text->len)
		more.len = CACHE_STATUS_MAX - text->len;
	memcpy(text->at + text->len, more.at, more.len);
	text->len += more.len;
}

static void add_number(struct text *text, int64_t number)
{
	char digits[DIGITS_MAX];

	if (number < 0)
		add(text, BYTES("-"));
	add(text, digits_of(number < 0 ? 0 - (uint64_t)number : (uint64_t)number, digits));
}

const char *forward_label(enum forward_reason reason)
{
	static const char *const labels[] = {
#define X(name, text, help) text,
		FORWARD_REASONS(X)
#undef X
	};
	return labels[reason];
}

const char *cache_verdict_label(enum cache_verdict verdict)
{
	static const char *const labels[] = {
#define X(name, text, help) text,
		CACHE_VERDICTS(X)
#undef X
	};
	return labels[verdict];
}

/* RFC 9211 sections 2.2 to 2.6: all of them only where the request went forward. */
static void add_forward(struct text *text, const struct cache_status *status)
{
	add(text, BYTES("; fwd="));
	add(text, bytes_of(forward_label(status->forward)));
	if (status->forward_status) {
		add(text, BYTES("; fwd-status="));
		add_number(text, status->forward_status);
	}
	if (status->is_stored)
		add(text, BYTES("; stored"));
	if (status->is_collapsed)
		add(text, BYTES("; collapsed"));
}

size_t cache_status_format(const struct cache_status *status, const char *name,
			   char out[static CACHE_STATUS_MAX])
{
	struct text text = {.at = out};

	add(&text, bytes_of(name));
	if (status->forward == FORWARD_NONE)
		add(&text, BYTES("; hit"));
	else
		add_forward(&text, status);
	if (status->has_ttl) {
		add(&text, BYTES("; ttl="));
		add_number(&text, status->ttl_s);
	}
	if (status->detail) {
		add(&text, BYTES("; detail="));
		add(&text, bytes_of(status->detail));
	}
	return text.len;
}
