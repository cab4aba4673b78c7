/* SPDX-License-Identifier: BSD-2-Clause */
/* What the plane has to tell of itself, asked from outside of its threads. */
#include "base/clock.h"
#include "http/http_parts.h"

void http_counters_read(struct http *http, struct http_counters *ret_sum)
{
	*ret_sum = (struct http_counters){0};
	for (uint32_t i = 0; i < http->worker_count; i++)
		http_counters_add(ret_sum, &http->workers[i]->counters);
}

void http_servers(struct http *http, http_server_fn *each, void *context)
{
	uint64_t now_ns = clock_now_ns();

	pthread_mutex_lock(&http->registry.lock);
	for (const struct server *server = http->registry.servers; server; server = server->next) {
		struct http_server_state state = {
			.outstanding = atomic_load(&server->outstanding),
			.is_down = atomic_load(&server->is_down),
			.is_ejected = atomic_load(&server->ejected_until_ns) > now_ns,
		};

		memcpy(state.name, server->name, sizeof(state.name));
		each(context, &state);
	}
	pthread_mutex_unlock(&http->registry.lock);
}

uint64_t http_memory_used(struct http *http)
{
	return atomic_load_explicit(&http->memory.used, memory_order_relaxed);
}

uint64_t http_connections_max(struct http *http)
{
	return http->plan->http->max.connections;
}

uint64_t http_memory_max(struct http *http)
{
	return atomic_load_explicit(&http->memory.max, memory_order_relaxed);
}
