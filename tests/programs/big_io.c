// SPDX-License-Identifier: MIT
/*
 * big_io.c - fails when a transfer is cut, doubled or misplaced, or is too long by a bad address
 *
 * Transfers are far larger than any buffer between the program and its files, and some run into
 * memory that is not there: what came before must have been transferred.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096ul
#define BIG  (3ul << 20)

static void check(const char *what, long result)
{
	if (result == -1)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, result);
}

static void fill(unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		at[i] = (unsigned char)(seed >> 16);
	}
}

static unsigned long checksum(const unsigned char *at, size_t len)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = sum * 131 + at[i];
	return sum;
}

static unsigned char *area(size_t len)
{
	unsigned char *at =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		exit(2);
	return at;
}

static void whole(int fd)
{
	unsigned char *from = area(BIG + PAGE), *to = area(BIG + PAGE);
	struct iovec in[3] = { { to + 3, 1000000 },
			       { to + 1500000, 1 },
			       { to + 1500001, 1500000 } };

	fill(from, BIG + PAGE, 1);
	check("write", write(fd, from + 17, BIG));
	lseek(fd, 0, SEEK_SET);
	check("read", read(fd, to + 5, BIG));
	printf("same: %d\n", memcmp(from + 17, to + 5, BIG) == 0);
	check("readv", (lseek(fd, 0, SEEK_SET), readv(fd, in, 3)));
	printf("checksum: %lx\n", checksum(to, BIG + PAGE));
	check("pread", pread(fd, to, BIG, 1000001));
	printf("checksum: %lx\n", checksum(to, BIG + PAGE));
	check("pwritev", pwritev(fd, in, 3, 77777));
	check("lseek", lseek(fd, 0, SEEK_SET));
	check("read", read(fd, to, BIG));
	printf("checksum: %lx\n", checksum(to, BIG));
	munmap(from, BIG + PAGE);
	munmap(to, BIG + PAGE);
}

/* The area ends at an address that is not mapped any more. */
static void cut(int fd)
{
	unsigned char *at = area(BIG);
	size_t kept = BIG / 2;
	int out = open("big_io_out", O_RDWR | O_CREAT | O_TRUNC, 0644);

	fill(at, BIG, 2);
	munmap(at + kept, BIG - kept);
	check("write, cut", write(out, at, BIG));
	check("its size", lseek(out, 0, SEEK_END));
	check("write, nothing there", write(out, at + kept, 10));
	check("its size", lseek(out, 0, SEEK_END));
	check("read, cut", pread(fd, at, BIG, 0));
	printf("checksum: %lx\n", checksum(at, kept));
	check("read, unaligned, cut", pread(fd, at + 100, BIG, 50));
	printf("checksum: %lx\n", checksum(at, kept));
	check("read, nothing there", pread(fd, at + kept, 10, 0));
	mprotect(at, PAGE, PROT_READ);
	check("read into read-only memory", pread(fd, at, 10, 0));
	mprotect(at, PAGE, PROT_NONE);
	check("write from no memory", pwrite(out, at, 10, 0));
	check("write from above the end", pwrite(out, (void *)(1ul << 47), 10, 0));
	check("read, end of file", pread(fd, at + PAGE, kept - PAGE, BIG - 10));
	munmap(at, kept);
	close(out);
}

/* A pipe takes as much as it holds; the rest goes when somebody has read. */
static void through_a_pipe(void)
{
	static unsigned char from[40000], to[40000];
	int ends[2];
	unsigned long sum = 0;

	if (pipe(ends))
		exit(2);
	for (int i = 0; i < 50; i++) {
		ssize_t got = 0;

		fill(from, sizeof(from), (unsigned int)i);
		if (write(ends[1], from, sizeof(from)) != sizeof(from))
			printf("short write\n");
		while (got < (ssize_t)sizeof(to))
			got += read(ends[0], to + got, sizeof(to) - (size_t)got);
		sum += checksum(to, sizeof(to)) ^ (unsigned long)memcmp(from, to, sizeof(to));
	}
	printf("through a pipe: %lx\n", sum);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 3; i++)
		check("write until full", write(ends[1], from, sizeof(from)));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	int fd = open("big_io", O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		return 2;
	whole(fd);
	cut(fd);
	through_a_pipe();
	return 0;
}
