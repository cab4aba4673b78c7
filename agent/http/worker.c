/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "http/access_log.h"
#include "http/caching.h"
#include "http/checks.h"
#include "http/conn.h"
#include "http/exchange.h"
#include "http/http_parts.h"
#include "http/listener.h"
#include "message/date.h"

#define EVENTS_MAX 256
#define LIMIT_TEXT_MAX \
	(64u           \
	 << 10) /* of 32 limits with names of 96 bytes, three times each, as is reserved for them */
/* Stored responses that give way to connections: the largest block, so that whoever asked gets it. */
#define ROOM_FROM_CACHE (2 * BLOCK_MAX)

/* ---- Events ---- */

int worker_watch(struct worker *worker, int fd, struct pollee *pollee)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				    .data.ptr = pollee};

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void worker_turn(struct worker *worker, struct pollee *pollee)
{
	if (pollee->wants_turn || pollee->is_buried)
		return;
	pollee->wants_turn = true;
	pollee->next = NULL;
	*worker->last_turn = pollee;
	worker->last_turn = &pollee->next;
}

static void forget_turn(struct worker *worker, struct pollee *pollee)
{
	struct pollee **link = &worker->turns;

	if (!pollee->wants_turn)
		return;
	while (*link && *link != pollee)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = pollee->next;
	if (!*link)
		worker->last_turn = link;
}

static void run_turns(struct worker *worker)
{
	struct pollee **last = worker->last_turn;

	/* Those that ask again while this runs have their turn in the next round. */
	while (worker->turns) {
		struct pollee *pollee = worker->turns;
		bool is_last = &pollee->next == last;

		worker->turns = pollee->next;
		if (!worker->turns)
			worker->last_turn = &worker->turns;
		pollee->wants_turn = false;
		pollee->ready(worker, pollee, 0);
		if (is_last)
			break;
	}
}

/* An event of this round may still name it. */
void worker_bury(struct worker *worker, struct pollee *object, size_t size)
{
	forget_turn(worker, object);
	object->wants_turn = false;
	object->is_buried = true;
	/* Now: whoever had it closed to make room wants it in this round. */
	budget_give(worker->memory.budget, budget_cost(size));
	object->next = worker->graves;
	worker->graves = object;
}

static void empty_graves(struct worker *worker)
{
	while (worker->graves) {
		struct pollee *object = worker->graves;

		worker->graves = object->next;
		free(object);
	}
}

/* ---- Rounds ---- */

/* A listener that found no descriptors left gets no event for those that wait: it tries again. */
static void retry_accepts(struct worker *worker)
{
	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next) {
		struct listener *listener = list_owner(link, struct listener, link);

		if (listener->is_short_of_files)
			worker_turn(worker, &listener->poll);
		listener->is_short_of_files = false;
	}
}

static void begin_second(struct worker *worker)
{
	uint64_t unix_ns = clock_now_unix_ns();

	worker->unix_offset_ns = unix_ns - worker->now_ns;
	worker->second_ends_ns = worker->now_ns + NS_PER_SEC - unix_ns % NS_PER_SEC;
	worker->now_unix_s = (int64_t)(unix_ns / NS_PER_SEC);
	date_format(worker->now_unix_s, worker->date);
	/* Once a second is soon enough for what is below. */
	retry_accepts(worker);
	caching_sweep(worker);
	if (worker->log->len)
		count_add(&worker->counters.log_dropped,
			  access_log_write(worker->log, atomic_load(&worker->http->log_fd)));
}

/* Wall clock time is read once a second: soon enough for a clock that is set, and it costs as much as the other one. */
static void read_clocks(struct worker *worker)
{
	worker->now_ns = clock_now_ns();
	if (worker->now_ns >= worker->second_ends_ns)
		begin_second(worker);
}

static void dispatch(struct worker *worker, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		struct pollee *pollee = events[i].data.ptr;

		if (!pollee)
			worker_read_mail(worker);
		else if (!pollee->is_buried)
			pollee->ready(worker, pollee, events[i].events);
	}
}

/* Time-outs are looked at once a tick; a turn that is wanted is had at once. */
static int wait_ms(const struct worker *worker)
{
	return worker->turns ? 0 : (int)(WHEEL_TICK_NS / NS_PER_MS);
}

static void end_conns(struct list *conns)
{
	while (!list_is_empty(conns))
		conn_reset(list_owner(conns->next, struct conn, link));
}

static bool is_finished(const struct worker *worker)
{
	if (worker->is_stopping)
		return true;
	if (!worker->is_draining)
		return false;
	return worker->now_ns >= worker->drain_deadline_ns ||
	       (list_is_empty(&worker->conns) && list_is_empty(&worker->idle_conns));
}

static void end_all(struct worker *worker)
{
	end_conns(&worker->conns);
	end_conns(&worker->idle_conns);
	while (!list_is_empty(&worker->listeners))
		listener_close(worker, list_owner(worker->listeners.next, struct listener, link));
	end_conns(&worker->conns); /* those accepted last */
	checks_free(worker->checks);
	worker->checks = NULL;
	while (!list_is_empty(&worker->origins))
		origin_close(list_owner(worker->origins.next, struct origin, all));
	empty_graves(worker);
	(void)access_log_write(worker->log, atomic_load(&worker->http->log_fd));
}

void *worker_main(void *argument)
{
	struct worker *worker = argument;
	struct epoll_event events[EVENTS_MAX];

	while (!is_finished(worker)) {
		int count = epoll_wait(worker->epoll_fd, events, EVENTS_MAX, wait_ms(worker));

		read_clocks(worker);
		if (count > 0)
			dispatch(worker, events, count);
		run_turns(worker);
		wheel_advance(&worker->wheel, worker->now_ns);
		empty_graves(worker);
	}
	end_all(worker);
	return NULL;
}

/* ---- Memory ---- */

bool worker_close_idle(struct worker *worker)
{
	int closed = 0;

	for (; closed < IDLE_EVICTED_AT_ONCE && !list_is_empty(&worker->idle_conns); closed++)
		conn_evict(list_owner(worker->idle_conns.next, struct conn, link));
	count_add(&worker->counters.idle_evicted, (uint64_t)closed);
	return closed != 0;
}

static bool starved(struct memory *memory)
{
	struct worker *worker = list_owner(memory, struct worker, memory);
	bool has_closed = worker_close_idle(worker);

	memory_trim(memory);
	return has_closed ||
	       (worker->http->cache && cache_make_room(worker->http->cache, ROOM_FROM_CACHE));
}

/* ---- Plans ---- */

void worker_take_plan(struct worker *worker, struct plan *plan)
{
	struct plan_share *share = calloc(1, sizeof(*share));

	if (!share) {
		plan_release(plan);
		log_error("no memory for the new policy; one thread keeps the one before");
		return;
	}
	share->plan = plan;
	share->users = 1;
	if (worker->plan)
		plan_share_drop(worker->plan);
	worker->plan = share;
	if (worker->checks)
		checks_take_plan(worker->checks, plan);
}

/* ---- Begin and end ---- */

static int open_descriptors(struct worker *worker)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->epoll_fd < 0 || worker->wake_fd < 0)
		return -errno;
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->wake_fd, &event))
		return -errno;
	return 0;
}

static int take_scratch(struct worker *worker)
{
	worker->client_in = malloc(SCRATCH_IN);
	worker->origin_in = malloc(SCRATCH_IN);
	worker->head_out = malloc(SCRATCH_HEAD);
	worker->tail_out = malloc(SCRATCH_TAIL);
	worker->log = calloc(1, sizeof(*worker->log));
	return worker->client_in && worker->origin_in && worker->head_out && worker->tail_out &&
			       worker->log
		       ? 0
		       : -ENOMEM;
}

static void init_lists(struct worker *worker)
{
	list_init(&worker->conns);
	list_init(&worker->idle_conns);
	list_init(&worker->listeners);
	list_init(&worker->origins);
	worker->last_turn = &worker->turns;
	worker->last_mail = &worker->mail;
	pthread_mutex_init(&worker->mail_lock, NULL);
}

int worker_new(struct http *http, unsigned number, struct worker **ret_worker)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	worker->http = http;
	worker->number = number;
	worker->epoll_fd = worker->wake_fd = -1;
	worker->memory.budget = &http->memory;
	worker->memory.starved = starved;
	worker->key = buffer_new(CACHE_KEY_MAX);
	worker->limit_text = buffer_new(LIMIT_TEXT_MAX);
	worker->retry_credit = worker->retry_loan = RETRIES_MAX * RETRY_COST;
	init_lists(worker);
	err = open_descriptors(worker);
	if (!err)
		err = take_scratch(worker);
	if (!err && getrandom(&worker->id_seed, sizeof(worker->id_seed), 0) < 0)
		err = -errno;
	if (!err && !number)
		err = checks_new(worker, &worker->checks);
	if (err) {
		worker_free(worker);
		return err;
	}
	read_clocks(worker);
	wheel_begin(&worker->wheel, worker->now_ns);
	*ret_worker = worker;
	return 0;
}

static void free_exchanges(struct worker *worker)
{
	while (worker->free_exchanges) {
		struct exchange *x = worker->free_exchanges;

		worker->free_exchanges = x->next_free;
		memory_give_object(&worker->memory, x, sizeof(*x));
	}
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->plan)
		plan_share_drop(worker->plan);
	checks_free(worker->checks);
	free_exchanges(worker);
	memory_trim(&worker->memory);
	pthread_mutex_destroy(&worker->mail_lock);
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	free(worker->client_in);
	free(worker->origin_in);
	free(worker->head_out);
	free(worker->tail_out);
	buffer_free(&worker->key);
	buffer_free(&worker->limit_text);
	free(worker->log);
	free(worker->pools);
	free(worker);
}
