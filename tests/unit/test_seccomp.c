/* SPDX-License-Identifier: BSD-2-Clause */
/* What a confined process may and may not do, each in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child/seccomp.h"

typedef int act_fn(void);

/* How a process ends that does this confined: its exit code, or minus its signal. What it says goes to said. */
static int outcome(act_fn *act, char *said, size_t size)
{
	int pipe_fds[2], status;
	ssize_t len;
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid) {
		dup2(pipe_fds[1], STDERR_FILENO);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || seccomp_confine())
			_exit(99);
		_exit(act());
	}
	close(pipe_fds[1]);
	len = read(pipe_fds[0], said, size - 1);
	said[len > 0 ? len : 0] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void assert_allowed(act_fn *act)
{
	char said[256];

	assert_int_equal(outcome(act, said, sizeof(said)), 0);
}

static void assert_ended(act_fn *act, long number)
{
	char said[256], expected[128];

	assert_int_equal(outcome(act, said, sizeof(said)), -SIGSYS);
	snprintf(expected, sizeof(expected), "a system call was refused, number %ld\n", number);
	assert_non_null(strstr(said, expected));
}

static int opens_a_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0;
}

static int makes_netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

static int makes_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) < 0;
}

static int makes_udp_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) < 0;
}

static int makes_raw_socket(void)
{
	return socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) < 0;
}

static int starts_a_program(void)
{
	char *const arguments[] = {"true", NULL};

	return execve("/bin/true", arguments, NULL);
}

static int forks(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) < 0;
}

static int binds(void)
{
	return bind(0, NULL, 0);
}

static pid_t somebody_else;

static int kills_another(void)
{
	return kill(somebody_else, 0);
}

static int makes_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int raises_its_files(void)
{
	const struct rlimit limit = {10, 10};

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static void files_programs_and_processes_are_out_of_reach(void **state)
{
	assert_ended(opens_a_file, SYS_openat);
	assert_ended(starts_a_program, SYS_execve);
	assert_ended(forks, SYS_clone);
	somebody_else = getpid(); /* the one that starts it */
	assert_ended(kills_another, SYS_kill);
}

static void sockets_of_other_families_and_kinds_are_out_of_reach(void **state)
{
	assert_ended(makes_netlink_socket, SYS_socket);
	assert_ended(makes_packet_socket, SYS_socket);
	assert_ended(makes_udp_socket, SYS_socket);
	assert_ended(makes_raw_socket, SYS_socket);
	assert_ended(binds, SYS_bind);
}

static void memory_that_runs_and_limits_that_rise_are_out_of_reach(void **state)
{
	assert_ended(makes_code, SYS_mmap);
	assert_ended(raises_its_files, SYS_prlimit64);
}

static int makes_streams(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) < 0 ||
	       socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ||
	       socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0) < 0;
}

static void *touch(void *context)
{
	memset(context, 1, 1 << 20);
	return NULL;
}

static int runs_threads(void)
{
	char *memory = malloc(1 << 20);
	pthread_t thread;

	return !memory || pthread_create(&thread, NULL, touch, memory) ||
	       pthread_join(thread, NULL) || !memory[5];
}

static int asks_its_files(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit);
}

static void streams_threads_and_memory_are_what_it_needs(void **state)
{
	assert_allowed(makes_streams);
	assert_allowed(runs_threads);
	assert_allowed(asks_its_files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_programs_and_processes_are_out_of_reach),
		cmocka_unit_test(sockets_of_other_families_and_kinds_are_out_of_reach),
		cmocka_unit_test(memory_that_runs_and_limits_that_rise_are_out_of_reach),
		cmocka_unit_test(streams_threads_and_memory_are_what_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
