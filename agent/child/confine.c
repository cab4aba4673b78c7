/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/confine.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

#define CONNECTIONS_MIN 16  /* fewer are no service */
#define FILES_BESIDE	256 /* listeners, event loops, pipes between threads, logs */

int confine_fit_connections(struct http_policy *http, char error[static CONFINE_ERROR_MAX])
{
	uint64_t beside = FILES_BESIDE + http->listener_count * (uint64_t)HTTP_THREADS_MAX;
	struct rlimit limit;
	uint64_t room;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	room = limit.rlim_cur > beside ? (limit.rlim_cur - beside) / 2 : 0;
	if (room >= http->max.connections)
		return 0;
	if (room < CONNECTIONS_MIN) {
		snprintf(error, CONFINE_ERROR_MAX,
			 "the process may have %" PRIu64
			 " open files, too few to serve (LimitNOFILE=, ulimit -n)",
			 (uint64_t)limit.rlim_cur);
		return -EMFILE;
	}
	log_warning("http: max.connections: %" PRIu64
		    " instead of %u, as the process may have %" PRIu64
		    " open files (LimitNOFILE=, ulimit -n)",
		    room, http->max.connections, (uint64_t)limit.rlim_cur);
	http->max.connections = (uint32_t)room;
	return 0;
}

/* The parent has asked for as much as root may have; what there is must do. */
static int raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

/* The user of the policy, "sluice", or "nobody", whoever exists first; a user that was named must. */
static int find_user(const struct http_policy *http, struct passwd **ret_user,
		     char error[static CONFINE_ERROR_MAX])
{
	struct passwd *user;

	errno = 0;
	user = getpwnam(http->user ? http->user : "sluice");
	if (!user && !http->user)
		user = getpwnam("nobody");
	if (!user || !user->pw_uid) {
		snprintf(error, CONFINE_ERROR_MAX, "user %s: %s",
			 http->user ? http->user : "sluice or nobody",
			 user ? "is root, which the HTTP plane must not be" : "there is none");
		return -ENOENT;
	}
	*ret_user = user;
	return 0;
}

static int become_user(const struct http_policy *http, char error[static CONFINE_ERROR_MAX])
{
	struct passwd *user;
	int err;

	if (geteuid())
		return 0;
	err = find_user(http, &user, error);
	if (err)
		return err;
	if (setgroups(0, NULL) || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid)) {
		err = -errno;
		snprintf(error, CONFINE_ERROR_MAX, "becoming user %s: %s", user->pw_name,
			 strerror(-err));
		return err;
	}
	return 0;
}

/* Becoming another user has taken root's capabilities; those of a user who was given some go here. */
static int drop_capabilities(void)
{
	cap_t none = cap_init();
	int err = 0;

	if (!none)
		return -errno;
	if (cap_set_proc(none))
		err = -errno;
	cap_free(none);
	return err;
}

int confine_process(const struct http_policy *http, char error[static CONFINE_ERROR_MAX])
{
	int err = raise_file_limit();

	if (!err)
		err = become_user(http, error);
	if (!err)
		err = drop_capabilities();
	if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)))
		err = -errno;
	if (err && !error[0])
		snprintf(error, CONFINE_ERROR_MAX, "giving up privileges: %s", strerror(-err));
	return err;
}
