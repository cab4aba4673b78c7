/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved bans read back, or asked for what the maps do not hold. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/cleanup.h"
#include "base/duration.h"
#include "kernel/datapath_private.h"
#include "kernel/saved_bans.h"

static void free_json(json_t **json)
{
	json_decref(*json);
}
#define auto_json __attribute__((cleanup(free_json)))

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

/* Returns false if the entry is damaged. */
static bool parse_ban(const struct reading *reading, const json_t *entry, struct ban *ret_ban)
{
	json_int_t strikes = json_integer_value(json_object_get(entry, "strikes"));
	json_int_t cause = json_integer_value(json_object_get(entry, "cause"));
	const json_t *until = json_object_get(entry, "until");
	struct ban ban = {.until_ns = SL_NEVER};

	if (!read_prefix(entry, &ban.prefix) ||
	    !read_time(reading, json_object_get(entry, "since"), &ban.since_ns) ||
	    !(json_is_null(until) || read_time(reading, until, &ban.until_ns)) || strikes < 0 ||
	    strikes > UINT32_MAX || cause < 0 || cause >= SL_BAN_CAUSE_COUNT)
		return false;
	ban.strikes = (uint32_t)strikes;
	ban.cause = (enum sl_ban_cause)cause;
	read_reason(entry, ban.reason, sizeof(ban.reason));
	*ret_ban = ban;
	return true;
}

static void read_ban(struct reading *reading, const json_t *entry)
{
	struct ban ban;

	if (!parse_ban(reading, entry, &ban))
		reading->result.failed++;
	else if (has_lapsed(reading, json_object_get(entry, "until")))
		reading->result.lapsed++;
	else if (bans_put(reading->datapath, &ban))
		reading->result.failed++;
	else
		reading->result.bans++;
}

static bool parse_allow(const struct reading *reading, const json_t *entry, struct allow *ret_allow)
{
	const json_t *until = json_object_get(entry, "until");
	struct allow allow = {.until_ns = SL_NEVER};

	if (!read_prefix(entry, &allow.prefix) ||
	    !(json_is_null(until) || read_time(reading, until, &allow.until_ns)))
		return false;
	read_reason(entry, allow.reason, sizeof(allow.reason));
	*ret_allow = allow;
	return true;
}

static void read_allow(struct reading *reading, const json_t *entry)
{
	struct allow allow;

	if (!parse_allow(reading, entry, &allow))
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
	    json_integer_value(json_object_get(*ret_file, "sluice_bans")) == SAVED_BANS_FORMAT)
		return 0;
	snprintf(error_text, DATAPATH_ERROR_MAX, "%.120s: not saved bans of version %d%s%.80s",
		 path, SAVED_BANS_FORMAT, *ret_file ? "" : ": ", *ret_file ? "" : problem.text);
	return -EINVAL;
}

static void read_entries(struct reading *reading, const json_t *file)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(file, "bans"), i, entry) read_ban(reading, entry);
	json_array_foreach(json_object_get(file, "allows"), i, entry) read_allow(reading, entry);
}

/* The maps know all else better. */
static void recall_entries(const struct reading *reading, const json_t *file)
{
	const json_t *entry;
	struct allow allow;
	struct ban ban;
	size_t i;

	json_array_foreach(json_object_get(file, "bans"), i, entry)
	{
		if (parse_ban(reading, entry, &ban))
			bans_recall(reading->datapath, &ban);
	}
	json_array_foreach(json_object_get(file, "allows"), i, entry)
	{
		if (parse_allow(reading, entry, &allow))
			allows_recall(reading->datapath, &allow);
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
	if (!reading.result.is_same_boot || origin == DATAPATH_NEW)
		read_entries(&reading, file);
	else
		recall_entries(&reading, file);
	*ret_result = reading.result;
	return 0;
}
