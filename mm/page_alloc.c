// SPDX-License-Identifier: MIT
/*
 * page_alloc.c - zones and the buddy allocator
 *
 * A zone's free frames form blocks of 2^order frames, each aligned to its size, on a list by order
 * and migrate type.  A block is described by its first frame alone (PG_buddy, folio->order); when a
 * block is freed and its neighbour of the same size, its buddy, is free too, the two become one.
 * Splitting hands out the lower half first, so that consecutive requests get consecutive frames:
 * the runner can then map neighbouring pages with one host mapping.
 *
 * Single frames go through a list per virtual CPU and zone, last freed first, which is refilled
 * from the zone and drained into it by the batch.  A request that finds nothing drains the lists of
 * all CPUs and tries once more, so that one CPU cannot starve another.
 *
 * Invariants: two buddies are never both free at one order; a free frame is in exactly one block or
 * on exactly one CPU's list, and has no reference; zone->nr_free counts the blocks' frames.
 *
 * Locks: pcp->lock, then zone->lock.  A folio on its way in or out, on no list, is the caller's.
 * Linux: mm/page_alloc.c.  One list per CPU suffices here, as a zone serves one kind of request.
 */
#include "page_alloc.h"

#include "block.h"
#include "machine.h"

/* A cache line: migration touches one of a scattered frame, not two. */
BUILD_ASSERT(sizeof(struct folio) <= 64);

/* Below this a zone is an explored or a test machine: no reserve, and hardly any per-CPU stock. */
#define TINY_ZONE_FRAMES 1024

#define PCP_BATCH_MAX	 63
#define PCP_HIGH_BATCHES 6
#define PCP_HIGH_MAX	 2048 /* frames: migration takes and gives back a batch of 512 at a time */
#define PCP_HIGH_SHARE	 32

#define POISON_FREE 0xdb

/* Flags that nobody may leave set on a folio that is freed. */
#define FLAGS_CHECK_AT_FREE                                                                        \
	(1 << PG_locked | 1 << PG_lru | 1 << PG_table | 1 << PG_slab | 1 << PG_reserved |          \
	 1 << PG_buddy | 1 << PG_pcp | 1 << PG_quarantine)

/* ---- Setting up ----------------------------------------------------------------------------------- */

size_t zone_pageblock_bytes(unsigned long nr_frames)
{
	return (nr_frames + (1ul << PAGEBLOCK_ORDER) - 1) >> PAGEBLOCK_ORDER;
}

static unsigned long integer_sqrt(unsigned long n)
{
	unsigned long root = 0;

	for (unsigned long bit = 1ul << 31; bit; bit >>= 1) {
		if ((root + bit) * (root + bit) <= n)
			root += bit;
	}
	return root;
}

/* Linux: init_per_zone_wmark_min(), min_free_kbytes = sqrt(16 * kilobytes). */
static void zone_init_watermarks(struct zone *zone)
{
	unsigned long nr_frames = zone->end_pfn - zone->start_pfn;
	unsigned long kilobytes = nr_frames << (GW_PAGE_SHIFT - 10);

	if (nr_frames < TINY_ZONE_FRAMES)
		return;
	zone->watermark_min = integer_sqrt(16 * kilobytes) >> (GW_PAGE_SHIFT - 10);
	zone->watermark_low = zone->watermark_min + zone->watermark_min / 4;
	zone->watermark_high = zone->watermark_min + zone->watermark_min / 2;
}

static void zone_init_pcp(struct zone *zone)
{
	unsigned long nr_frames = zone->end_pfn - zone->start_pfn;

	if (nr_frames < TINY_ZONE_FRAMES)
		zone->pcp_batch = (int)min(nr_frames / 16 + 1, 4ul);
	else
		zone->pcp_batch = (int)min(nr_frames / TINY_ZONE_FRAMES + 15, (unsigned long)PCP_BATCH_MAX);
	zone->pcp_high = (int)max(min(nr_frames / PCP_HIGH_SHARE, (unsigned long)PCP_HIGH_MAX),
				  (unsigned long)(PCP_HIGH_BATCHES * zone->pcp_batch));
	for (int cpu = 0; cpu < GW_MAX_CPUS; cpu++) {
		spin_lock_init(&zone->pcp[cpu].lock, LOCK_PCP);
		list_init(&zone->pcp[cpu].list);
		zone->pcp[cpu].count = 0;
	}
}

static enum migratetype zone_migratetype(const struct zone *zone)
{
	return zone->kind == ZONE_CORE ? MIGRATE_UNMOVABLE : MIGRATE_MOVABLE;
}

static unsigned char zone_index(const struct machine *machine, const struct zone *zone)
{
	return (unsigned char)(zone - machine->zones);
}

void zone_init(struct machine *machine, struct zone *zone, enum zone_kind kind, int node,
	       unsigned long start_pfn, unsigned long end_pfn, unsigned char *pageblock_types)
{
	ASSERT(start_pfn < end_pfn && end_pfn <= machine->nr_frames);
	*zone = (struct zone){
		.kind = kind,
		.node = node,
		.start_pfn = start_pfn,
		.end_pfn = end_pfn,
		.pageblock_types = pageblock_types,
	};
	spin_lock_init(&zone->lock, LOCK_ZONE);
	list_init(&zone->quarantine);
	for (int order = 0; order <= MAX_ORDER; order++) {
		for (int type = 0; type < NR_MIGRATETYPES; type++)
			list_init(&zone->free_areas[order].lists[type]);
	}
	block_fill(pageblock_types, (unsigned char)zone_migratetype(zone),
		   zone_pageblock_bytes(end_pfn - start_pfn));
	zone_init_watermarks(zone);
	zone_init_pcp(zone);
	for (unsigned long pfn = start_pfn; pfn < end_pfn; pfn++) {
		struct folio *folio = &machine->folios[pfn];

		*folio = (struct folio){
			.node = (unsigned char)node,
			.zone = zone_index(machine, zone),
		};
		atomic_set(&folio->refcount, 1);
	}
}

/* ---- Blocks: under zone->lock --------------------------------------------------------------------- */

static unsigned char *pageblock_type(struct zone *zone, unsigned long pfn)
{
	return &zone->pageblock_types[(pfn - zone->start_pfn) >> PAGEBLOCK_ORDER];
}

static void add_to_free_list(struct zone *zone, struct folio *folio, int order,
			     enum migratetype type)
{
	folio->order = (unsigned char)order;
	folio->migratetype = (unsigned char)type;
	atomic_set(&folio->flags, atomic_read(&folio->flags) | 1 << PG_buddy);
	list_add(&folio->lru, &zone->free_areas[order].lists[type]);
	zone->free_areas[order].nr_free++;
}

static void del_from_free_list(struct zone *zone, struct folio *folio, int order)
{
	list_del(&folio->lru);
	atomic_set(&folio->flags, atomic_read(&folio->flags) & ~(1 << PG_buddy));
	folio->order = 0;
	zone->free_areas[order].nr_free--;
}

/* Split @folio, a block of order @have on no list, down to @want; the upper halves become free. */
static void expand(struct zone *zone, struct folio *folio, int want, int have,
		   enum migratetype type)
{
	while (have > want) {
		have--;
		add_to_free_list(zone, folio + (1ul << have), have, type);
	}
}

/* The smallest block of @type that holds @order, cut to size.  Linux: __rmqueue_smallest(). */
static struct folio *rmqueue_smallest(struct zone *zone, int order, enum migratetype type)
{
	for (int have = order; have <= MAX_ORDER; have++) {
		struct list_head *list = &zone->free_areas[have].lists[type];
		struct folio *folio;

		if (list_empty(list))
			continue;
		folio = list_first_entry(list, struct folio, lru);
		del_from_free_list(zone, folio, have);
		expand(zone, folio, order, have, type);
		return folio;
	}
	return NULL;
}

static struct folio *rmqueue(struct zone *zone, int order, enum migratetype type)
{
	struct folio *folio = rmqueue_smallest(zone, order, type);

	if (folio)
		zone->nr_free -= 1ul << order;
	return folio;
}

/* The free block of order @order that can merge with the one at @pfn, or NULL. */
static struct folio *find_buddy(struct machine *machine, struct zone *zone, unsigned long pfn,
				int order)
{
	unsigned long buddy_pfn = zone->start_pfn + ((pfn - zone->start_pfn) ^ (1ul << order));
	struct folio *buddy;

	if (buddy_pfn + (1ul << order) > zone->end_pfn)
		return NULL;
	buddy = &machine->folios[buddy_pfn];
	return folio_test(buddy, PG_buddy) && buddy->order == order ? buddy : NULL;
}

/* Linux: __free_one_page(). */
static void free_block(struct machine *machine, struct zone *zone, unsigned long pfn, int order)
{
	struct folio *buddy;

	zone->nr_free += 1ul << order;
	while (order < MAX_ORDER && (buddy = find_buddy(machine, zone, pfn, order))) {
		del_from_free_list(zone, buddy, order);
		pfn = min(pfn, folio_pfn(machine, buddy));
		order++;
	}
	add_to_free_list(zone, &machine->folios[pfn], order, *pageblock_type(zone, pfn));
}

void zone_free_range(struct machine *machine, struct zone *zone, unsigned long start_pfn,
		     unsigned long end_pfn)
{
	ASSERT(start_pfn >= zone->start_pfn && end_pfn <= zone->end_pfn);
	for (unsigned long pfn = start_pfn; pfn < end_pfn; pfn++) {
		struct folio *folio = &machine->folios[pfn];

		atomic_set(&folio->refcount, 0);
		memory_taken_back(folio_address(machine, folio), GW_PAGE_SIZE);
	}

	spin_lock(&zone->lock);
	/* Downwards, so that the blocks at low frames are handed out first. */
	while (end_pfn > start_pfn) {
		unsigned long offset = end_pfn - zone->start_pfn;
		int order = min(__builtin_ctzl(offset), MAX_ORDER);

		while (end_pfn - start_pfn < 1ul << order)
			order--;
		end_pfn -= 1ul << order;
		free_block(machine, zone, end_pfn, order);
	}
	spin_unlock(&zone->lock);
}

/* ---- Folios on their way out and in: on no list, nobody else's ------------------------------------- */

static void check_poison(struct machine *machine, struct folio *folio)
{
	const unsigned char *contents = folio_address(machine, folio);
	size_t offset = 0;

	if (likely(block_is_filled(contents, POISON_FREE, GW_PAGE_SIZE)))
		return;
	while (contents[offset] == POISON_FREE)
		offset++;
	panic("frame %lu was written while it was free: byte %zu is 0x%02x, not 0x%02x",
	      folio_pfn(machine, folio), offset, contents[offset], POISON_FREE);
}

static void prep_new_folio(struct machine *machine, struct folio *folio)
{
	int flags = atomic_read(&folio->flags);

	ASSERT_MSG(!(flags & FLAGS_CHECK_AT_FREE), "frame %lu, flags 0x%x",
		   folio_pfn(machine, folio), (unsigned int)flags);
	/* Put once too often, or held by somebody who has no right to. */
	ASSERT_MSG(folio_ref_count(folio) == 0, "frame %lu is free with %d references",
		   folio_pfn(machine, folio), folio_ref_count(folio));
	memory_handed_out(folio_address(machine, folio), GW_PAGE_SIZE, NULL);
	if (flags & 1 << PG_poisoned)
		check_poison(machine, folio);
	folio->index = 0;
	atomic_set(&folio->flags, 0);
	atomic_set(&folio->refcount, 1);
}

/* What must hold of a frame that nobody refers to any more.  Linux: free_pages_prepare(). */
static void free_folio_prepare(struct machine *machine, struct folio *folio)
{
	unsigned long pfn = folio_pfn(machine, folio);
	int flags = atomic_read(&folio->flags);

	ASSERT_MSG(folio_ref_count(folio) == 0, "frame %lu has %d references", pfn,
		   folio_ref_count(folio));
	ASSERT_MSG(folio_mapcount(folio) == 0, "frame %lu is mapped %d times", pfn,
		   folio_mapcount(folio));
	ASSERT_MSG(!(flags & FLAGS_CHECK_AT_FREE), "frame %lu, flags 0x%x", pfn,
		   (unsigned int)flags);
	/* An anonymous folio keeps its anon_vma until here; a file's has been taken off its file. */
	if (folio_anon(folio))
		WRITE_ONCE(folio->mapping, 0);
	ASSERT_MSG(!folio->mapping, "frame %lu is still in a file's page cache", pfn);

	flags = 0;
	if (pfn < machine->nr_guest_frames) {
		tlb_assert_unused(machine, pfn);
		if (machine->poison) {
			block_fill(folio_address(machine, folio), POISON_FREE, GW_PAGE_SIZE);
			flags = 1 << PG_poisoned;
		}
	}
	atomic_set(&folio->flags, flags);
	memory_taken_back(folio_address(machine, folio), GW_PAGE_SIZE);
}

/* ---- Quarantine -------------------------------------------------------------------------------------- */

/*
 * The core's own frames, page tables above all, stay out of use once freed, so that whoever still
 * uses one is seen.  Frames of guests do not: that one is soon another's page is what races are about.
 */
static bool quarantine(struct machine *machine, struct zone *zone, struct folio *folio)
{
	if (likely(!machine->quarantine) || zone->kind != ZONE_CORE)
		return false;
	spin_lock(&zone->lock);
	atomic_set(&folio->flags, atomic_read(&folio->flags) | 1 << PG_quarantine);
	list_add_tail(&folio->lru, &zone->quarantine);
	spin_unlock(&zone->lock);
	return true;
}

void release_quarantine(struct machine *machine)
{
	struct zone *zone = &machine->zones[machine->nr_zones - 1];

	spin_lock(&zone->lock);
	while (!list_empty(&zone->quarantine)) {
		struct folio *folio = list_first_entry(&zone->quarantine, struct folio, lru);

		list_del(&folio->lru);
		atomic_set(&folio->flags, atomic_read(&folio->flags) & ~(1 << PG_quarantine));
		free_block(machine, zone, folio_pfn(machine, folio), 0);
	}
	spin_unlock(&zone->lock);
}

/* ---- Per-CPU lists ---------------------------------------------------------------------------------- */

/*
 * Append up to a batch in the order in which the zone hands frames out, which is upwards within a
 * block; the list is taken from at its head.  Movable requests leave the reserve alone.
 */
static void pcp_refill(struct zone *zone, struct per_cpu_pages *pcp)
{
	unsigned long reserve = zone->kind == ZONE_GUEST ? zone->watermark_min : 0;

	spin_lock(&zone->lock);
	for (int i = 0; i < zone->pcp_batch && zone->nr_free > reserve; i++) {
		struct folio *folio = rmqueue(zone, 0, zone_migratetype(zone));

		atomic_set(&folio->flags, atomic_read(&folio->flags) | 1 << PG_pcp);
		list_add_tail(&folio->lru, &pcp->list);
		pcp->count++;
	}
	spin_unlock(&zone->lock);
}

/* Give the @nr frames that were freed longest ago back to the zone. */
static void pcp_drain(struct machine *machine, struct zone *zone, struct per_cpu_pages *pcp, int nr)
{
	spin_lock(&zone->lock);
	for (; nr > 0 && pcp->count > 0; nr--) {
		struct folio *folio = list_last_entry(&pcp->list, struct folio, lru);

		list_del(&folio->lru);
		pcp->count--;
		atomic_set(&folio->flags, atomic_read(&folio->flags) & ~(1 << PG_pcp));
		free_block(machine, zone, folio_pfn(machine, folio), 0);
	}
	spin_unlock(&zone->lock);
}

static struct folio *pcp_alloc(struct zone *zone)
{
	struct per_cpu_pages *pcp = &zone->pcp[task_cpu()];
	struct folio *folio = NULL;

	spin_lock(&pcp->lock);
	if (!pcp->count)
		pcp_refill(zone, pcp);
	if (pcp->count) {
		folio = list_first_entry(&pcp->list, struct folio, lru);
		list_del(&folio->lru);
		pcp->count--;
		atomic_set(&folio->flags, atomic_read(&folio->flags) & ~(1 << PG_pcp));
	}
	spin_unlock(&pcp->lock);
	return folio;
}

static void pcp_free(struct machine *machine, struct zone *zone, struct folio *folio)
{
	struct per_cpu_pages *pcp = &zone->pcp[task_cpu()];

	spin_lock(&pcp->lock);
	atomic_set(&folio->flags, atomic_read(&folio->flags) | 1 << PG_pcp);
	list_add(&folio->lru, &pcp->list);
	if (++pcp->count > zone->pcp_high)
		pcp_drain(machine, zone, pcp, zone->pcp_batch);
	spin_unlock(&pcp->lock);
}

void drain_all_pages(struct machine *machine)
{
	for (int i = 0; i < machine->nr_zones; i++) {
		struct zone *zone = &machine->zones[i];

		for (int cpu = 0; cpu < machine->nr_cpus; cpu++) {
			struct per_cpu_pages *pcp = &zone->pcp[cpu];

			spin_lock(&pcp->lock);
			pcp_drain(machine, zone, pcp, pcp->count);
			spin_unlock(&pcp->lock);
		}
	}
}

/* ---- Which zones to ask ------------------------------------------------------------------------------- */

/* CPUs are dealt to nodes in equal runs. */
static int cpu_node(const struct machine *machine, int cpu)
{
	return cpu * machine->nr_nodes / machine->nr_cpus;
}

static struct zone *guest_zone(struct machine *machine, int node)
{
	for (int i = 0; i < machine->nr_zones - 1; i++) {
		if (machine->zones[i].node == node)
			return &machine->zones[i];
	}
	return NULL;
}

/* A block of the zone's own, past the per-CPU lists. */
static struct folio *zone_alloc_block(struct zone *zone, int order)
{
	unsigned long reserve = zone->kind == ZONE_GUEST ? zone->watermark_min : 0;
	struct folio *folio = NULL;

	spin_lock(&zone->lock);
	if (zone->nr_free >= reserve + (1ul << order))
		folio = rmqueue(zone, order, zone_migratetype(zone));
	spin_unlock(&zone->lock);
	return folio;
}

static struct folio *zone_alloc(struct zone *zone, int order)
{
	if (!zone)
		return NULL;
	return order ? zone_alloc_block(zone, order) : pcp_alloc(zone);
}

/* The wanted node first, then the others by their distance in number, the lower one first. */
static struct folio *alloc_from_zones(struct machine *machine, enum gfp gfp, int node, int order)
{
	struct folio *folio;

	if (gfp == GFP_CORE)
		return zone_alloc(&machine->zones[machine->nr_zones - 1], order);
	if (node == GW_NODE_ANY)
		node = cpu_node(machine, task_cpu());
	folio = zone_alloc(guest_zone(machine, node), order);
	for (int distance = 1; !folio && distance < machine->nr_nodes; distance++) {
		folio = zone_alloc(guest_zone(machine, node - distance), order);
		if (!folio)
			folio = zone_alloc(guest_zone(machine, node + distance), order);
	}
	return folio;
}

/* ---- The interface ------------------------------------------------------------------------------------ */

struct folio *folios_alloc(struct machine *machine, enum gfp gfp, int node, int order)
{
	struct folio *folio;

	ASSERT(order >= 0 && order <= MAX_ORDER);
	ASSERT(node >= GW_NODE_ANY && node < machine->nr_nodes);
	if (machine_should_fail(machine))
		return NULL;
	folio = alloc_from_zones(machine, gfp, node, order);
	if (unlikely(!folio)) {
		/* What a storm of unmapping has freed may still wait for its grace period. */
		if (gfp == GFP_CORE)
			rcu_barrier();
		release_quarantine(machine);
		drain_all_pages(machine);
		folio = alloc_from_zones(machine, gfp, node, order);
	}
	if (!folio)
		return NULL;
	for (unsigned long i = 0; i < 1ul << order; i++)
		prep_new_folio(machine, folio + i);
	count_events(machine, pgalloc, 1l << order);
	return folio;
}

struct folio *folio_alloc(struct machine *machine, enum gfp gfp, int node)
{
	return folios_alloc(machine, gfp, node, 0);
}

void folio_free(struct machine *machine, struct folio *folio)
{
	struct zone *zone = &machine->zones[folio->zone];

	free_folio_prepare(machine, folio);
	count_event(machine, pgfree);
	if (!quarantine(machine, zone, folio))
		pcp_free(machine, zone, folio);
}

void folios_free(struct machine *machine, struct folio *folio, int order)
{
	struct zone *zone = &machine->zones[folio->zone];

	for (unsigned long i = 0; i < 1ul << order; i++) {
		ASSERT(atomic_dec_and_test(&folio[i].refcount));
		free_folio_prepare(machine, &folio[i]);
	}
	count_events(machine, pgfree, 1l << order);
	if (order == 0) {
		pcp_free(machine, zone, folio);
		return;
	}
	spin_lock(&zone->lock);
	free_block(machine, zone, folio_pfn(machine, folio), order);
	spin_unlock(&zone->lock);
}

unsigned long nr_free_frames(const struct machine *machine, enum zone_kind kind)
{
	unsigned long nr = 0;

	for (int i = 0; i < machine->nr_zones; i++) {
		const struct zone *zone = &machine->zones[i];

		if (zone->kind != kind)
			continue;
		nr += READ_ONCE(zone->nr_free);
		for (int cpu = 0; cpu < machine->nr_cpus; cpu++)
			nr += (unsigned long)READ_ONCE(zone->pcp[cpu].count);
	}
	return nr;
}

/* ---- Validation: nothing else runs -------------------------------------------------------------------- */

struct zone_check {
	struct machine *machine;
	struct zone *zone;
	void (*problem)(void *arg, const char *fmt, ...);
	void *arg;
	int zone_nr;
	/* found by walking lists, and by looking at every frame */
	unsigned long listed_blocks[MAX_ORDER + 1], seen_blocks[MAX_ORDER + 1];
	unsigned long listed_frames, seen_frames;
	unsigned long listed_pcp, seen_pcp;
};

/* May @folio be followed as an entry of a list of this zone? */
static __unwatched bool check_entry(struct zone_check *check, const struct folio *folio)
{
	unsigned long pfn = (unsigned long)(folio - check->machine->folios);

	if (pfn >= check->zone->start_pfn && pfn < check->zone->end_pfn)
		return true;
	check->problem(check->arg, "zone %d: a free list leads out of the zone", check->zone_nr);
	return false;
}

static __unwatched void check_block(struct zone_check *check, const struct folio *folio, int order,
				    int type)
{
	unsigned long pfn = folio_pfn(check->machine, folio);

	if (!folio_test(folio, PG_buddy) || folio->order != order || folio->migratetype != type)
		check->problem(check->arg,
			       "frame %lu: on the free list of order %d type %d, flags 0x%x order %d type %d",
			       pfn, order, type, (unsigned int)atomic_read(&folio->flags),
			       folio->order, folio->migratetype);
	if (!IS_ALIGNED(pfn - check->zone->start_pfn, 1ul << order) ||
	    pfn + (1ul << order) > check->zone->end_pfn)
		check->problem(check->arg, "frame %lu: misplaced free block of order %d", pfn,
			       order);
	else if (order < MAX_ORDER && find_buddy(check->machine, check->zone, pfn, order))
		check->problem(check->arg, "frame %lu: free block of order %d unmerged", pfn,
			       order);
}

static __unwatched void check_free_list(struct zone_check *check, int order, int type)
{
	struct list_head *list = &check->zone->free_areas[order].lists[type];
	unsigned long limit = check->zone->end_pfn - check->zone->start_pfn;
	struct folio *folio;

	list_for_each_entry(folio, list, lru) {
		if (!check_entry(check, folio))
			return;
		if (check->listed_blocks[order] > limit) {
			check->problem(check->arg, "zone %d: free list of order %d runs in a circle",
				       check->zone_nr, order);
			return;
		}
		check_block(check, folio, order, type);
		check->listed_blocks[order]++;
		check->listed_frames += 1ul << order;
	}
}

static __unwatched void check_pcp(struct zone_check *check, int cpu)
{
	struct per_cpu_pages *pcp = &check->zone->pcp[cpu];
	int listed = 0;
	struct folio *folio;

	list_for_each_entry(folio, &pcp->list, lru) {
		if (!check_entry(check, folio) || listed > pcp->count)
			break;
		if (!folio_test(folio, PG_pcp))
			check->problem(check->arg, "frame %lu: on a CPU's list without PG_pcp",
				       folio_pfn(check->machine, folio));
		listed++;
	}
	if (listed != pcp->count)
		check->problem(check->arg, "zone %d: CPU %d's list has %d frames, count %d",
			       check->zone_nr, cpu, listed, pcp->count);
	check->listed_pcp += (unsigned long)listed;
}

/* A frame of a free block, the first excepted, or the one on a CPU's list. */
static __unwatched void check_free_frame(struct zone_check *check, unsigned long pfn)
{
	const struct folio *folio = &check->machine->folios[pfn];

	if (folio_ref_count(folio) || folio_mapcount(folio) || folio->mapping)
		check->problem(check->arg, "frame %lu: free with %d references, mapped %d times",
			       pfn, folio_ref_count(folio), folio_mapcount(folio));
}

static __unwatched unsigned long check_seen_block(struct zone_check *check, unsigned long pfn)
{
	struct folio *folios = check->machine->folios;
	unsigned int order = min(folios[pfn].order, (unsigned char)MAX_ORDER);
	unsigned long end = min(pfn + (1ul << order), check->zone->end_pfn);

	check->seen_blocks[order]++;
	check->seen_frames += end - pfn;
	for (unsigned long at = pfn; at < end; at++) {
		check_free_frame(check, at);
		if (at > pfn && (folio_test(&folios[at], PG_buddy) || folio_test(&folios[at], PG_pcp)))
			check->problem(check->arg, "frame %lu: free twice, inside the block at %lu",
				       at, pfn);
	}
	return end;
}

static __unwatched void check_every_frame(struct zone_check *check)
{
	for (unsigned long pfn = check->zone->start_pfn; pfn < check->zone->end_pfn;) {
		const struct folio *folio = &check->machine->folios[pfn];

		if (folio_test(folio, PG_buddy)) {
			pfn = check_seen_block(check, pfn);
			continue;
		}
		if (folio_test(folio, PG_quarantine)) {
			check_free_frame(check, pfn);
		} else if (folio_test(folio, PG_pcp)) {
			check->seen_pcp++;
			check_free_frame(check, pfn);
		} else if (folio_ref_count(folio) <= 0) {
			check->problem(check->arg, "frame %lu: neither free nor referenced", pfn);
		}
		pfn++;
	}
}

static __unwatched void check_totals(struct zone_check *check)
{
	struct zone *zone = check->zone;

	for (int order = 0; order <= MAX_ORDER; order++) {
		if (check->listed_blocks[order] != zone->free_areas[order].nr_free ||
		    check->seen_blocks[order] != zone->free_areas[order].nr_free)
			check->problem(check->arg,
				       "zone %d: %lu free blocks of order %d, %lu on lists, %lu seen",
				       check->zone_nr, zone->free_areas[order].nr_free, order,
				       check->listed_blocks[order], check->seen_blocks[order]);
	}
	if (check->listed_frames != zone->nr_free || check->seen_frames != zone->nr_free)
		check->problem(check->arg, "zone %d: %lu frames free, %lu on lists, %lu seen",
			       check->zone_nr, zone->nr_free, check->listed_frames,
			       check->seen_frames);
	if (check->listed_pcp != check->seen_pcp)
		check->problem(check->arg, "zone %d: %lu frames on CPUs' lists, %lu seen",
			       check->zone_nr, check->listed_pcp, check->seen_pcp);
}

void zone_validate(struct machine *machine, struct zone *zone,
		   void (*problem)(void *arg, const char *fmt, ...), void *arg)
{
	struct zone_check check = {
		.machine = machine,
		.zone = zone,
		.problem = problem,
		.arg = arg,
		.zone_nr = zone_index(machine, zone),
	};

	for (int order = 0; order <= MAX_ORDER; order++) {
		for (int type = 0; type < NR_MIGRATETYPES; type++)
			check_free_list(&check, order, type);
	}
	for (int cpu = 0; cpu < machine->nr_cpus; cpu++)
		check_pcp(&check, cpu);
	check_every_frame(&check);
	check_totals(&check);
}
