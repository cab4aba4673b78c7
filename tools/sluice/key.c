/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice key hash, new: lines for the file of API keys. Needs no agent. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include <jansson.h>
#include <nettle/sha2.h>

#include "ask.h"
#include "memory.h"

#define NAME_MAX_LEN 63	 /* of a client and of a tier, as the agent reads the file */
#define KEY_MAX	     512 /* bytes; the agent takes no longer one for a key */
#define KEY_WORDS    43	 /* characters of a new key: 258 bits */

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > NAME_MAX_LEN || !is_alnum(text[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(text[i]) && !strchr("_-.", text[i]))
			return false;
	return true;
}

/* The name and tier on the command line; the tier is "-" if none is given. */
static enum exit_code read_names(const struct cli *cli, const char **ret_name,
				 const char **ret_tier)
{
	const char *name = cli->words[1];
	const char *tier = cli->word_count > 2 ? cli->words[2] : "-";

	if (!is_name(name) || (strcmp(tier, "-") != 0 && !is_name(tier))) {
		fprintf(stderr,
			"sluice: a name has at most %d letters, digits, '_', '-' and '.', and "
			"begins with one of the first two\n",
			NAME_MAX_LEN);
		return EXIT_USAGE;
	}
	*ret_name = name;
	*ret_tier = tier;
	return EXIT_DONE;
}

#define HEX_ROOM (2 * SHA256_DIGEST_SIZE + 1)

static void hash(const char *key, size_t len, char out[HEX_ROOM])
{
	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_init(&context);
	sha256_update(&context, len, (const uint8_t *)key);
	sha256_digest(&context, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* One line of standard input, not shown where that is a terminal. Its length, or -1. */
static ssize_t read_secret(char key[KEY_MAX + 2])
{
	struct termios before;
	bool is_terminal = !tcgetattr(STDIN_FILENO, &before);
	char *line;

	if (is_terminal) {
		struct termios silent = before;

		/* An interrupt would leave the terminal mute; so its character is one that no key has. */
		silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent); /* then it is seen */
		fputs("API key: ", stderr);
	}
	line = fgets(key, KEY_MAX + 2, stdin);
	if (is_terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before); /* as it could be set before */
		fputs("\n", stderr);
	}
	return line ? (ssize_t)strcspn(key, "\r\n") : -1;
}

static bool is_sendable(const char *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (key[i] <= ' ' || key[i] == 0x7f)
			return false;
	return len;
}

static void print_line(const struct cli *cli, const char *const names[2], const char *key,
		       const char *hex)
{
	auto_text char *line = memory_printf("%s %s %s", names[0], names[1], hex);
	auto_json json_t *json = NULL;

	if (!cli->json) {
		puts(line);
		return;
	}
	json = json_pack("{s:s, s:s?, s:s, s:s}", "name", names[0], "tier",
			 strcmp(names[1], "-") != 0 ? names[1] : NULL, "sha256", hex, "line", line);
	if (json && key)
		json_object_set_new(json, "key", json_string(key));
	if (json)
		print_json(json);
}

static enum exit_code key_hash(const struct cli *cli)
{
	const char *names[2];
	enum exit_code code = read_names(cli, &names[0], &names[1]);
	char key[KEY_MAX + 2], hex[HEX_ROOM];
	ssize_t len;

	if (code != EXIT_DONE)
		return code;
	len = read_secret(key);
	if (len <= 0 || len > KEY_MAX || !is_sendable(key, (size_t)len)) {
		fprintf(stderr,
			"sluice: expected the key on standard input: one line of at most %d bytes "
			"without blanks\n",
			KEY_MAX);
		return EXIT_REFUSED;
	}
	hash(key, (size_t)len, hex);
	explicit_bzero(key, sizeof(key));
	print_line(cli, names, NULL, hex);
	return EXIT_DONE;
}

/* Characters that need no escaping anywhere, 6 bits each. */
static int make_key(char key[KEY_WORDS + 1])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char random[KEY_WORDS];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -errno;
	for (int i = 0; i < KEY_WORDS; i++)
		key[i] = letters[random[i] % 64];
	key[KEY_WORDS] = 0;
	return 0;
}

/* The key goes to the terminal, the line to standard output: so the line can be appended to the file. */
static enum exit_code key_new(const struct cli *cli)
{
	const char *names[2];
	enum exit_code code = read_names(cli, &names[0], &names[1]);
	char key[KEY_WORDS + 1], hex[HEX_ROOM];

	if (code != EXIT_DONE)
		return code;
	if (make_key(key)) {
		fprintf(stderr, "sluice: no random bytes for a key: %s\n", strerror(errno));
		return EXIT_REFUSED;
	}
	hash(key, KEY_WORDS, hex);
	if (!cli->json)
		fprintf(stderr, "the key of %s, which nothing shows again: %s\n", names[0], key);
	print_line(cli, names, key, hex);
	explicit_bzero(key, sizeof(key));
	return EXIT_DONE;
}

enum exit_code run_key(const struct cli *cli)
{
	bool is_hash = !strcmp(cli->words[0], "hash"), is_new = !strcmp(cli->words[0], "new");

	if ((is_hash || is_new) && cli->word_count >= 2)
		return is_hash ? key_hash(cli) : key_new(cli);
	fputs("sluice: key what? One of hash NAME [TIER], new NAME [TIER]; a key itself is never "
	      "an "
	      "argument\n",
	      stderr);
	return EXIT_USAGE;
}
