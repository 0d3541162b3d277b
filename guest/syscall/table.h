/* SPDX-License-Identifier: MIT */
/*
 * table.h - which system calls there are, and who answers them
 *
 * A format has a letter for each argument, for those who print calls (report/strace.c).  Small
 * letters are known when the call is made; capital ones are what it has written, to be read when
 * it has returned without an error.
 *
 *	d  int			u  unsigned int		l  long
 *	z  size_t		x  flags in hex		o  mode in octal
 *	a  address		f  descriptor		h  directory descriptor, AT_FDCWD
 *	s  string		v  argv			e  envp
 *	b  bytes given; the next argument says how many
 *	B  bytes filled in; the result says how many
 *	i  iovecs given; the next argument says how many
 *	I  iovecs filled in; the result says how many bytes
 *	p  PROT_*		m  MAP_*		n  O_*, before a mode that O_CREAT makes valid
 *	r  AT_*			w  SEEK_*		c  F_*, the argument's meaning follows
 *	g  signal		y  SIG_BLOCK and so on	k  clock
 *	q  sigset		Q  sigset filled in
 *	j  sigaction		J  sigaction filled in
 *	t  timespec		T  timespec filled in
 *	R  rlimit filled in	L  rlimit given, known when the call is made like a small letter
 *	S  stat filled in	P  two descriptors filled in (pipe)
 *	M  utsname filled in	N  string filled in, the result says how long (readlink, getcwd)
 */
#pragma once

struct thread;

struct syscall_entry {
	const char *name;
	const char *format; /* NULL: unknown */
	/* The result or -errno; NULL: not supported, and named when a program first asks. */
	long (*call)(struct thread *thread, const unsigned long *args);
};

/* NULL: no such number. */
const struct syscall_entry *syscall_entry(long nr);
