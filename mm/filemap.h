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
 * (c) constant
 * (p) i_pages_lock
 * (i) i_mmap_lock: write to write, read to walk
 * (a) atomic
 */
struct mapping {
	struct machine *machine;     /* (c) */
	struct gw_mapping_info info; /* (c) name points at @name */
	char name[256];		     /* (c) */
	atomic_t refcount;	     /* (a) the host's and one per VMA */
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
long mapping_read(struct mapping *mapping, void *to, size_t len, uint64_t offset);

/* The folio at @pgoff with a reference, or NULL when it is not cached. */
struct folio *filemap_get_folio(struct mapping *mapping, unsigned long pgoff);
/*
 * The same, read in when it is missing: uptodate, with a reference, and not locked by us.  While
 * the reference is held the folio stays in the cache.
 * => the caller has a reference to @mapping; may sleep
 * => -ENOMEM, -EIO or the file's own error, -EINVAL: @pgoff is beyond the end of the file;
 *    *@major tells whether this call read the file
 */
int filemap_read_folio(struct mapping *mapping, unsigned long pgoff, struct folio **folio,
		       bool *major) __must_check;

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
