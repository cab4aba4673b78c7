/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/body.h"
#include "message_input.h"

#define GOOD	"5;x=\"y\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\n"
#define CONTENT "hello0123456789"

static char content[256];
static size_t content_len;

/* Feed one piece; collect what it decodes to; say how much of it is left. */
static enum message_result feed(struct chunked *chunked, struct bytes piece, size_t *ret_left)
{
	struct bytes input = at_edge(piece);
	struct bytes part;
	enum message_result result;

	do {
		result = chunked_decode(chunked, &input, &part);
		assert_true(content_len + part.len <= sizeof(content));
		if (part.len)
			memcpy(content + content_len, part.at, part.len);
		content_len += part.len;
	} while (result == MESSAGE_MORE && input.len);
	*ret_left = input.len;
	return result;
}

static enum message_result decode(const char *text, uint64_t max_total)
{
	struct chunked chunked = chunked_begin(max_total);
	size_t left;

	content_len = 0;
	return feed(&chunked, bytes_of(text), &left);
}

static void assert_content(const char *want)
{
	assert_int_equal(content_len, strlen(want));
	assert_memory_equal(content, want, content_len);
}

static void chunks_are_decoded_and_the_trailer_section_is_left(void **state)
{
	struct chunked chunked = chunked_begin(1000);
	size_t left;

	content_len = 0;
	assert_int_equal(feed(&chunked, BYTES(GOOD "T: v\r\n\r\nnext"), &left), MESSAGE_DONE);
	assert_content(CONTENT);
	assert_int_equal(left, strlen("T: v\r\n\r\nnext"));
}

static void chunks_may_be_cut_anywhere(void **state)
{
	for (size_t cut = 0; cut < strlen(GOOD); cut++) {
		struct chunked chunked = chunked_begin(1000);
		size_t left;

		content_len = 0;
		assert_int_equal(feed(&chunked, (struct bytes){GOOD, cut}, &left), MESSAGE_MORE);
		assert_int_equal(left, 0);
		assert_int_equal(feed(&chunked, bytes_of(GOOD + cut), &left), MESSAGE_DONE);
		assert_int_equal(left, 0);
		assert_content(CONTENT);
	}
}

static void chunks_may_come_byte_by_byte(void **state)
{
	struct chunked chunked = chunked_begin(1000);
	size_t left;

	content_len = 0;
	for (size_t i = 0; i + 1 < strlen(GOOD); i++)
		assert_int_equal(feed(&chunked, (struct bytes){GOOD + i, 1}, &left), MESSAGE_MORE);
	assert_int_equal(feed(&chunked, BYTES("\n"), &left), MESSAGE_DONE);
	assert_content(CONTENT);
}

static void malformed_chunks_are_refused(void **state)
{
	static const char *const bad[] = {
		"\r\n",	     "g\r\n",	       "-1\r\n",      "+1\r\n",	       " 1\r\n",
		"0x1\r\n",   "1 \r\n",	       "1\t\r\n",     "1\n",	       "1\rx",
		";x\r\n",    "1;x\n",	       "1;\x01\r\n",  "1\r\nab",       "1\r\na\n",
		"1\r\na\rx", "1\r\na\r\n\r\n", "1\r\na0\r\n", "1 ;x\r\n",      "1,\r\n",
		"1;x\ry",    "1\r\r\n",	       "\n",	      "1\r\na\r\n0\n", "0\rx",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode(bad[i], 1000), MESSAGE_BAD_CHUNK);
}

static void a_size_has_16_digits_and_fits_in_63_bits(void **state)
{
	assert_int_equal(decode("0000000000000001\r\na\r\n0\r\n", 1000), MESSAGE_DONE);
	assert_int_equal(decode("00000000000000001\r\na", 1000), MESSAGE_BAD_CHUNK);
	assert_int_equal(decode("7fffffffffffffff\r\na", INT64_MAX), MESSAGE_MORE);
	assert_int_equal(decode("8000000000000000\r\na", INT64_MAX), MESSAGE_BAD_CHUNK);
	assert_int_equal(decode("ffffffffffffffff\r\na", INT64_MAX), MESSAGE_BAD_CHUNK);
}

static void content_ends_at_the_limit_and_not_one_byte_later(void **state)
{
	assert_int_equal(decode(GOOD, 15), MESSAGE_DONE);
	assert_int_equal(decode(GOOD, 14), MESSAGE_BODY_TOO_LARGE);
	assert_int_equal(decode("0\r\n", 0), MESSAGE_DONE);
	assert_int_equal(decode("1\r\n", 0), MESSAGE_BODY_TOO_LARGE);
	assert_int_equal(message_status(MESSAGE_BODY_TOO_LARGE), 413);
}

static void extensions_end_over_all_chunks_together(void **state)
{
	struct chunked chunked = chunked_begin(1000000);
	char chunk[64];
	size_t left;

	/* 15 bytes of extension each: 273 are 4095, and one byte more may come. */
	for (int i = 0; i < CHUNKED_EXTENSIONS_MAX / 15; i++) {
		content_len = 0;
		snprintf(chunk, sizeof(chunk), "1;%s\r\nx\r\n", "abcdefghijklmno");
		assert_int_equal(feed(&chunked, bytes_of(chunk), &left), MESSAGE_MORE);
	}
	assert_int_equal(feed(&chunked, BYTES("1;a"), &left), MESSAGE_MORE);
	assert_int_equal(feed(&chunked, BYTES("b"), &left), MESSAGE_BAD_CHUNK);
}

static struct fields trailers;
static size_t trailers_len;

static enum message_result parse_trailers(const char *text)
{
	size_t scanned = 0;

	return trailers_parse(at_edge(bytes_of(text)), &scanned, &trailers_len, &trailers);
}

static void an_empty_trailer_section_is_an_empty_line(void **state)
{
	size_t scanned = 0;

	assert_int_equal(parse_trailers("\r\nnext"), MESSAGE_DONE);
	assert_int_equal(trailers_len, 2);
	assert_int_equal(trailers.count, 0);
	assert_int_equal(parse_trailers(""), MESSAGE_MORE);
	assert_int_equal(trailers_parse(at_edge(BYTES("\r")), &scanned, &trailers_len, &trailers),
			 MESSAGE_MORE);
	assert_int_equal(trailers_parse(at_edge(BYTES("\r\n")), &scanned, &trailers_len, &trailers),
			 MESSAGE_DONE);
}

static void trailers_may_be_cut_anywhere(void **state)
{
	const char *good = "A: b\r\nC: d\r\n\r\n";

	for (size_t cut = 0; cut < strlen(good); cut++) {
		size_t scanned = 0;
		struct bytes part = at_edge((struct bytes){good, cut});

		assert_int_equal(trailers_parse(part, &scanned, &trailers_len, &trailers),
				 MESSAGE_MORE);
		part = at_edge(bytes_of(good));
		assert_int_equal(trailers_parse(part, &scanned, &trailers_len, &trailers),
				 MESSAGE_DONE);
		assert_int_equal(trailers.count, 2);
		assert_int_equal(trailers_len, strlen(good));
	}
}

static void malformed_trailers_are_refused(void **state)
{
	assert_int_equal(parse_trailers("A : b\r\n\r\n"), MESSAGE_BAD_TRAILER);
	assert_int_equal(parse_trailers("A: b\n\r\n"), MESSAGE_BAD_TRAILER);
	assert_int_equal(parse_trailers("A: b\r\n c\r\n\r\n"), MESSAGE_BAD_TRAILER);
	assert_int_equal(parse_trailers("A: \x01\r\n\r\n"), MESSAGE_BAD_TRAILER);
	assert_int_equal(parse_trailers("\n"), MESSAGE_BAD_TRAILER);
	assert_int_equal(parse_trailers("\rx"), MESSAGE_BAD_TRAILER);
	assert_int_equal(parse_trailers("GET / HTTP/1.1\r\n"), MESSAGE_BAD_TRAILER);
}

static void endless_trailers_are_refused(void **state)
{
	static char text[TRAILERS_MAX + 2];
	char *end = text;

	for (int i = 0; i < TRAILER_FIELDS_MAX; i++)
		end = stpcpy(end, "a:b\r\n");
	stpcpy(end, "\r\n");
	assert_int_equal(parse_trailers(text), MESSAGE_DONE);
	stpcpy(end, "a:b\r\n\r\n");
	assert_int_equal(parse_trailers(text), MESSAGE_TRAILER_TOO_LARGE);

	memset(text, 'a', TRAILERS_MAX);
	text[TRAILERS_MAX - 1] = '\0';
	assert_int_equal(parse_trailers(text), MESSAGE_MORE);
	text[TRAILERS_MAX - 1] = 'a';
	assert_int_equal(parse_trailers(text), MESSAGE_TRAILER_TOO_LARGE);
}

static void only_harmless_trailers_are_forwarded(void **state)
{
	static const struct {
		const char *lines;
		bool allowed;
	} rows[] = {
		{"Server-Timing: x\r\n\r\n", true},
		{"ETag: \"x\"\r\n\r\n", true},
		{"Content-Length: 1\r\n\r\n", false},
		{"Transfer-Encoding: x\r\n\r\n", false},
		{"Host: a\r\n\r\n", false},
		{"Authorization: a\r\n\r\n", false},
		{"Cookie: a\r\n\r\n", false},
		{"Set-Cookie: a\r\n\r\n", false},
		{"X-Forwarded-For: a\r\n\r\n", false},
		{"RateLimit: a\r\n\r\n", false},
		{"Connection: a\r\n\r\n", false},
		{"X_Y: a\r\n\r\n", false},
		{"X-Forwarded-New: a\r\n\r\n", false},
		{"Cache-Control: a\r\n\r\n", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_trailers(rows[i].lines), MESSAGE_DONE);
		assert_int_equal(trailer_is_allowed(&trailers.field[0]), rows[i].allowed);
	}
}

static void a_chunk_line_is_hex_and_reads_back(void **state)
{
	char out[CHUNK_LINE_MAX];

	assert_bytes(chunk_line(1, out), "1\r\n");
	assert_bytes(chunk_line(255, out), "ff\r\n");
	assert_bytes(chunk_line(UINT64_MAX, out), "ffffffffffffffff\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_decoded_and_the_trailer_section_is_left),
		cmocka_unit_test(chunks_may_be_cut_anywhere),
		cmocka_unit_test(chunks_may_come_byte_by_byte),
		cmocka_unit_test(malformed_chunks_are_refused),
		cmocka_unit_test(a_size_has_16_digits_and_fits_in_63_bits),
		cmocka_unit_test(content_ends_at_the_limit_and_not_one_byte_later),
		cmocka_unit_test(extensions_end_over_all_chunks_together),
		cmocka_unit_test(an_empty_trailer_section_is_an_empty_line),
		cmocka_unit_test(trailers_may_be_cut_anywhere),
		cmocka_unit_test(malformed_trailers_are_refused),
		cmocka_unit_test(endless_trailers_are_refused),
		cmocka_unit_test(only_harmless_trailers_are_forwarded),
		cmocka_unit_test(a_chunk_line_is_hex_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
