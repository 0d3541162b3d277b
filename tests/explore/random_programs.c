// SPDX-License-Identifier: MIT
/* random_programs.c - small programs made from a seed, of one class of operations or of all */
#include "random_programs.h"

#include "prng.h"
#include "sync.h"

#include <stdio.h>

#define TASKS_MAX 4
#define OPS_MAX	  6
#define OBJECTS	  2

enum operation {
	OP_READ,
	OP_WRITE,
	OP_ADD,
	OP_CAS,
	OP_LOCK,	/* or unlock, if held */
	OP_TRYLOCK,	/* the same */
	OP_READ_LOCK,	/* or release, if held in either way */
	OP_WRITE_LOCK,
	OP_READ_TRYLOCK,
	OP_WRITE_TRYLOCK,
	OP_DOWNGRADE,	/* if held for write; else for write */
	OP_AWAIT,
	OP_BIT_LOCK,	/* or unlock */
	OP_BIT_TRYLOCK,
	OP_BIT_WAIT,
	OP_SET_BIT,
	OP_WAIT,
	OP_WAKE,
	OP_RCU,		/* enter a section, or leave it */
	OP_SYNC_RCU,
	NR_OPERATIONS,
};

static const char *const operation_names[NR_OPERATIONS] = {
	"read",	     "write",	  "add",	"cas",	   "lock",	"trylock",  "read-lock",
	"write-lock", "read-try", "write-try", "downgrade", "await",	"bit-lock", "bit-try",
	"bit-wait",  "set-bit",	  "wait",	"wake",	   "rcu",	"sync-rcu",
};

/* How often each operation comes, of 8. */
static const enum operation choices[NR_CLASSES][8] = {
	[CLASS_WORDS] = { OP_READ, OP_WRITE, OP_ADD, OP_CAS, OP_READ, OP_WRITE, OP_ADD, OP_WRITE },
	[CLASS_LOCKS] = { OP_READ, OP_WRITE, OP_LOCK, OP_LOCK, OP_LOCK, OP_LOCK, OP_ADD, OP_LOCK },
	[CLASS_RWSEMS] = { OP_READ_LOCK, OP_WRITE_LOCK, OP_READ_LOCK, OP_WRITE_LOCK, OP_READ,
			   OP_WRITE, OP_READ_LOCK, OP_DOWNGRADE },
	[CLASS_TRYLOCKS] = { OP_LOCK, OP_TRYLOCK, OP_LOCK, OP_TRYLOCK, OP_READ_LOCK, OP_READ_TRYLOCK,
			     OP_WRITE_LOCK, OP_WRITE_TRYLOCK },
	[CLASS_AWAITS] = { OP_READ, OP_WRITE, OP_AWAIT, OP_AWAIT, OP_WRITE, OP_ADD, OP_WRITE,
			   OP_LOCK },
	[CLASS_BITS] = { OP_BIT_LOCK, OP_BIT_TRYLOCK, OP_BIT_LOCK, OP_BIT_WAIT, OP_SET_BIT,
			 OP_BIT_LOCK, OP_READ, OP_WRITE },
	[CLASS_QUEUES] = { OP_WAIT, OP_WAKE, OP_WRITE, OP_WAKE, OP_LOCK, OP_WAIT, OP_READ, OP_WAKE },
	[CLASS_RCU] = { OP_RCU, OP_RCU, OP_RCU, OP_SYNC_RCU, OP_READ, OP_WRITE, OP_RCU,
			OP_SYNC_RCU },
	[CLASS_MIXED] = { OP_READ, OP_WRITE, OP_ADD, OP_LOCK, OP_READ_LOCK, OP_WRITE_LOCK,
			  OP_TRYLOCK, OP_BIT_LOCK },
};

static struct {
	struct program program;
	enum operation ops[TASKS_MAX][OPS_MAX];
	unsigned char objects[TASKS_MAX][OPS_MAX];
	int nr_ops[TASKS_MAX];
} now;

static atomic_t words[OBJECTS], bits;
static struct spinlock locks[OBJECTS];
static struct rwsem sem;
static struct wait_queue queue;

const char *program_class_name(enum program_class class)
{
	static const char *const names[NR_CLASSES] = {
		"words", "locks", "rwsems", "trylocks", "awaits", "bits", "queues", "rcu", "mixed",
	};

	return names[class];
}

static void reset(int n, int k)
{
	(void)n, (void)k;
	for (int i = 0; i < OBJECTS; i++) {
		words[i].v = 0;
		/* Two classes would make an order, and deadlocks impossible. */
		spin_lock_init(&locks[i], LOCK_ZONE);
	}
	bits.v = 0;
	rwsem_init(&sem, LOCK_MMAP);
	wait_queue_init(&queue);
}

/* ---- Running one ------------------------------------------------------------------------------------ */

struct holds {
	bool lock[OBJECTS], read, write, bit, section;
};

static void lock_or_unlock(struct holds *holds, int object, bool try)
{
	if (holds->lock[object]) {
		spin_unlock(&locks[object]);
		holds->lock[object] = false;
	} else if (try) {
		holds->lock[object] = spin_trylock(&locks[object]);
	} else {
		spin_lock(&locks[object]);
		holds->lock[object] = true;
	}
}

static bool release_sem(struct holds *holds)
{
	if (!holds->read && !holds->write)
		return false;
	if (holds->read)
		up_read(&sem);
	else
		up_write(&sem);
	holds->read = holds->write = false;
	return true;
}

static void use_sem(struct holds *holds, enum operation operation)
{
	if (operation == OP_DOWNGRADE && holds->write) {
		downgrade_write(&sem);
		holds->write = false;
		holds->read = true;
		return;
	}
	if (release_sem(holds))
		return;
	switch ((int)operation) {
	case OP_READ_LOCK:
		down_read(&sem);
		holds->read = true;
		break;
	case OP_READ_TRYLOCK:
		holds->read = down_read_trylock(&sem);
		break;
	case OP_WRITE_TRYLOCK:
		holds->write = down_write_trylock(&sem);
		break;
	default:
		down_write(&sem);
		holds->write = true;
	}
}

static void use_bit(struct holds *holds, enum operation operation)
{
	if (operation == OP_BIT_WAIT) {
		if (!holds->bit)
			bit_wait(&bits, 0, 1);
	} else if (holds->bit) {
		bit_unlock(&bits, 0, 1, LOCK_FOLIO);
		holds->bit = false;
	} else if (operation == OP_BIT_TRYLOCK) {
		holds->bit = bit_trylock(&bits, 0, LOCK_FOLIO);
	} else {
		bit_lock(&bits, 0, 1, LOCK_FOLIO);
		holds->bit = true;
	}
}

static void use_rcu(struct holds *holds, enum operation operation)
{
	if (holds->section)
		rcu_read_unlock();
	else if (operation == OP_RCU)
		rcu_read_lock();
	else
		synchronize_rcu();
	holds->section = !holds->section && operation == OP_RCU;
}

static void sleep_once(void)
{
	unsigned int prepared = wait_prepare(&queue);

	if (atomic_read(&words[0]) == 0)
		wait_sleep(&queue, prepared);
}

static void run_operation(struct holds *holds, enum operation operation, int object, int task)
{
	switch (operation) {
	case OP_READ:
		atomic_read(&words[object]);
		break;
	case OP_WRITE:
		WRITE_ONCE(words[object].v, task + 1);
		break;
	case OP_ADD:
		atomic_add_return(&words[object], 1);
		break;
	case OP_CAS:
		atomic_cmpxchg(&words[object], 0, task + 1);
		break;
	case OP_LOCK:
	case OP_TRYLOCK:
		lock_or_unlock(holds, object, operation == OP_TRYLOCK);
		break;
	case OP_READ_LOCK:
	case OP_WRITE_LOCK:
	case OP_READ_TRYLOCK:
	case OP_WRITE_TRYLOCK:
	case OP_DOWNGRADE:
		use_sem(holds, operation);
		break;
	case OP_AWAIT:
		atomic_await(&words[object], task ? 0 : 1);
		break;
	case OP_BIT_LOCK:
	case OP_BIT_TRYLOCK:
	case OP_BIT_WAIT:
		use_bit(holds, operation);
		break;
	case OP_SET_BIT:
		atomic_fetch_or(&bits, 4);
		break;
	case OP_WAIT:
		sleep_once();
		break;
	case OP_WAKE:
		wake_up_all(&queue);
		break;
	case OP_RCU:
	case OP_SYNC_RCU:
		use_rcu(holds, operation);
		break;
	case NR_OPERATIONS:
		break;
	}
}

/* A task that ends while it holds something is misuse for the verbs: give it back, or stop short. */
static void give_back(struct holds *holds)
{
	for (int i = 0; i < OBJECTS; i++)
		if (holds->lock[i])
			spin_unlock(&locks[i]);
	release_sem(holds);
	if (holds->bit)
		bit_unlock(&bits, 0, 1, LOCK_FOLIO);
	if (holds->section)
		rcu_read_unlock();
}

static void run(int task, int n, int k)
{
	struct holds holds = { .read = false };

	(void)n, (void)k;
	for (int i = 0; i < now.nr_ops[task]; i++)
		run_operation(&holds, now.ops[task][i], now.objects[task][i], task);
	give_back(&holds);
}

/* ---- Making one -------------------------------------------------------------------------------------- */

const struct program *random_program(enum program_class class, uint64_t *seed)
{
	static const int most[TASKS_MAX + 1] = { 0, 0, 6, 4, 3 };
	struct prng prng;

	prng_seed(&prng, *seed);
	now.program = (struct program){ .name = "random", .task = run, .reset = reset };
	now.program.nr_tasks = 2 + (int)prng_below(&prng, TASKS_MAX - 1);
	for (int task = 0; task < now.program.nr_tasks; task++) {
		now.nr_ops[task] = 1 + (int)prng_below(&prng, (uint64_t)most[now.program.nr_tasks]);
		for (int i = 0; i < now.nr_ops[task]; i++) {
			now.ops[task][i] = choices[class][prng_below(&prng, 8)];
			now.objects[task][i] = (unsigned char)prng_below(&prng, OBJECTS);
		}
	}
	*seed = prng_next(&prng);
	return &now.program;
}

void random_program_print(void)
{
	for (int task = 0; task < now.program.nr_tasks; task++) {
		printf("# task %d:", task);
		for (int i = 0; i < now.nr_ops[task]; i++)
			printf(" %s/%d", operation_names[now.ops[task][i]], now.objects[task][i]);
		printf("\n");
	}
}
