// SPDX-License-Identifier: MIT
/*
 * write_seeds.c - the seeds of fuzz_elf as files, for libFuzzer
 *
 * usage: write_seeds FOLDER
 */
#include "fuzz.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	static uint8_t input[FUZZ_INPUT_MAX];
	size_t size;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	for (unsigned int nr = 0; (size = fuzz_seed(nr, input)); nr++) {
		char path[4096];
		FILE *file;

		snprintf(path, sizeof(path), "%s/seed-%u", argv[1], nr);
		file = fopen(path, "w");
		if (!file || fwrite(input, 1, size, file) != size || fclose(file)) {
			perror(path);
			return 1;
		}
	}
	return 0;
}
