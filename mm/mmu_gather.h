/* SPDX-License-Identifier: MIT */
/*
 * mmu_gather.h - unmapping in batches: clear entries, flush once, then free what they named
 *
 * Linux: mm/mmu_gather.c.
 */
#pragma once

#include "folio.h"

#define MMU_GATHER_BATCH 64 /* bits of mmu_gather.delayed */

struct mmu_gather {
	struct mm *mm;
	struct machine *machine;
	unsigned long start, end; /* what must be flushed; start >= end: nothing */
	bool even_cows;		  /* private copies of a file's pages too */
	uint64_t delayed;	  /* bit i: folios[i] is still counted as mapped */
	int nr_folios;
	int nr_tables;
	struct folio *folios[MMU_GATHER_BATCH]; /* a reference each, dropped after the flush */
	struct folio *tables[MMU_GATHER_BATCH]; /* freed after the flush and a grace period */
};

void tlb_gather_mmu(struct mmu_gather *tlb, struct mm *mm);
/* [@addr, @addr + PAGE_SIZE) was cleared and mapped something. */
void tlb_note_cleared(struct mmu_gather *tlb, unsigned long addr);
/* Give the entry's reference to the gather; true: full, call tlb_flush_mmu() without the table
 * lock before the next one. */
bool tlb_remove_folio(struct mmu_gather *tlb, struct folio *folio) __must_check;
/*
 * The folio that was given last was mapped dirty: it counts as mapped until tlb_flush_rmaps(), under
 * the same hold of the table lock.
 */
void tlb_delay_rmap(struct mmu_gather *tlb);
void tlb_flush_rmaps(struct mmu_gather *tlb);
void tlb_remove_table(struct mmu_gather *tlb, struct folio *table);
void tlb_flush_mmu(struct mmu_gather *tlb);
void tlb_finish_mmu(struct mmu_gather *tlb);
