// SPDX-License-Identifier: MIT
/*
 * fault_storm.c - fails when a store is lost, or a right outlives its mapping, while pages move
 *
 * Two workers map, protect, store, load and unmap in halves of one address space; each keeps a copy
 * of what its half must hold.  A third migrates everything all the time.  Loads and stores go
 * through the modelled TLBs, which keep translations until they are flushed.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE	   GW_PAGE_SIZE
#define NR_WORKERS 2
#define NR_PAGES   300 /* a worker's part */
#define BASE	   0x200000000ul
#define GAP	   (NR_PAGES * PAGE) /* the halves are neighbours: VMAs of both may merge */
#define RUN_MAX	   24
#define FILE_PAGES 64

enum { UNMAPPED = -1 };

/* A worker's part of the address space, and what it must hold. */
struct part {
	struct worker *worker;
	struct mm *mm;
	struct mapping *file;
	unsigned long base;
	int prot[NR_PAGES]; /* UNMAPPED or PROT_ bits */
	unsigned char shadow[NR_PAGES][PAGE];
};

static unsigned char file_byte(size_t offset)
{
	return (unsigned char)(offset * 5 + offset / PAGE * 3);
}

static int read_page(void *file, unsigned long pgoff, void *to)
{
	unsigned char *bytes = to;

	(void)file;
	for (size_t i = 0; i < PAGE; i++)
		bytes[i] = file_byte(pgoff * PAGE + i);
	return 0;
}

static void release(void *file)
{
	(void)file;
}

static const struct gw_mapping_ops file_ops = { .read_page = read_page, .release = release };

/* ---- Operations, each on the machine and on the copy ------------------------------------------------ */

static const struct gw_core *core_of(const struct part *part)
{
	return part->worker->rig->core;
}

static unsigned long below(struct part *part, unsigned long bound)
{
	return prng_below(&part->worker->prng, bound);
}

static unsigned long addr_of(const struct part *part, unsigned long page)
{
	return part->base + page * PAGE;
}

static int random_prot(struct part *part)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE };

	return prots[below(part, ARRAY_SIZE(prots))];
}

static void fill_shadow(struct part *part, unsigned long page, bool file, unsigned long pgoff)
{
	if (!file) {
		memset(part->shadow[page], 0, PAGE);
		return;
	}
	for (size_t i = 0; i < PAGE; i++)
		part->shadow[page][i] = file_byte(pgoff * PAGE + i);
}

static void do_mmap(struct part *part, unsigned long page, unsigned long nr)
{
	bool file = below(part, 4) == 0;
	struct gw_mmap args = {
		.addr = addr_of(part, page),
		.len = nr * PAGE,
		.prot = random_prot(part),
		.flags = MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS),
		.mapping = file ? part->file : NULL,
		.pgoff = file ? below(part, FILE_PAGES - nr) : 0,
	};
	long got = core_of(part)->mmap(part->mm, &args);

	RIG_CHECK(got == (long)args.addr, "mmap: %ld", got);
	for (unsigned long i = 0; i < nr; i++) {
		part->prot[page + i] = args.prot;
		fill_shadow(part, page + i, file, args.pgoff + i);
	}
}

static void do_munmap(struct part *part, unsigned long page, unsigned long nr)
{
	int err = core_of(part)->munmap(part->mm, addr_of(part, page), nr * PAGE);

	RIG_CHECK(err == 0, "munmap: %d", err);
	for (unsigned long i = 0; i < nr; i++)
		part->prot[page + i] = UNMAPPED;
}

/* Linux applies it up to the first hole, and then says -ENOMEM. */
static void do_mprotect(struct part *part, unsigned long page, unsigned long nr)
{
	int prot = random_prot(part);
	int err = core_of(part)->mprotect(part->mm, addr_of(part, page), nr * PAGE, prot);
	unsigned long i;

	for (i = 0; i < nr && part->prot[page + i] != UNMAPPED; i++)
		part->prot[page + i] = prot;
	RIG_CHECK(err == (i == nr ? 0 : -12), "mprotect of %lu pages, %lu mapped: %d", nr, i, err);
}

static enum gw_fault expected(const struct part *part, unsigned long page, int need)
{
	if (part->prot[page] == UNMAPPED)
		return GW_FAULT_MAPERR;
	return part->prot[page] & need ? GW_FAULT_DONE : GW_FAULT_ACCERR;
}

static void do_store(struct part *part, unsigned long page)
{
	uint64_t value = prng_next(&part->worker->prng);
	unsigned long offset = below(part, PAGE - sizeof(value) + 1);
	enum gw_fault fault =
		core_of(part)->store(part->mm, addr_of(part, page) + offset, &value, sizeof(value));

	RIG_CHECK(fault == expected(part, page, PROT_WRITE), "store to page %lu (%d) ended with %d",
		  page, part->prot[page], fault);
	if (fault == GW_FAULT_DONE)
		memcpy(part->shadow[page] + offset, &value, sizeof(value));
}

static void check_bytes(const struct part *part, unsigned long page, unsigned long offset,
			const unsigned char *found, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char want = part->shadow[page][offset + i];

		RIG_CHECK(found[i] == want, "%s: byte %lu of page %lu is %#x, not %#x",
			  part->worker->name, offset + i, page, found[i], want);
	}
}

static void do_load(struct part *part, unsigned long page)
{
	unsigned char found[16];
	unsigned long offset = below(part, PAGE - sizeof(found) + 1);
	enum gw_fault fault =
		core_of(part)->load(part->mm, addr_of(part, page) + offset, found, sizeof(found));

	RIG_CHECK(fault == expected(part, page, PROT_READ), "load from page %lu (%d) ended with %d",
		  page, part->prot[page], fault);
	if (fault == GW_FAULT_DONE)
		check_bytes(part, page, offset, found, sizeof(found));
}

/* The kernel's copies see the same memory, and refuse the same pages. */
static void do_copy(struct part *part, unsigned long page)
{
	unsigned char bytes[PAGE];
	bool in = below(part, 2) == 0;
	enum gw_fault fault = expected(part, page, in ? PROT_READ : PROT_WRITE);
	int want = fault == GW_FAULT_DONE ? 0 : -14;
	int err;

	if (in) {
		err = core_of(part)->copy_from_user(part->mm, bytes, addr_of(part, page), PAGE);
		if (err == 0)
			check_bytes(part, page, 0, bytes, PAGE);
	} else {
		memset(bytes, (int)below(part, 256), PAGE);
		err = core_of(part)->copy_to_user(part->mm, addr_of(part, page), bytes, PAGE);
		if (err == 0)
			memcpy(part->shadow[page], bytes, PAGE);
	}
	RIG_CHECK(err == want, "copy %s page %lu (%d): %d", in ? "from" : "to", page,
		  part->prot[page], err);
}

/* ---- The workers ------------------------------------------------------------------------------------- */

static void one_round(struct part *part)
{
	unsigned long page = below(part, NR_PAGES);
	unsigned long nr = 1 + below(part, min((unsigned long)RUN_MAX, NR_PAGES - page));

	switch (below(part, 40)) {
	case 0:
		do_mmap(part, page, nr);
		break;
	case 1:
		if (below(part, 3) == 0)
			do_munmap(part, page, nr);
		break;
	case 2:
		do_mprotect(part, page, nr);
		break;
	case 3:
		do_copy(part, page);
		break;
	default:
		/* A few pages are hot: their translations stay cached while they move. */
		page = below(part, 2) ? page : page % 8;
		if (below(part, 2))
			do_store(part, page);
		else
			do_load(part, page);
	}
}

static void check_all(struct part *part)
{
	for (unsigned long page = 0; page < NR_PAGES; page++) {
		unsigned char bytes[PAGE];

		if (expected(part, page, PROT_READ) != GW_FAULT_DONE)
			continue;
		RIG_CHECK(core_of(part)->load(part->mm, addr_of(part, page), bytes, PAGE) ==
				  GW_FAULT_DONE,
			  "page %lu cannot be read", page);
		check_bytes(part, page, 0, bytes, PAGE);
	}
}

static void work(struct worker *worker)
{
	struct part *part = worker->arg;

	part->worker = worker;
	while (!rig_time_is_up(worker->rig)) {
		for (int i = 0; i < 64; i++)
			one_round(part);
		worker->rounds += 64;
		if (worker->rounds % 8192 == 0)
			check_all(part);
	}
	check_all(part);
}

int main(int argc, char **argv)
{
	static const struct gw_mapping_info info = {
		.ops = &file_ops, .size = FILE_PAGES * PAGE, .name = "/file", .dev = 1, .ino = 2
	};
	static const struct gw_limits limits = { ~0ull, ~0ull, 8 << 20, ~0ull, ~0ull };
	static struct part parts[NR_WORKERS];
	struct mapping *file;
	struct mm *mm;
	struct rig rig;
	int err;

	rig_create(&rig, argc, argv);
	err = rig.core->mm_create(rig.machine, &limits, &mm);
	RIG_CHECK(err == 0, "mm_create: %d", err);
	err = rig.core->mapping_create(rig.machine, &info, &file);
	RIG_CHECK(err == 0, "mapping_create: %d", err);
	for (int i = 0; i < NR_WORKERS; i++) {
		struct part *part = &parts[i];

		part->mm = mm;
		part->file = file;
		part->base = BASE + (unsigned long)i * GAP;
		for (int page = 0; page < NR_PAGES; page++)
			part->prot[page] = UNMAPPED;
		rig_add(&rig, i ? "worker 1" : "worker 0", i, work, part);
	}
	rig_add(&rig, "migrate", NR_WORKERS, rig_migrate_all, NULL);
	rig_run(&rig);
	rig_validate(&rig);
	RIG_CHECK(rig.core->machine_counter(rig.machine, GW_COUNTER_pgmigrate_success) > 0,
		  "no page was moved");
	rig.core->mm_put(mm);
	rig.core->mapping_put(file);
	rig_validate(&rig);
	rig_destroy(&rig);
	return 0;
}
