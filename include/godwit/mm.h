/* SPDX-License-Identifier: MIT */
/*
 * mm.h - address spaces, files, exec and migration, as structures that cross the API
 *
 * Constants of mmap(2) and friends are the host's <sys/mman.h>; the values are the Linux ABI.
 */
#ifndef GODWIT_MM_H
#define GODWIT_MM_H

#include <godwit/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gw_access { GW_READ, GW_WRITE, GW_EXEC };

/* How a fault ended.  Never mixed with errno. */
enum gw_fault {
	GW_FAULT_DONE,
	GW_FAULT_MAPERR, /* SIGSEGV, SEGV_MAPERR: no mapping there */
	GW_FAULT_ACCERR, /* SIGSEGV, SEGV_ACCERR: the mapping forbids it */
	GW_FAULT_SIGBUS, /* beyond the end of the file, or it could not be read */
	GW_FAULT_OOM,
};

/* What a file is made of; the host's part of a struct mapping.  All may sleep, and return 0 or a
 * negative errno. */
struct gw_mapping_ops {
	/*
	 * Read the page at @pgoff into the 4096 bytes at @to; what is beyond the end is zeroed.
	 */
	int (*read_page)(void *file, unsigned long pgoff, void *to);
	/*
	 * Write the first @len bytes of the page at @pgoff.  NULL: the file cannot be mapped shared
	 * and writable.
	 */
	int (*write_page)(void *file, unsigned long pgoff, const void *from, size_t len);
	/* Change the file's size, or make a hole of whole and parts of pages; NULL: as it is. */
	int (*set_size)(void *file, uint64_t size);
	int (*punch_hole)(void *file, uint64_t offset, uint64_t len);
	/* The last user is gone. */
	void (*release)(void *file);
};

struct gw_mapping_info {
	const struct gw_mapping_ops *ops; /* NULL: shared memory, which is in the machine alone */
	void *file;	  /* passed to @ops */
	uint64_t size;	  /* bytes */
	const char *name; /* as /proc/PID/maps shows it; copied, at most 255 bytes kept */
	uint64_t dev, ino;
	bool hide_residency; /* mincore() says of every page that it is there */
	bool noreserve;	     /* of shared memory: pages are promised one by one, when they are made */
};

struct gw_mmap {
	unsigned long addr;
	unsigned long len; /* bytes */
	int prot;
	int flags;
	struct mapping *mapping; /* NULL: anonymous; a reference is taken, the caller keeps its own */
	bool writable;		 /* the file is open for writing as well */
	unsigned long pgoff;	 /* in pages */
};

/* Resource limits that memory calls obey, in bytes; RLIM_INFINITY is ~0. */
struct gw_limits {
	uint64_t as, data, stack, memlock;
	uint64_t data_hard; /* RLIMIT_DATA's hard limit, which counts where data is 0 */
};

struct gw_maps_line {
	unsigned long start, end;
	char perms[5]; /* "rw-p" */
	uint64_t offset; /* bytes */
	uint64_t dev, ino;
	const char *name; /* "", "[heap]", "[stack]", or the file's; valid during the callback */
};

/*
 * What /proc/PID/smaps says of one VMA, and of all of them summed; Linux: struct mem_size_stats.
 * Pages on their way between two frames count as present.
 */
struct gw_smaps {
	struct gw_maps_line line;
	unsigned long size;	/* bytes, as all that follows */
	unsigned long rss;	/* mapped, the zero page left out */
	unsigned long referenced, anonymous, lazyfree;
	unsigned long shared_clean, shared_dirty;   /* mapped more than once */
	unsigned long private_clean, private_dirty; /* mapped here alone */
	/* Each page divided by how often it is mapped; in 1 / 2^GW_PSS_SHIFT of a byte. */
	uint64_t pss, pss_anon, pss_file, pss_shmem, pss_dirty, pss_locked;
	char flags[64]; /* "rd wr mr mw me ": Documentation/filesystems/proc.rst */
};

#define GW_PSS_SHIFT 12

/* An entry of /proc/PID/pagemap.  Linux: Documentation/admin-guide/mm/pagemap.rst. */
#define GW_PAGEMAP_PFN_MASK   ((1ull << 55) - 1)
#define GW_PAGEMAP_SOFT_DIRTY (1ull << 55)
#define GW_PAGEMAP_EXCLUSIVE  (1ull << 56) /* mapped once */
#define GW_PAGEMAP_FILE	      (1ull << 61) /* or shared anonymous memory */
#define GW_PAGEMAP_SWAP	      (1ull << 62) /* type in bits 0..4, offset in 5..54; migration too */
#define GW_PAGEMAP_PRESENT    (1ull << 63)

struct gw_mm_info {
	unsigned long id;
	unsigned long total_vm, data_vm, stack_vm, exec_vm; /* pages */
	unsigned long locked_vm, hiwater_vm;		    /* pages; the most that total_vm was */
	unsigned long nr_tables;			    /* frames that hold its page tables */
	unsigned long rss_anon, rss_file;		    /* pages */
	int map_count;
	unsigned long start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end;
};

/* ---- Pages that are used from outside ------------------------------------------------------- */

/* Of gw_core.get_user_pages(); the same are given back with the pages. */
enum gw_gup_flags {
	GW_GUP_WRITE = 1, /* they will be written */
	GW_GUP_PIN = 2,	  /* they will be read or written past the page tables: FOLL_PIN */
	GW_GUP_FORCE = 4, /* as a debugger: a private page may be written though its VMA forbids it */
};

/* ---- exec ------------------------------------------------------------------------------------ */

#define GW_EXEC_AUXV_MAX 32

struct gw_exec {
	/* What to run.  @open resolves a path for the program and its #! interpreters. */
	const char *filename;
	const char *const *argv; /* @argc strings */
	int argc;
	const char *const *envp; /* @envc strings */
	int envc;
	int (*open)(void *host, const char *path, struct mapping **mapping);
	void *host;

	struct gw_limits limits;
	uint32_t uid, euid, gid, egid;
	uint64_t hwcap, hwcap2, minsigstksz;
	const char *platform; /* AT_PLATFORM, "x86_64" */
	bool randomize;	      /* kernel.randomize_va_space */

	/* What came of it. */
	struct mm *mm;	/* the new address space, a reference; NULL on failure */
	unsigned long entry, sp;
	bool past_point_of_no_return; /* on failure: Linux would have killed the process */
	const char *failure;	      /* on failure: one sentence, static storage */
	char comm[16];		      /* task name, as prctl(PR_GET_NAME) gives it */
	uint64_t auxv[2 * GW_EXEC_AUXV_MAX]; /* as /proc/PID/auxv has it */
	int auxv_words;
};

/* ---- Migration -------------------------------------------------------------------------------- */

enum gw_migrate_mode {
	GW_MIGRATE_ASYNC,      /* never blocks: trylock only, no waiting for writeback */
	GW_MIGRATE_SYNC_LIGHT, /* blocks on folio locks */
	GW_MIGRATE_SYNC,
};

/* Linux's enum migrate_reason, as the trace event prints it. */
#define GW_MIGRATE_REASONS(X)                                                                      \
	X(COMPACTION, "compaction")                                                                \
	X(MEMORY_FAILURE, "memory_failure")                                                        \
	X(MEMORY_HOTPLUG, "memory_hotplug")                                                        \
	X(SYSCALL, "syscall_or_cpuset")                                                            \
	X(MEMPOLICY_MBIND, "mempolicy_mbind")                                                      \
	X(NUMA_MISPLACED, "numa_misplaced")                                                        \
	X(CONTIG_RANGE, "contig_range")                                                            \
	X(LONGTERM_PIN, "longterm_pin")                                                            \
	X(DEMOTION, "demotion")

enum gw_migrate_reason {
#define X(id, name) GW_MR_##id,
	GW_MIGRATE_REASONS(X)
#undef X
	GW_NR_MR
};

struct gw_migrate {
	enum gw_migrate_mode mode;
	enum gw_migrate_reason reason;
	/* Results, in pages. */
	unsigned long nr_candidates; /* present and isolated */
	unsigned long nr_succeeded;
	unsigned long nr_failed;
	unsigned long nr_retries;
};

/* ---- Validation ------------------------------------------------------------------------------- */

struct gw_validation {
	unsigned int nr_problems;
	unsigned long migration_entries; /* found in any page table */
	char first[256];		 /* the first problem, in words; "" when clean */
};

#ifdef __cplusplus
}
#endif
#endif
