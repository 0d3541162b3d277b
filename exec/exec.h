/* SPDX-License-Identifier: MIT */
/*
 * exec.h - loading a program into a new address space
 *
 * exec.c       the sequence of execve(2): the temporary stack, the strings, the handler, and
 *              shift_arg_pages(), which moves the half-built stack to its final place
 * binfmt_elf.c static ELF executables, fixed and position independent
 * binfmt_script.c  #! interpreters
 * init_stack.c argc, argv, envp and the auxiliary vector
 *
 * Linux: fs/exec.c, fs/binfmt_elf.c, fs/binfmt_script.c.
 */
#pragma once

#include <godwit/mm.h>

#include "vma.h"

/* gw_core.exec */
int exec_program(struct machine *machine, struct gw_exec *exec);
