/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to the agent as commands put them, and everything that can go wrong with them,
 * said on stderr as "sluice: what failed: cause; what to do next".
 */
#ifndef SLUICE_ASK_H
#define SLUICE_ASK_H

#include <jansson.h>

#include "cli.h"
#include "client.h"

#define ASK_FILE_MAX SL_CONTROL_BODY_MAX

struct ask {
	const char *what;   /* completes "cannot ..." */
	const char *method; /* NULL: GET */
	const char *target; /* percent-encoded; see ask_target() */
	const char *type;   /* of the body, or NULL */
	const char *body;
	size_t body_len;
	const char *file;    /* names the file in problems with a policy; may be NULL */
	unsigned timeout_ms; /* 0: CLIENT_TIMEOUT_MS */
};

/* path with value percent-encoded behind it. The caller's to free. */
char *ask_target(const char *path, const char *value);

/* path as a ban is asked for with care: not of what nobody means, nor of whoever types it. The caller's to free. */
char *ask_careful(const char *path);

/* Ask for a document. EXIT_DONE: *ret_answer is good and the caller's to free; else all is said. */
enum exit_code ask_text(const struct cli *cli, const struct ask *ask,
			struct client_answer *ret_answer);

/* Ask for JSON. EXIT_DONE: *ret_json is an object or array, the caller's; else all is said. */
enum exit_code ask_json(const struct cli *cli, const struct ask *ask, json_t **ret_json);

/* Ask, and with --json print the answer: done then. Without it *ret_json, or NULL if nothing is left to print. */
enum exit_code ask_print(const struct cli *cli, const struct ask *ask, json_t **ret_json);

/* Ask for a stream, one JSON value a line. It ends with the agent, or as on_line says. */
enum exit_code ask_stream(const struct cli *cli, const struct ask *ask, client_line_fn *on_line,
			  void *context);

/*
 * Ask without a word on stderr, for a full screen. NULL if it failed: why then holds a sentence.
 */
json_t *ask_quietly(const struct cli *cli, const struct ask *ask, char why[static CLIENT_WHY_MAX]);

/* Print json as the server sent it, indented; nothing in it can move a terminal's cursor. */
void print_json(const json_t *json);
/* The same in one line. */
void print_json_line(const json_t *json);

/*
 * Print a document as it came, with --json as {name: text}; nothing in it can move a terminal's cursor. EXIT_DONE;
 * EXIT_REFUSED, said on stderr, if it is no UTF-8 and JSON was asked for.
 */
enum exit_code print_text(const struct cli *cli, const char *name,
			  const struct client_answer *answer);

/*
 * All of a file, "-" for stdin, at most ASK_FILE_MAX bytes; NUL-terminated, the caller's to free.
 * EXIT_REFUSED, said on stderr, if it cannot be read.
 */
enum exit_code file_read(const char *path, char **ret_text, size_t *ret_len);

/* Members of an object, forgiving: a missing or odd one is "" or 0. */
const char *field_text(const json_t *object, const char *key);
uint64_t field_count(const json_t *object, const char *key);
double field_number(const json_t *object, const char *key);
/* object[key]["packets"], or object[key] itself where it is a number; the same for bytes. */
uint64_t field_packets(const json_t *object, const char *key);
uint64_t field_bytes(const json_t *object, const char *key);

#endif
