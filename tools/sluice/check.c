/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>

#include "ask.h"
#include "check.h"
#include "memory.h"

#define PROGRAM	    "sluiced"
#define NOT_RUN	    127	 /* of the child, as shells have it */
#define FINDING_MAX 4096 /* bytes of a line, longer ones are cut */

/* The agent's program in the directory of this one; false if it cannot be named. */
static bool find_beside(char path[static PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof("/" PROGRAM));
	char *slash;

	if (len <= 0)
		return false;
	path[len] = 0;
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	strcpy(slash + 1, PROGRAM);
	return true;
}

/* Becomes the agent's program. Returns only if that fails, said on stderr. */
static void become_checker(const char *file)
{
	char *arguments[] = {PROGRAM, "--check", (char *)file, NULL};
	char path[PATH_MAX], clean[TEXT_CELL_MAX];

	errno = ENOENT;
	if (find_beside(path))
		execv(path, arguments);
	if (errno == ENOENT)
		execvp(PROGRAM, arguments);
	fprintf(stderr,
		"sluice: cannot check %s: cannot run " PROGRAM
		": %s; install it beside sluice or in "
		"PATH\n",
		text_clean(file, clean, sizeof(clean)), strerror(errno));
}

/* The number before a colon at *at, which is then behind it; 0 if there is none. */
static unsigned take_number(const char **at)
{
	size_t digits = strspn(*at, "0123456789");
	unsigned number;

	if (!digits || digits > 9 || (*at)[digits] != ':')
		return 0;
	number = strtoul(*at, NULL, 10);
	*at += digits + 1;
	return number;
}

/* "FILE:LINE:COLUMN: error: TEXT", the place may be missing. NULL if line is nothing like it. */
static json_t *finding_of(const char *line, const char *file)
{
	size_t file_len = strlen(file);
	const char *at = line + file_len + 1;
	unsigned row, column;
	size_t len;

	if (strncmp(line, file, file_len) != 0 || line[file_len] != ':')
		return NULL;
	row = take_number(&at);
	column = take_number(&at);
	at += strspn(at, " ");
	len = strcspn(at, ":");
	if (strncmp(at, "error:", 6) != 0 && strncmp(at, "warning:", 8) != 0)
		return json_pack("{s:i, s:i, s:s, s:s}", "line", row, "column", column, "severity",
				 "error", "text", at);
	return json_pack("{s:i, s:i, s:s%, s:s}", "line", row, "column", column, "severity", at,
			 len, "text", at + len + 1 + strspn(at + len + 1, " "));
}

/* What is no finding is the program's own trouble, and passed on. */
static json_t *findings_of(FILE *output, const char *file)
{
	json_t *findings = json_array();
	char line[FINDING_MAX], clean[FINDING_MAX];

	while (fgets(line, sizeof(line), output)) {
		json_t *finding;

		line[strcspn(line, "\n")] = 0;
		finding = finding_of(line, file);
		if (finding)
			(void)json_array_append_new(findings, finding);
		else
			fprintf(stderr, "%s\n", text_clean(line, clean, sizeof(clean)));
	}
	return findings;
}

/* In the child: stderr is the pipe, stdout is nobody's. */
static void run_child(int pipe_fd, const char *file)
{
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null_fd >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 && dup2(pipe_fd, STDERR_FILENO) >= 0)
		become_checker(file);
	_exit(NOT_RUN);
}

static enum exit_code print_findings(FILE *output, const char *file, pid_t child)
{
	auto_json json_t *findings = findings_of(output, file);
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_REFUSED;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == NOT_RUN)
		return EXIT_REFUSED;
	print_json(findings);
	return WEXITSTATUS(status) ? EXIT_REFUSED : EXIT_DONE;
}

static enum exit_code check_as_json(const char *file)
{
	auto_file FILE *output = NULL;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC)) {
		perror("sluice: cannot make a pipe");
		return EXIT_REFUSED;
	}
	output = fdopen(ends[0], "r");
	child = output ? fork() : -1;
	if (!child)
		run_child(ends[1], file);
	close(ends[1]);
	if (child < 0) {
		perror("sluice: cannot start " PROGRAM);
		return EXIT_REFUSED;
	}
	return print_findings(output, file, child);
}

enum exit_code policy_check(const struct cli *cli, const char *file)
{
	const char *path = strcmp(file, "-") ? file : "/dev/stdin";

	if (cli->json)
		return check_as_json(path);
	become_checker(path);
	return EXIT_REFUSED;
}
