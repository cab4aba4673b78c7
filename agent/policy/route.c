/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For each host of the patterns a tree by path segments:
 *
 *   "/users/{id}"  root -"users"-> node -{}-> node: ends here
 *   "/us*"         root: a star behind the text "us"
 *
 * A request walks it from the root, at each node in the order of what is most specific, and takes the first
 * end that has its method. A node is reached by one way only, so no walk visits one twice.
 */
#include "policy/route.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/arena.h"
#include "policy/route_pattern.h"

/* The routes that end at one place of the tree. */
struct route_end {
	struct bytes method; /* empty: any */
	uint32_t number;
};

struct star {
	struct bytes text;	/* before the '*', within its segment */
	struct arena_list ends; /* of struct route_end */
};

struct node;

struct child {
	struct bytes segment;
	struct node *node;
};

struct node {
	struct arena_list children; /* of struct child, by segment */
	struct arena_list stars;    /* of struct star, the longest text first */
	struct node *named;	    /* behind any segment that is not empty */
	struct arena_list ends;	    /* of struct route_end: the path ends here */
};

struct host_tree {
	struct bytes name; /* "*.x" is ".x" here; empty: any host */
	struct node root;
};

struct route_table {
	struct arena *arena;
	struct arena_list hosts; /* of struct host_tree *, by name; any host first */
};

int route_table_new(struct route_table **ret_table)
{
	struct route_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->arena = arena_new();
	if (!table->arena) {
		free(table);
		return -ENOMEM;
	}
	*ret_table = table;
	return 0;
}

void route_table_free(struct route_table *table)
{
	if (!table)
		return;
	arena_free(table->arena);
	free(table);
}

static int compare_bytes(struct bytes a, struct bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.at, b.at, len) : 0;

	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static bool begins_with(struct bytes text, struct bytes start)
{
	return text.len >= start.len && (!start.len || !memcmp(text.at, start.at, start.len));
}

/* ---- Adding ---- */

/* Make room for an item at position; returns it zeroed, or NULL. */
static void *insert(struct arena *arena, struct arena_list *list, size_t position, size_t size)
{
	char *at = arena_list_add(arena, list, size);

	if (!at)
		return NULL;
	at = (char *)list->at + position * size;
	memmove(at + size, at, (list->count - 1 - position) * size);
	memset(at, 0, size);
	return at;
}

/* Position of the first child whose segment is not before this one. */
static size_t child_position(const struct node *node, struct bytes segment)
{
	const struct child *children = node->children.at;
	size_t low = 0, high = node->children.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_bytes(children[middle].segment, segment) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct node *find_child(const struct node *node, struct bytes segment)
{
	const struct child *children = node->children.at;
	size_t i = child_position(node, segment);

	if (i < node->children.count && bytes_equal(children[i].segment, segment))
		return children[i].node;
	return NULL;
}

static struct node *add_child(struct route_table *table, struct node *node, struct bytes segment)
{
	struct node *known = find_child(node, segment);
	struct child *child;

	if (known)
		return known;
	child = insert(table->arena, &node->children, child_position(node, segment),
		       sizeof(*child));
	if (!child)
		return NULL;
	child->segment = segment;
	child->node = arena_take(table->arena, sizeof(struct node));
	if (!child->node)
		node->children.count--; /* the table is of no use any more, but sound */
	return child->node;
}

static struct node *add_named(struct route_table *table, struct node *node)
{
	if (!node->named)
		node->named = arena_take(table->arena, sizeof(struct node));
	return node->named;
}

static struct star *add_star(struct route_table *table, struct node *node, struct bytes text)
{
	struct star *stars = node->stars.at, *star;
	size_t i = 0;

	while (i < node->stars.count && stars[i].text.len > text.len)
		i++;
	for (size_t j = i; j < node->stars.count && stars[j].text.len == text.len; j++)
		if (bytes_equal(stars[j].text, text))
			return &stars[j];
	star = insert(table->arena, &node->stars, i, sizeof(*star));
	if (star)
		star->text = text;
	return star;
}

static struct arena_list *add_path(struct route_table *table, struct node *node,
				   const struct route_pattern *pattern)
{
	for (size_t i = 0; node && i < pattern->segment_count; i++) {
		const struct route_segment *segment = &pattern->segments[i];

		if (segment->kind == SEGMENT_STAR) {
			struct star *star = add_star(table, node, segment->text);

			return star ? &star->ends : NULL;
		}
		node = segment->kind == SEGMENT_NAMED ? add_named(table, node)
						      : add_child(table, node, segment->text);
	}
	return node ? &node->ends : NULL;
}

/* Position of the first host that is not before this name. */
static size_t host_position(const struct route_table *table, struct bytes name)
{
	struct host_tree *const *hosts = table->hosts.at;
	size_t low = 0, high = table->hosts.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_bytes(hosts[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct host_tree *find_host(const struct route_table *table, struct bytes name)
{
	struct host_tree *const *hosts = table->hosts.at;
	size_t i = host_position(table, name);

	return i < table->hosts.count && bytes_equal(hosts[i]->name, name) ? hosts[i] : NULL;
}

static struct host_tree *add_host(struct route_table *table, struct bytes name)
{
	struct host_tree *tree = find_host(table, name), **slot;

	if (tree)
		return tree;
	tree = arena_take(table->arena, sizeof(*tree));
	if (!tree)
		return NULL;
	tree->name = name;
	slot = insert(table->arena, &table->hosts, host_position(table, name), sizeof(*slot));
	if (!slot)
		return NULL;
	*slot = tree;
	return tree;
}

static int add_end(struct route_table *table, struct arena_list *ends,
		   const struct route_end *added, uint32_t *ret_other)
{
	const struct route_end *known = ends->at;
	struct route_end *end;

	for (size_t i = 0; i < ends->count; i++) {
		if (bytes_equal(known[i].method, added->method)) {
			*ret_other = known[i].number;
			return -EEXIST;
		}
	}
	end = arena_list_add(table->arena, ends, sizeof(*end));
	if (!end)
		return -ENOMEM;
	*end = *added;
	return 0;
}

int route_table_add(struct route_table *table, struct bytes text, uint32_t number,
		    struct route_error *ret_error, uint32_t *ret_other)
{
	struct route_pattern pattern;
	struct arena_list *ends = NULL;
	struct host_tree *tree;
	struct bytes copy;
	int err = route_pattern_parse(text, &pattern, ret_error);

	if (err)
		return err;
	/* The tree's slices live as long as the table. */
	copy = (struct bytes){arena_text(table->arena, text), text.len};
	if (!copy.at)
		return -ENOMEM;
	(void)route_pattern_parse(copy, &pattern, ret_error); /* it was good a moment ago */
	tree = add_host(table, pattern.host);
	if (tree)
		ends = add_path(table, &tree->root, &pattern);
	if (!ends)
		return -ENOMEM;
	return add_end(table, ends, &(struct route_end){.method = pattern.method, .number = number},
		       ret_other);
}

/* ---- Finding ---- */

/*
 * The method's own end, then GET's for HEAD, then that for all methods. Methods have case, but there are origins that
 * take "POSt" for POST: it must not be a way around the route's limits.
 */
static uint32_t choose(const struct arena_list *list, struct bytes method)
{
	const struct route_end *ends = list->at;
	const bool is_head = bytes_equal_nocase(method, BYTES("HEAD"));
	uint32_t of_get = ROUTE_NONE, of_any = ROUTE_NONE;

	for (size_t i = 0; i < list->count; i++) {
		if (!ends[i].method.len)
			of_any = ends[i].number;
		else if (bytes_equal_nocase(ends[i].method, method))
			return ends[i].number;
		else if (is_head && bytes_equal(ends[i].method, BYTES("GET")))
			of_get = ends[i].number;
	}
	return of_get != ROUTE_NONE ? of_get : of_any;
}

/* Stars whose text is not empty, or those whose text is. */
static uint32_t walk_stars(const struct node *node, struct bytes path, struct bytes method,
			   bool empty)
{
	const struct star *stars = node->stars.at;
	uint32_t found = ROUTE_NONE;

	for (size_t i = 0; i < node->stars.count && found == ROUTE_NONE; i++)
		if (!stars[i].text.len == empty && begins_with(path, stars[i].text))
			found = choose(&stars[i].ends, method);
	return found;
}

/*
 * From node with path, what is left of the path behind a '/'. As deep as the tree: ROUTE_SEGMENTS_MAX.
 * Longer paths end in a star or nowhere.
 */
static uint32_t walk(const struct node *node, struct bytes path, struct bytes method)
{
	const char *slash = path.len ? memchr(path.at, '/', path.len) : NULL;
	struct bytes segment = {path.at, slash ? (size_t)(slash - path.at) : path.len};
	struct bytes rest = {segment.at + segment.len + 1, path.len - segment.len - 1};
	struct node *next[2] = {find_child(node, segment), segment.len ? node->named : NULL};
	uint32_t found = ROUTE_NONE;

	for (int i = 0; i < 2 && found == ROUTE_NONE; i++) {
		if (next[i])
			found = slash ? walk(next[i], rest, method)
				      : choose(&next[i]->ends, method);
		if (found == ROUTE_NONE && i == 0)
			found = walk_stars(node, path, method, false);
	}
	return found != ROUTE_NONE ? found : walk_stars(node, path, method, true);
}

static uint32_t find_under(const struct route_table *table, struct bytes host,
			   const struct route_request *request)
{
	const struct host_tree *tree = find_host(table, host);
	struct bytes path = {request->path.at + 1, request->path.len - 1};

	return tree ? walk(&tree->root, path, request->method) : ROUTE_NONE;
}

uint32_t route_table_find(const struct route_table *table, const struct route_request *request)
{
	struct bytes host = request->host;
	uint32_t found = ROUTE_NONE;

	if (!request->path.len || request->path.at[0] != '/')
		return ROUTE_NONE;
	if (host.len)
		found = find_under(table, host, request);
	while (found == ROUTE_NONE && host.len) {
		const char *dot = memchr(host.at + 1, '.', host.len - 1);

		host = dot ? (struct bytes){dot, host.len - (size_t)(dot - host.at)}
			   : (struct bytes){NULL, 0};
		if (host.len)
			found = find_under(table, host, request);
	}
	return found != ROUTE_NONE ? found : find_under(table, (struct bytes){NULL, 0}, request);
}
