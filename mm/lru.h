/* SPDX-License-Identifier: MIT */
/*
 * lru.h - the lists of folios that reclaim and migration take from
 *
 * Linux calls the file swap.c.  A folio on a list has PG_lru; whoever clears it with a reference
 * held has isolated the folio and owns folio->lru until it is put back.
 */
#pragma once

#include "folio.h"

#define LRU_BATCH 32 /* folios that one hold of the lock is good for */

enum lru_list {
	LRU_ANON,
	LRU_FILE,
	NR_LRU_LISTS,
};

struct lruvec {
	struct spinlock lock; /* LOCK_LRU: the lists and their counts */
	struct list_head lists[NR_LRU_LISTS];
	unsigned long nr[NR_LRU_LISTS];
};

void lruvec_init(struct lruvec *lruvec);
/* A new folio; anonymous or file by folio_anon(), which must be settled. */
void folio_add_lru(struct machine *machine, struct folio *folio);
/*
 * Take @folio off its list, with a reference of the isolator's.
 * => the caller holds one of its own, so that the folio cannot be freed meanwhile
 * => false, and nothing done, when it is not on a list
 */
bool folio_isolate_lru(struct machine *machine, struct folio *folio);
/*
 * The same for @nr folios under one lock; those that are on no list are dropped from @folios.
 * => how many are left there
 */
int folios_isolate_lru(struct machine *machine, struct folio **folios, int nr);
/* Put an isolated folio back and drop the isolator's reference. */
void folio_putback_lru(struct machine *machine, struct folio *folio);
/* The same for every folio of @folios, linked by folio->lru. */
void folios_putback_lru(struct machine *machine, struct list_head *folios);
/* The last reference is gone: called by folio_put() alone. */
void lru_remove_dying(struct machine *machine, struct folio *folio);
