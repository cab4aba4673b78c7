/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/http_status.h"

#include <string.h>

#include "control/json.h"
#include "control/told.h"
#include "policy/http_policy.h"

uint64_t http_status_count(const json_t *object, const char *key)
{
	json_int_t count = json_integer_value(json_object_get(object, key));

	return count > 0 ? (uint64_t)count : 0;
}

json_t *http_status_servers(const json_t *told)
{
	const json_t *servers = json_object_get(told, "servers");
	json_t *by_name = json_object();
	json_t *server;
	size_t i;

	json_array_foreach(servers, i, server)
	{
		const char *name = json_string_value(json_object_get(server, "name"));

		if (name)
			(void)json_object_set(by_name, name, server); /* else: unknown, as others */
	}
	return by_name;
}

static json_t *count_json(const json_t *object, const char *key)
{
	return json_integer((json_int_t)http_status_count(object, key));
}

static void add_servers(const struct http_upstream *upstream, const json_t *servers, json_t *list)
{
	char name[HTTP_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < upstream->server_count; i++) {
		const json_t *server;
		bool is_up;

		http_address_format(&upstream->servers[i], name);
		server = json_object_get(servers, name);
		is_up = server && !json_is_true(json_object_get(server, "down"));
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:b, s:b, s:o}", "upstream",
					json_text(upstream->name), "server", json_text(name), "up",
					(int)is_up, "ejected",
					(int)json_is_true(json_object_get(server, "ejected")),
					"outstanding", count_json(server, "outstanding")));
	}
}

static json_t *servers_json(const struct http_policy *http, const json_t *told)
{
	json_t *list = json_array(), *servers = http_status_servers(told);

	for (size_t i = 0; i < http->upstream_count; i++)
		add_servers(&http->upstreams[i], servers, list);
	json_decref(servers);
	return list;
}

static json_t *listeners_json(const struct http_policy *http)
{
	json_t *list = json_array();
	char name[HTTP_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < http->listener_count; i++)
		json_array_append_new(
			list, json_text(http_address_format(&http->listeners[i].address, name)));
	return list;
}

static json_t *answers_json(const json_t *counters)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "2xx", count_json(counters, "answered_2xx"), "3xx",
			 count_json(counters, "answered_3xx"), "4xx",
			 count_json(counters, "answered_4xx"), "5xx",
			 count_json(counters, "answered_5xx"));
}

static json_t *cache_json(const json_t *cache)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "enabled",
			 (int)json_is_true(json_object_get(cache, "enabled")), "objects",
			 count_json(cache, "objects"), "bytes", count_json(cache, "bytes"),
			 "tables_bytes", count_json(cache, "tables_bytes"), "max_bytes",
			 count_json(cache, "max_bytes"), "hits", count_json(cache, "hits"),
			 "misses", count_json(cache, "misses"));
}

static json_t *counted_json(const struct http_policy *http, const json_t *told)
{
	const json_t *counters = json_object_get(told, "counters");
	const json_t *memory = json_object_get(told, "memory");

	return json_pack("{s:{s:o, s:o}, s:o, s:o, s:{s:o, s:o}, s:o, s:o}", "connections", "open",
			 count_json(told, "connections"), "max",
			 count_json(told, "connections_max"), "requests",
			 count_json(counters, "requests"), "answers", answers_json(counters),
			 "memory", "used", count_json(memory, "used"), "max",
			 count_json(memory, "max"), "upstreams", servers_json(http, told), "cache",
			 cache_json(json_object_get(told, "cache")));
}

json_t *http_status_json(const struct agent *agent, const struct request *request)
{
	const struct agent_http_state state = agent_http_state(agent);
	json_t *told, *json;

	if (!agent_has_http(agent))
		return json_null();
	told = told_quietly(request);
	json = json_pack("{s:b, s:b, s:b, s:i, s:I, s:o}", "serving", (int)state.serves,
			 "answering", (int)(told != NULL), "draining", (int)state.draining, "pid",
			 state.pid, "restarts", (json_int_t)state.restarts, "listen",
			 listeners_json(agent->policy->http));
	if (told)
		(void)json_object_update_new(json, counted_json(agent->policy->http, told));
	json_decref(told);
	return json;
}
