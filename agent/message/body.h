/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a message's content is (RFC 9112 section 6), and the chunked coding.
 *
 * Pure. What two parsers could measure differently is refused: this is where requests
 * are smuggled.
 */
#ifndef MESSAGE_BODY_H
#define MESSAGE_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/head.h"

enum body_kind {
	BODY_NONE,
	BODY_LENGTH, /* length bytes; may be 0 */
	BODY_CHUNKED,
	BODY_UNTIL_CLOSE, /* responses only; whether all of it came cannot be known */
};

struct body {
	enum body_kind kind;
	bool length_given; /* a valid Content-Length; with BODY_NONE what a GET would have had */
	uint64_t length;   /* 0 unless length_given */
};

/*
 * DONE and *ret_body; BAD_LENGTH, LENGTH_AND_CODING, BAD_CODING, CODING_UNKNOWN, CODING_IN_1_0.
 * A second Content-Length is refused even where it says the same (as lists are).
 */
enum message_result body_of_request(const struct request_head *head, struct body *ret_body);

/*
 * The same for the answer to a request with this method. Answers to HEAD, 1xx, 204 and 304 are
 * BODY_NONE whatever their fields say; length_given is then false where those fields are bad.
 */
enum message_result body_of_response(const struct response_head *head, enum method method,
				     struct body *ret_body);

#define CHUNKED_DIGITS_MAX     16   /* of a chunk's size, leading zeros included */
#define CHUNKED_EXTENSIONS_MAX 4096 /* bytes of extensions in one body: nobody reads them */
#define TRAILERS_MAX	       8192 /* bytes of a trailer section */
#define TRAILER_FIELDS_MAX     32

enum chunked_state {
	CHUNKED_SIZE,
	CHUNKED_EXTENSION,
	CHUNKED_SIZE_LF,
	CHUNKED_CONTENT,
	CHUNKED_CONTENT_CR,
	CHUNKED_CONTENT_LF,
	CHUNKED_LAST, /* the line of the last chunk is read; the trailer section comes */
};

/* A decoder. 40 bytes, no memory of its own. */
struct chunked {
	enum chunked_state state;
	uint32_t extensions; /* bytes of them so far */
	uint32_t digits;     /* of the size being read */
	uint64_t left;	     /* of the chunk being read */
	uint64_t total;	     /* content announced so far */
	uint64_t max_total;
};

/* A decoder at the start of a body of at most max_total bytes of content. */
struct chunked chunked_begin(uint64_t max_total);

/*
 * Move past the front of *input. MESSAGE_MORE: all of *input is used up but what *ret_content
 * shows; where *ret_content is not empty, *input may have more: use it, call again until it is.
 * MESSAGE_DONE: the last chunk has come, *input begins with the trailer section
 * (trailers_parse()). BAD_CHUNK, BODY_TOO_LARGE: refuse and close.
 * *ret_content is a slice of *input, empty unless MESSAGE_MORE.
 */
enum message_result chunked_decode(struct chunked *chunked, struct bytes *input,
				   struct bytes *ret_content);

/*
 * Parse the trailer section at the front of input, the empty line included: *ret_len bytes.
 * *scanned as for head_parse_request(). DONE, MORE, TRAILER_TOO_LARGE, or BAD_TRAILER for
 * everything a header section is refused for.
 */
enum message_result trailers_parse(struct bytes input, size_t *scanned, size_t *ret_len,
				   struct fields *ret_fields);

/* Whether a trailer field may be forwarded: no framing, routing, authentication, limits. */
bool trailer_is_allowed(const struct field *field);

#define CHUNK_LINE_MAX 20 /* 16 digits, CR LF, terminator */
#define CHUNK_END      "\r\n"
#define CHUNKED_END    "0\r\n\r\n" /* without trailers */

/* The line before a chunk of len bytes; len is not 0. Returns the slice of out that is used. */
struct bytes chunk_line(uint64_t len, char out[static CHUNK_LINE_MAX]);

#endif
