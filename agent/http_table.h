/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of everybody's counts as the parent keeps it: made once, in a memfd, given to every child.
 * So counts outlive the child and every reload. Its size is that of the first policy with http.
 */
#ifndef HTTP_TABLE_H
#define HTTP_TABLE_H

#include "base/buffer.h"
#include "policy/http_policy.h"

struct http_table {
	int fd;		      /* -1: none yet */
	uint64_t bytes;	      /* asked for: max.limit_table */
	uint64_t state_bytes; /* that one client's counts under one limit may take */
};

extern const struct http_table http_table_none;

/*
 * Have a table that serves http. Returns 0; -EINVAL if http has a limit whose counts are larger than the
 * table was made for, or -errno; why goes to error.
 */
int http_table_prepare(struct http_table *table, const struct http_policy *http,
		       struct buffer *error);
void http_table_free(struct http_table *table);

#endif
