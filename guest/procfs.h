/* SPDX-License-Identifier: MIT */
/*
 * procfs.h - the files of /proc/self that only Godwit can write
 */
#pragma once

#include <stdio.h>

#include "path.h"

/* A host descriptor from which @file can be read, as it is now.  => or -EACCES, -ENOMEM */
int proc_open(struct process *process, enum proc_file file, int flags) __must_check;

/* A line of /proc/PID/maps, in the kernel's columns. */
struct gw_maps_line;
void proc_print_maps_line(FILE *out, const struct gw_maps_line *line);
