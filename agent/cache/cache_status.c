/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache_status.h"

#include <string.h>

/* Written on every response, so without printf. */
struct text {
	char *at;
	size_t len;
};

static void add(struct text *text, const char *more)
{
	size_t len = strlen(more);

	if (len > CACHE_STATUS_MAX - text->len)
		len = CACHE_STATUS_MAX - text->len;
	memcpy(text->at + text->len, more, len);
	text->len += len;
}

static void add_number(struct text *text, int64_t number)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	*at = '\0';
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		*--at = '-';
	add(text, at);
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

/* RFC 9211 sections 2.2 to 2.6: all of them only where the request went forward. */
static void add_forward(struct text *text, const struct cache_status *status)
{
	add(text, "; fwd=");
	add(text, forward_label(status->forward));
	if (status->forward_status) {
		add(text, "; fwd-status=");
		add_number(text, status->forward_status);
	}
	if (status->is_stored)
		add(text, "; stored");
	if (status->is_collapsed)
		add(text, "; collapsed");
}

size_t cache_status_format(const struct cache_status *status, const char *name,
			   char out[static CACHE_STATUS_MAX])
{
	struct text text = {.at = out};

	add(&text, name);
	if (status->forward == FORWARD_NONE)
		add(&text, "; hit");
	else
		add_forward(&text, status);
	if (status->has_ttl) {
		add(&text, "; ttl=");
		add_number(&text, status->ttl_s);
	}
	if (status->detail) {
		add(&text, "; detail=");
		add(&text, status->detail);
	}
	return text.len;
}
