/* SPDX-License-Identifier: MIT */
/*
 * code.h - what the toy guest executes; see code.S
 */
#pragma once

#define PIECE(name) extern const char name[], name##_end[]

PIECE(code_syscalls);
PIECE(code_count);
PIECE(code_read);
PIECE(code_store);
PIECE(code_jump);
PIECE(code_call);
PIECE(code_spin);
PIECE(code_vectors);
PIECE(code_segments);
PIECE(code_hlt);
PIECE(code_ud2);
PIECE(code_divide);
PIECE(code_int3);
PIECE(code_int80);
PIECE(code_noncanonical);
PIECE(code_flags);
PIECE(code_forge);

#define CODE(name) code_##name, code_##name##_end
