// SPDX-License-Identifier: MIT
/* segv_exit.c - fails when a crash is not the program's end, with its buffered output lost */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "null";
	volatile char *at = NULL;

	puts("before");
	fflush(stdout);
	printf("never seen");
	if (strcmp(how, "readonly") == 0) {
		at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*at = 1;
	} else if (strcmp(how, "abort") == 0) {
		abort();
	} else if (strcmp(how, "illegal") == 0) {
		__asm__ volatile("ud2");
	} else if (strcmp(how, "trap") == 0) {
		__asm__ volatile("int3");
	} else if (strcmp(how, "noncanonical") == 0) {
		at = (char *)0x8000000000000000ul;
		*at = 1;
	} else {
		__asm__ volatile("" : "+r"(at));
		*at = 1;
	}
	return 0;
}
