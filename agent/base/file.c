/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"

int file_read(const char *path, struct buffer *out)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	do {
		if (buffer_reserve(out, 1))
			return out->error == -ENOBUFS ? -EFBIG : out->error;
		len = read(fd, out->at + out->len, out->room - out->len);
		if (len < 0 && errno != EINTR)
			return -errno;
		if (len > 0)
			out->len += (size_t)len;
	} while (len);
	out->at[out->len] = '\0';
	return 0;
}

static int write_all(int fd, struct bytes content)
{
	while (content.len) {
		ssize_t len = write(fd, content.at, content.len);

		if (len < 0 && errno != EINTR)
			return -errno;
		if (len > 0)
			content = bytes_from(content, (size_t)len);
	}
	return fsync(fd) ? -errno : 0;
}

static int write_new(const char *path, struct bytes content)
{
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : write_all(fd, content);
}

/* A rename is only on disk when its directory is. */
static int sync_directory_of(const char *path)
{
	char copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", path); /* it fits: PATH.new did */
	auto_close int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

int file_replace(const char *path, struct bytes content)
{
	char fresh[PATH_MAX];
	int err;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	err = write_new(fresh, content);
	if (!err && rename(fresh, path))
		err = -errno;
	return err ? err : sync_directory_of(path);
}
