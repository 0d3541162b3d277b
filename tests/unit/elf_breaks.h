/* SPDX-License-Identifier: MIT */
/* elf_breaks.h - the ways in which the program of elf_image.h is broken, by name */
#pragma once

#include "elf_image.h"

struct elf_break {
	const char *name;
	unsigned int type; /* of the program that is to be broken, ET_EXEC or ET_DYN */
	void (*apply)(struct elf_image *image);
};

extern const struct elf_break elf_breaks[];
extern const size_t elf_nr_breaks;
