/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent sent, taken apart and printed; files on their way to it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "ask.h"
#include "memory.h"
#include "text.h"

/* Beyond ASCII everything is escaped: exact for programs, harmless on a terminal. */
#define JSON_STYLE (JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15))

static int print_piece(const char *at, size_t len, void *context)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i] == 0x7f) /* the one control character that JSON leaves alone */
			fputs("\\u007f", stdout);
		else
			putchar(at[i]);
	}
	return 0;
}

void print_json(const json_t *json)
{
	(void)json_dump_callback(json, print_piece, NULL, JSON_STYLE | JSON_INDENT(2));
	putchar('\n');
}

void print_json_line(const json_t *json)
{
	(void)json_dump_callback(json, print_piece, NULL, JSON_STYLE | JSON_ENCODE_ANY);
	putchar('\n');
}

enum exit_code print_text(const struct cli *cli, const char *name,
			  const struct client_answer *answer)
{
	auto_json json_t *json = NULL;

	if (!cli->json && cli->look.is_terminal)
		text_print_clean(answer->body, answer->len, stdout);
	else if (!cli->json)
		fwrite(answer->body, 1, answer->len, stdout);
	if (!cli->json)
		return EXIT_DONE;

	json = json_pack("{s:s%}", name, answer->body, answer->len);
	if (!json) {
		fprintf(stderr, "sluice: cannot show the %s: it is not UTF-8\n", name);
		return EXIT_REFUSED;
	}
	print_json(json);
	return EXIT_DONE;
}

const char *field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static uint64_t count_of(const json_t *value)
{
	if (json_is_integer(value) && json_integer_value(value) > 0)
		return json_integer_value(value);
	if (json_is_real(value) && json_real_value(value) > 0 && json_real_value(value) < 1.8e19)
		return json_real_value(value);
	return 0;
}

uint64_t field_count(const json_t *object, const char *key)
{
	return count_of(json_object_get(object, key));
}

double field_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

uint64_t field_packets(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_object(value) ? field_count(value, "packets") : count_of(value);
}

uint64_t field_bytes(const json_t *object, const char *key)
{
	return field_count(json_object_get(object, key), "bytes");
}

/* Grow *text by what file holds. Returns 0, or -errno: -EFBIG beyond ASK_FILE_MAX. */
static int read_all(FILE *file, char **text, size_t *len)
{
	size_t room = 0;

	do {
		if (*len + 1 >= room) {
			room = room * 2 + 65536;
			*text = memory_resize(*text, room);
		}
		*len += fread(*text + *len, 1, room - *len - 1, file);
		if (*len > ASK_FILE_MAX)
			return -EFBIG;
	} while (!feof(file) && !ferror(file));
	(*text)[*len] = 0;
	return ferror(file) ? -EIO : 0;
}

static enum exit_code say_unreadable(const char *path, int error)
{
	char clean[TEXT_CELL_MAX];

	fprintf(stderr, "sluice: cannot read %s: %s\n", text_clean(path, clean, sizeof(clean)),
		strerror(error));
	return EXIT_REFUSED;
}

enum exit_code file_read(const char *path, char **ret_text, size_t *ret_len)
{
	bool is_stdin = !strcmp(path, "-");
	auto_file FILE *opened = is_stdin ? NULL : fopen(path, "re");
	FILE *file = is_stdin ? stdin : opened;
	auto_text char *text = NULL;
	struct stat stat;
	size_t len = 0;
	int error;

	if (!file)
		return say_unreadable(path, errno);
	if (!fstat(fileno(file), &stat) && S_ISDIR(stat.st_mode))
		return say_unreadable(path, EISDIR);
	error = read_all(file, &text, &len);
	if (error)
		return say_unreadable(path, -error);
	*ret_text = take_ptr(text);
	*ret_len = len;
	return EXIT_DONE;
}
