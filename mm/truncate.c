// SPDX-License-Identifier: MIT
/*
 * truncate.c - making files shorter, and holes in them, under those who have them mapped
 *
 *	CPU A: truncation			CPU B: fault
 *						the page lies within the size
 *	size := smaller
 *	zap the entries beyond
 *						find the folio, lock it; still the file's
 *	wait for the folio lock
 *						map it, or a private copy of it; unlock
 *	zap the entry that maps it
 *	take it out, unlock
 *	zap once more: private copies
 *
 * A fault maps a folio only under its lock and while it is the file's; so after a folio was taken out
 * nobody maps it.  A private copy is made under the same lock, but no reverse map leads from the
 * folio to it: hence the second zap of all that lies beyond.  The first is for speed alone, as it
 * takes everything at once.
 *
 * A hole leaves private copies: they are no part of the file any more.
 *
 * Locks: inode_lock for write throughout, so that writing back, which could make the file longer
 * again, waits.  The folio lock, i_mmap_lock for read, page table; never mmap_lock, as the VMAs of
 * any process are visited.
 * Linux: mm/truncate.c (truncate_setsize, truncate_pagecache), mm/memory.c (unmap_mapping_range),
 * mm/shmem.c (shmem_undo_range), as of 6.12.
 */
#include "filemap.h"
#include "machine.h"
#include "memory.h"

#include <errno.h>

/* The part of @vma that maps pages [@first, @last] of its file. */
static void zap_file_pages(struct vma *vma, unsigned long first, unsigned long last,
			   bool even_cows)
{
	unsigned long vma_first = vma->pgoff, vma_last = vma->pgoff + vma_pages(vma) - 1;
	unsigned long start = vma->start + ((max(first, vma_first) - vma_first) << PAGE_SHIFT);
	unsigned long end = vma->start + ((min(last, vma_last) - vma_first + 1) << PAGE_SHIFT);

	zap_mapped_file(vma, start, end, even_cows);
}

/* In every VMA.  Linux: unmap_mapping_pages(). */
static void unmap_pages(struct mapping *mapping, unsigned long first, unsigned long last,
			bool even_cows)
{
	struct interval_node *node;

	down_read(&mapping->i_mmap_lock);
	interval_tree_for_each(node, &mapping->i_mmap, first, last)
		zap_file_pages(container_of(node, struct vma, i_mmap_node), first, last, even_cows);
	up_read(&mapping->i_mmap_lock);
}

/* Whoever has it locked may take it out, or put another in its place.  => false: look again */
static bool remove_folio(struct mapping *mapping, struct folio *folio)
{
	bool ours;

	folio_lock(folio);
	ours = folio_mapping(folio) == mapping;
	if (ours) {
		if (folio_mapped(folio))
			unmap_pages(mapping, folio->index, folio->index, false);
		folio_clear(folio, PG_dirty);
		filemap_remove_folio(mapping, folio);
	}
	folio_unlock(folio);
	folio_put(mapping->machine, folio);
	return ours;
}

/* What is put in behind us, where it may be, stays: a hole can be filled at any time. */
static void remove_folios(struct mapping *mapping, unsigned long first, unsigned long last)
{
	struct folio *folio;

	while ((folio = filemap_next_folio(mapping, first, last))) {
		unsigned long index = folio->index;

		if (!remove_folio(mapping, folio)) {
			first = index;
			continue;
		}
		if (index == last)
			break;
		first = index + 1;
	}
}

/* Bytes [@from, @to) of one page, if it is cached; the file has zeroes there already. */
static void zero_part(struct mapping *mapping, unsigned long pgoff, size_t from, size_t to)
{
	struct folio *folio = filemap_get_folio(mapping, pgoff);

	if (!folio)
		return;
	folio_lock(folio);
	if (folio_mapping(folio) == mapping)
		folio_zero_part(mapping->machine, folio, from, to - from);
	folio_unlock(folio);
	folio_put(mapping->machine, folio);
}

/* ---- Another size ------------------------------------------------------------------------------------------- */

/* Linux: truncate_pagecache(). */
static void truncate_pagecache(struct mapping *mapping, uint64_t size)
{
	unsigned long first = size_pages(size);

	unmap_pages(mapping, first, ~0ul, true);
	if (size % PAGE_SIZE)
		zero_part(mapping, size >> PAGE_SHIFT, size % PAGE_SIZE, PAGE_SIZE);
	remove_folios(mapping, first, ~0ul);
	if (guard(mapping->machine, truncate_unmap_again))
		unmap_pages(mapping, first, ~0ul, true);
}

/* Of the file itself, or of what is promised. */
static int set_file_size(struct mapping *mapping, uint64_t size)
{
	const struct gw_mapping_ops *ops = mapping->info.ops;

	if (mapping_is_shmem(mapping))
		return shmem_charge_size(mapping, size);
	return ops->set_size ? ops->set_size(mapping->info.file, size) : 0;
}

int mapping_set_size(struct mapping *mapping, uint64_t size)
{
	uint64_t old = mapping->info.size;
	int err;

	if (size >= old) {
		err = set_file_size(mapping, size);
		if (!err)
			WRITE_ONCE(mapping->info.size, size);
		return err;
	}
	/* Before the file itself: what is read from beyond its end is zeroes, and was there never. */
	WRITE_ONCE(mapping->info.size, size);
	err = set_file_size(mapping, size);
	if (err) {
		WRITE_ONCE(mapping->info.size, old);
		return err;
	}
	truncate_pagecache(mapping, size);
	return 0;
}

int mapping_truncate(struct mapping *mapping, uint64_t size)
{
	int err;

	if (size > INT64_MAX)
		return -EFBIG;
	down_write(&mapping->inode_lock);
	err = mapping_set_size(mapping, size);
	up_write(&mapping->inode_lock);
	return err;
}

/*
 * The end of the file's life here: nobody can look pages up any more, but migration may hold some
 * locked, or put others in their places before this gets their locks.
 */
void truncate_all_pages(struct mapping *mapping)
{
	struct folio *folio;

	while ((folio = filemap_next_folio(mapping, 0, ~0ul))) {
		ASSERT_MSG(!folio_mapped(folio), "page %lu of %s is mapped", folio->index,
			   mapping->name);
		(void)remove_folio(mapping, folio);
	}
	ASSERT(mapping->nr_pages == 0 && !mapping->pages);
}

/* ---- Holes ---------------------------------------------------------------------------------------------------- */

static void zero_ends(struct mapping *mapping, uint64_t start, uint64_t end)
{
	unsigned long first = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

	if (first == last) {
		zero_part(mapping, first, start % PAGE_SIZE, end % PAGE_SIZE);
		return;
	}
	if (start % PAGE_SIZE)
		zero_part(mapping, first, start % PAGE_SIZE, PAGE_SIZE);
	if (end % PAGE_SIZE)
		zero_part(mapping, last, 0, end % PAGE_SIZE);
}

/* Whole pages go, those at the ends are zeroed in part.  Linux: truncate_pagecache_range(). */
static void punch_pages(struct mapping *mapping, uint64_t start, uint64_t end)
{
	unsigned long first = size_pages(start), after = end >> PAGE_SHIFT;

	if (first < after)
		unmap_pages(mapping, first, after - 1, false);
	zero_ends(mapping, start, end);
	if (first < after)
		remove_folios(mapping, first, after - 1);
}

/* => -EOPNOTSUPP: of this file holes cannot be made */
int mapping_punch_hole(struct mapping *mapping, uint64_t offset, uint64_t len)
{
	const struct gw_mapping_ops *ops = mapping->info.ops;
	int err = 0;

	if (!len || offset + len < offset || offset + len > INT64_MAX)
		return -EINVAL;
	if (ops && !ops->punch_hole)
		return -EOPNOTSUPP;
	down_write(&mapping->inode_lock);
	if (ops)
		err = ops->punch_hole(mapping->info.file, offset, len);
	if (!err)
		punch_pages(mapping, offset, offset + len);
	up_write(&mapping->inode_lock);
	return err;
}
