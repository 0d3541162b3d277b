// SPDX-License-Identifier: MIT
/* mmap_family.c - fails when mmap, munmap, mprotect or brk answer otherwise than Linux */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static sigjmp_buf back;
static volatile uintptr_t fault_addr;
static volatile int fault_code, fault_signal;

static void handle(int signo, siginfo_t *info, void *context)
{
	(void)context;
	fault_signal = signo;
	fault_addr = (uintptr_t)info->si_addr;
	fault_code = info->si_code;
	siglongjmp(back, 1);
}

enum access { LOAD, STORE, CALL };

/* Do it, and say what happened; @base makes the address printable. */
static void touch(const char *what, const void *base, size_t offset, enum access access)
{
	volatile char *at = (volatile char *)((uintptr_t)base + offset);

	if (sigsetjmp(back, 1) == 0) {
		if (access == LOAD)
			printf("%s: reads %d\n", what, *at);
		else if (access == STORE)
			*at = 77, printf("%s: writes\n", what);
		else
			((void (*)(void))(uintptr_t)at)(), printf("%s: runs\n", what);
		return;
	}
	printf("%s: %s, code %d, at +%#lx\n", what, strsignal(fault_signal), fault_code,
	       (unsigned long)(fault_addr - (uintptr_t)base));
}

static void check(const char *what, long result)
{
	printf("%s: %s\n", what, result == -1 ? strerrorname_np(errno) : "ok");
}

static void check_map(const char *what, void *result)
{
	check(what, result == MAP_FAILED ? -1 : 0);
}

static void mmap_errors(int fd)
{
	char *map = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);

	check_map("length 0", mmap(NULL, 0, RW, ANON, -1, 0));
	check_map("no type", mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	check_map("unaligned fixed", mmap(map + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	check_map("unaligned hint", mmap(map + 1, PAGE, RW, ANON, -1, 0));
	check_map("unaligned offset", mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 100));
	check_map("huge length", mmap(NULL, 1ul << 62, PROT_NONE, ANON, -1, 0));
	check_map("length that wraps", mmap(NULL, -PAGE + 1, PROT_NONE, ANON, -1, 0));
	check_map("bad descriptor", mmap(NULL, PAGE, RW, MAP_PRIVATE, 999, 0));
	check_map("no replace, taken", mmap(map, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	check_map("no replace, free",
		  munmap(map + 3 * PAGE, PAGE)
			  ? MAP_FAILED
			  : mmap(map + 3 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	check_map("fixed above the end",
		  mmap((void *)(1ul << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0));
	check_map("offset that overflows",
		  (void *)syscall(SYS_mmap, NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE));
	munmap(map, 4 * PAGE);
}

static void mmap_files(void)
{
	int readonly = open("mmap_family", O_RDONLY);
	int writeonly = open("mmap_family", O_WRONLY);
	int directory = open(".", O_RDONLY | O_DIRECTORY);

	check_map("private, writable, of a read-only file",
		  mmap(NULL, PAGE, RW, MAP_PRIVATE, readonly, 0));
	check_map("shared, writable, of a read-only file",
		  mmap(NULL, PAGE, RW, MAP_SHARED, readonly, 0));
	check_map("of a write-only file", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writeonly, 0));
	check_map("of a directory", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, directory, 0));
	close(readonly);
	close(writeonly);
	close(directory);
}

static void munmap_and_mprotect_errors(void)
{
	char *map = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);

	check("munmap unaligned", munmap(map + 1, PAGE));
	check("munmap length 0", munmap(map, 0));
	check("munmap odd length", munmap(map + 7 * PAGE, 100));
	check("munmap of nothing", munmap(map + 7 * PAGE, PAGE));
	check("munmap beyond the end", munmap((void *)(1ul << 47), PAGE));
	check("munmap over a hole", munmap(map + 2 * PAGE, 6 * PAGE));
	check("mprotect unaligned", mprotect(map + 1, PAGE, PROT_READ));
	check("mprotect length 0", mprotect(map, 0, PROT_READ));
	check("mprotect of a hole", mprotect(map + 2 * PAGE, PAGE, PROT_READ));
	check("mprotect into a hole", mprotect(map, 4 * PAGE, PROT_READ));
	touch("what came before the hole", map, 0, STORE);
	check("mprotect bad protection", mprotect(map, PAGE, 0x1000000));
	check("mprotect back", mprotect(map, 2 * PAGE, RW));
	touch("writable again", map, 0, STORE);
	munmap(map, 2 * PAGE);
}

static void rights(void)
{
	static const unsigned char ret = 0xc3;
	char *map = mmap(NULL, 6 * PAGE, RW, ANON, -1, 0);

	memset(map, 5, 6 * PAGE);
	map[4 * PAGE] = (char)ret;
	mprotect(map + PAGE, PAGE, PROT_NONE);
	mprotect(map + 2 * PAGE, PAGE, PROT_READ);
	mprotect(map + 3 * PAGE, PAGE, PROT_WRITE);
	mprotect(map + 4 * PAGE, PAGE, PROT_READ | PROT_EXEC);
	touch("none, load", map, PAGE + 8, LOAD);
	touch("none, store", map, PAGE + 9, STORE);
	touch("read, load", map, 2 * PAGE, LOAD);
	touch("read, store", map, 2 * PAGE + 1, STORE);
	touch("write, store", map, 3 * PAGE, STORE);
	touch("write, load", map, 3 * PAGE, LOAD);
	touch("exec, call", map, 4 * PAGE, CALL);
	touch("exec, store", map, 4 * PAGE, STORE);
	touch("no exec, call", map, 5 * PAGE, CALL);
	mprotect(map, 6 * PAGE, PROT_READ);
	touch("all read, what was none", map, PAGE + 8, LOAD);
	touch("all read, what was written", map, 3 * PAGE, LOAD);
	munmap(map + PAGE, PAGE);
	touch("unmapped", map, PAGE, LOAD);
	mmap(map + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	touch("mapped anew", map, PAGE, LOAD);
	munmap(map, 6 * PAGE);
}

/* A store right after mprotect: the old rights must be gone from every cache. */
static void rights_are_taken_away_at_once(void)
{
	char *map = mmap(NULL, PAGE, RW, ANON, -1, 0);
	volatile int caught = 0;

	for (volatile int i = 0; i < 300; i++) {
		mprotect(map, PAGE, RW);
		*(volatile char *)map = (char)i;
		mprotect(map, PAGE, PROT_READ);
		if (sigsetjmp(back, 1) == 0)
			*(volatile char *)map = (char)(i + 1);
		else
			caught += *(volatile char *)map == (char)i;
	}
	printf("stores after mprotect caught: %d of 300\n", caught);
	munmap(map, PAGE);
}

static void program_break(void)
{
	char *start = sbrk(0), *at;

	check("brk up", brk(start + 10 * PAGE + 5));
	at = start + 10 * PAGE;
	touch("below the break", start, 10 * PAGE, STORE);
	printf("break moved by %#lx\n", (unsigned long)((char *)sbrk(0) - start));
	check("brk down", brk(start + PAGE));
	touch("above the break", start, 10 * PAGE, LOAD);
	check("brk up again", brk(start + 11 * PAGE));
	printf("old contents are gone: %d\n", *at == 0);
	check("brk to 0", brk((void *)1));
	printf("and stayed: %d\n", sbrk(0) == start + 11 * PAGE);
	check("a mapping in the way",
	      mmap(start + 20 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED
		      ? -1
		      : 0);
	check("brk into it", brk(start + 21 * PAGE));
	munmap(start + 20 * PAGE, PAGE);
	check("brk back", brk(start));
	check("brk too far", brk(start + (1ul << 47)));
}

/* Neighbours with the same attributes become one mapping: unmapping across them just works. */
static void pieces(void)
{
	char *map = mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0);

	for (int i = 0; i < 64; i += 2)
		mmap(map + i * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	for (int i = 0; i < 64; i += 2)
		map[i * PAGE] = (char)i;
	for (int i = 1; i < 64; i += 2)
		mprotect(map + i * PAGE, PAGE, RW);
	for (int i = 1; i < 64; i += 2)
		map[i * PAGE] = (char)i;
	for (int i = 0; i < 64; i++) {
		if (map[i * PAGE] != (char)i)
			printf("piece %d holds %d\n", i, map[i * PAGE]);
	}
	check("mprotect across", mprotect(map + 5 * PAGE, 40 * PAGE, PROT_READ));
	touch("inside", map, 44 * PAGE, STORE);
	touch("after", map, 45 * PAGE, STORE);
	check("munmap across", munmap(map + 3 * PAGE, 50 * PAGE));
	touch("gone", map, 52 * PAGE, LOAD);
	touch("kept", map, 53 * PAGE, LOAD);
	munmap(map, 64 * PAGE);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO };
	int fd = open("mmap_family", O_RDWR | O_CREAT | O_TRUNC, 0644);

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	if (write(fd, "contents", 8) != 8)
		return 2;
	mmap_errors(fd);
	mmap_files();
	munmap_and_mprotect_errors();
	rights();
	rights_are_taken_away_at_once();
	program_break();
	pieces();
	return 0;
}
