/* SPDX-License-Identifier: MIT */
/*
 * host_limits.h - limits of the host that the platform lives with
 */
#pragma once

#include <stdbool.h>

/* vm.max_map_count, or Linux's default when it cannot be read. */
unsigned long host_max_map_count(void);
/* A number in a file under /proc/sys; => false: not there */
bool host_sysctl(const char *path, unsigned long *value);
/* CPUs that this process may run on. */
int host_nr_cpus(void);
