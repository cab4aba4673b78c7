/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/privileges.h"
#include "kernel/chatter.h"
#include "kernel/datapath_private.h"

#define STRIKES_KEPT_NS 3600000000000ull /* until a policy says otherwise */

static int make_grace_maps(struct datapath *datapath)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	datapath->grace_inner_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "grace_inner", 4, 4, 1, NULL);
	if (datapath->grace_inner_fd < 0)
		return -errno;
	opts.inner_map_fd = (uint32_t)datapath->grace_inner_fd;
	datapath->grace_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "grace", 4, 4, 1, &opts);
	return datapath->grace_fd < 0 ? -errno : 0;
}

void datapath_wait_for_packets(struct datapath *datapath)
{
	uint32_t key = 0;
	int error = bpf_map_update_elem(datapath->grace_fd, &key, &datapath->grace_inner_fd, 0);

	/* Half a second is far longer than any packet takes; only a lack of memory leads here. */
	if (error)
		usleep(500000);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void datapath_close(struct datapath *datapath)
{
	if (!datapath)
		return;
	if (datapath->ring)
		ring_buffer__free(datapath->ring);
	map_walk_end(&datapath->sweep.sources);
	map_walk_end(&datapath->sweep.bans);
	limited_free(datapath->limited);
	prefix_tree_free(&datapath->bans);
	prefix_tree_free(&datapath->reasons);
	prefix_tree_free(&datapath->allows);
	numbering_free(datapath->numbering);
	maps_unview(datapath);
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		close_fd(&datapath->fd[i]);
		close_fd(&datapath->old_fd[i]);
	}
	close_fd(&datapath->grace_fd);
	close_fd(&datapath->grace_inner_fd);
	close_fd(&datapath->lock_fd);
	free(datapath);
}

static void free_datapath(struct datapath **datapath)
{
	datapath_close(*datapath);
}
#define auto_datapath __attribute__((cleanup(free_datapath)))

void datapath_remove(struct datapath *datapath)
{
	if (!datapath)
		return;
	if (*datapath->pin_dir)
		bpffs_remove_dir(datapath->pin_dir);
	datapath_close(datapath);
}

static struct datapath *datapath_alloc(void)
{
	struct datapath *datapath = calloc(1, sizeof(*datapath));

	if (!datapath)
		return NULL;
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++)
		datapath->fd[i] = datapath->old_fd[i] = -1;
	datapath->grace_fd = datapath->grace_inner_fd = datapath->lock_fd = -1;
	datapath->cpus = libbpf_num_possible_cpus();
	datapath->bits = (struct source_bits){32, 64};
	datapath->ban_max_ns = STRIKES_KEPT_NS;
	return datapath;
}

/* Returns 0, also where there can be no pins; -EBUSY if another agent works here. */
static int open_pins(struct datapath *datapath, const char *root, char *error_text)
{
	uint64_t cookie;
	int error = root ? bpffs_netns_cookie(&cookie) : -ENOENT;

	if (!error)
		error = bpffs_ensure(root);
	if (!error)
		error = bpffs_open_dir(root, cookie, datapath->pin_dir, &datapath->lock_fd);
	if (error == -EBUSY) {
		snprintf(error_text, DATAPATH_ERROR_MAX,
			 "another agent holds %.120s: one works in this network namespace already",
			 datapath->pin_dir);
		return error;
	}
	if (error) {
		*datapath->pin_dir = '\0';
		log_warning(
			"pins: %s: %s; going on without them: a killed agent's datapath is found "
			"through its interfaces only",
			root ? root : "no bpffs", strerror(-error));
		return 0;
	}
	bpffs_remove_stale(root, cookie);
	datapath->pins_last = !bpffs_is_private(root);
	return 0;
}

/* What people can do about a failure to make maps. */
static int explain(int error, char *error_text)
{
	struct utsname kernel = {};

	(void)uname(&kernel);
	if (error == -EPERM || error == -EACCES) {
		snprintf(error_text, DATAPATH_ERROR_MAX,
			 "making BPF maps: %s; run as root, or with CAP_BPF, CAP_NET_ADMIN and "
			 "CAP_PERFMON",
			 strerror(-error));
		return -EPERM;
	}
	if (error == -EINVAL || error == -ENOSYS || error == -ENOTSUP || error == -524) {
		snprintf(error_text, DATAPATH_ERROR_MAX,
			 "making BPF maps: kernel %s lacks a feature that is needed; it takes "
			 "Linux 6.1 "
			 "or later with CONFIG_BPF_SYSCALL",
			 kernel.release);
		return -ENOTSUP;
	}
	snprintf(error_text, DATAPATH_ERROR_MAX, "making BPF maps: %s", strerror(-error));
	return error;
}

static void forget_adopted(struct datapath *datapath)
{
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++)
		close_fd(&datapath->fd[i]);
}

/* Whether the maps found may be written to. With `fresh` those of another version give way. */
static int accept_adopted(struct datapath *datapath, uint32_t abi, bool fresh,
			  enum datapath_origin *origin, char *error_text)
{
	enum datapath_map odd = DATAPATH_MAP_config;
	int error = abi == SL_ABI_VERSION ? maps_check(datapath, &odd) : -EPROTONOSUPPORT;

	if (!error)
		return 0;
	if (error == -EPROTONOSUPPORT && fresh) {
		log_warning("the datapath of ABI version %u gives way to version %u; its bans and "
			    "counters "
			    "are lost",
			    abi, SL_ABI_VERSION);
		forget_adopted(datapath);
		*origin = DATAPATH_NEW;
		return 0;
	}
	if (error != -EPROTONOSUPPORT)
		return explain(error, error_text);
	if (abi == SL_ABI_VERSION)
		snprintf(error_text, DATAPATH_ERROR_MAX,
			 "the running datapath's map \"%s\" is not what this agent knows; it keeps "
			 "running; --fresh takes its place",
			 datapath_map_name(odd));
	else
		snprintf(
			error_text, DATAPATH_ERROR_MAX,
			"the running datapath has ABI version %u, this agent %u; it keeps running; "
			"--fresh takes its place",
			abi, SL_ABI_VERSION);
	return error;
}

/* Adopt or make all maps, with their first content in them. */
static int open_maps(struct datapath *datapath, const struct datapath_options *options,
		     enum datapath_origin *origin, char *error_text)
{
	uint32_t abi = 0;
	int error = 0;

	*origin = adopt_maps(datapath, &abi) ? DATAPATH_ADOPTED : DATAPATH_NEW;
	if (*origin == DATAPATH_ADOPTED)
		error = accept_adopted(datapath, abi, options->fresh, origin, error_text);
	if (error)
		return error;
	resize_set_aside(datapath, &options->tables);

	error = maps_make(datapath, &options->tables);
	if (!error)
		error = maps_view(datapath);
	if (!error && *origin == DATAPATH_NEW)
		error = maps_fill_new(datapath);
	if (!error)
		error = resize_copy(datapath);
	if (!error)
		error = make_grace_maps(datapath);
	return error ? explain(error, error_text) : 0;
}

/* What the agent knows beside the maps. */
static int open_rest(struct datapath *datapath, bool is_new)
{
	struct sl_policy *policy = malloc(sizeof(*policy));
	int error = policy ? numbers_read(datapath, is_new) : -ENOMEM;

	if (!error && !datapath_policy(datapath, policy)) {
		datapath->bits = (struct source_bits){policy->source_bits4, policy->source_bits6};
		if (policy->ban_max_ns)
			datapath->ban_max_ns = policy->ban_max_ns;
	}
	free(policy);
	if (!error)
		error = bans_read(datapath);
	if (!error)
		error = filter_add_bans(datapath);
	if (!error)
		error = allows_read(datapath);
	if (!error)
		error = limited_new(datapath->secret, &datapath->limited);
	return error ? error : events_open(datapath);
}

int datapath_open_at(const char *root, const struct datapath_options *options,
		     struct datapath **ret_datapath, enum datapath_origin *ret_origin,
		     char error_text[static DATAPATH_ERROR_MAX])
{
	auto_datapath struct datapath *datapath = datapath_alloc();
	enum datapath_origin origin;
	int error = datapath ? 0 : -ENOMEM;

	chatter_route(); /* before the libraries say a word of their own */
	*error_text = '\0';
	if (!error)
		error = open_pins(datapath, root, error_text);
	if (!error)
		error = open_maps(datapath, options, &origin, error_text);
	if (!error)
		error = open_rest(datapath, origin == DATAPATH_NEW);
	if (!error)
		error = maps_pin_all(datapath);
	if (error) {
		if (!*error_text)
			snprintf(error_text, DATAPATH_ERROR_MAX, "opening the datapath: %s",
				 strerror(-error));
		return error;
	}
	*ret_origin = origin;
	*ret_datapath = take_ptr(datapath);
	return 0;
}

int datapath_open(const struct datapath_options *options, struct datapath **ret_datapath,
		  enum datapath_origin *ret_origin, char error[static DATAPATH_ERROR_MAX])
{
	return datapath_open_at(BPFFS_ROOT, options, ret_datapath, ret_origin, error);
}

int datapath_map_fd(const struct datapath *datapath, enum datapath_map map)
{
	return datapath->fd[map];
}

const char *datapath_pin_dir(const struct datapath *datapath)
{
	return datapath->pin_dir;
}

bool datapath_is_pinned(const struct datapath *datapath)
{
	return *datapath->pin_dir && datapath->pins_last;
}

uint32_t datapath_generation(const struct datapath *datapath)
{
	return datapath->config->generation;
}

const struct numbering *datapath_numbering(const struct datapath *datapath)
{
	return datapath->numbering;
}

struct source_bits datapath_source_bits(const struct datapath *datapath)
{
	return datapath->bits;
}
