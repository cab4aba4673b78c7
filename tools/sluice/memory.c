/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <string.h>

#include "memory.h"

void memory_is_out(void)
{
	fputs("sluice: out of memory\n", stderr);
	exit(1);
}

void *memory_resize(void *old, size_t size)
{
	void *new = realloc(old, size ? size : 1);

	if (!new)
		memory_is_out();
	return new;
}

char *memory_copy(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		memory_is_out();
	return copy;
}

char *memory_printf(const char *format, ...)
{
	char *text = NULL;
	va_list list;
	int len;

	va_start(list, format);
	len = vasprintf(&text, format, list);
	va_end(list);
	if (len < 0)
		memory_is_out();
	return text;
}
