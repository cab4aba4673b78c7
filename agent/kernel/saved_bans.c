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

#define FORMAT_VERSION 1

static void free_json(json_t **json)
{
	json_decref(*json);
}
#define auto_json __attribute__((cleanup(free_json)))

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
	good = fprintf(out, "{\"sluice_bans\":%d,\"boot_id\":\"%s\",\"bans\":[", FORMAT_VERSION,
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

/* ---- Reading ------------------------------------------------------------------- */

struct reading {
	struct datapath *datapath;
	uint64_t now_ns;
	uint64_t unix_offset_ns;
	struct saved_bans_result result;
};

static bool read_prefix(const json_t *entry, struct prefix *ret_prefix)
{
	const char *text = json_string_value(json_object_get(entry, "prefix"));

	return text && prefix_parse(bytes_of(text), ret_prefix, NULL) == PREFIX_OK;
}

/*
 * A wall-clock instant as a monotonic one. What was before this boot began is instant 1: the order of ends in the past
 * matters to nobody, and 0 means "none" in places.
 */
static bool read_time(const struct reading *reading, const json_t *text, uint64_t *ret_at_ns)
{
	uint64_t unix_ns;

	if (!json_is_string(text) || timestamp_parse(bytes_of(json_string_value(text)), &unix_ns))
		return false;
	*ret_at_ns = unix_ns > reading->unix_offset_ns ? unix_ns - reading->unix_offset_ns : 1;
	return true;
}

static void read_reason(const json_t *entry, char *reason, size_t size)
{
	const char *text = json_string_value(json_object_get(entry, "reason"));

	snprintf(reason, size, "%s", text ? text : "");
}

/* Whether now is past the memory of a ban that ended at unix_ns: told by the wall clock, which reaches behind the boot. */
static bool has_lapsed(const struct reading *reading, const json_t *until)
{
	uint64_t now_unix_ns = reading->now_ns + reading->unix_offset_ns, unix_ns;

	return json_is_string(until) &&
	       !timestamp_parse(bytes_of(json_string_value(until)), &unix_ns) &&
	       now_unix_ns > unix_ns && now_unix_ns - unix_ns >= reading->datapath->ban_max_ns;
}

static void read_ban(struct reading *reading, const json_t *entry)
{
	json_int_t strikes = json_integer_value(json_object_get(entry, "strikes"));
	json_int_t cause = json_integer_value(json_object_get(entry, "cause"));
	const json_t *until = json_object_get(entry, "until");
	struct ban ban = {};
	bool is_good = read_prefix(entry, &ban.prefix) &&
		       read_time(reading, json_object_get(entry, "since"), &ban.since_ns) &&
		       (json_is_null(until) || read_time(reading, until, &ban.until_ns)) &&
		       strikes >= 0 && strikes <= UINT32_MAX && cause >= 0 &&
		       cause < SL_BAN_CAUSE_COUNT;

	if (is_good && has_lapsed(reading, until)) {
		reading->result.lapsed++;
		return;
	}
	if (json_is_null(until))
		ban.until_ns = SL_NEVER;
	ban.strikes = (uint32_t)strikes;
	ban.cause = (enum sl_ban_cause)cause;
	read_reason(entry, ban.reason, sizeof(ban.reason));
	if (!is_good || bans_put(reading->datapath, &ban))
		reading->result.failed++;
	else
		reading->result.bans++;
}

static void read_allow(struct reading *reading, const json_t *entry)
{
	const json_t *until = json_object_get(entry, "until");
	struct allow allow = {.until_ns = SL_NEVER};

	read_reason(entry, allow.reason, sizeof(allow.reason));
	if (!read_prefix(entry, &allow.prefix) ||
	    !(json_is_null(until) || read_time(reading, until, &allow.until_ns)))
		reading->result.failed++;
	else if (allow.until_ns <= reading->now_ns)
		reading->result.lapsed++;
	else if (datapath_allow(reading->datapath, &allow))
		reading->result.failed++;
	else
		reading->result.allows++;
}

static int load_file(const char *path, json_t **ret_file, char *error_text)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_fclose FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	json_error_t problem;
	struct stat st;

	if (!in)
		return -errno;
	(void)take_fd(fd); /* closed with the stream */
	if (fstat(fileno(in), &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > SAVED_BANS_SIZE_MAX) {
		snprintf(error_text, DATAPATH_ERROR_MAX,
			 "%.120s is no file, or larger than %u bytes", path, SAVED_BANS_SIZE_MAX);
		return -EFBIG;
	}
	*ret_file = json_loadf(in, JSON_REJECT_DUPLICATES, &problem);
	if (*ret_file && json_is_array(json_object_get(*ret_file, "bans")) &&
	    json_is_array(json_object_get(*ret_file, "allows")) &&
	    json_integer_value(json_object_get(*ret_file, "sluice_bans")) == FORMAT_VERSION)
		return 0;
	snprintf(error_text, DATAPATH_ERROR_MAX, "%.120s: not saved bans of version %d%s%.80s",
		 path, FORMAT_VERSION, *ret_file ? "" : ": ", *ret_file ? "" : problem.text);
	return -EINVAL;
}

static void read_entries(struct reading *reading, const json_t *file)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(file, "bans"), i, entry) read_ban(reading, entry);
	json_array_foreach(json_object_get(file, "allows"), i, entry) read_allow(reading, entry);
}

typedef void note_reason_fn(struct datapath *datapath, const struct prefix *prefix,
			    const char *reason);

static void read_reasons(struct datapath *datapath, const json_t *entries, note_reason_fn *note)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		char reason[sizeof(((struct ban *)0)->reason)];
		struct prefix prefix;

		read_reason(entry, reason, sizeof(reason));
		if (*reason && read_prefix(entry, &prefix))
			note(datapath, &prefix, reason);
	}
}

int saved_bans_read(struct datapath *datapath, enum datapath_origin origin, const char *path,
		    uint64_t now_ns, uint64_t unix_offset_ns, struct saved_bans_result *ret_result,
		    char error_text[static DATAPATH_ERROR_MAX])
{
	struct reading reading = {datapath, now_ns, unix_offset_ns, {}};
	auto_json json_t *file = NULL;
	int error;

	*error_text = '\0';
	error = load_file(path, &file, error_text);
	if (error) {
		if (!*error_text)
			snprintf(error_text, DATAPATH_ERROR_MAX, "%.120s: %s", path,
				 strerror(-error));
		return error;
	}
	reading.result.is_same_boot =
		boot_id_is_current(json_string_value(json_object_get(file, "boot_id")));
	if (!reading.result.is_same_boot || origin == DATAPATH_NEW) {
		read_entries(&reading, file);
	} else {
		read_reasons(datapath, json_object_get(file, "bans"), bans_note_reason);
		read_reasons(datapath, json_object_get(file, "allows"), allows_note_reason);
	}
	*ret_result = reading.result;
	return 0;
}
