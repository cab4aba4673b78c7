/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/access_log.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "http/text.h"

/* ---- Pieces ---- */

static void put_hex(struct text *out, const char *before, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	char text[2] = {digits[byte >> 4], digits[byte & 15]};

	text_add(out, bytes_of(before));
	text_add(out, (struct bytes){text, 2});
}

/* Bytes above 0x7f are escaped too: they may not be UTF-8, and JSON must be. */
static void put_escaped(struct text *out, struct bytes text, const char *hex_prefix)
{
	if (text.len > ACCESS_LOG_TEXT_MAX)
		text.len = ACCESS_LOG_TEXT_MAX;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.at[i];

		if (byte == '"' || byte == '\\')
			text_put(out, "\\");
		if (byte < 0x20 || byte >= 0x7f)
			put_hex(out, hex_prefix, byte);
		else
			text_add(out, (struct bytes){text.at + i, 1});
	}
}

static void put_string(struct text *out, const char *name, struct bytes value)
{
	text_put(out, ",\"");
	text_add(out, bytes_of(name));
	text_put(out, "\":\"");
	put_escaped(out, value, "\\u00");
	text_put(out, "\"");
}

static void put_number(struct text *out, const char *name, uint64_t value)
{
	text_put(out, ",\"");
	text_add(out, bytes_of(name));
	text_put(out, "\":");
	text_number(out, value);
}

static struct bytes client_text(const struct access_line *line, char out[static PREFIX_TEXT_MAX])
{
	return line->client->family ? bytes_of(prefix_format(line->client, out)) : BYTES("-");
}

/* ---- Lines ---- */

static void write_json(struct text *out, const struct access_line *line)
{
	time_t unix_s = (time_t)(line->unix_ns / NS_PER_SEC);
	char client[PREFIX_TEXT_MAX], time[48];
	struct tm utc;
	int len;

	gmtime_r(&unix_s, &utc); /* fails beyond the year 2^31 only */
	len = snprintf(time, sizeof(time), "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"",
		       utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		       utc.tm_sec, (unsigned)(line->unix_ns % NS_PER_SEC / NS_PER_MS));
	text_add(out, (struct bytes){time, (size_t)len});
	put_string(out, "client", client_text(line, client));
	put_string(out, "method", line->method);
	put_string(out, "host", line->host);
	put_string(out, "target", line->target);
	put_number(out, "status", line->status);
	put_number(out, "bytes", line->bytes_out);
	put_number(out, "us", line->took_ns / 1000);
	if (line->route)
		put_string(out, "route", bytes_of(line->route));
	if (line->upstream) {
		put_string(out, "upstream", bytes_of(line->upstream));
		put_number(out, "upstream_us", line->upstream_ns / 1000);
	}
	if (line->cache)
		put_string(out, "cache", bytes_of(line->cache));
	if (line->limit)
		put_string(out, "limit", bytes_of(line->limit));
	if (line->limit_name.len)
		put_string(out, "limit_name", line->limit_name);
	put_string(out, "request_id", line->request_id);
	put_string(out, "user_agent", line->user_agent);
	put_string(out, "referer", line->referer);
	if (line->is_aborted)
		text_put(out, ",\"aborted\":true");
	text_put(out, "}\n");
}

static void put_or_dash(struct text *out, struct bytes value)
{
	if (value.len)
		put_escaped(out, value, "\\x");
	else
		text_put(out, "-");
}

static void write_combined(struct text *out, const struct access_line *line)
{
	time_t unix_s = (time_t)(line->unix_ns / NS_PER_SEC);
	char client[PREFIX_TEXT_MAX], time[64];
	struct tm utc;
	size_t len;

	gmtime_r(&unix_s, &utc);
	text_add(out, client_text(line, client));
	len = strftime(time, sizeof(time), " - - [%d/%b/%Y:%H:%M:%S +0000] \"", &utc);
	text_add(out, (struct bytes){time, len});
	put_or_dash(out, line->method);
	text_put(out, " ");
	put_or_dash(out, line->target);
	text_add(out, line->minor ? BYTES(" HTTP/1.1\" ") : BYTES(" HTTP/1.0\" "));
	text_number(out, line->status);
	text_put(out, " ");
	text_number(out, line->bytes_out);
	text_put(out, " \"");
	put_or_dash(out, line->referer);
	text_put(out, "\" \"");
	put_or_dash(out, line->user_agent);
	text_put(out, "\"\n");
}

bool access_log_add(struct access_log *log, enum http_log_format format,
		    const struct access_line *line)
{
	struct text out = {log->at + log->len, log->at + ACCESS_LOG_ROOM, false};

	switch (format) {
	case HTTP_LOG_JSON:
		write_json(&out, line);
		break;
	case HTTP_LOG_COMBINED:
		write_combined(&out, line);
		break;
	}
	if (!out.is_cut) {
		log->len = (size_t)(out.at - log->at);
		log->lines++;
	}
	return log->len > ACCESS_LOG_ROOM / 2;
}

/* The end of the last whole line within len bytes. */
static size_t whole_lines(const char *at, size_t len)
{
	while (len && at[len - 1] != '\n')
		len--;
	return len;
}

uint64_t access_log_write(struct access_log *log, int fd)
{
	size_t done = 0;
	uint64_t lost = 0;

	while (done < log->len) {
		ssize_t len = write(fd, log->at + done, log->len - done);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			break;
		done += (size_t)len;
	}
	/* A line that was cut by a full disk is lost with those behind it. */
	for (size_t i = whole_lines(log->at, done); i < log->len; i++)
		lost += log->at[i] == '\n';
	log->len = 0;
	log->lines = 0;
	return lost;
}
