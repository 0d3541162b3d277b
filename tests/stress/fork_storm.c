// SPDX-License-Identifier: MIT
/*
 * fork_storm.c - fails when fork, copy-on-write, exit or a pin loses a store or shows one to a stranger
 *
 * Two workers share an address space, half of its pages each.  Each stores and loads in its half,
 * pins pages of it, and forks children, which fork and exit again; in its children it knows what
 * its own half must hold, while the other worker's half is being written as they are made.  A third
 * worker migrates everything all the time.
 */
#include "rig.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE	   GW_PAGE_SIZE
#define NR_WORKERS 2
#define NR_PAGES   40 /* a worker's half */
#define CHILDREN   6
#define PINS	   4
#define BASE	   0x200000000ul

/*
 * Fork copies a pinned page while the device, or another thread, writes it: as on Linux, the child
 * gets some of it.  Frames are the guests' memory, but ThreadSanitizer sees memcpy().
 */
__export const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:copy_pinned_page\n";
}

struct process {
	struct mm *mm; /* NULL: none */
	uint64_t shadow[NR_PAGES];
};

struct pin {
	struct folio *folio; /* NULL: none */
	unsigned long page;
	unsigned int flags;
};

struct half {
	struct worker *worker;
	unsigned long base;
	struct process main; /* shared with the other worker */
	struct process children[CHILDREN];
	struct pin pins[PINS]; /* of the main process */
};

static const struct gw_core *core_of(const struct half *half)
{
	return half->worker->rig->core;
}

static unsigned long below(struct half *half, unsigned long bound)
{
	return prng_below(&half->worker->prng, bound);
}

/* ---- Memory ------------------------------------------------------------------------------------------- */

static void do_store(struct half *half, struct process *process, unsigned long page)
{
	uint64_t value = prng_next(&half->worker->prng);
	enum gw_fault fault =
		core_of(half)->store(process->mm, half->base + page * PAGE, &value, sizeof(value));

	RIG_CHECK(fault == GW_FAULT_DONE, "store: %d", fault);
	process->shadow[page] = value;
}

static void do_load(struct half *half, struct process *process, unsigned long page)
{
	uint64_t value = 0;
	enum gw_fault fault =
		core_of(half)->load(process->mm, half->base + page * PAGE, &value, sizeof(value));

	RIG_CHECK(fault == GW_FAULT_DONE, "load: %d", fault);
	RIG_CHECK(value == process->shadow[page], "%s: page %lu of %s is %lx, not %lx",
		  half->worker->name, page, process == &half->main ? "the parent" : "a child",
		  value, process->shadow[page]);
}

/* ---- Processes ------------------------------------------------------------------------------------------ */

static void do_fork(struct half *half, struct process *parent, struct process *child)
{
	int err = core_of(half)->fork(parent->mm, &child->mm);

	RIG_CHECK(err == 0, "fork: %d", err);
	memcpy(child->shadow, parent->shadow, sizeof(child->shadow));
}

static void do_exit(struct half *half, struct process *process)
{
	for (unsigned long page = 0; page < NR_PAGES; page++)
		do_load(half, process, page);
	core_of(half)->mm_put(process->mm);
	process->mm = NULL;
}

/* Any process of this worker's, the parent among them. */
static struct process *pick(struct half *half)
{
	struct process *process = &half->children[below(half, CHILDREN)];

	return process->mm && below(half, 3) ? process : &half->main;
}

/* ---- Pins ----------------------------------------------------------------------------------------------- */

static void pin_page(struct half *half, struct pin *pin)
{
	const struct gw_core *core = core_of(half);
	unsigned long addr;
	long got;

	pin->page = below(half, NR_PAGES);
	pin->flags = GW_GUP_PIN | (below(half, 2) ? GW_GUP_WRITE : 0);
	addr = half->base + pin->page * PAGE;
	if (below(half, 4))
		got = core->get_user_pages_fast(half->main.mm, addr, 1, pin->flags, &pin->folio);
	else
		got = core->get_user_pages(half->main.mm, addr, 1, pin->flags, &pin->folio);
	RIG_CHECK(got == 1, "pin: %ld", got);
}

/* Whatever happened since: the pin and the page are the same memory. */
static void use_pin(struct half *half, struct pin *pin)
{
	struct machine *machine = half->worker->rig->machine;
	uint64_t value;

	core_of(half)->folio_read(machine, pin->folio, 0, &value, sizeof(value));
	RIG_CHECK(value == half->main.shadow[pin->page],
		  "%s: the pin of page %lu reads %lx, not %lx", half->worker->name, pin->page,
		  value, half->main.shadow[pin->page]);
	if (!(pin->flags & GW_GUP_WRITE))
		return;
	value = prng_next(&half->worker->prng);
	core_of(half)->folio_write(machine, pin->folio, 0, &value, sizeof(value));
	half->main.shadow[pin->page] = value;
	do_load(half, &half->main, pin->page);
}

static void do_pin(struct half *half)
{
	struct pin *pin = &half->pins[below(half, PINS)];

	if (!pin->folio) {
		pin_page(half, pin);
		return;
	}
	use_pin(half, pin);
	if (below(half, 4))
		return;
	core_of(half)->put_user_pages(half->worker->rig->machine, &pin->folio, 1, pin->flags);
	pin->folio = NULL;
}

/* ---- The workers ------------------------------------------------------------------------------------------ */

static void one_round(struct half *half)
{
	struct process *process = pick(half);
	struct process *child = &half->children[below(half, CHILDREN)];
	unsigned long page = below(half, NR_PAGES), what = below(half, 100);

	if (what < 6) {
		if (child->mm)
			do_exit(half, child);
		else
			do_fork(half, process, child);
	} else if (what < 16) {
		do_pin(half);
	} else if (what < 60) {
		do_store(half, process, page);
	} else {
		do_load(half, process, page);
	}
}

static void work(struct worker *worker)
{
	struct half *half = worker->arg;

	half->worker = worker;
	for (unsigned long page = 0; page < NR_PAGES; page++)
		do_store(half, &half->main, page);
	while (!rig_time_is_up(worker->rig)) {
		for (int i = 0; i < 64; i++)
			one_round(half);
		worker->rounds += 64;
	}
	for (int i = 0; i < PINS; i++)
		if (half->pins[i].folio)
			core_of(half)->put_user_pages(worker->rig->machine, &half->pins[i].folio, 1,
						      half->pins[i].flags);
	for (int i = 0; i < CHILDREN; i++)
		if (half->children[i].mm)
			do_exit(half, &half->children[i]);
	for (unsigned long page = 0; page < NR_PAGES; page++)
		do_load(half, &half->main, page);
}

int main(int argc, char **argv)
{
	static const struct gw_limits limits = {
		.as = ~0ull, .data = ~0ull, .stack = 8 << 20, .memlock = ~0ull
	};
	static const struct gw_mmap args = {
		.addr = BASE,
		.len = NR_WORKERS * NR_PAGES * PAGE,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	};
	static struct half halves[NR_WORKERS];
	struct mm *mm;
	struct rig rig;
	int err;

	rig_create(&rig, argc, argv);
	err = rig.core->mm_create(rig.machine, &limits, &mm);
	RIG_CHECK(err == 0, "mm_create: %d", err);
	RIG_CHECK(rig.core->mmap(mm, &args) == BASE, "mmap");
	for (int i = 0; i < NR_WORKERS; i++) {
		halves[i].base = BASE + (unsigned long)i * NR_PAGES * PAGE;
		halves[i].main.mm = mm;
		rig_add(&rig, i ? "worker 1" : "worker 0", i, work, &halves[i]);
	}
	rig_add(&rig, "migrate", NR_WORKERS, rig_migrate_all, NULL);
	rig_run(&rig);
	rig_validate(&rig);
	RIG_CHECK(rig.core->machine_counter(rig.machine, GW_COUNTER_pgmigrate_success) > 0 &&
			  rig.core->machine_counter(rig.machine, GW_COUNTER_fork_copy_pinned) > 0 &&
			  rig.core->machine_counter(rig.machine, GW_COUNTER_fault_unshare) > 0 &&
			  rig.core->machine_counter(rig.machine, GW_COUNTER_fault_reuse) > 0,
		  "something that is to be tested never happened");
	rig.core->mm_put(mm);
	rig_validate(&rig);
	rig_destroy(&rig);
	return 0;
}
