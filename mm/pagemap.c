// SPDX-License-Identifier: MIT
/*
 * pagemap.c - what /proc/PID/pagemap shows: which frame is where
 *
 * Linux: fs/proc/task_mmu.c (pte_to_pagemap_entry), as of 6.12; as for a reader who may see frame
 * numbers.
 */
#include "vma.h"

#include "machine.h"
#include "migrate.h"

static uint64_t present_entry(struct machine *machine, pte_t pte)
{
	const struct folio *folio = pfn_folio(machine, pte_pfn(pte));
	uint64_t entry = GW_PAGEMAP_PRESENT | pte_pfn(pte);

	if (pte.v & PTE_BIT(SOFT_DIRTY))
		entry |= GW_PAGEMAP_SOFT_DIRTY;
	if (folio == machine->zero_folio)
		return entry;
	if (!folio_anon(folio))
		entry |= GW_PAGEMAP_FILE;
	if (folio_mapcount(folio) == 1)
		entry |= GW_PAGEMAP_EXCLUSIVE;
	return entry;
}

static uint64_t migration_entry(struct machine *machine, pte_t pte)
{
	uint64_t entry = GW_PAGEMAP_SWAP | (uint64_t)pte_swp_type(pte) |
			 (uint64_t)pte_migration_pfn(pte) << 5;

	if (pte.v & SWP_BIT(SOFT_DIRTY))
		entry |= GW_PAGEMAP_SOFT_DIRTY;
	if (!folio_anon(migration_pte_folio(machine, pte)))
		entry |= GW_PAGEMAP_FILE;
	return entry;
}

static uint64_t pagemap_entry(struct machine *machine, pte_t pte)
{
	if (pte_present(pte))
		return present_entry(machine, pte);
	return pte_is_migration(pte) ? migration_entry(machine, pte) : 0;
}

/* [@start, @end) of one VMA; @entries is of @start, and zero. */
static void pagemap_range(struct mm *mm, unsigned long start, unsigned long end, uint64_t *entries)
{
	struct spinlock *ptl;
	pte_t *ptep;

	for (unsigned long addr = start, next; addr < end; addr = next) {
		next = pmd_addr_end(addr, end);
		ptep = pte_offset_map_lock(mm, addr, &ptl);
		if (!ptep) {
			next = next_page_table(mm, addr, end);
			continue;
		}
		for (; addr < next; addr += PAGE_SIZE)
			entries[(addr - start) >> PAGE_SHIFT] =
				pagemap_entry(mm->machine, ptep_get(ptep++));
		pte_unmap_unlock(ptl);
	}
}

void mm_pagemap(struct mm *mm, unsigned long addr, unsigned long nr_pages, uint64_t *entries)
{
	unsigned long limit = min(mm->task_size, addr + (nr_pages << PAGE_SHIFT));
	const struct vma *vma;

	for (unsigned long i = 0; i < nr_pages; i++)
		entries[i] = 0;
	down_read(&mm->mmap_lock);
	for_each_vma_range(mm, vma, addr, limit) {
		unsigned long start = max(vma->start, addr);

		pagemap_range(mm, start, min(vma->end, limit),
			      entries + ((start - addr) >> PAGE_SHIFT));
	}
	up_read(&mm->mmap_lock);
}
