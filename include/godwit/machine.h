/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a machine: the frames, nodes, address spaces and counters of one modelled computer
 *
 * Everything is reached from one struct machine, which lives wholly inside the two ranges of
 * memory that its creator hands in.  A process can hold thousands of machines.
 */
#ifndef GODWIT_MACHINE_H
#define GODWIT_MACHINE_H

#include <godwit/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GW_MAX_CPUS  16
#define GW_MAX_NODES 8

/* ---- Counters: the kernel's names of /proc/vmstat where it has one -------------------------- */

#define GW_COUNTERS(X)                                                                             \
	X(pgfault)		/* faults handled */                                               \
	X(pgmajfault)		/* of these, with a read from a file */                            \
	X(fault_anon)		/* a new anonymous page */                                         \
	X(fault_zero)		/* the zero page mapped for a read */                              \
	X(fault_file)		/* a page of the page cache mapped */                              \
	X(fault_cow)		/* a private copy made */                                          \
	X(fault_reuse)		/* write access restored without a copy */                         \
	X(fault_unshare)	/* a shared page copied because it is to be pinned */              \
	X(fork_copy_pinned)	/* pages that fork copied at once, as they were pinned */          \
	X(nr_foll_pin_acquired)	/* pins taken */                                                   \
	X(nr_foll_pin_released)	/* pins dropped */                                                 \
	X(fault_stack)		/* stack growth */                                                 \
	X(fault_spurious)	/* another fault had done the work */                              \
	X(vma_lock_success)	/* faults that needed no lock but their VMA's */                    \
	X(vma_lock_abort)	/* faults that could not have their VMA's */                        \
	X(vma_lock_retry)	/* faults that had it, and needed mmap_lock */                      \
	X(vma_lock_miss)	/* VMAs that were gone when they were locked */                     \
	X(migration_wait)	/* waits on a migration entry */                                   \
	X(pgmigrate_success)	/* pages moved */                                                  \
	X(pgmigrate_fail)	/* pages given up */                                               \
	X(migrate_retry)	/* passes over a page that had to be repeated */                   \
	X(migrate_skip_tmp_stack) /* mappings skipped: exec was moving the stack */                \
	X(pgalloc)		/* frames allocated */                                             \
	X(pgfree)		/* frames freed */                                                 \
	X(tlb_fill)		/* translations handed to a TLB */                                 \
	X(tlb_flush)		/* flushes of a range */                                           \
	X(tlb_flush_batch)	/* flushes of a batch of pages at once */

enum gw_counter {
#define X(name) GW_COUNTER_##name,
	GW_COUNTERS(X)
#undef X
	GW_NR_COUNTERS
};

/* ---- Memory, as /proc/meminfo, buddyinfo and zoneinfo show it ---------------------------------- */

struct gw_memory_info { /* frames */
	unsigned long total, free;		 /* that guests may map */
	unsigned long anon_pages;		 /* mapped, anonymous */
	unsigned long mapped;			 /* mapped, of files */
	unsigned long file_pages, dirty, shmem;	 /* in the page cache; of these; of these */
	unsigned long slab, page_tables;	 /* of the core's own */
	unsigned long commit_limit, committed;
};

#define GW_MAX_ORDER 10

struct gw_zone_info { /* frames, but for the blocks */
	const char *name; /* "Movable": what guests map; "Normal": the core's own */
	int node;
	unsigned long start_pfn, spanned;
	unsigned long free; /* lists of the CPUs not included */
	unsigned long watermark_min, watermark_low, watermark_high;
	unsigned long nr_blocks[GW_MAX_ORDER + 1]; /* free, by order */
	int nr_cpus;
	int pcp_count[GW_MAX_CPUS], pcp_high, pcp_batch;
	unsigned long nr_anon, nr_file; /* of the node's LRU lists; 0 for the core's zone */
};

/* ---- Guards: protective measures that an experiment may switch off --------------------------- */

#define GW_GUARDS(X)                                                                               \
	X(skip_temporary_stack, "skip-temporary-stack", "a8bef8ff6ea1",                            \
	  "migration leaves the pages of a stack that exec is still moving alone")                 \
	X(migrate_flush_before_copy, "migrate-flush-before-copy", NULL,                            \
	  "translations are flushed before the old frame is copied")                               \
	X(migrate_recheck_refs, "migrate-recheck-refs", NULL,                                      \
	  "the reference count must be the expected one before a folio is moved")                  \
	X(zap_flush_dirty, "zap-flush-dirty", "1cf35d47712d",                                      \
	  "what was mapped dirty is flushed before a walk can find it unmapped")                   \
	X(mkclean_flush, "mkclean-flush", NULL,                                                    \
	  "translations are flushed after an entry was made clean, before the page is written")    \
	X(fault_recheck_file, "fault-recheck-file", "d00806b18315",                                \
	  "a fault looks under the folio lock whether the page is still the file's")               \
	X(truncate_unmap_again, "truncate-unmap-again", NULL,                                      \
	  "after its pages have gone, private copies of them are looked for once more")            \
	X(mremap_rmap_locks, "mremap-rmap-locks", "108d6642ad81",                                  \
	  "entries move under the rmap locks where a walk may come to the new VMA first")          \
	X(zap_nested_flush, "zap-nested-flush", "99baac21e458",                                    \
	  "who zaps beside another flushes what the other may not have flushed yet")               \
	X(migrate_leave_pinned, "migrate-leave-pinned", "6c287605fd56",                            \
	  "a pinned page stays one process's own, so no migration entry may stand for it")         \
	X(fork_flush, "fork-flush", NULL,                                                          \
	  "the parent's writable translations are flushed before fork lets go of it")              \
	X(fork_share_migration, "fork-share-migration", "4a705fef9862",                            \
	  "fork takes the right to write from migration entries, in parent and child")             \
	X(fork_copy_pinned, "fork-copy-pinned", "70e806e4e645",                                    \
	  "fork copies a pinned page at once instead of sharing it")                               \
	X(gup_unshare, "gup-unshare", "17839856fd58",                                              \
	  "a shared page is copied before it is pinned for reading")                               \
	X(gup_fast_recheck, "gup-fast-recheck", NULL,                                              \
	  "the entry is read again after the reference has been taken without a lock")             \
	X(gup_fast_fork, "gup-fast-fork", "57efa1fe5957",                                          \
	  "a pin that was taken without a lock while fork was sharing pages is undone")            \
	X(fork_lock_vmas, "fork-lock-vmas", "2b4f3b4987b5",                                        \
	  "no fault runs in the parent between the sharing of pages and the flush")                \
	X(stack_lock_vma, "stack-lock-vma", "c137381f71ae",                                        \
	  "no fault looks at a stack while its start and its offset change")                       \
	X(merge_lock_vma, "merge-lock-vma", NULL,                                                  \
	  "no fault uses an anon_vma that a merge has given a VMA before walks find it there")

enum gw_guard {
#define X(id, name, commit, reason) GW_GUARD_##id,
	GW_GUARDS(X)
#undef X
	GW_NR_GUARDS
};

struct gw_guard_info {
	const char *name;
	const char *commit; /* upstream, abbreviated, or NULL */
	const char *reason;
};

/* ---- Events ---------------------------------------------------------------------------------- */

enum gw_event_kind {
	GW_EVENT_FAULT,		       /* mm, addr, arg0 = access, arg1 = result */
	GW_EVENT_SET_MIGRATION_PTE,    /* mm, addr, arg0 = the entry, arg1 = its frame */
	GW_EVENT_REMOVE_MIGRATION_PTE, /* mm, addr, arg0 = the entry, arg1 = its frame */
	GW_EVENT_NO_MIGRATION_PTE,     /* mm, addr: none to remove, arg0 = what is there, arg1 = frame */
	GW_EVENT_MIGRATE_PAGES,	       /* arg0 = succeeded, arg1 = failed, arg2 = mode, arg3 = reason */
	GW_EVENT_EXEC_SHIFT,	       /* mm, addr = old start, arg0 = old end, arg1 = shift in bytes */
	GW_EVENT_MMAP,		       /* mm, addr, arg0 = end, arg1 = vm flags */
	GW_EVENT_MUNMAP,	       /* mm, addr, arg0 = end */
	GW_EVENT_FORK,		       /* mm, arg0 = the child's mm */
};

struct gw_event {
	enum gw_event_kind kind;
	int cpu;
	const char *task;
	unsigned long mm_id;
	unsigned long addr;
	uint64_t arg[4];
};

/* ---- Designs: functions in the place of the core's own ----------------------------------------- */

struct vma;

/*
 * How a design that was proposed and not taken is tried (races/): built from the core's inner
 * functions, and put in place by an experiment.  All else is the code that ships.
 */
struct gw_design {
	const char *name;
	const char *summary;
	/*
	 * exec's move of its stack, @bytes down; NULL: exec's own.
	 * => mmap_lock held for write; on failure the address space is thrown away
	 */
	int (*shift_arg_pages)(struct vma *stack, unsigned long bytes);
	/*
	 * True: the first walk of a migration leaves out @vma, of anonymous pages.  Called with the
	 * rmap locks alone, and asked before the guard is.  NULL: none but temporary stacks.
	 */
	bool (*invalid_vma)(const struct vma *vma);
};

/* ---- Creating a machine ---------------------------------------------------------------------- */

struct gw_tlb_ops;

struct gw_machine_ops {
	/* A record of what happened, in the order in which the task saw it.  May be NULL. */
	void (*event)(void *host, const struct gw_event *event);
};

struct gw_machine_config {
	/* Frames that guests may map: page aligned, pfn 0 upwards.  The first is the zero page. */
	void *frames;
	unsigned long nr_frames;
	/* Frames and structures of the core's own, page aligned; never mapped by a guest. */
	void *core;
	size_t core_size; /* bytes, at least gw_core.machine_core_size() */

	int nr_cpus;
	int nr_nodes;
	unsigned long node_frames[GW_MAX_NODES]; /* sum is nr_frames; all 0: one node has them all */

	unsigned long task_size;     /* end of a guest's address space, page aligned */
	unsigned long mmap_min_addr; /* vm.mmap_min_addr */
	int max_map_count;	     /* vm.max_map_count; 0: Linux's 65530 */
	int overcommit_memory;	     /* vm.overcommit_memory: 0 guess, 1 always, 2 never */
	int migrate_passes;	     /* Linux's ten; 0: ten */
	int migrate_batch;	     /* folios locked at once, at most and by default 512 */
	uint64_t seed;		     /* of the machine's only random source */
	uint64_t guards_off;	     /* bit GW_GUARD_x: switched off */
	bool poison;		     /* fill freed frames with 0xdb and check at reuse */
	bool quarantine;	     /* never hand the core's own freed memory out again */
	const struct gw_design *design; /* constant; NULL: none */

	const struct gw_machine_ops *ops;
	const struct gw_tlb_ops *tlb_ops; /* NULL: the model of mm/tlb.c */
	void *host;			  /* passed to @ops */
	void *tlb_host;			  /* passed to @tlb_ops */
};

/* ---- The world of TLBs, handed in -------------------------------------------------------------- */

#define GW_TLB_FILL_MAX 16

struct gw_tlb_entry {
	unsigned long addr; /* page aligned */
	unsigned long pfn;
	bool write, exec;
	bool dirty; /* the entry is marked dirty: a store need not go back to it */
};

enum gw_tlb_flush_kind {
	GW_TLB_UNMAP,	/* the translation must be gone */
	GW_TLB_PROTECT, /* it must not be writable any more; gone is fine too */
};

struct gw_tlb_range {
	struct mm *mm;
	unsigned long start, end;
};

struct gw_tlb_ops {
	/* Do translations report accessed and dirty back into the entries, as x86 does? */
	bool reports_accessed_dirty;

	/*
	 * Make @nr translations, the wanted one first, then present neighbours of the same table.
	 * => called with the lock of their page table held; may not take a core lock
	 */
	void (*fill)(void *host, struct mm *mm, int cpu, const struct gw_tlb_entry *entries, int nr);

	/*
	 * No translation of @ranges may be used once this has returned.  Called after the entries
	 * changed and before their frames are copied, freed, or their new rights relied upon.
	 * => may be called under a table lock; may sleep; never needs a table lock itself
	 */
	void (*flush)(void *host, const struct gw_tlb_range *ranges, int nr,
		      enum gw_tlb_flush_kind kind);

	/* An address space begins and ends; both may be NULL.  All translations of a dead one go. */
	int (*mm_init)(void *host, struct mm *mm);
	void (*mm_exit)(void *host, struct mm *mm);
};

#ifdef __cplusplus
}
#endif
#endif
