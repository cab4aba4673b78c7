/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/seccomp.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without arguments to look at. */
static const int allowed[] = {
	/* sockets it has */
	SCMP_SYS(accept4), SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(write),
	SCMP_SYS(writev), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(close), SCMP_SYS(shutdown), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(connect),
	SCMP_SYS(splice), SCMP_SYS(pipe2), SCMP_SYS(fcntl), SCMP_SYS(dup),
	SCMP_SYS(dup3), /* the access log opened again keeps its number */
	/* waiting */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(eventfd2), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(futex), SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall),
	/* time and chance */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(getrandom),
	/* memory; mmap and mprotect are looked at below */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(membarrier),
	/* threads; clone is looked at below */
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(getcpu), SCMP_SYS(exit), SCMP_SYS(exit_group),
	/* signals to itself */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	/* what the C library asks about its own standard error, and the log about its size */
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek),
	SCMP_SYS(sysinfo), /* its qsort(), of more than a kilobyte: how much memory there is */
};

/*
 * The handler runs where the call was refused. A filter's SIGSYS is forced: were it blocked the kernel would end the
 * process all the same, only without a word.
 */
static void tell_and_end(int signal_number, siginfo_t *info, void *context)
{
	static const char start[] = "error: http: a system call was refused, number ";
	char text[sizeof(start) + 16];
	unsigned number = (unsigned)info->si_syscall, len = sizeof(start) - 1, digits = 1;

	memcpy(text, start, len);
	for (unsigned rest = number; rest >= 10; rest /= 10)
		digits++;
	for (unsigned i = digits; i; i--, number /= 10)
		text[len + i - 1] = (char)('0' + number % 10);
	len += digits;
	text[len++] = '\n';
	(void)!write(STDERR_FILENO, text, len); /* there is nothing left to do but end */

	(void)signal(SIGSYS, SIG_DFL);
	/* SIGSYS again, now with the default action: the parent sees why it died. */
	(void)kill(getpid(), SIGSYS);
	_exit(128 + SIGSYS);
}

static int catch_refusals(void)
{
	struct sigaction action = {.sa_sigaction = tell_and_end,
				   .sa_flags = SA_SIGINFO | SA_NODEFER};

	return sigaction(SIGSYS, &action, NULL) ? -errno : 0;
}

/* TCP over IPv4 and IPv6, and Unix streams. No netlink, packets, raw sockets, vsock and the like. */
static int allow_sockets(scmp_filter_ctx ctx)
{
	static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
	const uint64_t flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(families) / sizeof(families[0]); i++)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, (scmp_datum_t)(uint32_t)~flags, SOCK_STREAM));
	return err;
}

/* Threads, but no processes; memory, but none that can be executed. */
static int allow_threads_and_memory(scmp_filter_ctx ctx)
{
	const scmp_datum_t thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				   SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));

	/* clone3 hides its flags behind a pointer; the C library then uses clone. */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

/* What is harmless and asked for on the way, but never by us: an error will do. */
static int soften(scmp_filter_ctx ctx)
{
	/* isatty() of a stream that is used for the first time; names of threads, for debuggers. */
	int err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);

	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				       SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
	/* How many files it may have: to ask, not to change. */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				       SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0));
	/* abort() of the hardened C library, and tell_and_end(). */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return err;
}

static int add_rules(scmp_filter_ctx ctx)
{
	int err = allow_sockets(ctx);

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!err)
		err = allow_threads_and_memory(ctx);
	return err ? err : soften(ctx);
}

int seccomp_confine(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int err;

	if (!ctx)
		return -ENOMEM;
	err = add_rules(ctx);
	if (!err)
		err = catch_refusals();
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}
