/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_table.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "quota/quota.h"
#include "limit/limit_save.h"

const struct http_table http_table_none = {.fd = -1, .given_fd = -1};

static struct limit_saving moment(void)
{
	return (struct limit_saving){.now_ns = clock_now_ns(), .unix_ns = clock_now_unix_ns()};
}

/* A file that makes no sense is put aside: the next save would write over what a person may still look at. */
static void put_aside(const char *path, int err)
{
	const char *why = err == -EINVAL ? "damaged, or of another version" : strerror(-err);
	char aside[PATH_MAX + sizeof(".damaged")];

	(void)snprintf(aside, sizeof(aside), "%s.damaged", path); /* it fits */
	if (rename(path, aside))
		log_warning("http: saved counts in %s: %s; limits begin anew", path, why);
	else
		log_warning("http: saved counts: %s; limits begin anew, the file is kept as %s",
			    why, aside);
}

static void restore(const struct http_table *table)
{
	size_t restored, lost;
	int err;

	if (!table->path)
		return;
	err = limit_table_restore(table->fd, table->path, moment(), &restored, &lost);
	if (err && err != -ENOENT)
		put_aside(table->path, err);
	else if (!err && (restored || lost))
		log_info("http: saved counts that go on: %zu; that found no room: %zu", restored,
			 lost);
}

void http_table_save(const struct http_table *table)
{
	size_t saved, lost;
	int err;

	if (table->fd < 0 || !table->path)
		return;
	err = limit_table_save(table->fd, table->path, moment(), &saved, &lost);
	if (err)
		log_warning("http: saving counts in %s: %s; limits begin anew with the next start",
			    table->path, strerror(-err));
	else if (lost)
		log_warning("http: %zu counts were too many to be saved; they begin anew", lost);
}

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
	table->is_shared = table->given_fd >= 0 && limit_table_is_sized(table->given_fd, size);
	err = table->is_shared ? 0 : limit_table_create(size, &table->fd);
	if (err) {
		buffer_printf(error, "http: the table of counts: %s", strerror(-err));
		return err;
	}
	if (table->is_shared)
		table->fd = take_fd(table->given_fd);
	else
		restore(table);
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
	const char *path = table->path;

	if (table->fd >= 0)
		close(table->fd);
	if (table->given_fd >= 0)
		close(table->given_fd);
	*table = http_table_none;
	table->path = path;
}
