/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - a machine for unit tests: in malloc'd memory, with one address space
 *
 * The calling thread becomes a task of the threads copy for as long as the machine lives.  The mm/
 * functions are called directly.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "filemap.h"
#include "machine.h"
#include "mm.h"
#include "vma.h"

struct fixture {
	struct machine *machine;
	struct mm *mm; /* empty, no limits; NULL when a test has put it itself */
	void *frames, *core;
};

/*
 * What fixture_create() starts from: 1024 frames in one node, 2 CPUs, 47 bits of address, overcommit
 * without limit, freed frames poisoned.  A test changes what it needs; memory is filled in by
 * fixture_create().
 */
struct gw_machine_config fixture_config(void);

struct fixture *fixture_create(const struct gw_machine_config *config);
/* Puts the address space, validates, and destroys the machine, which panics if anything is left. */
void fixture_destroy(struct fixture *fixture);

/* The same as cmocka's setup and teardown, with the configuration as it is. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* machine_validate() finds nothing; fails the test with its words. */
void fixture_assert_valid(struct fixture *fixture);

/* ---- Address spaces as text ----------------------------------------------------------------------- */

#define FIXTURE_MAPS_SIZE 16384

/* One line per VMA, "start-end perms offset name\n", addresses in hexadecimal. */
void fixture_maps(struct mm *mm, char maps[FIXTURE_MAPS_SIZE]);
/* The address space is @lines, in the form "10000-12000 rw-p" with one line per VMA. */
void fixture_assert_maps(struct mm *mm, const char *lines);

/* ---- Calls, short --------------------------------------------------------------------------------- */

/* A private anonymous mapping just there, replacing what is there; fails the test if it fails. */
void fixture_map_at(struct mm *mm, unsigned long addr, unsigned long len, int prot);
long fixture_mmap(struct mm *mm, unsigned long addr, unsigned long len, int prot, int flags,
		  struct mapping *mapping, unsigned long pgoff);

/* ---- Files in memory ------------------------------------------------------------------------------ */

/*
 * A file of @size bytes whose every byte is fixture_file_byte(offset).  The caller has the
 * reference.  @name is not copied until mapping_create() does.
 */
struct mapping *fixture_file(struct fixture *fixture, const char *name, size_t size);
unsigned char fixture_file_byte(uint64_t offset);

/* ---- A second task -------------------------------------------------------------------------------- */

/*
 * Run @work on CPU 1 and wait for it: what another task does while this one holds locks.  It may
 * not assert, as cmocka's assertions belong to the first thread.
 */
void fixture_in_another_task(void (*work)(void *arg), void *arg);

/* ---- Fail the Nth --------------------------------------------------------------------------------- */

/*
 * Repeat @operation with its 1st, 2nd, ... allocation failing until it succeeds.  After each failure
 * the machine is valid, and the maps of @mm are what they were.  @operation returns 0 or -errno and
 * may be run again after a failure.  => how many failures there were
 */
int fixture_fail_nth_sweep(struct fixture *fixture, struct mm *mm,
			   int (*operation)(struct fixture *fixture, void *arg), void *arg);
