// SPDX-License-Identifier: MIT
/*
 * classics.c - the programs by which explorers are measured, written with the verbs of sync.h
 *
 * The numbers of traces are closed forms, or were counted by other explorers (Nidhugg, GenMC) and
 * by brute force.  A failed compare-and-swap counts as a write here, so programs with retry loops
 * have more traces than those tools report.
 *
 * rmap is the race of 2010 as a model: E moves the entries of N pages, M walks to a page twice.
 */
#include "classics.h"

#include "sync.h"

#define WORDS	    320
#define WAITERS_MAX 8

static atomic_t mem[WORDS];
static struct spinlock locks[128];
static struct rwsem sem;
static int plain[64]; /* under a lock */

/* A condition variable: each waiter sleeps on a queue of its own, and they are woken in turn. */
static struct condition {
	struct wait_queue waiters[WAITERS_MAX];
	int nr_waiting, nr_woken; /* under the lock that the condition goes with */
} conditions[2];

static int rd(int at)
{
	return atomic_read(&mem[at]);
}

static void wr(int at, int value)
{
	WRITE_ONCE(mem[at].v, value);
}

static bool cas(int at, int *old, int new)
{
	int found = atomic_cmpxchg(&mem[at], *old, new);
	bool done = found == *old;

	*old = found;
	return done;
}

static void lk(int nr)
{
	spin_lock(&locks[nr]);
}

static void ul(int nr)
{
	spin_unlock(&locks[nr]);
}

static void reset(int n, int k)
{
	(void)n, (void)k;
	for (int i = 0; i < WORDS; i++)
		mem[i].v = 0;
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
		spin_lock_init(&locks[i], LOCK_ZONE);
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		plain[i] = 0;
	rwsem_init(&sem, LOCK_MMAP);
	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		conditions[i].nr_waiting = conditions[i].nr_woken = 0;
		for (int waiter = 0; waiter < WAITERS_MAX; waiter++)
			wait_queue_init(&conditions[i].waiters[waiter]);
	}
}

/* ---- Words ------------------------------------------------------------------------------------------ */

static void lastzero(int t, int n, int k)
{
	int i = n;

	(void)k;
	if (t) {
		wr(t, rd(t - 1) + 1);
		return;
	}
	while (rd(i))
		i--;
}

static void indexer(int t, int n, int k)
{
	(void)n, (void)k;
	for (int m = 1; m <= 4; m++) {
		int w = m * 11 + t, h = w * 7 % 128, zero = 0;

		while (!cas(h, &zero, w)) {
			h = (h + 1) % 128;
			zero = 0;
		}
	}
}

static void readers(int t, int n, int k)
{
	(void)k;
	if (t == n)
		wr(0, 1);
	else
		rd(0);
}

static void store_buffer(int t, int n, int k)
{
	(void)k;
	wr(t, 1);
	rd((t + 1) % n);
}

static void w22(int t, int n, int k)
{
	(void)k;
	wr(t, 1);
	wr((t + 1) % n, 2);
}

static void fib_reset(int n, int k)
{
	reset(n, k);
	mem[0].v = mem[1].v = 1;
}

static void fib(int t, int n, int k)
{
	(void)k;
	for (int i = 0; i < n; i++) {
		int a = rd(t), b = rd(1 - t);

		wr(t, a + b);
	}
}

static void faa(int t, int n, int k)
{
	(void)t, (void)n, (void)k;
	atomic_add_return(&mem[0], 1);
}

static void cas_counter(int t, int n, int k)
{
	int old = rd(0);

	(void)t, (void)n, (void)k;
	while (!cas(0, &old, old + 1))
		;
}

static bool counted(int n, int k)
{
	return mem[0].v + plain[0] == n * k;
}

/* Push one's own element, then pop one: word 0 is the top, 1 to n are the links. */
static void treiber(int t, int n, int k)
{
	int top = rd(0), next;

	(void)k;
	do {
		wr(1 + t, top);
	} while (!cas(0, &top, t + 1));
	for (top = rd(0); top;) {
		next = rd(top);
		if (cas(0, &top, next)) {
			atomic_cmpxchg(&mem[n + top], 0, 1);
			return;
		}
	}
}

/* ---- Locks ------------------------------------------------------------------------------------------- */

static void filesystem(int t, int n, int k)
{
	int i = t % 32, b;

	(void)n, (void)k;
	lk(i);
	if (!plain[i]) {
		for (b = i * 2 % 26;; b = (b + 1) % 26) {
			lk(64 + b);
			if (!plain[32 + b])
				break;
			ul(64 + b);
		}
		plain[32 + b] = 1;
		plain[i] = b + 1;
		ul(64 + b);
	}
	ul(i);
}

static void mutex_counter(int t, int n, int k)
{
	(void)t, (void)n;
	for (int i = 0; i < k; i++) {
		lk(1);
		plain[0]++;
		ul(1);
	}
}

/* The best case of reductions that know what a critical section touches; this one does not. */
static void lock_read(int t, int n, int k)
{
	(void)t, (void)n, (void)k;
	lk(1);
	ul(1);
}

/* The order of their forks keeps all but the last from a deadlock. */
static void take_two(int left, int right)
{
	lk(left);
	lk(right);
	ul(right);
	ul(left);
}

static void philosophers(int t, int n, int k)
{
	(void)k;
	if (t == n - 1)
		take_two(0, n - 1);
	else
		take_two(t, t + 1);
}

static void philosophers_cyclic(int t, int n, int k)
{
	(void)k;
	take_two(t, (t + 1) % n);
}

static void ticket(int t, int n, int k)
{
	(void)t, (void)n;
	for (int i = 0; i < k; i++) {
		int mine = atomic_add_return(&mem[1], 1) - 1;

		atomic_await(&mem[2], mine);
		plain[0]++;
		wr(2, mine + 1);
	}
}

static void test_and_test_and_set(int t, int n, int k)
{
	(void)t, (void)n;
	for (int i = 0; i < k; i++) {
		int free;

		do {
			atomic_await(&mem[1], 0);
			free = 0;
		} while (!cas(1, &free, 1));
		plain[0]++;
		wr(1, 0);
	}
}

static void reader_writer(int t, int n, int k)
{
	(void)k;
	if (t < n) {
		down_read(&sem);
		up_read(&sem);
	} else {
		down_write(&sem);
		up_write(&sem);
	}
}

/* ---- Conditions -------------------------------------------------------------------------------------- */

enum { BUFFER = 1 };	      /* its lock */
enum { NOT_EMPTY, NOT_FULL }; /* conditions */

static void condition_wait(struct condition *condition)
{
	struct wait_queue *waiter = &condition->waiters[condition->nr_waiting++ % WAITERS_MAX];
	unsigned int prepared = wait_prepare(waiter);

	ul(BUFFER);
	wait_sleep(waiter, prepared);
	lk(BUFFER);
}

static void condition_signal(struct condition *condition)
{
	if (condition->nr_woken < condition->nr_waiting)
		wake_up_all(&condition->waiters[condition->nr_woken++ % WAITERS_MAX]);
}

/* Half of the tasks fill a buffer of one place, half empty it. */
static void condition_queue(int t, int n, int k)
{
	bool fills = t < n;

	(void)k;
	lk(BUFFER);
	while (plain[0] == fills)
		condition_wait(&conditions[fills ? NOT_FULL : NOT_EMPTY]);
	plain[0] = fills;
	condition_signal(&conditions[fills ? NOT_EMPTY : NOT_FULL]);
	ul(BUFFER);
}

static bool buffer_empty(int n, int k)
{
	(void)n, (void)k;
	return !plain[0];
}

/* ---- rmap ----------------------------------------------------------------------------------------------- */

/* plain: start, end, mark; entries from 4 on.  Locks: of the anon_vma, the table, the pages. */
enum { START, END, MARK, ENTRIES = 4 };
enum { TABLE = 1, PAGES = 2 };

/* With shared locks, walks take the lock of the anon_vma for read, as they do since 3.8. */
enum rmap_variant { RMAP_PLAIN, RMAP_SKIP, RMAP_LOCK_ALL, RMAP_SHARED };

static enum rmap_variant variant;

static void anon_vma_lock(bool shared)
{
	if (variant != RMAP_SHARED)
		spin_lock(&locks[127]);
	else if (shared)
		down_read(&sem);
	else
		down_write(&sem);
}

static void anon_vma_unlock(bool shared)
{
	if (variant != RMAP_SHARED)
		spin_unlock(&locks[127]);
	else if (shared)
		up_read(&sem);
	else
		up_write(&sem);
}

static void rmap_reset(int n, int k)
{
	reset(n, k);
	spin_lock_init(&locks[127], LOCK_SLAB);
	for (int page = 0; page < n; page++) {
		plain[ENTRIES + n + page] = 100 + page;
		spin_lock_init(&locks[PAGES + page], LOCK_LRU);
	}
	plain[START] = n;
	plain[END] = 2 * n;
	plain[MARK] = 1;
}

static void rmap_exec(int n)
{
	anon_vma_lock(false);
	plain[START] = 0;
	if (variant != RMAP_LOCK_ALL)
		anon_vma_unlock(false);
	for (int i = 0; i < n; i++) {
		spin_lock(&locks[TABLE]);
		plain[ENTRIES + i] = plain[ENTRIES + n + i];
		plain[ENTRIES + n + i] = 0;
		spin_unlock(&locks[TABLE]);
	}
	if (variant != RMAP_LOCK_ALL)
		anon_vma_lock(false);
	plain[END] = n;
	if (variant == RMAP_SKIP)
		plain[MARK] = 0;
	anon_vma_unlock(false);
}

static bool rmap_visit(int at, int from, int to)
{
	bool done;

	spin_lock(&locks[TABLE]);
	done = plain[ENTRIES + at] == from;
	if (done)
		plain[ENTRIES + at] = to;
	spin_unlock(&locks[TABLE]);
	return done;
}

static bool rmap_walk_model(int page, int from, int to, bool unmap)
{
	bool done = false;

	anon_vma_lock(true);
	if (!(variant == RMAP_SKIP && unmap && plain[MARK])) {
		int at = plain[START] + page;

		if (at < plain[END])
			done = rmap_visit(at, from, to);
	}
	anon_vma_unlock(true);
	return done;
}

/* Task 0 is exec, each other migrates one page. */
static void rmap(int t, int n, int k)
{
	int page = (t - 1) % n;

	(void)k;
	if (t == 0) {
		rmap_exec(n);
		return;
	}
	spin_lock(&locks[PAGES + page]);
	if (rmap_walk_model(page, 100 + page, 200 + page, true))
		rmap_walk_model(page, 200 + page, 100 + page, false);
	spin_unlock(&locks[PAGES + page]);
}

static bool rmap_holds(int n, int k)
{
	(void)k;
	for (int i = 0; i < 2 * n; i++)
		if (plain[ENTRIES + i] >= 200)
			return false;
	return true;
}

static void rmap_reset_plain(int n, int k)
{
	variant = RMAP_PLAIN;
	rmap_reset(n, k);
}

static void rmap_reset_skip(int n, int k)
{
	variant = RMAP_SKIP;
	rmap_reset(n, k);
}

static void rmap_reset_lock_all(int n, int k)
{
	variant = RMAP_LOCK_ALL;
	rmap_reset(n, k);
}

static void rmap_reset_shared(int n, int k)
{
	variant = RMAP_SHARED;
	rmap_reset(n, k);
}

/* ---- What there is to find ---------------------------------------------------------------------------------- */

#define PROGRAM(task_, nr_tasks_, reset_, holds_)                                                  \
	{                                                                                          \
		.name = #task_, .nr_tasks = nr_tasks_, .task = task_, .reset = reset_,             \
		.holds = holds_                                                                    \
	}
#define P(task, nr_tasks)	PROGRAM(task, nr_tasks, reset, NULL)
#define COUNTER(task, nr_tasks) PROGRAM(task, nr_tasks, reset, counted)
#define RMAP(how, migrations)                                                                      \
	{                                                                                          \
		.name = "rmap " #how, .nr_tasks = 1 + (migrations), .task = rmap,                  \
		.reset = rmap_reset_##how, .holds = rmap_holds                                     \
	}

const struct classic classics[] = {
	{ P(lastzero, 6), 5, 0, 64, 0, 0 },
	{ P(lastzero, 11), 10, 0, 3328, 0, 0 },
	{ P(lastzero, 16), 15, 0, 147456, 0, 0 },
	{ P(indexer, 11), 11, 0, 1, 0, 0 },
	{ P(indexer, 12), 12, 0, 8, 0, 0 },
	{ P(indexer, 15), 15, 0, 4096, 0, 0 },
	{ P(readers, 14), 13, 0, 8192, 0, 0 },
	{ P(store_buffer, 10), 10, 0, 1023, 0, 0 },
	{ P(w22, 3), 3, 0, 7, 0, 0 },
	{ P(w22, 6), 6, 0, 63, 0, 0 },
	{ P(w22, 10), 10, 0, 1023, 0, 0 },
	{ PROGRAM(fib, 2, fib_reset, NULL), 4, 0, 1107, 0, 0 },
	{ PROGRAM(fib, 2, fib_reset, NULL), 5, 0, 8953, 0, 0 },
	{ P(faa, 7), 7, 0, 5040, 0, 0 },
	{ COUNTER(cas_counter, 4), 4, 1, 5208, 0, 0 },
	{ P(treiber, 2), 2, 0, 62, 0, 0 },
	{ P(treiber, 3), 3, 0, 361164, 0, 0 },
	{ P(filesystem, 14), 14, 0, 2, 0, 0 },
	{ P(filesystem, 16), 16, 0, 8, 0, 0 },
	{ P(filesystem, 18), 18, 0, 32, 0, 0 },
	{ P(filesystem, 20), 20, 0, 128, 0, 0 },
	{ COUNTER(mutex_counter, 5), 5, 1, 120, 0, 0 },
	{ COUNTER(mutex_counter, 7), 7, 1, 5040, 0, 0 },
	{ COUNTER(mutex_counter, 8), 8, 1, 40320, 0, 0 },
	{ COUNTER(mutex_counter, 2), 2, 6, 924, 0, 0 },
	{ P(philosophers, 6), 6, 0, 62, 0, 0 },
	{ P(philosophers, 10), 10, 0, 1022, 0, 0 },
	{ P(philosophers_cyclic, 3), 3, 0, 7, 0, 1 },
	{ P(philosophers_cyclic, 5), 5, 0, 31, 0, 1 },
	{ P(lock_read, 5), 5, 0, 120, 0, 0 },
	{ COUNTER(ticket, 3), 3, 1, 6, 0, 0 },
	{ COUNTER(ticket, 5), 5, 1, 120, 0, 0 },
	{ COUNTER(test_and_test_and_set, 3), 3, 1, 162, 0, 0 },
	{ COUNTER(test_and_test_and_set, 4), 4, 1, 20760, 0, 0 },
	{ P(reader_writer, 5), 3, 2, 54, 0, 0 },
	{ P(reader_writer, 7), 5, 2, 486, 0, 0 },
	{ PROGRAM(condition_queue, 2, reset, buffer_empty), 1, 0, 2, 0, 0 },
	/* As many as there are orders of taking the lock; Nidhugg 0.4 sees 50. */
	{ PROGRAM(condition_queue, 4, reset, buffer_empty), 2, 0, 56, 0, 0 },
	{ RMAP(plain, 1), 1, 0, 8, 1, 0 },
	{ RMAP(plain, 1), 2, 0, 12, 1, 0 },
	{ RMAP(plain, 1), 3, 0, 17, 1, 0 },
	{ RMAP(plain, 2), 2, 0, 218, 58, 0 },
	{ RMAP(plain, 2), 3, 0, 405, 76, 0 },
	{ RMAP(plain, 3), 2, 0, 2682, 718, 0 },
	{ RMAP(plain, 4), 2, 0, 39416, 10648, 0 },
	{ RMAP(plain, 5), 2, 0, 597444, 150264, 0 },
	{ RMAP(skip, 1), 1, 0, 3, 0, 0 },
	{ RMAP(skip, 2), 2, 0, 16, 0, 0 },
	{ RMAP(skip, 3), 2, 0, 100, 0, 0 },
	{ RMAP(skip, 4), 2, 0, 904, 0, 0 },
	{ RMAP(lock_all, 2), 2, 0, 30, 0, 0 },
	{ RMAP(shared, 2), 2, 0, 218, 58, 0 },
	{ .n = 0 },
};
