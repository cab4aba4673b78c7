/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows and columns, as wide as what is in them. Cells are cleaned when added. */
#ifndef SLUICE_TABLE_H
#define SLUICE_TABLE_H

#include <stddef.h>

#include "text.h"

struct column {
	const char *title; /* NULL ends the list */
	bool is_right;	   /* figures stand to the right */
};

struct table {
	const struct column *columns; /* must outlive the table */
	size_t column_count;
	size_t cell_count;
	size_t room;
	struct cell *cells; /* row by row */
	size_t gives_way;   /* column left out where lines would be wider than look's; 0: none */
};

struct cell {
	char *text;
	enum colour colour;
};

/* An empty table. columns must outlive it; its cells are freed with it. */
struct table table_new(const struct column *columns);
void table_free(struct table *table);
#define auto_table __attribute__((cleanup(table_free)))

/* Add the next cell of the row, or begin the next row. */
void table_add(struct table *table, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Rows so far; one that is not complete does not count. */
size_t table_rows(const struct table *table);

/* With a line of titles; nothing at all if there is no row. */
void table_print(const struct table *table, const struct look *look);

#endif
