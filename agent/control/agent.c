/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/privileges.h"
#include "control/metrics.h"
#include "control/upkeep.h"
#include "policy/http_policy.h"

#define CHANGES_MAX (1u << 20) /* bytes of policy_diff() kept */
#define NOTES_MAX   8192

_Static_assert(DATAPATH_ERROR_MAX == INTERFACE_ERROR_MAX, "one error buffer serves both");

int agent_new(struct loop *loop, const struct agent_options *options, struct agent **ret_agent)
{
	struct agent *agent = calloc(1, sizeof(*agent));

	if (!agent)
		return -ENOMEM;
	if (journal_new(&agent->journal)) {
		free(agent);
		return -ENOMEM;
	}
	agent->loop = loop;
	agent->options = options;
	agent->started_ns = clock_now_ns();
	agent->started_unix_ns = clock_now_unix_ns();
	agent->metrics_text = buffer_new(METRICS_TEXT_MAX);
	*ret_agent = agent;
	return 0;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	if (agent->datapath)
		upkeep_stop(agent);
	interfaces_free(agent->interfaces);
	datapath_close(agent->datapath);
	policy_free(agent->policy);
	journal_free(agent->journal);
	buffer_free(&agent->metrics_text);
	free(agent->loaded_path);
	free(agent);
}

struct load_result load_result_new(void)
{
	return (struct load_result){
		.changes = buffer_new(CHANGES_MAX),
		.notes = buffer_new(NOTES_MAX),
	};
}

void load_result_free(struct load_result *result)
{
	buffer_free(&result->changes);
	buffer_free(&result->notes);
}

/* Adopt or make the maps, and follow interfaces. Nothing is attached yet. */
static int open_plane(struct agent *agent, const struct policy *policy,
		      enum datapath_origin *ret_origin, char error[static DATAPATH_ERROR_MAX])
{
	struct datapath_options options = {.tables = policy->tables,
					   .fresh = agent->options->fresh};
	struct datapath *datapath = NULL;
	enum datapath_origin origin;
	int status = datapath_open(&options, &datapath, &origin, error);

	if (status)
		return status;

	status = interfaces_new(agent->loop, datapath, &agent->interfaces, error);
	if (status) {
		datapath_close(datapath);
		return status;
	}
	agent->datapath = datapath;
	if (origin == DATAPATH_ADOPTED)
		log_info("adopted the datapath in %s: buckets, bans and counters go on",
			 datapath_pin_dir(datapath));
	*ret_origin = origin;
	return upkeep_start(agent);
}

static void close_plane(struct agent *agent)
{
	upkeep_stop(agent);
	interfaces_free(agent->interfaces);
	agent->interfaces = NULL;
	datapath_close(agent->datapath);
	agent->datapath = NULL;
}

/* The datapath's part of a load. What it opened it closes again if the policy cannot be put in force. */
static int enforce(struct agent *agent, const struct policy *policy, struct load_result *result)
{
	auto_lower bool raised = privileges_raise();
	bool is_first = !agent->datapath;
	enum datapath_origin origin = DATAPATH_ADOPTED;
	int status;

	if (agent->detached || (is_first && !policy->has_packet_plane))
		return 0;

	status = is_first ? open_plane(agent, policy, &origin, result->error) : 0;
	if (!status)
		status = datapath_load_policy(agent->datapath, policy, result->error);
	if (status) {
		if (is_first && agent->datapath)
			close_plane(agent);
		return status;
	}
	interfaces_apply(agent->interfaces, policy, &result->attached);
	if (is_first)
		upkeep_restore(agent, origin);
	return 0;
}

static bool tables_differ(const struct policy_tables *a, const struct policy_tables *b)
{
	return a->sources != b->sources || a->strangers != b->strangers ||
	       a->prefixes != b->prefixes || a->bans != b->bans;
}

static bool text_differs(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

/* What a child process has from its start. */
static void add_http_notes(const struct http_policy *before, const struct http_policy *after,
			   struct buffer *notes)
{
	if (before->threads != after->threads)
		buffer_add_text(notes, "http.threads: the new number waits for a restart\n");
	if (text_differs(before->user, after->user))
		buffer_add_text(notes, "http.user: the new user waits for a restart\n");
	if (before->cache.off != after->cache.off && before->cache.off)
		buffer_add_text(notes, "http.cache: nothing is stored before a restart\n");
	else if (before->cache.size != after->cache.size)
		buffer_add_text(notes, "http.cache.size: the new size waits for a restart\n");
	if (before->max.limit_table != after->max.limit_table)
		buffer_add_text(notes, "http.max.limit_table: the new size waits for a restart\n");
}

static void add_notes(const struct agent *agent, const struct policy *before,
		      const struct policy *after, struct buffer *notes)
{
	if (agent->detached)
		buffer_add_text(notes,
				"detached: nothing is protected until sluiced is started again\n");
	if (after->has_http_plane && !agent->http)
		buffer_add_text(notes,
				"http: is not served by this program; only packets are limited\n");
	if (!before)
		return;
	if (before->http && after->http)
		add_http_notes(before->http, after->http, notes);
	if (tables_differ(&before->tables, &after->tables))
		buffer_add_text(notes, "tables: the new sizes wait for a restart\n");
	if (before->source_bits.ipv4 != after->source_bits.ipv4 ||
	    before->source_bits.ipv6 != after->source_bits.ipv6)
		buffer_add_text(notes, "source_prefix: everything is re-keyed: each source begins "
				       "with full buckets and its counters at zero\n");
}

static void put_in_force(struct agent *agent, struct policy *policy, const char *path,
			 struct load_result *result)
{
	char *path_copy = strdup(path);

	if (agent->policy) {
		agent->reloads++;
		(void)policy_diff(agent->policy, policy, &result->changes);
	}
	add_notes(agent, agent->policy, policy, &result->notes);

	policy_free(agent->policy);
	agent->policy = policy;
	agent->loaded_unix_ns = clock_now_unix_ns();
	agent->metrics_at_ns = 0;
	if (path_copy) { /* without memory the old name stays: it only informs */
		free(agent->loaded_path);
		agent->loaded_path = path_copy;
	}
}

static int prepare_http(struct agent *agent, const struct policy *policy, struct bytes text,
			struct load_result *result)
{
	auto_buffer struct buffer error = buffer_new(sizeof(result->error) - 1);
	int status;

	if (!agent->http)
		return 0;
	status = agent->http->prepare(agent->http->context, policy, text, &error);
	if (status && error.len)
		(void)snprintf(result->error, sizeof(result->error), "%s", error.at);
	/* No word of the policy need have changed for that. */
	if (!status && agent->http->changes_keys(agent->http->context))
		buffer_add_text(&result->changes, "http.keys: the keys in the file have changed\n");
	return status;
}

/* Both planes or neither: the HTTP plane says that it can, the packet plane does, then the HTTP plane does. */
static int enforce_both(struct agent *agent, const struct policy *policy, struct bytes text,
			struct load_result *result)
{
	int status = prepare_http(agent, policy, text, result);

	if (status)
		return status;
	status = enforce(agent, policy, result);
	if (!agent->http)
		return status;
	if (status)
		agent->http->abandon(agent->http->context);
	else
		agent->http->commit(agent->http->context);
	return status;
}

/* The policy is the agent's from now on, or freed. */
struct loading {
	struct policy *policy;
	struct bytes text;
	const char *path;
};

static int load(struct agent *agent, const struct loading *loading, struct load_result *result)
{
	int status = enforce_both(agent, loading->policy, loading->text, result);

	if (status) {
		if (!result->error[0])
			(void)snprintf(result->error, sizeof(result->error), "%s",
				       strerror(-status));
		policy_free(loading->policy);
		return status;
	}
	put_in_force(agent, loading->policy, loading->path, result);
	return 0;
}

int agent_load(struct agent *agent, struct bytes text, const char *path, struct load_result *result)
{
	struct loading loading = {.text = text, .path = path};
	int status = policy_parse(text, &result->problems, &loading.policy);

	if (!status)
		status = load(agent, &loading, result);
	if (status)
		agent->failed_reloads++;
	return status;
}

int agent_reload(struct agent *agent, struct load_result *result)
{
	auto_buffer struct buffer text =
		buffer_new(0); /* policy_read() says how much it may hold */
	struct loading loading = {.path = agent->options->policy_path};
	int status = policy_read(loading.path, &result->problems, &text, &loading.policy);

	loading.text = (struct bytes){text.at, text.len};
	if (!status)
		status = load(agent, &loading, result);
	else if (result->problems.errors)
		status = -EINVAL;
	if (status)
		agent->failed_reloads++;
	return status;
}

void agent_release(struct agent *agent)
{
	if (agent->datapath)
		close_plane(agent);
	agent->metrics_at_ns = 0;
}

int agent_resume(struct agent *agent, struct load_result *result)
{
	return agent->datapath || !agent->policy ? 0 : enforce(agent, agent->policy, result);
}

static bool is_protected(const struct interface_status *status)
{
	return status->mode != ATTACH_NONE && status->mode != ATTACH_COVERED;
}

static bool count_protected(void *context, const struct interface_status *status)
{
	size_t *count = context;

	*count += is_protected(status);
	return true;
}

size_t agent_detach(struct agent *agent)
{
	auto_lower bool raised = privileges_raise();
	size_t count = 0;

	agent->detached = true;
	if (!agent->datapath)
		return 0;

	interfaces_each(agent->interfaces, count_protected, &count);
	upkeep_stop(agent);
	interfaces_detach_all(agent->interfaces);
	interfaces_free(agent->interfaces);
	datapath_remove(agent->datapath);
	agent->interfaces = NULL;
	agent->datapath = NULL;
	agent->metrics_at_ns = 0;
	return count;
}

bool agent_has_http(const struct agent *agent)
{
	return agent->http && agent->policy && agent->policy->has_http_plane;
}

struct agent_http_state agent_http_state(const struct agent *agent)
{
	return agent_has_http(agent) ? agent->http->state(agent->http->context)
				     : (struct agent_http_state){0};
}

enum agent_state agent_state(const struct agent *agent)
{
	const struct agent_http_state http = agent_http_state(agent);
	size_t count = 0;

	if (agent->detached)
		return AGENT_DETACHED;
	if (!agent->policy)
		return AGENT_WAITING;
	if (http.draining)
		return AGENT_DRAINING;
	if (!agent->policy->has_packet_plane)
		return http.serves ? AGENT_SERVING : AGENT_WAITING;
	if (agent->interfaces)
		interfaces_each(agent->interfaces, count_protected, &count);
	return count ? AGENT_PROTECTING : AGENT_WAITING;
}

const char *agent_state_name(enum agent_state state)
{
	static const char *const labels[AGENT_STATE_COUNT] = {
#define X(name, label, help) [AGENT_##name] = label,
		AGENT_STATES(X)
#undef X
	};

	return labels[state];
}

uint64_t agent_generation(const struct agent *agent)
{
	return agent->datapath ? datapath_generation(agent->datapath) : agent->reloads + 1;
}

const char *agent_tier_name(const struct agent *agent, uint8_t tier)
{
	const char *name = NULL;

	if (tier == SL_TIER_ALLOW)
		return "allow";
	if (tier == SL_TIER_DENY)
		return "deny";
	if (agent->datapath)
		name = numbering_tier_name(datapath_numbering(agent->datapath), tier);
	return name ? name : "unknown";
}
