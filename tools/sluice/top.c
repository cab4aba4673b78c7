/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice top: look every second, draw, and do what the keys say. */
#include <curses.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <sluice/control.h>

#include "ask.h"
#include "frame.h"
#include "memory.h"

#define PATIENCE_MS  1500 /* for one answer: keys wait as long */
#define INTERVAL_MAX 60
#define TEXT_WIDTH   80 /* of a frame printed where there is no terminal */
#define TEXT_HEIGHT  40

struct top {
	const struct cli *cli;
	struct rates rates;
	struct view view;
	unsigned interval_s;
};

static struct rates_moment moment_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct rates_moment){
		.now_ns = now.tv_sec * 1000000000ull + now.tv_nsec,
		.now_unix_s = time(NULL),
	};
}

static struct ask ask_sources(const struct top *top, char target[static 64])
{
	static const char *const by[RATES_ORDER_COUNT] = {"dropped", "passed", "bytes"};

	snprintf(target, 64, "/v1/sources?top=%d&by=%s", RATES_SOURCES_MAX, by[top->view.order]);
	return (struct ask){.what = "list sources", .target = target, .timeout_ms = PATIENCE_MS};
}

static const struct ask status_ask = {
	.what = "show status", .target = "/v1/status", .timeout_ms = PATIENCE_MS};

static void take(struct top *top, json_t *status, json_t *sources)
{
	rates_take(&top->rates, status, sources, moment_now());
	rates_sort(&top->rates, top->view.order);
}

/* A look whose failure ends the command, said on stderr. */
static enum exit_code look_once(struct top *top)
{
	auto_json json_t *status = NULL;
	auto_json json_t *sources = NULL;
	char target[64];
	struct ask ask = ask_sources(top, target);
	enum exit_code code = ask_json(top->cli, &status_ask, &status);

	if (code == EXIT_DONE && status_has_packets(status))
		code = ask_json(top->cli, &ask, &sources);
	if (code == EXIT_DONE)
		take(top, status, sources);
	return code;
}

/* A look whose failure is shown, and tried again: agents are restarted. */
static void look_again(struct top *top)
{
	char why[CLIENT_WHY_MAX], target[64];
	struct ask ask = ask_sources(top, target);
	auto_json json_t *status = ask_quietly(top->cli, &status_ask, why);
	bool asks = status && status_has_packets(status);
	auto_json json_t *sources = asks ? ask_quietly(top->cli, &ask, why) : NULL;

	if (status && (sources || !asks)) {
		take(top, status, sources);
		if (top->view.note_is_bad)
			top->view.note[0] = 0;
		return;
	}
	top->view.note_is_bad = true;
	text_clean(why, top->view.note, sizeof(top->view.note));
	strncat(top->view.note, "; trying again",
		sizeof(top->view.note) - strlen(top->view.note) - 1);
}

/* ---- One frame as text, or as JSON ------------------------------------------ */

static void print_frame(const struct top *top)
{
	struct frame frame = {.width = TEXT_WIDTH, .height = TEXT_HEIGHT};
	const struct look *look = &top->cli->look;
	struct winsize size;
	unsigned row = 0;

	if (look->is_terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col) {
		frame.width = size.ws_col;
		frame.height = size.ws_row;
	}
	frame_draw(&frame, &top->rates, &top->view, look);
	for (size_t i = 0; i < frame.count; i++) {
		const struct piece *piece = &frame.pieces[i];

		for (; row < piece->row; row++)
			putchar('\n');
		printf("%s%s%s", colour_on(look, piece->colour), piece->text,
		       colour_off(look, piece->colour));
	}
	putchar('\n');
	frame_free(&frame);
}

static json_t *json_of_rates(const double per_second[static SL_VERDICT_COUNT])
{
	return json_pack("{s:f, s:f, s:f}", "passed", per_second[SL_PASS], "flagged",
			 per_second[SL_FLAG], "dropped", per_second[SL_DROP]);
}

static json_t *json_of_http(const struct rates_http *http)
{
	if (!http->is_there)
		return json_null();
	return json_pack("{s:f, s:{s:f, s:f, s:f, s:f}, s:f, s:f, s:I}", "requests_per_second",
			 http->requests, "answers_per_second", "2xx", http->answers[RATES_2XX],
			 "3xx", http->answers[RATES_3XX], "4xx", http->answers[RATES_4XX], "5xx",
			 http->answers[RATES_5XX], "hits_per_second", http->hits,
			 "lookups_per_second", http->lookups, "connections",
			 (json_int_t)http->connections);
}

static void print_rates(const struct rates *rates)
{
	json_t *sources = json_array();
	json_t *reasons = json_array();
	auto_json json_t *all = NULL;

	for (size_t i = 0; i < rates->source_count; i++) {
		const struct rates_source *source = &rates->sources[i];

		(void)json_array_append_new(
			sources, json_pack("{s:s, s:s, s:o, s:f}", "source", source->name, "tier",
					   source->tier, "packets_per_second",
					   json_of_rates(source->per_second), "bytes_per_second",
					   source->bytes_per_second));
	}
	for (size_t i = 0; i < rates->reason_count; i++)
		(void)json_array_append_new(
			reasons, json_pack("{s:s, s:f}", "reason", rates->reasons[i].label,
					   "packets_per_second", rates->reasons[i].per_second));
	all = json_pack("{s:f, s:o, s:o, s:o, s:o}", "seconds", rates->seconds,
			"packets_per_second", json_of_rates(rates->per_second), "sources", sources,
			"reasons", reasons, "http", json_of_http(&rates->http));
	if (all)
		print_json(all);
}

static enum exit_code run_once(struct top *top)
{
	const struct timespec pause = {.tv_sec = top->interval_s};
	enum exit_code code;

	nanosleep(&pause, NULL);
	code = look_once(top);
	if (code != EXIT_DONE)
		return code;
	if (top->cli->json)
		print_rates(&top->rates);
	else
		print_frame(top);
	return EXIT_DONE;
}

/* ---- Live --------------------------------------------------------------------- */

static void start_screen(const struct look *look)
{
	initscr();
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	if (!look->has_colour || !has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(COLOUR_GOOD, COLOR_GREEN, -1);
	init_pair(COLOUR_CAUTION, COLOR_YELLOW, -1);
	init_pair(COLOUR_BAD, COLOR_RED, -1);
}

static attr_t attribute_of(const struct piece *piece)
{
	static const attr_t attributes[COLOUR_COUNT] = {
		[COLOUR_BAD] = A_BOLD, [COLOUR_DIM] = A_DIM, [COLOUR_STRONG] = A_BOLD};
	attr_t attribute = attributes[piece->colour];

	if (piece->colour >= COLOUR_GOOD && piece->colour <= COLOUR_BAD)
		attribute |= COLOR_PAIR(piece->colour);
	return piece->is_marked ? attribute | A_REVERSE : attribute;
}

static void show(const struct top *top)
{
	struct frame frame = {.width = COLS, .height = LINES};
	unsigned row = 0;

	erase();
	move(0, 0);
	frame_draw(&frame, &top->rates, &top->view, &top->cli->look);
	for (size_t i = 0; i < frame.count; i++) {
		const struct piece *piece = &frame.pieces[i];

		if (piece->row != row)
			move(piece->row, 0);
		row = piece->row;
		attrset(attribute_of(piece));
		addstr(piece->text);
	}
	frame_free(&frame);
	refresh();
}

static void select_step(struct top *top, int step)
{
	struct rates *rates = &top->rates;
	size_t at = 0;

	if (!rates->source_count)
		return;
	while (at < rates->source_count && strcmp(rates->sources[at].name, top->view.selected) != 0)
		at++;
	if (at == rates->source_count) /* nothing selected, or it is gone */
		at = 0;
	else if (step > 0 ? at + 1 < rates->source_count : at > 0)
		at += step;
	memcpy(top->view.selected, rates->sources[at].name, RATES_NAME_MAX);
}

static void ban_selected(struct top *top)
{
	struct view *view = &top->view;
	auto_text char *span = memory_printf("%ds", SL_BAN_DEFAULT_SECONDS);
	auto_json json_t *entry = json_pack("{s:s, s:s, s:s}", "prefix", view->selected, "for",
					    span, "reason", "sluice top");
	auto_text char *body = json_dumps(entry, 0);
	auto_text char *target = ask_careful("/v1/bans");
	const struct ask ask = {
		.what = "ban it",
		.method = "POST",
		.target = target,
		.type = "application/json",
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.timeout_ms = PATIENCE_MS,
	};
	char why[CLIENT_WHY_MAX];
	auto_json json_t *ban = ask_quietly(top->cli, &ask, why);

	view->note_is_bad = !ban;
	if (ban)
		snprintf(view->note, sizeof(view->note), "%s is banned", view->selected);
	else
		text_clean(why, view->note, sizeof(view->note));
}

static void change_order(struct top *top)
{
	top->view.order = (top->view.order + 1) % RATES_ORDER_COUNT;
	rates_sort(&top->rates, top->view.order);
}

/* False: leave. */
static bool do_key(struct top *top, int key)
{
	struct view *view = &top->view;

	if (view->asks_ban) {
		view->asks_ban = key == KEY_RESIZE;
		if (key == 'y')
			ban_selected(top);
		return true;
	}
	if (key == KEY_UP || key == KEY_DOWN)
		select_step(top, key == KEY_UP ? -1 : 1);
	else if (key == 's')
		change_order(top);
	else if (key == 'p')
		view->is_paused = !view->is_paused;
	else if (key == 'b' && *view->selected)
		view->asks_ban = true;
	if (key != KEY_RESIZE)
		view->note[0] = 0;
	return key != 'q';
}

static enum exit_code run_live(struct top *top)
{
	uint64_t every_ns = top->interval_s * 1000000000ull;
	uint64_t next_ns = moment_now().now_ns + every_ns;
	int key = ERR;

	top->view.is_live = true;
	start_screen(&top->cli->look);
	do {
		uint64_t now_ns = moment_now().now_ns;

		if (now_ns >= next_ns) {
			if (!top->view.is_paused)
				look_again(top);
			now_ns = moment_now().now_ns;
			next_ns = now_ns + every_ns;
		}
		show(top);
		timeout((next_ns - now_ns) / 1000000 + 1);
		key = getch();
	} while (key == ERR || do_key(top, key));
	endwin();
	return EXIT_DONE;
}

enum exit_code run_top(const struct cli *cli)
{
	struct top top = {.cli = cli, .interval_s = 1};
	bool is_live = cli->look.is_terminal && isatty(STDIN_FILENO) && !cli->json &&
		       !cli->option[OPTION_ONCE];
	enum exit_code code;

	if (!cli_number(cli, OPTION_INTERVAL, INTERVAL_MAX, &top.interval_s))
		return EXIT_USAGE;
	code = look_once(&top);
	if (code == EXIT_DONE)
		code = is_live ? run_live(&top) : run_once(&top);
	rates_free(&top.rates);
	return code;
}
