/* SPDX-License-Identifier: MIT */
/*
 * proc_text.h - the kernel's notation of what the core knows of address spaces and memory
 *
 * Linux: fs/proc/task_mmu.c, meminfo.c, mm/vmstat.c, as of 6.12.
 */
#pragma once

#include <stdio.h>

#include <godwit/machine.h>
#include <godwit/mm.h>

/* /proc/PID/maps, smaps: one mapping; smaps_rollup: the sum of all. */
void proc_text_maps(FILE *out, const struct gw_maps_line *line);
void proc_text_smaps(FILE *out, const struct gw_smaps *smaps);
void proc_text_smaps_rollup(FILE *out, const struct gw_smaps *sum);

/* The lines of /proc/PID/status about memory, but VmHWM: nothing keeps the most that was mapped. */
void proc_text_status(FILE *out, const struct gw_mm_info *info);

void proc_text_meminfo(FILE *out, const struct gw_memory_info *info);
/* /proc/vmstat: what there is now, and one line for each counter, whose names are Linux's or ours. */
void proc_text_vmstat_memory(FILE *out, const struct gw_memory_info *info);
void proc_text_vmstat_counter(FILE *out, enum gw_counter counter, unsigned long value);
/* /proc/buddyinfo, zoneinfo: one zone. */
void proc_text_buddyinfo(FILE *out, const struct gw_zone_info *zone);
void proc_text_zoneinfo(FILE *out, const struct gw_zone_info *zone);
