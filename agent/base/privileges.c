/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"

static const cap_value_t needed[] = {CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON};
static const cap_value_t in_reserve[] = {CAP_SYS_ADMIN, CAP_NET_BIND_SERVICE, CAP_KILL, CAP_SETUID,
					 CAP_SETGID};
static const cap_value_t user_change[] = {CAP_SETUID, CAP_SETGID};

/* The system's own user for nobody in particular (kernel.overflowuid); needs no look into a file. */
#define NOBODY	     65534

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void cleanup_cap(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

#define auto_cap __attribute__((cleanup(cleanup_cap)))

/* Copy flag of each value from `from`, where it is set, to `to`. */
static int keep(cap_t to, cap_t from, cap_flag_t flag, const cap_value_t values[], int count)
{
	for (int i = 0; i < count; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		if (cap_get_flag(from, values[i], CAP_PERMITTED, &has))
			return -errno;
		if (has == CAP_SET && cap_set_flag(to, flag, 1, &values[i], CAP_SET))
			return -errno;
	}
	return 0;
}

int privileges_drop(void)
{
	auto_cap cap_t now = cap_get_proc();
	auto_cap cap_t then = cap_init();

	if (!now || !then)
		return -errno;

	if (keep(then, now, CAP_PERMITTED, needed, COUNT(needed)) ||
	    keep(then, now, CAP_EFFECTIVE, needed, COUNT(needed)) ||
	    keep(then, now, CAP_PERMITTED, in_reserve, COUNT(in_reserve)))
		return -EINVAL;

	if (cap_set_proc(then) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

/* Returns whether the flag was changed. */
static bool set_effective(cap_value_t capability, cap_flag_value_t value)
{
	auto_cap cap_t caps = cap_get_proc();
	cap_flag_value_t permitted = CAP_CLEAR;
	cap_flag_value_t effective = CAP_CLEAR;

	if (!caps || cap_get_flag(caps, capability, CAP_PERMITTED, &permitted) ||
	    cap_get_flag(caps, capability, CAP_EFFECTIVE, &effective))
		return false;
	if (permitted != CAP_SET || effective == value)
		return false;
	return !cap_set_flag(caps, CAP_EFFECTIVE, 1, &capability, value) && !cap_set_proc(caps);
}

bool privileges_raise(void)
{
	return set_effective(CAP_SYS_ADMIN, CAP_SET);
}

void privileges_lower(const bool *raised)
{
	if (*raised && !set_effective(CAP_SYS_ADMIN, CAP_CLEAR))
		log_error("cannot lower CAP_SYS_ADMIN; it stays in force until the next attach");
}

bool privileges_raise_bind(void)
{
	return set_effective(CAP_NET_BIND_SERVICE, CAP_SET);
}

void privileges_lower_bind(const bool *raised)
{
	if (*raised && !set_effective(CAP_NET_BIND_SERVICE, CAP_CLEAR))
		log_error("cannot lower CAP_NET_BIND_SERVICE; it stays in force");
}

bool privileges_raise_kill(void)
{
	return set_effective(CAP_KILL, CAP_SET);
}

void privileges_lower_kill(const bool *raised)
{
	if (*raised && !set_effective(CAP_KILL, CAP_CLEAR))
		log_error("cannot lower CAP_KILL; it stays in force");
}

int privileges_keep_user_change(void)
{
	auto_cap cap_t now = cap_get_proc();
	auto_cap cap_t then = cap_init();

	if (!now || !then)
		return -errno;
	if (keep(then, now, CAP_PERMITTED, user_change, COUNT(user_change)) ||
	    keep(then, now, CAP_EFFECTIVE, user_change, COUNT(user_change)))
		return -EINVAL;
	if (cap_set_proc(then) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

int privileges_become_nobody(void)
{
	auto_cap cap_t none = cap_init();
	int err = privileges_keep_user_change();

	if (err || !none)
		return err ? err : -ENOMEM;
	if (!geteuid() && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		return -errno;
	return cap_set_proc(none) ? -errno : 0;
}
