/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/libbpf.h>
#include <errno.h>

#include "kernel/datapath_private.h"

static int take_event(void *context, void *record, size_t size)
{
	struct datapath *datapath = context;

	/* A longer record would be one of a later version; its beginning is what we know. */
	if (size < sizeof(struct sl_event))
		return 0;
	if (datapath->told)
		datapath->told(datapath->told_context, record);
	datapath->told_count++;
	return 0;
}

int events_open(struct datapath *datapath)
{
	datapath->ring =
		ring_buffer__new(datapath->fd[DATAPATH_MAP_events], take_event, datapath, NULL);
	return datapath->ring ? 0 : -errno;
}

int datapath_events_fd(const struct datapath *datapath)
{
	return ring_buffer__epoll_fd(datapath->ring);
}

int datapath_read_events(struct datapath *datapath, datapath_told_fn *told, void *context)
{
	int result;

	datapath->told = told;
	datapath->told_context = context;
	datapath->told_count = 0;
	result = ring_buffer__consume(datapath->ring);
	datapath->told = NULL;
	return result < 0 ? result : datapath->told_count;
}
