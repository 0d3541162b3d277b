// SPDX-License-Identifier: MIT
/* cow_file.c - fails when a store into a private file mapping is lost, or reaches the file */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	 4096
#define NR_PAGES 200
#define TAIL	 123 /* bytes in the last page */
#define SIZE	 (NR_PAGES * PAGE + TAIL)

static sigjmp_buf back;
static volatile uintptr_t fault_addr;
static volatile int fault_code;

static unsigned char pattern(size_t at)
{
	return (unsigned char)(at * 7 + at / PAGE * 13);
}

static int create(void)
{
	int fd = open("cow_file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	static unsigned char page[PAGE];

	for (size_t at = 0; at < SIZE; at += PAGE) {
		size_t len = SIZE - at < PAGE ? SIZE - at : PAGE;

		for (size_t i = 0; i < len; i++)
			page[i] = pattern(at + i);
		if (write(fd, page, len) != (ssize_t)len)
			return -1;
	}
	return fd;
}

static size_t wrong_in_file(int fd)
{
	static unsigned char page[PAGE];
	size_t wrong = 0, at = 0;
	ssize_t len;

	lseek(fd, 0, SEEK_SET);
	while ((len = read(fd, page, PAGE)) > 0) {
		for (ssize_t i = 0; i < len; i++)
			wrong += page[i] != pattern(at + (size_t)i);
		at += (size_t)len;
	}
	return wrong + (at != SIZE);
}

static size_t wrong_in_map(const unsigned char *map, int changed)
{
	size_t wrong = 0;

	for (size_t at = 0; at < SIZE; at++) {
		unsigned char want = pattern(at);

		if (changed && at / PAGE % 3 == 0)
			want = (unsigned char)~want;
		wrong += map[at] != want;
	}
	return wrong;
}

static void handle(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	fault_addr = (uintptr_t)info->si_addr;
	fault_code = info->si_code;
	siglongjmp(back, 1);
}

static void beyond_the_end(unsigned char *map)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO };
	int zeros = 1;

	sigaction(SIGBUS, &action, NULL);
	for (size_t at = SIZE; at % PAGE; at++)
		zeros &= map[at] == 0;
	printf("zeros after the end: %d\n", zeros);
	if (sigsetjmp(back, 1) == 0) {
		printf("read %d\n", *(volatile unsigned char *)(map + SIZE + PAGE));
	} else {
		printf("beyond the last page: SIGBUS, BUS_ADRERR %d, page %ld\n",
		       fault_code == BUS_ADRERR, (long)((fault_addr - (uintptr_t)map) / PAGE));
	}
}

int main(void)
{
	int fd = create();
	unsigned char *one, *two;

	if (fd < 0)
		return 2;
	one = mmap(NULL, SIZE + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	two = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (one == MAP_FAILED || two == MAP_FAILED)
		return 2;
	printf("fresh: %zu wrong\n", wrong_in_map(one, 0) + wrong_in_map(two, 0));
	for (size_t at = 0; at < SIZE; at++) {
		if (at / PAGE % 3 == 0)
			one[at] = (unsigned char)~one[at];
	}
	printf("written: %zu wrong\n", wrong_in_map(one, 1));
	printf("the other mapping: %zu wrong\n", wrong_in_map(two, 0));
	printf("the file: %zu wrong\n", wrong_in_file(fd));
	beyond_the_end(one);
	for (int pass = 0; pass < 200; pass++) {
		size_t wrong = wrong_in_map(one, 1) + wrong_in_map(two, 0);

		if (wrong)
			printf("pass %d: %zu wrong\n", pass, wrong);
	}
	munmap(one, SIZE + 2 * PAGE);
	close(fd);
	printf("the other mapping, closed: %zu wrong\n", wrong_in_map(two, 0));
	return 0;
}
