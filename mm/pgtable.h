/* SPDX-License-Identifier: MIT */
/*
 * pgtable.h - four-level page tables in the x86-64 format
 *
 * A table is a frame of ZONE_CORE.  The split lock and the count of entries of a table live in
 * its folio.  Entries are read and written through the accessors here alone, so that TLBs and the
 * explorer see every access.
 *
 * An entry is one of: none (all zero), present (bit 0, or bit 8 alone for PROT_NONE), or a swap
 * entry: type in bits 59..63, offset in bits 9..58.  A migration entry is a swap entry whose
 * offset is a pfn.  Linux stores the offset inverted against L1TF; we do not.
 *
 * Linux: arch/x86/include/asm/pgtable*.h, include/linux/swapops.h.
 */
#pragma once

#include <godwit/machine.h>

#include "folio.h"
#include "sync.h"

struct mm;
struct stock;

#define PAGE_SHIFT GW_PAGE_SHIFT
#define PAGE_SIZE  GW_PAGE_SIZE
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define PTRS_PER_TABLE 512
#define PMD_SHIFT      21
#define PUD_SHIFT      30
#define PGDIR_SHIFT    39
#define PMD_SIZE       (1ul << PMD_SHIFT)

typedef struct {
	uint64_t v;
} pte_t;

enum pte_bits {
	PTE_PRESENT_BIT = 0,
	PTE_WRITE_BIT = 1,
	PTE_USER_BIT = 2,
	PTE_ACCESSED_BIT = 5,
	PTE_DIRTY_BIT = 6,
	PTE_PROTNONE_BIT = 8, /* with bit 0 clear: mapped, but nobody may access it */
	PTE_UFFD_WP_BIT = 10,
	PTE_SOFT_DIRTY_BIT = 11,
	PTE_NX_BIT = 63,
	/* of a swap entry */
	SWP_SOFT_DIRTY_BIT = 1,
	SWP_UFFD_WP_BIT = 2,
	SWP_EXCLUSIVE_BIT = 3,
	SWP_YOUNG_BIT = 57, /* migration entries keep accessed and dirty, above the pfn */
	SWP_DIRTY_BIT = 58,
};

#define PTE_BIT(name) (1ull << PTE_##name##_BIT)
#define SWP_BIT(name) (1ull << SWP_##name##_BIT)
#define PTE_PFN_MASK  0x000ffffffffff000ull

#define SWP_TYPE_SHIFT	 59
#define SWP_OFFSET_SHIFT 9

enum swp_type {
	SWP_SLOT, /* a slot of the first swap device; more follow */
	SWP_MIGRATION_READ = 28,
	SWP_MIGRATION_READ_EXCLUSIVE,
	SWP_MIGRATION_WRITE,
};

static inline bool pte_none(pte_t pte)
{
	return pte.v == 0;
}

static inline bool pte_present(pte_t pte)
{
	return pte.v & (PTE_BIT(PRESENT) | PTE_BIT(PROTNONE)) && (pte.v >> SWP_TYPE_SHIFT & 15) == 0;
}

/* Present, and not PROT_NONE: a processor may use it. */
static inline bool pte_accessible(pte_t pte)
{
	return pte.v & PTE_BIT(PRESENT);
}

static inline bool pte_write(pte_t pte)
{
	return pte.v & PTE_BIT(WRITE);
}

static inline bool pte_exec(pte_t pte)
{
	return !(pte.v & PTE_BIT(NX));
}

static inline bool pte_dirty(pte_t pte)
{
	return pte.v & PTE_BIT(DIRTY);
}

static inline bool pte_young(pte_t pte)
{
	return pte.v & PTE_BIT(ACCESSED);
}

static inline unsigned long pte_pfn(pte_t pte)
{
	return (pte.v & PTE_PFN_MASK) >> PAGE_SHIFT;
}

static inline pte_t pte_set_bits(pte_t pte, uint64_t bits)
{
	return (pte_t){ pte.v | bits };
}

static inline pte_t pte_clear_bits(pte_t pte, uint64_t bits)
{
	return (pte_t){ pte.v & ~bits };
}

static inline pte_t pte_mkwrite(pte_t pte)
{
	return pte_set_bits(pte, PTE_BIT(WRITE));
}

static inline pte_t pte_wrprotect(pte_t pte)
{
	return pte_clear_bits(pte, PTE_BIT(WRITE));
}

static inline pte_t pte_mkdirty(pte_t pte)
{
	return pte_set_bits(pte, PTE_BIT(DIRTY) | PTE_BIT(SOFT_DIRTY));
}

static inline pte_t pte_mkyoung(pte_t pte)
{
	return pte_set_bits(pte, PTE_BIT(ACCESSED));
}

/* ---- Page protection: the bits that a VMA's flags give to its entries -------------------------- */

typedef struct {
	uint64_t v;
} pgprot_t;

static inline pte_t mk_pte(unsigned long pfn, pgprot_t prot)
{
	return (pte_t){ (uint64_t)pfn << PAGE_SHIFT | prot.v };
}

/* Keep frame, accessed, dirty and tracking bits; take the rights from @prot. */
static inline pte_t pte_modify(pte_t pte, pgprot_t prot)
{
	uint64_t kept = PTE_PFN_MASK | PTE_BIT(ACCESSED) | PTE_BIT(DIRTY) | PTE_BIT(SOFT_DIRTY) |
			PTE_BIT(UFFD_WP);

	return (pte_t){ (pte.v & kept) | prot.v };
}

/* ---- Swap and migration entries ---------------------------------------------------------------- */

static inline bool pte_is_swap(pte_t pte)
{
	return !pte_none(pte) && !pte_present(pte);
}

static inline enum swp_type pte_swp_type(pte_t pte)
{
	return pte.v >> SWP_TYPE_SHIFT;
}

static inline bool pte_is_migration(pte_t pte)
{
	return pte_is_swap(pte) && pte_swp_type(pte) >= SWP_MIGRATION_READ;
}

static inline bool pte_is_migration_write(pte_t pte)
{
	return pte_is_migration(pte) && pte_swp_type(pte) == SWP_MIGRATION_WRITE;
}

static inline unsigned long pte_migration_pfn(pte_t pte)
{
	return pte.v >> SWP_OFFSET_SHIFT & ((1ul << 40) - 1);
}

static inline pte_t mk_migration_pte(enum swp_type type, unsigned long pfn)
{
	return (pte_t){ (uint64_t)type << SWP_TYPE_SHIFT | (uint64_t)pfn << SWP_OFFSET_SHIFT };
}

/* The same entry as one of another type; marks are kept. */
static inline pte_t pte_swp_modify(pte_t pte, enum swp_type type)
{
	pte = pte_clear_bits(pte, 31ull << SWP_TYPE_SHIFT);
	return pte_set_bits(pte, (uint64_t)type << SWP_TYPE_SHIFT);
}

/* ---- Reading and writing entries --------------------------------------------------------------- */

/* Under the table lock. */
static inline pte_t ptep_get(const pte_t *ptep)
{
	return *ptep;
}

/*
 * Without it: a snapshot that must be confirmed.  The acquire pairs with the release of
 * table_install(): what an upper entry names has been zeroed.
 */
static inline pte_t ptep_get_lockless(const pte_t *ptep)
{
	return (pte_t){ smp_load_acquire(&ptep->v) };
}

/* Under the table lock.  Keeps the table's count of entries. */
void set_pte(struct machine *machine, pte_t *ptep, pte_t pte);
/* Write none and return what was there; under the table lock, the caller flushes. */
pte_t ptep_get_and_clear(struct machine *machine, pte_t *ptep);

/* ---- Walking ------------------------------------------------------------------------------------ */

/*
 * The entry for @addr with its table locked, or NULL (nothing locked) when there is no table.
 * Unlock with pte_unmap_unlock().
 */
pte_t *pte_offset_map_lock(struct mm *mm, unsigned long addr, struct spinlock **ptl);
pte_t *pte_offset_map_lock_nested(struct mm *mm, unsigned long addr, struct spinlock **ptl,
				  enum lock_subclass subclass);
void pte_unmap_unlock(struct spinlock *ptl);
/* The same without the lock; the caller's locks keep the table alive. */
pte_t *pte_offset_lockless(struct mm *mm, unsigned long addr);

/* Where a table's share of [@addr, @end) ends. */
static inline unsigned long pmd_addr_end(unsigned long addr, unsigned long end)
{
	unsigned long next = (addr + PMD_SIZE) & ~(PMD_SIZE - 1);

	return next - 1 < end - 1 ? next : end;
}

/*
 * Where in (@addr, @end] the next table of PTEs may be, when @addr has none: what a missing upper
 * table would have mapped is left out at once, so that a large range costs what is in it.
 */
unsigned long next_page_table(struct mm *mm, unsigned long addr, unsigned long end);

/* Get @nr tables ahead.  => -ENOMEM; what was got stays in the stock */
int table_stock(struct mm *mm, int nr) __must_check;
void table_stock_drain(struct machine *machine, struct stock *stock);

/*
 * Make the tables for @addr exist.  => -ENOMEM; mmap_lock or the lock of the VMA held, no spinlock held
 */
int pte_alloc(struct mm *mm, unsigned long addr) __must_check;
/* The same from the stock, if there is one; mmap_lock held for write. */
int pte_alloc_stocked(struct mm *mm, unsigned long addr) __must_check;

/*
 * Hang the table of PTEs for @old below the place for @new instead; both are PMD aligned.  Old
 * translations are flushed.
 * => false: there is no table for @old, or the place for @new is taken; nothing changed
 * => mmap_lock and the rmap locks of all that the table maps held for write
 */
bool pmd_move(struct mm *mm, unsigned long old, unsigned long new) __must_check;
/* Make what is above the table of PTEs for @addr exist.  => -ENOMEM; as pte_alloc_stocked() */
int pmd_alloc_stocked(struct mm *mm, unsigned long addr) __must_check;

/* Give back the empty tables of [@start, @end); @floor and @ceiling as in Linux's free_pgtables:
 * tables that also serve addresses outside [floor, ceiling) stay.  0 as ceiling means the top.
 * => mmap_lock held for write, no VMA of the range reachable through rmap any more
 */
struct mmu_gather;
void free_pgd_range(struct mmu_gather *tlb, unsigned long start, unsigned long end,
		    unsigned long floor, unsigned long ceiling);

/* Free a table that is out of its place, after a grace period; mm->nr_tables is the caller's. */
void table_free(struct folio *table);

/* The root table: at creation and at the end of an address space. */
int pgd_alloc(struct mm *mm) __must_check;
void pgd_free(struct mm *mm);

/*
 * Call @visit for each table of entries in @mm, with its first address.  Nothing is locked: for
 * validation and teardown.
 */
void pgtable_for_each(struct mm *mm,
		      void (*visit)(void *arg, unsigned long addr, struct folio *table, pte_t *ptes),
		      void *arg);
