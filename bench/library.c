// SPDX-License-Identifier: MIT
/*
 * library.c - a machine of the library's own, with one address space, to be measured
 *
 * Nobody runs on it, so no TLB caches anything: a flush costs its call.  What flushes of running
 * programs cost is the runner's affair, and `godwit bench run' shows it.
 */
#include "bench.h"
#include "library.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "threads.h"

static void tlb_fill(void *host, struct mm *mm, int cpu, const struct gw_tlb_entry *entries, int nr)
{
	struct library *library = host;

	(void)mm;
	(void)cpu;
	(void)nr;
	library->last_pfn = entries[0].pfn;
}

static void tlb_flush(void *host, const struct gw_tlb_range *ranges, int nr,
		      enum gw_tlb_flush_kind kind)
{
	(void)host;
	(void)ranges;
	(void)nr;
	(void)kind;
}

static const struct gw_tlb_ops no_tlb = {
	.reports_accessed_dirty = true, /* trivially: there are no translations */
	.fill = tlb_fill,
	.flush = tlb_flush,
};

static int library_machine(struct library *library)
{
	struct gw_machine_config config = {
		.frames = library->frames,
		.nr_frames = library->nr_frames,
		.core = library->core_memory,
		.core_size = library->core_size,
		.nr_cpus = 2, /* threads.c */
		.nr_nodes = 1,
		.task_size = 0x7ffffffff000,
		.mmap_min_addr = 0x10000,
		.seed = 1,
		.tlb_ops = &no_tlb,
		.tlb_host = library,
	};
	const struct gw_limits limits = { ~0ull, ~0ull, ~0ull, ~0ull, ~0ull };
	int err = library->core->machine_create(&config, &library->machine);

	if (err)
		return err;
	err = library->core->mm_create(library->machine, &limits, &library->mm);
	if (err)
		library->core->machine_destroy(library->machine);
	return err;
}

int library_init(struct library *library, unsigned long nr_frames)
{
	int err = -ENOMEM;

	*library = (struct library){ .core = &godwit_core_threads, .nr_frames = nr_frames };
	library->core_size = ALIGN_UP(library->core->machine_core_size(nr_frames), GW_PAGE_SIZE);
	library->frames = bench_memory(nr_frames * GW_PAGE_SIZE);
	library->core_memory = bench_memory(library->core_size);
	if (!library->frames || !library->core_memory)
		goto out_memory;
	threads_task_attach("bench", 0);
	err = library_machine(library);
	if (err)
		goto out_task;
	return 0;

out_task:
	threads_task_detach();
out_memory:
	bench_memory_free(library->core_memory, library->core_size);
	bench_memory_free(library->frames, nr_frames * GW_PAGE_SIZE);
	return err;
}

void library_fini(struct library *library)
{
	library->core->mm_put(library->mm);
	library->core->machine_destroy(library->machine);
	threads_task_detach();
	bench_memory_free(library->core_memory, library->core_size);
	bench_memory_free(library->frames, library->nr_frames * GW_PAGE_SIZE);
}

long library_mmap(struct library *library, unsigned long addr, unsigned long len)
{
	const struct gw_mmap args = {
		.addr = addr,
		.len = len,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | (addr ? MAP_FIXED : 0),
	};

	return library->core->mmap(library->mm, &args);
}

int library_touch(struct library *library, unsigned long addr, unsigned long len)
{
	for (unsigned long at = 0; at < len; at += GW_PAGE_SIZE)
		if (library->core->fault(library->mm, addr + at, GW_WRITE) != GW_FAULT_DONE)
			return -EFAULT;
	return 0;
}

long library_pfn(struct library *library, unsigned long addr)
{
	if (!library->core->translate(library->mm, 0, addr, GW_WRITE, 1))
		return -EFAULT;
	return (long)library->last_pfn;
}
