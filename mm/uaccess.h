/* SPDX-License-Identifier: MIT */
/*
 * uaccess.h - the kernel's copies from and to an address space
 *
 * Each page is copied under its table lock, so that neither the frame nor the rights can change
 * meanwhile; an entry that does not allow the access is faulted in, as the processor would do.
 */
#pragma once

#include "mm.h"

int copy_from_user(struct mm *mm, void *to, unsigned long from, size_t len) __must_check;
int copy_to_user(struct mm *mm, unsigned long to, const void *from, size_t len) __must_check;
long strncpy_from_user(struct mm *mm, char *to, unsigned long from, size_t size) __must_check;
