/* SPDX-License-Identifier: MIT */
/*
 * sites.h - the stub's system calls: one instruction each, which the filter knows by its address
 *
 * site_x is the address after the instruction of call_x: what the filter sees.
 */
#pragma once

#pragma GCC visibility push(hidden)

/* Any call; of use only before the filter is set. */
long call_any(long nr, ...);

long call_futex(void *word, long op, long value, void *timeout);
long call_mmap(unsigned long addr, unsigned long len, long prot, long flags, long fd, long offset);
long call_munmap(unsigned long addr, unsigned long len);
long call_munmap_all(unsigned long addr, unsigned long len);
long call_mprotect(unsigned long addr, unsigned long len, long prot);
long call_arch_prctl(long code, unsigned long addr);
void call_sigreturn(void);
long call_sched_yield(void);

/* A new thread starts in helper_main() on @stack; the caller gets its id. */
long call_clone(long flags, unsigned long stack);
/* A call that the filter refuses: the first event. */
void __attribute__((noreturn)) trap(void);

extern const char site_futex[], site_mmap[], site_munmap[], site_munmap_all[], site_mprotect[],
	site_arch_prctl[], site_sigreturn[], site_sched_yield[];

void stub_map_control(void);
void __attribute__((noreturn)) stub_main(void);
void __attribute__((noreturn)) helper_main(void);

struct sock_filter;
#define FILTER_MAX 160
/* Fill in the filter; its length. */
int stub_filter(struct sock_filter *filter);

#pragma GCC visibility pop
