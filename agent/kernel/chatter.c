/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include <xdp/libxdp.h>

#include "base/log.h"
#include "kernel/chatter.h"

/* Both libraries call back without a context: the only place it can be kept. */
static _Thread_local char last[CHATTER_MAX];

/* The kernel's own sentence says more than what the libraries add when they pass its failure on. */
static const char kernel_says[] = "Kernel error message: ";

static void remember(const char *text)
{
	const char *start = text;

	if (!strncmp(start, "libbpf: ", 8) || !strncmp(start, "libxdp: ", 8))
		start += 8;
	if (!strncmp(start, kernel_says, sizeof(kernel_says) - 1))
		start += sizeof(kernel_says) - 1;
	else if (last[0] && strstr(start, "rror: "))
		return; /* a summary of what was already told */
	snprintf(last, sizeof(last), "%.*s", (int)strcspn(start, "\n"), start);
}

static int say(bool complaint, const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	if (complaint)
		remember(text);
	log_debug("%.*s", (int)strcspn(text, "\n"), text);
	return 0;
}

static int from_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_DEBUG)
		return 0; /* hundreds of lines a load */
	return say(level == LIBBPF_WARN, format, args);
}

/* libxdp tells why it gives up its dispatcher on the level of information. */
static int from_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	return say(level == LIBXDP_WARN ||
			   (level == LIBXDP_INFO && !strstr(format, "Falling back")),
		   format, args);
}

void chatter_route(void)
{
	(void)libbpf_set_print(from_libbpf); /* the old printer is nobody's */
	(void)libxdp_set_print(from_libxdp);
}

void chatter_clear(void)
{
	last[0] = '\0';
}

const char *chatter_last(void)
{
	return last;
}
