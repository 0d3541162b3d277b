// SPDX-License-Identifier: MIT
/*
 * core.c - the entry table of this copy of the core
 *
 * The one symbol that leaves the core: everything else is hidden and made local when the copy is
 * linked (see meson.build).
 */
#include <godwit/core.h>

#include "exec.h"
#include "fault.h"
#include "filemap.h"
#include "folio.h"
#include "fork.h"
#include "gup.h"
#include "machine.h"
#include "migrate.h"
#include "mm.h"
#include "tlb.h"
#include "uaccess.h"
#include "vma.h"

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

static void mm_set_user(struct mm *mm, void *user)
{
	mm->user = user;
}

static void *mm_user(const struct mm *mm)
{
	return mm->user;
}

static void mm_set_limits(struct mm *mm, const struct gw_limits *limits)
{
	mmap_write_lock(mm);
	mm->limits = *limits;
	mmap_write_unlock(mm);
}

__export const struct gw_core SYNC_CORE_TABLE = {
	.name = &STRING(SYNC_CORE_TABLE)[sizeof("godwit_core_") - 1],

	.machine_core_size = machine_core_size,
	.machine_create = machine_create,
	.machine_destroy = machine_destroy,
	.machine_validate = machine_validate,
	.machine_look = machine_look,
	.machine_place = machine_place,
	.machine_counter = machine_counter,
	.machine_free_frames = machine_free_frames,
	.machine_memory = machine_memory,
	.machine_zone = machine_zone,
	.machine_fail_nth = machine_fail_nth,
	.machine_nr_allocations = machine_nr_allocations,

	.mm_create = mm_create,
	.fork = dup_mm,
	.mm_get = mm_get,
	.mm_put = mm_put,
	.mm_info = mm_info,
	.mm_set_user = mm_set_user,
	.mm_user = mm_user,
	.mm_set_limits = mm_set_limits,
	.mm_maps = mm_maps,
	.mm_smaps = mm_smaps,
	.mm_pagemap = mm_pagemap,

	.mmap = mm_mmap,
	.munmap = mm_munmap,
	.mprotect = mm_mprotect,
	.mremap = mm_mremap,
	.madvise = mm_madvise,
	.mlock = mm_mlock,
	.munlock = mm_munlock,
	.mlockall = mm_mlockall,
	.munlockall = mm_munlockall,
	.mincore = mm_mincore,
	.msync = mm_msync,
	.brk = mm_brk,

	.fault = mm_fault,
	.translate = tlb_translate,
	.load = tlb_load,
	.store = tlb_store,
	.copy_from_user = copy_from_user,
	.copy_to_user = copy_to_user,
	.strncpy_from_user = strncpy_from_user,

	.get_user_pages = get_user_pages,
	.get_user_pages_fast = get_user_pages_fast,
	.put_user_pages = put_user_pages,
	.folio_read = folio_read,
	.folio_write = folio_write,

	.mapping_create = mapping_create,
	.mapping_get = mapping_get,
	.mapping_put = mapping_put,
	.mapping_size = mapping_size,
	.mapping_read = mapping_read,
	.mapping_write = mapping_write,
	.mapping_update = mapping_update,
	.mapping_truncate = mapping_truncate,
	.mapping_punch_hole = mapping_punch_hole,
	.mapping_sync = mapping_sync,
	.mapping_users = mapping_users,

	.exec = exec_program,

	.migrate_range = migrate_range,
	.migrate_all = migrate_all,

	.guard_info = guard_info,
};
