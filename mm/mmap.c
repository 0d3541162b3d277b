// SPDX-License-Identifier: MIT
/*
 * mmap.c - new mappings
 *
 * Decoded first, as far as no lock is needed to judge; then, under mmap_lock for write, placed,
 * checked against the limits, reserved, and only then made.  A failed call has changed nothing, not
 * even what MAP_FIXED was to replace: the new VMA and the nodes of the tree are there before the
 * old range is zapped.
 *
 * Shared anonymous memory gets an object of its own (shmem.c) before anything changes; from then on it
 * is the mapping of a file.
 *
 * Not modelled yet: MAP_HUGETLB, MAP_SYNC, MAP_DROPPABLE.  Nobody has CAP_IPC_LOCK or CAP_SYS_RAWIO.
 *
 * Linux: mm/mmap.c (do_mmap, mmap_region), as of 6.12.
 */
#include "filemap.h"
#include "populate.h"
#include "vma.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* What mmap() has always ignored, so that MAP_SHARED_VALIDATE alone may refuse others. */
#define LEGACY_MAP_MASK                                                                            \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |   \
	 MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |    \
	 MAP_HUGETLB | MAP_32BIT)

/* No file is larger. */
#define MAX_LFS_FILESIZE ((unsigned long)INT64_MAX)

struct mmap_request {
	struct mm *mm;
	struct mapping *mapping; /* NULL: anonymous */
	bool writable;		 /* the file is open for writing */
	struct mapping *shmem;	 /* made for this mapping: a reference of ours */
	unsigned long addr;	 /* the hint, then the place */
	unsigned long len;	 /* bytes, whole pages */
	unsigned long pgoff;
	int prot, flags;
	unsigned long vm_flags;
};

static int mmap_check(struct mmap_request *request);
static int mmap_place(struct mmap_request *request);
static int mmap_limits(struct mmap_request *request);
static int mmap_kind(struct mmap_request *request);
static int mmap_region(struct mmap_request *request);

/* Linux's order of checks: the first that fails names the error. */
static int do_mmap(struct mmap_request *request)
{
	struct mm *mm = request->mm;
	int err;

	request->vm_flags |= mm->def_flags;
	/* Linux lets the count go one above the limit. */
	if (mm->map_count > mm->machine->max_map_count)
		return -ENOMEM;
	err = mmap_place(request);
	if (!err)
		err = mmap_limits(request);
	if (!err)
		err = mmap_kind(request);
	if (!err)
		err = mmap_region(request);
	if (request->shmem)
		mapping_put(request->shmem);
	return err;
}

long mm_mmap(struct mm *mm, const struct gw_mmap *args)
{
	struct mmap_request request = {
		.mm = mm,
		.mapping = args->mapping,
		.writable = args->writable,
		.addr = args->addr,
		.len = args->len,
		.pgoff = args->pgoff,
		.prot = args->prot,
		.flags = args->flags,
	};
	int err;

	err = mmap_check(&request);
	if (err)
		return err;
	mmap_write_lock(mm);
	err = do_mmap(&request);
	vm_commit_release(mm);
	mmap_write_unlock(mm);
	if (err)
		return err;
	if ((request.flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE ||
	    (request.vm_flags & VM_LOCKED))
		mm_populate(mm, request.addr, request.addr + request.len);
	return request.addr;
}

static unsigned long prot_flags(int prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0);
}

static int mmap_check(struct mmap_request *request)
{
	unsigned long min_addr = ALIGN_UP(request->mm->machine->mmap_min_addr, PAGE_SIZE);
	int flags = request->flags;

	if (!request->len)
		return -EINVAL;
	if (flags & MAP_FIXED_NOREPLACE)
		request->flags |= MAP_FIXED;
	if (!(request->flags & MAP_FIXED)) {
		request->addr = ALIGN_DOWN(request->addr, PAGE_SIZE);
		if (request->addr && request->addr < min_addr)
			request->addr = min_addr;
	}
	request->len = ALIGN_UP(request->len, PAGE_SIZE);
	if (!request->len)
		return -ENOMEM;
	if (request->pgoff + (request->len >> PAGE_SHIFT) < request->pgoff)
		return -EOVERFLOW;
	request->vm_flags = prot_flags(request->prot) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	if (flags & MAP_GROWSDOWN)
		request->vm_flags |= VM_GROWSDOWN;
	if (flags & MAP_LOCKED)
		request->vm_flags |= VM_LOCKED;
	return 0;
}

static int mmap_place(struct mmap_request *request)
{
	struct mm *mm = request->mm;
	long addr = get_unmapped_area(mm, request->addr, request->len, request->flags);

	if (addr < 0)
		return addr;
	request->addr = addr;
	if ((request->flags & MAP_FIXED_NOREPLACE) &&
	    vma_intersection(mm, request->addr, request->addr + request->len))
		return -EEXIST;
	return 0;
}

static int mmap_limits(struct mmap_request *request)
{
	struct mm *mm = request->mm;

	if ((request->flags & MAP_LOCKED) && !mm->limits.memlock)
		return -EPERM;
	if (!mlock_future_ok(mm, request->vm_flags, request->len >> PAGE_SHIFT))
		return -EAGAIN;
	return 0;
}

static int mmap_file_kind(struct mmap_request *request);
static int mmap_anonymous_kind(struct mmap_request *request);

static int mmap_kind(struct mmap_request *request)
{
	int err = request->mapping ? mmap_file_kind(request) : mmap_anonymous_kind(request);

	if (err)
		return err;
	if ((request->flags & MAP_NORESERVE) &&
	    request->mm->machine->overcommit_memory != OVERCOMMIT_NEVER)
		request->vm_flags |= VM_NORESERVE;
	/* Private memory that can be written is accounted; the flag keeps others from merging. */
	if ((request->vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE)
		request->vm_flags |= VM_ACCOUNT;
	return 0;
}

/* What is not open for writing can never be written through a shared mapping. */
static int mmap_shared_file(struct mmap_request *request)
{
	bool can_write = mapping_is_shmem(request->mapping) ||
			 mapping_tracks_dirty(request->mapping);

	if (request->writable && !can_write)
		return -ENODEV;
	if ((request->prot & PROT_WRITE) && !request->writable)
		return -EACCES;
	request->vm_flags |= VM_SHARED | VM_MAYSHARE;
	if (!request->writable)
		request->vm_flags &= ~(unsigned long)(VM_MAYWRITE | VM_SHARED);
	return 0;
}

static int mmap_file_kind(struct mmap_request *request)
{
	int err = 0;

	/* Linux: file_mmap_ok(). */
	if (request->pgoff > (MAX_LFS_FILESIZE - request->len) >> PAGE_SHIFT)
		return -EOVERFLOW;
	switch (request->flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (request->flags & ~(LEGACY_MAP_MASK | MAP_FIXED_NOREPLACE))
			return -EOPNOTSUPP;
		__attribute__((fallthrough));
	case MAP_SHARED:
		err = mmap_shared_file(request);
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (!err && (request->vm_flags & VM_GROWSDOWN))
		err = -EINVAL;
	return err;
}

static int mmap_anonymous_kind(struct mmap_request *request)
{
	switch (request->flags & MAP_TYPE) {
	case MAP_SHARED:
		if (request->vm_flags & VM_GROWSDOWN)
			return -EINVAL;
		request->vm_flags |= VM_SHARED | VM_MAYSHARE;
		request->pgoff = 0;
		return 0;
	case MAP_PRIVATE:
		request->pgoff = request->addr >> PAGE_SHIFT;
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- Making it ------------------------------------------------------------------------------------------ */

static struct vma *mmap_new_vma(const struct mmap_request *request)
{
	struct vma *vma = vma_alloc(request->mm);

	if (!vma)
		return NULL;
	vma->start = request->addr;
	vma->end = request->addr + request->len;
	vma->pgoff = request->pgoff;
	vma->flags = request->vm_flags;
	vma->mapping = request->mapping;
	if (vma->mapping)
		mapping_get(vma->mapping);
	vma->page_prot = vma_page_prot(vma, vma->flags);
	return vma;
}

static void report_mmap(const struct mmap_request *request)
{
	const struct gw_event event = {
		.kind = GW_EVENT_MMAP,
		.mm_id = request->mm->id,
		.addr = request->addr,
		.arg = { request->addr + request->len, request->vm_flags },
	};

	machine_event(request->mm->machine, &event);
}

/* The pages that are promised, but for @nr_replaced of those that go. */
static int mmap_charge(const struct mmap_request *request, unsigned long nr_replaced)
{
	if (!(request->vm_flags & VM_ACCOUNT))
		return 0;
	return vm_commit_reserve(request->mm, (request->len >> PAGE_SHIFT) - nr_replaced);
}

/* Nothing is in the way. */
static int mmap_free_region(const struct mmap_request *request)
{
	struct mm *mm = request->mm;
	struct vma *vma;
	int err;

	if (!may_expand_vm(mm, request->vm_flags, request->len >> PAGE_SHIFT) ||
	    mmap_charge(request, 0))
		return -ENOMEM;
	if (vma_merge_new(mm, request->addr, request->addr + request->len, request->vm_flags,
			  request->mapping, request->pgoff))
		return 0;
	vma = mmap_new_vma(request);
	if (!vma)
		return -ENOMEM;
	err = vma_insert(mm, vma);
	if (err)
		vma_free(vma);
	return err;
}

/*
 * Replace what is there.  The pages that go make room for those that come, but for RLIMIT_DATA,
 * where Linux counts only how many come.  The new VMA is linked to its file when the old tables are
 * gone.
 */
static int mmap_replace_region(const struct mmap_request *request)
{
	struct vma_munmap munmap = {
		.mm = request->mm,
		.start = request->addr,
		.end = request->addr + request->len,
	};
	struct vma *vma = mmap_new_vma(request);
	int err;

	if (!vma)
		return -ENOMEM;
	munmap.insert = vma;
	err = vma_munmap_reserve(&munmap);
	if (err)
		goto out_vma;
	err = -ENOMEM;
	if (!may_expand_vm(request->mm, request->vm_flags,
			   (request->len >> PAGE_SHIFT) - munmap.nr_pages) ||
	    mmap_charge(request, munmap.nr_accounted))
		goto out_cancel;
	do_munmap_reserved(&munmap);
	vma_link_rmap(vma);
	vma_merge_around(request->mm, vma);
	return 0;

out_cancel:
	vma_munmap_cancel(&munmap);
out_vma:
	vma_free(vma);
	return err;
}

/* The object of shared anonymous memory.  Linux: shmem_zero_setup(). */
static int mmap_shared_anonymous(struct mmap_request *request)
{
	int err;

	if (request->mapping || !(request->vm_flags & VM_SHARED))
		return 0;
	err = shmem_zero_setup(request->mm->machine, request->len,
			       request->vm_flags & VM_NORESERVE, &request->shmem);
	request->mapping = request->shmem;
	return err;
}

static int mmap_region(struct mmap_request *request)
{
	bool occupied = vma_intersection(request->mm, request->addr, request->addr + request->len);
	int err = mmap_shared_anonymous(request);

	if (!err)
		err = occupied ? mmap_replace_region(request) : mmap_free_region(request);
	if (!err)
		report_mmap(request);
	return err;
}
