// SPDX-License-Identifier: MIT
/*
 * memory_calls.c - random sequences of memory calls, on the host's kernel and on Godwit
 *
 * Both must give the same result for every call, the same /proc/self/maps after it, and the same
 * contents.  The calls are made by a child process, in a window of its address space where nothing
 * else lives, and by the threads copy of the core at the same addresses.  The machine is validated
 * every few calls.  A sequence that differs is shrunk and printed as a list of calls.
 *
 *	memory_calls [FIRST_SEED [SEQUENCES [CALLS]]]
 *
 * Nothing depends on where the host places mappings: those that it may place have a hint that is
 * free.  The child touches its memory through read(2) and write(2), which answer EFAULT where an
 * instruction would raise a signal.
 */
#include "machine.h"
#include "mm.h"
#include "uaccess.h"
#include "vma.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filemap.h"
#include "threads.h"

#define KERNEL(major, minor) ((major) << 8 | (minor))

#define WINDOW_PAGES   48
/* Across the end of a page table. */
#define WINDOW	       ((1ul << 40) + PMD_SIZE - 20 * PAGE_SIZE)
#define WINDOW_END     (WINDOW + WINDOW_PAGES * PAGE_SIZE)
#define BRK_PAGES      40
#define FILE_PAGES     40
#define RESIDENCY	 (1ul << 41) /* where mincore() writes to, on our side */
#define LOCKED_PAGES	 60
#define MAPS_SIZE      4096
#define RANDOM_CALLS_MAX 400
#define MAX_CALLS	 (RANDOM_CALLS_MAX + 2 * WINDOW_PAGES)
#define VALIDATE_EVERY 10 /* a validation waits for an RCU grace period */

enum call_kind {
	CALL_MMAP,
	CALL_MMAP_HINT,
	CALL_MUNMAP,
	CALL_MPROTECT,
	CALL_BRK,
	CALL_MREMAP,
	CALL_MADVISE,
	CALL_MLOCK,
	CALL_MUNLOCK,
	CALL_MLOCKALL,
	CALL_MUNLOCKALL,
	CALL_MSYNC,
	CALL_MINCORE,
	CALL_STORE,
	CALL_LOAD,
	NR_CALLS,
};

static const char *const call_names[NR_CALLS] = {
	"mmap",	   "mmap (hint)", "munmap",	"mprotect", "brk",     "mremap", "madvise", "mlock",
	"munlock", "mlockall",	  "munlockall", "msync",    "mincore", "store",	 "load",
};

struct call {
	enum call_kind kind;
	unsigned long addr, len; /* brk: len is the distance from its start */
	int prot, flags;
	bool file;
	unsigned long pgoff;
	unsigned char byte;
	unsigned long new_len, new_addr; /* mremap */
	int advice;
};

struct result {
	long value; /* brk: the distance */
	unsigned char residency[WINDOW_PAGES]; /* mincore */
	char maps[MAPS_SIZE];
};

/* What both sides share. */
struct oracle {
	struct call calls[MAX_CALLS];
	int nr_calls;
	struct result *host; /* shared memory */
	struct result *ours;
	int file_fd; /* read only, FILE_PAGES long */
	int scratch_fd;
	unsigned long brk;     /* where the host's heap ended at first, page aligned */
	bool reads_make_pages; /* the host does without the zero page */
	unsigned int host_version; /* major << 8 | minor */
};

/* ---- Making up calls ---------------------------------------------------------------------------------- */

static unsigned long pick(struct prng *prng, unsigned long bound)
{
	return prng_next(prng) % bound;
}

static int random_prot(struct prng *prng)
{
	/* Not PROT_EXEC alone, for which the host may take a protection key. */
	static const int prots[] = {
		PROT_NONE,
		PROT_READ,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_WRITE,
		PROT_READ | PROT_EXEC,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	return prots[pick(prng, ARRAY_SIZE(prots))];
}

/* Mostly short, so that neighbours meet; now and then something that is wrong. */
static void random_range(struct prng *prng, struct call *call)
{
	unsigned long page = pick(prng, WINDOW_PAGES);
	unsigned long nr_pages = 1 + pick(prng, pick(prng, 4) ? 6 : WINDOW_PAGES);

	nr_pages = min(nr_pages, WINDOW_PAGES - page);
	call->addr = WINDOW + page * PAGE_SIZE;
	call->len = nr_pages * PAGE_SIZE;
	switch (pick(prng, 40)) {
	case 0:
		call->len = 0;
		break;
	case 1:
		call->addr += 1 + pick(prng, PAGE_SIZE - 1);
		break;
	case 2:
		call->len -= pick(prng, PAGE_SIZE);
		break;
	case 3:
		call->len = ~0ul - pick(prng, 2 * PAGE_SIZE);
		break;
	case 4:
		call->len = (1ul << 47) - call->addr; /* one page too far */
		break;
	default:
		break;
	}
}

static void random_mmap(struct prng *prng, struct call *call)
{
	random_range(prng, call);
	call->prot = random_prot(prng);
	call->flags = pick(prng, 30) ? MAP_PRIVATE : 0;
	call->file = pick(prng, 4) == 0;
	if (call->file) {
		call->pgoff = pick(prng, FILE_PAGES);
		if (pick(prng, 2)) /* as if it continued a neighbour */
			call->pgoff = (call->addr - WINDOW) / PAGE_SIZE % FILE_PAGES;
		if (pick(prng, 8) == 0) {
			call->flags = MAP_SHARED;
			call->prot &= ~PROT_WRITE; /* -EACCES there, -ENODEV here */
		}
	} else {
		call->flags |= MAP_ANONYMOUS;
	}
	if (pick(prng, 8) == 0)
		call->flags |= MAP_NORESERVE;
	if (pick(prng, 12) == 0)
		call->flags |= MAP_GROWSDOWN;
	if (pick(prng, 10) == 0)
		call->flags |= MAP_POPULATE;
	if (pick(prng, 15) == 0)
		call->flags |= MAP_LOCKED;
}

/* Mostly of one mapping, to where it may grow, shrink, move over others, or must not. */
static void random_mremap(struct prng *prng, struct call *call)
{
	static const int flags[] = {
		0,
		MREMAP_MAYMOVE,
		MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
		MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
	};

	random_range(prng, call);
	call->len = min(call->len, WINDOW_PAGES * PAGE_SIZE);
	if (pick(prng, 30) == 0)
		call->len = 0;
	call->flags = flags[pick(prng, ARRAY_SIZE(flags))];
	if (pick(prng, 50) == 0)
		call->flags ^= pick(prng, 2) ? MREMAP_MAYMOVE : 8;
	call->new_len = call->len;
	if (!(call->flags & MREMAP_DONTUNMAP) && pick(prng, 3))
		call->new_len = pick(prng, 12) * PAGE_SIZE + (pick(prng, 20) ? 0 : 100);
	call->new_addr = WINDOW + pick(prng, WINDOW_PAGES - 12) * PAGE_SIZE;
	if (pick(prng, 3) == 0) /* the same place of another table, or the one below */
		call->new_addr = call->addr ^ PMD_SIZE;
	if (pick(prng, 40) == 0)
		call->new_addr += 1 + pick(prng, PAGE_SIZE - 1);
}

static void random_madvise(struct prng *prng, struct call *call)
{
	static const int advices[] = {
		MADV_NORMAL,
		MADV_RANDOM,
		MADV_SEQUENTIAL,
		MADV_WILLNEED,
		MADV_DONTNEED,
		MADV_DONTNEED,
		MADV_DONTNEED,
		MADV_FREE,
		MADV_REMOVE,
		MADV_DONTFORK,
		MADV_DOFORK,
		MADV_WIPEONFORK,
		MADV_KEEPONFORK,
		MADV_DONTDUMP,
		MADV_DODUMP,
		MADV_COLD,
		MADV_POPULATE_READ,
		MADV_POPULATE_READ,
		MADV_POPULATE_WRITE,
		MADV_POPULATE_WRITE,
		MADV_DONTNEED_LOCKED,
		5,
		60,
	};

	random_range(prng, call);
	call->advice = advices[pick(prng, ARRAY_SIZE(advices))];
	if (call->len >= PMD_SIZE && call->addr + call->len > call->addr)
		call->len = WINDOW_END - call->addr; /* the child lives above */
}

static void random_lock(struct prng *prng, struct call *call)
{
	static const enum call_kind kinds[] = {
		CALL_MLOCK,   CALL_MLOCK,   CALL_MLOCK,	   CALL_MLOCK,	    CALL_MLOCK,
		CALL_MUNLOCK, CALL_MUNLOCK, CALL_MLOCKALL, CALL_MUNLOCKALL,
	};

	call->kind = kinds[pick(prng, ARRAY_SIZE(kinds))];
	if (call->kind == CALL_MLOCKALL) { /* not MCL_CURRENT: the child is more than the window */
		call->flags = MCL_FUTURE | (pick(prng, 2) ? MCL_ONFAULT : 0);
		if (pick(prng, 4) == 0)
			call->flags = pick(prng, 2) ? 0 : MCL_ONFAULT;
	} else if (call->kind != CALL_MUNLOCKALL) {
		random_range(prng, call);
		if (call->len >= PMD_SIZE && call->addr + call->len > call->addr)
			call->len = WINDOW_END - call->addr;
		if (call->kind == CALL_MLOCK)
			call->flags = pick(prng, 3) ? 0 : pick(prng, 8) ? MLOCK_ONFAULT : 2;
	}
}

/* Few places in a page, so that what was stored is loaded again. */
static unsigned long random_byte_of_a_page(struct prng *prng)
{
	return WINDOW + pick(prng, WINDOW_PAGES) * PAGE_SIZE + pick(prng, 2) * (PAGE_SIZE - 1);
}

static void random_mprotect(struct prng *prng, struct call *call)
{
	random_range(prng, call);
	call->prot = random_prot(prng);
	if (call->len >= PMD_SIZE && call->addr + call->len > call->addr)
		call->len = WINDOW_END - call->addr; /* the child lives above */
	if (pick(prng, 20) == 0)
		call->prot |= PROT_GROWSDOWN;
	if (pick(prng, 40) == 0)
		call->prot |= 0x40;
}

static void random_call(struct prng *prng, struct call *call)
{
	static const struct {
		unsigned int weight;
		enum call_kind kind;
		void (*make)(struct prng *prng, struct call *call);
	} kinds[] = {
		{ 24, CALL_MMAP, random_mmap },
		{ 5, CALL_MMAP_HINT, random_mmap },
		{ 9, CALL_MUNMAP, random_range },
		{ 13, CALL_MPROTECT, random_mprotect },
		{ 5, CALL_BRK, NULL },
		{ 14, CALL_MREMAP, random_mremap },
		{ 10, CALL_MADVISE, random_madvise },
		{ 7, CALL_MLOCK, random_lock },
		{ 2, CALL_MSYNC, random_range },
		{ 4, CALL_MINCORE, random_range },
		{ 14, CALL_STORE, NULL },
		{ 8, CALL_LOAD, NULL },
	};
	unsigned long dice = pick(prng, 115);
	size_t i = 0;

	while (dice >= kinds[i].weight)
		dice -= kinds[i++].weight;
	*call = (struct call){ .kind = kinds[i].kind };
	if (kinds[i].make)
		kinds[i].make(prng, call);
	else if (call->kind == CALL_BRK)
		call->len = pick(prng, BRK_PAGES * PAGE_SIZE);
	else
		call->addr = random_byte_of_a_page(prng);
	call->byte = prng_next(prng);
	if (call->kind == CALL_MMAP)
		call->flags |= pick(prng, 5) ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	if (call->kind == CALL_MSYNC)
		call->flags = (int)pick(prng, 8);
	if (call->kind == CALL_MINCORE && call->len > 4 * WINDOW_PAGES * PAGE_SIZE)
		call->len = 4 * WINDOW_PAGES * PAGE_SIZE;
}

/* In the end all that is mapped is looked at. */
static void final_loads(struct oracle *oracle)
{
	for (int page = 0; page < WINDOW_PAGES; page++) {
		for (int side = 0; side < 2; side++)
			oracle->calls[oracle->nr_calls++] = (struct call){
				.kind = CALL_LOAD,
				.addr = WINDOW + (unsigned long)page * PAGE_SIZE +
					(unsigned long)side * (PAGE_SIZE - 1),
			};
	}
}

static void print_call(int i, const struct call *call)
{
	printf("%4d %-12s addr=%#lx len=%#lx prot=%#x flags=%#x %s pgoff=%lu", i,
	       call_names[call->kind], call->addr, call->len, call->prot, call->flags,
	       call->file ? "file" : "anon", call->pgoff);
	if (call->kind == CALL_MREMAP)
		printf(" new_len=%#lx new_addr=%#lx", call->new_len, call->new_addr);
	if (call->kind == CALL_MADVISE)
		printf(" advice=%d", call->advice);
	printf("\n");
}

/* ---- Maps --------------------------------------------------------------------------------------------- */

/*
 * Append a mapping, names left out, if it lies in the window or is of the heap.  The heap's first line
 * is cut where the sequence began.
 */
static void add_maps_line(const struct oracle *oracle, char *maps, unsigned long start,
			  unsigned long end, const char *perms, unsigned long offset, bool anon)
{
	unsigned long brk_end = oracle->brk + (BRK_PAGES + 1) * PAGE_SIZE;
	bool in_window = start < WINDOW_END && end > WINDOW;
	bool in_heap = start < brk_end && end > oracle->brk;
	size_t len = strlen(maps);

	if (!in_window && !in_heap)
		return;
	if (in_heap)
		start = max(start, oracle->brk);
	snprintf(maps + len, MAPS_SIZE - len, "%lx-%lx %s %lx\n", start, end, perms,
		 anon ? 0 : offset);
}

/* Without stdio and malloc, which would move the heap under us. */
static bool host_maps(const struct oracle *oracle, char *maps)
{
	static char text[65536];
	size_t len = 0;
	ssize_t n;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	maps[0] = '\0';
	if (fd < 0)
		return false;
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		unsigned long start, end, offset, inode;
		char perms[5], *at = line;

		start = strtoul(at, &at, 16);
		end = strtoul(at + 1, &at, 16);
		memcpy(perms, at + 1, 4);
		perms[4] = '\0';
		offset = strtoul(at + 6, &at, 16);
		inode = strtoul(strchr(at + 1, ' ') + 1, NULL, 10);
		add_maps_line(oracle, maps, start, end, perms, offset, inode == 0);
	}
	return true;
}

struct maps_arg {
	const struct oracle *oracle;
	char *maps;
};

static void our_line(void *arg, const struct gw_maps_line *line)
{
	const struct maps_arg *a = arg;

	add_maps_line(a->oracle, a->maps, line->start, line->end, line->perms, line->offset,
		      line->ino == 0);
}

static void our_maps(const struct oracle *oracle, struct mm *mm, char *maps)
{
	struct maps_arg arg = { oracle, maps };

	maps[0] = '\0';
	mm_maps(mm, our_line, &arg);
}

/* Is all of [addr, addr + len) free, by @maps?  Both sides decide alike whether to use a hint. */
static bool is_free(const char *maps, unsigned long addr, unsigned long len)
{
	if (addr < WINDOW || len > WINDOW_END - addr)
		return false;
	for (const char *line = maps; *line; line = strchr(line, '\n') + 1) {
		char *at;
		unsigned long start = strtoul(line, &at, 16);
		unsigned long end = strtoul(at + 1, NULL, 16);

		if (start < addr + len && end > ALIGN_DOWN(addr, PAGE_SIZE))
			return false;
	}
	return true;
}

/* A stack above keeps its gap: then the hint is not taken, and where else is nobody's business. */
#define ELSEWHERE 1

static bool is_elsewhere(const struct call *call, long value)
{
	return (call->kind == CALL_MMAP_HINT || call->kind == CALL_MREMAP) && value > 0 &&
	       ((unsigned long)value < WINDOW || (unsigned long)value >= WINDOW_END);
}

/* The mapping of @maps that contains @addr. */
static bool find_mapping(const char *maps, unsigned long addr, unsigned long *start,
			 unsigned long *end)
{
	for (const char *line = maps; *line; line = strchr(line, '\n') + 1) {
		char *at;

		*start = strtoul(line, &at, 16);
		*end = strtoul(at + 1, NULL, 16);
		if (*start <= addr && addr < *end)
			return true;
	}
	return false;
}

/* Since 6.17 several VMAs can be moved at once, which is not done here (docs/differences.md). */
static bool moves_several(const struct oracle *oracle, const struct call *call, const char *maps)
{
	unsigned long start, end;

	return oracle->host_version >= KERNEL(6, 17) && (call->flags & MREMAP_FIXED) &&
	       (!find_mapping(maps, call->addr, &start, &end) || call->len > end - call->addr);
}

static unsigned long length_of(const struct call *call)
{
	return call->kind == CALL_MREMAP ? call->new_len : call->len;
}

/* ---- The host's side ---------------------------------------------------------------------------------- */

static long errno_or(long value)
{
	return value == -1 ? -errno : value;
}

/* A byte from the file arrives in memory. */
static long host_store(const struct oracle *oracle, const struct call *call)
{
	long n;

	if (pwrite(oracle->scratch_fd, &call->byte, 1, 0) != 1)
		return -EIO;
	n = errno_or(syscall(SYS_pread64, oracle->scratch_fd, call->addr, 1, 0));
	return n < 0 ? n : 0;
}

/*
 * MREMAP_DONTUNMAP, where kernels differ (docs/differences.md): a mapping without a page of its own
 * may merge with itself, and a locked one may lose the lock on more than what moves.  So it gets a
 * page, and loses its lock, before it is moved; if it cannot be written it is left.
 */
static bool host_may_keep(const struct oracle *oracle, const struct call *call, const char *maps)
{
	unsigned long start, end;

	if (!(call->flags & MREMAP_DONTUNMAP))
		return true;
	return find_mapping(maps, call->addr, &start, &end) && host_store(oracle, call) == 0 &&
	       syscall(SYS_munlock, start, end - start) == 0;
}

static long host_call(const struct oracle *oracle, const struct call *call, const char *maps,
		      unsigned char *residency)
{
	void *addr = (void *)call->addr;
	unsigned char byte = call->byte;
	long n;

	switch (call->kind) {
	case CALL_MMAP_HINT:
		if (call->len == 0 || !is_free(maps, call->addr, call->len))
			return 0;
		__attribute__((fallthrough));
	case CALL_MMAP:
		return errno_or(syscall(SYS_mmap, addr, call->len, call->prot, call->flags,
					call->file ? oracle->file_fd : -1,
					call->pgoff * PAGE_SIZE));
	case CALL_MUNMAP:
		return errno_or(syscall(SYS_munmap, addr, call->len));
	case CALL_MPROTECT:
		return errno_or(syscall(SYS_mprotect, addr, call->len, call->prot));
	case CALL_BRK:
		return syscall(SYS_brk, oracle->brk + call->len) - (long)oracle->brk;
	case CALL_MREMAP:
		if (moves_several(oracle, call, maps) || !host_may_keep(oracle, call, maps))
			return 0;
		return errno_or(syscall(SYS_mremap, addr, call->len, call->new_len, call->flags,
					call->new_addr));
	case CALL_MADVISE:
		return errno_or(syscall(SYS_madvise, addr, call->len, call->advice));
	case CALL_MLOCK:
		return errno_or(syscall(SYS_mlock2, addr, call->len, call->flags));
	case CALL_MUNLOCK:
		return errno_or(syscall(SYS_munlock, addr, call->len));
	case CALL_MLOCKALL:
		return errno_or(syscall(SYS_mlockall, call->flags));
	case CALL_MUNLOCKALL:
		return errno_or(syscall(SYS_munlockall));
	case CALL_MSYNC:
		return errno_or(syscall(SYS_msync, addr, call->len, call->flags));
	case CALL_MINCORE:
		return errno_or(syscall(SYS_mincore, addr, call->len, residency));
	case CALL_STORE:
		return host_store(oracle, call);
	case CALL_LOAD:
		n = errno_or(syscall(SYS_pwrite64, oracle->scratch_fd, addr, 1, 0));
		if (n < 0)
			return n;
		return pread(oracle->scratch_fd, &byte, 1, 0) == 1 ? byte : -EIO;
	case NR_CALLS:
		break;
	}
	return -ENOSYS;
}

/* As on our side: a limit on locked memory that counts. */
static void be_unprivileged(void)
{
	const struct rlimit limit = { LOCKED_PAGES * PAGE_SIZE, LOCKED_PAGES * PAGE_SIZE };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || syscall(SYS_capset, &header, none))
		_exit(2);
}

/* A child's work: it never returns. */
static void host_run(struct oracle *oracle)
{
	char maps[MAPS_SIZE] = "";

	be_unprivileged();
	oracle->brk = syscall(SYS_brk, 0);
	oracle->brk = syscall(SYS_brk, ALIGN_UP(oracle->brk, PAGE_SIZE));
	oracle->host[MAX_CALLS].value = (long)oracle->brk;
	for (int i = 0; i < oracle->nr_calls; i++) {
		const struct call *call = &oracle->calls[i];
		unsigned char *residency = memset(oracle->host[i].residency, 0, WINDOW_PAGES);
		long value = host_call(oracle, call, maps, residency);

		if (is_elsewhere(call, value)) {
			syscall(SYS_munmap, value, length_of(call));
			value = ELSEWHERE;
		}
		oracle->host[i].value = value;
		if (!host_maps(oracle, maps))
			_exit(1);
		memcpy(oracle->host[i].maps, maps, sizeof(maps));
	}
	_exit(0);
}

/* ---- Our side ------------------------------------------------------------------------------------------- */

struct ours {
	struct machine *machine;
	struct mm *mm;
	struct mapping *file;
	void *frames, *core;
};

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

static void ours_create(struct ours *ours, struct oracle *oracle)
{
	static const struct gw_mapping_ops ops = { .read_page = read_page };
	const struct gw_limits limits = {
		.as = ~0ull, .data = ~0ull, .stack = ~0ull, .memlock = LOCKED_PAGES * PAGE_SIZE
	};
	const struct gw_mmap residency = {
		.addr = RESIDENCY,
		.len = PAGE_SIZE,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	};
	struct gw_mapping_info info = {
		.ops = &ops,
		.file = &oracle->file_fd,
		.size = FILE_PAGES * PAGE_SIZE,
		.name = "file",
		.ino = 1,
	};
	struct gw_machine_config config = {
		.nr_frames = 1024,
		.nr_cpus = 1,
		.nr_nodes = 1,
		.task_size = (1ul << 47) - PAGE_SIZE,
		.mmap_min_addr = PAGE_SIZE,
		.overcommit_memory = OVERCOMMIT_ALWAYS, /* the host has more frames */
		.poison = true,
	};

	config.core_size = machine_core_size(config.nr_frames);
	config.frames = ours->frames = aligned_alloc(PAGE_SIZE, config.nr_frames * PAGE_SIZE);
	config.core = ours->core = aligned_alloc(PAGE_SIZE, config.core_size);
	if (!ours->frames || !ours->core || machine_create(&config, &ours->machine) ||
	    mm_create(ours->machine, &limits, &ours->mm) ||
	    mapping_create(ours->machine, &info, &ours->file))
		abort();
	ours->mm->start_brk = ours->mm->brk = oracle->brk;
	if (mm_mmap(ours->mm, &residency) != (long)RESIDENCY)
		abort();
	read_file(ours->file);
}

static void ours_destroy(struct ours *ours)
{
	mm_put(ours->mm);
	mapping_put(ours->file);
	machine_destroy(ours->machine);
	free(ours->frames);
	free(ours->core);
}

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
static void as_if_reads_made_pages(struct mm *mm, unsigned long start, unsigned long end)
{
	down_read(&mm->mmap_lock);
	for (unsigned long addr = start; addr < end; addr += PAGE_SIZE) {
		if (maps_zero_page(mm, addr) && anon_vma_prepare(vma_lookup(mm, addr)))
			abort();
	}
	up_read(&mm->mmap_lock);
}

static void imitate_host(const struct ours *ours, const struct oracle *oracle)
{
	if (!oracle->reads_make_pages)
		return;
	as_if_reads_made_pages(ours->mm, WINDOW, WINDOW_END);
	as_if_reads_made_pages(ours->mm, oracle->brk, oracle->brk + (BRK_PAGES + 1) * PAGE_SIZE);
}

/* As host_may_keep(). */
static bool we_may_keep(const struct ours *ours, const struct call *call, const char *maps)
{
	unsigned long start, end;

	if (!(call->flags & MREMAP_DONTUNMAP))
		return true;
	return find_mapping(maps, call->addr, &start, &end) &&
	       copy_to_user(ours->mm, call->addr, &call->byte, 1) == 0 &&
	       mm_munlock(ours->mm, start, end - start) == 0;
}

static long our_mincore(const struct ours *ours, const struct call *call, unsigned char *residency)
{
	static const unsigned char zeroes[PAGE_SIZE];
	int err;

	if (copy_to_user(ours->mm, RESIDENCY, zeroes, sizeof(zeroes)))
		abort();
	err = mm_mincore(ours->mm, call->addr, call->len, RESIDENCY);
	if (copy_from_user(ours->mm, residency, RESIDENCY, WINDOW_PAGES))
		abort();
	return err;
}

static long our_call(const struct ours *ours, const struct oracle *oracle, const struct call *call,
		     const char *maps, unsigned char *residency)
{
	const struct gw_mmap args = {
		.addr = call->addr,
		.len = call->len,
		.prot = call->prot,
		.flags = call->flags,
		.mapping = call->file ? ours->file : NULL,
		.pgoff = call->pgoff,
	};
	unsigned char byte = call->byte;
	int err;

	switch (call->kind) {
	case CALL_MMAP_HINT:
		if (call->len == 0 || !is_free(maps, call->addr, call->len))
			return 0;
		__attribute__((fallthrough));
	case CALL_MMAP:
		return mm_mmap(ours->mm, &args);
	case CALL_MUNMAP:
		return mm_munmap(ours->mm, call->addr, call->len);
	case CALL_MPROTECT:
		return mm_mprotect(ours->mm, call->addr, call->len, call->prot);
	case CALL_BRK:
		return (long)(mm_brk(ours->mm, oracle->brk + call->len) - oracle->brk);
	case CALL_MREMAP:
		if (moves_several(oracle, call, maps) || !we_may_keep(ours, call, maps))
			return 0;
		return mm_mremap(ours->mm, call->addr, call->len, call->new_len,
				 (unsigned long)call->flags, call->new_addr);
	case CALL_MADVISE:
		return mm_madvise(ours->mm, call->addr, call->len, call->advice);
	case CALL_MLOCK:
		return mm_mlock(ours->mm, call->addr, call->len, call->flags);
	case CALL_MUNLOCK:
		return mm_munlock(ours->mm, call->addr, call->len);
	case CALL_MLOCKALL:
		return mm_mlockall(ours->mm, call->flags);
	case CALL_MUNLOCKALL:
		return mm_munlockall(ours->mm);
	case CALL_MSYNC:
		return mm_msync(ours->mm, call->addr, call->len, call->flags);
	case CALL_MINCORE:
		return our_mincore(ours, call, residency);
	case CALL_STORE:
		return copy_to_user(ours->mm, call->addr, &byte, 1);
	case CALL_LOAD:
		err = copy_from_user(ours->mm, &byte, call->addr, 1);
		return err ? err : byte;
	case NR_CALLS:
		break;
	}
	return -ENOSYS;
}

/* ---- Comparing ------------------------------------------------------------------------------------------ */

static bool differ(const struct oracle *oracle, int i)
{
	const struct result *host = &oracle->host[i], *ours = &oracle->ours[i];

	if (host->value != ours->value || strcmp(host->maps, ours->maps) != 0)
		return true;
	return oracle->calls[i].kind == CALL_MINCORE &&
	       memcmp(host->residency, ours->residency, sizeof(ours->residency)) != 0;
}

/* The number of the first call that differs, or -1. */
static int compare(struct oracle *oracle, char *why, size_t why_size)
{
	char maps[MAPS_SIZE] = "";
	struct ours ours;
	int status, differs = -1;
	pid_t child = fork();

	if (child == 0)
		host_run(oracle);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "the child did not end well\n");
		exit(2);
	}
	oracle->brk = (unsigned long)oracle->host[MAX_CALLS].value;
	threads_task_attach("oracle", 0);
	ours_create(&ours, oracle);
	for (int i = 0; i < oracle->nr_calls && differs < 0; i++) {
		const struct call *call = &oracle->calls[i];
		struct result *result = &oracle->ours[i];
		struct gw_validation validation = { 0 };

		result->value = our_call(&ours, oracle, call, maps, result->residency);
		imitate_host(&ours, oracle);
		if (is_elsewhere(call, result->value)) {
			if (mm_munmap(ours.mm, (unsigned long)result->value, length_of(call)))
				abort();
			result->value = ELSEWHERE;
		}
		our_maps(oracle, ours.mm, maps);
		memcpy(result->maps, maps, sizeof(maps));
		if (i % VALIDATE_EVERY == 0 || i == oracle->nr_calls - 1)
			machine_validate(ours.machine, &validation);
		if (validation.nr_problems || differ(oracle, i)) {
			differs = i;
			snprintf(why, why_size, "%s", validation.first);
		}
	}
	ours_destroy(&ours);
	threads_task_detach();
	return differs;
}

/* Leave out every call without which the two still differ, from the last to the first. */
static void shrink(struct oracle *oracle, int differs, char *why, size_t why_size)
{
	oracle->nr_calls = differs + 1;
	for (int i = oracle->nr_calls - 1; i >= 0; i--) {
		struct oracle without = *oracle;
		int at;

		memmove(&without.calls[i], &without.calls[i + 1],
			(size_t)(without.nr_calls - i - 1) * sizeof(without.calls[0]));
		without.nr_calls--;
		at = compare(&without, why, why_size);
		if (at < 0)
			continue;
		without.nr_calls = at + 1;
		*oracle = without;
	}
}

static void print_residency(const char *whose, const struct result *result)
{
	printf("%s mincore: ", whose);
	for (int i = 0; i < WINDOW_PAGES; i++)
		putchar('0' + result->residency[i]);
	putchar('\n');
}

static void report(struct oracle *oracle, unsigned long seed, char *why, size_t why_size)
{
	int last = oracle->nr_calls - 1;

	compare(oracle, why, why_size);
	printf("seed %lu, shrunk to %d calls:\n", seed, oracle->nr_calls);
	for (int i = 0; i <= last; i++)
		print_call(i, &oracle->calls[i]);
	printf("host: %#lx\n%s", oracle->host[last].value, oracle->host[last].maps);
	printf("ours: %#lx\n%s", oracle->ours[last].value, oracle->ours[last].maps);
	print_residency("host", &oracle->host[last]);
	print_residency("ours", &oracle->ours[last]);
	printf("validation: %s\n", why[0] ? why : "clean");
}

static void open_files(struct oracle *oracle)
{
	char path[64], page[PAGE_SIZE];
	int fd = memfd_create("oracle", MFD_CLOEXEC);

	oracle->scratch_fd = memfd_create("scratch", MFD_CLOEXEC);
	for (int i = 0; i < FILE_PAGES; i++) {
		memset(page, i + 1, sizeof(page));
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
			abort();
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	oracle->file_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (oracle->file_fd < 0 || oracle->scratch_fd < 0)
		abort();
}

/* A read of new memory does not make it resident, but for hosts without a zero page. */
static bool host_reads_make_pages(void)
{
	volatile char *page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	bool anonymous;

	if (page == MAP_FAILED || fd < 0)
		abort();
	(void)*page;
	if (pread(fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)page / PAGE_SIZE * sizeof(entry))) != sizeof(entry))
		abort();
	/* Bit 63: present; bit 56: mapped here alone, which the zero page never is. */
	anonymous = (entry >> 63 & 1) && (entry >> 56 & 1);
	close(fd);
	munmap((void *)(uintptr_t)page, PAGE_SIZE);
	return anonymous;
}

static unsigned int host_version(void)
{
	unsigned int major, minor;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		abort();
	return KERNEL(major, minor);
}

int main(int argc, char **argv)
{
	unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	unsigned long nr_sequences = argc > 2 ? strtoul(argv[2], NULL, 0) : 40;
	int nr_calls = argc > 3 ? atoi(argv[3]) : 150;
	size_t results_size = (MAX_CALLS + 1) * sizeof(struct result);
	static struct oracle oracle;

	if (nr_calls < 1 || nr_calls > RANDOM_CALLS_MAX)
		return 2;
	open_files(&oracle);
	oracle.host_version = host_version();
	oracle.reads_make_pages = host_reads_make_pages();
	oracle.host =
		mmap(NULL, results_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	oracle.ours = calloc(1, results_size);
	if (oracle.host == MAP_FAILED || !oracle.ours)
		return 2;
	for (unsigned long seed = first; seed < first + nr_sequences; seed++) {
		struct prng prng;
		char why[256] = "";
		int differs;

		prng_seed(&prng, seed);
		oracle.nr_calls = nr_calls;
		for (int i = 0; i < nr_calls; i++)
			random_call(&prng, &oracle.calls[i]);
		final_loads(&oracle);
		differs = compare(&oracle, why, sizeof(why));
		if (differs >= 0) {
			shrink(&oracle, differs, why, sizeof(why));
			report(&oracle, seed, why, sizeof(why));
			return 1;
		}
	}
	printf("%lu sequences of %d calls: no difference from the host\n", nr_sequences, nr_calls);
	return 0;
}
