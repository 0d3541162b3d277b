// SPDX-License-Identifier: MIT
/*
 * message.c - what Godwit itself has to say, on stderr, one line each
 */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "syscall.h"

void message(const char *fmt, ...)
{
	char text[1024] = "godwit: ";
	const int prefix = 8;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text + prefix, sizeof(text) - prefix - 1, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	len = min(len + prefix, (int)sizeof(text) - 2);
	text[len++] = '\n';
	host_syscall(SYS_write, 2, text, (long)len);
}
