// SPDX-License-Identifier: MIT
/* hello.c - fails when a program cannot start, write to both streams and choose its exit status */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	puts("hello");
	fprintf(stderr, "%d arguments\n", argc);
	return argc > 1 ? atoi(argv[1]) : 0;
}
