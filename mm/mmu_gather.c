// SPDX-License-Identifier: MIT
/*
 * mmu_gather.c - unmapping in batches: clear entries, flush once, then free what they named
 *
 * The order is the invariant: a frame or a table goes back only after no translation to it can be
 * used, and a table also only after a grace period, since walkers hold no lock on the way down.
 *
 * Linux: mm/mmu_gather.c, arch/x86/include/asm/tlb.h.
 */
#include "mmu_gather.h"

#include "machine.h"
#include "mm.h"
#include "rmap.h"

void tlb_gather_mmu(struct mmu_gather *tlb, struct mm *mm)
{
	tlb->mm = mm;
	tlb->machine = mm->machine;
	tlb->start = ~0ul;
	tlb->end = 0;
	tlb->even_cows = true;
	tlb->delayed = 0;
	tlb->nr_folios = 0;
	tlb->nr_tables = 0;
}

void tlb_note_cleared(struct mmu_gather *tlb, unsigned long addr)
{
	tlb->start = min(tlb->start, addr);
	tlb->end = max(tlb->end, addr + PAGE_SIZE);
}

bool tlb_remove_folio(struct mmu_gather *tlb, struct folio *folio)
{
	ASSERT(tlb->nr_folios < MMU_GATHER_BATCH);
	tlb->folios[tlb->nr_folios++] = folio;
	return tlb->nr_folios == MMU_GATHER_BATCH;
}

void tlb_delay_rmap(struct mmu_gather *tlb)
{
	tlb->delayed |= 1ull << (tlb->nr_folios - 1);
}

static void flush_translations(struct mmu_gather *tlb)
{
	if (tlb->start < tlb->end)
		flush_tlb_range(tlb->mm, tlb->start, tlb->end, GW_TLB_UNMAP);
	tlb->start = ~0ul;
	tlb->end = 0;
}

/*
 * Whoever writes the page back looks for entries that can still change it only while it is mapped.
 * Linux 1cf35d47712d ("mm: split 'tlb_flush_mmu()' into tlb flushing and memory freeing parts"),
 * 5df397dec7c4 ("mm: delay page_remove_rmap() until after the TLB has been flushed").
 */
void tlb_flush_rmaps(struct mmu_gather *tlb)
{
	if (!tlb->delayed)
		return;
	flush_translations(tlb);
	for (int i = 0; i < tlb->nr_folios; i++) {
		if (tlb->delayed & 1ull << i)
			folio_remove_rmap(tlb->folios[i]);
	}
	tlb->delayed = 0;
}

void tlb_remove_table(struct mmu_gather *tlb, struct folio *table)
{
	tlb->tables[tlb->nr_tables++] = table;
	if (tlb->nr_tables == MMU_GATHER_BATCH)
		tlb_flush_mmu(tlb);
}

void tlb_flush_mmu(struct mmu_gather *tlb)
{
	ASSERT(!tlb->delayed);
	flush_translations(tlb);
	for (int i = 0; i < tlb->nr_folios; i++)
		folio_put(tlb->machine, tlb->folios[i]);
	tlb->nr_folios = 0;
	for (int i = 0; i < tlb->nr_tables; i++)
		table_free(tlb->tables[i]);
	if (tlb->nr_tables)
		atomic_long_add_return(&tlb->mm->nr_tables, -tlb->nr_tables);
	tlb->nr_tables = 0;
}

void tlb_finish_mmu(struct mmu_gather *tlb)
{
	tlb_flush_mmu(tlb);
}
