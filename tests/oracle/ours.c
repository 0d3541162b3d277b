// SPDX-License-Identifier: MIT
/*
 * ours.c - a program carried out on the library
 *
 * One machine serves many programs: after each, all its frames must be free again.  It is validated
 * after every fork and at the end.
 */
#include "oracle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "filemap.h"
#include "fork.h"
#include "gup.h"
#include "machine.h"
#include "mm.h"
#include "threads.h"
#include "uaccess.h"
#include "vma.h"

#define RESIDENCY	 (1ul << 41) /* where mincore() writes to */
#define NR_FRAMES	 2048
#define MAPS_NAME_COLUMN 73
#define FREE_SETTLES	 3

struct ours {
	const struct session *session;
	struct machine *machine;
	struct mapping *file;
	unsigned long nr_free; /* guest frames, when there is no process */
	struct mm *procs[PROCESSES_MAX];
	char maps[PROCESSES_MAX][MAPS_SIZE]; /* as they are now */
	void *frames, *core;
};

/* ---- The machine --------------------------------------------------------------------------------------- */

static int read_page(void *arg, unsigned long pgoff, void *to)
{
	int fd = *(const int *)arg;
	ssize_t n = pread(fd, to, PAGE_SIZE, (off_t)(pgoff * PAGE_SIZE));

	if (n < 0)
		return -errno;
	memset((char *)to + n, 0, PAGE_SIZE - (size_t)n);
	return 0;
}

/* The host's file is its own page cache. */
static void read_file(struct mapping *file)
{
	char page[PAGE_SIZE];

	for (unsigned long i = 0; i < FILE_PAGES; i++) {
		if (mapping_read(file, page, sizeof(page), i * PAGE_SIZE) != (long)sizeof(page))
			abort();
	}
}

static void create_file(struct ours *ours)
{
	static const struct gw_mapping_ops ops = { .read_page = read_page };
	const struct session *session = ours->session;
	struct gw_mapping_info info = {
		.ops = &ops,
		.file = (void *)(uintptr_t)&session->file_fd,
		.size = FILE_PAGES * PAGE_SIZE,
		.name = session->file_name,
		.dev = session->file_dev,
		.ino = session->file_ino,
	};

	if (mapping_create(ours->machine, &info, &ours->file))
		abort();
	read_file(ours->file);
}

struct ours *ours_create(const struct session *session)
{
	struct ours *ours = calloc(1, sizeof(*ours));
	struct gw_machine_config config = {
		.nr_frames = NR_FRAMES,
		.nr_cpus = 1,
		.nr_nodes = 1,
		.task_size = (1ul << 47) - PAGE_SIZE,
		.mmap_min_addr = PAGE_SIZE,
		.overcommit_memory = OVERCOMMIT_ALWAYS, /* the host has more frames */
		.poison = true,
	};

	if (!ours)
		abort();
	threads_task_attach("oracle", 0);
	ours->session = session;
	config.core_size = 4 * machine_core_size(config.nr_frames);
	config.frames = ours->frames = aligned_alloc(PAGE_SIZE, config.nr_frames * PAGE_SIZE);
	config.core = ours->core = aligned_alloc(PAGE_SIZE, config.core_size);
	if (!ours->frames || !ours->core || machine_create(&config, &ours->machine))
		abort();
	create_file(ours);
	ours->nr_free = machine_free_frames(ours->machine);
	return ours;
}

void ours_destroy(struct ours *ours)
{
	mapping_put(ours->file);
	machine_destroy(ours->machine);
	threads_task_detach();
	free(ours->frames);
	free(ours->core);
	free(ours);
}

static void first_process(struct ours *ours)
{
	const struct gw_limits limits = {
		.as = ~0ull, .data = ~0ull, .stack = ~0ull, .memlock = LOCKED_PAGES * PAGE_SIZE
	};
	const struct gw_mmap residency = {
		.addr = RESIDENCY,
		.len = PAGE_SIZE,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	};
	struct mm *mm;

	if (mm_create(ours->machine, &limits, &mm) || mm_mmap(mm, &residency) != (long)RESIDENCY)
		abort();
	mm->start_brk = mm->brk = ours->session->heap;
	ours->procs[0] = mm;
	ours->maps[0][0] = '\0';
}

/* ---- Looking ------------------------------------------------------------------------------------------- */

struct maps_arg {
	const struct session *session;
	char *to;
	size_t used;
};

static void add_line(void *arg, const struct gw_maps_line *line)
{
	struct maps_arg *maps = arg;
	char *to = maps->to + maps->used;
	int n;

	if ((line->start >= WINDOW_END || line->end <= WINDOW) &&
	    !in_heap(maps->session, line->start, line->end))
		return;
	n = sprintf(to, "%08lx-%08lx %s %08lx %02x:%02x %lu ", line->start, line->end, line->perms,
		    line->offset, major(line->dev), minor(line->dev), line->ino);
	if (line->name[0])
		n += sprintf(to + n, "%*s%s", max(MAPS_NAME_COLUMN - n, 0), "", line->name);
	n += sprintf(to + n, "\n");
	maps->used += (size_t)n;
	if (maps->used + 512 > MAPS_SIZE)
		abort();
}

static void read_maps(const struct ours *ours, struct mm *mm, char *to)
{
	struct maps_arg maps = { .session = ours->session, .to = to };

	to[0] = '\0';
	mm_maps(mm, add_line, &maps);
	maps_hide_inodes(to);
}

static uint64_t look_at_page(const struct ours *ours, struct mm *mm, unsigned long addr)
{
	static unsigned char page[PAGE_SIZE];
	struct folio *folio;

	if (get_user_pages(mm, addr, 1, GW_GUP_FORCE, &folio) != 1)
		return NOT_READABLE;
	folio_read(ours->machine, folio, 0, page, sizeof(page));
	put_user_pages(ours->machine, &folio, 1, GW_GUP_FORCE);
	return page_digest(page);
}

static void look(const struct ours *ours, struct mm *mm, uint64_t *pages)
{
	for (int i = 0; i < WINDOW_PAGES; i++)
		pages[i] = look_at_page(ours, mm, WINDOW + (unsigned long)i * PAGE_SIZE);
}

static long mincore_pages(struct mm *mm, const struct op *op, uint64_t *pages)
{
	unsigned char vector[WINDOW_PAGES] = { 0 };
	static const unsigned char zeroes[PAGE_SIZE];
	int err;

	if (copy_to_user(mm, RESIDENCY, zeroes, sizeof(zeroes)))
		abort();
	err = mm_mincore(mm, op->addr, op->len, RESIDENCY);
	if (copy_from_user(mm, vector, RESIDENCY, sizeof(vector)))
		abort();
	for (int i = 0; i < WINDOW_PAGES; i++)
		pages[i] = vector[i];
	return err;
}

/* ---- A host without a zero page -------------------------------------------------------------------------- */

/* Is the zero page mapped at @addr? */
static bool maps_zero_page(struct mm *mm, unsigned long addr)
{
	struct spinlock *ptl;
	pte_t *ptep = pte_offset_map_lock(mm, addr, &ptl);
	bool maps;

	if (!ptep)
		return false;
	maps = pte_present(ptep_get(ptep)) && pte_pfn(ptep_get(ptep)) == 0;
	pte_unmap_unlock(ptl);
	return maps;
}

/*
 * Whether a VMA has had a page of its own decides what it merges with.  A host without a zero page
 * gives it one for a read; here the same shall be remembered, though no page is made.
 */
static void as_if_reads_made_pages(struct mm *mm)
{
	struct vma *vma;

	down_read(&mm->mmap_lock);
	for_each_vma(mm, vma) {
		for (unsigned long addr = vma->start;
		     !vma->anon_vma && !vma->mapping && addr < vma->end; addr += PAGE_SIZE) {
			if (maps_zero_page(mm, addr) && anon_vma_prepare(vma))
				abort();
		}
	}
	up_read(&mm->mmap_lock);
}

/* ---- Operations ------------------------------------------------------------------------------------------ */

static long map(const struct ours *ours, struct mm *mm, const struct op *op)
{
	const struct gw_mmap args = {
		.addr = op->addr,
		.len = op->len,
		.prot = op->prot,
		.flags = op->flags,
		.mapping = op->file ? ours->file : NULL,
		.pgoff = op->pgoff,
	};

	return mm_mmap(mm, &args);
}

/* As the host's prepare(). */
static bool prepare(const struct ours *ours, struct mm *mm, const struct op *op)
{
	const char *maps = ours->maps[op->proc];
	unsigned int plan = differences_plan(ours->session->differences, op, maps);
	unsigned long start, end;

	if (plan == PLAN_DO)
		return true;
	if (plan & PLAN_LEAVE_OUT || !maps_find(maps, op->addr, &start, &end))
		return false;
	if (plan & PLAN_TOUCH && copy_to_user(mm, op->addr, &op->byte, 1))
		return false;
	return !(plan & PLAN_UNLOCK) || mm_munlock(mm, start, end - start) == 0;
}

static long load(struct mm *mm, unsigned long addr)
{
	unsigned char byte;
	int err = copy_from_user(mm, &byte, addr, 1);

	return err ? err : byte;
}

static long call(const struct ours *ours, struct mm *mm, const struct op *op)
{
	unsigned long heap = ours->session->heap;

	switch ((int)op->kind) {
	case OP_MMAP_HINT:
		if (op->len == 0 || !maps_are_free(ours->maps[op->proc], op->addr, op->len))
			return 0;
		return map(ours, mm, op);
	case OP_MMAP:
		return map(ours, mm, op);
	case OP_MUNMAP:
		return mm_munmap(mm, op->addr, op->len);
	case OP_MPROTECT:
		return mm_mprotect(mm, op->addr, op->len, op->prot);
	case OP_BRK:
		return (long)(mm_brk(mm, heap + op->len) - heap);
	case OP_MREMAP:
		return mm_mremap(mm, op->addr, op->len, op->new_len, (unsigned long)op->flags,
				 op->new_addr);
	case OP_MADVISE:
		return mm_madvise(mm, op->addr, op->len, op->advice);
	case OP_MLOCK:
		return mm_mlock(mm, op->addr, op->len, op->flags);
	case OP_MUNLOCK:
		return mm_munlock(mm, op->addr, op->len);
	case OP_MLOCKALL:
		return mm_mlockall(mm, op->flags);
	case OP_MUNLOCKALL:
		return mm_munlockall(mm);
	case OP_MSYNC:
		return mm_msync(mm, op->addr, op->len, op->flags);
	case OP_STORE:
		return copy_to_user(mm, op->addr, &op->byte, 1);
	case OP_LOAD:
		return load(mm, op->addr);
	default:
		return -ENOSYS;
	}
}

static long fork_child(struct ours *ours, struct session *session, int i)
{
	int child = session->child[i];
	int err;

	if (child < 0)
		return 0;
	err = dup_mm(ours->procs[session->program.ops[i].proc], &ours->procs[child]);
	if (err)
		return err;
	read_maps(ours, ours->procs[child], ours->maps[child]);
	session->ours.records[i].child = results_add_maps(&session->ours, ours->maps[child]);
	return 0;
}

static void exit_process(struct ours *ours, int proc)
{
	mm_put(ours->procs[proc]);
	ours->procs[proc] = NULL;
}

static void run_op(struct ours *ours, struct session *session, int i)
{
	const struct op *op = &session->program.ops[i];
	struct record *record = &session->ours.records[i];
	struct mm *mm = ours->procs[op->proc];
	char *maps = ours->maps[op->proc];

	record->value = 0;
	if (op->kind == OP_LOOK)
		look(ours, mm, record->pages);
	else if (op->kind == OP_MINCORE)
		record->value = mincore_pages(mm, op, record->pages);
	else if (op->kind == OP_FORK)
		record->value = fork_child(ours, session, i);
	else if (op->kind == OP_EXIT)
		exit_process(ours, op->proc);
	else if (prepare(ours, mm, op))
		record->value = call(ours, mm, op);
	if (is_elsewhere(op, record->value)) {
		if (mm_munmap(mm, (unsigned long)record->value,
			      op->kind == OP_MREMAP ? op->new_len : op->len))
			abort();
		record->value = ELSEWHERE;
	}
	if (op->kind != OP_EXIT) {
		if (session->reads_make_pages)
			as_if_reads_made_pages(mm);
		read_maps(ours, mm, maps);
	}
	record->maps = results_add_maps(&session->ours, maps);
}

static void validate(const struct ours *ours, struct session *session, int i)
{
	struct gw_validation validation = { 0 };

	machine_validate(ours->machine, &validation);
	if (validation.nr_problems)
		outcome_set(session, PROBLEM_INVALID, i, "validation: %s", validation.first);
}

/* What RCU has to free comes a little later. */
static void look_for_leaks(const struct ours *ours, struct session *session)
{
	unsigned long nr_free = machine_free_frames(ours->machine);

	for (int i = 0; i < FREE_SETTLES && nr_free != ours->nr_free; i++) {
		rcu_barrier();
		nr_free = machine_free_frames(ours->machine);
	}
	if (nr_free != ours->nr_free)
		outcome_set(session, PROBLEM_LEAK, session->program.nr - 1,
			    "%ld frames are not free when every process is gone",
			    (long)(ours->nr_free - nr_free));
}

void ours_run(struct ours *ours, struct session *session)
{
	first_process(ours);
	for (int i = 0; i < session->program.nr; i++) {
		session->ours.nr = i + 1;
		if (session->dead[i])
			continue;
		run_op(ours, session, i);
		if (records_differ(session, i))
			break;
		if (session->child[i] >= 0 || i == session->program.nr - 1)
			validate(ours, session, i);
		if (session->outcome.problem != PROBLEM_NONE)
			break;
	}
	for (int proc = 0; proc < PROCESSES_MAX; proc++) {
		if (ours->procs[proc])
			exit_process(ours, proc);
	}
	look_for_leaks(ours, session);
}
