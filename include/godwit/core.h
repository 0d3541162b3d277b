/* SPDX-License-Identifier: MIT */
/*
 * core.h - the memory manager's entry table
 *
 * The core exists twice in one program, compiled from the same sources: over real threads and over
 * explored coroutines.  Each copy exports one table and nothing else.  Whoever calls it must be a
 * task of that copy's back-end (sync/threads/threads.h, sync/explored/explored.h).
 *
 * Unless a line says otherwise a function returns 0 or a negative errno, may sleep, and on failure
 * has changed nothing.
 */
#ifndef GODWIT_CORE_H
#define GODWIT_CORE_H

#include <godwit/look.h>
#include <godwit/machine.h>
#include <godwit/mm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gw_core {
	const char *name; /* "threads" or "explored" */

	/* -- Machines -- */

	/* Bytes that the core range needs for @nr_frames frames; tables of as many mapped pages fit. */
	size_t (*machine_core_size)(unsigned long nr_frames);
	/* -EINVAL: a bad configuration; -ENOMEM: the core range is too small. */
	int (*machine_create)(const struct gw_machine_config *config, struct machine **machine);
	/* Every address space and mapping must have been put; panics when something is left. */
	void (*machine_destroy)(struct machine *machine);
	/* Recompute all that is cached or implied, and name what disagrees.  Nothing else may run. */
	void (*machine_validate)(struct machine *machine, struct gw_validation *result);
	/* Call @sight for all that there is (look.h), in one order; and say what @address is. */
	void (*machine_look)(struct machine *machine,
			     void (*sight)(void *arg, const struct gw_sight *sight), void *arg);
	void (*machine_place)(struct machine *machine, const void *address, struct gw_place *place);
	unsigned long (*machine_counter)(const struct machine *machine, enum gw_counter counter);
	unsigned long (*machine_free_frames)(const struct machine *machine);
	/* What /proc/meminfo and vmstat sum up.  Others may run: a sum of what was seen in passing. */
	void (*machine_memory)(struct machine *machine, struct gw_memory_info *info);
	/* The zone @index, from 0 on; -ENOENT: there are no more. */
	int (*machine_zone)(struct machine *machine, int index, struct gw_zone_info *info);
	/* The @nth allocation from now fails (1: the next); 0 disarms.  For tests. */
	void (*machine_fail_nth)(struct machine *machine, int nth);
	/* Allocations made since the machine was created; for sweeps. */
	unsigned long (*machine_nr_allocations)(const struct machine *machine);

	/* -- Address spaces -- */

	int (*mm_create)(struct machine *machine, const struct gw_limits *limits, struct mm **mm);
	/* A copy, its private pages shared until somebody writes.  -ENOMEM. */
	int (*fork)(struct mm *mm, struct mm **child);
	void (*mm_get)(struct mm *mm);
	/* The last reference unmaps everything and frees it. */
	void (*mm_put)(struct mm *mm);
	void (*mm_info)(struct mm *mm, struct gw_mm_info *info);
	/* A pointer for whoever runs the address space; set once, before it is used. */
	void (*mm_set_user)(struct mm *mm, void *user);
	void *(*mm_user)(const struct mm *mm);
	void (*mm_set_limits)(struct mm *mm, const struct gw_limits *limits);
	/* One call per VMA, in address order, under mmap_lock for read. */
	void (*mm_maps)(struct mm *mm, void (*line)(void *arg, const struct gw_maps_line *line),
			void *arg);

	/* The same with what is mapped there. */
	void (*mm_smaps)(struct mm *mm, void (*vma)(void *arg, const struct gw_smaps *smaps),
			 void *arg);
	/* GW_PAGEMAP_* of the @nr_pages pages from @addr on; 0 where nothing is. */
	void (*mm_pagemap)(struct mm *mm, unsigned long addr, unsigned long nr_pages,
			   uint64_t *entries);

	/* -- Memory calls: Linux's, with its errnos.  Addresses come back as values >= 0. -- */

	long (*mmap)(struct mm *mm, const struct gw_mmap *args);
	int (*munmap)(struct mm *mm, unsigned long addr, unsigned long len);
	int (*mprotect)(struct mm *mm, unsigned long addr, unsigned long len, int prot);
	/* The new address.  Flags are MREMAP_*. */
	long (*mremap)(struct mm *mm, unsigned long addr, unsigned long old_len,
		       unsigned long new_len, unsigned long flags, unsigned long new_addr);
	/* MADV_*; an error may come after part of the range has been advised, as on Linux. */
	int (*madvise)(struct mm *mm, unsigned long addr, unsigned long len, int advice);
	/* MLOCK_ONFAULT or 0; MCL_*.  An error may come after part of the range was locked. */
	int (*mlock)(struct mm *mm, unsigned long addr, unsigned long len, int flags);
	int (*munlock)(struct mm *mm, unsigned long addr, unsigned long len);
	int (*mlockall)(struct mm *mm, int flags);
	int (*munlockall)(struct mm *mm);
	/* One byte for each page is written to @vec, an address of @mm. */
	int (*mincore)(struct mm *mm, unsigned long addr, unsigned long len, unsigned long vec);
	int (*msync)(struct mm *mm, unsigned long addr, unsigned long len, int flags);
	/* The new break, or the old one when it could not be moved. */
	unsigned long (*brk)(struct mm *mm, unsigned long brk);

	/* -- Access -- */

	/* What the processor's page-fault exception calls. */
	enum gw_fault (*fault)(struct mm *mm, unsigned long addr, enum gw_access access);
	/*
	 * What the processor's page walk does: if the entry for @addr allows @access, mark it
	 * accessed (and dirty), give it and up to @around present neighbours to the TLB of @cpu
	 * under the table lock, and return true.
	 */
	bool (*translate)(struct mm *mm, int cpu, unsigned long addr, enum gw_access access,
			  int around);
	/* Loads and stores of the running task's CPU, through the modelled TLB, faulting as needed. */
	enum gw_fault (*load)(struct mm *mm, unsigned long addr, void *to, size_t len);
	enum gw_fault (*store)(struct mm *mm, unsigned long addr, const void *from, size_t len);
	/* The kernel's copies; they fault, wait for migration, break COW.  -EFAULT. */
	int (*copy_from_user)(struct mm *mm, void *to, unsigned long from, size_t len);
	int (*copy_to_user)(struct mm *mm, unsigned long to, const void *from, size_t len);
	/* Length without the NUL, -EFAULT, or -ENAMETOOLONG when @size bytes hold no NUL. */
	long (*strncpy_from_user)(struct mm *mm, char *to, unsigned long from, size_t size);

	/* -- Pages that are used from outside: @flags of enum gw_gup_flags -- */

	/*
	 * References to, or pins of, the frames behind [@addr, @addr + 4096 * @nr_pages), faulted in
	 * as needed.  How many there are in @folios, at least 1, or -EFAULT, -ENOMEM.
	 */
	long (*get_user_pages)(struct mm *mm, unsigned long addr, unsigned long nr_pages,
			       unsigned int flags, struct folio **folios);
	/* The same, without a lock where that is possible. */
	long (*get_user_pages_fast)(struct mm *mm, unsigned long addr, unsigned long nr_pages,
				    unsigned int flags, struct folio **folios);
	void (*put_user_pages)(struct machine *machine, struct folio **folios,
			       unsigned long nr_pages, unsigned int flags);
	/* What a device does with a frame; @offset + @len <= 4096. */
	void (*folio_read)(struct machine *machine, struct folio *folio, size_t offset, void *to,
			   size_t len);
	void (*folio_write)(struct machine *machine, struct folio *folio, size_t offset,
			    const void *from, size_t len);

	/* -- Files -- */

	int (*mapping_create)(struct machine *machine, const struct gw_mapping_info *info,
			      struct mapping **mapping);
	void (*mapping_get)(struct mapping *mapping);
	void (*mapping_put)(struct mapping *mapping);
	uint64_t (*mapping_size)(const struct mapping *mapping);
	/* Through the page cache; bytes read, 0 at the end, or a negative errno. */
	long (*mapping_read)(struct mapping *mapping, void *to, size_t len, uint64_t offset);
	/* Through the page cache, past the end too; bytes written, or a negative errno. */
	long (*mapping_write)(struct mapping *mapping, const void *from, size_t len,
			      uint64_t offset);
	/*
	 * Somebody has written the file itself: what the page cache has of these bytes, and the
	 * size, are brought up to date.
	 */
	int (*mapping_update)(struct mapping *mapping, const void *from, size_t len,
			      uint64_t offset);
	/* Give it another size; what is mapped beyond is unmapped, private copies too. */
	int (*mapping_truncate)(struct mapping *mapping, uint64_t size);
	/* The bytes become zero, their pages are given back.  -EOPNOTSUPP. */
	int (*mapping_punch_hole)(struct mapping *mapping, uint64_t offset, uint64_t len);
	/* Write dirty pages of [@offset, @offset + @len) to the file; the first error. */
	int (*mapping_sync)(struct mapping *mapping, uint64_t offset, uint64_t len);
	/* How many VMAs map it. */
	unsigned long (*mapping_users)(struct mapping *mapping);

	/* -- exec -- */

	int (*exec)(struct machine *machine, struct gw_exec *exec);

	/* -- Migration -- */

	/* Move every movable page of [@start, @end) to another frame. */
	int (*migrate_range)(struct mm *mm, unsigned long start, unsigned long end,
			     struct gw_migrate *migrate);
	/* The same for every address space of the machine, including those that exec builds. */
	int (*migrate_all)(struct machine *machine, struct gw_migrate *migrate);

	/* -- Guards -- */

	const struct gw_guard_info *(*guard_info)(enum gw_guard guard);
};

extern const struct gw_core godwit_core_threads;
extern const struct gw_core godwit_core_explored;

#ifdef __cplusplus
}
#endif
#endif
