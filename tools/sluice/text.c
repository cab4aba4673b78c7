/* SPDX-License-Identifier: BSD-2-Clause */
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "text.h"

/* COLUMNS, where it is exported, else the terminal's own; 0 without either. */
static unsigned columns_of_stdout(void)
{
	const char *wanted = getenv("COLUMNS");
	struct winsize size;
	int columns = wanted ? atoi(wanted) : 0;

	if (columns > 0)
		return (unsigned)columns;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

struct look look_of_stdout(void)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct look look = {.is_terminal = isatty(STDOUT_FILENO), .columns = columns_of_stdout()};

	look.has_unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
	look.has_colour = look.is_terminal && (!no_colour || !*no_colour) && term &&
			  strcmp(term, "dumb") != 0;
	return look;
}

const char *colour_on(const struct look *look, enum colour colour)
{
	static const char *const codes[COLOUR_COUNT] = {
		[COLOUR_PLAIN] = "",	       [COLOUR_GOOD] = "\033[32m",
		[COLOUR_CAUTION] = "\033[33m", [COLOUR_BAD] = "\033[1;31m",
		[COLOUR_DIM] = "\033[2m",      [COLOUR_STRONG] = "\033[1m",
	};

	return look->has_colour ? codes[colour] : "";
}

const char *colour_off(const struct look *look, enum colour colour)
{
	return look->has_colour && colour != COLOUR_PLAIN ? "\033[0m" : "";
}

/*
 * The next character of text: its length in bytes, and whether it may be shown. At the end of
 * text 0.
 */
static size_t next_character(const char *text, size_t len, bool *ret_is_shown)
{
	mbstate_t state = {};
	wchar_t wide;
	size_t bytes = mbrtowc(&wide, text, len, &state);

	if (bytes == 0 && len) { /* NUL inside a document */
		*ret_is_shown = false;
		return 1;
	}
	if (bytes == (size_t)-1 || bytes == (size_t)-2) {
		*ret_is_shown = false;
		return len ? 1 : 0;
	}
	*ret_is_shown = wcwidth(wide) > 0;
	return bytes;
}

const char *text_clean(const char *text, char *out, size_t size)
{
	size_t left = strlen(text);
	size_t at = 0;

	while (left) {
		bool is_shown;
		size_t bytes = next_character(text, left, &is_shown);

		if (at + bytes + 1 > size)
			break;
		if (is_shown)
			memcpy(out + at, text, bytes);
		else
			out[at] = '?';
		at += is_shown ? bytes : 1;
		text += bytes;
		left -= bytes;
	}
	out[at] = 0;
	return out;
}

void text_print_clean(const char *text, size_t len, FILE *out)
{
	while (len) {
		bool is_shown;
		size_t bytes = next_character(text, len, &is_shown);

		if (is_shown || *text == '\n' || *text == '\t')
			fwrite(text, 1, bytes, out);
		else
			fputc('?', out);
		text += bytes;
		len -= bytes;
	}
}

size_t text_width(const char *text)
{
	size_t left = strlen(text);
	size_t width = 0;

	while (left) {
		mbstate_t state = {};
		wchar_t wide;
		size_t bytes = mbrtowc(&wide, text, left, &state);
		int columns;

		if (bytes == 0 || bytes == (size_t)-1 || bytes == (size_t)-2) {
			bytes = 1;
			columns = 1;
		} else {
			columns = wcwidth(wide);
		}
		width += columns > 0 ? columns : 0;
		text += bytes;
		left -= bytes;
	}
	return width;
}

/* Three digits of value and its unit: "1.23 M", "12.3 M", "123 M". */
static void scaled(double value, const char *unit, char out[static TEXT_MAX])
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(out, TEXT_MAX, "%.*f %s", decimals, value, unit);
}

const char *text_count(uint64_t count, char out[static TEXT_MAX])
{
	static const char *const units[] = {"k", "M", "G", "T", "P", "E"};
	double value = count / 1000.0;
	size_t i = 0;

	if (count < 10000) {
		snprintf(out, TEXT_MAX, "%llu", (unsigned long long)count);
		return out;
	}
	for (; value >= 999.5; i++)
		value /= 1000;
	scaled(value, units[i], out);
	return out;
}

const char *text_bytes(uint64_t bytes, char out[static TEXT_MAX])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = bytes / 1024.0;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(out, TEXT_MAX, "%llu B", (unsigned long long)bytes);
		return out;
	}
	for (; value >= 999.5 && i < 5; i++)
		value /= 1024;
	scaled(value, units[i], out);
	return out;
}

const char *text_span(uint64_t seconds, char out[static TEXT_MAX])
{
	unsigned long long s = seconds;

	if (s < 60)
		snprintf(out, TEXT_MAX, "%llus", s);
	else if (s < 3600)
		snprintf(out, TEXT_MAX, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_MAX, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, TEXT_MAX, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return out;
}

const char *text_share(double part, double whole, char out[static TEXT_MAX])
{
	double percent = whole > 0 ? 100 * part / whole : 0;

	if (whole <= 0)
		snprintf(out, TEXT_MAX, "-");
	else if (percent > 0 && percent < 0.05)
		snprintf(out, TEXT_MAX, "<0.1 %%");
	else
		snprintf(out, TEXT_MAX, "%.1f %%", percent);
	return out;
}

const char *text_bar(const struct look *look, double share, unsigned cells,
		     char out[static TEXT_BAR_MAX])
{
	static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	unsigned parts = look->has_unicode ? 8 : 1;
	unsigned filled, i;
	char *at = out;

	share = !(share > 0) ? 0 : share > 1 ? 1 : share;
	filled = text_round(share * cells * parts);
	if (!filled && share > 0)
		filled = 1;

	for (i = 0; i < filled / parts; i++)
		at = stpcpy(at, look->has_unicode ? "█" : "#");
	if (filled % parts) {
		at = stpcpy(at, eighth[filled % parts]);
		i++;
	}
	for (; i < cells; i++)
		at = stpcpy(at, look->has_unicode ? " " : ".");
	*at = 0;
	return out;
}

bool text_instant(const char *text, int64_t *ret_unix_s)
{
	struct tm when = {};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &when);

	if (!end)
		return false;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0 && strcmp(end, "+00:00") != 0)
		return false;
	*ret_unix_s = timegm(&when);
	return true;
}

const char *text_since(const char *text, int64_t now_unix_s, char out[static TEXT_MAX])
{
	int64_t then;

	if (!text_instant(text, &then)) {
		snprintf(out, TEXT_MAX, "-");
	} else {
		text_span(now_unix_s > then ? now_unix_s - then : 0, out);
		strcat(out, " ago");
	}
	return out;
}

const char *text_until(const char *text, int64_t now_unix_s, char out[static TEXT_MAX])
{
	int64_t then;

	if (!text_instant(text, &then))
		snprintf(out, TEXT_MAX, "-");
	else
		text_span(then > now_unix_s ? then - now_unix_s : 0, out);
	return out;
}
