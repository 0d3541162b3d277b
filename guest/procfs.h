/* SPDX-License-Identifier: MIT */
/*
 * procfs.h - the files of /proc that only Godwit can write
 */
#pragma once

#include "path.h"

/* A host descriptor from which @file can be read, as it is now.  => or -EACCES, -ENOMEM */
int proc_open(struct process *process, enum proc_file file, int flags) __must_check;
