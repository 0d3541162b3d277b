/* SPDX-License-Identifier: MIT */
/*
 * sync_types.h - the types behind sync.h, over explored coroutines
 *
 * One task runs at a time, so a lock is its owner and nothing else; who waits for it is seen from
 * the tasks, each of which shows what it is about to do.  Numbers, not pointers: the state of a
 * machine is the same bytes in every execution that ends alike.
 */
#pragma once

#define SYNC_CORE(name) explored_##name
#define SYNC_CORE_TABLE godwit_core_explored

/* @owner: number of the task that holds it, from 1; 0: free */
struct explored_lock {
	unsigned char owner;
	unsigned char class;
};

struct spinlock {
	struct explored_lock lock;
};

struct mutex {
	struct explored_lock lock;
};

struct rwsem {
	unsigned char writer; /* as explored_lock.owner */
	unsigned char class;
	unsigned short readers;
};

struct seqcount {
	unsigned int sequence;
};

struct wait_queue {
	unsigned int generation;
};

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
	unsigned long since; /* sections entered up to here are waited for */
};
