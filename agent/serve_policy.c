/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading the policy's file, and telling people what came of it. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "service.h"

#define TEXT_MAX (1u << 20)

/* Problems go to standard error as they are: editors and people know FILE:LINE:COLUMN. */
static void print_problems(const struct policy_problems *problems, const char *path)
{
	auto_buffer struct buffer text = buffer_new(TEXT_MAX);

	policy_problems_format(problems, path, &text);
	if (text.len)
		(void)!write(STDERR_FILENO, text.at, text.len);
}

static void log_notes(const struct load_result *result)
{
	const char *at = result->notes.len ? result->notes.at : "";

	while (*at) {
		size_t len = strcspn(at, "\n");

		log_warning("%.*s", (int)len, at);
		at += len + (at[len] == '\n');
	}
}

static void log_failure(const struct load_result *result, const char *path, int status,
			const char *then)
{
	if (result->problems.errors)
		log_error("%s: %zu error%s; %s", path, result->problems.errors,
			  result->problems.errors == 1 ? "" : "s", then);
	else
		log_error("%s; %s", result->error[0] ? result->error : strerror(-status), then);
}

int service_load_first(struct service *service, size_t *ret_attached)
{
	const char *path = service->options->agent.policy_path;
	auto_load_result struct load_result result = load_result_new();
	int status = agent_reload(service->agent, &result);

	print_problems(&result.problems, path);
	if (status) {
		log_failure(&result, path, status, "not started");
		return status;
	}
	log_notes(&result);
	*ret_attached = result.attached;
	return 0;
}

void service_reload(struct service *service)
{
	const char *path = service->options->agent.policy_path;
	auto_load_result struct load_result result = load_result_new();
	uint64_t before_ns = clock_now_ns();
	int status;

	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64, before_ns / 1000);
	status = agent_reload(service->agent, &result);
	print_problems(&result.problems, path);
	if (status) {
		log_failure(&result, path, status, "the policy in force is untouched");
	} else {
		log_notes(&result);
		log_notice("policy %s loaded in %.3f s", path,
			   (double)(clock_now_ns() - before_ns) / 1e9);
	}
	notify_send("READY=1\nSTATUS=%s, policy %s", agent_state_name(agent_state(service->agent)),
		    status ? "not reloaded: see the log" : "reloaded");
}

int service_read_ahead(const struct service *service)
{
	const char *path = service->options->agent.policy_path;
	auto_load_result struct load_result result = load_result_new();
	struct policy *policy = NULL;
	int status = policy_read(path, &result.problems, NULL, &policy);

	policy_free(policy);
	if (!status)
		return 0;
	print_problems(&result.problems, path);
	log_failure(&result, path, status, "not started, nothing was taken over");
	return status;
}
