// SPDX-License-Identifier: MIT
/* test_anon_vma.c - families of anon_vmas: made, shared, cloned, handed down, reused, freed */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "anon_vma.h"
#include "threads.h"
#include "uaccess.h"

#define RW (PROT_READ | PROT_WRITE)

static struct vma *find_vma(struct mm *mm, unsigned long addr)
{
	return vma_tree_find(&mm->vmas, addr, NULL);
}

static int prepare(struct mm *mm, unsigned long addr)
{
	int err;

	down_read(&mm->mmap_lock);
	err = anon_vma_prepare(vma_find(mm, addr));
	up_read(&mm->mmap_lock);
	return err;
}

static int nr_chains(const struct vma *vma)
{
	const struct anon_vma_chain *avc;
	int nr = 0;

	list_for_each_entry(avc, &vma->anon_vma_chain, same_vma)
		nr++;
	return nr;
}

/* Is @vma in the tree of @anon_vma, at its own offsets? */
static bool in_tree(struct anon_vma *anon_vma, const struct vma *vma)
{
	struct interval_node *node;

	interval_tree_for_each(node, &anon_vma->rb, vma->pgoff, vma->pgoff + vma_pages(vma) - 1)
	{
		if (container_of(node, struct anon_vma_chain, node)->vma == vma)
			return node->first == vma->pgoff &&
			       node->last == vma->pgoff + vma_pages(vma) - 1;
	}
	return false;
}

/* ---- Making ------------------------------------------------------------------------------------------ */

/* Fails when a VMA without pages costs an anon_vma, or one gets two. */
static void an_anon_vma_is_made_for_the_first_page(void **state)
{
	struct fixture *fixture = *state;
	struct vma *vma;

	fixture_map_at(fixture->mm, 0x100000, 0x2000, RW);
	vma = find_vma(fixture->mm, 0x100000);
	assert_null(vma->anon_vma);
	assert_int_equal(prepare(fixture->mm, 0x100000), 0);
	assert_non_null(vma->anon_vma);
	assert_ptr_equal(vma->anon_vma->root, vma->anon_vma);
	assert_ptr_equal(vma->anon_vma->parent, vma->anon_vma);
	assert_int_equal(vma->anon_vma->num_active_vmas, 1);
	assert_int_equal(vma->anon_vma->num_children, 1);
	assert_int_equal(atomic_read(&vma->anon_vma->refcount), 1);
	assert_true(in_tree(vma->anon_vma, vma));
	assert_int_equal(prepare(fixture->mm, 0x101000), 0);
	assert_int_equal(nr_chains(vma), 1);
}

/* Fails when neighbours that differ in rights alone could never merge again. */
static void neighbours_that_may_merge_one_day_share(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x1000, RW | PROT_EXEC);
	fixture_map_at(mm, 0x101000, 0x1000, RW);
	fixture_map_at(mm, 0x102000, 0x1000, RW | PROT_EXEC);
	fixture_map_at(mm, 0x104000, 0x1000, RW); /* not a neighbour */
	assert_int_equal(prepare(mm, 0x102000), 0);
	assert_int_equal(prepare(mm, 0x101000), 0); /* from above */
	assert_int_equal(prepare(mm, 0x100000), 0); /* from above again */
	assert_int_equal(prepare(mm, 0x104000), 0);
	assert_ptr_equal(find_vma(mm, 0x101000)->anon_vma, find_vma(mm, 0x102000)->anon_vma);
	assert_ptr_equal(find_vma(mm, 0x100000)->anon_vma, find_vma(mm, 0x102000)->anon_vma);
	assert_int_equal(find_vma(mm, 0x100000)->anon_vma->num_active_vmas, 3);
	assert_ptr_not_equal(find_vma(mm, 0x104000)->anon_vma, find_vma(mm, 0x102000)->anon_vma);
	fixture_map_at(mm, 0x105000, 0x1000, PROT_WRITE | PROT_EXEC);
	assert_int_equal(prepare(mm, 0x105000), 0); /* from below */
	assert_int_equal(find_vma(mm, 0x105000)->anon_vma->num_active_vmas, 2);
	assert_ptr_equal(find_vma(mm, 0x105000)->anon_vma, find_vma(mm, 0x104000)->anon_vma);
	fixture_assert_valid(fixture);
	assert_int_equal(mm_mprotect(mm, 0x100000, 0x3000, RW), 0);
	fixture_assert_maps(mm, "100000-103000 rw-p\n104000-105000 rw-p\n105000-106000 -wxp\n");
	assert_int_equal(find_vma(mm, 0x100000)->anon_vma->num_active_vmas, 1);
	fixture_assert_valid(fixture);
}

/* Fails when mappings share that can never merge: pages of both would be walked for nothing. */
static void neighbours_that_can_never_merge_do_not_share(void **state)
{
	struct fixture *fixture = *state;
	struct mapping *file = fixture_file(fixture, "file", 0x8000);
	struct mm *mm = fixture->mm;
	int flags = MAP_PRIVATE | MAP_FIXED;

	fixture_mmap(mm, 0x100000, 0x1000, RW, flags, file, 0);
	fixture_mmap(mm, 0x101000, 0x1000, PROT_WRITE, flags, file, 1); /* it continues */
	fixture_mmap(mm, 0x102000, 0x1000, RW, flags, file, 5);		/* it does not */
	fixture_map_at(mm, 0x103000, 0x1000, RW);			/* no file */
	fixture_mmap(mm, 0x104000, 0x1000, RW,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);
	for (unsigned long addr = 0x100000; addr < 0x105000; addr += 0x1000)
		assert_int_equal(prepare(mm, addr), 0);
	assert_ptr_equal(find_vma(mm, 0x100000)->anon_vma, find_vma(mm, 0x101000)->anon_vma);
	for (unsigned long addr = 0x101000; addr < 0x104000; addr += 0x1000)
		assert_ptr_not_equal(find_vma(mm, addr)->anon_vma,
				     find_vma(mm, addr + 0x1000)->anon_vma);
	fixture_assert_valid(fixture);
	mapping_put(file);
}

static int prepare_operation(struct fixture *fixture, void *arg)
{
	(void)arg;
	return prepare(fixture->mm, 0x100000);
}

/* Fails when half of what a VMA needs is left behind. */
static void a_failed_preparation_leaves_none(void **state)
{
	struct fixture *fixture = *state;

	fixture_map_at(fixture->mm, 0x100000, 0x1000, RW);
	assert_true(fixture_fail_nth_sweep(fixture, fixture->mm, prepare_operation, NULL) >= 2);
	assert_int_equal(nr_chains(find_vma(fixture->mm, 0x100000)), 1);
}

struct racer {
	struct mm *mm;
	pthread_barrier_t *start;
	int err;
};

static void *race_prepare(void *arg)
{
	struct racer *racer = arg;

	threads_task_attach("racer", 1);
	pthread_barrier_wait(racer->start);
	for (unsigned long i = 0; i < 64 && !racer->err; i++)
		racer->err = prepare(racer->mm, 0x100000 + i * 0x1000);
	threads_task_detach();
	return NULL;
}

/* Fails when two first faults at once give one VMA two anon_vmas, or lose one. */
static void first_faults_at_once_agree_on_one(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	for (int round = 0; round < 40; round++) {
		pthread_barrier_t start;
		struct racer racers[2] = { { mm, &start, 0 }, { mm, &start, 0 } };
		pthread_t threads[2];

		/* Rights alternate: neighbours do not merge, but look at each other's anon_vma. */
		for (unsigned long i = 0; i < 64; i++)
			fixture_map_at(mm, 0x100000 + i * 0x1000, 0x1000,
				       i % 2 ? RW : RW | PROT_EXEC);
		pthread_barrier_init(&start, NULL, 2);
		for (int i = 0; i < 2; i++)
			assert_int_equal(
				pthread_create(&threads[i], NULL, race_prepare, &racers[i]), 0);
		for (int i = 0; i < 2; i++) {
			pthread_join(threads[i], NULL);
			assert_int_equal(racers[i].err, 0);
		}
		pthread_barrier_destroy(&start);
		for (unsigned long i = 0; i < 64; i++)
			assert_int_equal(nr_chains(find_vma(mm, 0x100000 + i * 0x1000)), 1);
		fixture_assert_valid(fixture);
		assert_int_equal(mm_munmap(mm, 0x100000, 0x40000), 0);
	}
}

/* ---- Splitting and freeing ---------------------------------------------------------------------------- */

/* Fails when the last VMA does not free the anon_vma, or one before it does. */
static void the_last_vma_frees_it(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct anon_vma *anon_vma;

	fixture_map_at(mm, 0x100000, 0x3000, RW);
	assert_int_equal(prepare(mm, 0x100000), 0);
	anon_vma = find_vma(mm, 0x100000)->anon_vma;
	assert_int_equal(mm_munmap(mm, 0x101000, 0x1000), 0);
	assert_int_equal(anon_vma->num_active_vmas, 2);
	assert_true(in_tree(anon_vma, find_vma(mm, 0x100000)));
	assert_true(in_tree(anon_vma, find_vma(mm, 0x102000)));
	get_anon_vma(anon_vma); /* as a migration does */
	assert_int_equal(mm_munmap(mm, 0x100000, 0x1000), 0);
	assert_int_equal(anon_vma->num_active_vmas, 1);
	assert_int_equal(atomic_read(&anon_vma->refcount), 2);
	assert_int_equal(mm_munmap(mm, 0x102000, 0x1000), 0);
	assert_int_equal(anon_vma->num_active_vmas, 0);
	assert_int_equal(anon_vma->num_children, 0);
	assert_int_equal(atomic_read(&anon_vma->refcount), 1);
	put_anon_vma(fixture->machine, anon_vma);
	assert_int_equal(atomic_read(&anon_vma->refcount), 0);
}

/* Fails when memory that a stale pointer leads to is not an anon_vma any more. */
static void a_stale_pointer_leads_to_an_anon_vma(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;
	struct anon_vma *stale;

	fixture_map_at(mm, 0x100000, 0x1000, RW);
	assert_int_equal(prepare(mm, 0x100000), 0);
	stale = find_vma(mm, 0x100000)->anon_vma;
	assert_int_equal(mm_munmap(mm, 0x100000, 0x1000), 0);
	assert_false(atomic_inc_not_zero(&stale->refcount));
	assert_true(down_read_trylock(&stale->lock)); /* its lock is free, and works */
	up_read(&stale->lock);
	/* Last freed, first reused: by a stranger, whose lock the same is. */
	fixture_map_at(mm, 0x900000, 0x1000, RW);
	assert_int_equal(prepare(mm, 0x900000), 0);
	assert_ptr_equal(find_vma(mm, 0x900000)->anon_vma, stale);
	assert_ptr_equal(stale->root, stale);
	assert_true(in_tree(stale, find_vma(mm, 0x900000)));
}

/* ---- Generations --------------------------------------------------------------------------------------- */

/* The next process: an address space with one VMA, the copy of @parent's, as fork() would make it. */
static struct mm *fork_vma(struct fixture *fixture, struct mm *parent, int *err)
{
	struct vma *old = find_vma(parent, 0x100000), *new;
	struct mm *child;

	*err = mm_create(fixture->machine, &parent->limits, &child);
	if (*err)
		return NULL;
	*err = -ENOMEM;
	new = vma_alloc(child);
	if (!new)
		goto out_mm;
	new->start = old->start;
	new->end = old->end;
	new->pgoff = old->pgoff;
	new->flags = old->flags;
	new->page_prot = old->page_prot;
	mmap_write_lock(parent);
	down_write_nested(&child->mmap_lock, LOCK_NEST_CHILD);
	*err = anon_vma_fork(new, old);
	if (!*err) {
		*err = vma_insert(child, new);
		if (*err)
			unlink_anon_vmas(new);
	}
	mmap_write_unlock(child);
	mmap_write_unlock(parent);
	if (!*err)
		return child;
	vma_free(new);
out_mm:
	mm_put(child);
	return NULL;
}

static struct mm *fork_or_fail(struct fixture *fixture, struct mm *parent)
{
	int err;
	struct mm *child = fork_vma(fixture, parent, &err);

	assert_int_equal(err, 0);
	return child;
}

/* Fails when a walk from the parent's page misses the child, or the child's page finds the parent. */
static void a_child_is_found_from_its_parents_pages(void **state)
{
	struct fixture *fixture = *state;
	struct vma *old, *new;
	struct mm *child;

	fixture_map_at(fixture->mm, 0x100000, 0x2000, RW);
	assert_int_equal(prepare(fixture->mm, 0x100000), 0);
	old = find_vma(fixture->mm, 0x100000);
	child = fork_or_fail(fixture, fixture->mm);
	new = find_vma(child, 0x100000);
	assert_ptr_not_equal(new->anon_vma, old->anon_vma);
	assert_ptr_equal(new->anon_vma->root, old->anon_vma);
	assert_ptr_equal(new->anon_vma->parent, old->anon_vma);
	assert_int_equal(nr_chains(new), 2);
	assert_true(in_tree(old->anon_vma, new));
	assert_true(in_tree(new->anon_vma, new));
	assert_false(in_tree(new->anon_vma, old));
	assert_int_equal(old->anon_vma->num_children, 2);
	assert_int_equal(atomic_read(&old->anon_vma->refcount), 2);
	fixture_assert_valid(fixture);
	mm_put(child);
	assert_int_equal(old->anon_vma->num_children, 1);
	assert_int_equal(atomic_read(&old->anon_vma->refcount), 1);
}

/* Fails when the root, whose lock its children use, goes before them. */
static void a_root_outlives_its_own_process(void **state)
{
	struct fixture *fixture = *state;
	struct anon_vma *root;
	struct mm *child, *grandchild;
	struct vma *vma;

	fixture_map_at(fixture->mm, 0x100000, 0x2000, RW);
	assert_int_equal(prepare(fixture->mm, 0x100000), 0);
	root = find_vma(fixture->mm, 0x100000)->anon_vma;
	child = fork_or_fail(fixture, fixture->mm);
	mm_put(fixture->mm);
	fixture->mm = NULL;
	assert_int_equal(root->num_active_vmas, 0);
	assert_true(atomic_read(&root->refcount) >= 1);
	fixture_assert_valid(fixture);
	/* The root has itself and a child for children: the grandchild may not take it over. */
	grandchild = fork_or_fail(fixture, child);
	vma = find_vma(grandchild, 0x100000);
	assert_ptr_not_equal(vma->anon_vma, root);
	assert_ptr_equal(vma->anon_vma->root, root);
	assert_int_equal(nr_chains(vma), 3);
	mm_put(child);
	assert_int_equal(prepare(grandchild, 0x100000), 0);
	fixture_assert_valid(fixture);
	mm_put(grandchild);
	assert_int_equal(atomic_read(&root->refcount), 0);
}

/* Fails when a process that forks and exits, again and again, makes chains without end. */
static void generations_reuse_what_their_ancestors_left(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mm = fixture->mm;

	fixture_map_at(mm, 0x100000, 0x1000, RW);
	assert_int_equal(prepare(mm, 0x100000), 0);
	fixture->mm = NULL;
	for (int i = 0; i < 50; i++) {
		struct mm *child = fork_or_fail(fixture, mm);

		mm_put(mm);
		mm = child;
		assert_true(nr_chains(find_vma(mm, 0x100000)) <= 3);
	}
	fixture_assert_valid(fixture);
	mm_put(mm);
}

/*
 * Fails when an anon_vma is taken over by two: VMAs with one anon_vma must have the same chains, or
 * merging them loses pages.  Linux 2555283eb40d counted children and users apart for this.
 */
static void an_anon_vma_in_use_is_not_taken_over_again(void **state)
{
	struct fixture *fixture = *state;
	struct mm *mms[4];
	struct vma *a, *b;

	fixture_map_at(fixture->mm, 0x100000, 0x1000, RW);
	assert_int_equal(prepare(fixture->mm, 0x100000), 0);
	mms[0] = fork_or_fail(fixture, fixture->mm); /* its anon_vma will be left over */
	mms[1] = fork_or_fail(fixture, mms[0]);
	mm_put(mms[0]);
	mms[2] = fork_or_fail(fixture, mms[1]); /* takes it over */
	mms[3] = fork_or_fail(fixture, mms[1]); /* must not */
	a = find_vma(mms[2], 0x100000);
	b = find_vma(mms[3], 0x100000);
	assert_ptr_equal(a->anon_vma, find_vma(mms[1], 0x100000)->anon_vma->parent);
	assert_int_equal(nr_chains(a), 3);
	assert_ptr_not_equal(b->anon_vma, a->anon_vma);
	assert_int_equal(nr_chains(b), 4);
	fixture_assert_valid(fixture);
	for (int i = 1; i < 4; i++)
		mm_put(mms[i]);
}

/* Fails when a VMA with a parent's chains shares or merges as one without. */
static void a_vma_with_a_parent_does_not_share_or_merge(void **state)
{
	struct fixture *fixture = *state;
	struct mm *child;

	fixture_map_at(fixture->mm, 0x100000, 0x1000, RW);
	assert_int_equal(prepare(fixture->mm, 0x100000), 0);
	child = fork_or_fail(fixture, fixture->mm);
	fixture_map_at(child, 0x101000, 0x1000, RW);
	fixture_assert_maps(child, "100000-101000 rw-p\n101000-102000 rw-p\n");
	assert_int_equal(prepare(child, 0x101000), 0);
	assert_ptr_not_equal(find_vma(child, 0x101000)->anon_vma->root,
			     find_vma(child, 0x100000)->anon_vma->root);
	/* But what is split off it goes back. */
	assert_int_equal(mm_munmap(child, 0x101000, 0x1000), 0);
	fixture_map_at(child, 0x101000, 0x1000, RW | PROT_EXEC);
	assert_int_equal(mm_munmap(child, 0x101000, 0x1000), 0);
	mm_put(child);
}

static int fork_operation(struct fixture *fixture, void *arg)
{
	struct mm **child = arg;
	int err;

	*child = fork_vma(fixture, fixture->mm, &err);
	return err;
}

/* Fails when a fork that runs out of memory leaves a chain in the parent's trees. */
static void a_failed_fork_leaves_no_chain(void **state)
{
	struct fixture *fixture = *state;
	struct mm *child;

	fixture_map_at(fixture->mm, 0x100000, 0x1000, RW);
	assert_int_equal(prepare(fixture->mm, 0x100000), 0);
	assert_true(fixture_fail_nth_sweep(fixture, fixture->mm, fork_operation, &child) >= 6);
	mm_put(child);
	assert_int_equal(find_vma(fixture->mm, 0x100000)->anon_vma->num_children, 1);
	assert_int_equal(nr_chains(find_vma(fixture->mm, 0x100000)), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_anon_vma_is_made_for_the_first_page),
		TEST(neighbours_that_may_merge_one_day_share),
		TEST(neighbours_that_can_never_merge_do_not_share),
		TEST(a_failed_preparation_leaves_none),
		TEST(first_faults_at_once_agree_on_one),
		TEST(the_last_vma_frees_it),
		TEST(a_stale_pointer_leads_to_an_anon_vma),
		TEST(a_child_is_found_from_its_parents_pages),
		TEST(a_root_outlives_its_own_process),
		TEST(generations_reuse_what_their_ancestors_left),
		TEST(an_anon_vma_in_use_is_not_taken_over_again),
		TEST(a_vma_with_a_parent_does_not_share_or_merge),
		TEST(a_failed_fork_leaves_no_chain),
	};

	return cmocka_run_group_tests_name("anon_vma", tests, NULL, NULL);
}
