/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One picture of `sluice top`, as rows of coloured text: drawn here, shown by ncurses or
 * printed. Knows the size it may fill, no terminal.
 */
#ifndef SLUICE_FRAME_H
#define SLUICE_FRAME_H

#include "rates.h"
#include "text.h"

#define FRAME_NOTE_MAX 160

/* What the user has chosen. */
struct view {
	enum rates_order order;
	bool is_paused;
	bool asks_ban;		       /* the footer asks whether to ban the selected source */
	bool is_live;		       /* a person watches: show the keys */
	char selected[RATES_NAME_MAX]; /* a source; "" for none */
	char note[FRAME_NOTE_MAX];     /* what went wrong, or was done; "" for nothing */
	bool note_is_bad;
};

/* A run of text in one colour. */
struct piece {
	unsigned row;
	enum colour colour;
	bool is_marked; /* the selected row */
	char *text;
};

struct frame {
	unsigned width, height; /* pieces never leave these */
	unsigned row;
	unsigned column;
	bool is_marked;
	struct piece *pieces;
	size_t count, room;
};

/* Draws into *frame, of which width and height are set. Free it with frame_free(). */
void frame_draw(struct frame *frame, const struct rates *rates, const struct view *view,
		const struct look *look);

void frame_free(struct frame *frame);

/* ---- For its parts ---- */

/* More text in the row, cut at the frame's edge. */
void frame_add(struct frame *frame, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void frame_end_row(struct frame *frame);

/* One row of requests and answers, where there is an HTTP plane; and its servers (frame_http.c). */
void frame_draw_http(struct frame *frame, const struct rates *rates);
void frame_draw_servers(struct frame *frame, const struct rates *rates);

#endif
