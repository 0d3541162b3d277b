/* SPDX-License-Identifier: MIT */
/*
 * page_alloc.h - zones and the buddy allocator
 *
 * A zone is a run of frames of one node and one use: the frames that guests map, or the core's
 * own.  Each zone keeps free blocks by order and migrate type; single frames come from lists per
 * virtual CPU, refilled and drained in batches, last freed first.
 *
 * Blocks and pageblocks are aligned to the start of their zone; nodes whose size is a multiple of
 * the largest block have them aligned to the frame number as well.
 *
 * Linux: mm/page_alloc.c.
 */
#pragma once

#include "folio.h"

#define MAX_ORDER	GW_MAX_ORDER /* the largest block: 2^10 frames */
#define PAGEBLOCK_ORDER 9

enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	NR_MIGRATETYPES,
};

enum zone_kind {
	ZONE_GUEST, /* frames [0, nr_frames): what a guest may map */
	ZONE_CORE,  /* frames beyond: page tables and structures */
};

enum gfp {
	GFP_CORE,    /* page tables, slabs: from ZONE_CORE, unmovable */
	GFP_MOVABLE, /* anonymous and file pages: from ZONE_GUEST */
};

struct free_area {
	struct list_head lists[NR_MIGRATETYPES];
	unsigned long nr_free; /* blocks */
};

/*
 * (z) lock
 * (c) constant
 */
struct zone {
	struct spinlock lock;
	enum zone_kind kind;	      /* (c) */
	int node;		      /* (c) */
	unsigned long start_pfn;      /* (c) */
	unsigned long end_pfn;	      /* (c) exclusive */
	unsigned long nr_free;	      /* (z) frames in free_areas, per-CPU lists not included */
	unsigned long watermark_min;  /* (c) movable requests stop here */
	unsigned long watermark_low;  /* (c) */
	unsigned long watermark_high; /* (c) */
	struct free_area free_areas[MAX_ORDER + 1]; /* (z) */
	unsigned char *pageblock_types;		    /* (z) enum migratetype by pageblock */
	struct list_head quarantine;  /* (z) frames that nobody gets: machine->quarantine */
	int pcp_batch;	      /* (c) frames moved at once between a CPU's list and the zone */
	int pcp_high;	      /* (c) a list longer than this is drained by a batch */
	struct per_cpu_pages {
		struct spinlock lock; /* LOCK_PCP */
		int count;
		struct list_head list;
	} pcp[GW_MAX_CPUS];
};

/* Set up @zone over [@start_pfn, @end_pfn), all frames in use; free_frame_range() gives them. */
void zone_init(struct machine *machine, struct zone *zone, enum zone_kind kind, int node,
	       unsigned long start_pfn, unsigned long end_pfn, unsigned char *pageblock_types);
/* Bytes for the @pageblock_types of a zone of @nr_frames. */
size_t zone_pageblock_bytes(unsigned long nr_frames);
void zone_free_range(struct machine *machine, struct zone *zone, unsigned long start_pfn,
		     unsigned long end_pfn);

/*
 * A frame with reference count 1, contents undefined, from @node or, when it is full, from the
 * others in order of distance; GW_NODE_ANY starts at the running CPU's node.
 * => NULL when no zone of the wanted kind has one, or fault injection says so
 * => may sleep is not needed: callable under a mutex or rwsem, never under a spinlock
 */
#define GW_NODE_ANY (-1)
struct folio *folio_alloc(struct machine *machine, enum gfp gfp, int node) __must_check;
/* A block of 2^@order frames, each with reference count 1; for slabs and contiguous users. */
struct folio *folios_alloc(struct machine *machine, enum gfp gfp, int node, int order) __must_check;
/* Give a frame back whose last reference is gone; folio_put() calls it. */
void folio_free(struct machine *machine, struct folio *folio);
/* Give back a block from folios_alloc(). */
void folios_free(struct machine *machine, struct folio *folio, int order);

/* Let the frames in quarantine be handed out again. */
void release_quarantine(struct machine *machine);
/* Move every frame of the per-CPU lists back to the zones. */
void drain_all_pages(struct machine *machine);
/* Frames free in zones of @kind, per-CPU lists included. */
unsigned long nr_free_frames(const struct machine *machine, enum zone_kind kind);

/*
 * Recount @zone: free lists against PG_buddy and order, no block twice, no buddies unmerged,
 * counters.  Calls @problem for each disagreement.
 */
void zone_validate(struct machine *machine, struct zone *zone,
		   void (*problem)(void *arg, const char *fmt, ...), void *arg);
