// SPDX-License-Identifier: MIT
/* test_fork.c - what a child inherits, what it shares, and who copies when */
#include "pages.h"

#include <errno.h>
#include <sys/mman.h>

#include "migrate.h"
#include "prng.h"
#include "rmap.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x100000ul
#define FAR  0x40000000ul /* another table */

static struct vma *vma_at(struct mm *mm, unsigned long addr)
{
	return vma_tree_find(&mm->vmas, addr, NULL);
}

static void set_vma_flag(struct mm *mm, unsigned long addr, unsigned long flag)
{
	mmap_write_lock(mm);
	vma_at(mm, addr)->flags |= flag;
	if (flag == VM_LOCKED)
		mm->locked_vm += vma_pages(vma_at(mm, addr));
	mmap_write_unlock(mm);
}

static unsigned long counter(struct fixture *fixture, enum gw_counter counter)
{
	return machine_counter(fixture->machine, counter);
}

/* ---- What is inherited ----------------------------------------------------------------------------- */

/* Fails when a mapping, a limit or a place is lost, or a lock in memory is inherited. */
static void a_child_has_its_parents_mappings(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct mapping *file = fixture_file(fixture, "/file", 0x4000);
	char before[FIXTURE_MAPS_SIZE], after[FIXTURE_MAPS_SIZE];
	struct gw_mm_info of_parent, of_child;

	for (unsigned long i = 0; i < 100; i++)
		fixture_map_at(mm, BASE + i * 0x2000, 0x1000, i % 3 ? RW : PROT_READ);
	assert_int_equal(fixture_mmap(mm, FAR, 0x4000, RW, MAP_PRIVATE | MAP_FIXED, file, 0), FAR);
	assert_int_equal(fixture_mmap(mm, FAR + 0x8000, 0x2000, RW,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, NULL,
				      0),
			 FAR + 0x8000);
	store(mm, FAR, 1);
	store(mm, FAR + 0x8000, 2);
	set_vma_flag(mm, BASE + 0x2000, VM_LOCKED);
	mm->start_brk = 0x12000;
	mm->brk = 0x13000;
	mm->arg_start = 0x7000;
	mm->limits.stack = 12345;
	child = fork_mm(mm);
	fixture_maps(mm, before);
	fixture_maps(child, after);
	assert_string_equal(before, after);
	mm_info(mm, &of_parent);
	mm_info(child, &of_child);
	assert_int_equal(of_child.total_vm, of_parent.total_vm);
	assert_int_equal(of_child.data_vm, of_parent.data_vm);
	assert_int_equal(of_child.stack_vm, of_parent.stack_vm);
	assert_int_equal(of_child.map_count, of_parent.map_count);
	assert_int_equal(of_child.rss_anon, of_parent.rss_anon);
	assert_int_equal(of_child.start_brk, 0x12000);
	assert_int_equal(of_child.brk, 0x13000);
	assert_int_equal(of_child.arg_start, 0x7000);
	assert_int_equal(child->limits.stack, 12345);
	assert_int_equal(child->locked_vm, 0);
	assert_false(vma_at(child, BASE + 0x2000)->flags & VM_LOCKED);
	assert_int_equal(load(child, FAR + 0x8000), 2);
	fixture_assert_valid(fixture);
	mm_put(child);
	mapping_put(file);
}

/* Fails when VM_DONTCOPY or VM_WIPEONFORK is not honoured, or accounted wrong. */
static void what_a_mapping_says_of_fork_is_done(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;

	for (unsigned long i = 0; i < 3; i++) {
		fixture_map_at(mm, BASE + i * 0x4000, 0x2000, RW);
		store(mm, BASE + i * 0x4000, 10 + i);
	}
	set_vma_flag(mm, BASE, VM_DONTCOPY);
	set_vma_flag(mm, BASE + 0x4000, VM_WIPEONFORK);
	child = fork_mm(mm);
	fixture_assert_maps(child, "104000-106000 rw-p\n108000-10a000 rw-p\n");
	assert_int_equal(child->total_vm, 4);
	assert_null(vma_at(child, BASE + 0x4000)->anon_vma);
	assert_int_equal(load(child, BASE + 0x4000), 0);
	assert_int_equal(load(child, BASE + 0x8000), 12);
	for (unsigned long i = 0; i < 3; i++)
		assert_int_equal(load(mm, BASE + i * 0x4000), 10 + i);
	/* And the child's child is wiped again. */
	store(child, BASE + 0x4000, 99);
	mm_put(mm);
	fixture->mm = child;
	child = fork_mm(fixture->mm);
	assert_int_equal(load(child, BASE + 0x4000), 0);
	mm_put(child);
}

/* Fails when fork copies what a fault can bring back, or leaves out what it cannot. */
static void clean_file_pages_are_left_to_faults(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct mapping *file = fixture_file(fixture, "/file", 0x10000);
	uint64_t clean;

	assert_int_equal(fixture_mmap(mm, BASE, 0x4000, RW, MAP_PRIVATE | MAP_FIXED, file, 0),
			 BASE);
	assert_int_equal(fixture_mmap(mm, FAR, 0x4000, RW, MAP_PRIVATE | MAP_FIXED, file, 4), FAR);
	clean = load(mm, BASE + 0x1000);
	load(mm, FAR);
	store(mm, BASE, 77);
	child = fork_mm(mm);
	/* The first has a private page, so all of it is copied; the second has none. */
	assert_true(pte_present(pte_at(child, BASE)));
	assert_true(pte_present(pte_at(child, BASE + 0x1000)));
	assert_true(pte_none(pte_at(child, FAR)));
	assert_int_equal(load(child, BASE), 77);
	assert_int_equal(load(child, BASE + 0x1000), clean);
	assert_int_equal(load(child, FAR), load(mm, FAR));
	fixture_assert_valid(fixture);
	store(child, BASE + 0x1000, 78);
	assert_int_equal(load(mm, BASE + 0x1000), clean);
	mm_put(child);
	mapping_put(file);
}

/* Fails when the zero page is counted, or a child may write it. */
static void the_zero_page_is_inherited_uncounted(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;

	fixture_map_at(mm, BASE, 0x3000, RW);
	assert_int_equal(load(mm, BASE), 0);
	store(mm, BASE + 0x1000, 5); /* an anon_vma, so that entries are copied */
	child = fork_mm(mm);
	assert_ptr_equal(folio_at(child, BASE), fixture->machine->zero_folio);
	assert_int_equal(atomic_long_read(&child->rss_anon), 1);
	assert_int_equal(folio_mapcount(fixture->machine->zero_folio), 0);
	store(child, BASE, 6);
	assert_int_equal(load(mm, BASE), 0);
	assert_int_equal(load(child, BASE), 6);
	fixture_assert_valid(fixture);
	mm_put(child);
}

/* ---- Sharing and copying ---------------------------------------------------------------------------- */

/* Fails when a store is seen by the other, whoever stores first. */
static void stores_stay_on_their_side(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct folio *shared;

	fixture_map_at(mm, BASE, 0x3000, RW);
	for (unsigned long i = 0; i < 3; i++)
		store(mm, BASE + i * 0x1000, 20 + i);
	shared = folio_at(mm, BASE);
	assert_true(folio_test(shared, PG_anon_exclusive));
	child = fork_mm(mm);
	assert_ptr_equal(folio_at(child, BASE), shared);
	assert_false(folio_test(shared, PG_anon_exclusive));
	assert_int_equal(folio_mapcount(shared), 2);
	assert_false(pte_write(pte_at(mm, BASE)) || pte_write(pte_at(child, BASE)));
	store(mm, BASE, 30);
	store(child, BASE + 0x1000, 31);
	assert_int_equal(load(mm, BASE), 30);
	assert_int_equal(load(child, BASE), 20);
	assert_int_equal(load(mm, BASE + 0x1000), 21);
	assert_int_equal(load(child, BASE + 0x1000), 31);
	assert_int_equal(load(child, BASE + 0x2000), 22);
	fixture_assert_valid(fixture);
	mm_put(child);
	assert_int_equal(load(mm, BASE + 0x1000), 21);
}

/* Fails when the last one who has a page copies it, or one who shares it does not. */
static void the_last_one_reuses_the_page(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct folio *page;
	unsigned long copies, reuses;

	fixture_map_at(mm, BASE, 0x1000, RW);
	store(mm, BASE, 20);
	page = folio_at(mm, BASE);
	child = fork_mm(mm);
	copies = counter(fixture, GW_COUNTER_fault_cow);
	reuses = counter(fixture, GW_COUNTER_fault_reuse);
	store(mm, BASE, 21); /* shared: a copy */
	assert_int_equal(counter(fixture, GW_COUNTER_fault_cow), copies + 1);
	assert_ptr_not_equal(folio_at(mm, BASE), page);
	assert_true(folio_test(folio_at(mm, BASE), PG_anon_exclusive));
	store(child, BASE, 22); /* the last one: its own from now on, in its own anon_vma */
	assert_int_equal(counter(fixture, GW_COUNTER_fault_cow), copies + 1);
	assert_int_equal(counter(fixture, GW_COUNTER_fault_reuse), reuses + 1);
	assert_ptr_equal(folio_at(child, BASE), page);
	assert_true(folio_test(page, PG_anon_exclusive));
	assert_ptr_equal(folio_anon_vma(page), vma_at(child, BASE)->anon_vma);
	fixture_assert_valid(fixture);
	mm_put(child);
}

/* Fails when a page is reused while someone has a reference, and would see what is written. */
static void a_page_that_someone_looks_at_is_not_reused(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct mm *child;
	struct folio *page;

	fixture_map_at(mm, BASE, 0x1000, RW);
	store(mm, BASE, 20);
	child = fork_mm(mm);
	page = folio_at(mm, BASE);
	folio_get(page);
	mm_put(child);
	store(mm, BASE, 21);
	assert_ptr_not_equal(folio_at(mm, BASE), page);
	folio_put(fixture->machine, page);
}

/* Fails when mprotect gives back the right to write a page that a child shares. */
static void mprotect_does_not_undo_the_sharing(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;

	fixture_map_at(mm, BASE, 0x1000, RW);
	store(mm, BASE, 20);
	child = fork_mm(mm);
	assert_int_equal(mm_mprotect(mm, BASE, 0x1000, PROT_READ), 0);
	assert_int_equal(mm_mprotect(mm, BASE, 0x1000, RW), 0);
	assert_false(pte_write(pte_at(mm, BASE)));
	store(mm, BASE, 21);
	assert_int_equal(load(child, BASE), 20);
	mm_put(child);
}

/* Fails when a translation of the parent's outlives its right to write. */
static void the_parent_cannot_write_through_its_tlb(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;

	fixture_map_at(mm, BASE, 0x2000, RW);
	store(mm, BASE, 20); /* cached, writable */
	child = fork_mm(mm);
	store(mm, BASE, 21);
	assert_int_equal(load(child, BASE), 20);
	mm_put(child);
}

/* ---- Depth ------------------------------------------------------------------------------------------- */

/* Each process of a chain writes its own word; fails when a generation sees another's store. */
static void generations_see_what_was_there_when_they_were_made(void **state)
{
	enum { DEPTH = 20 };
	struct fixture *fixture = *state;
	struct mm *mms[DEPTH] = { fixture->mm };

	fixture_map_at(mms[0], BASE, DEPTH * 0x1000, RW);
	for (unsigned long i = 0; i < DEPTH; i++)
		store(mms[0], BASE + i * 0x1000, 1000 + i);
	for (int i = 1; i < DEPTH; i++) {
		mms[i] = fork_mm(mms[i - 1]);
		store(mms[i], BASE + (unsigned long)i * 0x1000, (uint64_t)i);
		/* What an ancestor stores now is not for those that are there already. */
		store(mms[i / 2], BASE, 5000 + (uint64_t)i);
	}
	fixture_assert_valid(fixture);
	for (int i = 1; i < DEPTH; i++) {
		for (int page = 1; page < DEPTH; page++)
			assert_int_equal(load(mms[i], BASE + (unsigned long)page * 0x1000),
					 page <= i ? page : 1000 + page);
	}
	/* From the middle outwards. */
	for (int i = 0; i < DEPTH; i++) {
		int at = i % 2 ? DEPTH / 2 + i / 2 : DEPTH / 2 - 1 - i / 2;

		if (at > 0)
			mm_put(mms[at]);
		fixture_assert_valid(fixture);
	}
}

/* Fails when a shared page that moves is found in some of the processes only. */
static void a_page_moves_in_all_its_processes(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child = NULL, *grandchild;
	struct gw_migrate move = { .mode = GW_MIGRATE_SYNC, .reason = GW_MR_SYSCALL };
	struct folio *before;

	fixture_map_at(mm, BASE, 0x2000, RW);
	store(mm, BASE, 20);
	store(mm, BASE + 0x1000, 21);
	child = fork_mm(mm);
	grandchild = fork_mm(child);
	store(child, BASE + 0x1000, 22);
	before = folio_at(mm, BASE);
	assert_int_equal(migrate_range(grandchild, BASE, BASE + 0x2000, &move), 0);
	assert_int_equal(move.nr_succeeded, 2);
	assert_ptr_not_equal(folio_at(mm, BASE), before);
	assert_ptr_equal(folio_at(mm, BASE), folio_at(child, BASE));
	assert_ptr_equal(folio_at(mm, BASE), folio_at(grandchild, BASE));
	assert_int_equal(folio_mapcount(folio_at(mm, BASE)), 3);
	assert_false(folio_test(folio_at(mm, BASE), PG_anon_exclusive));
	store(mm, BASE, 23);
	assert_int_equal(load(child, BASE), 20);
	assert_int_equal(load(grandchild, BASE + 0x1000), 21);
	assert_int_equal(load(child, BASE + 0x1000), 22);
	fixture_assert_valid(fixture);
	mm_put(child);
	mm_put(grandchild);
}

/* ---- Between the walks of a migration ------------------------------------------------------------------ */

struct fork_elsewhere {
	struct mm *mm, *child;
	int err;
};

/* Another task, as this one holds a folio lock, which comes after the mmap_lock. */
static void fork_elsewhere(void *arg)
{
	struct fork_elsewhere *fork = arg;

	fork->err = dup_mm(fork->mm, &fork->child);
}

/* Move the page at BASE by hand, and fork in between. */
static struct mm *fork_while_the_page_moves(struct fixture *fixture, bool succeeds)
{
	struct machine *machine = fixture->machine;
	struct folio *old = folio_at(fixture->mm, BASE),
		     *new = folio_alloc(machine, GFP_MOVABLE, 0);
	struct tlb_batch batch = { .nr = 0 };
	struct fork_elsewhere fork = { .mm = fixture->mm };

	assert_non_null(new);
	folio_get(old);
	folio_lock(old);
	try_to_migrate(machine, old, &batch);
	assert_false(folio_mapped(old));
	fixture_in_another_task(fork_elsewhere, &fork);
	assert_int_equal(fork.err, 0);
	/* Nobody has flushed for the migration yet: what is stored now would be the child's too. */
	tlb_assert_flushed(fixture->mm, BASE, BASE + PAGE_SIZE, VM_READ);
	tlb_batch_flush(machine, &batch);
	if (succeeds) {
		assert_true(folio_trylock(new));
		new->index = old->index;
		new->mapping = old->mapping;
		folio_set(new, PG_uptodate);
		folio_copy(machine, new, old);
		remove_migration_ptes(machine, old, new);
		folio_add_lru(machine, new);
		folio_unlock(new);
	} else {
		remove_migration_ptes(machine, old, old);
	}
	folio_unlock(old);
	folio_put(machine, old);
	folio_put(machine, new);
	return fork.child;
}

/* Fails when a page that was on its way at the fork comes back writable on either side. */
static void a_page_on_its_way_is_shared_too(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, BASE, 0x1000, RW);
	for (int round = 0; round < 4; round++) {
		bool read_only = round & 1;
		struct mm *child;

		assert_int_equal(mm_mprotect(mm, BASE, 0x1000, RW), 0);
		store(mm, BASE, 20);
		if (read_only)
			assert_int_equal(mm_mprotect(mm, BASE, 0x1000, PROT_READ), 0);
		child = fork_while_the_page_moves(fixture, round & 2);
		fixture_assert_valid(fixture);
		assert_ptr_equal(folio_at(mm, BASE), folio_at(child, BASE));
		assert_false(folio_test(folio_at(mm, BASE), PG_anon_exclusive));
		assert_int_equal(atomic_long_read(&child->rss_anon), 1);
		assert_int_equal(mm_mprotect(mm, BASE, 0x1000, RW), 0);
		store(mm, BASE, 21);
		assert_int_equal(load(child, BASE), 20);
		mm_put(child);
	}
}

/* ---- Failing ---------------------------------------------------------------------------------------------- */

static int fork_operation(struct fixture *fixture, void *arg)
{
	return dup_mm(fixture->mm, arg);
}

/* Fails when a fork that runs out of memory leaves something behind. */
static void a_failed_fork_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm, *child;
	struct mapping *file = fixture_file(fixture, "/file", 0x4000);
	unsigned long free_before;

	for (unsigned long i = 0; i < 20; i++) {
		fixture_map_at(mm, BASE + i * 0x40000000, 0x2000, RW);
		store(mm, BASE + i * 0x40000000, 100 + i);
	}
	assert_int_equal(fixture_mmap(mm, FAR, 0x4000, RW, MAP_PRIVATE | MAP_FIXED, file, 0), FAR);
	store(mm, FAR, 7);
	free_before = machine_free_frames(fixture->machine);
	/* Objects are cached, so a run needs few frames; each VMA has one, two chains, a table. */
	assert_true(fixture_fail_nth_sweep(fixture, mm, fork_operation, &child) > 80);
	assert_int_equal(machine_free_frames(fixture->machine), free_before);
	for (unsigned long i = 0; i < 20; i++) {
		assert_int_equal(load(child, BASE + i * 0x40000000), 100 + i);
		store(child, BASE + i * 0x40000000, 200 + i);
		assert_int_equal(load(mm, BASE + i * 0x40000000), 100 + i);
	}
	mm_put(child);
	mapping_put(file);
}

/* ---- At random ------------------------------------------------------------------------------------------- */

#define PROCESSES 6
#define PAGES	  24

struct process {
	struct mm *mm; /* NULL: none */
	uint64_t shadow[PAGES];
};

static void random_step(struct fixture *fixture, struct prng *prng, struct process *processes)
{
	struct process *process = &processes[prng_below(prng, PROCESSES)];
	struct process *other = &processes[prng_below(prng, PROCESSES)];
	unsigned long page = prng_below(prng, PAGES), what = prng_below(prng, 100);
	struct gw_migrate move = { .mode = GW_MIGRATE_ASYNC, .reason = GW_MR_SYSCALL };

	if (!process->mm)
		return;
	if (what < 8 && !other->mm) {
		*other = *process;
		other->mm = fork_mm(process->mm);
	} else if (what < 14 && other->mm && other != process) {
		mm_put(process->mm);
		process->mm = NULL;
	} else if (what < 20) {
		assert_int_equal(mm_munmap(process->mm, BASE + page * 0x1000, 0x1000), 0);
		fixture_map_at(process->mm, BASE + page * 0x1000, 0x1000, RW);
		process->shadow[page] = 0;
	} else if (what < 26) {
		assert_int_equal(migrate_range(process->mm, BASE, BASE + PAGES * 0x1000, &move), 0);
	} else if (what < 70) {
		process->shadow[page] = prng_next(prng);
		store(process->mm, BASE + page * 0x1000, process->shadow[page]);
	} else {
		assert_int_equal(load(process->mm, BASE + page * 0x1000), process->shadow[page]);
	}
	if (what == 99)
		fixture_assert_valid(fixture);
}

/* Fails when any order of fork, exit, unmapping, moving and storing mixes processes up. */
static void processes_at_random_keep_apart(void **state)
{
	struct fixture *fixture = *state;
	struct process processes[PROCESSES] = { { .mm = fixture->mm } };
	struct prng prng;

	prng_seed(&prng, 4);
	fixture_map_at(fixture->mm, BASE, PAGES * 0x1000, RW);
	for (int i = 0; i < 30000; i++)
		random_step(fixture, &prng, processes);
	fixture->mm = NULL;
	for (int i = 0; i < PROCESSES; i++) {
		for (unsigned long page = 0; processes[i].mm && page < PAGES; page++)
			assert_int_equal(load(processes[i].mm, BASE + page * 0x1000),
					 processes[i].shadow[page]);
		if (processes[i].mm)
			mm_put(processes[i].mm);
	}
	fixture_assert_valid(fixture);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_child_has_its_parents_mappings),
		TEST(what_a_mapping_says_of_fork_is_done),
		TEST(clean_file_pages_are_left_to_faults),
		TEST(the_zero_page_is_inherited_uncounted),
		TEST(stores_stay_on_their_side),
		TEST(the_last_one_reuses_the_page),
		TEST(a_page_that_someone_looks_at_is_not_reused),
		TEST(mprotect_does_not_undo_the_sharing),
		TEST(the_parent_cannot_write_through_its_tlb),
		TEST(generations_see_what_was_there_when_they_were_made),
		TEST(a_page_moves_in_all_its_processes),
		TEST(a_page_on_its_way_is_shared_too),
		TEST(a_failed_fork_leaves_nothing),
		TEST(processes_at_random_keep_apart),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
