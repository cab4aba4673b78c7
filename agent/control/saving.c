/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/saving.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct saving {
	saving_done_fn *done;
	void *context;
	struct loop_watch *watch;
	int written_fd; /* the thread has come to its end */
	bool is_busy;
	pthread_t thread;
	struct saved_bans *bans;
	char path[PATH_MAX];
	int status;
};

static void *write_bans(void *context)
{
	struct saving *saving = context;
	const uint64_t one = 1;

	saving->status = saved_bans_put(saving->bans, saving->path);
	(void)!write(saving->written_fd, &one, sizeof(one)); /* the counter is far from full */
	return NULL;
}

static void finish(struct saving *saving)
{
	(void)pthread_join(saving->thread, NULL); /* it is ours, and joinable */
	saved_bans_free(saving->bans);
	saving->bans = NULL;
	saving->is_busy = false;
}

static void written(void *context, uint32_t events)
{
	struct saving *saving = context;
	uint64_t count;

	if (read(saving->written_fd, &count, sizeof(count)) != sizeof(count) || !saving->is_busy)
		return;
	finish(saving);
	saving->done(saving->context, saving->status);
}

int saving_new(struct loop *loop, saving_done_fn *done, void *context, struct saving **ret_saving)
{
	struct saving *saving = calloc(1, sizeof(*saving));
	int status;

	if (!saving)
		return -ENOMEM;
	saving->done = done;
	saving->context = context;
	saving->written_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	status = saving->written_fd < 0 ? -errno
					: loop_watch(loop, saving->written_fd, EPOLLIN, written,
						     saving, &saving->watch);
	if (status)
		saving_free(saving);
	else
		*ret_saving = saving;
	return status;
}

void saving_free(struct saving *saving)
{
	if (!saving)
		return;
	if (saving->is_busy)
		finish(saving);
	loop_unwatch(saving->watch);
	if (saving->written_fd >= 0)
		close(saving->written_fd);
	free(saving);
}

bool saving_is_busy(const struct saving *saving)
{
	return saving->is_busy;
}

int saving_begin(struct saving *saving, struct saved_bans *bans, const char *path)
{
	int status;

	saving->bans = bans;
	(void)snprintf(saving->path, sizeof(saving->path), "%s",
		       path); /* as long as a path may be */
	status = -pthread_create(&saving->thread, NULL, write_bans, saving);
	saving->is_busy = !status;
	if (status) {
		saved_bans_free(bans);
		saving->bans = NULL;
	}
	return status;
}
