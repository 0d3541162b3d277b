/* SPDX-License-Identifier: MIT */
/*
 * uaccess.h - the kernel's copies from and to an address space
 *
 * Each page is copied under its table lock, so that neither the frame nor the rights can change
 * meanwhile; an entry that does not allow the access is faulted in, as the processor would do.
 */
#pragma once

#include "mm.h"

/* May [@addr, @addr + @len) be an address space's at all? */
static inline bool access_ok(const struct mm *mm, unsigned long addr, size_t len)
{
	return len <= mm->task_size && addr <= mm->task_size - len;
}

int copy_from_user(struct mm *mm, void *to, unsigned long from, size_t len) __must_check;
int copy_to_user(struct mm *mm, unsigned long to, const void *from, size_t len) __must_check;
long strncpy_from_user(struct mm *mm, char *to, unsigned long from, size_t size) __must_check;
