/* SPDX-License-Identifier: MIT */
/*
 * filemap.h - the page cache: a file's folios by page offset
 *
 * Linux: struct address_space (a name whose meaning drifted), mm/filemap.c.
 */
#pragma once

#include <godwit/mm.h>

#include "folio.h"
#include "interval_tree.h"

struct radix_node;

/*
 * A file, or shared memory, which is a file that nobody has: info.ops is NULL.
 *
 * (c) constant
 * (p) i_pages_lock
 * (i) i_mmap_lock: write to write, read to walk
 * (n) inode_lock
 * (a) atomic
 */
struct mapping {
	struct machine *machine;     /* (c) */
	struct list_head mappings;   /* machine->mms_lock: in machine->mappings */
	struct gw_mapping_info info; /* (c) name points at @name; but size: (n) to write, see truncate.c */
	char name[256];		     /* (c) */
	atomic_t refcount;	     /* (a) the host's and one per VMA */
	/* LOCK_INODE.  Write: the size, holes, the file's contents but through pages; read: write back */
	struct rwsem inode_lock;
	unsigned long nr_charged;    /* (n) pages that are promised for its size: shmem.c */
	struct spinlock i_pages_lock;
	struct radix_node *pages;    /* (p) root of the index */
	int height;		     /* (p) levels; 0: empty */
	unsigned long nr_pages;	     /* (p) */
	struct rwsem i_mmap_lock;    /* LOCK_I_MMAP */
	struct interval_tree i_mmap; /* (i) vma->i_mmap_node, keyed by page offset */
};

int mapping_create(struct machine *machine, const struct gw_mapping_info *info,
		   struct mapping **mapping) __must_check;
void mapping_get(struct mapping *mapping);
void mapping_put(struct mapping *mapping);
uint64_t mapping_size(const struct mapping *mapping);
unsigned long mapping_users(struct mapping *mapping);
long mapping_read(struct mapping *mapping, void *to, size_t len, uint64_t offset);
long mapping_write(struct mapping *mapping, const void *from, size_t len, uint64_t offset);
int mapping_update(struct mapping *mapping, const void *from, size_t len, uint64_t offset);

/* Pages of @size bytes, the last one perhaps in part. */
static inline unsigned long size_pages(uint64_t size)
{
	return (size >> GW_PAGE_SHIFT) + !!(size & (GW_PAGE_SIZE - 1));
}

/* What it has now; the next look may find another number. */
static inline unsigned long file_pages(const struct mapping *mapping)
{
	return size_pages(mapping_size(mapping));
}

static inline bool mapping_is_shmem(const struct mapping *mapping)
{
	return !mapping->info.ops;
}

/* Must it be known which of its pages are newer than the file? */
static inline bool mapping_tracks_dirty(const struct mapping *mapping)
{
	return mapping->info.ops && mapping->info.ops->write_page;
}

/* The folio at @pgoff with a reference, or NULL when it is not cached. */
struct folio *filemap_get_folio(struct mapping *mapping, unsigned long pgoff);
/*
 * The same, read in when it is missing: uptodate, with a reference, and not locked by us.  While
 * the reference is held migration leaves the folio in the cache; truncation may take it out.
 * => the caller has a reference to @mapping; may sleep
 * => -ENOMEM, -EIO or the file's own error, -EINVAL: @pgoff is beyond the end of the file;
 *    *@major tells whether this call read the file
 */
int filemap_read_folio(struct mapping *mapping, unsigned long pgoff, struct folio **folio,
		       bool *major) __must_check;
/*
 * The same, locked, and while it is locked it is the file's: truncation comes after the unlock.
 */
int filemap_lock_folio(struct mapping *mapping, unsigned long pgoff, struct folio **folio,
		       bool *major) __must_check;
/* The first cached folio of [@first, @last], with a reference, or NULL. */
struct folio *filemap_next_folio(struct mapping *mapping, unsigned long first, unsigned long last);
/* Take @folio, locked and not mapped, out of the cache and drop the cache's reference. */
void filemap_remove_folio(struct mapping *mapping, struct folio *folio);

/*
 * Put @new in the place of @old, both locked, if @old has @expected references, the cache's among
 * them; the cache's reference moves over, and so do index and mapping: @old is no file's any more.
 * Linux: the i_pages part of folio_migrate_mapping().
 * => -EAGAIN: somebody holds another reference; nothing changed
 * => with GW_GUARD_migrate_recheck_refs off, references are not looked at
 */
int filemap_replace_folio(struct mapping *mapping, struct folio *old, struct folio *new,
			  int expected) __must_check;

/* Call @visit for every cached folio, in order: for validation, when nothing else runs. */
void filemap_for_each(struct mapping *mapping, void (*visit)(void *arg, struct folio *folio),
		      void *arg);

/* Of a node of the index, for its slab cache. */
size_t radix_node_size(void);

/*
 * Enter @vma with its present bounds and page offset, or take it out; between the two they may
 * change.
 * => i_mmap_lock held for write
 */
void i_mmap_insert(struct mapping *mapping, struct vma *vma);
void i_mmap_remove(struct mapping *mapping, struct vma *vma);

/* ---- truncate.c ------------------------------------------------------------------------------------------ */

int mapping_truncate(struct mapping *mapping, uint64_t size);
/* The same for whoever holds inode_lock for write. */
int mapping_set_size(struct mapping *mapping, uint64_t size);
int mapping_punch_hole(struct mapping *mapping, uint64_t offset, uint64_t len);
/* Take out all that is cached: the end of the file's life here. */
void truncate_all_pages(struct mapping *mapping);

/* ---- writeback.c ----------------------------------------------------------------------------------------- */

int mapping_sync(struct mapping *mapping, uint64_t offset, uint64_t len);
/* The same for all of a mapping that nobody else can reach any more. */
void write_last_pages(struct mapping *mapping);

/* ---- shmem.c --------------------------------------------------------------------------------------------- */

/* The object behind one shared anonymous mapping.  => -ENOMEM */
int shmem_zero_setup(struct machine *machine, uint64_t size, bool noreserve,
		     struct mapping **mapping) __must_check;
/* It is about to have @size bytes: promise the pages, or take promises back.  => -ENOMEM */
int shmem_charge_size(struct mapping *mapping, uint64_t size) __must_check;
/*
 * A page more or less of an object whose pages are promised one by one.
 * => -ENOSPC, as of a full file system: no more can be promised
 */
int shmem_charge_page(struct mapping *mapping) __must_check;
void shmem_uncharge_page(struct mapping *mapping);
/* Pages that are promised for it. */
unsigned long shmem_charged(const struct mapping *mapping);
