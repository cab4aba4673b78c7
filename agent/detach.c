/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/log.h"
#include "control/listen.h"
#include "tasks.h"

static const char request[] = "POST /v1/detach HTTP/1.1\r\nHost: sluice\r\nContent-Length: 0\r\n"
			      "Connection: close\r\n\r\n";

/* Read an answer to its end; what does not fit is left out. Returns its length, or -errno. */
static ssize_t read_answer(int fd, char *out, size_t size)
{
	size_t used = 0;

	while (used < size - 1) {
		ssize_t len = recv(fd, out + used, size - 1 - used, 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		if (len == 0)
			break;
		used += (size_t)len;
	}
	out[used] = '\0';
	return (ssize_t)used;
}

/*
 * Returns 0; -ENOENT where no agent answers at path, or one without a packet plane; -ECONNRESET if it ended instead of
 * answering; else -errno of an agent that does not do it.
 */
static int ask_agent(const char *path)
{
	auto_close int fd = -1;
	char answer[8192];
	ssize_t len;
	int status = connect_unix(path, &fd);

	if (status == -ECONNREFUSED || status == -ENOENT)
		return -ENOENT;
	if (status)
		return status;
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
		return -ECONNRESET;
	len = read_answer(fd, answer, sizeof(answer));
	if (len <= 0)
		return len ? (int)len : -ECONNRESET;
	if (!strncmp(answer, "HTTP/1.1 409 ", 13))
		return -ENOENT; /* what an earlier agent left in the kernel is nobody's now */
	return strncmp(answer, "HTTP/1.1 200 ", 13) ? -EPERM : 0;
}

#define ENDING_TRIES \
	100 /* ten seconds: an agent takes one at most to give back its memory, on a busy host a few */

/* A killed agent still takes connections until the kernel is done with it; then there is none. */
static int ask_or_outlive_agent(const char *path)
{
	const struct timespec pause = {.tv_nsec = 100 * NS_PER_MS};
	int status = ask_agent(path);

	for (int i = 0; status == -ECONNRESET && i < ENDING_TRIES; i++) {
		(void)nanosleep(&pause, NULL); /* cut short by a signal, it asks sooner */
		status = ask_agent(path);
	}
	return status;
}

/* Without an agent: open what is pinned, whatever its version, and take it all away. */
static int detach_alone(void)
{
	/* Sizes of 0: as they are. Nothing is worth resizing that is about to be removed. */
	struct datapath_options options = {.fresh = true};
	char error[DATAPATH_ERROR_MAX] = "";
	struct interfaces *interfaces = NULL;
	struct datapath *datapath = NULL;
	enum datapath_origin origin;
	struct loop *loop = NULL;
	int status = loop_new(&loop);

	if (!status)
		status = datapath_open(&options, &datapath, &origin, error);
	if (!status)
		status = interfaces_new(loop, datapath, &interfaces, error);
	if (!status) {
		interfaces_detach_all(interfaces);
		interfaces_free(interfaces);
		datapath_remove(datapath);
	} else {
		log_error("cannot detach: %s", error[0] ? error : strerror(-status));
		datapath_close(datapath);
	}
	loop_free(loop);
	return status;
}

int detach(const struct options *options)
{
	int status = ask_or_outlive_agent(options->control);

	if (!status) {
		log_notice("the agent at %s has removed everything; it protects nothing until "
			   "started again",
			   options->control);
		return EXIT_DONE;
	}
	if (status != -ENOENT) {
		log_error("the agent at %s does not detach: %s; %s", options->control,
			  strerror(-status),
			  status == -EPERM || status == -EACCES ? "ask it as root"
								: "end it, and call this again");
		return EXIT_FAILED;
	}
	if (detach_alone())
		return EXIT_FAILED;
	log_notice("removed everything that was ours");
	return EXIT_DONE;
}
