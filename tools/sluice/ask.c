/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "ask.h"
#include "memory.h"
#include "session.h"

char *ask_target(const char *path, const char *value)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = strlen(path);
	char *target = memory_resize(NULL, len + 3 * strlen(value) + 1);
	char *at = stpcpy(target, path);

	for (const unsigned char *byte = (const unsigned char *)value; *byte; byte++) {
		if (isascii(*byte) && (isalnum(*byte) || strchr("-._~:", *byte))) {
			*at++ = *byte;
			continue;
		}
		*at++ = '%';
		*at++ = digits[*byte >> 4];
		*at++ = digits[*byte & 15];
	}
	*at = 0;
	return target;
}

char *ask_careful(const char *path)
{
	auto_text char *careful = memory_printf("%s?careful=1", path);
	auto_text char *with_caller = memory_printf("%s&caller=", careful);
	char peer[SESSION_PEER_MAX];

	return session_peer(peer) ? ask_target(with_caller, peer) : take_ptr(careful);
}

static struct client_request request_of(const struct cli *cli, const struct ask *ask)
{
	return (struct client_request){
		.socket = cli->control,
		.method = ask->method ? ask->method : "GET",
		.target = ask->target,
		.type = ask->type,
		.body = ask->body,
		.body_len = ask->body_len,
		.timeout_ms = ask->timeout_ms ? ask->timeout_ms : CLIENT_TIMEOUT_MS,
	};
}

static void say_unreachable(const struct cli *cli, const struct client_answer *answer)
{
	const char *next = "is sluiced running?";

	if (answer->error == EACCES || answer->error == EPERM)
		next = "run as root, or as a member of the socket's group";
	else if (answer->error == ENAMETOOLONG)
		next = "a socket's path has at most 107 bytes";
	else if (answer->error == EAGAIN)
		next = "it is busy with too many others";
	fprintf(stderr, "sluice: cannot reach the agent at %s: %s; %s\n", cli->control, answer->why,
		next);
}

/* "sluice: cannot ...", with what somebody typed made harmless. */
static void say_cannot(const struct ask *ask)
{
	char clean[TEXT_CELL_MAX];

	fprintf(stderr, "sluice: cannot %s: ", text_clean(ask->what, clean, sizeof(clean)));
}

static void say_problem(const struct ask *ask, const json_t *problem)
{
	char clean[TEXT_CELL_MAX];
	uint64_t line = field_count(problem, "line");
	uint64_t column = field_count(problem, "column");

	fprintf(stderr, "%s:", ask->file);
	if (line)
		fprintf(stderr, "%llu:", (unsigned long long)line);
	if (line && column)
		fprintf(stderr, "%llu:", (unsigned long long)column);
	text_clean(field_text(problem, "severity"), clean, sizeof(clean));
	fprintf(stderr, " %s: ", *clean ? clean : "error");
	fprintf(stderr, "%s\n", text_clean(field_text(problem, "text"), clean, sizeof(clean)));
}

/* The agent said no. */
static void say_refused(const struct cli *cli, const struct ask *ask,
			const struct client_answer *answer)
{
	auto_json json_t *json = json_loadb(answer->body, answer->len, 0, NULL);
	char title[TEXT_CELL_MAX], detail[TEXT_CELL_MAX];
	const json_t *problem;
	size_t i;

	text_clean(field_text(json, "title"), title, sizeof(title));
	text_clean(field_text(json, "detail"), detail, sizeof(detail));
	if (!*title)
		snprintf(title, sizeof(title), "the agent answered %d", answer->status);

	say_cannot(ask);
	fprintf(stderr, "%s%s%s\n", title, *detail ? "; " : "", detail);
	json_array_foreach(json_object_get(json, "problems"), i, problem) if (ask->file)
		say_problem(ask, problem);
	if (cli->json && json)
		print_json(json);
}

/* What came of asking; everything but a good answer is said on stderr. */
static enum exit_code judge(const struct cli *cli, const struct ask *ask, enum client_result result,
			    const struct client_answer *answer)
{
	switch (result) {
	case CLIENT_UNREACHABLE:
		say_unreachable(cli, answer);
		return EXIT_UNREACHABLE;
	case CLIENT_BROKEN:
		say_cannot(ask);
		fprintf(stderr, "%s; is the one at %s the agent, and of this version?\n",
			answer->why, cli->control);
		return EXIT_REFUSED;
	case CLIENT_DONE:
		break;
	}
	if (answer->status >= 200 && answer->status < 300)
		return EXIT_DONE;
	say_refused(cli, ask, answer);
	return EXIT_REFUSED;
}

enum exit_code ask_text(const struct cli *cli, const struct ask *ask,
			struct client_answer *ret_answer)
{
	struct client_request request = request_of(cli, ask);
	struct client_answer answer;
	enum client_result result = client_ask(&request, &answer);
	enum exit_code code = judge(cli, ask, result, &answer);

	if (code == EXIT_DONE)
		*ret_answer = answer;
	else
		client_answer_free(&answer);
	return code;
}

enum exit_code ask_json(const struct cli *cli, const struct ask *ask, json_t **ret_json)
{
	auto_answer struct client_answer answer = {};
	json_error_t error;
	enum exit_code code = ask_text(cli, ask, &answer);

	if (code != EXIT_DONE)
		return code;
	*ret_json = json_loadb(answer.body, answer.len, 0, &error);
	if (*ret_json)
		return EXIT_DONE;
	say_cannot(ask);
	fprintf(stderr, "its answer is no JSON (byte %d); is the one at %s the agent?\n",
		error.position, cli->control);
	return EXIT_REFUSED;
}

enum exit_code ask_print(const struct cli *cli, const struct ask *ask, json_t **ret_json)
{
	enum exit_code code = ask_json(cli, ask, ret_json);

	if (code != EXIT_DONE || !cli->json)
		return code;
	print_json(*ret_json);
	json_decref(*ret_json);
	*ret_json = NULL;
	return code;
}

enum exit_code ask_stream(const struct cli *cli, const struct ask *ask, client_line_fn *on_line,
			  void *context)
{
	struct client_request request = request_of(cli, ask);
	auto_answer struct client_answer answer = {};
	enum client_result result;

	request.on_line = on_line;
	request.context = context;
	request.endless = true;
	result = client_ask(&request, &answer);
	return judge(cli, ask, result, &answer);
}

json_t *ask_quietly(const struct cli *cli, const struct ask *ask, char why[static CLIENT_WHY_MAX])
{
	struct client_request request = request_of(cli, ask);
	auto_answer struct client_answer answer = {};
	enum client_result result = client_ask(&request, &answer);
	json_t *json = NULL;

	if (result == CLIENT_DONE)
		json = json_loadb(answer.body, answer.len, 0, NULL);
	if (json && answer.status >= 200 && answer.status < 300)
		return json;

	if (result == CLIENT_UNREACHABLE)
		snprintf(why, CLIENT_WHY_MAX, "cannot reach the agent: %.120s", answer.why);
	else if (result == CLIENT_BROKEN)
		snprintf(why, CLIENT_WHY_MAX, "cannot %.30s: %.110s", ask->what, answer.why);
	else
		snprintf(why, CLIENT_WHY_MAX, "cannot %.30s: %.40s; %.60s", ask->what,
			 json ? field_text(json, "title") : "its answer is no JSON",
			 field_text(json, "detail"));
	json_decref(json);
	return NULL;
}
