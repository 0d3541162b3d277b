// SPDX-License-Identifier: MIT
/*
 * oom.c - fails when memory that is promised but not there ends in anything but the program's death
 *
 * Started by errors.sh alone, with little memory: on a host it would take what there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t mebibytes = argc > 1 ? strtoul(argv[1], NULL, 0) : 100;

	for (size_t i = 0; i < mebibytes; i++) {
		char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (at == MAP_FAILED) {
			puts("refused");
			return 3;
		}
		memset(at, 1, 1 << 20);
		if (i == 0 && write(1, "started\n", 8) != 8)
			return 2;
	}
	puts("finished");
	return 0;
}
