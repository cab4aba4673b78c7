/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "kernel/prefix_tree.h"

static struct prefix prefix(const char *text)
{
	struct prefix parsed;

	assert_int_equal(prefix_parse(bytes_of(text), &parsed, NULL), PREFIX_OK);
	return parsed;
}

static struct prefix_node *put(struct prefix_tree *tree, const char *text, uint64_t until_ns)
{
	struct prefix at = prefix(text);
	struct prefix_node *node = prefix_tree_add(tree, &at);

	node->until_ns = until_ns;
	return node;
}

static void take(struct prefix_tree *tree, const char *text)
{
	struct prefix at = prefix(text);

	prefix_tree_remove(tree, &at);
}

static struct prefix_node *find(const struct prefix_tree *tree, const char *text)
{
	struct prefix at = prefix(text);

	return prefix_tree_find(tree, &at);
}

static int count_writes(void *context, const struct prefix_node *node, uint64_t effective_ns)
{
	(*(int *)context)++;
	return 0;
}

static int spread(struct prefix_tree *tree, const char *text)
{
	struct prefix at = prefix(text);
	int writes = 0;

	assert_int_equal(prefix_tree_spread(tree, &at, count_writes, &writes), 0);
	return writes;
}

static void an_entry_is_found_by_its_own_prefix_only(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "10.0.0.0/8", 1);
	put(&tree, "10.64.0.0/10", 2);
	put(&tree, "2001:db8::/32", 3);

	assert_int_equal(find(&tree, "10.0.0.0/8")->until_ns, 1);
	assert_int_equal(find(&tree, "10.64.0.0/10")->until_ns, 2);
	assert_int_equal(find(&tree, "2001:db8::/32")->until_ns, 3);
	assert_null(find(&tree, "10.0.0.0/9"));
	assert_null(find(&tree, "10.0.0.0/7"));
	assert_null(find(&tree, "2001:db8::/33"));
	assert_null(find(&tree, "0.0.0.0/0"));
	prefix_tree_free(&tree);
}

static void a_joint_of_two_entries_is_no_entry(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "10.0.0.0/16", 1);
	put(&tree, "10.1.0.0/16", 2);

	assert_null(find(&tree, "10.0.0.0/15"));
	assert_int_equal(tree.count[PREFIX_TREE_IPV4], 2);
	prefix_tree_free(&tree);
}

static void a_covering_entry_with_a_later_end_lends_it_to_those_below(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "10.1.0.0/16", 100);
	assert_int_equal(spread(&tree, "10.1.0.0/16"), 1);
	put(&tree, "10.0.0.0/8", 500);
	assert_int_equal(spread(&tree, "10.0.0.0/8"), 2);

	assert_int_equal(find(&tree, "10.1.0.0/16")->written_ns, 500);
	assert_int_equal(find(&tree, "10.1.0.0/16")->until_ns, 100);
	prefix_tree_free(&tree);
}

static void an_entry_put_below_a_later_one_is_written_with_the_later_end(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "10.0.0.0/8", 500);
	spread(&tree, "10.0.0.0/8");
	put(&tree, "10.1.0.0/16", 100);
	assert_int_equal(spread(&tree, "10.1.0.0/16"), 1);

	assert_int_equal(find(&tree, "10.1.0.0/16")->written_ns, 500);
	prefix_tree_free(&tree);
}

static void without_its_covering_entry_an_entry_has_its_own_end_again(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "10.0.0.0/8", 500);
	put(&tree, "10.1.0.0/16", 100);
	put(&tree, "10.1.2.0/24", 900);
	spread(&tree, "10.0.0.0/8");
	take(&tree, "10.0.0.0/8");
	assert_int_equal(spread(&tree, "10.0.0.0/8"), 1);

	assert_int_equal(find(&tree, "10.1.0.0/16")->written_ns, 100);
	assert_int_equal(find(&tree, "10.1.2.0/24")->written_ns, 900);
	prefix_tree_free(&tree);
}

static void recall(struct prefix_tree *tree, const char *text, uint64_t until_ns)
{
	struct prefix at = prefix(text);

	prefix_tree_recall(tree, &at, until_ns);
}

/* As read from the tries: under 10.0.0.0/8 all end when it does, whatever they were given. */
static void an_adopted_entry_gets_its_own_end_back_from_below_a_covering_one(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "10.0.0.0/8", 100);
	put(&tree, "10.1.0.0/16", 100);
	put(&tree, "10.1.2.0/24", 100);
	recall(&tree, "10.0.0.0/8", 100);
	recall(&tree, "10.1.0.0/16", 40);
	recall(&tree, "10.1.2.0/24", 20);
	assert_int_equal(find(&tree, "10.0.0.0/8")->until_ns, 100);
	assert_int_equal(find(&tree, "10.1.0.0/16")->until_ns, 40);
	assert_int_equal(find(&tree, "10.1.2.0/24")->until_ns, 20);
	prefix_tree_free(&tree);
}

static void an_adopted_end_later_than_all_that_cover_the_entry_stays(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "10.0.0.0/8", 100);
	put(&tree, "10.1.0.0/16", 101);
	put(&tree, "192.0.2.0/24", 50);
	recall(&tree, "10.1.0.0/16", 40);
	recall(&tree, "192.0.2.0/24", 40);
	recall(&tree, "198.51.100.0/24", 40);
	assert_int_equal(find(&tree, "10.1.0.0/16")->until_ns, 101);
	assert_int_equal(find(&tree, "192.0.2.0/24")->until_ns, 50);
	assert_null(find(&tree, "198.51.100.0/24"));
	prefix_tree_free(&tree);
}

static void a_neighbour_is_not_written(void **state)
{
	struct prefix_tree tree = {};

	put(&tree, "11.0.0.0/8", 1);
	spread(&tree, "11.0.0.0/8");
	put(&tree, "10.0.0.0/8", 500);

	assert_int_equal(spread(&tree, "10.0.0.0/8"), 1);
	assert_int_equal(find(&tree, "11.0.0.0/8")->written_ns, 1);
	prefix_tree_free(&tree);
}

static int refuse_write(void *context, const struct prefix_node *node, uint64_t effective_ns)
{
	return -ENOSPC;
}

static void an_end_that_could_not_be_written_is_written_by_the_next_spread(void **state)
{
	struct prefix_tree tree = {};
	int writes = 0;

	put(&tree, "10.0.0.0/8", 500);
	assert_int_equal(prefix_tree_spread(&tree, NULL, refuse_write, NULL), -ENOSPC);
	assert_int_equal(find(&tree, "10.0.0.0/8")->written_ns, 0);
	assert_int_equal(prefix_tree_spread(&tree, NULL, count_writes, &writes), 0);
	assert_int_equal(writes, 1);
	prefix_tree_free(&tree);
}

/* A list kept beside the tree: both must agree after every step. */
#define MODEL_MAX 4096
struct model {
	struct prefix at[MODEL_MAX];
	bool is_in[MODEL_MAX];
	size_t count;
};

static bool count_node(void *context, struct prefix_node *node)
{
	(*(size_t *)context)++;
	return true;
}

static struct prefix random_prefix(void)
{
	struct prefix at = {.family = random() % 2 ? ADDRESS_IPV4 : ADDRESS_IPV6, .bits = 32};

	/* Few values, so that many prefixes cover each other. */
	at.byte[0] = (uint8_t)(random() & 0x11);
	at.byte[1] = (uint8_t)(random() & 0x81);
	at.byte[3] = (uint8_t)(random() & 0x03);
	return prefix_cut(&at, (uint8_t)(random() % 33));
}

static void ten_thousand_random_steps_agree_with_a_list(void **state)
{
	static struct model model;
	struct prefix_tree tree = {};

	srandom(1);
	for (int step = 0; step < 10000; step++) {
		struct prefix at = random_prefix();
		size_t i, nodes = 0, want = 0, covering = 0, want_covering = 0;

		for (i = 0; i < model.count && prefix_compare(&model.at[i], &at); i++)
			;
		model.at[i] = at;
		model.count += i == model.count;
		model.is_in[i] = random() % 3 != 0;
		if (model.is_in[i])
			assert_non_null(prefix_tree_add(&tree, &at));
		else
			prefix_tree_remove(&tree, &at);

		for (size_t j = 0; j < model.count; j++) {
			want += model.is_in[j];
			want_covering += model.is_in[j] && prefix_covers(&model.at[j], &at);
		}
		prefix_tree_each(&tree, count_node, &nodes);
		prefix_tree_each_covering(&tree, &at, count_node, &covering);
		assert_int_equal(nodes, want);
		assert_int_equal(covering, want_covering);
		assert_int_equal(tree.count[0] + tree.count[1], want);
		assert_int_equal(prefix_tree_find(&tree, &at) != NULL, model.is_in[i]);
	}
	prefix_tree_free(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_found_by_its_own_prefix_only),
		cmocka_unit_test(a_joint_of_two_entries_is_no_entry),
		cmocka_unit_test(a_covering_entry_with_a_later_end_lends_it_to_those_below),
		cmocka_unit_test(an_entry_put_below_a_later_one_is_written_with_the_later_end),
		cmocka_unit_test(without_its_covering_entry_an_entry_has_its_own_end_again),
		cmocka_unit_test(an_adopted_entry_gets_its_own_end_back_from_below_a_covering_one),
		cmocka_unit_test(an_adopted_end_later_than_all_that_cover_the_entry_stays),
		cmocka_unit_test(a_neighbour_is_not_written),
		cmocka_unit_test(an_end_that_could_not_be_written_is_written_by_the_next_spread),
		cmocka_unit_test(ten_thousand_random_steps_agree_with_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
