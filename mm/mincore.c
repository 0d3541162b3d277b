// SPDX-License-Identifier: MIT
/*
 * mincore.c - which pages are in memory
 *
 * Linux: mm/mincore.c, as of 6.12.
 */
#include "filemap.h"
#include "uaccess.h"
#include "vma.h"

#include <errno.h>

#define CHUNK 256 /* pages looked at under one hold of mmap_lock */

/* Not mapped, but in the page cache and read? */
static unsigned char is_cached(const struct vma *vma, unsigned long addr)
{
	struct folio *folio;
	bool uptodate;

	if (!vma->mapping)
		return 0;
	folio = filemap_get_folio(vma->mapping, linear_page_index(vma, addr));
	if (!folio)
		return 0;
	uptodate = folio_test(folio, PG_uptodate);
	folio_put(vma->mm->machine, folio);
	return uptodate;
}

/* One table's share of [@addr, @range_end); returns how far it came. */
static unsigned long mincore_pte_range(const struct vma *vma, unsigned long addr,
				       unsigned long range_end, unsigned char *vec)
{
	unsigned long end = pmd_addr_end(addr, range_end);
	bool none[CHUNK] = { false };
	struct spinlock *ptl;
	pte_t *ptep;

	ptep = pte_offset_map_lock(vma->mm, addr, &ptl);
	for (unsigned long i = 0; i < (end - addr) >> PAGE_SHIFT; i++) {
		none[i] = !ptep || pte_none(ptep_get(&ptep[i]));
		vec[i] = 1; /* mapped, or on its way from one frame to another */
	}
	if (ptep)
		pte_unmap_unlock(ptl);
	for (unsigned long i = 0; i < (end - addr) >> PAGE_SHIFT; i++) {
		if (none[i])
			vec[i] = is_cached(vma, addr + (i << PAGE_SHIFT));
	}
	return end;
}

/* One VMA's pages from @addr, at most a chunk of them.  => how many, or -ENOMEM */
static long mincore_chunk(struct mm *mm, unsigned long addr, unsigned long nr_pages,
			  unsigned char *vec)
{
	const struct vma *vma = vma_lookup(mm, addr);
	unsigned long start = addr, end;

	if (!vma)
		return -ENOMEM;
	nr_pages = min(nr_pages, (unsigned long)CHUNK);
	end = min(vma->end, addr + (nr_pages << PAGE_SHIFT));
	while (addr < end) {
		unsigned char *at = vec + ((addr - start) >> PAGE_SHIFT);

		/* What others read of a file is no business of whoever could not write it. */
		if (vma->mapping && vma->mapping->info.hide_residency) {
			*at = 1;
			addr += PAGE_SIZE;
		} else {
			addr = mincore_pte_range(vma, addr, end, at);
		}
	}
	return (long)((end - start) >> PAGE_SHIFT);
}

int mm_mincore(struct mm *mm, unsigned long addr, unsigned long len, unsigned long vec)
{
	unsigned long nr_pages = (len >> PAGE_SHIFT) + !!(len & ~PAGE_MASK);
	unsigned char chunk[CHUNK];

	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (!access_ok(mm, addr, len))
		return -ENOMEM;
	if (!access_ok(mm, vec, nr_pages))
		return -EFAULT;
	while (nr_pages) {
		long nr;

		down_read(&mm->mmap_lock);
		nr = mincore_chunk(mm, addr, nr_pages, chunk);
		up_read(&mm->mmap_lock);
		if (nr < 0)
			return (int)nr;
		if (copy_to_user(mm, vec, chunk, (size_t)nr))
			return -EFAULT;
		nr_pages -= (unsigned long)nr;
		addr += (unsigned long)nr << PAGE_SHIFT;
		vec += (unsigned long)nr;
	}
	return 0;
}
