// SPDX-License-Identifier: MIT
/*
 * maps.c - what /proc/PID/maps shows
 *
 * Linux: fs/proc/task_mmu.c (show_map_vma).
 */
#include "filemap.h"
#include "vma.h"

static const char *vma_name(const struct mm *mm, const struct vma *vma)
{
	if (vma->mapping)
		return vma->mapping->info.name;
	if (vma->start < mm->brk && vma->end > mm->start_brk)
		return "[heap]";
	if (vma->start <= mm->start_stack && vma->end >= mm->start_stack)
		return "[stack]";
	return "";
}

void fill_maps_line(const struct mm *mm, const struct vma *vma, struct gw_maps_line *line)
{
	*line = (struct gw_maps_line){
		.start = vma->start,
		.end = vma->end,
		.name = vma_name(mm, vma),
	};
	line->perms[0] = vma->flags & VM_READ ? 'r' : '-';
	line->perms[1] = vma->flags & VM_WRITE ? 'w' : '-';
	line->perms[2] = vma->flags & VM_EXEC ? 'x' : '-';
	line->perms[3] = vma->flags & VM_MAYSHARE ? 's' : 'p';
	if (vma->mapping) {
		line->offset = (uint64_t)vma->pgoff << PAGE_SHIFT;
		line->dev = vma->mapping->info.dev;
		line->ino = vma->mapping->info.ino;
	}
}

void mm_maps(struct mm *mm, void (*line)(void *arg, const struct gw_maps_line *line), void *arg)
{
	struct gw_maps_line filled;
	const struct vma *vma;

	down_read(&mm->mmap_lock);
	for_each_vma(mm, vma) {
		fill_maps_line(mm, vma, &filled);
		line(arg, &filled);
	}
	up_read(&mm->mmap_lock);
}
