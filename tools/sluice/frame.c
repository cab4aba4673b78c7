/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "ask.h"
#include "frame.h"
#include "memory.h"

#define REASON_ROWS  6
#define FIXED_ROWS   9 /* title, three totals, note, two headings, the gap between, keys */
#define BAR_CELLS    16
#define WIDE	     96 /* columns from which the sources have bars */
#define SOURCE_FIXED 56 /* columns of a source's line behind its name */
#define NAME_MIN     18

static const struct {
	const char *label;
	enum colour colour;
} verdicts[SL_VERDICT_COUNT] = {
	[SL_PASS] = {"passed", COLOUR_GOOD},
	[SL_FLAG] = {"flagged", COLOUR_CAUTION},
	[SL_DROP] = {"dropped", COLOUR_BAD},
};

static const char *const order_names[RATES_ORDER_COUNT] = {"dropped", "passed", "bytes"};

void frame_free(struct frame *frame)
{
	for (size_t i = 0; i < frame->count; i++)
		free(frame->pieces[i].text);
	free(frame->pieces);
	frame->pieces = NULL;
	frame->count = frame->room = 0;
}

/* Cut text to so many columns. Everything we draw is one column wide. */
static unsigned cut(char *text, unsigned columns)
{
	size_t left = strlen(text);
	unsigned taken = 0;

	while (left && taken < columns) {
		mbstate_t state = {};
		size_t bytes = mbrlen(text, left, &state);

		bytes = bytes == 0 || bytes > left ? 1 : bytes;
		text += bytes;
		left -= bytes;
		taken++;
	}
	*text = 0;
	return taken;
}

void frame_add(struct frame *frame, enum colour colour, const char *format, ...)
{
	char text[TEXT_CELL_MAX];
	va_list list;

	if (frame->row >= frame->height || frame->column >= frame->width)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	frame->column += cut(text, frame->width - frame->column);

	if (frame->count == frame->room) {
		frame->room = frame->room * 2 + 64;
		frame->pieces = memory_resize(frame->pieces, frame->room * sizeof(*frame->pieces));
	}
	frame->pieces[frame->count++] = (struct piece){
		.row = frame->row,
		.colour = colour,
		.is_marked = frame->is_marked,
		.text = memory_copy(text),
	};
}

void frame_end_row(struct frame *frame)
{
	frame->row++;
	frame->column = 0;
}

static void draw_title(struct frame *frame, const struct rates *rates, const struct look *look)
{
	const char *state = field_text(rates->status, "state");
	const json_t *tables = json_object_get(rates->status, "tables");
	char used[TEXT_MAX], bans[TEXT_MAX], span[TEXT_MAX], clean[32];

	frame_add(frame, COLOUR_STRONG, "sluice ");
	frame_add(frame,
		  strcmp(state, "protecting") && strcmp(state, "serving") ? COLOUR_BAD
									  : COLOUR_GOOD,
		  "%s %s", look->has_unicode ? "●" : "*", text_clean(state, clean, sizeof(clean)));
	frame_add(frame, COLOUR_PLAIN, "  up %s  policy %llu",
		  text_span(field_count(rates->status, "uptime"), span),
		  (unsigned long long)field_count(rates->status, "generation"));
	if (rates_have_packets(rates))
		frame_add(frame, COLOUR_PLAIN, "  %s sources  %s bans",
			  text_count(field_count(json_object_get(tables, "sources"), "used"), used),
			  text_count(field_count(json_object_get(tables, "bans"), "used"), bans));
	frame_end_row(frame);
}

static void draw_curve(struct frame *frame, const struct rates *rates, enum sl_verdict verdict,
		       const struct look *look)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const signs[] = {"_", ".", ".", "-", "-", "=", "*", "#"};
	const double *history = rates->history[verdict];
	double max = 0;

	for (size_t i = 0; i < rates->history_len; i++)
		max = history[i] > max ? history[i] : max;
	for (size_t i = 0; i < rates->history_len; i++) {
		unsigned level = max > 0 ? text_round(7 * history[i] / max) : 0;

		frame_add(frame, verdicts[verdict].colour, "%s",
			  look->has_unicode ? blocks[level] : signs[level]);
	}
}

static void draw_totals(struct frame *frame, const struct rates *rates, const struct look *look)
{
	for (int i = 0; i < SL_VERDICT_COUNT; i++) {
		char rate[TEXT_MAX];

		frame_add(frame, COLOUR_DIM, "%-8s", verdicts[i].label);
		frame_add(
			frame, rates->per_second[i] > 0 ? verdicts[i].colour : COLOUR_DIM, "%9s/s ",
			rates->is_valid ? text_count(text_round(rates->per_second[i]), rate) : "-");
		draw_curve(frame, rates, i, look);
		frame_end_row(frame);
	}
}

static unsigned name_width(const struct frame *frame)
{
	unsigned fixed = SOURCE_FIXED + (frame->width >= WIDE ? BAR_CELLS + 1 : 0);
	unsigned width = frame->width > fixed ? frame->width - fixed : 0;

	return width < NAME_MIN ? NAME_MIN : width > 44 ? 44 : width;
}

static void draw_source(struct frame *frame, const struct rates_source *source, double max,
			const struct look *look)
{
	char rate[TEXT_MAX], bar[TEXT_BAR_MAX];
	double dropped = source->per_second[SL_DROP];
	int width = name_width(frame);

	frame_add(frame, COLOUR_PLAIN, "%-*.*s %-8.8s", width, width, source->name, source->tier);
	for (int i = 0; i < SL_VERDICT_COUNT; i++)
		frame_add(frame,
			  source->per_second[i] > 0 && i != SL_PASS ? verdicts[i].colour
								    : COLOUR_PLAIN,
			  " %9s", text_count(text_round(source->per_second[i]), rate));
	frame_add(frame, COLOUR_PLAIN, " %9s",
		  text_bytes(text_round(source->bytes_per_second), rate));
	if (frame->width >= WIDE)
		frame_add(frame, COLOUR_BAD, " %s",
			  text_bar(look, max > 0 ? dropped / max : 0, BAR_CELLS, bar));
}

static void draw_banned(struct frame *frame, const struct rates_source *source,
			const struct rates *rates)
{
	int64_t left_s = source->banned_until_unix_s - rates->at_unix_s;
	char span[TEXT_MAX];

	if (left_s > 0)
		frame_add(frame, COLOUR_BAD, " %6s", text_span(left_s, span));
	frame_end_row(frame);
}

/* Rows left for sources: all that the fixed parts do not need; a printed frame has no empty ones. */
static size_t source_rows(const struct frame *frame, const struct rates *rates,
			  const struct view *view)
{
	const size_t others = FIXED_ROWS + REASON_ROWS - 1; /* the footer's row is off already */
	size_t rows = frame->height > others ? frame->height - others : 1;

	return !view->is_live && rows > rates->source_count ? rates->source_count : rows;
}

static void draw_sources(struct frame *frame, const struct rates *rates, const struct view *view,
			 const struct look *look)
{
	size_t rows = source_rows(frame, rates, view);
	size_t selected = 0, first;
	double max = 0;

	for (size_t i = 0; i < rates->source_count; i++) {
		if (!strcmp(rates->sources[i].name, view->selected))
			selected = i;
		if (rates->sources[i].per_second[SL_DROP] > max)
			max = rates->sources[i].per_second[SL_DROP];
	}
	first = selected >= rows ? selected - rows + 1 : 0; /* scroll as far as needed */

	for (size_t i = first; i < first + rows; i++) {
		if (i >= rates->source_count) {
			frame_end_row(frame);
			continue;
		}
		frame->is_marked = !strcmp(rates->sources[i].name, view->selected);
		draw_source(frame, &rates->sources[i], max, look);
		draw_banned(frame, &rates->sources[i], rates);
		frame->is_marked = false;
	}
}

static void draw_source_heading(struct frame *frame, const struct view *view)
{
	frame_add(frame, COLOUR_DIM, "%-*s %-8s %9s %9s %9s %9s", name_width(frame), "SOURCE",
		  "TIER", "PASSED/s", "FLAGGED/s", "DROPPED/s", "BYTES/s");
	if (frame->width >= WIDE)
		frame_add(frame, COLOUR_DIM, " %*s", BAR_CELLS, "");
	frame_add(frame, COLOUR_DIM, " BANNED");
	frame_end_row(frame);
}

static void draw_reasons(struct frame *frame, const struct rates *rates, const struct look *look)
{
	double all = 0;

	frame_add(frame, COLOUR_DIM, "%-18s %-6s %9s %9s", "REASON", "", "PER SEC", "EVER");
	frame_end_row(frame);
	for (int i = 0; i < SL_VERDICT_COUNT; i++)
		all += rates->per_second[i];

	for (size_t i = 0; i < REASON_ROWS; i++) {
		const struct rates_reason *reason = &rates->reasons[i];
		char rate[TEXT_MAX], ever[TEXT_MAX], bar[TEXT_BAR_MAX];

		if (i < rates->reason_count) {
			frame_add(frame, COLOUR_PLAIN, "%-18.18s ", reason->label);
			frame_add(frame, verdicts[reason->verdict].colour, "%-7.4s",
				  verdicts[reason->verdict].label);
			frame_add(frame, COLOUR_PLAIN, "%9s %9s ",
				  text_count(text_round(reason->per_second), rate),
				  text_count(reason->packets, ever));
			frame_add(frame, verdicts[reason->verdict].colour, "%s",
				  text_bar(look, all > 0 ? reason->per_second / all : 0, BAR_CELLS,
					   bar));
		}
		frame_end_row(frame);
	}
}

static void draw_footer(struct frame *frame, const struct rates *rates, const struct view *view)
{
	frame->row = frame->height - 1;
	if (view->asks_ban)
		frame_add(frame, COLOUR_BAD, "ban %s for an hour? y to ban, any other key not to",
			  view->selected);
	else if (view->is_live && !rates_have_packets(rates))
		frame_add(frame, COLOUR_DIM, "q quit  p %s", view->is_paused ? "go on" : "pause");
	else if (view->is_live)
		frame_add(frame, COLOUR_DIM, "q quit  s sort by %s  p %s  up/down select  b ban",
			  order_names[(view->order + 1) % RATES_ORDER_COUNT],
			  view->is_paused ? "go on" : "pause");
}

/* What happened to the last key, or what the rows below are. */
static void draw_note(struct frame *frame, const struct rates *rates, const struct view *view)
{
	if (*view->note)
		frame_add(frame, view->note_is_bad ? COLOUR_BAD : COLOUR_GOOD, "%s", view->note);
	else if (view->is_paused)
		frame_add(frame, COLOUR_CAUTION, "paused");
	else if (rates_have_packets(rates))
		frame_add(frame, COLOUR_DIM, "sources by %s per second", order_names[view->order]);
	else if (json_is_false(json_object_get(rates->status, "packet_plane")))
		frame_add(frame, COLOUR_DIM, "no packet plane: the policy names no interfaces");
	else
		frame_add(frame, COLOUR_BAD, "no packet is limited until sluiced is started again");
	frame_end_row(frame);
}

void frame_draw(struct frame *frame, const struct rates *rates, const struct view *view,
		const struct look *look)
{
	frame->height--; /* the last row is the footer's, however small the terminal */
	draw_title(frame, rates, look);
	if (rates_have_packets(rates))
		draw_totals(frame, rates, look);
	frame_draw_http(frame, rates);
	draw_note(frame, rates, view);

	if (rates_have_packets(rates)) {
		draw_source_heading(frame, view);
		draw_sources(frame, rates, view, look);
		frame_end_row(frame);
		draw_reasons(frame, rates, look);
	} else {
		frame_draw_servers(frame, rates);
	}
	frame->height++;
	draw_footer(frame, rates, view);
}
