/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of a piece of an HTTP message: complete, not complete yet, or
 * refused for one reason. Every module of this layer answers in these words.
 *
 * The status is what a client is told; whatever is wrong with a response of the
 * upstream is a 502 to the client, so its reasons need no status of their own.
 */
#ifndef MESSAGE_RESULT_H
#define MESSAGE_RESULT_H

/* X(NAME, status told to a client, metric label, text for people) */
#define MESSAGE_RESULTS(X)                                                                    \
	X(DONE, 200, "done", "complete")                                                      \
	X(MORE, 200, "more", "a valid beginning; more bytes are needed")                      \
	X(BAD_METHOD, 400, "bad_method", "the method is not a token")                         \
	X(METHOD_REFUSED, 501, "method_refused", "this method is not carried")                \
	X(BAD_TARGET, 400, "bad_target", "the request target is not a valid one")             \
	X(TARGET_TOO_LONG, 414, "target_too_long", "the request target is too long")          \
	X(BAD_VERSION, 400, "bad_version",                                                    \
	  "the request line does not end in HTTP/1.0 or HTTP/1.1")                            \
	X(BAD_STATUS_LINE, 400, "bad_status_line", "the status line is malformed")            \
	X(BAD_LINE_END, 400, "bad_line_end", "a line does not end in CR LF")                  \
	X(BAD_NAME, 400, "bad_name",                                                          \
	  "a field name is empty, has a blank before ':', or is no token")                    \
	X(BAD_VALUE, 400, "bad_value", "a field value holds a control byte")                  \
	X(FOLDED, 400, "folded", "a field is folded over lines")                              \
	X(HEAD_TOO_LARGE, 431, "head_too_large", "the header section is too large")           \
	X(TOO_MANY_FIELDS, 431, "too_many_fields", "the header section has too many fields")  \
	X(NO_HOST, 400, "no_host", "the Host field is missing")                               \
	X(SECOND_HOST, 400, "second_host", "the Host field is there twice")                   \
	X(BAD_HOST, 400, "bad_host", "the host is not a valid one")                           \
	X(HOST_DIFFERS, 400, "host_differs", "the target's authority is not what Host says")  \
	X(BAD_PATH, 400, "bad_path", "the path is ambiguous or not valid")                    \
	X(BAD_LENGTH, 400, "bad_length", "Content-Length is malformed, or its values differ") \
	X(LENGTH_AND_CODING, 400, "length_and_coding",                                        \
	  "both Content-Length and Transfer-Encoding")                                        \
	X(BAD_CODING, 400, "bad_coding", "Transfer-Encoding is not exactly one chunked")      \
	X(CODING_UNKNOWN, 501, "coding_unknown", "a transfer coding other than chunked")      \
	X(CODING_IN_1_0, 400, "coding_in_1_0", "Transfer-Encoding in an HTTP/1.0 message")    \
	X(BAD_CHUNK, 400, "bad_chunk", "a chunk's size, extension or end is malformed")       \
	X(BAD_TRAILER, 400, "bad_trailer", "a trailer field is malformed")                    \
	X(TRAILER_TOO_LARGE, 400, "trailer_too_large", "the trailer section is too large")    \
	X(BODY_TOO_LARGE, 413, "body_too_large", "the content is too large")                  \
	X(BAD_CONNECTION, 400, "bad_connection",                                              \
	  "Connection names a field that must not be removed")                                \
	X(BAD_EXPECT, 417, "bad_expect", "Expect asks for something other than 100-continue")

enum message_result {
#define X(name, status, label, text) MESSAGE_##name,
	MESSAGE_RESULTS(X)
#undef X
		MESSAGE_RESULT_COUNT
};

/* The status a client is answered with when its request is refused for this. */
unsigned message_status(enum message_result result);

/* The label of the metric that counts it: [a-z0-9_]. */
const char *message_label(enum message_result result);

/* One line for people: what was wrong. */
const char *message_text(enum message_result result);

#endif
