// SPDX-License-Identifier: MIT
/*
 * meminfo.c - what the machine's frames are used for
 *
 * Whoever asks pays: nothing is counted on hot paths for it.  One look at every frame takes no lock,
 * so that the sums are of what was seen in passing, as Linux's per-CPU counters are.
 *
 * Linux: fs/proc/meminfo.c, mm/vmstat.c.
 */
#include "filemap.h"
#include "machine.h"
#include "vma.h"

#include <errno.h>

static void count_guest_frame(const struct folio *folio, struct gw_memory_info *info)
{
	bool mapped = folio_mapped(folio);

	if (!folio_ref_count(folio) || folio_test(folio, PG_reserved))
		return;
	if (folio_anon(folio)) {
		info->anon_pages += mapped;
		return;
	}
	if (!folio_mapping(folio))
		return; /* on its way to somebody */
	info->file_pages++;
	info->mapped += mapped;
	info->dirty += folio_test(folio, PG_dirty);
	info->shmem += folio_test(folio, PG_swapbacked);
}

void machine_memory(struct machine *machine, struct gw_memory_info *info)
{
	*info = (struct gw_memory_info){
		.total = machine->nr_guest_frames,
		.free = nr_free_frames(machine, ZONE_GUEST),
		.commit_limit = vm_commit_limit(machine),
		.committed = vm_committed(machine),
	};
	for (unsigned long pfn = 0; pfn < machine->nr_guest_frames; pfn++)
		count_guest_frame(&machine->folios[pfn], info);
	for (unsigned long pfn = machine->nr_guest_frames; pfn < machine->nr_frames; pfn++) {
		info->slab += folio_test(&machine->folios[pfn], PG_slab);
		info->page_tables += folio_test(&machine->folios[pfn], PG_table);
	}
}

static void count_lru(struct machine *machine, int node, struct gw_zone_info *info)
{
	struct lruvec *lruvec = &machine->lruvecs[node];

	spin_lock(&lruvec->lock);
	info->nr_anon = lruvec->nr[LRU_ANON];
	info->nr_file = lruvec->nr[LRU_FILE];
	spin_unlock(&lruvec->lock);
}

int machine_zone(struct machine *machine, int index, struct gw_zone_info *info)
{
	struct zone *zone;

	if (index < 0 || index >= machine->nr_zones)
		return -ENOENT;
	zone = &machine->zones[index];
	*info = (struct gw_zone_info){
		.name = zone->kind == ZONE_GUEST ? "Movable" : "Normal",
		.node = zone->node,
		.start_pfn = zone->start_pfn,
		.spanned = zone->end_pfn - zone->start_pfn,
		.watermark_min = zone->watermark_min,
		.watermark_low = zone->watermark_low,
		.watermark_high = zone->watermark_high,
		.nr_cpus = machine->nr_cpus,
		.pcp_high = zone->pcp_high,
		.pcp_batch = zone->pcp_batch,
	};
	for (int cpu = 0; cpu < machine->nr_cpus; cpu++) {
		spin_lock(&zone->pcp[cpu].lock);
		info->pcp_count[cpu] = zone->pcp[cpu].count;
		spin_unlock(&zone->pcp[cpu].lock);
	}
	spin_lock(&zone->lock);
	info->free = zone->nr_free;
	for (int order = 0; order <= MAX_ORDER; order++)
		info->nr_blocks[order] = zone->free_areas[order].nr_free;
	spin_unlock(&zone->lock);
	if (zone->kind == ZONE_GUEST)
		count_lru(machine, zone->node, info);
	return 0;
}
