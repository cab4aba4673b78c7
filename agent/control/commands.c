/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/commands.h"

#include <stdio.h>
#include <string.h>

#include <sluice/control.h>

static const struct command commands[] = {
	{"GET", "/v1/status", status_get, COMMAND_BODY_MAX, false, status_ask},
	{"GET", "/v1/sources", sources_list, COMMAND_BODY_MAX, false, NULL},
	{"GET", "/v1/sources/*", sources_get, COMMAND_BODY_MAX, false, NULL},
	{"GET", "/v1/rules", rules_list, COMMAND_BODY_MAX, false, NULL},
	{"GET", "/v1/explain/*", explain_get, COMMAND_BODY_MAX, false, explain_ask},
	{"GET", "/v1/bans", bans_list, COMMAND_BODY_MAX, false, NULL},
	{"POST", "/v1/bans", bans_add, COMMAND_BODY_MAX, false, NULL},
	{"DELETE", "/v1/bans", bans_remove, COMMAND_BODY_MAX, false, NULL},
	{"GET", "/v1/allows", allows_list, COMMAND_BODY_MAX, false, NULL},
	{"POST", "/v1/allows", allows_add, COMMAND_BODY_MAX, false, NULL},
	{"DELETE", "/v1/allows", allows_remove, COMMAND_BODY_MAX, false, NULL},
	{"POST", "/v1/import", bans_import, SL_CONTROL_BODY_MAX, false, NULL},
	{"GET", "/v1/events", events_get, COMMAND_BODY_MAX, false, NULL},
	{"GET", "/v1/policy", policy_get, COMMAND_BODY_MAX, false, NULL},
	{"POST", "/v1/policy/load", policy_load_body, SL_CONTROL_BODY_MAX, false, NULL},
	{"POST", "/v1/policy/diff", policy_diff_body, SL_CONTROL_BODY_MAX, false, NULL},
	{"POST", "/v1/cache/purge", cache_purge_done, COMMAND_BODY_MAX, false, cache_ask_purge},
	{"GET", "/v1/cache/stats", cache_answer, COMMAND_BODY_MAX, false, cache_ask_stats},
	{"GET", "/v1/cache/show", cache_answer, COMMAND_BODY_MAX, false, cache_ask_show},
	{"GET", "/v1/cache/top", cache_answer, COMMAND_BODY_MAX, false, cache_ask_top},
	{"GET", "/v1/clients", clients_answer, COMMAND_BODY_MAX, false, clients_ask},
	{"POST", "/v1/limits/reset", limit_reset_done, COMMAND_BODY_MAX, false, limit_ask_reset},
	{"POST", "/v1/log/reopen", log_reopen, COMMAND_BODY_MAX, false, NULL},
	{"POST", "/v1/detach", policy_detach, COMMAND_BODY_MAX, false, NULL},
	{"GET", "/metrics", scrape_get, 0, true, scrape_ask},
	{"GET", "/healthz", status_health, 0, true, NULL},
	{"GET", "/readyz", status_ready, 0, true, NULL},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static bool path_matches(const struct command *command, struct bytes path, struct bytes *ret_rest)
{
	size_t len = strlen(command->path);

	if (command->path[len - 1] != '*') {
		*ret_rest = (struct bytes){0};
		return bytes_equal(path, bytes_of(command->path));
	}
	len--;
	if (path.len <= len || memcmp(path.at, command->path, len) != 0)
		return false;
	*ret_rest = (struct bytes){path.at + len, path.len - len};
	return true;
}

/* HEAD is answered by whoever answers GET; the server leaves the body out. */
static bool method_matches(const struct command *command, const struct request *request)
{
	struct bytes method = request->is_head ? BYTES("GET") : request->method;

	return bytes_equal(method, bytes_of(command->method));
}

/* Add a method to the list in allow. */
static void add_allowed(char *allow, size_t size, const char *method)
{
	size_t used = strlen(allow);

	(void)snprintf(allow + used, size - used, "%s%s", used ? ", " : "",
		       method); /* three at most */
}

static void refuse(const char *allow, bool only_open, struct response *response)
{
	if (allow[0]) {
		response_problem(response, 405, "here one may %s; see docs/control.md", allow);
		strcpy(response->allow, allow);
	} else if (only_open) {
		response_problem(response, 404,
				 "here are /metrics, /healthz and /readyz; all else is on the "
				 "control socket");
	} else {
		response_problem(response, 404, "there is no such command; see docs/control.md");
	}
}

const struct command *commands_find(struct request *request, bool only_open,
				    struct response *response)
{
	char allow[sizeof(response->allow)] = "";

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const struct command *command = &commands[i];

		if ((only_open && !command->is_open) ||
		    !path_matches(command, request->path, &request->rest))
			continue;
		if (method_matches(command, request))
			return command;
		add_allowed(allow, sizeof(allow), command->method);
	}
	refuse(allow, only_open, response);
	return NULL;
}
