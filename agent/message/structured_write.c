/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/structured_write.h"

#include <inttypes.h>
#include <stdio.h>

#include "message/chars.h"
#include "message/structured_bare.h"

#define INTEGER_MAX 999999999999999ll /* RFC 9651 section 3.3.1 */
#define PER_UNIT    1000

static void put(struct sf_writer *out, struct bytes text)
{
	if (out->failed || text.len > out->room - out->len) {
		out->failed = true;
		return;
	}
	if (text.len)
		memcpy(out->at + out->len, text.at, text.len);
	out->len += text.len;
}

static void put_byte(struct sf_writer *out, char byte)
{
	put(out, (struct bytes){&byte, 1});
}

void sf_put_next(struct sf_writer *out)
{
	if (out->len)
		put(out, BYTES(", "));
}

static bool is_key(struct bytes key)
{
	if (!key.len || (key.at[0] != '*' && (key.at[0] < 'a' || key.at[0] > 'z')))
		return false;
	for (size_t i = 0; i < key.len; i++)
		if ((key.at[i] < 'a' || key.at[i] > 'z') && !char_is(key.at[i], CHAR_DIGIT) &&
		    !memchr("_-.*", key.at[i], 4))
			return false;
	return true;
}

void sf_put_key(struct sf_writer *out, struct bytes key)
{
	out->failed |= !is_key(key);
	put(out, key);
}

void sf_put_equals(struct sf_writer *out)
{
	put_byte(out, '=');
}

void sf_put_param(struct sf_writer *out, struct bytes key)
{
	put_byte(out, ';');
	sf_put_key(out, key);
}

void sf_put_open(struct sf_writer *out)
{
	put_byte(out, '(');
}

void sf_put_space(struct sf_writer *out)
{
	put_byte(out, ' ');
}

void sf_put_close(struct sf_writer *out)
{
	put_byte(out, ')');
}

void sf_put_integer(struct sf_writer *out, int64_t number)
{
	char text[24];

	out->failed |= number > INTEGER_MAX || number < -INTEGER_MAX;
	snprintf(text, sizeof(text), "%" PRId64, number);
	put(out, bytes_of(text));
}

void sf_put_decimal(struct sf_writer *out, int64_t thousandths)
{
	bool negative = thousandths < 0;
	uint64_t size = negative ? -(uint64_t)thousandths : (uint64_t)thousandths;
	char text[32];
	size_t len;

	out->failed |= size > INTEGER_MAX;
	len = (size_t)snprintf(text, sizeof(text), "%s%" PRIu64 ".%03u", negative ? "-" : "",
			       size / PER_UNIT, (unsigned)(size % PER_UNIT));
	/* One digit behind the point stays, whatever it is. */
	while (text[len - 1] == '0' && text[len - 2] != '.')
		len--;
	put(out, (struct bytes){text, len});
}

void sf_put_string(struct sf_writer *out, struct bytes text)
{
	put_byte(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < 0x20 || text.at[i] > 0x7e)
			out->failed = true;
		if (text.at[i] == '"' || text.at[i] == '\\')
			put_byte(out, '\\');
		put_byte(out, text.at[i]);
	}
	put_byte(out, '"');
}

void sf_put_token(struct sf_writer *out, struct bytes text)
{
	struct bytes rest = text;
	struct sf_bare item;

	/* What reads back as one token is one. */
	if (!sf_take_bare(&rest, &item) || item.type != SF_TOKEN || rest.len)
		out->failed = true;
	put(out, text);
}

void sf_put_boolean(struct sf_writer *out, bool value)
{
	put(out, value ? BYTES("?1") : BYTES("?0"));
}

void sf_put_date(struct sf_writer *out, int64_t unix_s)
{
	put_byte(out, '@');
	sf_put_integer(out, unix_s);
}

void sf_put_bytes(struct sf_writer *out, struct bytes bytes)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	put_byte(out, ':');
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t group = 0;

		for (size_t k = 0; k < 3; k++)
			group = group << 8 | (k < have ? (unsigned char)bytes.at[i + k] : 0u);
		for (size_t k = 0; k < 4; k++)
			put_byte(out, k <= have ? letters[group >> (18 - 6 * k) & 63] : '=');
	}
	put_byte(out, ':');
}

void sf_put_display(struct sf_writer *out, struct bytes text)
{
	static const char hex[] = "0123456789abcdef";

	put(out, BYTES("%\""));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.at[i];

		if (byte >= 0x20 && byte <= 0x7e && byte != '%' && byte != '"') {
			put_byte(out, (char)byte);
			continue;
		}
		put_byte(out, '%');
		put_byte(out, hex[byte >> 4]);
		put_byte(out, hex[byte & 15]);
	}
	put_byte(out, '"');
}
