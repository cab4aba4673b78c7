/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubly linked lists whose links are part of the members. A member is in one list at most. */
#ifndef HTTP_LIST_H
#define HTTP_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A head, or the link of a member. Heads are set with list_init(); members are zeroed at first. */
struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *member)
{
	member->next = head;
	member->prev = head->prev;
	head->prev->next = member;
	head->prev = member;
}

static inline void list_push(struct list *head, struct list *member)
{
	list_append(head->next, member);
}

/* Not in a list is fine. */
static inline void list_remove(struct list *member)
{
	if (!member->next)
		return;
	member->next->prev = member->prev;
	member->prev->next = member->next;
	member->next = member->prev = NULL;
}

#define list_owner(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#endif
