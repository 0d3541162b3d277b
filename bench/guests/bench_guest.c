// SPDX-License-Identifier: MIT
/*
 * bench_guest.c - what is measured inside a program
 *
 * The same static program runs on the host and on Godwit and prints one figure.
 *
 *	bench_guest start			nothing: what is measured is its beginning and end
 *	bench_guest syscall COUNT		nanoseconds for a system call that does nothing
 *	bench_guest fault anon|memfd PAGES	nanoseconds for the first touch of a page
 *	bench_guest sha256 MIB			megabytes a second
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double measure_syscall(unsigned long count)
{
	double start = now();

	for (unsigned long i = 0; i < count; i++)
		syscall(SYS_getpid);
	return (now() - start) / (double)count;
}

/* ---- Faults ---------------------------------------------------------------------------------------- */

static void touch(volatile unsigned char *memory, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
}

/* Of a memfd the frames are there already: the fault only maps them. */
static void *map_pages(int memfd, unsigned long pages)
{
	int kind = memfd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, kind, memfd, 0);

	if (memory == MAP_FAILED)
		exit(1);
	madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

static int new_memfd(unsigned long pages)
{
	int memfd = memfd_create("bench", 0);
	void *memory;

	if (memfd < 0 || ftruncate(memfd, (off_t)(pages * PAGE)))
		exit(1);
	memory = map_pages(memfd, pages);
	touch(memory, pages);
	munmap(memory, pages * PAGE);
	return memfd;
}

static double measure_fault(const char *kind, unsigned long pages)
{
	void *memory = map_pages(strcmp(kind, "memfd") ? -1 : new_memfd(pages), pages);
	double start = now();

	touch(memory, pages);
	return (now() - start) / (double)pages;
}

/* ---- SHA-256 (FIPS 180-4) ---------------------------------------------------------------------------- */

static const uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, int by)
{
	return x >> by | x << (32 - by);
}

static void sha256_schedule(uint32_t w[64], const unsigned char *block)
{
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

/* The eight words change places in each round; here the names do. */
#define word(n) s[((n)-i) & 7]

static void sha256_block(uint32_t state[8], const unsigned char *block)
{
	uint32_t w[64], s[8];

	sha256_schedule(w, block);
	memcpy(s, state, sizeof(s));
#pragma GCC unroll 8
	for (int i = 0; i < 64; i++) {
		uint32_t a = word(0), b = word(1), c = word(2), e = word(4), f = word(5),
			 g = word(6);
		uint32_t choice = (e & f) ^ (~e & g);
		uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
		uint32_t t = word(7) + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice +
			     round_constants[i] + w[i];

		word(3) += t;
		word(7) = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

/* Whole blocks, no padding: for the work and not for the digest. */
static double measure_sha256(unsigned long mib)
{
	size_t len = mib << 20;
	unsigned char *buffer = malloc(len);
	uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	volatile uint32_t sink;
	double start;

	if (!buffer)
		exit(1);
	memset(buffer, 0x5a, len);
	start = now();
	for (size_t at = 0; at < len; at += 64)
		sha256_block(state, buffer + at);
	sink = state[0];
	(void)sink;
	return (double)len / (now() - start) * 1e3;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "start"))
		return 0;
	if (argc == 3 && !strcmp(argv[1], "syscall"))
		printf("%.3f\n", measure_syscall(strtoul(argv[2], NULL, 10)));
	else if (argc == 4 && !strcmp(argv[1], "fault"))
		printf("%.3f\n", measure_fault(argv[2], strtoul(argv[3], NULL, 10)));
	else if (argc == 3 && !strcmp(argv[1], "sha256"))
		printf("%.3f\n", measure_sha256(strtoul(argv[2], NULL, 10)));
	else
		return 2;
	return 0;
}
