// SPDX-License-Identifier: MIT
/*
 * smaps.c - fails when smaps, pagemap or status tell of known memory what Linux would not
 *
 * What may be seen while a page is between two frames is left out: whether it is dirty, and in
 * pagemap whether it is there or in swap.  So is the zero page, which some kernels count.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul
#define A    0x10000000ul
#define B    0x20000000ul

static char text[1 << 17];

static void read_file(const char *name)
{
	int fd = open(name, O_RDONLY);
	size_t len = 0;
	ssize_t got;

	while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	close(fd);
}

static long field(const char *at, const char *key)
{
	const char *found = strstr(at, key);

	return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

static void print_smaps(const char *when, unsigned long addr)
{
	static const char *const keys[] = { "\nSize:", "\nRss:", "\nPss:", "\nAnonymous:",
					    "\nLocked:", "\nSwap:", "\nKernelPageSize:" };
	char start[16];
	const char *at, *flags;

	read_file("/proc/self/smaps");
	snprintf(start, sizeof(start), "%08lx-", addr);
	at = strstr(text, start);
	printf("%s:", when);
	if (!at) {
		printf(" none\n");
		return;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		printf(" %s %ld", keys[i] + 1, field(at, keys[i]));
	printf(" Private %ld", field(at, "\nPrivate_Clean:") + field(at, "\nPrivate_Dirty:"));
	flags = strstr(at, "VmFlags:");
	for (const char *flag = flags + 9; *flag != '\n'; flag += 3) {
		if (strncmp(flag, "sd", 2))
			printf(" %.2s", flag);
	}
	printf("\n");
}

static void print_pagemap(unsigned long addr, int nr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	printf("pagemap:");
	for (int i = 0; i < nr; i++) {
		if (pread(fd, &entry, sizeof(entry), (off_t)((addr / PAGE + (size_t)i) * 8)) != 8)
			printf(" short");
		else
			printf(" %d", entry >> 62 != 0);
	}
	printf("\n");
	close(fd);
}

static long rollup(const char *key)
{
	read_file("/proc/self/smaps_rollup");
	return strstr(text, "[rollup]") ? field(text, key) : -1;
}

int main(void)
{
	char *a = mmap((void *)A, 8 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	long before, locked;

	memset(text, 1, sizeof(text)); /* no page of it comes later */
	print_smaps("untouched", A);
	a[0] = a[PAGE] = 1;
	print_smaps("two written", A);
	print_pagemap(A, 8);
	mprotect(a, 4 * PAGE, PROT_READ);
	print_smaps("lower half", A);
	print_smaps("upper half", A + 4 * PAGE);
	mlock(a, 2 * PAGE);
	print_smaps("locked", A);
	read_file("/proc/self/status");
	locked = field(text, "VmLck:");
	printf("VmLck %ld, VmPeak is VmSize or little more: %d\n", locked,
	       field(text, "VmPeak:") >= field(text, "VmSize:") &&
		       field(text, "VmPeak:") < field(text, "VmSize:") + 4096);
	before = rollup("\nAnonymous:");
	mmap((void *)B, 16 * PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
	print_smaps("populated", B);
	printf("rollup: %ld more\n", rollup("\nAnonymous:") - before);
	read_file("/proc/meminfo");
	printf("meminfo: %d\n", field(text, "MemTotal:") > field(text, "MemFree:") &&
					field(text, "\nAnonPages:") >= 64);
	read_file("/proc/vmstat");
	printf("vmstat: %d\n", field(text, "\nnr_anon_pages ") > 16 && field(text, "\npgfault ") > 0);
	read_file("/proc/buddyinfo");
	printf("buddyinfo: %d\n", strncmp(text, "Node 0, zone ", 13) == 0);
	read_file("/proc/zoneinfo");
	printf("zoneinfo: %d\n", field(text, "\n  pages free") > 0 && field(text, "spanned") > 0);
	return 0;
}
