/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of bans as people keep them: text, one "ADDR[/LEN] [DURATION]" a line with '#' for comments, or JSON,
 * [{"prefix", "for", "reason"}]. Pure.
 *
 * JSON is read element by element, so that memory grows with the bans and not with what hostile nesting makes
 * of a parser.
 */
#ifndef CONTROL_BLOCKLIST_H
#define CONTROL_BLOCKLIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "kernel/datapath.h"

#define BLOCKLIST_MAX	       1000000 /* entries, good and bad: 116 bytes each */
#define BLOCKLIST_ELEMENT_MAX  4096    /* bytes of one JSON element */
#define BLOCKLIST_PROBLEMS_MAX 1000    /* more are counted, not kept */

struct blocklist_problem {
	uint32_t line;
	char text[128];
};

struct blocklist {
	struct ban *bans;
	uint32_t *lines; /* of each ban */
	size_t count;
	size_t room;
	struct blocklist_problem *problems;
	size_t problem_count; /* kept */
	size_t refused;	      /* all */
};

/* What a ban of the list gets besides its prefix. */
struct blocklist_defaults {
	uint64_t now_ns;
	uint64_t span_ns; /* where none is given */
};

/*
 * Add every entry of text to *list (zeroed by the caller, released with blocklist_free() whatever the result).
 * Returns 0, entries that are wrong counted as problems; -EINVAL if text is broken as a whole, its last
 * problem then says where; -E2BIG beyond BLOCKLIST_MAX; -ENOMEM.
 */
int blocklist_parse(struct bytes text, const struct blocklist_defaults *defaults,
		    struct blocklist *list);
void blocklist_free(struct blocklist *list);
#define auto_blocklist __attribute__((cleanup(blocklist_free)))

/* Count one entry as refused. why is copied. */
void blocklist_refuse(struct blocklist *list, uint32_t line, const char *why);

#endif
