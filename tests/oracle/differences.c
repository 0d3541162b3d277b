// SPDX-License-Identifier: MIT
/*
 * differences.c - reads docs/differences.md, and keeps away from what it allows
 *
 * A row with a name in its first column is something that random programs meet.  The second column
 * says of which kernels it is true: "all", "from 6.17", "before 6.17", "some from 6.13".  Without its
 * row, or on another kernel, the operation is compared like any other.
 */
#include "differences.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "oracle.h"

static const char *const names[NR_DIFFERENCES] = {
#define X(id, name) [DIFFERENCE_##id] = name,
	DIFFERENCES(X)
#undef X
};

/* ---- The table --------------------------------------------------------------------------------------- */

static unsigned int version(unsigned int major, unsigned int minor)
{
	return major << 16 | minor;
}

static unsigned int host_version(void)
{
	unsigned int major, minor;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		abort();
	return version(major, minor);
}

/* 1: yes, 0: no, -1: not understood */
static int is_of_host(const char *kernels)
{
	unsigned int major, minor;

	if (!strncmp(kernels, "all ", 4))
		return 1;
	if (sscanf(kernels, "from %u.%u", &major, &minor) == 2 ||
	    sscanf(kernels, "some from %u.%u", &major, &minor) == 2)
		return host_version() >= version(major, minor);
	if (sscanf(kernels, "before %u.%u", &major, &minor) == 2)
		return host_version() < version(major, minor);
	return -1;
}

/* One line of the file; what it allows is added to @differences. */
static bool read_row(const char *line, unsigned int *differences)
{
	char name[64], kernels[64];
	int i = 0, applies;

	if (sscanf(line, "| `%63[a-z-]` | %63[^|]", name, kernels) != 2)
		return true;
	while (i < NR_DIFFERENCES && strcmp(names[i], name) != 0)
		i++;
	applies = is_of_host(kernels);
	if (i == NR_DIFFERENCES || applies < 0)
		return false;
	if (applies)
		*differences |= 1u << i;
	return true;
}

unsigned int differences_read(const char *path)
{
	unsigned int differences = 0;
	FILE *file = fopen(path, "r");
	char line[1024];

	if (!file) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), file)) {
		if (!read_row(line, &differences)) {
			fprintf(stderr, "%s: not understood: %s", path, line);
			exit(2);
		}
	}
	fclose(file);
	return differences;
}

/* ---- What it means ------------------------------------------------------------------------------------ */

unsigned int differences_plan(unsigned int differences, const struct op *op, const char *maps)
{
	unsigned long start, end;
	unsigned int plan = PLAN_DO;

	if (op->kind != OP_MREMAP)
		return PLAN_DO;
	if (op->flags & MREMAP_FIXED) {
		if (!maps_find(maps, op->addr, &start, &end)) {
			if (differences & 1u << DIFFERENCE_MREMAP_MISTAKES)
				return PLAN_LEAVE_OUT;
		} else if (op->len > end - op->addr &&
			   (differences & 1u << DIFFERENCE_MREMAP_SEVERAL)) {
			return PLAN_LEAVE_OUT;
		}
	}
	if (op->flags & MREMAP_DONTUNMAP) {
		if (differences & 1u << DIFFERENCE_DONTUNMAP_MERGE)
			plan |= PLAN_TOUCH;
		if (differences & 1u << DIFFERENCE_DONTUNMAP_LOCKED)
			plan |= PLAN_UNLOCK;
	}
	return plan;
}

bool differences_end(unsigned int differences, const struct op *op, long value)
{
	return (differences & 1u << DIFFERENCE_MREMAP_FIXED_UNDONE) && op->kind == OP_MREMAP &&
	       (op->flags & MREMAP_FIXED) && value < 0;
}
