/* SPDX-License-Identifier: MIT */
/*
 * types.h - words shared by every public header
 *
 * Usable from C and C++.  Addresses are bytes, half open: [start, end).  Sizes name their unit.
 * Functions that can fail return 0 or a negative errno.
 */
#ifndef GODWIT_TYPES_H
#define GODWIT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_PAGE_SHIFT 12
#define GW_PAGE_SIZE  4096ul

/* Opaque to everyone but the core. */
struct machine;
struct mm;
struct mapping;
struct vma;
struct folio;

#endif
