// SPDX-License-Identifier: MIT
/* proc_text.c - the kernel's notation of what the core knows of address spaces and memory */
#include "proc_text.h"

#include <sys/sysmacros.h>

#include "compiler.h"

#define MAPS_NAME_COLUMN 73
#define KIB(pages)	 ((pages) * (GW_PAGE_SIZE / 1024))

void proc_text_maps(FILE *out, const struct gw_maps_line *line)
{
	int column =
		fprintf(out, "%08lx-%08lx %s %08lx %02x:%02x %lu ", line->start, line->end,
			line->perms, line->offset, major(line->dev), minor(line->dev), line->ino);

	if (line->name[0])
		fprintf(out, "%*s%s", max(MAPS_NAME_COLUMN - column, 0), "", line->name);
	fputc('\n', out);
}

/* ---- smaps ------------------------------------------------------------------------------------------ */

static void print_bytes(FILE *out, const char *key, uint64_t bytes)
{
	fprintf(out, "%-16s%8lu kB\n", key, (unsigned long)(bytes >> 10));
}

static void print_pss(FILE *out, const char *key, uint64_t pss)
{
	print_bytes(out, key, pss >> GW_PSS_SHIFT);
}

static void print_sizes(FILE *out, const struct gw_smaps *smaps, bool rollup)
{
	static const char *const absent[] = { "AnonHugePages:",	 "ShmemPmdMapped:",
					      "FilePmdMapped:",	 "Shared_Hugetlb:",
					      "Private_Hugetlb:", "Swap:", "SwapPss:" };

	print_bytes(out, "Rss:", smaps->rss);
	print_pss(out, "Pss:", smaps->pss);
	print_pss(out, "Pss_Dirty:", smaps->pss_dirty);
	if (rollup) {
		print_pss(out, "Pss_Anon:", smaps->pss_anon);
		print_pss(out, "Pss_File:", smaps->pss_file);
		print_pss(out, "Pss_Shmem:", smaps->pss_shmem);
	}
	print_bytes(out, "Shared_Clean:", smaps->shared_clean);
	print_bytes(out, "Shared_Dirty:", smaps->shared_dirty);
	print_bytes(out, "Private_Clean:", smaps->private_clean);
	print_bytes(out, "Private_Dirty:", smaps->private_dirty);
	print_bytes(out, "Referenced:", smaps->referenced);
	print_bytes(out, "Anonymous:", smaps->anonymous);
	print_bytes(out, "KSM:", 0);
	print_bytes(out, "LazyFree:", smaps->lazyfree);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		print_bytes(out, absent[i], 0);
	print_pss(out, "Locked:", smaps->pss_locked);
}

void proc_text_smaps(FILE *out, const struct gw_smaps *smaps)
{
	proc_text_maps(out, &smaps->line);
	print_bytes(out, "Size:", smaps->size);
	print_bytes(out, "KernelPageSize:", GW_PAGE_SIZE);
	print_bytes(out, "MMUPageSize:", GW_PAGE_SIZE);
	print_sizes(out, smaps, false);
	fprintf(out, "THPeligible:    %8d\nVmFlags: %s\n", 0, smaps->flags);
}

void proc_text_smaps_rollup(FILE *out, const struct gw_smaps *sum)
{
	proc_text_maps(out, &sum->line);
	print_sizes(out, sum, true);
}

/* ---- status ----------------------------------------------------------------------------------------- */

static void print_status(FILE *out, const char *key, unsigned long pages)
{
	fprintf(out, "%s:\t%8lu kB\n", key, KIB(pages));
}

void proc_text_status(FILE *out, const struct gw_mm_info *info)
{
	print_status(out, "VmPeak", info->hiwater_vm);
	print_status(out, "VmSize", info->total_vm);
	print_status(out, "VmLck", info->locked_vm);
	print_status(out, "VmPin", 0);
	print_status(out, "VmRSS", info->rss_anon + info->rss_file);
	print_status(out, "RssAnon", info->rss_anon);
	print_status(out, "RssFile", info->rss_file);
	print_status(out, "RssShmem", 0);
	print_status(out, "VmData", info->data_vm);
	print_status(out, "VmStk", info->stack_vm);
	print_status(out, "VmExe", info->exec_vm);
	print_status(out, "VmLib", 0);
	print_status(out, "VmPTE", info->nr_tables);
	print_status(out, "VmSwap", 0);
}

/* ---- The machine -------------------------------------------------------------------------------------- */

static void print_meminfo(FILE *out, const char *key, unsigned long pages)
{
	fprintf(out, "%-16s%8lu kB\n", key, KIB(pages));
}

/* What guests may use; the core's own memory is beside it, as that of a kernel's image is. */
void proc_text_meminfo(FILE *out, const struct gw_memory_info *info)
{
	print_meminfo(out, "MemTotal:", info->total);
	print_meminfo(out, "MemFree:", info->free);
	print_meminfo(out, "MemAvailable:", info->free);
	print_meminfo(out, "Buffers:", 0);
	print_meminfo(out, "Cached:", info->file_pages);
	print_meminfo(out, "SwapCached:", 0);
	print_meminfo(out, "SwapTotal:", 0);
	print_meminfo(out, "SwapFree:", 0);
	print_meminfo(out, "Dirty:", info->dirty);
	print_meminfo(out, "Writeback:", 0);
	print_meminfo(out, "AnonPages:", info->anon_pages);
	print_meminfo(out, "Mapped:", info->mapped);
	print_meminfo(out, "Shmem:", info->shmem);
	print_meminfo(out, "KReclaimable:", 0);
	print_meminfo(out, "Slab:", info->slab);
	print_meminfo(out, "SReclaimable:", 0);
	print_meminfo(out, "SUnreclaim:", info->slab);
	print_meminfo(out, "PageTables:", info->page_tables);
	print_meminfo(out, "CommitLimit:", info->commit_limit);
	print_meminfo(out, "Committed_AS:", info->committed);
}

void proc_text_vmstat_memory(FILE *out, const struct gw_memory_info *info)
{
	fprintf(out, "nr_free_pages %lu\n", info->free);
	fprintf(out, "nr_slab_unreclaimable %lu\n", info->slab);
	fprintf(out, "nr_anon_pages %lu\n", info->anon_pages);
	fprintf(out, "nr_mapped %lu\n", info->mapped);
	fprintf(out, "nr_file_pages %lu\n", info->file_pages);
	fprintf(out, "nr_dirty %lu\n", info->dirty);
	fprintf(out, "nr_shmem %lu\n", info->shmem);
	fprintf(out, "nr_page_table_pages %lu\n", info->page_tables);
}

void proc_text_vmstat_counter(FILE *out, enum gw_counter counter, unsigned long value)
{
	static const char *const names[] = {
#define X(name) [GW_COUNTER_##name] = #name,
		GW_COUNTERS(X)
#undef X
	};

	fprintf(out, "%s %lu\n", names[counter], value);
}

void proc_text_buddyinfo(FILE *out, const struct gw_zone_info *zone)
{
	fprintf(out, "Node %d, zone %8s ", zone->node, zone->name);
	for (int order = 0; order <= GW_MAX_ORDER; order++)
		fprintf(out, "%6lu ", zone->nr_blocks[order]);
	fputc('\n', out);
}

void proc_text_zoneinfo(FILE *out, const struct gw_zone_info *zone)
{
	fprintf(out, "Node %d, zone %8s\n", zone->node, zone->name);
	fprintf(out, "  per-node stats\n      %-12s %lu\n      %-12s %lu\n", "nr_inactive_anon",
		zone->nr_anon, "nr_inactive_file", zone->nr_file);
	fprintf(out,
		"  pages free     %lu\n        boost    0\n        min      %lu\n"
		"        low      %lu\n        high     %lu\n        spanned  %lu\n"
		"        present  %lu\n        managed  %lu\n",
		zone->free, zone->watermark_min, zone->watermark_low, zone->watermark_high,
		zone->spanned, zone->spanned, zone->spanned);
	fprintf(out, "      %-12s %lu\n  pagesets\n", "nr_free_pages", zone->free);
	for (int cpu = 0; cpu < zone->nr_cpus; cpu++)
		fprintf(out,
			"    cpu: %d\n              count:    %d\n              high:     %d\n"
			"              batch:    %d\n",
			cpu, zone->pcp_count[cpu], zone->pcp_high, zone->pcp_batch);
	fprintf(out, "  start_pfn:           %lu\n", zone->start_pfn);
}
