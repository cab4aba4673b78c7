/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent as its commands see it: the policy in force, the packet plane that enforces it, and what was told.
 *
 *   no policy yet -> PROTECTING (or WAITING, while none of the interfaces exists) -> DETACHED
 *
 * One thread, that of the loop.
 */
#ifndef CONTROL_AGENT_H
#define CONTROL_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/loop.h"
#include "control/journal.h"
#include "kernel/datapath.h"
#include "kernel/interfaces.h"
#include "policy/policy.h"

/* What the command line says; outlives the agent. */
struct agent_options {
	const char *policy_path;
	const char *state_dir;
	size_t metrics_top; /* sources in the metrics */
	bool fresh;	    /* take the place of a datapath of another ABI version */
};

typedef void agent_told_fn(void *context);

/*
 * What the HTTP child is asked, and the text that goes with it. The answers are JSON, as docs/control.md has them;
 * {"status", "error"} where it refuses.
 */
enum agent_topic {
	AGENT_HTTP_STATS,  /* "" */
	AGENT_CACHE_PURGE, /* "hard" or "soft", then "all", "url U", "prefix P", "glob G", "tag T" */
	AGENT_CACHE_STATS,   /* "" */
	AGENT_CACHE_SHOW,    /* a URL */
	AGENT_CACHE_TOP,     /* "hits N" or "bytes N" */
	AGENT_LIMIT_CLIENTS, /* "all N TEXT" or "over N TEXT": so many whose name contains TEXT */
	AGENT_LIMIT_EXPLAIN, /* an address, or the name of an API key */
	AGENT_LIMIT_RESET,   /* likewise */
	AGENT_TOPIC_COUNT
};

struct http_ask;

/*
 * The child's answer, believed to be bounded and nothing else; or status -ENOENT: no child serves, -ETIMEDOUT,
 * -ECONNRESET, -errno. Called once.
 */
typedef void agent_answered_fn(void *context, int status, struct bytes answer);

struct agent_question {
	enum agent_topic topic;
	struct bytes text;
	uint64_t patience_ns;
	agent_answered_fn *answered;
	void *context;
};

/* How the HTTP child does, as its parent sees it. */
struct agent_http_state {
	int pid; /* 0: none at present */
	uint64_t restarts;
	bool serves;
	bool draining;
	const uint64_t *asked_bans; /* by enum escalation_result; NULL: none are asked for here */
};

/*
 * The HTTP plane, as the agent reloads and asks it; who runs it is the main program's business.
 * prepare() makes ready for a policy and its text and changes nothing: 0, then one of the next two follows; or -errno,
 * and why in error. A policy without http is prepared and committed too.
 */
struct agent_http {
	int (*prepare)(void *context, const struct policy *policy, struct bytes text,
		       struct buffer *error);
	/* In between: whether the policy's API keys are others than before, though there were some. */
	bool (*changes_keys)(void *context);
	void (*commit)(void *context);
	void (*abandon)(void *context);
	/* Ask the child: 0 and *ret_ask, answered() follows unless cancel() comes first; or -errno, and nothing follows. */
	int (*ask)(void *context, const struct agent_question *question, struct http_ask **ret_ask);
	void (*cancel)(struct http_ask *ask);
	struct agent_http_state (*state)(void *context);
	/* These are banned from now on: close what connections they have. Must not take long. */
	void (*banned)(void *context, const struct prefix *banned, size_t count);
	/* Whether a server of the policy that is given by its name has an address in prefix. NULL: none has. */
	bool (*has_server_in)(void *context, const struct prefix *prefix);
	/* Open the access log anew. 0, -ENOENT if there is none, -errno. */
	int (*reopen_log)(void *context);
	void *context;
};

struct agent {
	struct loop *loop;
	const struct agent_options *options;
	const struct agent_http *http; /* NULL: this program has no HTTP plane */
	struct policy *policy;	       /* in force; NULL only while starting */
	char *loaded_path;	       /* the file the policy in force came from */
	struct datapath *datapath;     /* NULL: no packet plane, or detached */
	struct interfaces *interfaces; /* NULL exactly when datapath is */
	struct journal *journal;
	struct loop_watch *events_watch;
	struct loop_timer *sweep_timer;
	struct loop_timer *save_timer;
	bool save_due;
	bool restored;	       /* what was saved of bans and allows is in the maps */
	struct saving *saving; /* of bans; NULL without a packet plane */
	bool detached;	       /* told to protect nothing until the next start */

	uint64_t started_ns;
	uint64_t started_unix_ns;
	uint64_t loaded_unix_ns;
	uint64_t reloads; /* the first load at the start not included */
	uint64_t failed_reloads;

	/* Whoever wants to know that the journal grew. */
	agent_told_fn *told;
	void *told_context;

	/* /metrics as last written: a scrape reads whole maps, so a stranger's loop must not cost one each. */
	struct buffer metrics_text;
	uint64_t metrics_at_ns;
};

/*
 * An agent with nothing in force. loop and options stay the caller's. Returns 0 or -ENOMEM. agent_free() saves the
 * bans and leaves the datapath limiting.
 */
int agent_new(struct loop *loop, const struct agent_options *options, struct agent **ret_agent);
void agent_free(struct agent *agent);

/* What a load has to tell. Zeroed by the caller; released with load_result_free(). */
struct load_result {
	struct policy_problems problems; /* errors: it was not loaded; else warnings */
	char error[DATAPATH_ERROR_MAX];	 /* "": none; else why a good policy was not loaded */
	struct buffer changes;		 /* a line each */
	struct buffer notes;		 /* likewise: what waits for a restart, and so on */
	size_t attached;		 /* protected interfaces */
};
struct load_result load_result_new(void);
void load_result_free(struct load_result *result);
#define auto_load_result __attribute__((cleanup(load_result_free)))

/*
 * Put the policy in text in force: all or nothing. path names where it came from, for people. The packet plane is
 * opened if this is the first policy that has one.
 * Returns 0; -EINVAL with result->problems; else -errno with result->error, nothing changed.
 */
int agent_load(struct agent *agent, struct bytes text, const char *path,
	       struct load_result *result);

/* The same with the agent's own policy file. */
int agent_reload(struct agent *agent, struct load_result *result);

/*
 * Let another agent have the datapath, which goes on limiting; and take it up again under the policy in force. Returns 0
 * or -errno, and why in result.
 */
void agent_release(struct agent *agent);
int agent_resume(struct agent *agent, struct load_result *result);

/* Remove everything that is ours and protect nothing any more. Returns how many interfaces were protected. */
size_t agent_detach(struct agent *agent);

/* Bans or allows have changed: they are saved a few seconds later. */
void agent_bans_changed(struct agent *agent);

/* These were banned, by whomever: their connections are closed, and the bans are saved. */
void agent_banned(struct agent *agent, const struct prefix *banned, size_t count);

/* One event more for the journal and those who follow it. */
void agent_tell(struct agent *agent, const struct sl_event *event);

/* X(NAME, label, help) */
#define AGENT_STATES(X)                                                                     \
	X(PROTECTING, "protecting", "packets are limited on at least one interface")        \
	X(SERVING, "serving", "the policy has no packet plane, and its HTTP plane serves")  \
	X(WAITING, "waiting", "no interface of the policy exists, or no HTTP child serves") \
	X(DRAINING, "draining", "told to end: the HTTP plane finishes what runs")           \
	X(DETACHED, "detached", "told to protect nothing until the next start")

enum agent_state {
#define X(name, label, help) AGENT_##name,
	AGENT_STATES(X)
#undef X
		AGENT_STATE_COUNT
};

/* What the agent is doing now, and how that is called in answers and metrics. */
enum agent_state agent_state(const struct agent *agent);
const char *agent_state_name(enum agent_state state);

/* Whether the policy wants an HTTP plane and this program has one; and how that does. All zero without. */
bool agent_has_http(const struct agent *agent);
struct agent_http_state agent_http_state(const struct agent *agent);

/* Number of the policy in force: the datapath's, which agents continue; without one it counts from 1. */
uint64_t agent_generation(const struct agent *agent);

/* Name of a tier number in the datapath; never NULL. */
const char *agent_tier_name(const struct agent *agent, uint8_t tier);

#endif
