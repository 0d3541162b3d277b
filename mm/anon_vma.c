// SPDX-License-Identifier: MIT
/*
 * anon_vma.c - which VMAs may map an anonymous page
 *
 * A page points at the anon_vma of the VMA in which it was made, and the anon_vma's interval tree
 * holds a chain entry for every VMA that may map it: that VMA, what was split off it, and the
 * children that fork() made of it.  A VMA is in the trees of all its ancestors, so it has one chain
 * entry per generation.
 *
 * Invariant: a page that is mapped in a VMA points at an anon_vma which the VMA has a chain entry
 * for; two VMAs with the same vma->anon_vma have chain entries for the same anon_vmas.
 *
 * References: one while the tree is not empty, one per child on its root, one per temporary user.
 * The memory is type-stable: a reader under RCU may meet an anon_vma that was freed, and made again
 * for somebody else.  So the constructor alone sets the lock up, and nobody uses the lock of an
 * anon_vma's root without a reference or a tree entry that keeps the two together.
 *
 * Locks: mmap_lock (read to prepare, write otherwise), the root's lock, mm->page_table_lock.
 * Linux: mm/rmap.c, as of 6.12.
 */
#include "anon_vma.h"

#include "vma.h"

#include <errno.h>

/* ---- The life of an anon_vma ---------------------------------------------------------------------- */

void anon_vma_ctor(void *object)
{
	struct anon_vma *anon_vma = object;

	rwsem_init(&anon_vma->lock, LOCK_ANON_VMA);
	atomic_set(&anon_vma->refcount, 0);
	anon_vma->root = anon_vma;
	interval_tree_init(&anon_vma->rb);
}

/* A root of its own, with the tree's reference. */
static struct anon_vma *anon_vma_alloc(struct machine *machine)
{
	struct anon_vma *anon_vma = machine_alloc(machine, KMEM_ANON_VMA);

	if (!anon_vma)
		return NULL;
	WRITE_ONCE(anon_vma->root, anon_vma);
	anon_vma->parent = anon_vma;
	anon_vma->num_children = 0;
	anon_vma->num_active_vmas = 0;
	atomic_set(&anon_vma->refcount, 1);
	return anon_vma;
}

/*
 * A walker that found its folio mapped after it had got the root's lock for read relies on the
 * lock alone: wait until it has left.  Linux: anon_vma_free().
 */
static void anon_vma_free(struct machine *machine, struct anon_vma *anon_vma)
{
	ASSERT(atomic_read(&anon_vma->refcount) == 0);
	ASSERT(!anon_vma->rb.rbh_root);
	anon_vma_lock_write(anon_vma);
	anon_vma_unlock_write(anon_vma);
	machine_free(machine, KMEM_ANON_VMA, anon_vma);
}

/* A child keeps its root, whose lock it uses, beyond the root's own last VMA. */
void put_anon_vma(struct machine *machine, struct anon_vma *anon_vma)
{
	struct anon_vma *root = anon_vma->root;

	if (!atomic_dec_and_test(&anon_vma->refcount))
		return;
	anon_vma_free(machine, anon_vma);
	if (root != anon_vma && atomic_dec_and_test(&root->refcount))
		anon_vma_free(machine, root);
}

void anon_vma_lock_write(struct anon_vma *anon_vma)
{
	down_write(&anon_vma->root->lock);
}

void anon_vma_unlock_write(struct anon_vma *anon_vma)
{
	up_write(&anon_vma->root->lock);
}

void anon_vma_lock_read(struct anon_vma *anon_vma)
{
	down_read(&anon_vma->root->lock);
}

void anon_vma_unlock_read(struct anon_vma *anon_vma)
{
	up_read(&anon_vma->root->lock);
}

/* ---- Chains ----------------------------------------------------------------------------------------- */

static void chain_tree_insert(struct anon_vma_chain *avc)
{
	avc->node.first = avc->vma->pgoff;
	avc->node.last = avc->vma->pgoff + vma_pages(avc->vma) - 1;
	interval_tree_insert(&avc->anon_vma->rb, &avc->node);
}

static void chain_tree_remove(struct anon_vma_chain *avc)
{
	interval_tree_remove(&avc->anon_vma->rb, &avc->node);
}

/* => the root's lock held for write */
static void chain_link(struct vma *vma, struct anon_vma_chain *avc, struct anon_vma *anon_vma)
{
	avc->vma = vma;
	avc->anon_vma = anon_vma;
	list_add(&avc->same_vma, &vma->anon_vma_chain);
	chain_tree_insert(avc);
}

void anon_vma_interval_tree_pre_update_vma(struct vma *vma)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
		chain_tree_remove(avc);
}

void anon_vma_interval_tree_post_update_vma(struct vma *vma)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
		chain_tree_insert(avc);
}

/* ---- A VMA gets its first anonymous page ------------------------------------------------------------ */

/*
 * Could the two VMAs, @left just below @right, be one if their rights were made equal?  Then it is
 * worth while to give them one anon_vma, or mprotect() would divide them for ever.
 */
static bool anon_vma_compatible(const struct vma *left, const struct vma *right)
{
	unsigned long differs = left->flags ^ right->flags;

	return left->end == right->start && left->mapping == right->mapping &&
	       !(differs & ~(unsigned long)(VM_ACCESS_FLAGS | VM_SOFTDIRTY)) &&
	       right->pgoff == left->pgoff + vma_pages(left);
}

static bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

/*
 * The anon_vma of a neighbour of @vma, unless fork has a part in it: a shared root's lock is
 * contended enough.  mmap_lock keeps the neighbours; their anon_vmas may be set at this moment,
 * by faults that hold it for read as well, hence page_table_lock.  Linux looks without it.
 */
struct anon_vma *find_mergeable_anon_vma(struct vma *vma)
{
	const struct vma *next = vma_next(vma->mm, vma), *prev = vma_prev(vma->mm, vma);
	struct anon_vma *found = NULL;

	spin_lock(&vma->mm->page_table_lock);
	if (next && anon_vma_compatible(vma, next) && list_is_singular(&next->anon_vma_chain))
		found = next->anon_vma;
	if (!found && prev && anon_vma_compatible(prev, vma) &&
	    list_is_singular(&prev->anon_vma_chain))
		found = prev->anon_vma;
	spin_unlock(&vma->mm->page_table_lock);
	return found;
}

/* Another fault may have been faster; then what we brought is not needed. */
int anon_vma_prepare(struct vma *vma)
{
	struct machine *machine = vma->mm->machine;
	struct anon_vma *anon_vma, *allocated = NULL;
	struct anon_vma_chain *avc;

	rwsem_assert_held(&vma->mm->mmap_lock);
	might_sleep();
	if (likely(READ_ONCE(vma->anon_vma)))
		return 0;
	avc = machine_alloc(machine, KMEM_ANON_VMA_CHAIN);
	if (!avc)
		return -ENOMEM;
	anon_vma = find_mergeable_anon_vma(vma);
	if (!anon_vma) {
		anon_vma = allocated = anon_vma_alloc(machine);
		if (!anon_vma) {
			machine_free(machine, KMEM_ANON_VMA_CHAIN, avc);
			return -ENOMEM;
		}
		/* A root is its own child: with another one it has two, and is never reused. */
		anon_vma->num_children = 1;
	}

	anon_vma_lock_write(anon_vma);
	spin_lock(&vma->mm->page_table_lock); /* two faults on one VMA may have other anon_vmas */
	if (likely(!vma->anon_vma)) {
		chain_link(vma, avc, anon_vma);
		anon_vma->num_active_vmas++;
		WRITE_ONCE(vma->anon_vma, anon_vma);
		allocated = NULL;
		avc = NULL;
	}
	spin_unlock(&vma->mm->page_table_lock);
	anon_vma_unlock_write(anon_vma);

	if (unlikely(allocated))
		put_anon_vma(machine, allocated);
	if (unlikely(avc))
		machine_free(machine, KMEM_ANON_VMA_CHAIN, avc);
	return 0;
}

/* ---- Cloning and unlinking ---------------------------------------------------------------------------- */

static void chains_free(struct machine *machine, struct list_head *chains)
{
	struct anon_vma_chain *avc, *next;

	list_for_each_entry_safe(avc, next, chains, same_vma)
		machine_free(machine, KMEM_ANON_VMA_CHAIN, avc);
	list_init(chains);
}

/* As many chain entries as @src has, linked to nothing yet.  => -ENOMEM */
static int chains_reserve(struct mm *mm, const struct vma *src, struct list_head *chains)
{
	struct machine *machine = mm->machine;
	const struct anon_vma_chain *old;

	list_for_each_entry(old, &src->anon_vma_chain, same_vma) {
		struct anon_vma_chain *avc = stock_alloc(machine, &mm->stock, KMEM_ANON_VMA_CHAIN);

		if (!avc) {
			chains_free(machine, chains);
			return -ENOMEM;
		}
		list_add(&avc->same_vma, chains);
	}
	return 0;
}

int anon_vma_stock_chains(const struct vma *vma)
{
	const struct anon_vma_chain *avc;
	int nr = 0;

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
		nr++;
	return stock_fill(vma->mm->machine, &vma->mm->stock, KMEM_ANON_VMA_CHAIN, nr);
}

/*
 * All anon_vmas of a VMA have one root.  A @dst without an anon_vma of its own, which is a child in
 * the making, takes one over whose VMAs are all gone and which has at most one child: else a
 * process that forks and lets the parent exit, again and again, makes chains without end.  Children
 * and users are counted apart since Linux 2555283eb40d ("mm/rmap: Fix anon_vma->degree ambiguity
 * leading to double-reuse").
 */
int anon_vma_clone(struct vma *dst, struct vma *src)
{
	struct anon_vma_chain *old;
	LIST_HEAD(chains);
	int err;

	ASSERT(list_empty(&dst->anon_vma_chain));
	if (list_empty(&src->anon_vma_chain))
		return 0;
	err = chains_reserve(dst->mm, src, &chains);
	if (err)
		return err;

	anon_vma_lock_write(src->anon_vma);
	/* From the oldest to the newest: in this order they were linked. */
	for (struct list_head *at = src->anon_vma_chain.prev; at != &src->anon_vma_chain;
	     at = at->prev) {
		struct anon_vma_chain *avc =
			list_first_entry(&chains, struct anon_vma_chain, same_vma);

		old = list_entry(at, struct anon_vma_chain, same_vma);
		ASSERT(old->anon_vma->root == src->anon_vma->root);
		list_del(&avc->same_vma);
		chain_link(dst, avc, old->anon_vma);
		if (!dst->anon_vma && old->anon_vma->num_children < 2 &&
		    old->anon_vma->num_active_vmas == 0)
			dst->anon_vma = old->anon_vma;
	}
	if (dst->anon_vma)
		dst->anon_vma->num_active_vmas++;
	anon_vma_unlock_write(src->anon_vma);
	return 0;
}

/*
 * The parent's chains first, so that walks find the pages that both map; then an anon_vma of the
 * child's own for the pages that it will copy, below the parent's, whose root's lock it uses.
 * Linux: anon_vma_fork().
 */
int anon_vma_fork(struct vma *child, struct vma *parent)
{
	struct machine *machine = child->mm->machine;
	struct anon_vma_chain *avc;
	struct anon_vma *anon_vma;

	ASSERT(!child->anon_vma);
	if (!parent->anon_vma)
		return 0;
	if (anon_vma_clone(child, parent))
		return -ENOMEM;
	if (child->anon_vma)
		return 0; /* it took one over */
	anon_vma = anon_vma_alloc(machine);
	if (!anon_vma)
		goto out_chains;
	avc = machine_alloc(machine, KMEM_ANON_VMA_CHAIN);
	if (!avc)
		goto out_anon_vma;
	WRITE_ONCE(anon_vma->root, parent->anon_vma->root);
	anon_vma->parent = parent->anon_vma;
	get_anon_vma(anon_vma->root);
	anon_vma_lock_write(anon_vma);
	chain_link(child, avc, anon_vma);
	anon_vma->num_active_vmas++;
	anon_vma->parent->num_children++;
	anon_vma_unlock_write(anon_vma);
	WRITE_ONCE(child->anon_vma, anon_vma);
	return 0;

out_anon_vma:
	put_anon_vma(machine, anon_vma);
out_chains:
	unlink_anon_vmas(child);
	return -ENOMEM;
}

/*
 * The last VMA takes the tree's reference with it, but only outside the lock: the anon_vma may be
 * the root, and freeing it takes that very lock.
 */
void unlink_anon_vmas(struct vma *vma)
{
	struct machine *machine = vma->mm->machine;
	struct anon_vma_chain *avc, *next;
	struct anon_vma *root;

	if (list_empty(&vma->anon_vma_chain)) {
		ASSERT(!vma->anon_vma);
		return;
	}
	root = list_first_entry(&vma->anon_vma_chain, struct anon_vma_chain, same_vma)
		       ->anon_vma->root;
	down_write(&root->lock);
	list_for_each_entry_safe(avc, next, &vma->anon_vma_chain, same_vma) {
		ASSERT(avc->anon_vma->root == root);
		chain_tree_remove(avc);
		if (!avc->anon_vma->rb.rbh_root) {
			avc->anon_vma->parent->num_children--;
			continue; /* below */
		}
		list_del(&avc->same_vma);
		machine_free(machine, KMEM_ANON_VMA_CHAIN, avc);
	}
	if (vma->anon_vma)
		vma->anon_vma->num_active_vmas--;
	up_write(&root->lock);
	WRITE_ONCE(vma->anon_vma, NULL);

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma) {
		ASSERT_MSG(avc->anon_vma->num_children == 0, "%lu", avc->anon_vma->num_children);
		ASSERT_MSG(avc->anon_vma->num_active_vmas == 0, "%lu",
			   avc->anon_vma->num_active_vmas);
		put_anon_vma(machine, avc->anon_vma);
	}
	chains_free(machine, &vma->anon_vma_chain);
}
