/* SPDX-License-Identifier: BSD-2-Clause */
/* Letters between threads: a list under a lock, and one write to wake who sleeps. */
#include <unistd.h>

#include "http/worker.h"

void worker_post(struct worker *worker, struct letter *letter)
{
	uint64_t one = 1;
	bool wakes;

	letter->next = NULL;
	pthread_mutex_lock(&worker->mail_lock);
	*worker->last_mail = letter;
	worker->last_mail = &letter->next;
	wakes = !worker->is_woken;
	worker->is_woken = true;
	pthread_mutex_unlock(&worker->mail_lock);
	if (wakes)
		(void)!write(worker->wake_fd, &one,
			     sizeof(one)); /* cannot fail: it counts to 2^64 */
}

static struct letter *take_letter(struct worker *worker)
{
	struct letter *letter;

	pthread_mutex_lock(&worker->mail_lock);
	letter = worker->mail;
	if (letter) {
		worker->mail = letter->next;
		if (!worker->mail)
			worker->last_mail = &worker->mail;
	} else {
		worker->is_woken = false;
	}
	pthread_mutex_unlock(&worker->mail_lock);
	return letter;
}

void worker_take_back(struct worker *worker, struct letter *letter)
{
	struct letter **link;

	pthread_mutex_lock(&worker->mail_lock);
	for (link = &worker->mail; *link; link = &(*link)->next) {
		if (*link != letter)
			continue;
		*link = letter->next;
		if (!letter->next)
			worker->last_mail = link;
		break;
	}
	pthread_mutex_unlock(&worker->mail_lock);
}

void worker_read_mail(struct worker *worker)
{
	struct letter *letter;
	uint64_t count;

	(void)!read(worker->wake_fd, &count, sizeof(count)); /* only to be woken again */
	while ((letter = take_letter(worker)))
		letter->read(worker, letter);
}
