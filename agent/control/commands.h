/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control path, top to bottom: every request there is, in one table, and who answers it.
 *
 * Handlers are grouped by subject in files of their own; all have the type below. They run on the loop's
 * thread, one at a time, and answer before they return; what lasts longer is a stream. What only the HTTP child knows
 * is asked of it before they run.
 */
#ifndef CONTROL_COMMANDS_H
#define CONTROL_COMMANDS_H

#include <stdbool.h>

#include "control/agent.h"
#include "control/request.h"
#include "control/response.h"

#define COMMAND_BODY_MAX 65536 /* bytes, but for policies and imports */

typedef void command_fn(struct agent *agent, const struct request *request,
			struct response *response);

/* What a command asks the HTTP child before it runs. */
struct question {
	enum agent_topic topic;
	struct buffer text;
	uint64_t patience_ns; /* how long its answer is waited for; others are served meanwhile */
};

enum question_result {
	QUESTION_ASKED,	   /* *ret_question is set: ask it, then run the command */
	QUESTION_NONE,	   /* run it at once; its told_status is -ENOENT */
	QUESTION_ANSWERED, /* the request makes no sense, and *response says why */
};

typedef enum question_result question_fn(struct agent *agent, const struct request *request,
					 struct question *ret_question, struct response *response);

#define QUESTION_TEXT_MAX 16384

struct command {
	const char *method;
	const char *path; /* a '*' at the end stands for one or more bytes more */
	command_fn *run;
	uint32_t body_max;
	bool is_open;	       /* also on the metrics listener, for anybody */
	question_fn *question; /* NULL: it asks nothing */
};

/*
 * The command for a request, and request->rest. NULL where there is none, with a 404 or 405 in *response.
 * only_open: as the metrics listener sees it.
 */
const struct command *commands_find(struct request *request, bool only_open,
				    struct response *response);

/* status.c */
command_fn status_get, status_health, status_ready;
question_fn status_ask;
/* sources.c */
command_fn sources_list, sources_get, rules_list;
/* explain.c */
command_fn explain_get;
question_fn explain_ask;
/* bans.c */
command_fn bans_list, bans_add, bans_remove, allows_list, allows_add, allows_remove;
/* import.c */
command_fn bans_import;
/* events.c */
command_fn events_get;
/* policies.c */
command_fn policy_get, policy_load_body, policy_diff_body, policy_detach;
/* scrape.c */
command_fn scrape_get;
question_fn scrape_ask;
/* clients.c */
command_fn clients_answer, limit_reset_done;
question_fn clients_ask, limit_ask_reset;
/* cache.c */
command_fn cache_answer, cache_purge_done, log_reopen;
question_fn cache_ask_stats, cache_ask_show, cache_ask_top, cache_ask_purge;

#endif
