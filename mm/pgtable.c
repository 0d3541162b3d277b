// SPDX-License-Identifier: MIT
/*
 * pgtable.c - four-level page tables: making, walking and freeing them
 *
 * Upper entries are written under mm->page_table_lock when a table is added (mmap_lock held for
 * read is enough) and under mmap_lock for write when one is removed.  Walkers hold neither: they
 * read entries once, under RCU, and a removed table is freed after a grace period only.  Whoever
 * takes a table's lock looks again whether the table is still in its place.
 *
 * Linux: mm/memory.c (__pte_alloc, free_pgd_range), mm/pgtable-generic.c (pte_offset_map_lock).
 */
#include "pgtable.h"

#include "machine.h"
#include "mm.h"
#include "mmu_gather.h"
#include "tlb.h"

#include <errno.h>

/* An entry of an upper level: a table's frame and full rights, which the last level restricts. */
#define TABLE_BITS                                                                                 \
	(PTE_BIT(PRESENT) | PTE_BIT(WRITE) | PTE_BIT(USER) | PTE_BIT(ACCESSED) | PTE_BIT(DIRTY))

static unsigned int table_index(unsigned long addr, int shift)
{
	return addr >> shift & (PTRS_PER_TABLE - 1);
}

/* The folio of the core frame that @ptr points into. */
static struct folio *core_folio(struct machine *machine, const void *ptr)
{
	unsigned long offset = (const unsigned char *)ptr - machine->core_frames;

	return &machine->folios[machine->nr_guest_frames + (offset >> PAGE_SHIFT)];
}

/* The entries of the table that an upper entry names. */
static pte_t *table_entries(struct machine *machine, pte_t upper)
{
	unsigned long pfn = pte_pfn(upper);

	ASSERT_MSG(pfn >= machine->nr_guest_frames && pfn < machine->nr_frames,
		   "page table at frame %lu of %lu", pfn, machine->nr_frames);
	return (pte_t *)(machine->core_frames + ((pfn - machine->nr_guest_frames) << PAGE_SHIFT));
}

static pte_t *pgd_entries(struct mm *mm)
{
	return table_entries(mm->machine, (pte_t){ (uint64_t)mm->pgd_pfn << PAGE_SHIFT });
}

/* ---- Entries --------------------------------------------------------------------------------------- */

void set_pte(struct machine *machine, pte_t *ptep, pte_t pte)
{
	struct folio *table = core_folio(machine, ptep);

	table->table.nr_entries += !pte_none(pte) - !pte_none(*ptep);
	WRITE_ONCE(ptep->v, pte.v);
}

pte_t ptep_get_and_clear(struct machine *machine, pte_t *ptep)
{
	pte_t old = *ptep;

	set_pte(machine, ptep, (pte_t){ 0 });
	return old;
}

/* ---- Walking ---------------------------------------------------------------------------------------- */

/* The upper entry that names the table of PTEs for @addr, or NULL when a level is missing. */
static pte_t *pmd_offset(struct mm *mm, unsigned long addr)
{
	pte_t *table = pgd_entries(mm);

	for (int shift = PGDIR_SHIFT; shift > PMD_SHIFT; shift -= 9) {
		pte_t upper = ptep_get_lockless(&table[table_index(addr, shift)]);

		if (pte_none(upper))
			return NULL;
		table = table_entries(mm->machine, upper);
	}
	return &table[table_index(addr, PMD_SHIFT)];
}

pte_t *pte_offset_lockless(struct mm *mm, unsigned long addr)
{
	pte_t *pmdp = pmd_offset(mm, addr);
	pte_t pmd = pmdp ? ptep_get_lockless(pmdp) : (pte_t){ 0 };

	if (pte_none(pmd))
		return NULL;
	return &table_entries(mm->machine, pmd)[table_index(addr, PAGE_SHIFT)];
}

pte_t *pte_offset_map_lock(struct mm *mm, unsigned long addr, struct spinlock **ptl)
{
	return pte_offset_map_lock_nested(mm, addr, ptl, LOCK_PLAIN);
}

pte_t *pte_offset_map_lock_nested(struct mm *mm, unsigned long addr, struct spinlock **ptl,
				  enum lock_subclass subclass)
{
	rcu_read_lock();
	for (;;) {
		pte_t *pmdp = pmd_offset(mm, addr);
		pte_t pmd = pmdp ? ptep_get_lockless(pmdp) : (pte_t){ 0 };
		pte_t *entries;

		if (pte_none(pmd))
			break;
		entries = table_entries(mm->machine, pmd);
		*ptl = &core_folio(mm->machine, entries)->table.lock;
		spin_lock_nested(*ptl, subclass);
		if (likely(ptep_get_lockless(pmdp).v == pmd.v))
			return &entries[table_index(addr, PAGE_SHIFT)];
		spin_unlock(*ptl); /* the table was taken out meanwhile */
	}
	rcu_read_unlock();
	return NULL;
}

void pte_unmap_unlock(struct spinlock *ptl)
{
	spin_unlock(ptl);
	rcu_read_unlock();
}

unsigned long next_page_table(struct mm *mm, unsigned long addr, unsigned long end)
{
	pte_t *table = pgd_entries(mm);
	unsigned long next;
	int shift;

	if ((addr | (PMD_SIZE - 1)) >= end - 1)
		return end; /* most ranges are small, and need no look */
	rcu_read_lock();
	for (shift = PGDIR_SHIFT; shift > PMD_SHIFT; shift -= 9) {
		pte_t upper = ptep_get_lockless(&table[table_index(addr, shift)]);

		if (pte_none(upper))
			break;
		table = table_entries(mm->machine, upper);
	}
	rcu_read_unlock();
	next = (addr | ((1ul << shift) - 1)) + 1;
	return next - 1 < end - 1 ? next : end;
}

/* ---- Making tables ------------------------------------------------------------------------------------ */

static struct folio *table_make(struct machine *machine)
{
	struct folio *table = folio_alloc(machine, GFP_CORE, GW_NODE_ANY);

	if (!table)
		return NULL;
	folio_zero(machine, table);
	folio_set(table, PG_table);
	table->mapping = (unsigned long)machine; /* for the RCU callback that frees it */
	table->table.nr_entries = 0;
	spin_lock_init(&table->table.lock, LOCK_PAGE_TABLE);
	return table;
}

/* From @stock if it has one; NULL: whoever does not hold mmap_lock for write has none. */
static struct folio *table_alloc(struct mm *mm, struct stock *stock)
{
	struct folio *table;

	if (!stock || list_empty(&stock->tables)) {
		table = table_make(mm->machine);
	} else {
		table = list_first_entry(&stock->tables, struct folio, lru);
		list_del(&table->lru);
	}
	if (table)
		atomic_long_add_return(&mm->nr_tables, 1);
	return table;
}

static void table_free_now(struct machine *machine, struct folio *table)
{
	folio_clear(table, PG_table);
	table->mapping = 0;
	folio_put(machine, table);
}

static void table_free_rcu(struct rcu_head *head)
{
	struct folio *table = container_of(head, struct folio, rcu);

	table_free_now((struct machine *)table->mapping, table);
}

void table_free(struct folio *table)
{
	call_rcu(&table->rcu, table_free_rcu);
}

int table_stock(struct mm *mm, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct folio *table = table_make(mm->machine);

		if (!table)
			return -ENOMEM;
		list_add(&table->lru, &mm->stock.tables);
	}
	return 0;
}

void table_stock_drain(struct machine *machine, struct stock *stock)
{
	while (!list_empty(&stock->tables)) {
		struct folio *table = list_first_entry(&stock->tables, struct folio, lru);

		list_del(&table->lru);
		table_free_now(machine, table);
	}
}

/* Put a new table below @upperp unless somebody was faster.  => -ENOMEM */
static int table_install(struct mm *mm, pte_t *upperp, struct stock *stock)
{
	struct folio *table = table_alloc(mm, stock);
	pte_t upper;

	if (!table)
		return -ENOMEM;
	upper = mk_pte(folio_pfn(mm->machine, table), (pgprot_t){ TABLE_BITS });
	spin_lock(&mm->page_table_lock);
	if (pte_none(ptep_get(upperp))) {
		core_folio(mm->machine, upperp)->table.nr_entries++;
		/* Pairs with ptep_get_lockless(): walkers see a zeroed table. */
		smp_store_release(&upperp->v, upper.v);
		table = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	if (table) {
		atomic_long_add_return(&mm->nr_tables, -1);
		table_free_now(mm->machine, table);
	}
	return 0;
}

/* The tables for @addr from the top down to those that entries for 1 << @lowest bytes name. */
static int tables_alloc(struct mm *mm, unsigned long addr, int lowest, struct stock *stock)
{
	pte_t *table = pgd_entries(mm);

	for (int shift = PGDIR_SHIFT; shift >= lowest; shift -= 9) {
		pte_t *upperp = &table[table_index(addr, shift)];

		if (pte_none(ptep_get_lockless(upperp)) && table_install(mm, upperp, stock))
			return -ENOMEM;
		table = table_entries(mm->machine, ptep_get_lockless(upperp));
	}
	return 0;
}

int pte_alloc(struct mm *mm, unsigned long addr)
{
	return tables_alloc(mm, addr, PMD_SHIFT, NULL);
}

int pte_alloc_stocked(struct mm *mm, unsigned long addr)
{
	rwsem_assert_held_write(&mm->mmap_lock);
	return tables_alloc(mm, addr, PMD_SHIFT, &mm->stock);
}

int pmd_alloc_stocked(struct mm *mm, unsigned long addr)
{
	rwsem_assert_held_write(&mm->mmap_lock);
	return tables_alloc(mm, addr, PUD_SHIFT, &mm->stock);
}

/*
 * A processor's page walk holds the table's lock from the look at its entry to the filled
 * translation, and nothing else; so the lock is held from the change to the end of the flush, or a
 * translation of the old address could be made behind it.
 */
bool pmd_move(struct mm *mm, unsigned long old, unsigned long new)
{
	pte_t *oldp = pmd_offset(mm, old), *newp = pmd_offset(mm, new), pmd;
	struct machine *machine = mm->machine;
	struct folio *table;

	rwsem_assert_held_write(&mm->mmap_lock);
	ASSERT(IS_ALIGNED(old | new, PMD_SIZE));
	if (!oldp || !newp || pte_none(ptep_get(oldp)) || !pte_none(ptep_get(newp)))
		return false;
	pmd = ptep_get(oldp);
	table = core_folio(machine, table_entries(machine, pmd));
	/* The places are ours alone; faults elsewhere add to the tables that they are in. */
	spin_lock(&mm->page_table_lock);
	core_folio(machine, oldp)->table.nr_entries--;
	core_folio(machine, newp)->table.nr_entries++;
	spin_unlock(&mm->page_table_lock);
	spin_lock(&table->table.lock);
	flush_tlb_batched_pending(mm, old, old + PMD_SIZE);
	WRITE_ONCE(oldp->v, 0);
	smp_store_release(&newp->v, pmd.v); /* as table_install() */
	flush_tlb_range(mm, old, old + PMD_SIZE, GW_TLB_UNMAP);
	spin_unlock(&table->table.lock);
	return true;
}

int pgd_alloc(struct mm *mm)
{
	struct folio *table = table_alloc(mm, NULL);

	if (!table)
		return -ENOMEM;
	mm->pgd_pfn = folio_pfn(mm->machine, table);
	return 0;
}

void pgd_free(struct mm *mm)
{
	struct folio *table = pfn_folio(mm->machine, mm->pgd_pfn);

	ASSERT_MSG(table->table.nr_entries == 0, "%d tables below the root are left",
		   table->table.nr_entries);
	ASSERT(atomic_long_read(&mm->nr_tables) == 1);
	/* The last reference to the address space is gone: nobody walks it any more. */
	table_free_now(mm->machine, table);
}

/* ---- Freeing tables ------------------------------------------------------------------------------------- */

/* What free_pgd_range() frees below: whole tables inside [floor, ceiling). */
struct free_range {
	struct mmu_gather *tlb;
	unsigned long start, end;     /* look at these addresses */
	unsigned long floor, ceiling; /* inclusive bounds: ceiling is the last byte */
};

static void free_child(struct free_range *range, struct folio *parent, pte_t *upperp)
{
	struct machine *machine = range->tlb->machine;
	struct folio *child = core_folio(machine, table_entries(machine, *upperp));

	ASSERT_MSG(child->table.nr_entries == 0, "freeing a page table with %d entries in use",
		   child->table.nr_entries);
	spin_lock(&range->tlb->mm->page_table_lock);
	parent->table.nr_entries--;
	WRITE_ONCE(upperp->v, 0);
	spin_unlock(&range->tlb->mm->page_table_lock);
	tlb_remove_table(range->tlb, child);
}

static int nr_children(struct mm *mm, pte_t *entries)
{
	int nr;

	spin_lock(&mm->page_table_lock);
	nr = core_folio(mm->machine, entries)->table.nr_entries;
	spin_unlock(&mm->page_table_lock);
	return nr;
}

/* The first entry of [@at, @end] that names a table, or @end + 1. */
static unsigned long next_child(struct mm *mm, const pte_t *entries, unsigned long at,
				unsigned long end)
{
	spin_lock(&mm->page_table_lock);
	while (at <= end && pte_none(ptep_get(&entries[at])))
		at++;
	spin_unlock(&mm->page_table_lock);
	return at;
}

/*
 * Free what can go below @entries, a table whose entries map 1 << @shift bytes each from @base.  None
 * of that is added meanwhile, since the VMAs of the range are locked; but what stays may be, as
 * faults in its neighbours go on, so it does not count towards what is @left.
 */
static void free_level(struct free_range *range, pte_t *entries, int shift, unsigned long base)
{
	struct machine *machine = range->tlb->machine;
	unsigned long span = 1ul << shift, top = base + PTRS_PER_TABLE * span - 1;
	unsigned long at = (max(range->start, base) - base) >> shift;
	unsigned long end = (min(range->end - 1, top) - base) >> shift;
	struct mm *mm = range->tlb->mm;
	int left = nr_children(mm, entries);

	for (; left && (at = next_child(mm, entries, at, end)) <= end; at++) {
		unsigned long first = base + at * span, last = first + span - 1;

		if (shift > PMD_SHIFT)
			free_level(range, table_entries(machine, entries[at]), shift - 9, first);
		if (first < range->floor || last > range->ceiling)
			continue;
		free_child(range, core_folio(machine, entries), &entries[at]);
		left--;
	}
}

void free_pgd_range(struct mmu_gather *tlb, unsigned long start, unsigned long end,
		    unsigned long floor, unsigned long ceiling)
{
	struct free_range range = {
		.tlb = tlb,
		.start = start,
		.end = end,
		.floor = floor,
		.ceiling = ceiling - 1, /* 0 becomes the top */
	};

	rwsem_assert_held_write(&tlb->mm->mmap_lock);
	free_level(&range, pgd_entries(tlb->mm), PGDIR_SHIFT, 0);
}

/* ---- Visiting every table ----------------------------------------------------------------------------------- */

struct visit {
	struct machine *machine;
	void (*table)(void *arg, unsigned long addr, struct folio *table, pte_t *ptes);
	void *arg;
};

static __unwatched void visit_level(struct visit *visit, pte_t *entries, int shift,
				    unsigned long base)
{
	for (int i = 0; i < PTRS_PER_TABLE; i++) {
		unsigned long first = base + ((unsigned long)i << shift);
		pte_t *child;

		if (!entries[i].v)
			continue;
		child = table_entries(visit->machine, entries[i]);
		if (shift > PMD_SHIFT)
			visit_level(visit, child, shift - 9, first);
		else
			visit->table(visit->arg, first, core_folio(visit->machine, child), child);
	}
}

void pgtable_for_each(struct mm *mm,
		      void (*table)(void *arg, unsigned long addr, struct folio *table, pte_t *ptes),
		      void *arg)
{
	struct visit visit = { .machine = mm->machine, .table = table, .arg = arg };

	visit_level(&visit, pgd_entries(mm), PGDIR_SHIFT, 0);
}
