/* SPDX-License-Identifier: MIT */
/*
 * scenario_text.h - a scenario that was read from text
 *
 * scenario_text.c reads it, scenario_words.c cuts its lines into words, scenario_run.c runs it.
 * Once read it is constant; what its operations keep while they run lies in world->data.
 * docs/scenarios.md has the language.
 */
#pragma once

#include "scenario.h"

#define PROCESSES_MAX 8
#define FILES_MAX     4
#define LABELS_MAX    32
#define PINS_MAX      8
#define ARGS_MAX      16
#define WANTED_MAX    8

/* Where an operation stands. */
#define IN_SETUP  (-1)
#define IN_EXPECT (-2) /* after the race; tasks have the numbers from 0 */
#define NOWHERE	  (-3)

/* The operations: who may run them, how they can end, and how they are written. */
#define OPERATIONS(X)                                                                              \
	X(BRK, "brk", AT_ALL, MAY_FAIL, "brk LENGTH")                                              \
	X(COPY_FROM, "copy_from", AT_ALL, MAY_FAIL | HAS_VALUE, "copy_from ADDRESS")               \
	X(COPY_TO, "copy_to", AT_ALL, MAY_FAIL, "copy_to ADDRESS VALUE")                           \
	X(COUNTER, "counter", AT_EXPECT, HAS_VALUE, "counter NAME")                                \
	X(DEVICE_READ, "device_read", AT_ALL, MAY_FAIL | HAS_VALUE, "device_read PIN")             \
	X(DEVICE_WRITE, "device_write", AT_ALL, MAY_FAIL, "device_write PIN VALUE")                \
	X(DISK, "disk", AT_EXPECT, HAS_VALUE, "disk FILE OFFSET")                                  \
	X(EXEC, "exec", AT_SETUP | AT_TASK, MAY_FAIL,                                              \
	  "exec [randomized] PROGRAM [ARGUMENT[*N]]...")                                           \
	X(EXIT, "exit", AT_SETUP | AT_TASK, 0, "exit")                                             \
	X(FAULT, "fault", AT_ALL, MAY_FAULT, "fault ADDRESS read|write|exec")                      \
	X(FORK, "fork", AT_SETUP | AT_TASK, MAY_FAIL, "fork PROCESS")                              \
	X(FREE_FRAMES, "free-frames", AT_EXPECT, HAS_VALUE, "free-frames")                         \
	X(LOAD, "load", AT_ALL, MAY_FAULT | HAS_VALUE, "load ADDRESS")                             \
	X(LIMIT, "limit", AT_ALL, 0, "limit as|data|stack|memlock BYTES")                          \
	X(MADVISE, "madvise", AT_ALL, MAY_FAIL, "madvise ADDRESS LENGTH ADVICE")                   \
	X(MIGRATE, "migrate", AT_ALL, MAY_FAIL | HAS_VALUE,                                        \
	  "migrate all | migrate ADDRESS LENGTH, and async, sync-light or sync")                   \
	X(MINCORE, "mincore", AT_ALL, MAY_FAIL, "mincore ADDRESS LENGTH VECTOR")                   \
	X(MLOCK, "mlock", AT_ALL, MAY_FAIL, "mlock ADDRESS LENGTH [onfault]")                      \
	X(MLOCKALL, "mlockall", AT_ALL, MAY_FAIL, "mlockall [current] [future] [onfault]")         \
	X(MMAP, "mmap", AT_ALL, MAY_FAIL | HAS_VALUE,                                              \
	  "[LABEL =] mmap LENGTH PERMISSIONS [file NAME [OFFSET]] [at|fixed|noreplace ADDRESS] "   \
	  "[growsdown] [locked] [noreserve] [populate]")                                           \
	X(MPROTECT, "mprotect", AT_ALL, MAY_FAIL, "mprotect ADDRESS LENGTH PERMISSIONS")           \
	X(MREMAP, "mremap", AT_ALL, MAY_FAIL | HAS_VALUE,                                          \
	  "[LABEL =] mremap ADDRESS LENGTH NEW-LENGTH [maymove] [fixed ADDRESS] [dontunmap]")      \
	X(MSYNC, "msync", AT_ALL, MAY_FAIL, "msync ADDRESS LENGTH [async] [sync] [invalidate]")    \
	X(MUNLOCK, "munlock", AT_ALL, MAY_FAIL, "munlock ADDRESS LENGTH")                          \
	X(MUNLOCKALL, "munlockall", AT_ALL, MAY_FAIL, "munlockall")                                \
	X(MUNMAP, "munmap", AT_ALL, MAY_FAIL, "munmap ADDRESS LENGTH")                             \
	X(PIN, "pin", AT_ALL, MAY_FAIL, "PIN = pin ADDRESS read|write [reference] [fast] [force]") \
	X(PUNCH, "punch", AT_ALL, MAY_FAIL, "punch FILE OFFSET LENGTH")                            \
	X(READ, "read", AT_ALL, MAY_FAIL | HAS_VALUE, "read FILE OFFSET")                          \
	X(RSS, "rss", AT_EXPECT, HAS_VALUE, "rss")                                                 \
	X(STORE, "store", AT_ALL, MAY_FAULT, "store ADDRESS VALUE")                                \
	X(SYNC, "sync", AT_ALL, MAY_FAIL, "sync FILE")                                             \
	X(TRUNCATE, "truncate", AT_ALL, MAY_FAIL, "truncate FILE SIZE")                            \
	X(UNPIN, "unpin", AT_ALL, MAY_FAIL, "unpin PIN")                                           \
	X(VMAS, "vmas", AT_EXPECT, HAS_VALUE, "vmas")                                              \
	X(WRITE, "write", AT_ALL, MAY_FAIL, "write FILE OFFSET VALUE")

#define AT_SETUP  1
#define AT_TASK	  2
#define AT_EXPECT 4
#define AT_ALL	  (AT_SETUP | AT_TASK | AT_EXPECT)

#define MAY_FAIL  1 /* with an errno */
#define MAY_FAULT 2 /* as an access */
#define HAS_VALUE 4

enum operation_code {
#define X(id, name, where, ends, syntax) OP_##id,
	OPERATIONS(X)
#undef X
		NR_OPERATIONS
};

struct address {
	enum { ADDRESS_NUMBER, ADDRESS_LABEL, ADDRESS_SP, ADDRESS_ENTRY, ADDRESS_BRK } base;
	int label;
	unsigned long offset;
};

/* One way in which an operation may end. */
struct wanted {
	enum wanted_kind { WANTED_ANY, WANTED_OK, WANTED_VALUE, WANTED_ERRNO, WANTED_FAULT } kind;
	uint64_t low, high; /* values; the errno or the fault is @low */
};

struct operation {
	struct operation *next;
	enum operation_code code;
	int process; /* -1: none */
	unsigned int line, column;
	const char *words; /* as written, for messages */

	struct address address;
	struct address to; /* mremap: the new place; mincore: the vector */
	unsigned long len, new_len; /* bytes */
	uint64_t value;
	int prot, map_flags, file, label; /* -1: no file, no label */
	int child;			  /* of fork: a process */
	int pin;			  /* which is made, used or given back */
	unsigned int gup_flags;
	bool fast;
	unsigned long pgoff;
	uint64_t offset; /* in a file, or its size */
	enum gw_access access;
	enum gw_migrate_mode mode;
	enum gw_counter counter;
	int advice, flags; /* MADV_; of the call */
	int limit;	   /* its place among limit_words[] */
	bool everything;   /* migrate all */
	bool randomize;
	const char *argv[ARGS_MAX];
	int argc;

	struct wanted wanted[WANTED_MAX];
	int nr_wanted;
};

/* The operations of set-up, of a task, or of what is expected, in order. */
struct section {
	int where;
	int process; /* of operations that name none; -1: the only one */
	struct operation *first, **last;
	unsigned int uses;   /* bit p: process p */
	unsigned int exited; /* of these, at the end */
};

struct text_process {
	const char *name;
	bool not_yet; /* has no address space to begin with: until its exec, or a fork */
	int made_by;  /* who makes its address space: IN_SETUP, a task, NOWHERE yet */
	int exec_by;  /* who gave it a program */
	const struct operation *exec;
	int nr_users; /* tasks that hold a reference when the race begins */
};

/* Constant; written back to a disk; or memory alone. */
enum text_file_kind { FILE_CONSTANT, FILE_WRITABLE, FILE_SHMEM };

#define DISK_ROOM 16384 /* bytes that a writable file may come to have */

struct text_file {
	const char *name;
	enum text_file_kind kind;
	struct memory_file content;
	int disk; /* FILE_WRITABLE: which of the disks */
};

struct text_label {
	const char *name;
	int made_by;
};

struct text_pin {
	const char *name;
	int made_by;
	int used_by; /* the task, or NOWHERE yet: no two, as one may give it back */
	bool given_back;
	unsigned int gup_flags;
};

struct scenario_text {
	struct gw_scenario scenario;
	unsigned int refs;
	uint64_t hash;	  /* of the text */
	const char *path; /* NULL: built in */
	struct text_block *blocks;

	struct text_process processes[PROCESSES_MAX];
	struct text_file files[FILES_MAX];
	struct text_label labels[LABELS_MAX];
	struct text_pin pins[PINS_MAX];
	int nr_processes, nr_files, nr_disks, nr_labels, nr_pins, nr_tasks;
	bool has_exec;
	struct section setup, expect, tasks[SCENARIO_TASKS_MAX];
};

/* Memory that lives as long as @text, zeroed.  NULL: out of memory */
void *text_alloc(struct scenario_text *text, size_t size) __must_check;
char *text_strndup(struct scenario_text *text, const char *from, size_t len) __must_check;

/* Does it work on an address space of its own? */
bool operation_needs_process(const struct operation *op);

/* scenario_run.c: fill in the functions and data_size of text->scenario. */
void scenario_text_bind(struct scenario_text *text);
