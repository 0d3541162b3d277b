/* SPDX-License-Identifier: MIT */
/*
 * file_mapping.h - which mapping of the machine stands for a host file
 *
 * A file's pages have one owner: whoever maps or executes the same, unchanged file gets the same
 * mapping.  A file that was changed meanwhile gets a new one, and the old one lives on in those
 * who have it mapped, as a file that was replaced by rename does.
 */
#pragma once

#include "compiler.h"

struct file_mappings;
struct mapping;
struct world;

struct file_mappings *file_mappings_create(struct world *world);
void file_mappings_destroy(struct file_mappings *files);

/*
 * The mapping of the regular file behind host descriptor @host, which the caller keeps.
 * => a reference for the caller; -ENODEV: not a regular file, -errno
 */
int file_mapping_get(struct file_mappings *files, int host, struct mapping **mapping) __must_check;
