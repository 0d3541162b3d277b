// SPDX-License-Identifier: MIT
/*
 * syscall.c - the host's system calls, answered as the kernel answers
 */
#include "syscall.h"

#include <stdarg.h>

long host_syscall(long nr, ...)
{
	va_list ap;
	long a[6];
	long result;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);

	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
