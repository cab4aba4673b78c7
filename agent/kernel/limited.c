/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/limited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/hash.h>

#include "base/cleanup.h"

#define SLOTS_MIN 256 /* a power of two */

struct record {
	struct sl_source source; /* all zero: the slot is free. "::" is no unicast source */
	uint64_t offences;	 /* dropped and flagged packets when last seen */
	uint64_t changed_ns;	 /* when that last grew */
	bool is_told;		 /* that it stopped */
};

struct limited {
	const struct sl_secret *secret;
	struct record *slot;
	size_t slots; /* a power of two */
	size_t used;  /* at most half of them */
};

int limited_new(const struct sl_secret *secret, struct limited **ret_limited)
{
	auto_free struct limited *limited = calloc(1, sizeof(*limited));

	if (!limited)
		return -ENOMEM;
	limited->secret = secret;
	limited->slots = SLOTS_MIN;
	limited->slot = calloc(limited->slots, sizeof(*limited->slot));
	if (!limited->slot)
		return -ENOMEM;
	*ret_limited = take_ptr(limited);
	return 0;
}

void limited_free(struct limited *limited)
{
	if (limited)
		free(limited->slot);
	free(limited);
}

static bool is_free(const struct record *record)
{
	static const struct sl_source none;

	return !memcmp(&record->source, &none, sizeof(none));
}

static size_t home_of(const struct limited *limited, const struct sl_source *source)
{
	return sl_source_hash(limited->secret, source) & (limited->slots - 1);
}

/* The source's record, or the free slot where it would be. */
static struct record *find(const struct limited *limited, const struct sl_source *source)
{
	size_t at = home_of(limited, source);

	while (!is_free(&limited->slot[at]) &&
	       memcmp(&limited->slot[at].source, source, sizeof(*source)))
		at = (at + 1) & (limited->slots - 1);
	return &limited->slot[at];
}

static int grow(struct limited *limited)
{
	struct limited larger = {.secret = limited->secret, .slots = 2 * limited->slots};

	larger.slot = calloc(larger.slots, sizeof(*larger.slot));
	if (!larger.slot)
		return -ENOMEM;
	for (size_t i = 0; i < limited->slots; i++)
		if (!is_free(&limited->slot[i]))
			*find(&larger, &limited->slot[i].source) = limited->slot[i];
	larger.used = limited->used;
	free(limited->slot);
	*limited = larger;
	return 0;
}

static void watch_first(struct limited *limited, const struct sl_source *source,
			const struct sl_tracked *tracked, uint64_t now_ns)
{
	if (2 * (limited->used + 1) > limited->slots && grow(limited))
		return;
	*find(limited, source) = (struct record){
		.source = *source,
		.offences = tracked->dropped.packets + tracked->flagged.packets,
		.changed_ns = now_ns,
		.is_told = now_ns > tracked->event_ns + LIMITED_OLD_NS,
	};
	limited->used++;
}

bool limited_watch(struct limited *limited, const struct sl_source *source,
		   const struct sl_tracked *tracked, uint64_t now_ns)
{
	uint64_t offences = tracked->dropped.packets + tracked->flagged.packets;
	static const struct sl_source none;
	struct record *record;

	if (!memcmp(source, &none, sizeof(none)))
		return false;
	record = find(limited, source);
	if (is_free(record)) {
		watch_first(limited, source, tracked, now_ns);
		return false;
	}
	if (record->offences != offences) {
		record->offences = offences;
		record->changed_ns = now_ns;
		record->is_told = false;
		return false;
	}
	if (record->is_told || now_ns < record->changed_ns + LIMITED_QUIET_NS)
		return false;
	record->is_told = true;
	return true;
}

/* Linear probing without tombstones: whatever the gap would hide moves into it (Knuth, 6.4, algorithm R). */
static void close_gap(struct limited *limited, size_t gap)
{
	size_t mask = limited->slots - 1;

	for (size_t at = (gap + 1) & mask; !is_free(&limited->slot[at]); at = (at + 1) & mask) {
		size_t home = home_of(limited, &limited->slot[at].source);

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		limited->slot[gap] = limited->slot[at];
		gap = at;
	}
	limited->slot[gap] = (struct record){};
}

bool limited_drop(struct limited *limited, const struct sl_source *source)
{
	struct record *record = find(limited, source);
	bool is_owed;

	if (is_free(record))
		return false;
	is_owed = !record->is_told;
	limited->used--;
	close_gap(limited, (size_t)(record - limited->slot));
	return is_owed;
}
