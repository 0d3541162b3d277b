// SPDX-License-Identifier: MIT
/*
 * uaccess.c - the kernel's copies from and to an address space
 *
 * Linux: lib/usercopy.c, arch/x86/lib/copy_user_64.S: there the processor walks; here we do.
 */
#include "uaccess.h"

#include "fault.h"
#include "folio.h"
#include "machine.h"
#include "memory.h"
#include "tlb.h"

#include <errno.h>

/*
 * The frame behind @addr with the table locked, faulted in as needed, accessed and dirty as the
 * processor would leave it.  => NULL, nothing locked: the access is not allowed
 */
static struct folio *user_folio_lock(struct mm *mm, unsigned long addr, enum gw_access access,
				     struct spinlock **ptl)
{
	struct machine *machine = mm->machine;

	for (;;) {
		pte_t *ptep = pte_offset_map_lock(mm, addr, ptl);

		if (ptep && pte_allows(ptep_get(ptep), access)) {
			pte_t old = ptep_get(ptep), pte = pte_mkyoung(old);

			if (access == GW_WRITE)
				pte = pte_mkdirty(pte);
			if (pte.v != old.v)
				set_pte(machine, ptep, pte);
			return pfn_folio(machine, pte_pfn(pte));
		}
		if (ptep)
			pte_unmap_unlock(*ptl);
		if (mm_fault_flags(mm, addr, access, 0) != GW_FAULT_DONE)
			return NULL;
	}
}

/* The part of [@addr, @addr + @len) that lies in one page. */
static size_t page_part(unsigned long addr, size_t len)
{
	return min(len, PAGE_SIZE - (addr & ~PAGE_MASK));
}

int copy_from_user(struct mm *mm, void *to, unsigned long from, size_t len)
{
	char *at = to;

	if (!access_ok(mm, from, len))
		return -EFAULT;
	while (len) {
		size_t part = page_part(from, len);
		struct spinlock *ptl;
		struct folio *folio = user_folio_lock(mm, from, GW_READ, &ptl);

		if (!folio)
			return -EFAULT;
		folio_read(mm->machine, folio, from & ~PAGE_MASK, at, part);
		pte_unmap_unlock(ptl);
		at += part;
		from += part;
		len -= part;
	}
	return 0;
}

int copy_to_user(struct mm *mm, unsigned long to, const void *from, size_t len)
{
	const char *at = from;

	if (!access_ok(mm, to, len))
		return -EFAULT;
	while (len) {
		size_t part = page_part(to, len);
		struct spinlock *ptl;
		struct folio *folio = user_folio_lock(mm, to, GW_WRITE, &ptl);

		if (!folio)
			return -EFAULT;
		folio_write(mm->machine, folio, to & ~PAGE_MASK, at, part);
		pte_unmap_unlock(ptl);
		at += part;
		to += part;
		len -= part;
	}
	return 0;
}

/* Where the NUL is in @len bytes, or @len. */
static size_t string_length(const char *string, size_t len)
{
	size_t at = 0;

	while (at < len && string[at])
		at++;
	return at;
}

long strncpy_from_user(struct mm *mm, char *to, unsigned long from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t part = page_part(from + done, size - done), len;

		if (from + done < from || from + done >= mm->task_size)
			return -EFAULT;
		if (copy_from_user(mm, to + done, from + done, part))
			return -EFAULT;
		len = string_length(to + done, part);
		done += len;
		if (len < part)
			return (long)done;
	}
	return -ENAMETOOLONG;
}
