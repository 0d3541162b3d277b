/* SPDX-License-Identifier: MIT */
/*
 * host_pages.h - which pages of one address space its stub may have mapped, and how
 *
 * A page that is not recorded here is not mapped by the host; one that is recorded may be.  The
 * record also tells how many VMAs the host needs at most for all of them, since their number is
 * bounded (vm.max_map_count).  Not atomic: the caller brings a lock.
 */
#pragma once

#include "compiler.h"
#include "list.h"

#define HOST_PAGE_SHIFT 12
#define HOST_PAGE_SIZE	(1ul << HOST_PAGE_SHIFT)

#define HOST_REGION_SHIFT 21
#define HOST_REGION_SIZE  (1ul << HOST_REGION_SHIFT)
#define HOST_REGION_PAGES (1 << (HOST_REGION_SHIFT - HOST_PAGE_SHIFT))

/* A page's record: the frame and the rights of its mapping; 0: none. */
typedef uint32_t host_page_t;
#define HOST_PAGE_MAPPED    1u
#define HOST_PAGE_WRITE	    2u
#define HOST_PAGE_EXEC	    4u
#define HOST_PAGE_PFN_SHIFT 3
#define HOST_PAGE_PFN_MAX   (1ul << (32 - HOST_PAGE_PFN_SHIFT))

static inline host_page_t host_page(unsigned long pfn, bool write, bool exec)
{
	return (host_page_t)(pfn << HOST_PAGE_PFN_SHIFT) | HOST_PAGE_MAPPED |
	       (write ? HOST_PAGE_WRITE : 0) | (exec ? HOST_PAGE_EXEC : 0);
}

/* Is @next, at the following address, part of the same VMA of the host? */
static inline bool host_page_joins(host_page_t page, host_page_t next)
{
	return page && next == page + (1u << HOST_PAGE_PFN_SHIFT);
}

struct host_region {
	unsigned long base;
	int nr_pages, nr_vmas;	/* VMAs do not count as joined across regions */
	struct list_head order; /* by age */
	host_page_t pages[HOST_REGION_PAGES];
};

struct host_pages {
	void *root;		/* a radix tree of three levels, by address */
	struct list_head order; /* all regions, the oldest first */
	unsigned long nr_pages, nr_vmas;
};

void host_pages_init(struct host_pages *pages);
/* Forget everything. */
void host_pages_clear(struct host_pages *pages);

/* The region of @addr; made if need be, so that host_pages_set() finds it.  NULL: no memory. */
struct host_region *host_pages_reserve(struct host_pages *pages, unsigned long addr);
/* The first region with pages that ends after @addr and begins before @end, or NULL. */
struct host_region *host_pages_next(struct host_pages *pages, unsigned long addr,
				    unsigned long end);
/* Forget a region and its pages. */
void host_pages_drop(struct host_pages *pages, struct host_region *region);

static inline int host_page_index(unsigned long addr)
{
	return (int)(addr >> HOST_PAGE_SHIFT & (HOST_REGION_PAGES - 1));
}

void host_pages_set(struct host_pages *pages, struct host_region *region, int index,
		    host_page_t page);
