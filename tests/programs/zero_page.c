// SPDX-License-Identifier: MIT
/* zero_page.c - fails when fresh memory is not zero, or a store shows through the zero page */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define NR_PAGES 6000
#define PAGE	 4096

static size_t nonzero(const unsigned char *map, size_t step)
{
	size_t found = 0;

	for (size_t at = 0; at < (size_t)NR_PAGES * PAGE; at += step)
		found += map[at] != 0;
	return found;
}

int main(void)
{
	unsigned char *map = mmap(NULL, (size_t)NR_PAGES * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *again;

	if (map == MAP_FAILED)
		return 2;
	printf("fresh: %zu not zero\n", nonzero(map, 512));
	for (size_t page = 0; page < NR_PAGES; page += 5)
		memset(map + page * PAGE, 0xaa, PAGE);
	printf("a fifth written: %zu not zero\n", nonzero(map, 1));
	munmap(map, (size_t)NR_PAGES * PAGE);
	again = mmap(NULL, (size_t)NR_PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t page = 0; page < NR_PAGES; page += 2)
		again[page * PAGE + 7] = 1;
	printf("mapped again: %zu not zero\n", nonzero(again, 1));
	return 0;
}
