/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line per exchange, as JSON or in the combined format, gathered per thread and
 * written in whole lines. Whatever a stranger sent is escaped. What cannot be written is
 * dropped and counted: a full disk must not stop the service.
 */
#ifndef HTTP_ACCESS_LOG_H
#define HTTP_ACCESS_LOG_H

#include <stdint.h>

#include "base/address.h"
#include "base/bytes.h"
#include "policy/http_policy.h"

#define ACCESS_LOG_ROOM	    65536
#define ACCESS_LOG_TEXT_MAX 1024 /* bytes of one part that a stranger wrote, before escaping */

struct access_line {
	uint64_t unix_ns; /* when the request began */
	const struct prefix *client;
	struct bytes method;
	struct bytes host;
	struct bytes target;
	struct bytes user_agent;
	struct bytes referer;
	struct bytes request_id;
	const char *route;    /* its pattern; NULL: it came to none */
	const char *upstream; /* NULL: none was asked */
	const char *cache;    /* likewise */
	const char *limit;    /* likewise */
	struct bytes limit_name;
	uint64_t took_ns;
	uint64_t upstream_ns;
	uint64_t bytes_out;
	unsigned status; /* 0: none was sent */
	uint8_t minor;
	bool is_aborted;
};

struct access_log {
	size_t len;
	uint64_t lines; /* in the buffer */
	char at[ACCESS_LOG_ROOM];
};

/* Append a line. Returns whether the buffer should be written soon. */
bool access_log_add(struct access_log *log, enum http_log_format format,
		    const struct access_line *line);

/* Write what there is to fd. Returns how many lines were lost. */
uint64_t access_log_write(struct access_log *log, int fd);

#endif
