/* SPDX-License-Identifier: MIT */
/*
 * gup.h - pages of an address space for those who do not go through its page tables
 *
 * A reference keeps a frame from being freed.  A pin says more: its holder reads or writes the
 * frame, so the frame must stay the one that the address space has at that address, through fork,
 * copy-on-write and migration.  A pin is GUP_PIN_COUNTING_BIAS references at once, so a frame with
 * that many may be pinned; one with fewer is not.
 *
 * Linux: mm/gup.c, Documentation/core-api/pin_user_pages.rst.
 */
#pragma once

#include "folio.h"
#include "mm.h"

#define GUP_PIN_COUNTING_BIAS 1024

/* Never false for a frame that is pinned.  Linux: folio_maybe_dma_pinned(). */
static inline bool folio_maybe_dma_pinned(const struct folio *folio)
{
	return folio_ref_count(folio) >= GUP_PIN_COUNTING_BIAS;
}

/* Does @mm share @folio with somebody who pinned it?  Linux: folio_needs_cow_for_dma(). */
static inline bool folio_pinned_by(const struct mm *mm, const struct folio *folio)
{
	return atomic_read(&mm->has_pinned) && folio_maybe_dma_pinned(folio);
}

/* The entries of <godwit/core.h>. */
long get_user_pages(struct mm *mm, unsigned long addr, unsigned long nr_pages, unsigned int flags,
		    struct folio **folios);
long get_user_pages_fast(struct mm *mm, unsigned long addr, unsigned long nr_pages,
			 unsigned int flags, struct folio **folios);
void put_user_pages(struct machine *machine, struct folio **folios, unsigned long nr_pages,
		    unsigned int flags);
