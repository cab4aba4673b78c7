/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/diff_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/arena.h"
#include "policy/print_http.h"

struct entry {
	const char *key;
	const char *value;
};

struct entries {
	struct arena *arena;
	struct arena_list list; /* of struct entry */
	int error;
};

static void add(void *context, const char *section, const char *name, const char *value)
{
	struct entries *entries = context;
	struct entry *entry = arena_list_add(entries->arena, &entries->list, sizeof(*entry));
	auto_buffer struct buffer key = buffer_new(8192);

	buffer_printf(&key, "http.%s%s%s", section,
		      section[0] ? (strcmp(section, "routes") ? "." : " ") : "", name);
	if (!entry || key.error) {
		entries->error = -ENOMEM;
		return;
	}
	entry->key = arena_text(entries->arena, (struct bytes){key.at, key.len});
	entry->value = arena_text(entries->arena, bytes_of(value));
	if (!entry->key || !entry->value)
		entries->error = -ENOMEM;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static int collect(const struct http_policy *http, struct entries *entries)
{
	int err;

	entries->arena = arena_new();
	if (!entries->arena)
		return -ENOMEM;
	err = http ? http_print_each(http, add, entries) : 0;
	return err ? err : entries->error;
}

static const struct entry *find(const struct entry *sorted, size_t count, const char *key)
{
	const struct entry wanted = {.key = key};

	return count ? bsearch(&wanted, sorted, count, sizeof(wanted), compare_keys) : NULL;
}

/* What is new or different, in the order of after; then what is gone, in the order of before. */
static int compare(const struct entries *before, const struct entries *after,
		   http_change_fn *change, void *context)
{
	const struct entry *old = before->list.at, *new = after->list.at;
	const size_t old_count = before->list.count, new_count = after->list.count;
	struct entry *sorted = calloc(old_count + new_count + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	if (old_count)
		memcpy(sorted, old, old_count * sizeof(*old));
	if (new_count)
		memcpy(sorted + old_count, new, new_count * sizeof(*new));
	qsort(sorted, old_count, sizeof(*sorted), compare_keys);
	qsort(sorted + old_count, new_count, sizeof(*sorted), compare_keys);
	for (size_t i = 0; i < new_count; i++) {
		const struct entry *was = find(sorted, old_count, new[i].key);

		if (!was || strcmp(was->value, new[i].value))
			change(context, new[i].key, was ? was->value : "", new[i].value);
	}
	for (size_t i = 0; i < old_count; i++)
		if (!find(sorted + old_count, new_count, old[i].key))
			change(context, old[i].key, old[i].value, "");
	free(sorted);
	return 0;
}

int http_diff(const struct http_policy *before, const struct http_policy *after,
	      http_change_fn *change, void *context)
{
	struct entries old = {.arena = NULL}, new = {.arena = NULL};
	int err = collect(before, &old);

	if (!err)
		err = collect(after, &new);
	if (!err)
		err = compare(&old, &new, change, context);
	arena_free(old.arena);
	arena_free(new.arena);
	return err;
}
