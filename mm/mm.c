// SPDX-License-Identifier: MIT
/*
 * mm.c - the life of an address space
 *
 * Two counts, as in Linux: refcount is of its users, and the last of them takes the address space
 * down; count is of those who merely hold the structure, all users together being one of them.
 * An address space is on the machine's list from birth until the last user has gone, so that
 * migration meets those that exec is still building.
 *
 * Linux: kernel/fork.c (mm_init, mmput, mmgrab), mm/mmap.c (exit_mmap).
 */
#include "mm.h"

#include "memory.h"
#include "vma.h"

#include <errno.h>

#define STACK_GUARD_GAP_PAGES 256

static void mm_link(struct mm *mm)
{
	struct machine *machine = mm->machine;

	spin_lock(&machine->mms_lock);
	mm->id = ++machine->last_mm_id;
	list_add_tail(&mm->mms, &machine->mms);
	spin_unlock(&machine->mms_lock);
}

int mm_create(struct machine *machine, const struct gw_limits *limits, struct mm **result)
{
	struct mm *mm = machine_alloc(machine, KMEM_MM);
	int err;

	if (!mm)
		return -ENOMEM;
	*mm = (struct mm){
		.machine = machine,
		.task_size = machine->task_size,
		.mmap_base = machine->task_size,
		.stack_guard_gap = STACK_GUARD_GAP_PAGES << PAGE_SHIFT,
		.limits = *limits,
	};
	atomic_set(&mm->refcount, 1);
	atomic_set(&mm->count, 1);
	stock_init(&mm->stock);
	rwsem_init(&mm->mmap_lock, LOCK_MMAP);
	spin_lock_init(&mm->page_table_lock, LOCK_MM_TABLES);
	vma_tree_init(&mm->vmas, machine);
	mm->vmas.stock = &mm->stock;
	err = pgd_alloc(mm);
	if (err)
		goto out_free;
	if (machine->tlb_ops->mm_init) {
		err = machine->tlb_ops->mm_init(machine->tlb_host, mm);
		if (err)
			goto out_pgd;
	}
	mm_link(mm);
	*result = mm;
	return 0;

out_pgd:
	pgd_free(mm);
out_free:
	machine_free(machine, KMEM_MM, mm);
	return err;
}

void mm_get(struct mm *mm)
{
	atomic_inc(&mm->refcount);
}

void mm_put(struct mm *mm)
{
	struct machine *machine = mm->machine;

	if (!atomic_dec_and_test(&mm->refcount))
		return;
	exit_mmap(mm);
	spin_lock(&machine->mms_lock);
	list_del(&mm->mms);
	spin_unlock(&machine->mms_lock);
	mm_drop(mm);
}

void mm_grab(struct mm *mm)
{
	atomic_inc(&mm->count);
}

void mm_drop(struct mm *mm)
{
	struct machine *machine = mm->machine;

	if (!atomic_dec_and_test(&mm->count))
		return;
	if (machine->tlb_ops->mm_exit)
		machine->tlb_ops->mm_exit(machine->tlb_host, mm);
	pgd_free(mm);
	machine_free(machine, KMEM_MM, mm);
}

bool mm_get_not_zero(struct mm *mm)
{
	return atomic_inc_not_zero(&mm->refcount);
}

/* The first address space after @prev on the list that still has users. */
static struct mm *next_in_use(struct machine *machine, struct mm *prev)
{
	struct list_head *pos = prev ? prev->mms.next : machine->mms.next;

	for (; pos != &machine->mms; pos = pos->next) {
		struct mm *mm = list_entry(pos, struct mm, mms);

		if (mm_get_not_zero(mm))
			return mm;
	}
	return NULL;
}

struct mm *mm_next(struct machine *machine, struct mm *prev)
{
	struct mm *next;

	spin_lock(&machine->mms_lock);
	next = next_in_use(machine, prev);
	spin_unlock(&machine->mms_lock);
	if (prev)
		mm_put(prev); /* it stayed on the list because we used it */
	return next;
}

/*
 * Zap the entries first, then take the VMAs off rmap, then free their tables: an rmap walker must
 * never descend into a table that is gone (Linux,
 * Hugh Dickins, 2005: "unlink vma before pagetables").
 */
void exit_mmap(struct mm *mm)
{
	struct mmu_gather tlb;
	struct vma *vma, *next;

	mmap_write_lock(mm);
	mm->dying = true;
	tlb_gather_mmu(&tlb, mm);
	for_each_vma(mm, vma)
		unmap_page_range(&tlb, vma, vma->start, vma->end);
	tlb_flush_mmu(&tlb);
	for (vma = vma_find(mm, 0); vma; vma = next) {
		next = vma_next(mm, vma);
		vm_stat_account(mm, vma->flags, -(long)vma_pages(vma));
		mm->map_count--;
		vma_remove_rmap_and_free(vma);
	}
	free_pgd_range(&tlb, 0, mm->task_size, 0, 0);
	tlb_finish_mmu(&tlb);
	vma_tree_clear(&mm->vmas);
	vma_tree_fini(&mm->vmas);
	mmap_write_unlock(mm);
	ASSERT_MSG(mm->map_count == 0, "map_count %d", mm->map_count);
	ASSERT_MSG(mm->total_vm == 0, "total_vm %lu", mm->total_vm);
	ASSERT_MSG(mm->locked_vm == 0, "locked_vm %lu", mm->locked_vm);
	ASSERT_MSG(mm->commit_ahead == 0, "commit_ahead %ld", mm->commit_ahead);
	ASSERT_MSG(atomic_long_read(&mm->rss_anon) == 0, "rss_anon %ld",
		   atomic_long_read(&mm->rss_anon));
	ASSERT_MSG(atomic_long_read(&mm->rss_file) == 0, "rss_file %ld",
		   atomic_long_read(&mm->rss_file));
}

void mm_info(struct mm *mm, struct gw_mm_info *info)
{
	down_read(&mm->mmap_lock);
	*info = (struct gw_mm_info){
		.id = mm->id,
		.total_vm = mm->total_vm,
		.data_vm = mm->data_vm,
		.stack_vm = mm->stack_vm,
		.exec_vm = mm->exec_vm,
		.locked_vm = mm->locked_vm,
		.hiwater_vm = mm->hiwater_vm,
		.nr_tables = (unsigned long)atomic_long_read(&mm->nr_tables),
		.rss_anon = atomic_long_read(&mm->rss_anon),
		.rss_file = atomic_long_read(&mm->rss_file),
		.map_count = mm->map_count,
		.start_brk = mm->start_brk,
		.brk = mm->brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start,
		.arg_end = mm->arg_end,
		.env_start = mm->env_start,
		.env_end = mm->env_end,
	};
	up_read(&mm->mmap_lock);
}
