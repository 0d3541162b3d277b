// SPDX-License-Identifier: MIT
/*
 * folio.c - frame numbers, contents, and the last reference
 *
 * Frames of guests and of the core lie in two ranges of memory but in one numbering, the core's
 * after the guests'.  Frame numbers come out of page-table entries, so pfn_folio() checks them.
 *
 * Linux: mm/folio-compat.c, mm/swap.c (__folio_put), include/linux/highmem.h.
 */
#include "folio.h"

#include "block.h"
#include "machine.h"

unsigned long folio_pfn(const struct machine *machine, const struct folio *folio)
{
	return (unsigned long)(folio - machine->folios);
}

struct folio *pfn_folio(struct machine *machine, unsigned long pfn)
{
	return pfn < machine->nr_frames ? &machine->folios[pfn] : NULL;
}

void *folio_address(const struct machine *machine, const struct folio *folio)
{
	unsigned long pfn = folio_pfn(machine, folio);

	if (pfn < machine->nr_guest_frames)
		return machine->frames + (pfn << GW_PAGE_SHIFT);
	return machine->core_frames + ((pfn - machine->nr_guest_frames) << GW_PAGE_SHIFT);
}

static void folio_free_last(struct machine *machine, struct folio *folio)
{
	if (folio_test(folio, PG_lru))
		lru_remove_dying(machine, folio);
	folio_free(machine, folio);
}

void folio_put(struct machine *machine, struct folio *folio)
{
	if (atomic_dec_and_test(&folio->refcount))
		folio_free_last(machine, folio);
}

void folio_put_refs(struct machine *machine, struct folio *folio, int nr)
{
	if (atomic_add_return(&folio->refcount, -nr) == 0)
		folio_free_last(machine, folio);
}

void folio_zero(struct machine *machine, struct folio *folio)
{
	block_zero(folio_address(machine, folio), GW_PAGE_SIZE);
}

void folio_zero_part(struct machine *machine, struct folio *folio, size_t offset, size_t len)
{
	char *at = folio_address(machine, folio);

	ASSERT(offset <= GW_PAGE_SIZE && len <= GW_PAGE_SIZE - offset);
	block_zero(at + offset, len);
}

void folio_copy(struct machine *machine, struct folio *to, struct folio *from)
{
	ASSERT(to != from);
	block_copy(folio_address(machine, to), folio_address(machine, from), GW_PAGE_SIZE);
}

void folio_read(struct machine *machine, struct folio *folio, size_t offset, void *to, size_t len)
{
	const char *at = folio_address(machine, folio);

	ASSERT(offset <= GW_PAGE_SIZE && len <= GW_PAGE_SIZE - offset);
	block_copy(to, at + offset, len);
}

void folio_write(struct machine *machine, struct folio *folio, size_t offset, const void *from,
		 size_t len)
{
	char *at = folio_address(machine, folio);

	ASSERT(offset <= GW_PAGE_SIZE && len <= GW_PAGE_SIZE - offset);
	block_copy(at + offset, from, len);
}
