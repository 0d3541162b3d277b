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
	OP_LOCK,      /* or unlock, if held */
	OP_TRYLOCK,   /* the same */
	OP_READ_LOCK, /* or release, if held in either way */
	OP_WRITE_LOCK,
	OP_READ_TRYLOCK,
	OP_WRITE_TRYLOCK,
	OP_DOWNGRADE, /* if held for write; else for write */
	OP_AWAIT,
	OP_BIT_LOCK, /* or unlock */
	OP_BIT_TRYLOCK,
	OP_BIT_WAIT,
	OP_SET_BIT,
	OP_WAIT,
	OP_WAKE,
	OP_SLEEP, /* once, whatever is true */
	OP_RCU,	  /* enter a section, or leave it */
	OP_SYNC_RCU,
	OP_CALL_RCU,  /* a callback that writes a word */
	OP_SEQ_WRITE, /* begin to write what a sequence count protects, or end; one task does */
	OP_SEQ_READ,  /* try twice */
	OP_CHOOSE,    /* and write what was chosen */
	OP_ALLOC,     /* take a word from a pool, or give it back */
	OP_USE,	      /* write to it */
	NR_OPERATIONS,
};

static const char *const operation_names[NR_OPERATIONS] = {
	"read",	      "write",	   "add",	"cas",	     "lock",  "trylock",  "read-lock",
	"write-lock", "read-try",  "write-try", "downgrade", "await", "bit-lock", "bit-try",
	"bit-wait",   "set-bit",   "wait",	"wake",	     "sleep", "rcu",	  "sync-rcu",
	"call-rcu",   "seq-write", "seq-read",	"choose",    "alloc", "use",
};

/* How often each operation comes, of 8. */
static const enum operation choices[CLASS_MIXED][8] = {
	[CLASS_WORDS] = { OP_READ, OP_WRITE, OP_ADD, OP_CAS, OP_READ, OP_WRITE, OP_ADD, OP_WRITE },
	[CLASS_LOCKS] = { OP_READ, OP_WRITE, OP_LOCK, OP_LOCK, OP_LOCK, OP_LOCK, OP_ADD, OP_LOCK },
	[CLASS_RWSEMS] = { OP_READ_LOCK, OP_WRITE_LOCK, OP_READ_LOCK, OP_WRITE_LOCK, OP_READ,
			   OP_WRITE, OP_READ_LOCK, OP_DOWNGRADE },
	[CLASS_TRYLOCKS] = { OP_LOCK, OP_TRYLOCK, OP_LOCK, OP_TRYLOCK, OP_READ_LOCK,
			     OP_READ_TRYLOCK, OP_WRITE_LOCK, OP_WRITE_TRYLOCK },
	[CLASS_AWAITS] = { OP_READ, OP_WRITE, OP_AWAIT, OP_AWAIT, OP_WRITE, OP_ADD, OP_WRITE,
			   OP_LOCK },
	[CLASS_BITS] = { OP_BIT_LOCK, OP_BIT_TRYLOCK, OP_BIT_LOCK, OP_BIT_WAIT, OP_SET_BIT,
			 OP_BIT_LOCK, OP_READ, OP_WRITE },
	[CLASS_QUEUES] = { OP_WAIT, OP_WAKE, OP_WRITE, OP_WAKE, OP_LOCK, OP_SLEEP, OP_READ,
			   OP_WAKE },
	[CLASS_RCU] = { OP_RCU, OP_RCU, OP_RCU, OP_SYNC_RCU, OP_READ, OP_WRITE, OP_RCU,
			OP_SYNC_RCU },
	[CLASS_CALLBACKS] = { OP_RCU, OP_RCU, OP_CALL_RCU, OP_CALL_RCU, OP_READ, OP_WRITE, OP_RCU,
			      OP_CALL_RCU },
	[CLASS_COUNTS] = { OP_SEQ_READ, OP_SEQ_WRITE, OP_SEQ_READ, OP_SEQ_WRITE, OP_SEQ_WRITE,
			   OP_READ, OP_WRITE, OP_SEQ_READ },
	[CLASS_CHOICES] = { OP_CHOOSE, OP_READ, OP_CHOOSE, OP_WRITE, OP_AWAIT, OP_LOCK, OP_CHOOSE,
			    OP_ADD },
	[CLASS_POOLS] = { OP_ALLOC, OP_USE, OP_ALLOC, OP_USE, OP_READ, OP_ALLOC, OP_USE, OP_WRITE },
};

static struct {
	struct program program;
	enum operation ops[TASKS_MAX][OPS_MAX];
	unsigned char objects[TASKS_MAX][OPS_MAX], values[TASKS_MAX][OPS_MAX];
	int nr_ops[TASKS_MAX];
	bool keeps[TASKS_MAX];
} now;

static atomic_t words[OBJECTS], bits;
static struct spinlock locks[OBJECTS];
static struct rwsem sem;
static struct wait_queue queue;
static struct seqcount count;

static struct callback {
	struct rcu_head head;
	int value;
} callbacks[TASKS_MAX][OPS_MAX];

/* Words of which each task may have one; whoever gives one back gives it to the next. */
static struct {
	struct spinlock lock;
	int free[TASKS_MAX], nr_free;
	atomic_t words[TASKS_MAX];
} pool;

static bool pool_in_secret;

void random_programs_pool_in_secret(bool secret)
{
	pool_in_secret = secret;
}

const char *program_class_name(enum program_class class)
{
	static const char *const names[NR_CLASSES] = {
		"words", "locks",     "rwsems", "trylocks", "awaits", "bits",  "queues",
		"rcu",	 "callbacks", "counts", "choices",  "pools",  "mixed",
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
	seqcount_init(&count);
	spin_lock_init(&pool.lock, LOCK_ZONE);
	pool.nr_free = TASKS_MAX;
	for (int i = 0; i < TASKS_MAX; i++) {
		pool.free[i] = i;
		pool.words[i].v = 0;
	}
}

/* ---- Running one ------------------------------------------------------------------------------------ */

struct holds {
	bool lock[OBJECTS], read, write, bit, section, count;
	int from_pool; /* a word and 1 */
};

static void use_word(enum operation operation, int object, int value)
{
	switch ((int)operation) {
	case OP_READ:
		atomic_read(&words[object]);
		break;
	case OP_WRITE:
		WRITE_ONCE(words[object].v, value);
		break;
	case OP_ADD:
		atomic_add_return(&words[object], 1);
		break;
	case OP_CAS:
		atomic_cmpxchg(&words[object], 0, value);
		break;
	case OP_AWAIT:
		atomic_await(&words[object], value);
		break;
	case OP_CHOOSE:
		WRITE_ONCE(words[object].v, (int)sync_choose(2) + 1);
		break;
	}
}

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
	if (operation == OP_SET_BIT) {
		atomic_fetch_or(&bits, 4);
	} else if (operation == OP_BIT_WAIT) {
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

static void use_queue(enum operation operation)
{
	unsigned int prepared;

	if (operation == OP_WAKE) {
		wake_up_all(&queue);
		return;
	}
	prepared = wait_prepare(&queue);
	if (operation == OP_SLEEP || atomic_read(&words[0]) == 0)
		wait_sleep(&queue, prepared);
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

static void call_back(struct rcu_head *head)
{
	const struct callback *callback = container_of(head, struct callback, head);

	WRITE_ONCE(words[callback->value % OBJECTS].v, callback->value);
}

/* Writers of a sequence count exclude one another: there is one. */
static void use_count(struct holds *holds, enum operation operation, int task)
{
	if (operation == OP_SEQ_WRITE && task == 0) {
		if (holds->count)
			write_seqcount_end(&count);
		else
			write_seqcount_begin(&count);
		holds->count = !holds->count;
	} else if (!holds->count) {
		for (int tries = 0; tries < 2; tries++)
			if (!read_seqcount_retry(&count, read_seqcount_begin(&count)))
				return;
	}
}

/* In secret, who came first to the pool is seen by who gets which word, and by no step. */
static void use_pool(struct holds *holds)
{
	if (!pool_in_secret)
		spin_lock(&pool.lock);
	if (holds->from_pool)
		pool.free[pool.nr_free++] = holds->from_pool - 1;
	holds->from_pool = holds->from_pool ? 0 : pool.free[--pool.nr_free] + 1;
	if (!pool_in_secret)
		spin_unlock(&pool.lock);
}

static void write_to_pool(const struct holds *holds, int value)
{
	if (holds->from_pool)
		WRITE_ONCE(pool.words[holds->from_pool - 1].v, value);
}

static void run_operation(struct holds *holds, int task, int i)
{
	enum operation operation = now.ops[task][i];
	int object = now.objects[task][i], value = now.values[task][i];

	switch (operation) {
	case OP_READ:
	case OP_WRITE:
	case OP_ADD:
	case OP_CAS:
	case OP_AWAIT:
	case OP_CHOOSE:
		use_word(operation, object, value);
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
	case OP_BIT_LOCK:
	case OP_BIT_TRYLOCK:
	case OP_BIT_WAIT:
	case OP_SET_BIT:
		use_bit(holds, operation);
		break;
	case OP_WAIT:
	case OP_SLEEP:
	case OP_WAKE:
		use_queue(operation);
		break;
	case OP_RCU:
	case OP_SYNC_RCU:
		use_rcu(holds, operation);
		break;
	case OP_CALL_RCU:
		callbacks[task][i].value = value;
		call_rcu(&callbacks[task][i].head, call_back);
		break;
	case OP_SEQ_WRITE:
	case OP_SEQ_READ:
		use_count(holds, operation, task);
		break;
	case OP_ALLOC:
		use_pool(holds);
		break;
	case OP_USE:
		write_to_pool(holds, value);
		break;
	case NR_OPERATIONS:
		break;
	}
}

/* A task that ends while it holds something is misuse for the verbs: it gives it back... */
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
	if (holds->count)
		write_seqcount_end(&count);
}

/* ... or keeps it for ever, so that others may have to wait for ever. */
static atomic_t never;

static void run(int task, int n, int k)
{
	struct holds holds = { .read = false };

	(void)n, (void)k;
	for (int i = 0; i < now.nr_ops[task]; i++)
		run_operation(&holds, task, i);
	if (now.keeps[task])
		atomic_await(&never, 1);
	give_back(&holds);
}

/* ---- Making one -------------------------------------------------------------------------------------- */

/* Mixed programs take each operation from any class but the two last. */
static enum operation random_operation(enum program_class class, struct prng *prng)
{
	if (class == CLASS_MIXED)
		class = (enum program_class)prng_below(prng, CLASS_CHOICES);
	return choices[class][prng_below(prng, 8)];
}

const struct program *random_program(enum program_class class, uint64_t *seed)
{
	static const int most[TASKS_MAX + 1] = { 0, 0, 6, 4, 3 };
	struct prng prng;

	prng_seed(&prng, *seed);
	now.program = (struct program){ .name = "random", .task = run, .reset = reset };
	/* Each callback may be a task more. */
	now.program.nr_tasks =
		2 + (int)prng_below(&prng, class == CLASS_CALLBACKS ? 2 : TASKS_MAX - 1);
	for (int task = 0; task < now.program.nr_tasks; task++) {
		now.nr_ops[task] = 1 + (int)prng_below(&prng, (uint64_t)most[now.program.nr_tasks]);
		now.keeps[task] = prng_below(&prng, 4) == 0;
		for (int i = 0; i < now.nr_ops[task]; i++) {
			now.ops[task][i] = random_operation(class, &prng);
			now.objects[task][i] = (unsigned char)prng_below(&prng, OBJECTS);
			now.values[task][i] = (unsigned char)prng_below(&prng, 3);
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
			printf(" %s/%d/%d", operation_names[now.ops[task][i]], now.objects[task][i],
			       now.values[task][i]);
		printf("%s\n", now.keeps[task] ? " keep" : "");
	}
}
