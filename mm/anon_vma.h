/* SPDX-License-Identifier: MIT */
/*
 * anon_vma.h - from an anonymous folio to the VMAs that may map it
 *
 * A VMA that has anonymous pages has an anon_vma; each page points at the anon_vma of the VMA in
 * which it was made.  fork() gives the child's VMA a new anon_vma and links it into all of the
 * parent's through anon_vma_chains, so that one interval tree, keyed by page offset, finds every
 * VMA that can map a page.  All anon_vmas of a family share the lock of their root.
 *
 * Linux: include/linux/rmap.h, mm/rmap.c.
 */
#pragma once

#include "interval_tree.h"
#include "list.h"
#include "sync.h"

struct machine;
struct vma;

/*
 * Type-stable (slab.h): a reader that got the pointer from a folio under RCU may look, and must
 * check again.
 * (r) root->lock for write; for read to walk the tree
 * (a) atomic
 * (c) constant
 */
struct anon_vma {
	struct anon_vma *root;	      /* (c) */
	struct rwsem lock;	      /* the root's is the one that is used */
	atomic_t refcount;	      /* (a) the tree's own, plus users like migration */
	unsigned long num_children;   /* (r) anon_vmas whose parent this is, itself included at the root */
	unsigned long num_active_vmas; /* (r) VMAs whose vma->anon_vma this is */
	struct anon_vma *parent;      /* (c) */
	struct interval_tree rb;      /* (r) of anon_vma_chain.node */
};

/* Links one VMA into one anon_vma. */
struct anon_vma_chain {
	struct vma *vma;		/* (c) */
	struct anon_vma *anon_vma;	/* (c) */
	struct list_head same_vma;	/* mmap_lock and page_table_lock: vma->anon_vma_chain */
	struct interval_node node;	/* (r) */
};

/* Give @vma an anon_vma if it has none.  => -ENOMEM; mmap_lock held */
int anon_vma_prepare(struct vma *vma) __must_check;
/* Link @dst into every anon_vma of @src, as a split or move does.  => -ENOMEM, nothing changed */
int anon_vma_clone(struct vma *dst, struct vma *src) __must_check;
/* Get what a clone of @vma needs ahead.  => -ENOMEM */
int anon_vma_stock_chains(const struct vma *vma) __must_check;
/*
 * @child is the copy of @parent in an address space in the making, before its entries are copied.
 * => -ENOMEM, nothing changed; the parent's mmap_lock held for write
 */
int anon_vma_fork(struct vma *child, struct vma *parent) __must_check;
/* Take @vma out of all its anon_vmas; those left empty are freed. */
void unlink_anon_vmas(struct vma *vma);

/* May two neighbours' pages live under one anon_vma?  Returns the one to share, or NULL. */
struct anon_vma *find_mergeable_anon_vma(struct vma *vma);

void anon_vma_lock_write(struct anon_vma *anon_vma);
void anon_vma_unlock_write(struct anon_vma *anon_vma);
void anon_vma_lock_read(struct anon_vma *anon_vma);
void anon_vma_unlock_read(struct anon_vma *anon_vma);

/* Keep the memory of @anon_vma its own beyond the last VMA. */
static inline void get_anon_vma(struct anon_vma *anon_vma)
{
	atomic_inc(&anon_vma->refcount);
}
void put_anon_vma(struct machine *machine, struct anon_vma *anon_vma);

/*
 * Around a change of @vma's start, end or pgoff: take it out of the trees, and put it back.
 * => the root's lock held for write throughout
 */
void anon_vma_interval_tree_pre_update_vma(struct vma *vma);
void anon_vma_interval_tree_post_update_vma(struct vma *vma);

void anon_vma_ctor(void *object);
