/* SPDX-License-Identifier: MIT */
/*
 * vma_merge.h - making one VMA of neighbours that are alike: for vma.c and its like
 */
#pragma once

#include "vma_update.h"

/*
 * [start, end) with its attributes is about to be: a new range, or a part of @middle.  May it be
 * one VMA with its neighbours?
 */
struct vma_merge {
	struct mm *mm;
	unsigned long start, end;
	unsigned long flags;
	struct mapping *mapping;
	unsigned long pgoff;
	struct vma *middle;	  /* NULL: a new range */
	struct vma *copied;	  /* the new range will have its pages; NULL: it begins without */
	const struct vma *apart;  /* not to be merged with, or NULL */
	struct vma *left, *right; /* those to merge with, or NULL */
};
/* => 0, and *@merged is NULL when no rule allows it; -ENOMEM, nothing changed */
int vma_merge(struct vma_merge *merge, struct vma **merged) __must_check;
