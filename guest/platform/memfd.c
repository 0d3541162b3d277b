// SPDX-License-Identifier: MIT
/*
 * memfd.c - a memfd whose contents may be executed
 *
 * Linux 6.3 wants to be told (MFD_EXEC), and older ones do not know the flag: Debian 12 has 6.1.
 */
#include "memfd.h"

#include <errno.h>
#include <linux/memfd.h>
#include <sys/syscall.h>

#include "syscall.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

int memfd_create_exec(const char *name, const char **why)
{
	long fd = host_syscall(SYS_memfd_create, name, (unsigned long)(MFD_CLOEXEC | MFD_EXEC));

	if (fd == -EINVAL)
		fd = host_syscall(SYS_memfd_create, name, (unsigned long)MFD_CLOEXEC);
	if (fd == -EACCES)
		*why = "executable memfds are forbidden; set sysctl vm.memfd_noexec to 0 or 1";
	else if (fd == -EMFILE || fd == -ENFILE)
		*why = "no descriptors are left; see ulimit -n";
	else if (fd < 0)
		*why = "memfd_create is missing or forbidden";
	return (int)fd;
}
