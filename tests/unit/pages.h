/* SPDX-License-Identifier: MIT */
/* pages.h - what a program sees in its pages, and what its page table says of them; asserted */
#pragma once

#include "fixture.h"

#include "fork.h"
#include "tlb.h"

static inline void store(struct mm *mm, unsigned long addr, uint64_t value)
{
	assert_int_equal(tlb_store(mm, addr, &value, sizeof(value)), GW_FAULT_DONE);
}

static inline uint64_t load(struct mm *mm, unsigned long addr)
{
	uint64_t value = 0;

	assert_int_equal(tlb_load(mm, addr, &value, sizeof(value)), GW_FAULT_DONE);
	return value;
}

static inline struct mm *fork_mm(struct mm *mm)
{
	struct mm *child;

	assert_int_equal(dup_mm(mm, &child), 0);
	return child;
}

/* Of a table that nobody else changes; none if there is no table. */
static inline pte_t pte_at(struct mm *mm, unsigned long addr)
{
	pte_t *ptep = pte_offset_lockless(mm, addr);

	return ptep ? ptep_get_lockless(ptep) : (pte_t){ 0 };
}

static inline struct folio *folio_at(struct mm *mm, unsigned long addr)
{
	return pfn_folio(mm->machine, pte_pfn(pte_at(mm, addr)));
}
