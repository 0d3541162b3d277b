// SPDX-License-Identifier: MIT
/*
 * lock_class.c - the lock order's names, and the rare paths of its check
 *
 * The common paths are in the header: a lock is nearly always released in the reverse order of
 * acquisition, and nearly always waited for with only outer classes held.
 *
 * Linux: kernel/locking/lockdep.c learns an order by watching; ours is written down, so one
 * acquisition against it is enough.
 */
#include "lock_class.h"

#include <stdio.h>

const char *lock_class_name(enum lock_class class)
{
	static const char *const names[NR_LOCK_CLASSES] = {
		[LOCK_INODE] = "inode_lock",
		[LOCK_MMAP] = "mmap_lock",
		[LOCK_VMA] = "vma_lock",
		[LOCK_FOLIO] = "folio_lock",
		[LOCK_I_MMAP] = "i_mmap_lock",
		[LOCK_ANON_VMA] = "anon_vma_lock",
		[LOCK_MM_TABLES] = "mm_page_table_lock",
		[LOCK_PAGE_TABLE] = "page_table_lock",
		[LOCK_I_PAGES] = "i_pages_lock",
		[LOCK_LRU] = "lru_lock",
		[LOCK_MACHINE] = "machine_lock",
		[LOCK_SLAB] = "slab_lock",
		[LOCK_PCP] = "pcp_lock",
		[LOCK_ZONE] = "zone_lock",
		[LOCK_TLB] = "tlb_lock",
		[LOCK_RANDOM] = "random_lock",
		[LOCK_DISK] = "disk_lock",
	};

	return (unsigned int)class < NR_LOCK_CLASSES ? names[class] : "lock of no class";
}

bool held_locks_allow_nested(const struct held_locks *held, enum lock_class class,
			     enum lock_subclass subclass)
{
	return held_locks_conflict(held, class, subclass) == NULL &&
	       (class != LOCK_FOLIO || held->nr_folio == 0 || subclass != LOCK_PLAIN);
}

const struct held_lock *held_locks_conflict(const struct held_locks *held, enum lock_class class,
					    enum lock_subclass subclass)
{
	for (unsigned int i = held->nr; i-- > 0;) {
		const struct held_lock *h = &held->held[i];

		if (h->class > class || (h->class == class && h->subclass >= subclass))
			return h;
	}
	return NULL;
}

static void forget(struct held_locks *held, enum lock_class class)
{
	if (--held->count[class] == 0)
		held->classes &= ~(1u << class);
}

bool held_locks_pop_any(struct held_locks *held, const void *lock, enum lock_class class)
{
	for (unsigned int i = held->nr; i-- > 0;) {
		if (held->held[i].lock != lock || held->held[i].class != class)
			continue;
		for (held->nr--; i < held->nr; i++)
			held->held[i] = held->held[i + 1];
		forget(held, class);
		return true;
	}
	if (class != LOCK_FOLIO || held->nr_folio == 0)
		return false;
	held->nr_folio--;
	forget(held, class);
	return true;
}

void lock_violation_describe(char *to, size_t size, enum lock_class class,
			     enum lock_subclass subclass, const char *name,
			     const struct held_lock *conflict, const char *conflict_name)
{
	const char *outer = conflict ? lock_class_name(conflict->class) : lock_class_name(LOCK_FOLIO);

	snprintf(to, size, "lock order violation: waiting for %s (%s, subclass %d) while holding %s (%s%s)",
		 lock_class_name(class), name, (int)subclass, outer, conflict_name,
		 conflict && conflict->try ? ", by trylock" : "");
}
