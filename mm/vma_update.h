/* SPDX-License-Identifier: MIT */
/*
 * vma_update.h - one change of bounds: which VMAs move, which are new, which go
 *
 * For vma.c, vma_merge.c and munmap.c.  Fill in, reserve, and then either commit or cancel, all
 * under mmap_lock for write; lock each VMA in it, vma_start_write(), before it is committed.
 *
 * Linux: struct vma_prepare, vma_prepare(), vma_complete(), mm/vma.c.
 */
#pragma once

#include "vma.h"

/*
 * One change.  All VMAs in it are neighbours, so the VMAs that move have the same mapping, and the
 * same anon_vma if they have one.
 */
struct vma_update {
	struct mm *mm;
	struct vma_move {
		struct vma *vma;
		unsigned long start, end, pgoff;
	} moves[2];
	int nr_moves;
	struct vma *inserts[2]; /* with their chains linked already */
	int nr_inserts;
	struct vma *removes[2]; /* freed by the commit */
	int nr_removes;
	struct vma_tree_change tree;
};

/* @vma gets these bounds. */
void vma_update_move(struct vma_update *update, struct vma *vma, unsigned long start,
		     unsigned long end, unsigned long pgoff);
/* Take off what lies below @start or above @end: pages keep their offsets. */
void vma_update_cut(struct vma_update *update, struct vma *vma, unsigned long start,
		    unsigned long end);
void vma_update_insert(struct vma_update *update, struct vma *vma);
void vma_update_remove(struct vma_update *update, struct vma *vma);

/* => -ENOMEM, nothing changed */
int vma_update_reserve(struct vma_update *update) __must_check;
void vma_update_cancel(struct vma_update *update);
/* Cannot fail. */
void vma_update_commit(struct vma_update *update);
/* The bounds and the accounts; the tree is the caller's.  For munmap, which changes it at once. */
void vma_update_apply(struct vma_update *update);

/* An anonymous VMA without pages gets the page offset that it would be born with. */
void vma_reset_pgoff(struct vma *vma);

/*
 * A VMA in no tree for [@start, @end), which lies inside @vma, like it in all else, rmap chains
 * included.  NULL: out of memory.
 */
struct vma *vma_copy_part(struct vma *vma, unsigned long start, unsigned long end) __must_check;
/* The same for a place elsewhere. */
struct vma *vma_dup(struct vma *vma, unsigned long start, unsigned long end, unsigned long pgoff)
	__must_check;
/* Undo either. */
void vma_discard_part(struct vma *part);
