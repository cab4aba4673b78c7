/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cache/s3fifo.h"

#define LINKS 2000

static enum s3_wish judge(void *context, const struct s3_link *link)
{
	return S3_JUDGE;
}

static const struct s3_chooser judged = {.wish = judge};

/* Spares the one link that is the context. */
static enum s3_wish spare_one(void *context, const struct s3_link *link)
{
	return link == context ? S3_SPARE : S3_JUDGE;
}

static enum s3_wish all_dead(void *context, const struct s3_link *link)
{
	return S3_GO;
}

static enum s3_wish all_held(void *context, const struct s3_link *link)
{
	return S3_SPARE;
}

static struct s3_ghost ghosts[1 << 16];
static struct s3_link links[LINKS];

static struct s3fifo new_fifo(void)
{
	memset(ghosts, 0, sizeof(ghosts));
	memset(links, 0, sizeof(links));
	for (int i = 0; i < LINKS; i++) {
		links[i].hash = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15ull;
		links[i].size = 1;
	}
	return (struct s3fifo){.ghosts = ghosts, .ghost_mask = (1 << 16) - 1};
}

/* Insert and, like a cache of room links, evict what is too many. */
static void insert(struct s3fifo *fifo, struct s3_link *link, uint64_t room)
{
	while (fifo->small.count + fifo->main.count >= room)
		(void)s3fifo_evict(fifo, &judged); /* NULL: it moved as many up as one call may */
	s3fifo_insert(fifo, link);
}

static void an_empty_one_has_nobody_to_evict(void **state)
{
	struct s3fifo fifo = new_fifo();

	assert_null(s3fifo_evict(&fifo, &judged));
}

static void of_those_never_asked_for_the_oldest_goes_first(void **state)
{
	struct s3fifo fifo = new_fifo();

	for (int i = 0; i < 3; i++)
		s3fifo_insert(&fifo, &links[i]);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(s3fifo_evict(&fifo, &judged), &links[i]);
	assert_int_equal(fifo.small.units, 0);
}

static void asked_for_twice_moves_up_and_once_does_not(void **state)
{
	struct s3fifo fifo = new_fifo();

	s3fifo_insert(&fifo, &links[0]);
	s3fifo_insert(&fifo, &links[1]);
	s3fifo_touch(&links[0]);
	s3fifo_touch(&links[0]);
	s3fifo_touch(&links[1]);

	assert_ptr_equal(s3fifo_evict(&fifo, &judged), &links[1]);
	assert_int_equal(links[0].queue, S3_MAIN);
}

static void a_ghost_that_returns_goes_to_the_main_queue_and_a_stranger_does_not(void **state)
{
	struct s3fifo fifo = new_fifo();

	s3fifo_insert(&fifo, &links[0]);
	s3fifo_touch(&links[0]);
	s3fifo_touch(&links[0]);
	s3fifo_insert(&fifo, &links[1]);
	assert_ptr_equal(s3fifo_evict(&fifo, &judged), &links[1]);

	s3fifo_insert(&fifo, &links[1]);
	s3fifo_insert(&fifo, &links[2]);
	assert_int_equal(links[1].queue, S3_MAIN);
	assert_int_equal(links[2].queue, S3_SMALL);
}

static void a_ghost_older_than_the_main_queue_is_long_is_forgotten(void **state)
{
	struct s3fifo fifo = new_fifo();

	/* One in the main queue, hence one ghost is remembered beside the newest. */
	s3fifo_insert(&fifo, &links[0]);
	s3fifo_touch(&links[0]);
	s3fifo_touch(&links[0]);
	for (int i = 1; i < 5; i++)
		s3fifo_insert(&fifo, &links[i]);
	for (int i = 1; i < 5; i++)
		assert_ptr_equal(s3fifo_evict(&fifo, &judged), &links[i]);

	s3fifo_insert(&fifo, &links[1]);
	s3fifo_insert(&fifo, &links[4]);
	assert_int_equal(links[1].queue, S3_SMALL);
	assert_int_equal(links[4].queue, S3_MAIN);
}

static void a_scan_moves_nothing_that_was_asked_for(void **state)
{
	struct s3fifo fifo = new_fifo();

	for (int i = 0; i < 80; i++)
		insert(&fifo, &links[i], 100);
	for (int i = 0; i < 80; i++) {
		s3fifo_touch(&links[i]);
		s3fifo_touch(&links[i]);
	}
	for (int i = 100; i < LINKS; i++)
		insert(&fifo, &links[i], 100);
	for (int i = 0; i < 80; i++)
		assert_int_equal(links[i].queue, S3_MAIN);
}

static void what_is_held_is_spared_and_what_is_dead_goes_at_once(void **state)
{
	struct s3fifo fifo = new_fifo();
	struct s3_chooser spare = {.wish = spare_one, .context = &links[0]};
	struct s3_chooser dead = {.wish = all_dead}, held = {.wish = all_held};

	for (int i = 0; i < 3; i++)
		s3fifo_insert(&fifo, &links[i]);
	assert_ptr_equal(s3fifo_evict(&fifo, &spare), &links[1]);
	assert_null(s3fifo_evict(&fifo, &held));
	for (int i = 0; i < 3; i++) {
		s3fifo_touch(&links[0]);
		s3fifo_touch(&links[2]);
	}
	assert_non_null(s3fifo_evict(&fifo, &dead));
	assert_non_null(s3fifo_evict(&fifo, &dead));
	assert_null(s3fifo_evict(&fifo, &dead));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_nobody_to_evict),
		cmocka_unit_test(of_those_never_asked_for_the_oldest_goes_first),
		cmocka_unit_test(asked_for_twice_moves_up_and_once_does_not),
		cmocka_unit_test(
			a_ghost_that_returns_goes_to_the_main_queue_and_a_stranger_does_not),
		cmocka_unit_test(a_ghost_older_than_the_main_queue_is_long_is_forgotten),
		cmocka_unit_test(a_scan_moves_nothing_that_was_asked_for),
		cmocka_unit_test(what_is_held_is_spared_and_what_is_dead_goes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
