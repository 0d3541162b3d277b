/* SPDX-License-Identifier: MIT */
/*
 * toy.h - a guest without the core: a flat page table, a page-fault handler, a migrator
 *
 * Just enough of struct gw_core for the platform: translate, mm_set_user, mm_user.  The order of a
 * migration (entry, flush, copy, entry) is the core's.
 */
#pragma once

#include <godwit/core.h>

#include <pthread.h>
#include <stdatomic.h>

#include "platform.h"

#define PAGE_SIZE 4096ul

#define TOY_BASE  0x10000000ul
#define TOY_PAGES 131072ul

#define TOY_CODE      TOY_BASE			   /* one page, read and execute */
#define TOY_STACK     (TOY_BASE + 2 * PAGE_SIZE)   /* one page */
#define TOY_DATA      (TOY_BASE + 512 * PAGE_SIZE) /* from here: whatever a test maps */
#define TOY_STACK_TOP (TOY_STACK + PAGE_SIZE)

struct toy_pte {
	unsigned int pfn;
	bool present, write, exec, migrating;
};

/*
 * (t) table_lock
 */
struct mm {
	struct toy *toy;
	void *user;
	struct toy_pte ptes[TOY_PAGES]; /* (t) */
};

struct toy {
	struct platform *platform;
	struct platform_process *process;
	struct platform_thread *thread;
	char *frames;
	unsigned long nr_frames;

	pthread_mutex_t table_lock;
	pthread_cond_t migrated;
	struct mm *mm;
	unsigned int *free;    /* (t) a stack of frames */
	unsigned long nr_free; /* (t) */

	/* The migrator. */
	pthread_t migrator;
	atomic_bool stop;
	unsigned long first, nr; /* pages, from TOY_BASE, that it moves */
	bool copy_first;	 /* the wrong order */
	unsigned long batch;	 /* pages flushed at once */
	unsigned long stride;	 /* of these, each so-and-so-many-th is moved; 0: each */
	atomic_ulong nr_migrated;

	atomic_ulong nr_faults;
};

/* A guest whose code page holds [@code, @end), about to run its first instruction. */
struct toy *toy_create(unsigned int fault_injection, const char *code, const char *end);
/* The same with few mappings of the host. */
struct toy *toy_create_small(unsigned long mappings_max, const char *code, const char *end);
void toy_destroy(struct toy *toy);

struct toy_pte *toy_pte(struct toy *toy, unsigned long addr);
unsigned int toy_frame_alloc(struct toy *toy);
/* A fresh zeroed frame at @addr. */
void toy_map(struct toy *toy, unsigned long addr, bool write, bool exec);
/* Frame @pfn at @addr. */
void toy_map_pfn(struct toy *toy, unsigned long addr, unsigned int pfn, bool write, bool exec);
/* The guest's memory as the page table has it. */
void *toy_memory(struct toy *toy, unsigned long addr);

/* Run until an event that is no fault which the page table can serve. */
struct platform_event toy_run(struct toy *toy);
/* The same, and it is a system call; => its number */
long toy_run_to_syscall(struct toy *toy);

/* Move the pages from @addr on, again and again, until toy_stop_migrating(). */
void toy_start_migrating(struct toy *toy, unsigned long addr, unsigned long nr,
			 unsigned long batch);
void toy_stop_migrating(struct toy *toy);

/* Take rights away or the whole mapping, as the core would. */
void toy_unmap(struct toy *toy, unsigned long addr, unsigned long nr);
void toy_write_protect(struct toy *toy, unsigned long addr, unsigned long nr);
