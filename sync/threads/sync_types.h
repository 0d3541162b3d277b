/* SPDX-License-Identifier: MIT */
/*
 * sync_types.h - the types behind sync.h, over real threads
 *
 * Every lock is one futex word, so that it fits in the structures of frames and page tables: a
 * struct page table has a spinlock of eight bytes.
 */
#pragma once

#define SYNC_CORE(name) threads_##name
#define SYNC_CORE_TABLE godwit_core_threads

/* word: 0 free, 1 held, 2 held and somebody may sleep (Drepper, "Futexes Are Tricky") */
struct spinlock {
	int word;
	unsigned char class;
};

struct mutex {
	int word;
	unsigned char class;
};

BUILD_ASSERT(sizeof(struct spinlock) <= 8);
BUILD_ASSERT(sizeof(struct mutex) <= 8);

/*
 * One word holds everything, so that each transition is one atomic operation:
 * the writer, whether readers sleep, how many writers wait, how many readers hold.
 */
#define RWSEM_WRITER	     0x1u
#define RWSEM_READERS_SLEEP  0x2u
#define RWSEM_WRITER_WAITS   0x4u
#define RWSEM_WRITERS_WAIT   0xffcu
#define RWSEM_READER	     0x1000u
#define RWSEM_READERS	     0xfffff000u

struct rwsem {
	unsigned int state;
	unsigned char class;
};

BUILD_ASSERT(sizeof(struct rwsem) <= 8);

struct seqcount {
	unsigned int sequence;
};

struct wait_queue {
	unsigned int generation;
	unsigned int sleepers;
};

/* A callback in rcu.c's queue. */
struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

/* A host thread that may call the core.  Only its own thread touches it. */
struct task {
	char name[16];
	int cpu;
	unsigned int nr_spinlocks;
	unsigned int rcu_nesting;
	bool panicking;
	struct held_locks held;
};

/* The one mutable variable of the core's world that no machine owns. */
extern __thread struct task *threads_current __attribute__((tls_model("initial-exec")));
