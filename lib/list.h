/* SPDX-License-Identifier: MIT */
/*
 * list.h - intrusive doubly linked lists with a head
 *
 * An entry that is on no list points at itself, so that list_empty(&entry) also
 * answers "is it linked?" after list_del_init().
 */
#pragma once

#include "compiler.h"

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name)	     struct list_head name = LIST_HEAD_INIT(name)

static inline void list_init(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_insert_between_(struct list_head *entry, struct list_head *prev,
					struct list_head *next)
{
	entry->prev = prev;
	entry->next = next;
	prev->next = entry;
	next->prev = entry;
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	list_insert_between_(entry, head, head->next);
}

static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	list_insert_between_(entry, head->prev, head);
}

static inline void list_unlink_(struct list_head *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
}

/* @entry must not be looked at as a list again before it is added to one. */
static inline void list_del(struct list_head *entry)
{
	list_unlink_(entry);
	entry->next = NULL;
	entry->prev = NULL;
}

static inline void list_del_init(struct list_head *entry)
{
	list_unlink_(entry);
	list_init(entry);
}

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	list_unlink_(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	list_unlink_(entry);
	list_add_tail(entry, head);
}

/* Move all of @list to the front of @head; @list is empty afterwards. */
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	list->prev->next = head->next;
	head->next->prev = list->prev;
	head->next = list->next;
	list->next->prev = head;
	list_init(list);
}

#define list_entry(ptr, type, member)	     container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)
#define list_next_entry(pos, member)	     list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member)	     list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each_entry(pos, head, member)                                                     \
	for (pos = list_first_entry(head, __typeof__(*pos), member); &pos->member != (head);      \
	     pos = list_next_entry(pos, member))

/* @pos may be removed by the body; @next is the iterator's own. */
#define list_for_each_entry_safe(pos, nextp, head, member)                                         \
	for (pos = list_first_entry(head, __typeof__(*pos), member),                              \
	    nextp = list_next_entry(pos, member);                                                  \
	     &pos->member != (head); pos = nextp, nextp = list_next_entry(nextp, member))
