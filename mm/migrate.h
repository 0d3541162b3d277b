/* SPDX-License-Identifier: MIT */
/*
 * migrate.h - moving folios to other frames under those who use them
 */
#pragma once

#include <godwit/mm.h>

#include "folio.h"
#include "pgtable.h"

/*
 * Move the isolated folios of @from (linked by folio->lru, a reference of the isolator's each).
 * Those that moved are put back on their LRU in their new frames; those that did not are left on
 * @from, still isolated.  Linux: migrate_pages().
 */
void migrate_pages(struct machine *machine, struct list_head *from, struct gw_migrate *migrate);

/* Put what is left on @folios back on the LRU.  Linux: putback_movable_pages(). */
void putback_movable_pages(struct machine *machine, struct list_head *folios);

/* The entries of <godwit/core.h>. */
int migrate_range(struct mm *mm, unsigned long start, unsigned long end, struct gw_migrate *migrate);
int migrate_all(struct machine *machine, struct gw_migrate *migrate);

/*
 * A fault met a migration entry at @addr: sleep until its folio has been unlocked.  No reference
 * is taken, which would make the migration fail; folios are never unmapped memory, so a wait that
 * finds the frame reused only wakes later.
 */
void migration_entry_wait(struct mm *mm, unsigned long addr);

/*
 * The folio that a migration entry names, which must be locked: the assertion that exec's stack
 * move broke in 2010 (swapops.h).  The table lock is held.
 */
struct folio *migration_pte_folio(struct machine *machine, pte_t pte);
