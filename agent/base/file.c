/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
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
