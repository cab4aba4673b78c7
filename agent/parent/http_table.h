/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of everybody's counts as the parent keeps it: made once, in a memfd, given to every child.
 * So counts outlive the child and every reload; saved to a file they outlive the agent and the host's reboot as well.
 * Its size is that of the first policy with http. In a takeover both agents' children count in one table, if it has
 * the size that is wanted; else what the other one has saved goes on.
 */
#ifndef HTTP_TABLE_H
#define HTTP_TABLE_H

#include "base/buffer.h"
#include "policy/http_policy.h"

struct http_table {
	int fd;		      /* -1: none yet */
	uint64_t bytes;	      /* asked for: max.limit_table */
	uint64_t state_bytes; /* that one client's counts under one limit may take */
	const char *path;     /* of the file they are kept in between agents; NULL: nowhere */
	int given_fd;	/* the table of an agent that is taken over from; -1: none, or taken */
	bool is_shared; /* that agent's child counts in it as well */
};

extern const struct http_table http_table_none;

/*
 * Have a table that serves http. Returns 0; -EINVAL if http has a limit whose counts are larger than the
 * table was made for, or -errno; why goes to error.
 */
int http_table_prepare(struct http_table *table, const struct http_policy *http,
		       struct buffer *error);

/* Keep the counts for the next agent, which finds them when it makes its table. What comes of it is logged. */
void http_table_save(const struct http_table *table);
void http_table_free(struct http_table *table);

#endif
