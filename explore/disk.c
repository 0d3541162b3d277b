// SPDX-License-Identifier: MIT
/*
 * disk.c - files of scenarios that are written back to
 *
 * What is on the disk is put back before each execution like all of world->data.  The order in which
 * tasks read and write it matters, and only steps of the back-end have an order that is explored: so
 * each access is under a lock of the disk's own.
 */
#include "scenario.h"

#include <errno.h>
#include <string.h>

/* Bytes of the page at @pgoff of a file that ends at @end. */
static size_t bytes_of_page(unsigned long pgoff, size_t end)
{
	size_t start = pgoff << GW_PAGE_SHIFT;

	return start < end ? min(end - start, GW_PAGE_SIZE) : 0;
}

static int disk_read_page(void *file, unsigned long pgoff, void *to)
{
	struct disk *disk = file;
	size_t len;

	spin_lock(&disk->lock);
	len = bytes_of_page(pgoff, disk->size);
	memcpy(to, disk->bytes + (pgoff << GW_PAGE_SHIFT), len);
	spin_unlock(&disk->lock);
	memset((char *)to + len, 0, GW_PAGE_SIZE - len);
	return 0;
}

/* A page that is written beyond the end makes the file longer, as on any disk. */
static int disk_write_page(void *file, unsigned long pgoff, const void *from, size_t len)
{
	struct disk *disk = file;
	size_t end = (pgoff << GW_PAGE_SHIFT) + len;

	if (end > disk->room)
		return -ENOSPC;
	spin_lock(&disk->lock);
	memcpy(disk->bytes + (pgoff << GW_PAGE_SHIFT), from, len);
	disk->size = max(disk->size, end);
	spin_unlock(&disk->lock);
	return 0;
}

static int disk_set_size(void *file, uint64_t size)
{
	struct disk *disk = file;

	if (size > disk->room)
		return -ENOSPC;
	spin_lock(&disk->lock);
	if (size < disk->size)
		memset(disk->bytes + size, 0, disk->size - size);
	disk->size = size;
	spin_unlock(&disk->lock);
	return 0;
}

static int disk_punch_hole(void *file, uint64_t offset, uint64_t len)
{
	struct disk *disk = file;

	spin_lock(&disk->lock);
	if (offset < disk->size)
		memset(disk->bytes + offset, 0, min(len, disk->size - offset));
	spin_unlock(&disk->lock);
	return 0;
}

uint64_t disk_word(struct disk *disk, size_t offset)
{
	uint64_t word = 0;

	spin_lock(&disk->lock);
	if (offset < disk->size)
		memcpy(&word, disk->bytes + offset, min(sizeof(word), disk->size - offset));
	spin_unlock(&disk->lock);
	return word;
}

int disk_map(struct world *world, struct disk *disk, const struct memory_file *file,
	     const char *name, struct mapping **mapping)
{
	static const struct gw_mapping_ops ops = {
		.read_page = disk_read_page,
		.write_page = disk_write_page,
		.set_size = disk_set_size,
		.punch_hole = disk_punch_hole,
	};
	const struct gw_mapping_info info = {
		.ops = &ops, .file = disk, .size = file->size, .name = name
	};

	spin_lock_init(&disk->lock, LOCK_DISK);
	disk->size = file->size;
	memcpy(disk->bytes, file->bytes, file->size);
	return world->core->mapping_create(world->machine, &info, mapping);
}

int shared_memory_create(struct world *world, size_t size, const char *name,
			 struct mapping **mapping)
{
	const struct gw_mapping_info info = { .size = size, .name = name };

	return world->core->mapping_create(world->machine, &info, mapping);
}
