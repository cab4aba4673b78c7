/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "parent/http_keys.h"

#define LOG_MODE 0640

const struct http_config http_config_none = {.policy_fd = -1, .keys_fd = -1, .log_fd = -1};

void http_config_free(struct http_config *config)
{
	if (config->policy_fd >= 0)
		close(config->policy_fd);
	if (config->keys_fd >= 0)
		close(config->keys_fd);
	if (config->log_fd >= 0)
		close(config->log_fd);
	free(config->log_path);
	*config = http_config_none;
}

static int write_all(int fd, struct bytes text)
{
	while (text.len) {
		ssize_t len = write(fd, text.at, text.len);

		if (len < 0 && errno != EINTR)
			return -errno;
		if (len > 0)
			text = (struct bytes){text.at + len, text.len - (size_t)len};
	}
	return 0;
}

static int seal_text(const char *name, struct bytes text, int *ret_fd)
{
	auto_close int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, text);
	if (err)
		return err;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

static int seal_keys(const struct http_policy *http, int *ret_fd, struct buffer *error)
{
	auto_buffer struct buffer text = buffer_new(0);
	int err;

	if (!http->keys.file)
		return 0;
	err = http_keys_read(http, &text, error);
	if (err)
		return err;
	return seal_text("sluice-keys", (struct bytes){text.at, text.len}, ret_fd);
}

/* Sealed, so that it cannot become shorter while it is mapped. NULL: it cannot be, or is empty. */
static const void *map_keys(int fd, size_t *ret_len)
{
	struct stat stat;
	void *at;

	if (fd < 0 || fstat(fd, &stat))
		return NULL;
	*ret_len = (size_t)stat.st_size;
	at = mmap(NULL, *ret_len, PROT_READ, MAP_PRIVATE, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

bool http_config_keys_differ(const struct http_config *a, const struct http_config *b)
{
	size_t a_len = 0, b_len = 0;
	const void *a_at = map_keys(a->keys_fd, &a_len);
	const void *b_at = map_keys(b->keys_fd, &b_len);
	bool both = a->keys_fd >= 0 && b->keys_fd >= 0;
	bool differ = both && (a_len != b_len || (a_at && b_at && memcmp(a_at, b_at, a_len)));

	if (a_at)
		munmap((void *)a_at, a_len);
	if (b_at)
		munmap((void *)b_at, b_len);
	return differ;
}

int http_config_open_log(const char *path, int *ret_fd)
{
	int fd = strcmp(path, "stderr") ? open(path,
					       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
						       O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
					       LOG_MODE)
					: fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int http_config_make(const struct http_policy *http, struct bytes text,
		     struct http_config *ret_config, struct buffer *error)
{
	struct http_config config = http_config_none;
	int err = seal_text("sluice-policy", text, &config.policy_fd);

	config.drain_ns = http->timeouts.drain_ns;
	if (!err)
		err = seal_keys(http, &config.keys_fd, error);
	if (!err && http->access_log.file) {
		err = http_config_open_log(http->access_log.file, &config.log_fd);
		if (err)
			buffer_printf(error, "http: access log %s: %s", http->access_log.file,
				      strerror(-err));
		config.log_path = strdup(http->access_log.file);
		if (!config.log_path)
			err = -ENOMEM;
	}
	if (err)
		http_config_free(&config);
	else
		*ret_config = config;
	return err;
}
