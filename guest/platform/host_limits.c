// SPDX-License-Identifier: MIT
/*
 * host_limits.c - limits of the host that the platform lives with
 */
#include "host_limits.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "syscall.h"

#define DEFAULT_MAX_MAP_COUNT 65530

bool host_sysctl(const char *path, unsigned long *value)
{
	char text[32];
	char *end;
	long fd = host_syscall(SYS_openat, (long)AT_FDCWD, path, (long)(O_RDONLY | O_CLOEXEC), 0l);
	long n;

	if (fd < 0)
		return false;
	n = host_syscall(SYS_read, fd, text, sizeof(text) - 1);
	host_syscall(SYS_close, fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*value = strtoul(text, &end, 10);
	return end != text;
}

unsigned long host_max_map_count(void)
{
	unsigned long value;

	return host_sysctl("/proc/sys/vm/max_map_count", &value) ? value : DEFAULT_MAX_MAP_COUNT;
}

int host_nr_cpus(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	if (host_syscall(SYS_sched_getaffinity, 0l, sizeof(cpus), &cpus) < 0)
		return 1;
	return CPU_COUNT(&cpus);
}
