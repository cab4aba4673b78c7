/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line per event on standard error, as systemd reads it (RFC 5424 priorities
 * in angle brackets when the journal listens, colour-free text otherwise).
 *
 * A line says what failed, on what, the cause, what we do now. Foreign text is
 * passed through log_quote(). Thread-safe: one write() a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Lines above this level are not written. LOG_LEVEL_INFO at the start. */
void log_set_level(enum log_level level);

/* Lines longer than LOG_LINE_MAX bytes are cut. */
#define LOG_LINE_MAX 2048
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Write text into out (size bytes), quoted, control and non-ASCII bytes as \xHH,
 * cut with "..." where it does not fit. Returns out.
 */
#define LOG_QUOTE_MAX 128
const char *log_quote(const char *text, char *out, unsigned size);
/* The same for text that may hold NULs. */
const char *log_quote_bytes(struct bytes text, char *out, unsigned size);

#endif
