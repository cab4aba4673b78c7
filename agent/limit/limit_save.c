/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/limit_save.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "limit/moving_window.h"
#include "limit/table_parts.h"

/*
 *   head | entry, state words | entry, state words | ... | checksum (8 bytes)
 *
 * In this machine's byte order, as nobody else reads it. The checksum is for disks, not for people: its key is known.
 */
struct saved_head {
	uint64_t magic;	   /* TABLE_MAGIC: changes with the states */
	uint64_t table_ns; /* table time of the saving */
	uint64_t now_ns;
	uint64_t unix_ns;
	uint64_t entries;
	uint64_t slot_bytes;
	uint32_t epoch;
	char boot_id[BOOT_ID_ROOM];
	char zero[7];
	struct siphash_secret
		secret[2]; /* what fingerprints, and hashed names in labels, are made with */
};

struct saved_entry {
	struct fingerprint print;
	uint32_t
		state_bytes; /* behind it; a multiple of 8: the zeros at a state's end are left out */
	uint8_t is_shared;
	uint8_t label_len;
	char label[LIMIT_LABEL_MAX];
	char zero[2];
};

_Static_assert(sizeof(struct saved_head) % 8 == 0 && sizeof(struct saved_entry) % 8 == 0,
	       "states are words, and lie on them");

static const struct siphash_secret checksum_key = {{0x736c75696365, 0x636f756e7473}};

static void close_table(struct limit_table **table)
{
	limit_table_close(*table);
}
#define auto_table __attribute__((cleanup(close_table)))

/* ---- Saving ---- */

struct saving {
	struct limit_table *table;
	struct limit_moment moment;
	struct buffer out;
	size_t saved;
	size_t lost;
};

static size_t without_zeros(const struct limit_state *state, size_t bytes)
{
	const uint64_t *words = (const uint64_t *)(const void *)state;
	size_t count = bytes / sizeof(*words);

	while (count && !words[count - 1])
		count--;
	return count * sizeof(*words);
}

static void save_slot(struct saving *saving, const struct table_slot *slot, bool is_shared)
{
	const size_t state_bytes =
		without_zeros(&slot->state, table_state_bytes(saving->table->head));
	struct saved_entry entry = {
		.print = slot->print,
		.state_bytes = (uint32_t)state_bytes,
		.is_shared = is_shared,
		.label_len = slot->label_len < LIMIT_LABEL_MAX ? (uint8_t)slot->label_len
							       : LIMIT_LABEL_MAX,
	};

	if (!slot->state.strategy || limit_state_rests(&slot->state, saving->moment))
		return;
	if (saving->out.len + sizeof(entry) + state_bytes + sizeof(uint64_t) > LIMIT_SAVE_MAX) {
		saving->lost++;
		return;
	}
	memcpy(entry.label, slot->label, entry.label_len);
	buffer_add(&saving->out, (struct bytes){(const char *)&entry, sizeof(entry)});
	buffer_add(&saving->out, (struct bytes){(const char *)&slot->state, state_bytes});
	saving->saved++;
}

static void save_slots(struct saving *saving)
{
	const struct table_head *head = saving->table->head;

	for (uint32_t set = 0; set < head->sets + head->shared_sets; set++)
		for (unsigned way = 0; way < LIMIT_TABLE_WAYS; way++)
			save_slot(saving, table_slot_at(saving->table, set, way),
				  set >= head->sets);
}

static void write_head(struct saving *saving, const struct limit_saving *at)
{
	const struct table_head *head = saving->table->head;
	struct saved_head saved = {
		.magic = TABLE_MAGIC,
		.table_ns = saving->moment.now_ns,
		.now_ns = at->now_ns,
		.unix_ns = at->unix_ns,
		.entries = saving->saved,
		.slot_bytes = head->slot_bytes,
		.epoch = saving->table->epoch,
		.secret = {head->secret[0], head->secret[1]},
	};

	boot_id_read(saved.boot_id);
	memcpy(saving->out.at, &saved, sizeof(saved));
}

static int save(struct saving *saving, const char *path, const struct limit_saving *at)
{
	const struct saved_head room = {0};
	uint64_t checksum;

	buffer_add(&saving->out, (struct bytes){(const char *)&room, sizeof(room)});
	save_slots(saving);
	if (saving->out.error)
		return saving->out.error;
	if (!saving->saved)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	write_head(saving, at);
	checksum = siphash(&checksum_key, (struct bytes){saving->out.at, saving->out.len});
	buffer_add(&saving->out, (struct bytes){(const char *)&checksum, sizeof(checksum)});
	return saving->out.error
		       ? saving->out.error
		       : file_replace(path, (struct bytes){saving->out.at, saving->out.len});
}

int limit_table_save(int table_fd, const char *path, struct limit_saving at, size_t *ret_saved,
		     size_t *ret_lost)
{
	auto_table struct limit_table *table = NULL;
	struct saving saving = {.out = buffer_new(LIMIT_SAVE_MAX)};
	int err = limit_table_view(table_fd, &table);

	if (err)
		return err;
	saving.table = table;
	saving.moment = limit_table_moment(table, at.now_ns);
	err = save(&saving, path, &at);
	buffer_free(&saving.out);
	if (err)
		return err;
	*ret_saved = saving.saved;
	*ret_lost = saving.lost;
	return 0;
}

/* ---- Restoring ---- */

struct restoring {
	struct limit_table *table;
	struct limit_moment moment;
	const struct saved_head *head;
	size_t restored;
	size_t lost;
};

/* The file, whole and sound, with the checksum taken off. */
static int read_saved(const char *path, struct buffer *file)
{
	struct saved_head head;
	uint64_t checksum;
	int err = file_read(path, file);

	if (err)
		return err;
	if (file->len < sizeof(head) + sizeof(checksum))
		return -EINVAL;
	file->len -= sizeof(checksum);
	memcpy(&checksum, file->at + file->len, sizeof(checksum));
	memcpy(&head, file->at, sizeof(head));
	if (head.magic != TABLE_MAGIC ||
	    checksum != siphash(&checksum_key, (struct bytes){file->at, file->len}))
		return -EINVAL;
	return 0;
}

/* The next entry and its state, or false where that is not all there. */
static bool next_entry(struct bytes *rest, struct saved_entry *ret_entry, struct bytes *ret_state)
{
	struct saved_entry entry;

	if (rest->len < sizeof(entry))
		return false;
	memcpy(&entry, rest->at, sizeof(entry));
	if (entry.label_len > LIMIT_LABEL_MAX || entry.state_bytes % sizeof(uint64_t) ||
	    entry.state_bytes < sizeof(struct limit_state) ||
	    entry.state_bytes > rest->len - sizeof(entry))
		return false;
	*ret_state = (struct bytes){rest->at + sizeof(entry), entry.state_bytes};
	*rest = bytes_from(*rest, sizeof(entry) + entry.state_bytes);
	*ret_entry = entry;
	return true;
}

/* Every entry, before anything is done with one of them. */
static bool is_whole(const struct buffer *file, const struct saved_head *head)
{
	struct bytes rest = {file->at + sizeof(*head), file->len - sizeof(*head)}, state;
	struct saved_entry entry;
	uint64_t entries = 0;

	while (rest.len && next_entry(&rest, &entry, &state))
		entries++;
	return !rest.len && entries == head->entries;
}

/* A free slot where entry belongs; its tag is there, the rest is to follow. */
static struct table_slot *free_slot(const struct limit_table *table,
				    const struct saved_entry *entry)
{
	const uint32_t set = table_set_of(table->head, entry->print, entry->is_shared);

	for (unsigned way = 0; way < LIMIT_TABLE_WAYS; way++) {
		struct table_slot *slot = table_slot_at(table, set, way);

		if (slot->state.strategy)
			continue;
		*table_tag_at(table, set, way) = table_tag_of(entry->print);
		return slot;
	}
	return NULL;
}

/*
 * Whether the words are a state that can be used in a slot of this table. Strategies bound what they read by themselves,
 * but for moving-window, whose ring is as long as the slot it was made for.
 */
static bool is_usable(const struct restoring *restoring, const struct limit_state *state)
{
	const struct moving_window *ring = (const struct moving_window *)(const void *)state->words;
	const size_t room = table_state_bytes(restoring->table->head);

	switch ((enum limit_strategy)state->strategy) {
	case LIMIT_SLIDING_WINDOW:
	case LIMIT_TOKEN_BUCKET:
	case LIMIT_FIXED_WINDOW:
		return true;
	case LIMIT_MOVING_WINDOW:
		return ring->room &&
		       ring->room == (room - sizeof(*state) - sizeof(*ring)) / sizeof(uint64_t);
	}
	return false;
}

/* The strategy is stored last: until then the slot is free. */
static bool restore_entry(struct restoring *restoring, const struct saved_entry *entry,
			  struct bytes state)
{
	struct limit_table *table = restoring->table;
	struct table_slot *slot = free_slot(table, entry);
	struct limit_state *into = slot ? &slot->state : NULL;
	uint32_t strategy;

	if (!slot || state.len > table_state_bytes(table->head))
		return false;
	memcpy(into, state.at, state.len);
	strategy = into->strategy;
	if (!is_usable(restoring, into)) {
		memset(into, 0, state.len);
		return false;
	}
	into->strategy = 0;
	slot->print = entry->print;
	slot->label_len = entry->label_len;
	memcpy(slot->label, entry->label, entry->label_len);
	into->strategy = strategy;
	return true;
}

static void restore_all(struct restoring *restoring, struct bytes rest)
{
	struct saved_entry entry;
	struct bytes state;

	while (next_entry(&rest, &entry, &state)) {
		struct limit_state head;

		memcpy(&head, state.at, sizeof(head));
		if (limit_state_rests(&head, restoring->moment))
			continue;
		if (restore_entry(restoring, &entry, state))
			restoring->restored++;
		else
			restoring->lost++;
	}
}

static uint64_t since(const struct saved_head *saved, const struct limit_saving *at)
{
	bool is_same_boot = boot_id_is_current(saved->boot_id);
	uint64_t then = is_same_boot ? saved->now_ns : saved->unix_ns;
	uint64_t now = is_same_boot ? at->now_ns : at->unix_ns;

	return now > then ? now - then : 0;
}

static void restore(struct restoring *restoring, const struct buffer *file,
		    const struct limit_saving *at)
{
	const struct saved_head *saved = restoring->head;
	struct table_head *head = restoring->table->head;

	head->secret[0] = saved->secret[0];
	head->secret[1] = saved->secret[1];
	/* So that whatever held a count or a lock then is known to be dead. */
	head->epoch = restoring->table->epoch = saved->epoch;
	limit_table_continue(restoring->table, saved->table_ns, since(saved, at), at->now_ns);
	restoring->moment = limit_table_moment(restoring->table, at->now_ns);
	restoring->moment.epoch = 0; /* nobody's: nothing is held any more */
	restore_all(restoring,
		    (struct bytes){file->at + sizeof(*saved), file->len - sizeof(*saved)});
}

int limit_table_restore(int table_fd, const char *path, struct limit_saving at,
			size_t *ret_restored, size_t *ret_lost)
{
	auto_table struct limit_table *table = NULL;
	auto_buffer struct buffer file = buffer_new(LIMIT_SAVE_MAX);
	struct restoring restoring = {0};
	struct saved_head saved;
	int err = read_saved(path, &file);

	if (err)
		return err;
	memcpy(&saved, file.at, sizeof(saved));
	saved.boot_id[BOOT_ID_ROOM - 1] = '\0';
	if (!is_whole(&file, &saved))
		return -EINVAL;
	err = limit_table_open(table_fd, &table);
	if (err)
		return err;
	restoring.table = table;
	restoring.head = &saved;
	restore(&restoring, &file, &at);
	*ret_restored = restoring.restored;
	*ret_lost = restoring.lost;
	return 0;
}
