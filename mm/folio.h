/* SPDX-License-Identifier: MIT */
/*
 * folio.h - what the core knows about one frame
 *
 * One struct folio per frame, in an array indexed by pfn.  All frames are of order 0 once
 * allocated to someone; a free block of a higher order is described by its first frame.
 *
 * References: 1 per page-table entry that maps the folio, 1 for the page cache, 1 per isolation
 * from the LRU list, 1 per temporary user, 1024 per pin (gup.h).  At 0 the frame goes back to its
 * zone.
 *
 * Linux: struct folio, struct page; include/linux/page-flags.h.
 */
#pragma once

#include <godwit/machine.h>

#include "list.h"
#include "sync.h"

struct anon_vma;

/* Bits of folio->flags, an atomic word. */
enum folio_flag {
	PG_locked,	   /* the folio lock */
	PG_waiters,	   /* somebody sleeps on it */
	PG_uptodate,	   /* contents are valid */
	PG_dirty,	   /* newer than its file */
	PG_referenced,
	PG_lru,		   /* on an LRU list */
	PG_swapbacked,	   /* anonymous, or shared memory */
	PG_anon_exclusive, /* one process alone maps it, and may write it without a copy */
	PG_table,	   /* holds a page table */
	PG_slab,	   /* holds structures of the core */
	PG_reserved,	   /* the zero page: never freed, moved or counted */
	PG_buddy,	   /* free, first frame of a block of folio->order */
	PG_pcp,		   /* free, on a CPU's list */
	PG_poisoned,	   /* free and filled with 0xdb */
	PG_quarantine,	   /* free, and kept from use: machine->quarantine */
};

/* folio->mapping carries Linux's tag: bit 0 set means an anon_vma. */
#define FOLIO_MAPPING_ANON 1ul

/*
 * (a) atomic
 * (L) the folio lock
 * (P) the page-table lock, when the folio holds a table
 * (z) zone->lock or the CPU's list lock, while the folio is free
 * (l) lruvec->lock while PG_lru is set; the isolator's own while it is clear
 * (c) constant
 */
struct folio {
	atomic_t flags;		/* (a) */
	atomic_t refcount;	/* (a) */
	atomic_t mapcount;	/* (a) entries that map it */
	unsigned char order;	/* (z) */
	unsigned char node;	/* (c) */
	unsigned char zone;	/* (c) index in machine->zones */
	unsigned char migratetype; /* (z) of the free list it is on or belongs to */
	unsigned long mapping;	/* (L) to write: anon_vma | FOLIO_MAPPING_ANON, or struct mapping */
	union {
		struct {
			struct list_head lru; /* (z), (l) */
			unsigned long index;  /* (L) to write: page offset in its object */
		};
		struct rcu_head rcu; /* a table on its way out */
	};
	union {
		struct {
			struct spinlock lock; /* the table's split lock, LOCK_PAGE_TABLE */
			int nr_entries;	      /* (P) entries that are not none; upper: page_table_lock */
		} table;
		struct kmem_slab *slab; /* (c) while PG_slab */
		struct {		/* a frame that a guest may map */
			union {
				struct anon_vma *migrate_anon_vma; /* (L) of the new frame of a */
				int seen; /* machine_validate(): entries found that map it */
			};
			bool migrate_was_mapped; /* (L) migration: a reference; were there entries? */
			atomic_t outside; /* (a) references of get_user_pages(); for validation */
		};
	};
};

static inline bool folio_test(const struct folio *folio, enum folio_flag flag)
{
	return atomic_read(&folio->flags) & (1 << flag);
}

static inline void folio_set(struct folio *folio, enum folio_flag flag)
{
	atomic_fetch_or(&folio->flags, 1 << flag);
}

static inline void folio_clear(struct folio *folio, enum folio_flag flag)
{
	atomic_fetch_and(&folio->flags, ~(1 << flag));
}

/* Clear @flag; was it set? */
static inline bool folio_test_clear(struct folio *folio, enum folio_flag flag)
{
	return atomic_fetch_and(&folio->flags, ~(1 << flag)) & (1 << flag);
}

static inline void folio_lock(struct folio *folio)
{
	bit_lock(&folio->flags, PG_locked, PG_waiters, LOCK_FOLIO);
}

static inline bool folio_trylock(struct folio *folio)
{
	return bit_trylock(&folio->flags, PG_locked, LOCK_FOLIO);
}

static inline void folio_unlock(struct folio *folio)
{
	bit_unlock(&folio->flags, PG_locked, PG_waiters, LOCK_FOLIO);
}

static inline bool folio_locked(const struct folio *folio)
{
	return folio_test(folio, PG_locked);
}

/* Sleep until @folio has been seen unlocked; the caller holds a reference. */
static inline void folio_wait_locked(struct folio *folio)
{
	bit_wait(&folio->flags, PG_locked, PG_waiters);
}

/* The caller has a reference already, or the table lock of an entry that holds one. */
static inline void folio_get(struct folio *folio)
{
	atomic_inc(&folio->refcount);
}

/* False when the folio is on its way to being freed.  Linux: folio_try_get(). */
static inline bool folio_try_get(struct folio *folio)
{
	return atomic_inc_not_zero(&folio->refcount);
}

static inline int folio_ref_count(const struct folio *folio)
{
	return atomic_read(&folio->refcount);
}

static inline int folio_mapcount(const struct folio *folio)
{
	return atomic_read(&folio->mapcount);
}

static inline bool folio_mapped(const struct folio *folio)
{
	return folio_mapcount(folio) > 0;
}

static inline bool folio_anon(const struct folio *folio)
{
	return READ_ONCE(folio->mapping) & FOLIO_MAPPING_ANON;
}

static inline struct anon_vma *folio_anon_vma(const struct folio *folio)
{
	unsigned long mapping = READ_ONCE(folio->mapping);

	return (mapping & FOLIO_MAPPING_ANON) ? (struct anon_vma *)(mapping - FOLIO_MAPPING_ANON)
					      : NULL;
}

/* The file that @folio caches, or NULL. */
static inline struct mapping *folio_mapping(const struct folio *folio)
{
	unsigned long mapping = READ_ONCE(folio->mapping);

	return (mapping & FOLIO_MAPPING_ANON) ? NULL : (struct mapping *)mapping;
}

unsigned long folio_pfn(const struct machine *machine, const struct folio *folio);
/* NULL when @pfn is no frame of this machine. */
struct folio *pfn_folio(struct machine *machine, unsigned long pfn);

/* Drop a reference; the last one takes the folio off its LRU list and frees the frame. */
void folio_put(struct machine *machine, struct folio *folio);
/* Drop @nr at once. */
void folio_put_refs(struct machine *machine, struct folio *folio, int nr);

/* Frame contents are touched through these alone.  @offset + @len <= GW_PAGE_SIZE. */
void folio_zero(struct machine *machine, struct folio *folio);
void folio_zero_part(struct machine *machine, struct folio *folio, size_t offset, size_t len);
void folio_copy(struct machine *machine, struct folio *to, struct folio *from);
void folio_read(struct machine *machine, struct folio *folio, size_t offset, void *to, size_t len);
void folio_write(struct machine *machine, struct folio *folio, size_t offset, const void *from,
		 size_t len);
/* For a host call that fills a frame of the page cache, or a processor's own access. */
void *folio_address(const struct machine *machine, const struct folio *folio) __pure;
