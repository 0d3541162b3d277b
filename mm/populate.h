/* SPDX-License-Identifier: MIT */
/*
 * populate.h - faulting a range in before anybody accesses it
 *
 * Linux: mm/gup.c (__mm_populate, faultin_page_range).
 */
#pragma once

#include "vma.h"

/*
 * Bring the pages of [@start, @end) in, as MAP_POPULATE and the locking of memory do: writable
 * private mappings are written to, others read.  mmap_lock is not held.
 * => what cannot be had is left for the program to find out
 */
void mm_populate(struct mm *mm, unsigned long start, unsigned long end);
/* The same up to the first page that cannot be had.  => -EFAULT, -ENOMEM */
int mm_populate_strictly(struct mm *mm, unsigned long start, unsigned long end) __must_check;

/* The same for a part of @vma that has become writable, with mmap_lock held for write throughout. */
void populate_writable(struct vma *vma, unsigned long start, unsigned long end);

/*
 * As if each page of [@start, @end) were read, or written.
 * => -ENOMEM: not mapped, or out of memory; -EINVAL: the mapping forbids it; -EFAULT: SIGBUS
 */
int faultin_page_range(struct mm *mm, unsigned long start, unsigned long end,
		       enum gw_access access) __must_check;
