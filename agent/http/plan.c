/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/caching_facts.h"
#include "quota/quota_plan.h"

/* ---- What outlives a plan ---- */

void registry_init(struct registry *registry)
{
	*registry = (struct registry){.servers = NULL};
	pthread_mutex_init(&registry->lock, NULL);
}

void registry_destroy(struct registry *registry)
{
	pthread_mutex_destroy(&registry->lock);
}

/* The lowest number no server has. Servers are few, and this runs once for each. */
static uint32_t free_number(const struct registry *registry)
{
	const struct server *server = registry->servers;
	uint32_t number = 0;

	while (server) {
		if (server->number != number) {
			server = server->next;
			continue;
		}
		number++;
		server = registry->servers;
	}
	return number;
}

static struct server *hold_server(struct registry *registry, const struct http_address *address)
{
	char name[HTTP_ADDRESS_TEXT_MAX];
	struct server *server;

	http_address_format(address, name);
	pthread_mutex_lock(&registry->lock);
	for (server = registry->servers; server; server = server->next)
		if (!strcmp(server->name, name))
			break;
	if (!server) {
		server = server_make(address);
		if (server) {
			server->number = free_number(registry);
			server->next = registry->servers;
			registry->servers = server;
		}
	}
	if (server)
		atomic_fetch_add(&server->refs, 1);
	pthread_mutex_unlock(&registry->lock);
	return server;
}

void registry_release(struct registry *registry, struct server *server)
{
	struct server **link = &registry->servers;

	pthread_mutex_lock(&registry->lock);
	if (atomic_fetch_sub(&server->refs, 1) == 1) {
		while (*link != server)
			link = &(*link)->next;
		*link = server->next;
		server_drop(server);
	}
	pthread_mutex_unlock(&registry->lock);
}

void registry_resolve(struct registry *registry, const struct prefix *address, size_t count,
		      const char *name)
{
	size_t len = strlen(name);

	pthread_mutex_lock(&registry->lock);
	for (struct server *server = registry->servers; server; server = server->next)
		if (!strncmp(server->name, name, len) && server->name[len] == ':')
			server_resolve(server, address, count);
	pthread_mutex_unlock(&registry->lock);
}

static struct named_gate *new_gate(const char *name)
{
	struct named_gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return NULL;
	gate->name = strdup(name);
	if (!gate->name) {
		free(gate);
		return NULL;
	}
	gate_init(&gate->gate);
	return gate;
}

static struct named_gate *hold_gate(struct registry *registry, const struct http_upstream *policy)
{
	struct named_gate *gate;

	pthread_mutex_lock(&registry->lock);
	for (gate = registry->gates; gate; gate = gate->next)
		if (!strcmp(gate->name, policy->name))
			break;
	if (!gate) {
		gate = new_gate(policy->name);
		if (gate) {
			gate->next = registry->gates;
			registry->gates = gate;
		}
	}
	if (gate)
		atomic_fetch_add(&gate->refs, 1);
	pthread_mutex_unlock(&registry->lock);
	if (gate)
		gate_set(&gate->gate, policy->max_requests, policy->queue);
	return gate;
}

static void release_gate(struct registry *registry, struct named_gate *gate)
{
	struct named_gate **link = &registry->gates;

	pthread_mutex_lock(&registry->lock);
	if (atomic_fetch_sub(&gate->refs, 1) == 1) {
		while (*link != gate)
			link = &(*link)->next;
		*link = gate->next;
		gate_destroy(&gate->gate);
		free(gate->name);
		free(gate);
	}
	pthread_mutex_unlock(&registry->lock);
}

/* ---- Plans ---- */

static void free_upstream(struct registry *registry, struct upstream *upstream)
{
	for (size_t i = 0; upstream->servers && i < upstream->policy->server_count; i++)
		if (upstream->servers[i])
			registry_release(registry, upstream->servers[i]);
	free(upstream->servers);
	if (upstream->gate)
		release_gate(registry, upstream->gate);
}

static int fill_upstream(struct registry *registry, const struct http_upstream *policy,
			 struct upstream *upstream)
{
	upstream->policy = policy;
	upstream->servers = calloc(policy->server_count, sizeof(struct server *));
	upstream->gate = hold_gate(registry, policy);
	if (!upstream->servers || !upstream->gate)
		return -ENOMEM;
	for (size_t i = 0; i < policy->server_count; i++) {
		upstream->servers[i] = hold_server(registry, &policy->servers[i]);
		if (!upstream->servers[i])
			return -ENOMEM;
	}
	return 0;
}

static struct head_limits limits_of(const struct http_policy *http)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;

	limits.max_bytes = http->max.head;
	if (limits.max_target > limits.max_bytes)
		limits.max_target = limits.max_bytes;
	limits.max_fields =
		http->max.fields < HEAD_FIELDS_MAX ? (uint8_t)http->max.fields : HEAD_FIELDS_MAX;
	return limits;
}

static struct identity_rules rules_of(const struct http_policy *http)
{
	struct identity_rules rules = {.trusted = http->trusted_proxies.at,
				       .trusted_count = http->trusted_proxies.count};

	switch (http->forwarded) {
	case HTTP_FORWARDED_X_FORWARDED_FOR:
		rules.family = IDENTITY_X_FORWARDED_FOR;
		break;
	case HTTP_FORWARDED_FORWARDED:
		rules.family = IDENTITY_FORWARDED;
		break;
	case HTTP_FORWARDED_OFF:
		rules.family = IDENTITY_SOCKET;
		break;
	}
	return rules;
}

static void plan_free(struct plan *plan)
{
	for (size_t i = 0; plan->upstreams && i < plan->http->upstream_count; i++)
		if (plan->upstreams[i].policy)
			free_upstream(plan->registry, &plan->upstreams[i]);
	free(plan->upstreams);
	free(plan->cache_rules);
	quota_plan_free(plan->quotas);
	policy_free(plan->policy);
	if (plan->memory && plan->keys)
		budget_give(plan->memory, key_file_memory(plan->keys));
	key_file_free(plan->keys);
	free(plan);
}

static int make_quotas(struct plan *plan, const struct policy *policy, const struct key_file *keys)
{
	const struct registry *registry = plan->registry;
	const struct quota_source source = {.policy = policy,
					    .keys = keys,
					    .before = registry->before ? registry->before->quotas
								       : NULL,
					    .threads = registry->threads};

	return quota_plan_new(&source, &plan->quotas);
}

int plan_new(struct registry *registry, struct policy *policy, struct key_file *keys,
	     struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int err = -ENOMEM;

	if (!plan)
		return -ENOMEM;
	plan->refs = 1;
	plan->registry = registry;
	plan->http = policy->http;
	plan->identity = rules_of(plan->http);
	plan->head_limits = limits_of(plan->http);
	plan->upstreams = calloc(plan->http->upstream_count, sizeof(*plan->upstreams));
	plan->cache_rules = caching_rules_of_all(plan->http);
	if (plan->upstreams && plan->cache_rules)
		err = 0;
	for (size_t i = 0; !err && i < plan->http->upstream_count; i++)
		err = fill_upstream(registry, &plan->http->upstreams[i], &plan->upstreams[i]);
	if (!err)
		err = make_quotas(plan, policy, keys);
	if (err) {
		plan_free(plan); /* policy and keys are not its own yet */
		return err;
	}
	plan->policy = policy;
	plan->keys = keys;
	*ret_plan = plan;
	return 0;
}

struct plan *plan_hold(struct plan *plan)
{
	atomic_fetch_add(&plan->refs, 1);
	return plan;
}

void plan_release(struct plan *plan)
{
	if (plan && atomic_fetch_sub(&plan->refs, 1) == 1)
		plan_free(plan);
}

void plan_share_drop(struct plan_share *share)
{
	if (--share->users)
		return;
	plan_release(share->plan);
	free(share);
}

/* ---- Choosing a server ---- */

static bool is_better(const struct server *a, bool a_up, const struct server *b, bool b_up)
{
	if (a_up != b_up)
		return a_up;
	return atomic_load_explicit(&a->outstanding, memory_order_relaxed) <
	       atomic_load_explicit(&b->outstanding, memory_order_relaxed);
}

struct server *upstream_pick(const struct upstream *upstream, const struct server *not_this,
			     uint64_t now_ns)
{
	size_t count = upstream->policy->server_count;
	struct server *best = NULL;
	bool best_up = false;

	if (count == 1)
		return upstream->servers[0];
	/* The search begins where time says: equals take turns. */
	for (size_t i = 0, at = (size_t)(now_ns >> 10) % count; i < count;
	     i++, at = (at + 1) % count) {
		struct server *server = upstream->servers[at];
		bool is_up = server_is_up(server, now_ns);

		if (server == not_this)
			continue;
		if (!best || is_better(server, is_up, best, best_up)) {
			best = server;
			best_up = is_up;
		}
	}
	return best;
}

static bool has_another(const struct upstream *upstream, const struct server *server,
			uint64_t now_ns)
{
	for (size_t i = 0; i < upstream->policy->server_count; i++)
		if (upstream->servers[i] != server && server_is_up(upstream->servers[i], now_ns))
			return true;
	return false;
}

bool upstream_failed(const struct upstream *upstream, struct server *server, uint64_t now_ns)
{
	const struct http_health *health = &upstream->policy->health;

	if (!server_failed(server, health) || !server_is_up(server, now_ns) ||
	    !has_another(upstream, server, now_ns))
		return false;
	server_eject(server, health, now_ns);
	return true;
}
