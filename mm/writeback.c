// SPDX-License-Identifier: MIT
/*
 * writeback.c - writing to files what their shared mappings have changed
 *
 * A page of a file whose changes must be known is mapped read-only until it is written; that fault
 * marks folio and entry dirty, under the folio lock.  Writing back goes the other way, under the same
 * lock: every entry becomes clean and read-only, its translations are flushed, and only then the folio
 * becomes clean and is written, so that what is stored later faults, waits for the lock, and marks the
 * folio dirty again.
 *
 *	CPU A: writing back			CPU B: a program
 *	lock the folio
 *	entry := read-only, clean
 *						store through a cached translation: is in the page
 *	flush
 *						store: faults, waits for the folio lock
 *	folio := clean; write it
 *	unlock
 *						folio := dirty, entry := writable
 *
 * Who unmaps a page hands its dirty bit to the folio before a walk here can find the entry gone, and
 * flushes before that too (memory.c).
 *
 * Locks: inode_lock for read, against truncation; the folio lock, i_mmap_lock, page table.
 * Linux: mm/page-writeback.c (folio_clear_dirty_for_io), mm/rmap.c (folio_mkclean), as of 6.12.
 * Differs: the folio stays locked while it is written; nothing is written before somebody asks for it
 * or the file is not used any more.
 */
#include "filemap.h"
#include "machine.h"
#include "rmap.h"

/* How much of page @pgoff is the file's. */
static size_t bytes_of_page(const struct mapping *mapping, unsigned long pgoff)
{
	uint64_t start = (uint64_t)pgoff << GW_PAGE_SHIFT, size = mapping_size(mapping);

	return size <= start ? 0 : (size_t)min(size - start, (uint64_t)GW_PAGE_SIZE);
}

/* False: nothing is to be written.  Linux: folio_clear_dirty_for_io(). */
static bool clear_dirty_for_io(struct mapping *mapping, struct folio *folio)
{
	if (folio_mkclean(mapping->machine, folio))
		folio_set(folio, PG_dirty);
	return folio_test_clear(folio, PG_dirty);
}

/* The folio is locked.  An error leaves it dirty. */
static int write_folio(struct mapping *mapping, struct folio *folio)
{
	size_t len = bytes_of_page(mapping, folio->index);
	int err;

	if (folio_mapping(folio) != mapping || !len || !clear_dirty_for_io(mapping, folio))
		return 0;
	tlb_assert_clean(mapping->machine, folio_pfn(mapping->machine, folio));
	err = mapping->info.ops->write_page(mapping->info.file, folio->index,
					    folio_address(mapping->machine, folio), len);
	if (err)
		folio_set(folio, PG_dirty);
	return err;
}

/* All that can be written is, and the first error remembered. */
static int write_range(struct mapping *mapping, unsigned long first, unsigned long last)
{
	struct folio *folio;
	int err = 0;

	while ((folio = filemap_next_folio(mapping, first, last))) {
		unsigned long index = folio->index;
		int error;

		folio_lock(folio);
		error = write_folio(mapping, folio);
		folio_unlock(folio);
		folio_put(mapping->machine, folio);
		err = err ? err : error;
		if (index == last)
			break;
		first = index + 1;
	}
	return err;
}

int mapping_sync(struct mapping *mapping, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len < offset ? ~0ull : offset + len;
	int err;

	if (!len || !mapping_tracks_dirty(mapping))
		return 0;
	down_read(&mapping->inode_lock);
	err = write_range(mapping, offset >> GW_PAGE_SHIFT, (end - 1) >> GW_PAGE_SHIFT);
	up_read(&mapping->inode_lock);
	return err;
}

/* There is nobody left to tell that it could not be written. */
void write_last_pages(struct mapping *mapping)
{
	if (mapping_tracks_dirty(mapping))
		(void)!write_range(mapping, 0, ~0ul);
}
