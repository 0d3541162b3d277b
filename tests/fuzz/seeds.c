// SPDX-License-Identifier: MIT
/* seeds.c - inputs that fuzz_elf starts from: programs, broken programs, scripts */
#include "fuzz.h"

#include <string.h>

#include "elf_breaks.h"

#define OPTIONS_BYTES 4

static const char *const scripts[] = {
	"#!good\n", "#!good argument\n", "#! good\t two words \n",
	"#!self\n", "#!missing\n",	 "#!good",
	"#!\n",
};

static size_t elf_seed(unsigned int nr, uint8_t *to)
{
	struct elf_image image;

	elf_image_init(&image, elf_breaks[nr].type);
	elf_breaks[nr].apply(&image);
	memcpy(to, image.bytes, image.size);
	return image.size;
}

static size_t script_seed(unsigned int nr, uint8_t *to)
{
	size_t size = strlen(scripts[nr]);

	memcpy(to, scripts[nr], size);
	return size;
}

/* Each of the options is in some seed; what fails, and when, is left to the mutator. */
size_t fuzz_seed(unsigned int nr, uint8_t to[FUZZ_INPUT_MAX])
{
	const unsigned int nr_scripts = sizeof(scripts) / sizeof(scripts[0]);
	size_t size;

	if (nr < elf_nr_breaks)
		size = elf_seed(nr, to);
	else if (nr - elf_nr_breaks < nr_scripts)
		size = script_seed(nr - (unsigned int)elf_nr_breaks, to);
	else
		return 0;
	memset(to + size, 0, OPTIONS_BYTES);
	to[size] = (uint8_t)(nr % 16);
	return size + OPTIONS_BYTES;
}
