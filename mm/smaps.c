// SPDX-License-Identifier: MIT
/*
 * smaps.c - what /proc/PID/smaps shows: each VMA, and how much of it is there, shared and dirty
 *
 * Linux: fs/proc/task_mmu.c (smap_gather_stats, smaps_account, show_smap_vma_flags), as of 6.12.
 */
#include "vma.h"

struct smaps_walk {
	const struct vma *vma;
	struct gw_smaps *smaps;
};

static void smaps_gather(const struct vma *vma, struct gw_smaps *smaps);
static void smaps_flags(unsigned long flags, char *text);

void mm_smaps(struct mm *mm, void (*line)(void *arg, const struct gw_smaps *smaps), void *arg)
{
	const struct vma *vma;
	struct gw_smaps smaps;

	down_read(&mm->mmap_lock);
	for_each_vma(mm, vma) {
		smaps = (struct gw_smaps){ .size = vma->end - vma->start };
		fill_maps_line(mm, vma, &smaps.line);
		smaps_gather(vma, &smaps);
		smaps_flags(vma->flags, smaps.flags);
		line(arg, &smaps);
	}
	up_read(&mm->mmap_lock);
}

/* ---- Pages ------------------------------------------------------------------------------------------ */

/* @pss is the page's size over the number of its mappings, and @private: that number is 1. */
static void smaps_account_page(struct gw_smaps *smaps, const struct folio *folio, uint64_t pss,
			       bool dirty, bool locked, bool private)
{
	smaps->pss += pss;
	if (folio_anon(folio))
		smaps->pss_anon += pss;
	else if (folio_test(folio, PG_swapbacked))
		smaps->pss_shmem += pss;
	else
		smaps->pss_file += pss;
	if (locked)
		smaps->pss_locked += pss;
	if (dirty) {
		smaps->pss_dirty += pss;
		*(private ? &smaps->private_dirty : &smaps->shared_dirty) += PAGE_SIZE;
	} else {
		*(private ? &smaps->private_clean : &smaps->shared_clean) += PAGE_SIZE;
	}
}

static void smaps_account(struct gw_smaps *smaps, const struct vma *vma, const struct folio *folio,
			  bool young, bool dirty, bool migrating)
{
	int mapcount = migrating ? 1 : folio_mapcount(folio);
	uint64_t pss = PAGE_SIZE << GW_PSS_SHIFT;

	dirty = dirty || folio_test(folio, PG_dirty);
	smaps->rss += PAGE_SIZE;
	if (folio_anon(folio)) {
		smaps->anonymous += PAGE_SIZE;
		if (!folio_test(folio, PG_swapbacked) && !dirty)
			smaps->lazyfree += PAGE_SIZE;
	}
	if (young || folio_test(folio, PG_referenced))
		smaps->referenced += PAGE_SIZE;
	if (mapcount >= 2)
		pss /= (uint64_t)mapcount;
	smaps_account_page(smaps, folio, pss, dirty, vma->flags & VM_LOCKED, mapcount < 2);
}

static void smaps_pte(const struct vma *vma, pte_t pte, struct gw_smaps *smaps)
{
	struct machine *machine = vma->mm->machine;
	const struct folio *folio;

	if (pte_present(pte)) {
		folio = pfn_folio(machine, pte_pfn(pte));
		if (folio != machine->zero_folio)
			smaps_account(smaps, vma, folio, pte_young(pte), pte_dirty(pte), false);
	} else if (pte_is_migration(pte)) {
		folio = pfn_folio(machine, pte_migration_pfn(pte));
		smaps_account(smaps, vma, folio, false, false, true);
	}
}

static void smaps_gather(const struct vma *vma, struct gw_smaps *smaps)
{
	struct mm *mm = vma->mm;
	struct spinlock *ptl;
	pte_t *ptep;

	for (unsigned long addr = vma->start, end; addr < vma->end; addr = end) {
		end = pmd_addr_end(addr, vma->end);
		ptep = pte_offset_map_lock(mm, addr, &ptl);
		if (!ptep) {
			end = next_page_table(mm, addr, vma->end);
			continue;
		}
		for (; addr < end; addr += PAGE_SIZE)
			smaps_pte(vma, ptep_get(ptep++), smaps);
		pte_unmap_unlock(ptl);
	}
}

/* ---- Flags ------------------------------------------------------------------------------------------- */

static void smaps_flags(unsigned long flags, char *text)
{
	static const struct {
		unsigned long flag;
		char name[2];
	} names[] = {
		{ VM_READ, "rd" },	  { VM_WRITE, "wr" },	    { VM_EXEC, "ex" },
		{ VM_SHARED, "sh" },	  { VM_MAYREAD, "mr" },	    { VM_MAYWRITE, "mw" },
		{ VM_MAYEXEC, "me" },	  { VM_MAYSHARE, "ms" },    { VM_GROWSDOWN, "gd" },
		{ VM_LOCKED, "lo" },	  { VM_SEQ_READ, "sr" },    { VM_RAND_READ, "rr" },
		{ VM_DONTCOPY, "dc" },	  { VM_DONTEXPAND, "de" },  { VM_LOCKONFAULT, "lf" },
		{ VM_ACCOUNT, "ac" },	  { VM_NORESERVE, "nr" },   { VM_WIPEONFORK, "wf" },
		{ VM_DONTDUMP, "dd" },	  { VM_SOFTDIRTY, "sd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & names[i].flag))
			continue;
		*text++ = names[i].name[0];
		*text++ = names[i].name[1];
		*text++ = ' ';
	}
	*text = '\0';
}
