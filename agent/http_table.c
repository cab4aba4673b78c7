/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_table.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/log.h"
#include "http/quota.h"

const struct http_table http_table_none = {.fd = -1};

static int make(struct http_table *table, const struct http_policy *http, struct buffer *error)
{
	const uint64_t state_bytes = quota_state_bytes(http);
	struct limit_table_size size = limit_table_within(http->max.limit_table, state_bytes);
	int err;

	if (!size.entries) {
		buffer_printf(error,
			      "http: max.limit_table is too small: what is counted of one client "
			      "takes up to %" PRIu64 " bytes",
			      state_bytes);
		return -EINVAL;
	}
	err = limit_table_create(size, &table->fd);
	if (err) {
		buffer_printf(error, "http: the table of counts: %s", strerror(-err));
		return err;
	}
	table->bytes = http->max.limit_table;
	table->state_bytes = state_bytes;
	return 0;
}

int http_table_prepare(struct http_table *table, const struct http_policy *http,
		       struct buffer *error)
{
	const uint64_t state_bytes = quota_state_bytes(http);

	if (table->fd < 0)
		return make(table, http, error);
	if (state_bytes > table->state_bytes) {
		buffer_printf(error,
			      "http: a moving-window of this policy takes %" PRIu64
			      " bytes a client, and the table of counts was made for %" PRIu64
			      ": it needs a restart",
			      state_bytes, table->state_bytes);
		return -EINVAL;
	}
	if (http->max.limit_table != table->bytes)
		log_notice("http: another max.limit_table waits for a restart");
	return 0;
}

void http_table_free(struct http_table *table)
{
	if (table->fd >= 0)
		close(table->fd);
	*table = http_table_none;
}
