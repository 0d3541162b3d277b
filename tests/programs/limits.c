// SPDX-License-Identifier: MIT
/* limits.c - fails when a resource limit does not stop what it limits */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void set(int what, rlim_t value)
{
	struct rlimit limit;

	getrlimit(what, &limit);
	limit.rlim_cur = value;
	if (setrlimit(what, &limit))
		printf("setrlimit: %s\n", strerrorname_np(errno));
}

/* Maps a mebibyte at a time; the program's own size is below one step's rounding. */
static int steps_until_refused(int prot)
{
	int steps = 0;

	errno = 0;
	while (steps < 1000 && mmap(NULL, 1 << 20, prot, ANON, -1, 0) != MAP_FAILED)
		steps++;
	return steps;
}

int main(void)
{
	struct rlimit limit;
	int steps;

	set(RLIMIT_DATA, 50 << 20);
	steps = steps_until_refused(RW);
	printf("data: %d more or less, %s\n", (steps + 2) / 5 * 5, strerrorname_np(errno));
	printf("brk: %s\n", sbrk(4 << 20) == (void *)-1 ? strerrorname_np(errno) : "ok");
	printf("read-only is not data: %d\n",
	       mmap(NULL, 8 << 20, PROT_READ, ANON, -1, 0) != MAP_FAILED);
	set(RLIMIT_DATA, RLIM_INFINITY);
	set(RLIMIT_AS, 200 << 20);
	steps = steps_until_refused(PROT_NONE);
	printf("all: %d more or less, %s\n", (steps + 5) / 10 * 10, strerrorname_np(errno));
	printf("brk: %s\n", sbrk(4 << 20) == (void *)-1 ? strerrorname_np(errno) : "ok");
	set(RLIMIT_AS, RLIM_INFINITY);
	set(RLIMIT_NOFILE, 5);
	printf("descriptors:");
	for (int i = 0; i < 4; i++) {
		int fd = open("/dev/null", O_RDONLY);

		printf(" %s", fd < 0 ? strerrorname_np(errno) : "ok");
	}
	printf("\n");
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("reads back: %lu\n", (unsigned long)limit.rlim_cur);
	limit.rlim_cur = 10;
	limit.rlim_max = 5;
	printf("upside down: %s\n",
	       setrlimit(RLIMIT_NOFILE, &limit) ? strerrorname_np(errno) : "ok");
	return 0;
}
