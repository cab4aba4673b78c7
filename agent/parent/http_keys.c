/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_keys.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "policy/key_file.h"

int http_keys_read(const struct http_policy *http, struct buffer *text, struct buffer *error)
{
	const char *path = http->keys.file;
	struct key_file *file = NULL;
	struct key_error where;
	int err;

	*text = buffer_new(KEY_FILE_MAX + 1);
	if (!path)
		return 0;
	err = file_read(path, text);
	if (err) {
		buffer_printf(error, "key file %s: %s", path, strerror(-err));
		return err;
	}
	err = key_file_parse((struct bytes){text->at, text->len}, &where, &file);
	if (err == -EINVAL)
		buffer_printf(error, "key file %s:%u:%u: %s", path, where.line, where.column,
			      where.text);
	else if (err)
		buffer_printf(error, "key file %s: %s", path, strerror(-err));
	key_file_free(file);
	return err;
}
