/* SPDX-License-Identifier: MIT */
/*
 * vma.h - one range of an address space with one set of attributes
 *
 * vma_update.c is the only writer of a VMA's bounds.  Every change of bounds happens in three steps:
 * check and reserve (tree nodes, VMAs, chains), then under the rmap locks take the VMA out of the
 * interval trees, change it, put it back and publish the new tree, then account.
 *
 * Linux: mm/vma.c, mm/mmap.c, include/linux/mm.h.
 */
#pragma once

#include <godwit/mm.h>

#include "anon_vma.h"
#include "mm.h"

/* Linux's values, for those who read them in a debugger. */
enum vma_flags {
	VM_NONE = 0,
	VM_READ = 0x1,
	VM_WRITE = 0x2,
	VM_EXEC = 0x4,
	VM_SHARED = 0x8,
	VM_MAYREAD = 0x10,
	VM_MAYWRITE = 0x20,
	VM_MAYEXEC = 0x40,
	VM_MAYSHARE = 0x80,
	VM_GROWSDOWN = 0x100,
	VM_LOCKED = 0x2000,
	VM_SEQ_READ = 0x8000,
	VM_RAND_READ = 0x10000,
	VM_DONTCOPY = 0x20000,
	VM_DONTEXPAND = 0x40000,
	VM_LOCKONFAULT = 0x80000, /* with VM_LOCKED: nothing is brought in */
	VM_ACCOUNT = 0x100000,
	VM_NORESERVE = 0x200000,
	VM_WIPEONFORK = 0x2000000, /* the child finds zeroes */
	VM_DONTDUMP = 0x4000000,
	VM_SOFTDIRTY = 0x8000000,
};

#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)
#define VM_LOCKED_MASK	(VM_LOCKED | VM_LOCKONFAULT)
#define VM_STACK_FLAGS	(VM_GROWSDOWN | VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT)

/*
 * exec is still building this stack at a temporary place.  Two hints that nobody can ask for
 * together, so that no flag is spent.  Linux a8bef8ff6ea1 ("mm: migration: avoid race between
 * shift_arg_pages() and rmap_walk() during migration by not migrating temporary stacks").
 */
#define VM_STACK_INCOMPLETE_SETUP (VM_RAND_READ | VM_SEQ_READ)

/*
 * (c) constant from insertion to removal
 * (m) mm->mmap_lock for write to write, for read to read
 * (r) the rmap locks as well, to write: walkers may be looking
 * (t) mm->page_table_lock as well, to set from NULL; cleared at removal
 * (l) the VMA's own lock for write as well, to write, once it is in the tree; for read it is as good
 *     as mmap_lock for read
 */
struct vma {
	struct mm *mm;		/* (c) */
	unsigned long start;	/* (m,l,r) inclusive, page aligned */
	unsigned long end;	/* (m,l,r) exclusive */
	unsigned long pgoff;	/* (m,l,r) of start in the object, in pages; anonymous: start >> 12 at birth */
	unsigned long flags;	/* (m,l) enum vma_flags; read without the lock by rmap walkers */
	pgprot_t page_prot;	/* (m,l) follows flags: vma_page_prot() */
	struct rwsem lock;	/* faults hold it for read; see vma_lock.c */
	unsigned int lock_seq;	/* lock or mmap_lock, for write both; mm->mm_lock_seq: locked for write */
	bool detached;		/* (m,l) it is in the tree no more */
	struct mapping *mapping; /* (c) a reference, or NULL: anonymous */
	struct anon_vma *anon_vma;	   /* (m,t); (m,l) once it is set */
	struct list_head anon_vma_chain;   /* (m,t) anon_vma_chain.same_vma */
	struct interval_node i_mmap_node;  /* mapping->i_mmap_lock */
	struct machine *machine; /* (c) for the RCU callback: mm may be gone by then */
	union {
		struct vma *next_removed; /* on its way out: vma_munmap.removed */
		struct rcu_head rcu;
	};
};

static inline bool vma_is_anon(const struct vma *vma)
{
	return !vma->mapping;
}

/* Are its pages copied when they are written?  A mapping that may never be written has none such. */
static inline bool is_cow_mapping(unsigned long flags)
{
	return (flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

/* Between exec's making of the stack and the end of shift_arg_pages(). */
static inline bool vma_is_temporary_stack(const struct vma *vma)
{
	unsigned long flags = READ_ONCE(vma->flags);

	return (flags & VM_GROWSDOWN) &&
	       (flags & VM_STACK_INCOMPLETE_SETUP) == VM_STACK_INCOMPLETE_SETUP;
}

static inline unsigned long vma_pages(const struct vma *vma)
{
	return (vma->end - vma->start) >> PAGE_SHIFT;
}

/* The page offset of @addr in the VMA's object: what folio->index holds. */
static inline unsigned long linear_page_index(const struct vma *vma, unsigned long addr)
{
	return ((addr - vma->start) >> PAGE_SHIFT) + vma->pgoff;
}

pgprot_t vm_get_page_prot(unsigned long flags);
/*
 * Must the first write to each of its pages be noticed, because the file wants to know what is newer
 * than it?  Linux: vma_wants_writenotify().
 */
bool vma_wants_writenotify(const struct vma *vma, unsigned long flags);
/* The bits for @vma's entries if it had @flags. */
pgprot_t vma_page_prot(const struct vma *vma, unsigned long flags);

/* ---- Finding; mmap_lock held for read or write -------------------------------------------------- */

/* The first VMA that ends above @addr; NULL: none.  Linux: find_vma(). */
struct vma *vma_find(struct mm *mm, unsigned long addr);
/* The VMA that contains @addr, or NULL. */
struct vma *vma_lookup(struct mm *mm, unsigned long addr);
struct vma *vma_next(struct mm *mm, const struct vma *vma);
struct vma *vma_prev(struct mm *mm, const struct vma *vma);
/* The first VMA that overlaps [@start, @end), or NULL. */
struct vma *vma_intersection(struct mm *mm, unsigned long start, unsigned long end);

#define for_each_vma(mm_, vma) for (vma = vma_find(mm_, 0); vma; vma = vma_next(mm_, vma))
#define for_each_vma_range(mm_, vma, start_, end_)                                                 \
	for (vma = vma_find(mm_, start_); vma && vma->start < (end_); vma = vma_next(mm_, vma))

/* vma->start less the guard gap that a growing stack keeps below itself. */
unsigned long vma_start_gap(const struct vma *vma);

/* ---- The lock of one VMA; vma_lock.c ------------------------------------------------------------ */

/*
 * The VMA that contains @addr, locked for read; unlock with vma_end_read().  No lock is waited for.
 * => NULL: there is none, or it is being changed: take mmap_lock and look there
 */
struct vma *lock_vma_under_rcu(struct mm *mm, unsigned long addr);
void vma_end_read(struct vma *vma);

/*
 * Wait for the faults in @vma and keep others out until mmap_lock, which is held for write, is given
 * up or downgraded.
 */
void vma_start_write(struct vma *vma);
void vma_assert_write_locked(const struct vma *vma);
/* @vma is being taken out of the tree. */
void vma_mark_detached(struct vma *vma);

/* ---- Changing; mmap_lock held for write --------------------------------------------------------- */

/* A VMA that is in no tree; freed with vma_free(), which drops its mapping's reference too. */
struct vma *vma_alloc(struct mm *mm) __must_check;
void vma_free(struct vma *vma);

/*
 * Link @vma into the tree, its mapping's interval tree, and the accounts.
 * => -ENOMEM, also when something is there already
 */
int vma_insert(struct mm *mm, struct vma *vma) __must_check;

/*
 * Split @vma at @addr; @vma keeps the lower part.
 * => -ENOMEM, also when the address space has max_map_count VMAs
 */
int vma_split(struct mm *mm, struct vma *vma, unsigned long addr) __must_check;

/*
 * A new range [@start, @end) with these attributes: grow a neighbour over it, or both into one,
 * where Linux's rules allow.  => the VMA that covers it now, or NULL: make a new one
 */
struct vma *vma_merge_new(struct mm *mm, unsigned long start, unsigned long end,
			  unsigned long flags, struct mapping *mapping, unsigned long pgoff);

/* The same for @vma, which is in the tree.  => the VMA that covers its range now */
struct vma *vma_merge_around(struct mm *mm, struct vma *vma);

/*
 * Give [@start, @end), which lies inside @vma, the flags @flags: split and merge as needed.
 * => *@result covers the range and has them; -ENOMEM, nothing changed
 */
int vma_modify_flags(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
		     unsigned long flags, struct vma **result) __must_check;

/*
 * Move @vma's bounds outwards, or inwards; nothing else may be in the way.
 * Linux: vma_expand(), vma_shrink(), the two vma_adjust() calls of 2010.
 * => -ENOMEM, nothing changed
 */
int vma_expand(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
	       unsigned long pgoff) __must_check;
int vma_shrink(struct mm *mm, struct vma *vma, unsigned long start, unsigned long end,
	       unsigned long pgoff) __must_check;

/*
 * Grow @vma to @end, where nothing is in the way, and into what follows if they are alike.
 * Linux: vma_merge_extend().  => -ENOMEM, nothing changed
 */
int vma_extend(struct mm *mm, struct vma *vma, unsigned long end) __must_check;

/*
 * The pages of [@start, @end) of @vma have been moved away: it is not locked any more, and if that was
 * all of it, it is as if it never had any.
 */
void vma_emptied(struct vma *vma, unsigned long start, unsigned long end);

/* What mremap() makes of @vma at another place, of the part of it that begins at @source. */
struct vma_copy {
	struct vma *vma;		 /* in; out: the VMA at @source, which may have merged */
	unsigned long source, addr, len; /* in */
	bool keep_source;		 /* in: @vma stays, so it may not merge with itself */
	struct vma *new;	/* out: covers the new place */
	bool need_rmap_locks;	/* out: a walk may come to @new before it comes to @vma */
};
/* Linux: copy_vma().  => -ENOMEM, nothing changed */
int vma_copy(struct vma_copy *copy) __must_check;

/*
 * Grow a VM_GROWSDOWN @vma so that it contains @addr.  Linux: expand_downwards().
 * => -ENOMEM: a limit or the guard gap forbids it; nothing changed
 */
int expand_stack(struct mm *mm, struct vma *vma, unsigned long addr) __must_check;

/*
 * A place for @len bytes: @addr itself if it is free, else top down below mm->mmap_base, else
 * bottom up.  Linux: get_unmapped_area(), without its file hook.
 * => an address, or -ENOMEM, -EINVAL, -EPERM
 */
long get_unmapped_area(struct mm *mm, unsigned long addr, unsigned long len, int flags);

/*
 * Taking [start, end) out of the tree, reserved first, so that mmap(MAP_FIXED) can make sure of all
 * that it needs before it destroys anything.  munmap.c has the steps.
 */
struct vma_munmap {
	struct mm *mm;		   /* in */
	unsigned long start, end;  /* in */
	struct vma *insert;	   /* in: takes the place, or NULL; vma_link_rmap() is left to do */
	struct vma *first, *last;  /* the first and the last VMA of the range, or NULL */
	struct vma *tail;	   /* made for the upper part of a VMA that is cut in two, or NULL */
	unsigned long nr_pages;	   /* mapped in the range */
	unsigned long nr_accounted; /* of these, in VMAs with VM_ACCOUNT */
	struct vma_tree_change tree;
};
/* => -ENOMEM, nothing changed */
int vma_munmap_reserve(struct vma_munmap *munmap) __must_check;
/* Cannot fail.  The entries of the range are zapped already; afterwards no walker finds it. */
void vma_munmap_commit(struct vma_munmap *munmap);
void vma_munmap_cancel(struct vma_munmap *munmap);
/* Between the two, or instead of vma_munmap_commit() alone: zap, commit, free the tables. */
void do_munmap_reserved(struct vma_munmap *munmap);
/* Show @vma, which is in the tree, to those who walk its mapping. */
void vma_link_rmap(struct vma *vma);

/*
 * Take every VMA of [@start, @start + @len) out, splitting at the ends, unmap its pages and free
 * tables.  => -EINVAL; -ENOMEM: nothing changed
 */
int do_munmap(struct mm *mm, unsigned long start, unsigned long len) __must_check;

/* The operations of <godwit/core.h>. */
long mm_mmap(struct mm *mm, const struct gw_mmap *args);
int mm_munmap(struct mm *mm, unsigned long addr, unsigned long len);
int mm_mprotect(struct mm *mm, unsigned long addr, unsigned long len, int prot);
unsigned long mm_brk(struct mm *mm, unsigned long brk);
long mm_mremap(struct mm *mm, unsigned long addr, unsigned long old_len, unsigned long new_len,
	       unsigned long flags, unsigned long new_addr);
int mm_madvise(struct mm *mm, unsigned long addr, unsigned long len, int advice);
int mm_mlock(struct mm *mm, unsigned long addr, unsigned long len, int flags);
int mm_munlock(struct mm *mm, unsigned long addr, unsigned long len);
int mm_mlockall(struct mm *mm, int flags);
int mm_munlockall(struct mm *mm);
int mm_mincore(struct mm *mm, unsigned long addr, unsigned long len, unsigned long vec);
int mm_msync(struct mm *mm, unsigned long addr, unsigned long len, int flags);
void mm_maps(struct mm *mm, void (*line)(void *arg, const struct gw_maps_line *line), void *arg);
/* One VMA of the above; mmap_lock is held. */
void fill_maps_line(const struct mm *mm, const struct vma *vma, struct gw_maps_line *line);
void mm_smaps(struct mm *mm, void (*vma)(void *arg, const struct gw_smaps *smaps), void *arg);
void mm_pagemap(struct mm *mm, unsigned long addr, unsigned long nr_pages, uint64_t *entries);

/* mprotect_fixup(): flags and entries of one VMA's range; exec uses it for its stack. */
int mprotect_fixup(struct mm *mm, struct vma *vma, struct vma **result, unsigned long start,
		   unsigned long end, unsigned long flags) __must_check;

/* May @nr_pages more be mapped with @flags?  RLIMIT_AS, RLIMIT_DATA. */
bool may_expand_vm(struct mm *mm, unsigned long flags, unsigned long nr_pages);
/* The same when what is mapped in [@start, @end) will be gone. */
bool may_expand_vm_replacing(struct mm *mm, unsigned long flags, unsigned long nr_pages,
			     unsigned long start, unsigned long end);
/* May @nr_pages more be locked, if @flags say so?  RLIMIT_MEMLOCK. */
bool mlock_future_ok(struct mm *mm, unsigned long flags, unsigned long nr_pages);
/*
 * Charge @nr_pages of VM_ACCOUNT ahead of the VMAs that will have them, or refuse; what these do not
 * use goes back with vm_commit_release(), in the same section of mmap_lock.
 * Linux: security_vm_enough_memory_mm(), vm_unacct_memory().  => -ENOMEM
 */
int vm_commit_reserve(struct mm *mm, unsigned long nr_pages) __must_check;
void vm_commit_release(struct mm *mm);
/* The same for an object, which keeps what it was promised until it gives that back.  => -ENOMEM */
int vm_commit_object(struct machine *machine, unsigned long nr_pages) __must_check;
void vm_commit_undo(struct machine *machine, unsigned long nr_pages);
/* The pages that the machine may promise in mode 2, and has promised. */
unsigned long vm_commit_limit(const struct machine *machine);
unsigned long vm_committed(struct machine *machine);
/* vma_update.c does this for every change that it makes; also locked_vm, and what is promised. */
void vm_stat_account(struct mm *mm, unsigned long flags, long nr_pages);

/* Take @vma, in no tree any more, off rmap, and free it.  exit_mmap() and munmap use it. */
void vma_remove_rmap_and_free(struct vma *vma);
