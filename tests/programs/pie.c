// SPDX-License-Identifier: MIT
/* pie.c - fails when two runs of a program lie at the same addresses, or its relocations are wrong */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int variable = 42;
static int *const relocated[] = { &variable, &variable + 1 };

static int function(int x)
{
	return x + 1;
}

static int (*volatile pointer)(int) = function;

int main(int argc, char **argv)
{
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long here[4] = { (unsigned long)main, (unsigned long)&argc, (unsigned long)sbrk(0),
				  (unsigned long)map };
	static const char *const names[4] = { "image", "stack", "break", "mappings" };
	char text[4][24];
	char *again[6] = { argv[0] };

	if (argc == 5) {
		for (int i = 0; i < 4; i++)
			printf("%s: %s\n", names[i],
			       strtoul(argv[i + 1], NULL, 16) == here[i] ? "same" : "differs");
		printf("relocated: %d %d\n", *relocated[0], pointer(6));
		return 0;
	}
	for (int i = 0; i < 4; i++) {
		snprintf(text[i], sizeof(text[i]), "%lx", here[i]);
		again[i + 1] = text[i];
	}
	execv("/proc/self/exe", again);
	return 1;
}
