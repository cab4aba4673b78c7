/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/saved_bans.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/cleanup.h"
#include "base/duration.h"
#include "kernel/datapath_private.h"

static json_t *time_json(uint64_t at_ns, uint64_t unix_offset_ns)
{
	char text[TIMESTAMP_TEXT_MAX];

	if (at_ns == SL_NEVER)
		return json_null();
	return json_string(timestamp_format(at_ns + unix_offset_ns, text));
}

/* ---- Taking ------------------------------------------------------------------ */

struct saved_bans {
	uint64_t now_ns;
	uint64_t unix_offset_ns;
	uint64_t lapse_ns; /* so long after their end bans are still worth their strikes */
	struct ban *bans;
	size_t ban_count, ban_room;
	struct allow *allows;
	size_t allow_count, allow_room;
	bool failed;
};

/* Room for one more in *array, of items of size bytes. Returns whether there is. */
static bool grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *grown;

	if (count < *room)
		return true;
	grown = reallocarray(*array, more, size);
	if (!grown)
		return false;
	*array = grown;
	*room = more;
	return true;
}

static bool take_ban(void *context, const struct ban *ban)
{
	struct saved_bans *saved = context;

	if (saved->now_ns > ban->until_ns && saved->now_ns - ban->until_ns >= saved->lapse_ns)
		return true;
	if (!grow((void **)&saved->bans, saved->ban_count, &saved->ban_room, sizeof(*ban))) {
		saved->failed = true;
		return false;
	}
	saved->bans[saved->ban_count++] = *ban;
	return true;
}

static bool take_allow(void *context, const struct allow *allow)
{
	struct saved_bans *saved = context;

	if (!grow((void **)&saved->allows, saved->allow_count, &saved->allow_room,
		  sizeof(*allow))) {
		saved->failed = true;
		return false;
	}
	saved->allows[saved->allow_count++] = *allow;
	return true;
}

void saved_bans_free(struct saved_bans *saved)
{
	if (!saved)
		return;
	free(saved->bans);
	free(saved->allows);
	free(saved);
}

int saved_bans_take(const struct datapath *datapath, uint64_t now_ns, uint64_t unix_offset_ns,
		    struct saved_bans **ret_saved)
{
	struct saved_bans *saved = calloc(1, sizeof(*saved));
	int error;

	if (!saved)
		return -ENOMEM;
	saved->now_ns = now_ns;
	saved->unix_offset_ns = unix_offset_ns;
	saved->lapse_ns = datapath->ban_max_ns;
	/* From instant 0 on: a ban that is over still has its strikes. */
	error = datapath_each_ban(datapath, 0, take_ban, saved);
	if (!error)
		error = datapath_each_allow(datapath, now_ns, take_allow, saved);
	if (!error && saved->failed)
		error = -ENOMEM;
	if (error)
		saved_bans_free(saved);
	else
		*ret_saved = saved;
	return error;
}

/* ---- Writing ----------------------------------------------------------------- */

/* Takes json; entry by entry, as a tree of all would take a kilobyte for each. */
static bool write_entry(FILE *out, size_t number, json_t *json)
{
	bool failed =
		!json || (number && fputs(",\n", out) < 0) || json_dumpf(json, out, JSON_COMPACT);

	json_decref(json);
	return !failed;
}

static bool write_ban(FILE *out, const struct saved_bans *saved, size_t number)
{
	const struct ban *ban = &saved->bans[number];
	char prefix[PREFIX_TEXT_MAX];

	return write_entry(out, number,
			   json_pack("{s:s, s:o, s:o, s:i, s:i, s:s}", "prefix",
				     prefix_format(&ban->prefix, prefix), "since",
				     time_json(ban->since_ns, saved->unix_offset_ns), "until",
				     time_json(ban->until_ns, saved->unix_offset_ns), "strikes",
				     (int)ban->strikes, "cause", (int)ban->cause, "reason",
				     ban->reason));
}

static bool write_allow(FILE *out, const struct saved_bans *saved, size_t number)
{
	const struct allow *allow = &saved->allows[number];
	char prefix[PREFIX_TEXT_MAX];

	return write_entry(out, number,
			   json_pack("{s:s, s:o, s:s}", "prefix",
				     prefix_format(&allow->prefix, prefix), "until",
				     time_json(allow->until_ns, saved->unix_offset_ns), "reason",
				     allow->reason));
}

static bool write_all(FILE *out, const struct saved_bans *saved)
{
	char boot_id[BOOT_ID_ROOM];
	bool good;

	boot_id_read(boot_id);
	errno = EIO; /* jansson sets none */
	good = fprintf(out, "{\"sluice_bans\":%d,\"boot_id\":\"%s\",\"bans\":[", SAVED_BANS_FORMAT,
		       boot_id) >= 0;
	for (size_t i = 0; good && i < saved->ban_count; i++)
		good = write_ban(out, saved, i);
	good = good && fputs("],\"allows\":[", out) >= 0;
	for (size_t i = 0; good && i < saved->allow_count; i++)
		good = write_allow(out, saved, i);
	return good && fputs("]}\n", out) >= 0;
}

/* A rename is only on disk when its directory is. */
static int sync_dir_of(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	auto_close int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int write_file(const struct saved_bans *saved, const char *path)
{
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	auto_fclose FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out)
		return -errno;
	(void)take_fd(fd); /* closed with the stream */
	return !write_all(out, saved) || fflush(out) || fsync(fileno(out)) ? -errno : 0;
}

int saved_bans_put(const struct saved_bans *saved, const char *path)
{
	char fresh[PATH_MAX];
	int error;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	error = write_file(saved, fresh);
	if (!error && rename(fresh, path))
		error = -errno;
	return error ? error : sync_dir_of(path);
}

int saved_bans_write(const struct datapath *datapath, const char *path, uint64_t now_ns,
		     uint64_t unix_offset_ns)
{
	struct saved_bans *saved = NULL;
	int error = saved_bans_take(datapath, now_ns, unix_offset_ns, &saved);

	if (!error)
		error = saved_bans_put(saved, path);
	saved_bans_free(saved);
	return error;
}
