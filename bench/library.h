/* SPDX-License-Identifier: MIT */
/*
 * library.h - a machine of the library's own, with one address space, to be measured
 */
#pragma once

#include <godwit/core.h>

#include "compiler.h"

struct library {
	const struct gw_core *core;
	struct machine *machine;
	struct mm *mm;

	unsigned char *frames;
	unsigned long nr_frames;
	void *core_memory;
	size_t core_size;
	unsigned long last_pfn; /* that a translation was made of */
};

/* The calling thread becomes a task of the library.  => -errno, usually for lack of memory */
int library_init(struct library *library, unsigned long nr_frames) __must_check;
void library_fini(struct library *library);

/* Private anonymous memory, or -errno; at @addr, unless that is 0. */
long library_mmap(struct library *library, unsigned long addr, unsigned long len);
/* A write fault for each page. */
int library_touch(struct library *library, unsigned long addr, unsigned long len) __must_check;
/* The frame behind @addr, which is present and writable; else -EFAULT. */
long library_pfn(struct library *library, unsigned long addr);
