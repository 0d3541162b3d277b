// SPDX-License-Identifier: MIT
/*
 * toy.c - a guest without the core: a flat page table, a page-fault handler, a migrator
 */
#include "toy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NR_FRAMES 4096ul
#define POISON	  0xdb

static void die(const char *what, const char *why)
{
	fprintf(stderr, "toy: %s: %s\n", what, why);
	abort();
}

/* ---- The core's part ------------------------------------------------------------------------- */

static void toy_set_user(struct mm *mm, void *user)
{
	mm->user = user;
}

static void *toy_user(const struct mm *mm)
{
	return mm->user;
}

static bool allows(const struct toy_pte *pte, enum gw_access access)
{
	if (!pte->present || pte->migrating)
		return false;
	return access == GW_READ || (access == GW_WRITE ? pte->write : pte->exec);
}

static struct gw_tlb_entry entry_of(const struct toy_pte *pte, unsigned long addr)
{
	return (struct gw_tlb_entry){
		.addr = addr,
		.pfn = pte->pfn,
		.write = pte->write,
		.exec = pte->exec,
		.dirty = true,
	};
}

static bool toy_translate(struct mm *mm, int cpu, unsigned long addr, enum gw_access access,
			  int around)
{
	struct toy *toy = mm->toy;
	struct gw_tlb_entry entries[GW_TLB_FILL_MAX];
	unsigned long window;
	int nr = 1;
	bool allowed;

	addr &= ~(PAGE_SIZE - 1);
	window = addr & ~((unsigned long)around * PAGE_SIZE - 1);
	pthread_mutex_lock(&toy->table_lock);
	allowed = allows(toy_pte(toy, addr), access);
	if (allowed) {
		entries[0] = entry_of(toy_pte(toy, addr), addr);
		for (int i = 0; i < around; i++) {
			unsigned long near = window + (unsigned long)i * PAGE_SIZE;

			if (near != addr && allows(toy_pte(toy, near), GW_READ))
				entries[nr++] = entry_of(toy_pte(toy, near), near);
		}
		platform_tlb_ops()->fill(toy->platform, mm, cpu, entries, nr);
	}
	pthread_mutex_unlock(&toy->table_lock);
	return allowed;
}

static const struct gw_core toy_core = {
	.name = "toy",
	.translate = toy_translate,
	.mm_set_user = toy_set_user,
	.mm_user = toy_user,
};

/* ---- Memory ---------------------------------------------------------------------------------- */

struct toy_pte *toy_pte(struct toy *toy, unsigned long addr)
{
	return &toy->mm->ptes[(addr - TOY_BASE) / PAGE_SIZE];
}

static bool in_table(unsigned long addr)
{
	return addr >= TOY_BASE && addr < TOY_BASE + TOY_PAGES * PAGE_SIZE;
}

static char *frame_at(struct toy *toy, unsigned int pfn)
{
	return toy->frames + pfn * PAGE_SIZE;
}

static unsigned int alloc_locked(struct toy *toy)
{
	if (!toy->nr_free)
		die("alloc", "no frames");
	return toy->free[--toy->nr_free];
}

/* To the bottom of the stack: a stale store into it meets the poison for long. */
static void free_locked(struct toy *toy, unsigned int pfn)
{
	memmove(toy->free + 1, toy->free, toy->nr_free * sizeof(toy->free[0]));
	toy->free[0] = pfn;
	toy->nr_free++;
}

unsigned int toy_frame_alloc(struct toy *toy)
{
	unsigned int pfn;

	pthread_mutex_lock(&toy->table_lock);
	pfn = alloc_locked(toy);
	pthread_mutex_unlock(&toy->table_lock);
	memset(frame_at(toy, pfn), 0, PAGE_SIZE);
	return pfn;
}

void toy_map_pfn(struct toy *toy, unsigned long addr, unsigned int pfn, bool write, bool exec)
{
	pthread_mutex_lock(&toy->table_lock);
	*toy_pte(toy, addr) =
		(struct toy_pte){ .pfn = pfn, .present = true, .write = write, .exec = exec };
	pthread_mutex_unlock(&toy->table_lock);
}

void toy_map(struct toy *toy, unsigned long addr, bool write, bool exec)
{
	toy_map_pfn(toy, addr, toy_frame_alloc(toy), write, exec);
}

void *toy_memory(struct toy *toy, unsigned long addr)
{
	return frame_at(toy, toy_pte(toy, addr)->pfn) + addr % PAGE_SIZE;
}

static void flush(struct toy *toy, unsigned long addr, unsigned long nr,
		  enum gw_tlb_flush_kind kind)
{
	struct gw_tlb_range range = { toy->mm, addr, addr + nr * PAGE_SIZE };

	platform_tlb_ops()->flush(toy->platform, &range, 1, kind);
}

void toy_unmap(struct toy *toy, unsigned long addr, unsigned long nr)
{
	pthread_mutex_lock(&toy->table_lock);
	for (unsigned long i = 0; i < nr; i++)
		toy_pte(toy, addr + i * PAGE_SIZE)->present = false;
	pthread_mutex_unlock(&toy->table_lock);
	flush(toy, addr, nr, GW_TLB_UNMAP);
}

void toy_write_protect(struct toy *toy, unsigned long addr, unsigned long nr)
{
	pthread_mutex_lock(&toy->table_lock);
	for (unsigned long i = 0; i < nr; i++)
		toy_pte(toy, addr + i * PAGE_SIZE)->write = false;
	pthread_mutex_unlock(&toy->table_lock);
	flush(toy, addr, nr, GW_TLB_PROTECT);
}

/* ---- Running --------------------------------------------------------------------------------- */

/* The page-fault handler: all that it can do is wait for a migration. */
static bool fault(struct toy *toy, const struct platform_want *want)
{
	struct toy_pte *pte;
	bool served;

	if (!in_table(want->addr))
		return false;
	pthread_mutex_lock(&toy->table_lock);
	pte = toy_pte(toy, want->addr);
	while (pte->migrating)
		pthread_cond_wait(&toy->migrated, &toy->table_lock);
	served = allows(pte, want->access);
	pthread_mutex_unlock(&toy->table_lock);
	return served;
}

struct platform_event toy_run(struct toy *toy)
{
	struct platform_want want = { .valid = false };
	struct platform_event event;

	for (;;) {
		if (platform_run(toy->thread, &want, &event)) {
			want.valid = false;
			if (event.kind != PLATFORM_FAULT)
				return event;
			toy->nr_faults++;
			want = (struct platform_want){ true, event.addr, event.access };
		}
		if (want.valid && !fault(toy, &want))
			return event;
	}
}

long toy_run_to_syscall(struct toy *toy)
{
	struct platform_event event = toy_run(toy);

	if (event.kind != PLATFORM_SYSCALL) {
		fprintf(stderr, "toy: event %d, signal %d, trap %d, address %lx, rip %llx\n",
			event.kind, event.signo, event.trapno, event.addr,
			event.kind == PLATFORM_DIED ? 0 : platform_gregs(toy->thread)[REG_RIP]);
		return -1;
	}
	return platform_gregs(toy->thread)[REG_RAX];
}

/* ---- The migrator ---------------------------------------------------------------------------- */

/* Pages that move together, with one flush. */
struct migration {
	int nr;
	struct toy_pte *ptes[512];
	unsigned int old[512], new[512];
	struct gw_tlb_range ranges[512];
};

static void begin_migration(struct toy *toy, struct migration *m, unsigned long first,
			    unsigned long nr)
{
	m->nr = 0;
	for (unsigned long i = 0; i < nr; i += toy->stride ? toy->stride : 1) {
		unsigned long addr = TOY_BASE + (first + i) * PAGE_SIZE;
		struct toy_pte *pte = toy_pte(toy, addr);

		pte->migrating = true;
		m->ptes[m->nr] = pte;
		m->old[m->nr] = pte->pfn;
		m->new[m->nr] = alloc_locked(toy);
		m->ranges[m->nr] = (struct gw_tlb_range){ toy->mm, addr, addr + PAGE_SIZE };
		m->nr++;
	}
}

static void copy_frames(struct toy *toy, const struct migration *m)
{
	for (int i = 0; i < m->nr; i++)
		memcpy(frame_at(toy, m->new[i]), frame_at(toy, m->old[i]), PAGE_SIZE);
}

static void end_migration(struct toy *toy, const struct migration *m)
{
	for (int i = 0; i < m->nr; i++) {
		m->ptes[i]->pfn = m->new[i];
		m->ptes[i]->migrating = false;
		memset(frame_at(toy, m->old[i]), POISON, PAGE_SIZE);
		free_locked(toy, m->old[i]);
	}
	pthread_cond_broadcast(&toy->migrated);
	toy->nr_migrated += (unsigned long)m->nr;
}

static void migrate(struct toy *toy, unsigned long first, unsigned long nr)
{
	struct migration m;

	pthread_mutex_lock(&toy->table_lock);
	begin_migration(toy, &m, first, nr);
	pthread_mutex_unlock(&toy->table_lock);

	if (toy->copy_first)
		copy_frames(toy, &m);
	platform_tlb_ops()->flush(toy->platform, m.ranges, m.nr, GW_TLB_UNMAP);
	if (!toy->copy_first)
		copy_frames(toy, &m);

	pthread_mutex_lock(&toy->table_lock);
	end_migration(toy, &m);
	pthread_mutex_unlock(&toy->table_lock);
}

static void *migrator_main(void *arg)
{
	const struct timespec pause = { .tv_nsec = 20000 };
	struct toy *toy = arg;
	unsigned long at = 0;

	while (!toy->stop) {
		unsigned long nr = toy->batch < toy->nr - at ? toy->batch : toy->nr - at;

		migrate(toy, toy->first + at, nr);
		nanosleep(&pause, NULL); /* else the guest would do nothing but fault */
		at = (at + nr) % toy->nr;
	}
	return NULL;
}

void toy_start_migrating(struct toy *toy, unsigned long addr, unsigned long nr, unsigned long batch)
{
	toy->first = (addr - TOY_BASE) / PAGE_SIZE;
	toy->nr = nr;
	toy->batch = batch;
	toy->stop = false;
	if (pthread_create(&toy->migrator, NULL, migrator_main, toy))
		die("migrator", "no thread");
}

void toy_stop_migrating(struct toy *toy)
{
	toy->stop = true;
	pthread_join(toy->migrator, NULL);
}

/* ---- Birth and death ------------------------------------------------------------------------- */

static void create_mm(struct toy *toy)
{
	toy->mm = calloc(1, sizeof(*toy->mm));
	toy->mm->toy = toy;
	if (platform_tlb_ops()->mm_init(toy->platform, toy->mm))
		die("mm_init", "failed");
}

static void load_code(struct toy *toy, const char *code, const char *end)
{
	toy_map(toy, TOY_CODE, false, true);
	toy_map(toy, TOY_STACK, true, false);
	memcpy(toy_memory(toy, TOY_CODE), code, (size_t)(end - code));
	platform_reset_regs(toy->thread, TOY_CODE, TOY_STACK_TOP);
}

static struct toy *create(const struct platform_config *config, const char *code, const char *end)
{
	struct toy *toy = calloc(1, sizeof(*toy));
	const char *why = "";

	if (platform_create(config, &toy->platform, &why))
		die("platform_create", why);
	toy->frames = platform_frames(toy->platform);
	toy->nr_frames = NR_FRAMES;
	pthread_mutex_init(&toy->table_lock, NULL);
	pthread_cond_init(&toy->migrated, NULL);
	toy->free = calloc(NR_FRAMES, sizeof(toy->free[0]));
	for (unsigned int pfn = NR_FRAMES - 1; pfn > 0; pfn--)
		toy->free[toy->nr_free++] = pfn;
	create_mm(toy);
	if (platform_process_create(toy->platform, &toy->process))
		die("platform_process_create", "failed");
	toy->thread = platform_process_thread(toy->process);
	platform_process_set_mm(toy->process, toy->mm);
	load_code(toy, code, end);
	return toy;
}

struct toy *toy_create(unsigned int fault_injection, const char *code, const char *end)
{
	return create(&(struct platform_config){ .core = &toy_core,
						 .nr_frames = NR_FRAMES,
						 .fault_injection = fault_injection },
		      code, end);
}

struct toy *toy_create_small(unsigned long mappings_max, const char *code, const char *end)
{
	return create(&(struct platform_config){ .core = &toy_core,
						 .nr_frames = NR_FRAMES,
						 .mappings_max = mappings_max },
		      code, end);
}

void toy_destroy(struct toy *toy)
{
	if (toy->process)
		platform_process_destroy(toy->process);
	platform_tlb_ops()->mm_exit(toy->platform, toy->mm);
	platform_destroy(toy->platform);
	pthread_cond_destroy(&toy->migrated);
	pthread_mutex_destroy(&toy->table_lock);
	free(toy->mm);
	free(toy->free);
	free(toy);
}
