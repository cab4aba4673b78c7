/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/child_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "child/confine.h"
#include "child/seccomp.h"

static int read_text(int fd, struct buffer *out)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (buffer_reserve(out, (size_t)status.st_size))
		return out->error;
	while ((off_t)out->len < status.st_size) {
		ssize_t len = pread(fd, out->at + out->len, (size_t)status.st_size - out->len,
				    (off_t)out->len);

		if (len < 0 && errno != EINTR)
			return -errno;
		if (!len)
			return -EIO;
		out->len += len > 0 ? (size_t)len : 0;
	}
	return 0;
}

/* The parent has read it already: what is wrong here is between two versions of the program. */
static int parse(struct bytes text, struct policy **ret_policy, struct buffer *error)
{
	auto_free struct policy_problems *problems = calloc(1, sizeof(*problems));
	int err = problems ? policy_parse(text, problems, ret_policy) : -ENOMEM;

	if (!err && !(*ret_policy)->http) {
		policy_free(*ret_policy);
		*ret_policy = NULL;
		err = -EINVAL;
	}
	if (err && problems && problems->count)
		buffer_printf(error, "line %u: %s", problems->at[0].place.line,
			      problems->at[0].text);
	return err;
}

int child_policy_read(int fd, struct policy **ret_policy, struct buffer *error)
{
	auto_buffer struct buffer text = buffer_new(POLICY_TEXT_MAX + 1);
	int err = read_text(fd, &text);

	return err ? err : parse((struct bytes){text.at, text.len}, ret_policy, error);
}

static int confine(const struct http_policy *http, struct buffer *error)
{
	char why[CONFINE_ERROR_MAX] = "";
	int err;

	/* gmtime_r() reads the zone's file at its first use, and confined it could not: the access log would end us. */
	tzset();
	err = confine_process(http, why);
	if (!err)
		err = seccomp_confine();
	if (err)
		buffer_add_text(error, why[0] ? why : "the system call filter was refused");
	return err;
}

int child_policy_admit(struct http_policy *http, bool *is_confined, struct buffer *error)
{
	char why[CONFINE_ERROR_MAX] = "";
	int err = *is_confined ? 0 : confine(http, error);

	if (err)
		return err;
	*is_confined = true;
	err = confine_fit_connections(http, why);
	if (err)
		buffer_add_text(error, why);
	return err;
}

int child_keys_read(int fd, struct key_file **ret_keys, struct buffer *error)
{
	auto_buffer struct buffer text = buffer_new(KEY_FILE_MAX + 1);
	struct key_error where = {.line = 0};
	int err = read_text(fd, &text);

	if (!err)
		err = key_file_parse((struct bytes){text.at, text.len}, &where, ret_keys);
	if (err == -EINVAL)
		buffer_printf(error, "key file, line %u: %s", where.line, where.text);
	return err;
}
