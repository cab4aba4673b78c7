/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/privileges.h"
#include "child/child.h"

#define ENVIRONMENT_MAX 4

int http_process_program(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The system's own limit, fs.nr_open; without it the limit stays. */
static rlim_t most_files(void)
{
	auto_fclose FILE *file = fopen("/proc/sys/fs/nr_open", "re");
	unsigned long long most;

	return file && fscanf(file, "%llu", &most) == 1 ? (rlim_t)most : 0;
}

void http_process_raise_files(void)
{
	struct rlimit limit;
	rlim_t most = most_files();

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max >= most)
		return;
	limit.rlim_max = most;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* not root: the child says if it is too few */
}

/* Nothing of the environment but what the log goes by. */
static void keep_environment(char *kept[static ENVIRONMENT_MAX])
{
	static const char *const names[] = {"JOURNAL_STREAM=", "ASAN_OPTIONS=", "UBSAN_OPTIONS="};
	size_t count = 0;

	for (char **at = environ; *at && count < ENVIRONMENT_MAX - 1; at++)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strncmp(*at, names[i], strlen(names[i])) &&
			    count < ENVIRONMENT_MAX - 1)
				kept[count++] = *at;
	kept[count] = NULL;
}

/* In the forked process: of one thread, as the parent is, so it may allocate. */
static void __attribute__((noreturn))
become_child(int program_fd, int pipe_fd, const char *log_level, char *const *environment)
{
	char *const arguments[] = {"sluiced: http", "--http-child",
				   log_level ? "--log-level" : NULL, (char *)log_level, NULL};
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* The program must not lie where the pipe is to be. */
	int program = fcntl(program_fd, F_DUPFD_CLOEXEC, CHILD_FD + 1);
	int pipe_copy = fcntl(pipe_fd, F_DUPFD_CLOEXEC, CHILD_FD + 1);

	if (null_fd >= 0)
		(void)dup2(null_fd, STDIN_FILENO); /* it never reads from there */
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);  /* nor writes there */
	/* What it needs to become another user, and no more for a single instruction of its own. */
	if (privileges_keep_user_change())
		_exit(125);
	if (program < 0 || pipe_copy < 0 || dup2(pipe_copy, CHILD_FD) < 0 ||
	    close_range(CHILD_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC))
		_exit(126);
	(void)execveat(program, "", arguments, environment, AT_EMPTY_PATH);
	_exit(127);
}

int http_process_start(int program_fd, const char *log_level, struct http_process *ret_process)
{
	auto_close int ours = -1, theirs = -1;
	char *environment[ENVIRONMENT_MAX];
	int pair[2], pid_fd, err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	keep_environment(environment);

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become_child(program_fd, theirs, log_level, environment);
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid_fd < 0) {
		err = -errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err;
	}
	*ret_process =
		(struct http_process){.pid = pid, .pid_fd = pid_fd, .pipe_fd = take_fd(ours)};
	return 0;
}

void http_process_end(struct http_process *process, char *out, size_t size)
{
	auto_lower_kill bool raised = privileges_raise_kill();
	int status = 0;

	(void)kill(process->pid, SIGKILL); /* it may have ended by itself; it is not reaped yet */
	(void)waitpid(process->pid, &status, 0);
	close(process->pid_fd);
	close(process->pipe_fd);
	*process = (struct http_process){.pid = 0, .pid_fd = -1, .pipe_fd = -1};
	if (WIFSIGNALED(status))
		(void)snprintf(out, size, "signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(out, size, "exit code %d", WEXITSTATUS(status));
}
