/* SPDX-License-Identifier: BSD-2-Clause */
/* A datapath of small tables in a bpffs of the test's own; mounts end with the process. */
#ifndef TESTS_BPF_DATAPATH_FIXTURE_H
#define TESTS_BPF_DATAPATH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "kernel/datapath_private.h"
#include "kernel/trie_key.h"

#define SECOND NS_PER_SEC

static char root[] = "/tmp/sl-datapath-XXXXXX";

static const struct datapath_options small = {
	.tables = {.sources = 1024, .strangers = 65536, .prefixes = 1000, .bans = 4096}};

static __attribute__((unused)) struct datapath *open_with(const struct datapath_options *options,
							  enum datapath_origin origin)
{
	char error[DATAPATH_ERROR_MAX] = "";
	enum datapath_origin got;
	struct datapath *datapath = NULL;

	if (datapath_open_at(root, options, &datapath, &got, error))
		fail_msg("%s", error);
	assert_int_equal(got, origin);
	return datapath;
}

static __attribute__((unused)) struct datapath *reopen(struct datapath *datapath)
{
	datapath_close(datapath);
	return open_with(&small, DATAPATH_ADOPTED);
}

static __attribute__((unused)) struct policy *parse(const char *yaml)
{
	struct policy_problems problems = {};
	struct policy *policy = NULL;

	if (policy_parse(bytes_of(yaml), &problems, &policy))
		fail_msg("%s", problems.at[0].text);
	return policy;
}

static __attribute__((unused)) void load(struct datapath *datapath, const char *yaml)
{
	char error[DATAPATH_ERROR_MAX] = "";
	struct policy *policy = parse(yaml);

	if (datapath_load_policy(datapath, policy, error))
		fail_msg("%s", error);
	policy_free(policy);
}

static __attribute__((unused)) struct prefix prefix(const char *text)
{
	struct prefix parsed;

	assert_int_equal(prefix_parse(bytes_of(text), &parsed, NULL), PREFIX_OK);
	return parsed;
}

static __attribute__((unused)) struct sl_source source(const struct datapath *datapath,
						       const char *text)
{
	struct prefix at = prefix(text);

	return source_of(&at, datapath_source_bits(datapath));
}

/* As the datapath does: bits first, then the entry, then the count. */
static __attribute__((unused)) void track(struct datapath *datapath, const char *text,
					  const struct sl_tracked *tracked)
{
	struct sl_source key = source(datapath, text);

	filter_add(datapath, &key, SL_FILTER_TRACKED);
	assert_int_equal(bpf_map_update_elem(datapath_map_fd(datapath, DATAPATH_MAP_sources), &key,
					     tracked, BPF_NOEXIST),
			 0);
	datapath->state->tracked++;
}

static __attribute__((unused)) bool is_tracked(const struct datapath *datapath, const char *text)
{
	struct sl_source key = source(datapath, text);
	struct sl_tracked tracked;

	return !datapath_find_source(datapath, &key, &tracked);
}

#define POLICY_A                                                   \
	"interfaces: [\"sl*\"]\nprotect: everything\n"             \
	"tiers:\n  public: {packets: 100/second}\n"                \
	"  partner: {packets: 1000/second}\n"                      \
	"sources:\n  10.0.0.0/8: partner\n  192.0.2.0/24: allow\n" \
	"  2001:db8::/32: partner\ndefault: public\n"
#define POLICY_B                                       \
	"interfaces: [\"sl*\"]\nprotect: everything\n" \
	"tiers:\n  other: {packets: 7/second}\n"       \
	"  partner: {packets: 1000/second}\n"          \
	"sources:\n  10.0.0.0/8: partner\n  172.16.0.0/12: other\ndefault: other\n"

/* ---- Fixtures ---------------------------------------------------------------------- */

static __attribute__((unused)) int setup(void **state)
{
	*state = open_with(&small, DATAPATH_NEW);
	return 0;
}

static __attribute__((unused)) int teardown(void **state)
{
	datapath_remove(*state);
	return 0;
}

/* Mounts and links of our own, gone with this process: an agent at work on this host must not be found. */
static __attribute__((unused)) int setup_group(void **state)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mkdtemp(root) ? 0 : -1;
}

static __attribute__((unused)) int teardown_group(void **state)
{
	(void)umount(root);
	return rmdir(root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define run_as_root(tests)                                        \
	(geteuid() ? printf("skipped: making maps takes root\n"), \
	 0	   : cmocka_run_group_tests(tests, setup_group, teardown_group))

#endif
