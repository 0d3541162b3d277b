// SPDX-License-Identifier: MIT
/*
 * shmem.c - shared memory: a file whose pages are all that there is of it
 *
 * Shared anonymous mappings, memfds and System V segments are one kind of object: a mapping without
 * a file behind it.  A page that is missing is a hole and becomes zeroes when it is touched; nothing
 * is written back, and what leaves the page cache is lost.
 *
 * What the machine promises is promised to the object, not to the VMAs that map it: all of its size
 * when that is set, or page by page as they are made.  Linux: shmem_acct_size(),
 * shmem_acct_blocks(), VM_NORESERVE.
 *
 * Linux: mm/shmem.c, as of 6.12.  Not modelled: swap, seals, huge pages, a limit on a file system.
 */
#include "filemap.h"
#include "machine.h"
#include "vma.h"

#include <errno.h>

/* Major and minor number of the file system that nobody mounted. */
#define SHMEM_DEV 1

static bool charges_size(const struct mapping *mapping)
{
	return mapping_is_shmem(mapping) && !mapping->info.noreserve;
}

static bool charges_pages(const struct mapping *mapping)
{
	return mapping_is_shmem(mapping) && mapping->info.noreserve;
}

int shmem_charge_size(struct mapping *mapping, uint64_t size)
{
	unsigned long old = mapping->nr_charged, new = size_pages(size);
	int err = 0;

	if (!charges_size(mapping))
		return 0;
	if (new > old)
		err = vm_commit_object(mapping->machine, new - old);
	else
		vm_commit_undo(mapping->machine, old - new);
	if (!err)
		mapping->nr_charged = new;
	return err;
}

int shmem_charge_page(struct mapping *mapping)
{
	return charges_pages(mapping) && vm_commit_object(mapping->machine, 1) ? -ENOSPC : 0;
}

void shmem_uncharge_page(struct mapping *mapping)
{
	if (charges_pages(mapping))
		vm_commit_undo(mapping->machine, 1);
}

unsigned long shmem_charged(const struct mapping *mapping)
{
	if (!mapping_is_shmem(mapping))
		return 0;
	return mapping->info.noreserve ? mapping->nr_pages : size_pages(mapping->info.size);
}

static uint64_t new_inode(struct machine *machine)
{
	uint64_t ino;

	spin_lock(&machine->mms_lock);
	ino = ++machine->last_ino;
	spin_unlock(&machine->mms_lock);
	return ino;
}

int shmem_zero_setup(struct machine *machine, uint64_t size, bool noreserve,
		     struct mapping **mapping)
{
	const struct gw_mapping_info info = {
		.size = size,
		.name = "/dev/zero (deleted)",
		.dev = SHMEM_DEV,
		.ino = new_inode(machine),
		.noreserve = noreserve,
	};

	return mapping_create(machine, &info, mapping);
}
