/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting the HTTP child: this same program, executed anew, with one socket and nothing else. */
#ifndef HTTP_PROCESS_H
#define HTTP_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct http_process {
	pid_t pid;
	int pid_fd;  /* readable once it has ended */
	int pipe_fd; /* our end of the socketpair */
};

/* The running program's file, for http_process_start(); it may be replaced on disk meanwhile. -errno. */
int http_process_program(void);

/* Let this process's children have as many files as the system lets any. What cannot be raised stays. */
void http_process_raise_files(void);

/* Returns 0 and *ret_process; -errno. log_level may be NULL. */
int http_process_start(int program_fd, const char *log_level, struct http_process *ret_process);

/*
 * Kill it if it still runs, wait for it, close what is ours. out (size bytes) gets how it ended, for people:
 * "exit code 1", "signal 31 (Bad system call)".
 */
void http_process_end(struct http_process *process, char *out, size_t size);

#endif
