/* SPDX-License-Identifier: MIT */
/*
 * memory.h - changing ranges of page-table entries
 *
 * Linux: mm/memory.c (unmap_page_range), mm/mprotect.c (change_protection), mm/mremap.c
 * (move_page_tables).
 */
#pragma once

#include "mmu_gather.h"
#include "vma.h"

/* Zap the entries of [@start, @end) of @vma; what they named is freed when @tlb finishes. */
void unmap_page_range(struct mmu_gather *tlb, struct vma *vma, unsigned long start,
		      unsigned long end);

/*
 * The same at once, under mmap_lock for read: faults and others who zap may be at work.  @zap_begin
 * and @zap_end stand around other changes that take rights away under it; see madvise.c.
 */
void zap_page_range(struct vma *vma, unsigned long start, unsigned long end);
void zap_begin(struct mmu_gather *tlb);
void zap_end(struct mmu_gather *tlb, unsigned long start, unsigned long end);

/* Zap under i_mmap_lock; without @even_cows what a private mapping has copied stays. */
void zap_mapped_file(struct vma *vma, unsigned long start, unsigned long end, bool even_cows);

/* Give the present entries of [@start, @end) the rights of vma->page_prot, and flush. */
void change_protection(struct vma *vma, unsigned long start, unsigned long end);

/*
 * Move the entries of [@old, @old + @len) of @vma to @new in @new_vma, which may be the same VMA.
 * Entries are moved as they are, but for their soft-dirty mark, migration entries too; old
 * translations are flushed.  Whole tables move as such where both places are aligned.
 * @rmap_locks: hold the rmap locks of @vma around each table's entries, so that a walker sees an
 * entry at one place or the other; needed unless it meets @new_vma after @vma.  exec moves its stack
 * without (see exec/exec.c).
 * => bytes moved; less than @len when a table could not be allocated
 */
enum move_rmap_locks { MOVE_WITHOUT_RMAP_LOCKS, MOVE_WITH_RMAP_LOCKS };
unsigned long move_page_tables(struct vma *vma, unsigned long old, struct vma *new_vma,
			       unsigned long new, unsigned long len, enum move_rmap_locks rmap_locks);
/* Get the tables that this will make ahead, if @new is free by then.  => -ENOMEM */
int move_page_tables_stock(const struct vma *vma, unsigned long old, unsigned long new,
			   unsigned long len) __must_check;
