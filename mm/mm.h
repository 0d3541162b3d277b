/* SPDX-License-Identifier: MIT */
/*
 * mm.h - one address space
 *
 * Linux: struct mm_struct; kernel/fork.c (mm_init, mmput).
 */
#pragma once

#include <godwit/mm.h>

#include "list.h"
#include "machine.h"
#include "pgtable.h"
#include "stock.h"
#include "sync.h"
#include "vma_tree.h"

/*
 * (m) mmap_lock: read to read, write to write
 * (a) atomic
 * (c) constant once the address space is in use
 * (M) machine->mms_lock
 */
struct mm {
	struct machine *machine;  /* (c) */
	unsigned long id;	  /* (c) from 1, never reused */
	atomic_t refcount;	  /* (a) users: mm_put() of the last tears it down */
	atomic_t count;		  /* (a) keeps the struct: 1 for all users together, 1 per mm_grab() */
	struct list_head mms;	  /* (M) machine->mms */
	void *user;		  /* (c) whoever runs it */
	bool dying;		  /* set by exit_mmap() under mmap_lock for write */

	struct rwsem mmap_lock;	  /* serialises changes of VMAs; not page-table entries */
	unsigned int mm_lock_seq; /* (m) write to change: VMAs with this number are locked; vma_lock.c */
	struct spinlock page_table_lock; /* LOCK_MM_TABLES: making upper tables, vma->anon_vma */
	unsigned long pgd_pfn;	  /* (c) */
	struct vma_tree vmas;	  /* (m) */

	int map_count;		  /* (m) */
	unsigned long total_vm, data_vm, stack_vm, exec_vm; /* (m) pages */
	unsigned long locked_vm;  /* (m) pages */
	unsigned long hiwater_vm; /* (m) the most that total_vm was */
	unsigned long def_flags;  /* (m) of mappings to come: VM_LOCKED_MASK; mlockall() */
	long commit_ahead;	  /* (m) write: accounting.c; 0 while nobody holds it */
	struct stock stock;	  /* (m) write */
	atomic_t tlb_flush_batched; /* (a) entries replaced whose flush a batch still owes */
	atomic_t tlb_flush_pending; /* (a) who zaps under mmap_lock for read: madvise.c */
	atomic_long_t nr_tables;  /* (a) page-table frames, the root included */
	atomic_t has_pinned;	  /* (a) not 0: some page was pinned once; Linux: MMF_HAS_PINNED */
	atomic_t write_protect_seq; /* (a) odd while fork() shares pages; (m) write to change */

	unsigned long task_size;  /* (c) */
	unsigned long mmap_base;  /* (m) where top-down search begins */
	unsigned long stack_guard_gap; /* (c) bytes, Linux: 256 pages */
	unsigned long start_code, end_code, start_data, end_data; /* (m) */
	unsigned long start_brk, brk, start_stack;		  /* (m) */
	unsigned long arg_start, arg_end, env_start, env_end;	  /* (m) */
	struct gw_limits limits;  /* (m) */
	/* Last: every fault writes them, and reads what is above. */
	atomic_long_t rss_anon, rss_file; /* (a) pages mapped */
};

/*
 * mmap_lock for write and for read.  Whoever gives up writing unlocks the VMAs that it has locked in
 * the same step: never up_write() alone.  Linux: include/linux/mmap_lock.h.
 */
static inline void mmap_write_lock(struct mm *mm)
{
	down_write(&mm->mmap_lock);
}

/* Faults that see the new number see all that was changed under the old one. */
static inline void vma_end_write_all(struct mm *mm)
{
	rwsem_assert_held_write(&mm->mmap_lock);
	smp_store_release(&mm->mm_lock_seq, mm->mm_lock_seq + 1);
}

static inline void mmap_write_unlock(struct mm *mm)
{
	vma_end_write_all(mm);
	up_write(&mm->mmap_lock);
}

static inline void mmap_write_downgrade(struct mm *mm)
{
	vma_end_write_all(mm);
	downgrade_write(&mm->mmap_lock);
}

int mm_create(struct machine *machine, const struct gw_limits *limits, struct mm **mm) __must_check;
void mm_get(struct mm *mm);
void mm_put(struct mm *mm);

/*
 * Keep the struct without keeping the address space alive, as Linux's mmgrab(); and turn that into
 * a use, as mmget_not_zero(): false when it is being torn down.
 */
void mm_grab(struct mm *mm);
void mm_drop(struct mm *mm);
bool mm_get_not_zero(struct mm *mm) __must_check;

/* The address space after @prev (NULL: the first) with a use taken; drops the use of @prev. */
struct mm *mm_next(struct machine *machine, struct mm *prev);

/* Unmap everything; the last user is gone.  Linux: exit_mmap(). */
void exit_mmap(struct mm *mm);

void mm_info(struct mm *mm, struct gw_mm_info *info);
