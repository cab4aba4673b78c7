/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures, times and strangers' strings as people read them.
 *
 * What the agent sends may hold what strangers sent to it. Nothing of it reaches a terminal
 * without text_clean().
 */
#ifndef SLUICE_TEXT_H
#define SLUICE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_MAX      48  /* a figure, a span, a share */
#define TEXT_BAR_MAX  256 /* a bar of up to 60 cells */
#define TEXT_CELL_MAX 512 /* longer strings are cut in tables */

/* What the output can show. */
struct look {
	bool is_terminal;
	bool has_colour;
	bool has_unicode;
	unsigned columns; /* of a line; 0: as long as it likes */
};

/* Looks at stdout, the locale (setlocale() must have been called), NO_COLOR, TERM and COLUMNS. */
struct look look_of_stdout(void);

enum colour {
	COLOUR_PLAIN,
	COLOUR_GOOD,
	COLOUR_CAUTION,
	COLOUR_BAD,
	COLOUR_DIM,
	COLOUR_STRONG,
	COLOUR_COUNT,
};

/* The escape sequence that begins and ends a colour; "" where there are none. */
const char *colour_on(const struct look *look, enum colour colour);
const char *colour_off(const struct look *look, enum colour colour);

/*
 * Copies text into out with everything that is not printable in this locale (control and escape
 * characters, direction marks, broken UTF-8) replaced by '?'. Cut to size. Returns out.
 */
const char *text_clean(const char *text, char *out, size_t size);

/* The same for a document, which may also hold tabs and line ends. */
void text_print_clean(const char *text, size_t len, FILE *out);

/* Columns a clean text takes. */
size_t text_width(const char *text);

/* The nearest whole number; 0 for what is negative or no number. */
static inline uint64_t text_round(double value)
{
	return value > 0 && value < 1.8e19 ? (uint64_t)(value + 0.5) : 0;
}

/* 9999, "12.3 k", "1.23 M". Each returns out. */
const char *text_count(uint64_t count, char out[static TEXT_MAX]);
/* "512 B", "3.40 GiB" */
const char *text_bytes(uint64_t bytes, char out[static TEXT_MAX]);
/* "45s", "3m12s", "2h05m", "3d4h" */
const char *text_span(uint64_t seconds, char out[static TEXT_MAX]);
/* part of whole, "84.2 %"; "-" of nothing */
const char *text_share(double part, double whole, char out[static TEXT_MAX]);
/* share (0 to 1) of so many cells, at most 60; every share above 0 shows something. */
const char *text_bar(const struct look *look, double share, unsigned cells,
		     char out[static TEXT_BAR_MAX]);

/* RFC 3339 in UTC to seconds since 1970; false if it is none. */
bool text_instant(const char *text, int64_t *ret_unix_s);
/* "3m12s ago", "in 45s"; "-" where text is no time. */
const char *text_since(const char *text, int64_t now_unix_s, char out[static TEXT_MAX]);
const char *text_until(const char *text, int64_t now_unix_s, char out[static TEXT_MAX]);

#endif
