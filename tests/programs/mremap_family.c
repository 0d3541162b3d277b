// SPDX-License-Identifier: MIT
/*
 * mremap_family.c - fails when mremap, madvise, mlock, mincore, msync or the limits answer otherwise
 * than Linux
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)
#define PMD  (2ul << 20)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static sigjmp_buf back;

static void handle(int signo)
{
	siglongjmp(back, signo);
}

static void check(const char *what, long result)
{
	printf("%s: %s\n", what, result == -1 ? strerrorname_np(errno) : "ok");
}

static void check_map(const char *what, const void *result)
{
	check(what, result == MAP_FAILED ? -1 : 0);
}

static void read_byte(const char *what, const char *at)
{
	int signo = sigsetjmp(back, 1);

	if (signo == 0)
		printf("%s: %d\n", what, *(const volatile char *)at);
	else
		printf("%s: %s\n", what, strsignal(signo));
}

/* Page i of @len bytes begins with i and what is stamped on it. */
static void stamp(char *map, size_t len, int salt)
{
	for (size_t i = 0; i < len / PAGE; i++)
		*(uint64_t *)(void *)(map + i * PAGE) = i * 1000 + (unsigned int)salt;
}

static void check_stamps(const char *what, const char *map, size_t len, size_t first, int salt)
{
	size_t wrong = 0;

	for (size_t i = 0; i < len / PAGE; i++)
		wrong += *(const uint64_t *)(const void *)(map + i * PAGE) !=
			 (first + i) * 1000 + (unsigned int)salt;
	printf("%s: %zu pages, %zu wrong\n", what, len / PAGE, wrong);
}

/* ---- mremap -------------------------------------------------------------------------------------- */

static void mremap_errors(void)
{
	char *map = mmap(NULL, 16 * PAGE, RW, ANON, -1, 0);

	munmap(map + 8 * PAGE, PAGE);
	check_map("unknown flag", mremap(map, PAGE, PAGE, 8));
	check_map("fixed without maymove", mremap(map, PAGE, PAGE, MREMAP_FIXED, map + 8 * PAGE));
	check_map("dontunmap without maymove", mremap(map, PAGE, PAGE, MREMAP_DONTUNMAP));
	check_map("dontunmap and another size",
		  mremap(map, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
	check_map("unaligned", mremap(map + 1, PAGE, PAGE, 0));
	check_map("new length 0", mremap(map, PAGE, 0, 0));
	check_map("of nothing", mremap(map + 8 * PAGE, PAGE, PAGE, 0));
	check_map("private, old length 0", mremap(map, 0, PAGE, MREMAP_MAYMOVE));
	check_map("grow across a hole", mremap(map, 9 * PAGE, 10 * PAGE, MREMAP_MAYMOVE));
	check_map("overlap below",
		  mremap(map + 2 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map));
	check_map("overlap above",
		  mremap(map, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map + 2 * PAGE));
	check_map("overlap when grown",
		  mremap(map, PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map - 2 * PAGE));
	check_map("to an unaligned place",
		  mremap(map, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map + 8 * PAGE + 1));
	check_map("to above the end", mremap(map, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
					     (char *)(1ul << 47) - PAGE));
	check_map("no room, may not move", mremap(map + 6 * PAGE, 2 * PAGE, 4 * PAGE, 0));
	check_map("shrink to the end of nothing", mremap(map, 16 * PAGE, 2 * PAGE, 0));
	munmap(map, 16 * PAGE);
}

static void mremap_sizes(void)
{
	char *map = mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0), *moved;

	mmap(map, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
	munmap(map + 8 * PAGE, 24 * PAGE);
	stamp(map, 8 * PAGE, 1);
	printf("grows in place: %d\n", mremap(map, 8 * PAGE, 20 * PAGE, 0) == map);
	check_stamps("what was there", map, 8 * PAGE, 0, 1);
	read_byte("what is new", map + 19 * PAGE);
	printf("shrinks: %d\n", mremap(map, 20 * PAGE, 5 * PAGE, 0) == map);
	read_byte("what was cut off", map + 5 * PAGE);
	mmap(map + 5 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
	moved = mremap(map, 5 * PAGE, 30 * PAGE, MREMAP_MAYMOVE);
	printf("moves when it must: %d\n", moved != MAP_FAILED && moved != map);
	check_stamps("what has moved", moved, 5 * PAGE, 0, 1);
	read_byte("where it was", map);
	munmap(moved, 30 * PAGE);
	munmap(map + 5 * PAGE, 59 * PAGE);
}

static void mremap_fixed(void)
{
	char *map = mmap(NULL, 32 * PAGE, RW, ANON, -1, 0);

	stamp(map, 32 * PAGE, 2);
	printf("over another part: %d\n",
	       mremap(map + 20 * PAGE, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      map + 2 * PAGE) == map + 2 * PAGE);
	check_stamps("before", map, 2 * PAGE, 0, 2);
	check_stamps("moved", map + 2 * PAGE, 4 * PAGE, 20, 2);
	read_byte("grown", map + 7 * PAGE);
	check_stamps("behind", map + 8 * PAGE, 12 * PAGE, 8, 2);
	read_byte("where it was", map + 20 * PAGE);
	check_stamps("behind that", map + 24 * PAGE, 8 * PAGE, 24, 2);
	printf("cut and moved: %d\n",
	       mremap(map + 24 * PAGE, 8 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      map + 20 * PAGE) == map + 20 * PAGE);
	check_stamps("the part that stays", map + 20 * PAGE, 2 * PAGE, 24, 2);
	read_byte("the part that goes", map + 26 * PAGE);
	munmap(map, 32 * PAGE);
}

static void mremap_dontunmap(void)
{
	char *map = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0), *moved;

	stamp(map, 8 * PAGE, 3);
	moved = mremap(map, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	check_map("dontunmap", moved);
	check_stamps("moved", moved, 8 * PAGE, 0, 3);
	read_byte("empty but there", map + 3 * PAGE);
	stamp(map, 8 * PAGE, 4);
	check_stamps("and again", map, 8 * PAGE, 0, 4);
	check_stamps("apart", moved, 8 * PAGE, 0, 3);
	munmap(moved, 8 * PAGE);
	munmap(map, 8 * PAGE);
}

/* Ten MiB, at the same place of its tables and at another. */
static void mremap_tables(void)
{
	size_t len = 5 * PMD, window = 8 * PMD;
	char *map = mmap(NULL, 2 * window, PROT_NONE, ANON, -1, 0);
	char *old = (char *)(((uintptr_t)map + PMD) & ~(PMD - 1)) + 3 * PAGE, *new = old + window;

	mmap(old, len, RW, ANON | MAP_FIXED, -1, 0);
	stamp(old, len, 5);
	check_map("aligned alike", mremap(old, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, new));
	check_stamps("moved", new, len, 0, 5);
	read_byte("where it was", old + PMD);
	check_map("aligned otherwise",
		  mremap(new, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, old + 7 * PAGE));
	check_stamps("moved back", old + 7 * PAGE, len, 0, 5);
	stamp(old + 7 * PAGE, len, 6);
	check_stamps("still writable", old + 7 * PAGE, len, 0, 6);
	munmap(map, 2 * window);
}

static void mremap_files(int fd)
{
	char *shared = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0), *again;
	char *private = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0), *moved;

	again = mremap(shared + PAGE, 0, PAGE, MREMAP_MAYMOVE);
	check_map("a second view", again);
	read_byte("the same page", again);
	read_byte("seen from both", shared + PAGE);
	private[0] = 'x';
	moved = mremap(private, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	read_byte("a private copy", moved);
	read_byte("the file's page", moved + PAGE);
	read_byte("beyond its end", moved + 3 * PAGE);
	munmap(moved, 4 * PAGE);
	munmap(again, PAGE);
	munmap(shared, 3 * PAGE);
}

/* ---- madvise --------------------------------------------------------------------------------------- */

static void madvise_pages(int fd)
{
	char *map = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
	char *file = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);

	stamp(map, 8 * PAGE, 7);
	check("dontneed", madvise(map + 2 * PAGE, 2 * PAGE, MADV_DONTNEED));
	check_stamps("kept", map, 2 * PAGE, 0, 7);
	read_byte("dropped", map + 2 * PAGE);
	check_stamps("kept too", map + 4 * PAGE, 4 * PAGE, 4, 7);
	check("free", madvise(map + 4 * PAGE, PAGE, MADV_FREE));
	map[4 * PAGE] = 9;
	read_byte("written after", map + 4 * PAGE);
	file[0] = 'x';
	check("dontneed of a private copy", madvise(file, PAGE, MADV_DONTNEED));
	read_byte("the file's again", file);
	check("free of a file", madvise(file, PAGE, MADV_FREE));
	check("remove of private memory", madvise(map, PAGE, MADV_REMOVE));
	check("remove of a private file", madvise(file, PAGE, MADV_REMOVE));
	check("willneed", madvise(file, 3 * PAGE, MADV_WILLNEED));
	check("cold", madvise(map, 8 * PAGE, MADV_COLD));
	check("populate for writing", madvise(map, 8 * PAGE, MADV_POPULATE_WRITE));
	mprotect(map, PAGE, PROT_READ);
	check("populate for writing what is read-only", madvise(map, PAGE, MADV_POPULATE_WRITE));
	check("populate for reading", madvise(map, PAGE, MADV_POPULATE_READ));
	check("populate beyond a file", madvise(file, 3 * PAGE, MADV_POPULATE_READ));
	munmap(map + 5 * PAGE, PAGE);
	check("dontneed over a hole", madvise(map, 8 * PAGE, MADV_DONTNEED));
	read_byte("behind the hole", map + 6 * PAGE);
	check("populate over a hole", madvise(map, 8 * PAGE, MADV_POPULATE_READ));
	munmap(file, 3 * PAGE);
	munmap(map, 8 * PAGE);
}

static void madvise_errors(void)
{
	char *map = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	check("unknown advice", madvise(map, PAGE, 5));
	check("unaligned", madvise(map + 1, PAGE, MADV_NORMAL));
	check("length that wraps", madvise(map, -PAGE, MADV_NORMAL));
	check("length that becomes 0", madvise(map, -1ul, MADV_NORMAL));
	check("length 0", madvise(map, 0, MADV_DONTNEED));
	check("hints", madvise(map, PAGE, MADV_RANDOM) | madvise(map, PAGE, MADV_SEQUENTIAL) |
			       madvise(map, PAGE, MADV_NORMAL));
	check("fork", madvise(map, PAGE, MADV_DONTFORK) | madvise(map, PAGE, MADV_DOFORK) |
			      madvise(map, PAGE, MADV_WIPEONFORK) |
			      madvise(map, PAGE, MADV_KEEPONFORK));
	check("dump", madvise(map, PAGE, MADV_DONTDUMP) | madvise(map, PAGE, MADV_DODUMP));
	check("lock", mlock(map, PAGE));
	check("dontneed of locked memory", madvise(map, 4 * PAGE, MADV_DONTNEED));
	check("free of locked memory", madvise(map, PAGE, MADV_FREE));
	check("unlock", munlock(map, PAGE));
	check("dontneed of unlocked memory", madvise(map, 4 * PAGE, MADV_DONTNEED));
	munmap(map, 4 * PAGE);
}

/* ---- mlock, mincore, msync ---------------------------------------------------------------------------- */

static void show_residency(const char *what, char *map, size_t len)
{
	unsigned char vec[16] = { 0 };

	if (mincore(map, len, vec)) {
		check(what, -1);
		return;
	}
	printf("%s: ", what);
	for (size_t i = 0; i < len / PAGE; i++)
		putchar('0' + (vec[i] & 1));
	putchar('\n');
}

static void residency(void)
{
	char *map = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
	unsigned char vec[8];

	show_residency("nothing yet", map, 8 * PAGE);
	map[PAGE] = map[5 * PAGE] = 1;
	show_residency("two pages", map, 8 * PAGE);
	check("lock on fault", mlock2(map, 3 * PAGE, MLOCK_ONFAULT));
	show_residency("no more", map, 8 * PAGE);
	check("lock", mlock(map + 4 * PAGE + 100, PAGE));
	show_residency("what it touches", map, 8 * PAGE);
	check("unlock", munlock(map, 8 * PAGE));
	check("dontneed", madvise(map, 8 * PAGE, MADV_DONTNEED));
	show_residency("nothing again", map, 8 * PAGE);
	munmap(map + 6 * PAGE, PAGE);
	show_residency("over a hole", map, 8 * PAGE);
	check("mincore unaligned", mincore(map + 1, PAGE, vec));
	check("mincore to nowhere", mincore(map, PAGE, (unsigned char *)map + 6 * PAGE));
	check("lock over a hole", mlock(map, 8 * PAGE));
	show_residency("locked up to it, not brought in", map, 6 * PAGE);
	check("unlock over a hole", munlock(map, 8 * PAGE));
	check("unknown lock flag", mlock2(map, PAGE, 2));
	check("lock of what may not be accessed",
	      mprotect(map, PAGE, PROT_NONE) | mlock(map, 2 * PAGE));
	munmap(map, 8 * PAGE);
}

static void everything(void)
{
	char *map;

	check("mlockall of nothing", mlockall(0));
	check("mlockall on fault alone", mlockall(MCL_ONFAULT));
	check("mlockall of what comes", mlockall(MCL_FUTURE));
	map = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
	show_residency("comes in at once", map, 4 * PAGE);
	check("dontneed", madvise(map, 4 * PAGE, MADV_DONTNEED));
	check("mlockall of what comes, on fault", mlockall(MCL_FUTURE | MCL_ONFAULT));
	munmap(map, 4 * PAGE);
	map = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
	show_residency("does not come in", map, 4 * PAGE);
	check("msync of locked memory", msync(map, PAGE, MS_INVALIDATE));
	check("munlockall", munlockall());
	check("msync of unlocked memory", msync(map, PAGE, MS_INVALIDATE));
	munmap(map, 4 * PAGE);
}

static void sync_flags(void)
{
	char *map = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	munmap(map + 2 * PAGE, PAGE);
	check("msync", msync(map, 2 * PAGE, MS_SYNC));
	check("both", msync(map, PAGE, MS_SYNC | MS_ASYNC));
	check("unknown", msync(map, PAGE, 8));
	check("unaligned", msync(map + 1, PAGE, MS_SYNC));
	check("hole", msync(map, 4 * PAGE, MS_SYNC));
	check("hole, async", msync(map, 4 * PAGE, MS_ASYNC));
	check("length 0", msync(map, 0, MS_SYNC));
	munmap(map, 4 * PAGE);
}

/* ---- Limits ----------------------------------------------------------------------------------------- */

/* With @limit set to @value: may @len more bytes be mapped, and grown to twice that? */
static void limited(const char *what, int limit, rlim_t value, size_t len)
{
	struct rlimit old, new;
	char *map;

	getrlimit(limit, &old);
	new = (struct rlimit){ value, old.rlim_max };
	check(what, setrlimit(limit, &new));
	map = mmap(NULL, len, RW, ANON, -1, 0);
	check_map("  map", map);
	if (map == MAP_FAILED)
		map = mmap(NULL, PAGE, PROT_READ, ANON, -1, 0);
	else
		check_map("  grow", map = mremap(map, len, 64 * len, MREMAP_MAYMOVE));
	setrlimit(limit, &old);
}

static void limits(void)
{
	limited("address space", RLIMIT_AS, 256ul << 20, 8ul << 20);
	limited("no address space", RLIMIT_AS, PAGE, 8ul << 20);
	limited("data", RLIMIT_DATA, 32ul << 20, 1ul << 20);
	check("prlimit", prlimit(0, RLIMIT_MEMLOCK, NULL, &(struct rlimit){ 0 }));
}

int main(void)
{
	int fd = open("mremap_family", O_RDWR | O_CREAT | O_TRUNC, 0644);

	signal(SIGSEGV, handle);
	signal(SIGBUS, handle);
	if (pwrite(fd, "first", 5, 0) != 5 || pwrite(fd, "second", 6, PAGE) != 6)
		return 2;
	mremap_errors();
	mremap_sizes();
	mremap_fixed();
	mremap_dontunmap();
	mremap_tables();
	mremap_files(fd);
	madvise_pages(fd);
	madvise_errors();
	residency();
	everything();
	sync_flags();
	limits();
	return 0;
}
