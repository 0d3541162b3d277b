/* SPDX-License-Identifier: MIT */
/*
 * lock_class.h - the lock order, and the run-time check that both back-ends share
 *
 * The order of the enum is the lock order, outermost first.  A task keeps the classes it holds;
 * acquiring a class that is not below every held one is a violation and reported at once, whether
 * or not the schedule deadlocks.  Try-locks are exempt, since they cannot wait, but what they got
 * is held like any other.  Two locks of one class may be held only when the inner one is taken
 * with a subclass greater than the outer's: the subclasses are named below.
 *
 * The edges are those of the head comment of Linux's mm/rmap.c; docs/locking.md gives the reason
 * for each.
 */
#pragma once

#include "compiler.h"

enum lock_class {
	LOCK_INODE,	  /* mapping->inode_lock: a file's size and its holes */
	LOCK_MMAP,	  /* mm->mmap_lock */
	LOCK_VMA,	  /* vma->lock: a fault begins there, by trylock; vma_lock.c */
	LOCK_FOLIO,	  /* the folio lock, PG_locked */
	LOCK_I_MMAP,	  /* mapping->i_mmap_lock */
	LOCK_ANON_VMA,	  /* anon_vma->root->lock */
	LOCK_MM_TABLES,	  /* mm->page_table_lock: the upper levels */
	LOCK_PAGE_TABLE,  /* the split lock of one page table of PTEs */
	LOCK_I_PAGES,	  /* mapping->i_pages_lock */
	LOCK_LRU,	  /* lruvec->lock */
	LOCK_MACHINE,	  /* machine->mms_lock: the list of address spaces */
	LOCK_SLAB,	  /* kmem_cache->lock */
	LOCK_PCP,	  /* a CPU's list of free frames */
	LOCK_ZONE,	  /* zone->lock: the buddy allocator */
	LOCK_TLB,	  /* a modelled TLB, or a platform's own bookkeeping */
	LOCK_RANDOM,	  /* machine->prng_lock */
	LOCK_DISK,	  /* what a scenario's file lies on */
	NR_LOCK_CLASSES,
};

enum lock_subclass {
	LOCK_PLAIN,
	LOCK_NEST_CHILD,  /* fork: the child's after the parent's */
	LOCK_NEST_SECOND, /* the second of two of a kind; the caller says why no cycle is possible */
};

const char *lock_class_name(enum lock_class class);

#define LOCK_HELD_MAX	 48
#define LOCK_HELD_FOLIOS 16

/*
 * What one task holds.  A migration batch holds hundreds of folio locks, all but the first got by
 * trylock: those beyond LOCK_HELD_FOLIOS are only counted.
 */
struct held_locks {
	struct held_lock {
		const void *lock;
		unsigned char class;
		unsigned char subclass;
		bool try;
	} held[LOCK_HELD_MAX];
	unsigned int nr;
	unsigned int nr_folio; /* folio locks that are counted, not stored */
	unsigned int classes;  /* bit c: a lock of class c is held */
	unsigned short count[NR_LOCK_CLASSES];
};

BUILD_ASSERT(NR_LOCK_CLASSES <= 32);

/* The slow half of held_locks_allow(): the class is held already, and no inner one is. */
bool held_locks_allow_nested(const struct held_locks *held, enum lock_class class,
			     enum lock_subclass subclass);

/* May a lock of @class be waited for?  One shift and one compare when nothing inner is held. */
static inline bool held_locks_allow(const struct held_locks *held, enum lock_class class,
				    enum lock_subclass subclass)
{
	unsigned int same_or_inner = held->classes >> class;

	return likely(same_or_inner == 0) ||
	       (same_or_inner == 1 && held_locks_allow_nested(held, class, subclass));
}

/* False: the task holds more than there is room for. */
static inline bool held_locks_push(struct held_locks *held, const void *lock, enum lock_class class,
				   enum lock_subclass subclass, bool try)
{
	bool stored = class != LOCK_FOLIO ||
		      held->count[LOCK_FOLIO] - held->nr_folio < LOCK_HELD_FOLIOS;

	if (likely(stored)) {
		if (unlikely(held->nr == LOCK_HELD_MAX))
			return false;
		held->held[held->nr++] = (struct held_lock){
			.lock = lock, .class = class, .subclass = subclass, .try = try
		};
	} else {
		held->nr_folio++;
	}
	held->count[class]++;
	held->classes |= 1u << class;
	return true;
}

/* False: the task does not hold @lock. */
bool held_locks_pop_any(struct held_locks *held, const void *lock, enum lock_class class);

static inline bool held_locks_pop(struct held_locks *held, const void *lock, enum lock_class class)
{
	if (unlikely(held->nr == 0 || held->held[held->nr - 1].lock != lock ||
		     held->held[held->nr - 1].class != class))
		return held_locks_pop_any(held, lock, class);
	held->nr--;
	if (--held->count[class] == 0)
		held->classes &= ~(1u << class);
	return true;
}

static inline bool held_locks_holds(const struct held_locks *held, const void *lock)
{
	for (unsigned int i = held->nr; i-- > 0;)
		if (held->held[i].lock == lock)
			return true;
	return false;
}

/* The held lock that forbids waiting for @class; NULL when it is one that is only counted. */
const struct held_lock *held_locks_conflict(const struct held_locks *held, enum lock_class class,
					    enum lock_subclass subclass);

/* The sentence for a violation.  The names of the two locks are the back-end's. */
void lock_violation_describe(char *to, size_t size, enum lock_class class,
			     enum lock_subclass subclass, const char *name,
			     const struct held_lock *conflict, const char *conflict_name);
