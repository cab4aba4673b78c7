/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracked sources in the order people ask for them. */
#ifndef CONTROL_SOURCES_H
#define CONTROL_SOURCES_H

#include "control/agent.h"
#include "control/moment.h"
#include "control/request.h"
#include "control/response.h"

enum sources_order { SOURCES_BY_DROPPED, SOURCES_BY_PASSED, SOURCES_BY_BYTES };

struct sources_line {
	struct sl_source source;
	struct sl_tracked tracked;
};

struct sources_entry {
	uint64_t weight; /* what they are ordered by */
	struct sl_source source;
	struct sl_tracked tracked;
};

/*
 * The max heaviest, heaviest first, the caller's to free. One pass over the map, memory for max entries.
 * Returns 0, -ENOMEM, or -errno of the map.
 */
int sources_top(const struct datapath *datapath, enum sources_order by, size_t max,
		struct sources_entry **ret_entries, size_t *ret_count);

/* "by" of a request, dropped if it is absent. Returns false for anything but dropped, passed, bytes. */
bool sources_order_of(const struct request *request, enum sources_order *ret_by);

/* Answer with every tracked source as JSON lines, as of one moment. agent->datapath is not NULL. */
void sources_stream_all(struct agent *agent, const struct moment *at, struct response *response);

#endif
