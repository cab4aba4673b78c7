/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int place_compare(struct place a, struct place b)
{
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return (a.column > b.column) - (a.column < b.column);
}

/* The last warning kept, or count if there is none. */
static size_t last_warning(const struct policy_problems *problems)
{
	for (size_t i = problems->count; i-- > 0;)
		if (problems->at[i].is_warning)
			return i;
	return problems->count;
}

/* Which of the kept problems gives way to one at place; count if none does. */
static size_t find_victim(const struct policy_problems *problems, struct place place,
			  bool is_warning)
{
	size_t victim = last_warning(problems);
	size_t last = problems->count - 1;

	if (victim < problems->count && !is_warning)
		return victim;
	if (is_warning && !problems->at[last].is_warning)
		return problems->count;
	return place_compare(place, problems->at[last].place) < 0 ? last : problems->count;
}

bool problems_full(const struct policy_problems *problems, struct place place)
{
	return problems->count == POLICY_ERRORS_MAX &&
	       find_victim(problems, place, false) == problems->count;
}

static void remove_at(struct policy_problems *problems, size_t i)
{
	problems->count--;
	memmove(&problems->at[i], &problems->at[i + 1],
		(problems->count - i) * sizeof(problems->at[0]));
}

/* Behind those at the same place: found first, told first. */
static struct policy_problem *insert(struct policy_problems *problems, struct place place)
{
	size_t i = problems->count++;

	for (; i && place_compare(place, problems->at[i - 1].place) < 0; i--)
		problems->at[i] = problems->at[i - 1];
	return &problems->at[i];
}

void problems_add(struct policy_problems *problems, struct place place, bool is_warning,
		  const char *format, ...)
{
	struct policy_problem *problem;
	va_list args;

	if (is_warning)
		problems->warnings++;
	else
		problems->errors++;
	if (problems->count == POLICY_ERRORS_MAX) {
		size_t victim = find_victim(problems, place, is_warning);

		if (victim == problems->count)
			return;
		remove_at(problems, victim);
	}

	problem = insert(problems, place);
	problem->place = place;
	problem->is_warning = is_warning;
	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
}

void policy_problems_format(const struct policy_problems *problems, const char *file,
			    struct buffer *out)
{
	size_t all = problems->errors + problems->warnings;

	for (size_t i = 0; i < problems->count; i++) {
		const struct policy_problem *problem = &problems->at[i];

		buffer_add_text(out, file);
		if (problem->place.line)
			buffer_printf(out, ":%u:%u", problem->place.line, problem->place.column);
		buffer_printf(out, ": %s: %s\n", problem->is_warning ? "warning" : "error",
			      problem->text);
	}
	if (all > problems->count)
		buffer_printf(out, "%s: and %zu more\n", file, all - problems->count);
}
