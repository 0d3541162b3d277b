/* SPDX-License-Identifier: MIT */
/*
 * fork.h - a second address space that looks like the first
 */
#pragma once

#include "mm.h"

/*
 * A copy of @parent: its VMAs, but for those that say no, and its private pages, shared until
 * somebody writes.  Linux: dup_mm().
 * => -ENOMEM, -ENOSYS (there is shared anonymous memory): nothing of it is left
 */
int dup_mm(struct mm *parent, struct mm **child) __must_check;
