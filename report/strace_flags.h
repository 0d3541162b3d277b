/* SPDX-License-Identifier: MIT */
/*
 * strace_flags.h - the names of flags and small numbers in system calls
 */
#pragma once

#include "strace_args.h"

void text_add_prot(struct text *text, unsigned long prot);
void text_add_map_flags(struct text *text, unsigned long flags);
/* O_* with an access mode, as open(2) takes them, and without, as pipe2(2) does. */
void text_add_open_flags(struct text *text, unsigned long flags);
void text_add_descriptor_flags(struct text *text, unsigned long flags);
void text_add_at_flags(struct text *text, unsigned long flags);
void text_add_whence(struct text *text, unsigned long whence);
void text_add_fcntl_cmd(struct text *text, unsigned long cmd);
void text_add_signal(struct text *text, unsigned long signo);
void text_add_sigmask_how(struct text *text, unsigned long how);
void text_add_sigaction_flags(struct text *text, unsigned long flags);
void text_add_clock(struct text *text, unsigned long clock);
void text_add_file_mode(struct text *text, unsigned long mode);
/* The signals of a mask, without SIG, as [HUP INT], or ~[KILL STOP] when most are in it. */
void text_add_sigset(struct text *text, uint64_t set);
