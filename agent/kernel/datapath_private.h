/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files that make up the datapath share; datapath.h is the outside.
 *
 *   datapath.c  open, close, remove         maps.c    make, check and map them
 *   adopt.c     find an earlier agent's     resize.c  move them to other sizes
 *   load.c      a policy into force         numbers.c which number belongs to which name
 *   sources.c   reading                     filter.c  the bits in front of "sources"
 *   bans.c, allows.c, rekey.c               sweep.c, limited.c, strangers.c, events.c: upkeep
 */
#ifndef KERNEL_DATAPATH_PRIVATE_H
#define KERNEL_DATAPATH_PRIVATE_H

#include "kernel/bpffs.h"
#include "kernel/datapath.h"
#include "kernel/limited.h"
#include "kernel/map_walk.h"
#include "kernel/prefix_tree.h"

#include <sluice/hash.h>

struct ring_buffer;

/* Where the sweep stands; all passes are cut into calls. */
struct sweeping {
	struct map_walk sources;
	struct map_walk bans;
	uint64_t bans_told_ns;	  /* ends up to here have been told */
	uint64_t bans_cutoff_ns;  /* and up to here by the pass that is under way */
	uint64_t strangers_at_ns; /* when the last slice was cleared; 0: never */
	uint32_t strangers_line;  /* where the next one begins */
	uint32_t left;		  /* entries that left "sources" since the filter was rebuilt */
	bool is_walking_sources;
	bool is_walking_bans;
};

struct datapath {
	int fd[DATAPATH_MAP_COUNT];
	int old_fd[DATAPATH_MAP_COUNT]; /* what a resized map was before; -1: nothing */
	struct policy_tables tables;	/* sizes the maps really have */

	/* Views of maps, shared with the datapath while it runs. */
	struct sl_config *config;
	struct sl_state *state;
	const struct sl_secret *secret;
	uint64_t *filter;
	struct sl_line *strangers;
	uint32_t filter_bits; /* of one half; a power of two */
	uint32_t lines;	      /* of the strangers table; a power of two */
	int cpus;	      /* possible ones: values of per-CPU maps have so many parts */

	/* An outer map of our own: see datapath_wait_for_packets(). */
	int grace_fd;
	int grace_inner_fd;

	char pin_dir[BPFFS_PATH_MAX]; /* "": no pins */
	int lock_fd;
	bool pins_last;

	struct numbering *numbering;
	bool numbering_lost; /* adopted without it: counters by number mean nothing */
	struct source_bits bits;
	uint64_t ban_max_ns; /* how long a strike is remembered past its ban */

	struct prefix_tree bans;    /* of prefixes shorter than a source */
	struct prefix_tree reasons; /* of sources banned with a reason */
	struct prefix_tree allows;

	struct ring_buffer *ring;
	datapath_told_fn *told;
	void *told_context;
	int told_count;

	struct limited *limited;
	struct sweeping sweep;
};

/* Open with the bpffs at root (tests use their own; NULL: go without pins). Else as datapath_open(). */
int datapath_open_at(const char *root, const struct datapath_options *options,
		     struct datapath **ret_datapath, enum datapath_origin *ret_origin,
		     char error[static DATAPATH_ERROR_MAX]);

/* Name of a map; also that of its pin. */
const char *datapath_map_name(enum datapath_map map);

/*
 * Wait until every packet that is being judged now has been judged. The kernel calls synchronize_rcu() when an element
 * of an outer map is replaced (map_update_elem -> maybe_wait_bpf_programs), and offers no other way to ask for it; so
 * an outer map that nobody else uses is written. XDP programs run in read-side critical sections.
 */
void datapath_wait_for_packets(struct datapath *datapath);

/* ---- maps.c ------------------------------------------------------------------- */

/* Make every map whose fd is -1, with the sizes of tables. Returns 0 or -errno. */
int maps_make(struct datapath *datapath, const struct policy_tables *tables);

/*
 * Compare the maps that are there with what this agent would make, sizes aside. Returns 0, or -EPROTONOSUPPORT with
 * *ret_odd the first that differs; -errno.
 */
int maps_check(const struct datapath *datapath, enum datapath_map *ret_odd);

/* Entries a map of these tables has; 0: the program's own number. */
uint32_t maps_entries(enum datapath_map map, const struct policy_tables *tables);

/* Map the views above and read the sizes there are. Returns 0 or -errno. maps_unview() undoes it, also in part. */
int maps_view(struct datapath *datapath);
void maps_unview(struct datapath *datapath);

/* Give maps that were just made their first content. Returns 0 or -errno. */
int maps_fill_new(struct datapath *datapath);

/* Pin fd as name in pin_dir, replacing at once what has that name. Returns 0 or -errno; 0 without pins. */
int maps_pin(const struct datapath *datapath, int fd, const char *name);

/* Pin all maps; "config" last: where it is pinned the others are, too. */
int maps_pin_all(const struct datapath *datapath);

/* Max entries of a map that is open; 0 if it cannot be asked. */
uint32_t maps_max_entries(int fd);

/* ---- adopt.c, resize.c ---------------------------------------------------------- */

/*
 * Open what is pinned in pin_dir, or else what an attached program of ours holds. Returns true if there was
 * a datapath; fds of maps that are missing stay -1. *ret_abi is the version it speaks; 0: not one of ours.
 */
bool adopt_maps(struct datapath *datapath, uint32_t *ret_abi);

/* Set maps whose size is not that of tables aside in old_fd, to be made anew. */
void resize_set_aside(struct datapath *datapath, const struct policy_tables *tables);

/*
 * Copy what is in the maps set aside into their successors. One that does not fit stays in force instead of
 * its successor, and a line is logged. Returns 0 or -errno.
 */
int resize_copy(struct datapath *datapath);

/* ---- numbers.c ------------------------------------------------------------------- */

/* Read the numbering back; an empty one, and numbering_lost, where it cannot be. Returns 0 or -ENOMEM. */
int numbers_read(struct datapath *datapath, bool is_new);
/* Keep it with the pins. Returns 0 (also without pins) or -errno. */
int numbers_write(const struct datapath *datapath);

/* ---- bans.c, allows.c, rekey.c ------------------------------------------------------- */

/* Rebuild what the agent keeps about bans and allows from the maps. Returns 0 or -errno. */
int bans_read(struct datapath *datapath);
int allows_read(struct datapath *datapath);

/* Put down a ban that nothing forbids. Returns 0 or -errno. */
int bans_put(struct datapath *datapath, const struct ban *ban);
/* Drop bans by prefix and allows that have ended at now_ns. */
void bans_forget_prefixes(struct datapath *datapath, uint64_t now_ns);
void allows_forget(struct datapath *datapath, uint64_t now_ns);

/*
 * What the maps do not hold of an adopted ban or allow: why, and its own end where another covers it. Nothing where it is
 * there no more.
 */
void bans_recall(struct datapath *datapath, const struct ban *ban);
void allows_recall(struct datapath *datapath, const struct allow *allow);

/* What a "bans" entry says, for people. Returns false for a source that is no address. */
bool bans_describe(const struct datapath *datapath, const struct sl_source *source,
		   const struct sl_ban *value, struct ban *ret_ban);

/* Forget one source's entry. Returns 0 or -ENOENT. */
int bans_drop_source(struct datapath *datapath, const struct sl_source *source);

/* End a ban in the tries. Returns 0 or -ENOENT. */
int bans_drop_prefix(struct datapath *datapath, const struct prefix *prefix);

/*
 * Move bans to sources of other lengths: begin before the switch (may fail, nothing has changed then), finish behind it.
 * A banned source that is shorter than the new ones becomes a banned prefix; a banned prefix as long as a new source, or
 * longer, bans that source.
 */
struct rekey;
int rekey_begin(struct datapath *datapath, struct source_bits bits, struct rekey **ret_rekey);
void rekey_finish(struct rekey *rekey);

/* Set bit family of the mask that lets packets skip an empty trie. */
void tries_note(uint32_t *mask, const struct prefix_tree *tree);

/* ---- filter.c, strangers.c, events.c ---------------------------------------------------- */

/* Set a source's bits in the halves that are written, as the datapath does before it adds an entry. */
void filter_add(struct datapath *datapath, const struct sl_source *source, enum sl_filtered what);
/* Make a filter that holds only who is tracked now. Returns 0, or -errno with the old one in force. */
int filter_rebuild(struct datapath *datapath);
/* Its parts, in their order, for whoever looks at what packets do between them: steps 1 and 2 of filter.c, 3, 4 and 5. */
void filter_begin(struct datapath *datapath);
int filter_mark(struct datapath *datapath);
void filter_switch(struct datapath *datapath);

/* Set the bits of all banned sources: after an adoption, whose filter may be new. Returns 0 or -errno. */
int filter_add_bans(struct datapath *datapath);
/* Clear a slice of past words. */
void strangers_clear(struct datapath *datapath, uint64_t now_ns);
int events_open(struct datapath *datapath);

#endif
