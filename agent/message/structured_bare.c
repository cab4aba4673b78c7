/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/structured_bare.h"

#include "message/chars.h"

#define INTEGER_DIGITS	15
#define DECIMAL_DIGITS	12 /* before the point */
#define FRACTION_DIGITS 3
#define PER_UNIT	1000 /* FRACTION_DIGITS as a factor */

static int64_t number_of(struct bytes digits)
{
	int64_t number = 0;

	for (size_t i = 0; i < digits.len; i++)
		number = number * 10 + (digits.at[i] - '0');
	return number;
}

static bool take_fraction(struct bytes *rest, int64_t *thousandths)
{
	size_t digits = bytes_span(*rest, CHAR_DIGIT);

	if (!digits || digits > FRACTION_DIGITS)
		return false;
	*thousandths = number_of((struct bytes){rest->at, digits});
	for (size_t i = digits; i < FRACTION_DIGITS; i++)
		*thousandths *= 10;
	*rest = bytes_from(*rest, digits);
	return true;
}

static bool take_number(struct bytes *rest, struct sf_bare *item)
{
	int64_t sign = sf_take_byte(rest, '-') ? -1 : 1;
	size_t digits = bytes_span(*rest, CHAR_DIGIT);
	int64_t thousandths;

	if (!digits || digits > INTEGER_DIGITS)
		return false;
	item->type = SF_INTEGER;
	item->number = sign * number_of((struct bytes){rest->at, digits});
	*rest = bytes_from(*rest, digits);

	if (!sf_take_byte(rest, '.'))
		return true;
	if (digits > DECIMAL_DIGITS || !take_fraction(rest, &thousandths))
		return false;
	item->type = SF_DECIMAL;
	item->number = item->number * PER_UNIT + sign * thousandths;
	return true;
}

static bool take_date(struct bytes *rest, struct sf_bare *item)
{
	if (!sf_take_byte(rest, '@') || !take_number(rest, item) || item->type != SF_INTEGER)
		return false;
	item->type = SF_DATE;
	return true;
}

static bool take_boolean(struct bytes *rest, struct sf_bare *item)
{
	item->type = SF_BOOLEAN;
	if (!sf_take_byte(rest, '?'))
		return false;
	item->number = sf_take_byte(rest, '1');
	return item->number || sf_take_byte(rest, '0');
}

static bool is_printable(char byte)
{
	return byte >= 0x20 && byte <= 0x7e;
}

static bool take_string(struct bytes *rest, struct sf_bare *item)
{
	size_t len = 0;

	if (!sf_take_byte(rest, '"'))
		return false;
	while (len < rest->len && rest->at[len] != '"') {
		if (!is_printable(rest->at[len]))
			return false;
		if (rest->at[len] == '\\' && ++len < rest->len && rest->at[len] != '"' &&
		    rest->at[len] != '\\')
			return false;
		len++;
	}
	if (len >= rest->len)
		return false;

	item->type = SF_STRING;
	item->text = (struct bytes){rest->at, len};
	*rest = bytes_from(*rest, len + 1);
	return true;
}

static bool take_token(struct bytes *rest, struct sf_bare *item)
{
	size_t len = 0;

	while (len < rest->len &&
	       (char_is(rest->at[len], CHAR_TOKEN) || rest->at[len] == ':' || rest->at[len] == '/'))
		len++;
	item->type = SF_TOKEN;
	item->text = (struct bytes){rest->at, len};
	*rest = bytes_from(*rest, len);
	return len;
}

static bool is_base64(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       char_is(byte, CHAR_DIGIT) || byte == '+' || byte == '/';
}

/* Padding may be left out, as the RFC advises; a lone sextet is no byte. */
static bool take_bytes(struct bytes *rest, struct sf_bare *item)
{
	size_t letters = 0;
	size_t pads = 0;

	if (!sf_take_byte(rest, ':'))
		return false;
	while (letters < rest->len && is_base64(rest->at[letters]))
		letters++;
	while (letters + pads < rest->len && rest->at[letters + pads] == '=')
		pads++;
	if (letters + pads == rest->len || rest->at[letters + pads] != ':' || letters % 4 == 1)
		return false;
	if (pads && (letters + pads) % 4)
		return false;

	item->type = SF_BYTES;
	item->text = (struct bytes){rest->at, letters};
	*rest = bytes_from(*rest, letters + pads + 1);
	return pads < 3;
}

/* Decodes one byte of a display string; false if it is none. Capitals are no hex digits here. */
static bool take_display_byte(struct bytes *text, unsigned char *ret_byte)
{
	if (!is_printable(text->at[0]))
		return false;
	*ret_byte = (unsigned char)text->at[0];
	*text = bytes_from(*text, 1);
	if (*ret_byte != '%')
		return true;

	for (unsigned i = 0; i < 2; i++)
		if (text->len < 2 || !char_is(text->at[i], CHAR_HEX) ||
		    char_lower(text->at[i]) != text->at[i])
			return false;
	*ret_byte = (unsigned char)(char_hex_value(text->at[0]) << 4 | char_hex_value(text->at[1]));
	*text = bytes_from(*text, 2);
	return true;
}

/* A UTF-8 sequence being read (RFC 3629): what the next byte may be, and how many are to come. */
struct utf8 {
	unsigned more;
	unsigned char min;
	unsigned char max;
};

static bool utf8_begin(struct utf8 *state, unsigned char byte)
{
	*state = (struct utf8){.min = 0x80, .max = 0xbf};
	if (byte < 0x80)
		return true;
	if (byte < 0xc2 || byte > 0xf4)
		return false;
	state->more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	if (byte == 0xe0)
		state->min = 0xa0; /* shorter forms exist */
	if (byte == 0xed)
		state->max = 0x9f; /* surrogates */
	if (byte == 0xf0)
		state->min = 0x90;
	if (byte == 0xf4)
		state->max = 0x8f; /* beyond U+10FFFF */
	return true;
}

static bool utf8_take(struct utf8 *state, unsigned char byte)
{
	if (!state->more)
		return utf8_begin(state, byte);
	if (byte < state->min || byte > state->max)
		return false;
	*state = (struct utf8){state->more - 1, 0x80, 0xbf};
	return true;
}

static bool take_display(struct bytes *rest, struct sf_bare *item)
{
	struct utf8 state = {0};
	unsigned char byte;
	const char *start;

	if (!sf_take_byte(rest, '%') || !sf_take_byte(rest, '"'))
		return false;
	start = rest->at;
	while (rest->len && rest->at[0] != '"')
		if (!take_display_byte(rest, &byte) || !utf8_take(&state, byte))
			return false;

	item->type = SF_DISPLAY;
	item->text = (struct bytes){start, (size_t)(rest->at - start)};
	return !state.more && sf_take_byte(rest, '"');
}

bool sf_take_bare(struct bytes *rest, struct sf_bare *ret_item)
{
	char first = rest->len ? rest->at[0] : '\0';

	*ret_item = (struct sf_bare){0};
	switch (first) {
	case '-':
	case '0' ... '9':
		return take_number(rest, ret_item);
	case '"':
		return take_string(rest, ret_item);
	case ':':
		return take_bytes(rest, ret_item);
	case '?':
		return take_boolean(rest, ret_item);
	case '@':
		return take_date(rest, ret_item);
	case '%':
		return take_display(rest, ret_item);
	case '*':
	case 'a' ... 'z':
	case 'A' ... 'Z':
		return take_token(rest, ret_item);
	default:
		return false;
	}
}

size_t sf_string(const struct sf_bare *item, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < item->text.len; i++) {
		if (item->text.at[i] == '\\')
			i++;
		out[len++] = item->text.at[i];
	}
	return len;
}

size_t sf_decode_display(const struct sf_bare *item, char *out)
{
	struct bytes rest = item->text;
	unsigned char byte;
	size_t len = 0;

	while (rest.len && take_display_byte(&rest, &byte))
		out[len++] = (char)byte;
	return len;
}

static unsigned sextet(char letter)
{
	if (letter >= 'A' && letter <= 'Z')
		return (unsigned)(letter - 'A');
	if (letter >= 'a' && letter <= 'z')
		return (unsigned)(letter - 'a') + 26;
	if (char_is(letter, CHAR_DIGIT))
		return (unsigned)(letter - '0') + 52;
	return letter == '+' ? 62 : 63;
}

size_t sf_decode_bytes(const struct sf_bare *item, char *out)
{
	unsigned bits = 0;
	unsigned held = 0;
	size_t len = 0;

	for (size_t i = 0; i < item->text.len; i++) {
		held = (held << 6 | sextet(item->text.at[i])) & 0xffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		out[len++] = (char)(held >> bits);
	}
	return len;
}
