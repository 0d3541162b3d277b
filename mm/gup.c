// SPDX-License-Identifier: MIT
/*
 * gup.c - pages of an address space for those who do not go through its page tables
 *
 * The slow form looks at an entry under its table lock and faults until the entry will do.  What it
 * wants it never forgets between two looks: a write that has been answered by a private copy is
 * still a write when the copy has been thrown away meanwhile, and must get another one, not the page
 * of the file (Linux 19be0eaffa3a, "mm: remove gup_flags FOLL_WRITE games from __get_user_pages()").
 *
 * The fast form takes no lock.  It reads the entry, takes its reference, and reads the entry again:
 *
 *	CPU A: get_user_pages_fast()		CPU B: migration, zap, copy-on-write
 *	read the entry
 *						change the entry
 *	take a reference			look at the references
 *	read the entry again
 *
 * Either A sees the change or B sees the reference.  RCU keeps the tables, as they are freed after
 * a grace period; on x86 interrupts that are off do.  Fork changes many entries and looks at pins
 * in between, so it says that it is at work: mm->write_protect_seq.
 *
 * A page that is pinned for reading only must be this address space's own as well, or the first to
 * write it, whoever that is, would turn the pin into a view of somebody else's page: such a page is
 * copied first (Linux 17839856fd58, "gup: document and work around "COW can break either way"
 * issue"; FAULT_FLAG_UNSHARE since 5.19).
 *
 * Locks: mmap_lock for read and the page table, or RCU alone.
 * Linux: mm/gup.c, as of 6.12.  Not modelled: FOLL_LONGTERM, huge pages, PROT_NONE for NUMA hints.
 */
#include "gup.h"

#include "fault.h"
#include "vma.h"

#include <errno.h>

/* ---- Taking and dropping ------------------------------------------------------------------------------ */

static int references_per_page(unsigned int flags)
{
	return flags & GW_GUP_PIN ? GUP_PIN_COUNTING_BIAS : 1;
}

static void note_taken(struct machine *machine, struct folio *folio, unsigned int flags)
{
	atomic_add_return(&folio->outside, references_per_page(flags));
	if (flags & GW_GUP_PIN)
		count_event(machine, nr_foll_pin_acquired);
}

/* The zero page goes nowhere and is everybody's: it is not counted. */
static bool is_counted(const struct machine *machine, const struct folio *folio)
{
	return folio != machine->zero_folio;
}

/* Under the lock of a table that maps it.  Linux: try_grab_folio(). */
static void grab_folio(struct machine *machine, struct folio *folio, unsigned int flags)
{
	if (!is_counted(machine, folio))
		return;
	atomic_add_return(&folio->refcount, references_per_page(flags));
	note_taken(machine, folio, flags);
}

/* With no lock: the frame may be free, or somebody else's by now.  Linux: try_grab_folio_fast(). */
static bool try_grab_folio_fast(struct machine *machine, struct folio *folio, unsigned int flags)
{
	if (!folio_try_get(folio))
		return false;
	if (flags & GW_GUP_PIN)
		atomic_add_return(&folio->refcount, GUP_PIN_COUNTING_BIAS - 1);
	note_taken(machine, folio, flags);
	return true;
}

static void drop_folio(struct machine *machine, struct folio *folio, unsigned int flags)
{
	int nr = references_per_page(flags);

	if (!is_counted(machine, folio))
		return;
	atomic_add_return(&folio->outside, -nr);
	if (flags & GW_GUP_PIN)
		count_event(machine, nr_foll_pin_released);
	folio_put_refs(machine, folio, nr);
}

void put_user_pages(struct machine *machine, struct folio **folios, unsigned long nr_pages,
		    unsigned int flags)
{
	for (unsigned long i = 0; i < nr_pages; i++) {
		if (flags & GW_GUP_WRITE)
			folio_set(folios[i], PG_dirty);
		drop_folio(machine, folios[i], flags);
	}
}

/* ---- May the entry be used as it is? ------------------------------------------------------------------ */

/*
 * A forced write goes to a private copy that cannot be written through the entry.  Nothing but
 * the copy's being this address space's own tells that it is one.  Linux: can_follow_write_pte().
 */
static bool can_follow_write(const struct vma *vma, pte_t pte, const struct folio *folio,
			     unsigned int flags)
{
	if (pte_write(pte))
		return true;
	return (flags & GW_GUP_FORCE) && is_cow_mapping(vma->flags) && !(vma->flags & VM_WRITE) &&
	       folio_anon(folio) && folio_test(folio, PG_anon_exclusive);
}

/* Linux: gup_must_unshare(). */
static bool must_unshare(struct machine *machine, const struct folio *folio, unsigned int flags)
{
	if ((flags & (GW_GUP_PIN | GW_GUP_WRITE)) != GW_GUP_PIN || !folio_anon(folio))
		return false;
	return !folio_test(folio, PG_anon_exclusive) && guard(machine, gup_unshare);
}

/* ---- The slow form -------------------------------------------------------------------------------------- */

struct gup {
	struct mm *mm;
	unsigned long addr;
	unsigned int flags;
	struct folio *folio;	  /* what was found */
	unsigned int fault_flags; /* what the next fault must do, when nothing was */
};

/* Linux: check_vma_flags(). */
static bool vma_allows(const struct vma *vma, unsigned int flags)
{
	bool force = flags & GW_GUP_FORCE;

	if (flags & GW_GUP_WRITE)
		return (vma->flags & VM_WRITE) || (force && is_cow_mapping(vma->flags));
	return (vma->flags & VM_READ) || (force && (vma->flags & VM_MAYREAD));
}

/* The table is locked.  Linux: follow_page_pte(). */
static void follow_pte(struct gup *gup, const struct vma *vma, pte_t pte)
{
	struct machine *machine = gup->mm->machine;
	struct folio *folio;

	if (!pte_present(pte))
		return;
	folio = pfn_folio(machine, pte_pfn(pte));
	if ((gup->flags & GW_GUP_WRITE) && !can_follow_write(vma, pte, folio, gup->flags))
		return;
	if (!pte_write(pte) && must_unshare(machine, folio, gup->flags)) {
		gup->fault_flags |= FAULT_UNSHARE;
		return;
	}
	grab_folio(machine, folio, gup->flags);
	gup->folio = folio;
}

/* => -EFAULT; 0: gup->folio, or NULL when a fault is needed first */
static int follow_page(struct gup *gup)
{
	const struct vma *vma;
	struct spinlock *ptl;
	pte_t *ptep;
	int err = 0;

	gup->fault_flags = gup->flags & GW_GUP_FORCE ? FAULT_FORCE : 0;
	down_read(&gup->mm->mmap_lock);
	vma = vma_lookup(gup->mm, gup->addr);
	if (!vma || !vma_allows(vma, gup->flags)) {
		err = -EFAULT;
		goto out;
	}
	ptep = pte_offset_map_lock(gup->mm, gup->addr, &ptl);
	if (ptep) {
		follow_pte(gup, vma, ptep_get(ptep));
		pte_unmap_unlock(ptl);
	}
out:
	up_read(&gup->mm->mmap_lock);
	return err;
}

/* mmap_lock is dropped for the fault, so all is looked at again afterwards. */
static int get_one_page(struct gup *gup)
{
	enum gw_access access = gup->flags & GW_GUP_WRITE ? GW_WRITE : GW_READ;

	for (;;) {
		enum gw_fault fault;
		int err = follow_page(gup);

		if (err || gup->folio)
			return err;
		fault = mm_fault_flags(gup->mm, gup->addr, access, gup->fault_flags);
		if (fault != GW_FAULT_DONE)
			return vm_fault_to_errno(fault);
	}
}

/* From now on fork looks at the references of pages.  It is never unset, as it is a hint. */
static void note_pins(struct mm *mm, unsigned int flags)
{
	if ((flags & GW_GUP_PIN) && !atomic_read(&mm->has_pinned))
		atomic_add_return(&mm->has_pinned, 1);
}

static bool range_ok(const struct mm *mm, unsigned long addr, unsigned long nr_pages)
{
	return nr_pages <= mm->task_size >> PAGE_SHIFT &&
	       addr <= mm->task_size - (nr_pages << PAGE_SHIFT);
}

long get_user_pages(struct mm *mm, unsigned long addr, unsigned long nr_pages, unsigned int flags,
		    struct folio **folios)
{
	unsigned long nr = 0;
	int err = 0;

	addr &= PAGE_MASK;
	if (!range_ok(mm, addr, nr_pages))
		return -EFAULT;
	note_pins(mm, flags);
	for (; nr < nr_pages; nr++, addr += PAGE_SIZE) {
		struct gup gup = { .mm = mm, .addr = addr, .flags = flags };

		err = get_one_page(&gup);
		if (err)
			break;
		folios[nr] = gup.folio;
	}
	return nr ? (long)nr : err;
}

/* ---- The fast form -------------------------------------------------------------------------------------- */

/* Does the way to @ptep still lead there, and is @pte what it leads to? */
static bool entry_unchanged(struct mm *mm, unsigned long addr, pte_t *ptep, pte_t pte)
{
	return pte_offset_lockless(mm, addr) == ptep && ptep_get_lockless(ptep).v == pte.v;
}

/* NULL: not without a lock.  Linux: gup_fast_pte_range(). */
static struct folio *get_page_fast(struct mm *mm, unsigned long addr, unsigned int flags)
{
	struct machine *machine = mm->machine;
	pte_t *ptep = pte_offset_lockless(mm, addr);
	pte_t pte = ptep ? ptep_get_lockless(ptep) : (pte_t){ 0 };
	struct folio *folio;

	if (!pte_present(pte) || !pte_allows(pte, flags & GW_GUP_WRITE ? GW_WRITE : GW_READ))
		return NULL;
	folio = pfn_folio(machine, pte_pfn(pte));
	if (!is_counted(machine, folio) || !try_grab_folio_fast(machine, folio, flags))
		return NULL;
	if ((guard(machine, gup_fast_recheck) && !entry_unchanged(mm, addr, ptep, pte)) ||
	    (!pte_write(pte) && must_unshare(machine, folio, flags))) {
		drop_folio(machine, folio, flags);
		return NULL;
	}
	return folio;
}

/* As many as can be had in a row. */
static unsigned long get_pages_fast(struct mm *mm, unsigned long addr, unsigned long nr_pages,
				    unsigned int flags, struct folio **folios)
{
	bool watch = (flags & GW_GUP_PIN) && guard(mm->machine, gup_fast_fork);
	unsigned long nr = 0;
	int seq = smp_load_acquire(&mm->write_protect_seq.v);

	if (watch && (seq & 1))
		return 0;
	rcu_read_lock();
	for (; nr < nr_pages; nr++) {
		folios[nr] = get_page_fast(mm, addr + (nr << PAGE_SHIFT), flags);
		if (!folios[nr])
			break;
	}
	rcu_read_unlock();
	/* A fork may have looked at the pages before they were pinned, and shares them now. */
	if (watch && nr && smp_load_acquire(&mm->write_protect_seq.v) != seq) {
		for (unsigned long i = 0; i < nr; i++)
			drop_folio(mm->machine, folios[i], flags);
		nr = 0;
	}
	return nr;
}

long get_user_pages_fast(struct mm *mm, unsigned long addr, unsigned long nr_pages,
			 unsigned int flags, struct folio **folios)
{
	unsigned long nr;
	long rest;

	addr &= PAGE_MASK;
	if (!range_ok(mm, addr, nr_pages))
		return -EFAULT;
	note_pins(mm, flags);
	nr = get_pages_fast(mm, addr, nr_pages, flags, folios);
	if (nr == nr_pages)
		return (long)nr;
	rest = get_user_pages(mm, addr + (nr << PAGE_SHIFT), nr_pages - nr, flags, folios + nr);
	if (rest < 0)
		return nr ? (long)nr : rest;
	return (long)nr + rest;
}
