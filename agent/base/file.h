/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files: read up to a limit, replaced at once. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buffer.h"

/*
 * Add the whole file at path to out. Returns 0; -EFBIG if it is more than out may hold; -ENOMEM or -errno of
 * open() and read().
 */
int file_read(const char *path, struct buffer *out);

/*
 * Put content in the place of what is at path, at once and on disk: written to "PATH.new", mode 0600, which is then
 * renamed. Returns 0, or -errno with what was there untouched.
 */
int file_replace(const char *path, struct bytes content);

#endif
