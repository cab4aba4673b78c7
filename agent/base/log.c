/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int highest_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&highest_level, level, memory_order_relaxed);
}

/*
 * systemd sets JOURNAL_STREAM to "DEVICE:INODE" of the stream it made for us. Inherited by a child
 * whose standard error goes elsewhere, the variable alone would be a lie: hence the comparison.
 */
static bool journal_listens(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[48];
	struct stat at;

	if (!stream || fstat(STDERR_FILENO, &at))
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)at.st_dev, (uintmax_t)at.st_ino);
	return !strcmp(stream, ours);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error: ";
	case LOG_LEVEL_WARNING:
		return "warning: ";
	case LOG_LEVEL_NOTICE:
	case LOG_LEVEL_INFO:
		return "";
	case LOG_LEVEL_DEBUG:
		return "debug: ";
	}
	return "";
}

/* What would start a line of its own, or move a terminal's cursor, is foreign text that nobody quoted. */
static void keep_to_one_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)text[i]))
			text[i] = ' ';
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX + 1];
	int more, errno_before = errno; /* who logs often still returns it */
	va_list args;
	size_t len;

	if ((int)level > atomic_load_explicit(&highest_level, memory_order_relaxed))
		return;

	if (journal_listens())
		len = (size_t)snprintf(line, sizeof(line), "<%d>", level);
	else
		len = (size_t)snprintf(line, sizeof(line), "%s", level_name(level));

	va_start(args, format);
	more = vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	assert(more >= 0);

	len += (size_t)more;
	if (len > LOG_LINE_MAX - 1)
		len = LOG_LINE_MAX - 1;
	keep_to_one_line(line, len);
	line[len++] = '\n';
	more = (int)write(STDERR_FILENO, line, len);
	(void)more; /* where it fails there is nowhere left to say so */
	errno = errno_before;
}

/* Text of one byte inside quotes: itself, \" and \\, or \xHH. Returns its length, at most 4. */
static unsigned quote_byte(unsigned char byte, char out[static 5])
{
	if (byte == '"' || byte == '\\')
		return (unsigned)sprintf(out, "\\%c", byte);
	if (byte < 0x20 || byte > 0x7e)
		return (unsigned)sprintf(out, "\\x%02x", byte);
	return (unsigned)sprintf(out, "%c", byte);
}

const char *log_quote_bytes(struct bytes text, char *out, unsigned size)
{
	const unsigned tail = sizeof("...\""); /* what a cut text ends with, terminator included */
	unsigned len = 0, cut_at = 0;
	char piece[5];

	assert(size > tail);
	out[len++] = '"';
	cut_at = len;
	for (size_t i = 0; i < text.len; i++) {
		unsigned more = quote_byte((unsigned char)text.at[i], piece);

		if (len + more + sizeof("\"") > size) {
			memcpy(out + cut_at, "...\"", tail);
			return out;
		}
		memcpy(out + len, piece, more);
		len += more;
		if (len + tail <= size)
			cut_at = len;
	}
	memcpy(out + len, "\"", sizeof("\""));
	return out;
}

const char *log_quote(const char *text, char *out, unsigned size)
{
	return log_quote_bytes(bytes_of(text), out, size);
}
