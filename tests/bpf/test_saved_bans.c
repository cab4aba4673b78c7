/* SPDX-License-Identifier: BSD-2-Clause */
/* Bans over a reboot; and imports and policies of a hundred thousand lines. */
#include "datapath_fixture.h"

#include <errno.h>

#include "kernel/saved_bans.h"

#define UNIX_NOW (1800000000ull * SECOND)
#define SAVED_AT (1000 * SECOND)
#define MANY	 100000

static char dir[] = "/tmp/sl-state-XXXXXX";

static void path_of_file(char path[static 128])
{
	snprintf(path, 128, "%s/bans.json", dir);
}

/* What another boot finds: the same file with another boot's name in it. */
static void pretend_reboot(void)
{
	char path[128], text[4096] = "", *id;
	FILE *file;
	size_t len;

	path_of_file(path);
	file = fopen(path, "r+e");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	id = strstr(text, "boot_id\":\"");
	assert_non_null(id);
	id[10] = id[10] == 'x' ? 'y' : 'x';
	rewind(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	fclose(file);
}

static void write_text(const char *text)
{
	char path[128];
	FILE *file;

	path_of_file(path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void save(const struct datapath *datapath)
{
	char path[128];

	path_of_file(path);
	assert_int_equal(saved_bans_write(datapath, path, SAVED_AT, UNIX_NOW - SAVED_AT), 0);
}

static struct saved_bans_result read_back(struct datapath *datapath, enum datapath_origin origin,
					  uint64_t now_ns, uint64_t unix_ns)
{
	struct saved_bans_result result = {};
	char error[DATAPATH_ERROR_MAX], path[128];

	path_of_file(path);
	if (saved_bans_read(datapath, origin, path, now_ns, unix_ns - now_ns, &result, error))
		fail_msg("%s", error);
	return result;
}

static void put_some(struct datapath *datapath)
{
	struct ban ban = {.prefix = prefix("192.0.2.1"),
			  .since_ns = 900 * SECOND,
			  .until_ns = 1100 * SECOND,
			  .strikes = 4,
			  .cause = SL_BAN_DROPS,
			  .reason = "says \"no\""};
	struct allow allow = {
		.prefix = prefix("198.51.100.0/24"), .until_ns = SL_NEVER, .reason = "ours"};
	char error[DATAPATH_ERROR_MAX];

	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	ban.prefix = prefix("2001:db8::/32");
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	assert_int_equal(datapath_allow(datapath, &allow), 0);
}

static struct datapath *new_boot(struct datapath *datapath)
{
	datapath_remove(datapath);
	return open_with(&small, DATAPATH_NEW);
}

static void a_ban_ends_after_a_reboot_when_it_would_have_ended_anyway(void **state)
{
	struct prefix at = prefix("192.0.2.1"), inside = prefix("2001:db8:7::1");
	struct saved_bans_result result;
	struct allow allow;
	struct ban ban;

	put_some(*state);
	save(*state);
	pretend_reboot();
	*state = new_boot(*state);

	/* Up for 20 s, 40 s after it was saved. */
	result = read_back(*state, DATAPATH_NEW, 20 * SECOND, UNIX_NOW + 40 * SECOND);
	assert_int_equal(result.bans, 2);
	assert_int_equal(result.allows, 1);
	assert_int_equal(result.failed, 0);
	assert_int_equal(datapath_find_ban(*state, &at, 20 * SECOND, &ban), 0);
	assert_int_equal(ban.until_ns, 80 * SECOND);
	assert_int_equal(ban.strikes, 4);
	assert_int_equal(ban.cause, SL_BAN_DROPS);
	assert_string_equal(ban.reason, "says \"no\"");
	assert_int_equal(datapath_find_ban(*state, &inside, 20 * SECOND, &ban), 0);
	assert_int_equal(datapath_find_allow(*state, &(struct prefix){4, 32, {198, 51, 100, 1}},
					     20 * SECOND, &allow),
			 0);
	assert_string_equal(allow.reason, "ours");
}

static void a_ban_that_ended_while_the_host_was_down_leaves_its_strikes(void **state)
{
	struct prefix at = prefix("192.0.2.1");
	struct datapath *datapath = *state;
	struct sl_source key = source(datapath, "192.0.2.1");
	struct sl_ban value;
	struct ban ban;

	put_some(datapath);
	save(datapath);
	pretend_reboot();
	*state = datapath = new_boot(datapath);
	read_back(datapath, DATAPATH_NEW, 20 * SECOND, UNIX_NOW + 600 * SECOND);

	assert_int_equal(datapath_find_ban(datapath, &at, 20 * SECOND, &ban), -ENOENT);
	assert_int_equal(
		bpf_map_lookup_elem(datapath_map_fd(datapath, DATAPATH_MAP_bans), &key, &value), 0);
	assert_int_equal(value.strikes, 4);
}

static void strikes_older_than_their_memory_are_not_put_back(void **state)
{
	struct saved_bans_result result;

	put_some(*state);
	save(*state);
	pretend_reboot();
	*state = new_boot(*state);
	result = read_back(*state, DATAPATH_NEW, 20 * SECOND, UNIX_NOW + 86400 * SECOND);
	assert_int_equal(result.bans, 0);
	assert_int_equal(result.lapsed, 2);
}

static void an_adopted_datapath_of_this_boot_is_left_alone(void **state)
{
	struct prefix at = prefix("192.0.2.1");
	struct saved_bans_result result;

	put_some(*state);
	save(*state);
	assert_int_equal(datapath_unban(*state, &at, 1001 * SECOND), 0);
	result = read_back(*state, DATAPATH_ADOPTED, 1001 * SECOND, UNIX_NOW + SECOND);
	assert_true(result.is_same_boot);
	assert_int_equal(result.bans, 0);
	assert_int_equal(datapath_unban(*state, &at, 1001 * SECOND), -ENOENT);
}

static void reasons_outlive_the_agent(void **state)
{
	struct prefix at = prefix("192.0.2.1"), inside = prefix("2001:db8:7::1");
	struct prefix allowed = prefix("198.51.100.7");
	struct allow allow;
	struct ban ban;

	put_some(*state);
	save(*state);
	*state = reopen(*state);
	read_back(*state, DATAPATH_ADOPTED, 1001 * SECOND, UNIX_NOW + SECOND);
	assert_int_equal(datapath_find_ban(*state, &at, 1001 * SECOND, &ban), 0);
	assert_string_equal(ban.reason, "says \"no\"");
	assert_int_equal(datapath_find_ban(*state, &inside, 1001 * SECOND, &ban), 0);
	assert_string_equal(ban.reason, "says \"no\"");
	assert_int_equal(datapath_find_allow(*state, &allowed, 1001 * SECOND, &allow), 0);
	assert_string_equal(allow.reason, "ours");
}

static void put_nested(struct datapath *datapath)
{
	struct ban ban = {.prefix = prefix("192.0.0.0/16"), .until_ns = 1500 * SECOND};
	struct allow allow = {.prefix = prefix("198.51.0.0/16"), .until_ns = SL_NEVER};
	char error[DATAPATH_ERROR_MAX];

	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	assert_int_equal(datapath_allow(datapath, &allow), 0);
	ban.prefix = prefix("192.0.2.0/24");
	allow.prefix = prefix("198.51.100.0/24");
	ban.until_ns = allow.until_ns = 1100 * SECOND;
	assert_int_equal(datapath_ban(datapath, NULL, &ban, error), 0);
	assert_int_equal(datapath_allow(datapath, &allow), 0);
}

static void a_prefix_below_a_longer_one_keeps_its_own_end_for_the_next_agent(void **state)
{
	struct prefix ban_above = prefix("192.0.0.0/16"), allow_above = prefix("198.51.0.0/16");
	struct prefix banned = prefix("192.0.2.1"), allowed = prefix("198.51.100.1");
	struct allow allow;
	struct ban ban;

	put_nested(*state);
	save(*state);
	*state = reopen(*state);
	read_back(*state, DATAPATH_ADOPTED, 1001 * SECOND, UNIX_NOW + SECOND);
	assert_int_equal(datapath_find_ban(*state, &banned, 1001 * SECOND, &ban), 0);
	assert_int_equal(ban.until_ns, 1500 * SECOND);
	assert_int_equal(datapath_unban(*state, &ban_above, 1001 * SECOND), 0);
	assert_int_equal(datapath_disallow(*state, &allow_above), 0);
	assert_int_equal(datapath_find_ban(*state, &banned, 1001 * SECOND, &ban), 0);
	assert_int_equal(ban.until_ns, 1100 * SECOND);
	assert_int_equal(datapath_find_allow(*state, &allowed, 1001 * SECOND, &allow), 0);
	assert_int_equal(allow.until_ns, 1100 * SECOND);
}

static void a_damaged_file_is_an_error_with_a_sentence(void **state)
{
	static const char *const damaged[] = {
		"",
		"{",
		"[]",
		"{}",
		"null",
		"{\"sluice_bans\": 1, \"bans\": 5, \"allows\": []}",
		"{\"sluice_bans\": 2, \"bans\": [], \"allows\": []}",
		"{\"sluice_bans\": 1, \"bans\": []",
	};

	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct saved_bans_result result;
		char error[DATAPATH_ERROR_MAX] = "", path[128];

		path_of_file(path);
		write_text(damaged[i]);
		assert_int_equal(
			saved_bans_read(*state, DATAPATH_NEW, path, 1, UNIX_NOW, &result, error),
			-EINVAL);
		assert_non_null(strstr(error, "bans.json"));
	}
}

static void damaged_entries_are_counted_and_the_others_put_back(void **state)
{
	struct saved_bans_result result;

	write_text(
		"{\"sluice_bans\": 1, \"bans\": [5, {}, {\"prefix\": \"10.0.0.0/99\"}, "
		"{\"prefix\": \"10.0.0.1\", \"since\": \"x\", \"until\": null}, "
		"{\"prefix\": \"10.0.0.1\", \"since\": \"2026-01-01T00:00:00Z\", \"until\": null, "
		"\"strikes\": -1}, "
		"{\"prefix\": \"10.0.0.1\", \"since\": \"2026-01-01T00:00:00Z\", \"until\": null, "
		"\"cause\": 77}, "
		"{\"prefix\": \"10.0.0.1\", \"since\": \"2026-01-01T00:00:00Z\", \"until\": "
		"null}], "
		"\"allows\": [[], {\"prefix\": 7}]}");
	result = read_back(*state, DATAPATH_NEW, 20 * SECOND, UNIX_NOW);
	assert_int_equal(result.bans, 1);
	assert_int_equal(result.failed, 8);
}

static void without_a_file_there_is_nothing_to_put_back(void **state)
{
	struct saved_bans_result result;
	char error[DATAPATH_ERROR_MAX], path[128];

	path_of_file(path);
	(void)unlink(path);
	assert_int_equal(saved_bans_read(*state, DATAPATH_NEW, path, 1, UNIX_NOW, &result, error),
			 -ENOENT);
}

/* ---- Many ------------------------------------------------------------------------ */

static const struct datapath_options large = {
	.tables = {.sources = 1024, .strangers = 65536, .prefixes = 200000, .bans = 262144}};

static void a_hundred_thousand_bans_are_imported_and_adopted(void **state)
{
	struct ban *bans = calloc(MANY, sizeof(*bans));
	struct policy *policy = parse(POLICY_A);
	struct datapath *datapath;
	uint64_t began_ns;
	size_t banned;

	datapath_remove(*state);
	*state = datapath = open_with(&large, DATAPATH_NEW);
	/* Half of them sources, half of them networks. */
	for (uint32_t i = 0; i < MANY; i++) {
		bans[i] = (struct ban){
			.prefix = {4,
				   32,
				   {(uint8_t)(20 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i}},
			.until_ns = SL_NEVER};
		if (i % 2)
			bans[i].prefix.bits = 24;
	}
	began_ns = clock_now_ns();
	assert_int_equal(datapath_ban_all(datapath, policy, bans, MANY, NULL, NULL, &banned), 0);
	print_message("import of %d: %llu ms\n", MANY,
		      (unsigned long long)(clock_now_ns() - began_ns) / 1000000);
	assert_int_equal(banned, MANY);
	assert_int_equal(datapath->state->bans, MANY / 2);

	datapath_close(datapath);
	*state = datapath = open_with(&large, DATAPATH_ADOPTED);
	assert_int_equal(datapath->bans.count[PREFIX_TREE_IPV4], MANY / 2);
	assert_int_equal(datapath->state->bans, MANY / 2);
	policy_free(policy);
	free(bans);
}

static void a_hundred_thousand_prefixes_are_loaded_and_adopted(void **state)
{
	static char text[MANY * 32];
	struct prefix last = prefix("21.134.159.0/24");
	struct datapath *datapath;
	struct policy *policy;
	uint64_t began_ns;
	uint32_t rule;
	char *at = text, error[DATAPATH_ERROR_MAX];

	datapath_remove(*state);
	*state = datapath = open_with(&large, DATAPATH_NEW);
	at += sprintf(at, "interfaces: [\"sl*\"]\nprotect: everything\ntiers:\n"
			  "  public: {packets: 100/second}\ndefault: public\nsources:\n");
	for (uint32_t i = 0; i < MANY; i++)
		at += sprintf(at, "  %u.%u.%u.0/24: deny\n", 20 + (i >> 16), i >> 8 & 255, i & 255);
	policy = parse(text);
	for (int round = 0; round < 2; round++) {
		began_ns = clock_now_ns();
		assert_int_equal(datapath_load_policy(datapath, policy, error), 0);
		print_message("load of %d prefixes: %llu ms\n", MANY,
			      (unsigned long long)(clock_now_ns() - began_ns) / 1000000);
	}
	policy_free(policy);
	rule = numbering_rule(datapath_numbering(datapath), &last);
	assert_int_not_equal(rule, 0);

	datapath_close(datapath);
	*state = datapath = open_with(&large, DATAPATH_ADOPTED);
	assert_int_equal(numbering_rule(datapath_numbering(datapath), &last), rule);
}

static int setup_state_dir(void **state)
{
	return mkdtemp(dir) ? setup_group(state) : -1;
}

static int teardown_state_dir(void **state)
{
	char path[128];

	path_of_file(path);
	(void)unlink(path);
	return rmdir(dir) || teardown_group(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ban_ends_after_a_reboot_when_it_would_have_ended_anyway),
		TEST(a_ban_that_ended_while_the_host_was_down_leaves_its_strikes),
		TEST(strikes_older_than_their_memory_are_not_put_back),
		TEST(an_adopted_datapath_of_this_boot_is_left_alone),
		TEST(reasons_outlive_the_agent),
		TEST(a_prefix_below_a_longer_one_keeps_its_own_end_for_the_next_agent),
		TEST(a_damaged_file_is_an_error_with_a_sentence),
		TEST(damaged_entries_are_counted_and_the_others_put_back),
		TEST(without_a_file_there_is_nothing_to_put_back),
		TEST(a_hundred_thousand_bans_are_imported_and_adopted),
		TEST(a_hundred_thousand_prefixes_are_loaded_and_adopted),
	};

	if (geteuid()) {
		printf("skipped: making maps takes root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup_state_dir, teardown_state_dir);
}
