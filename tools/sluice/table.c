/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "memory.h"
#include "table.h"

#define LEFT_OUT SIZE_MAX /* the width of a column that is not shown */
#define GAP	 2	  /* columns of space between cells */

struct table table_new(const struct column *columns)
{
	struct table table = {.columns = columns};

	while (columns[table.column_count].title)
		table.column_count++;
	return table;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = table_new(table->columns);
}

/* Space behind a text, that of a bar above all, is the table's to give. */
static void trim(char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == ' ')
		text[--len] = 0;
}

void table_add(struct table *table, enum colour colour, const char *format, ...)
{
	char text[TEXT_CELL_MAX], clean[TEXT_CELL_MAX];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	trim(text);

	if (table->cell_count == table->room) {
		table->room = table->room * 2 + table->column_count * 16;
		table->cells = memory_resize(table->cells, table->room * sizeof(*table->cells));
	}
	table->cells[table->cell_count++] = (struct cell){
		.text = memory_copy(text_clean(text, clean, sizeof(clean))),
		.colour = colour,
	};
}

size_t table_rows(const struct table *table)
{
	return table->cell_count / table->column_count;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t max = text_width(table->columns[column].title);

	for (size_t i = column; i < table->cell_count; i += table->column_count) {
		size_t width = text_width(table->cells[i].text);

		max = width > max ? width : max;
	}
	return max;
}

static void pad(size_t columns)
{
	printf("%*s", (int)columns, "");
}

static bool is_left_out(const struct table *table, const struct look *look, const size_t *widths)
{
	size_t all = (table->column_count - 1) * GAP;

	for (size_t i = 0; i < table->column_count; i++)
		all += widths[i];
	return table->gives_way && look->columns && all > look->columns;
}

/* One row, or with cells NULL the titles. */
static void print_row(const struct table *table, const struct look *look, const struct cell *cells,
		      const size_t *widths)
{
	size_t owed = 0; /* space before the next text; never printed at the end of a line */

	for (size_t i = 0; i < table->column_count; i++) {
		enum colour colour = cells ? cells[i].colour : COLOUR_DIM;
		const char *text = cells ? cells[i].text : table->columns[i].title;
		size_t slack = widths[i] - text_width(text);
		bool is_right = table->columns[i].is_right;

		if (widths[i] == LEFT_OUT)
			continue;
		if (*text) {
			pad(owed + (is_right ? slack : 0));
			printf("%s%s%s", colour_on(look, colour), text, colour_off(look, colour));
			owed = is_right ? 0 : slack;
		} else {
			owed += slack;
		}
		owed += GAP;
	}
	putchar('\n');
}

void table_print(const struct table *table, const struct look *look)
{
	size_t widths[table->column_count];

	if (!table_rows(table))
		return;
	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = column_width(table, i);
	if (is_left_out(table, look, widths))
		widths[table->gives_way] = LEFT_OUT;
	print_row(table, look, NULL, widths);
	for (size_t i = 0; i < table_rows(table); i++)
		print_row(table, look, table->cells + i * table->column_count, widths);
}
