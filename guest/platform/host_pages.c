// SPDX-License-Identifier: MIT
/*
 * host_pages.c - which pages of one address space its stub may have mapped, and how
 *
 * A radix tree like a page table's upper levels, whose leaves are regions of 2 MiB: programs touch
 * few regions, and a flush of a wide range must pass over the empty ones quickly.
 *
 * The count of VMAs is exact within a region and assumes a boundary between any two: at most one
 * too many per region.
 */
#include "host_pages.h"

#include <stdlib.h>

#define FANOUT_SHIFT 9
#define FANOUT	     (1 << FANOUT_SHIFT)
#define LEVELS	     3 /* 3 * 9 + 21 = 48 bits of address */

struct node {
	void *slots[FANOUT];
};

static unsigned int slot_shift(int level)
{
	return HOST_REGION_SHIFT + FANOUT_SHIFT * (unsigned int)(level - 1);
}

static void **slot_of(struct node *node, int level, unsigned long addr)
{
	return &node->slots[addr >> slot_shift(level) & (FANOUT - 1)];
}

void host_pages_init(struct host_pages *pages)
{
	*pages = (struct host_pages){ .root = NULL };
	list_init(&pages->order);
}

static void free_tables(void *entry, int level)
{
	struct node *node = entry;

	if (!entry)
		return;
	for (int i = 0; level && i < FANOUT; i++)
		free_tables(node->slots[i], level - 1);
	free(entry);
}

void host_pages_clear(struct host_pages *pages)
{
	free_tables(pages->root, LEVELS);
	host_pages_init(pages);
}

static struct host_region *new_region(struct host_pages *pages, unsigned long addr)
{
	struct host_region *region = calloc(1, sizeof(*region));

	if (!region)
		return NULL;
	region->base = ALIGN_DOWN(addr, HOST_REGION_SIZE);
	list_add_tail(&region->order, &pages->order);
	return region;
}

struct host_region *host_pages_reserve(struct host_pages *pages, unsigned long addr)
{
	void **slot = &pages->root;

	for (int level = LEVELS; level > 0; level--) {
		if (!*slot)
			*slot = calloc(1, sizeof(struct node));
		if (!*slot)
			return NULL;
		slot = slot_of(*slot, level, addr);
	}
	if (!*slot)
		*slot = new_region(pages, addr);
	return *slot;
}

struct host_region *host_pages_next(struct host_pages *pages, unsigned long addr, unsigned long end)
{
	while (addr < end) {
		void *entry = pages->root;
		int level = LEVELS;

		while (entry && level > 0) {
			entry = *slot_of(entry, level, addr);
			level--;
		}
		if (entry && ((struct host_region *)entry)->nr_pages)
			return entry;
		/* Nothing below this slot: on to the next one. */
		addr = ALIGN_DOWN(addr, 1ul << slot_shift(level + 1)) +
		       (1ul << slot_shift(level + 1));
	}
	return NULL;
}

void host_pages_drop(struct host_pages *pages, struct host_region *region)
{
	struct node *node = pages->root;

	for (int level = LEVELS; level > 1; level--)
		node = *slot_of(node, level, region->base);
	*slot_of(node, 1, region->base) = NULL;
	pages->nr_pages -= (unsigned long)region->nr_pages;
	pages->nr_vmas -= (unsigned long)region->nr_vmas;
	list_del(&region->order);
	free(region);
}

/* VMAs that begin at @index, or right after it: what a change of @index can alter. */
static int vmas_around(const struct host_region *region, int index)
{
	host_page_t page = region->pages[index];
	host_page_t before = index > 0 ? region->pages[index - 1] : 0;
	host_page_t after = index < HOST_REGION_PAGES - 1 ? region->pages[index + 1] : 0;
	int begins = page && !host_page_joins(before, page);
	int next_begins = after && !host_page_joins(page, after);

	return begins + next_begins;
}

void host_pages_set(struct host_pages *pages, struct host_region *region, int index,
		    host_page_t page)
{
	int vmas = -vmas_around(region, index);
	int nr = !!page - !!region->pages[index];

	region->pages[index] = page;
	vmas += vmas_around(region, index);
	region->nr_vmas += vmas;
	region->nr_pages += nr;
	pages->nr_vmas += (unsigned long)vmas;
	pages->nr_pages += (unsigned long)nr;
}
