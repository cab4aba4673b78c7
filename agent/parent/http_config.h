/* SPDX-License-Identifier: BSD-2-Clause */
/* What the HTTP child needs of a policy beside sockets and names: text and API keys, sealed, and the access log, opened. */
#ifndef HTTP_CONFIG_H
#define HTTP_CONFIG_H

#include "base/buffer.h"
#include "policy/http_policy.h"

struct http_config {
	int policy_fd; /* sealed memfd with the policy's text; -1: no http */
	int keys_fd;   /* sealed memfd with the API keys' file; -1: none */
	int log_fd;    /* -1: no access log */
	char *log_path;
	uint64_t drain_ns;
};

extern const struct http_config http_config_none;

/* Returns 0, or -errno and why in error. */
int http_config_make(const struct http_policy *http, struct bytes text,
		     struct http_config *ret_config, struct buffer *error);

/* Closes what it has; it is then http_config_none. */
void http_config_free(struct http_config *config);

/* Whether both have API keys, and they are not the same. False where they cannot be read. */
bool http_config_keys_differ(const struct http_config *a, const struct http_config *b);

/* Open an access log for appending; "stderr" is that. Returns 0 or -errno. */
int http_config_open_log(const char *path, int *ret_fd);

#endif
