/* SPDX-License-Identifier: MIT */
/*
 * program.h - a program of memory operations, by up to four processes that take turns
 *
 * There is one decoder, from any bytes (decode.c), and one form as text (text.c).  What carries a
 * program out is host.c, in processes of the host, and ours.c, on the library.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WINDOW_PAGES 48
/* Across the end of a page table, and where no sanitizer has its shadow. */
#define WINDOW	     ((1ul << 45) + (2ul << 20) - 20 * 4096ul)
#define WINDOW_END   (WINDOW + WINDOW_PAGES * 4096ul)
#define BRK_PAGES    40
#define FILE_PAGES   40
#define LOCKED_PAGES 60 /* RLIMIT_MEMLOCK of each process */

#define PROCESSES_MAX 4
#define OPS_MAX	      2048

/* What an operation has besides its process, in the order in which text has it. */
enum field {
	FIELD_END,
	FIELD_ADDR,
	FIELD_LEN,
	FIELD_NEW_LEN,
	FIELD_PROT,
	FIELD_MAP_FLAGS,
	FIELD_MREMAP_FLAGS,
	FIELD_MLOCK_FLAGS,
	FIELD_MLOCKALL_FLAGS,
	FIELD_MSYNC_FLAGS,
	FIELD_ADVICE,
	FIELD_NEW_ADDR,
	FIELD_OBJECT,
	FIELD_BYTE,
	NR_FIELDS,
};

#define FIELDS_MAX 6

#define OP_KINDS(X)                                                                                \
	X(MMAP, "mmap", FIELD_ADDR, FIELD_LEN, FIELD_PROT, FIELD_MAP_FLAGS, FIELD_OBJECT)          \
	/* without MAP_FIXED, at an address that is free; done only if it is */                    \
	X(MMAP_HINT, "mmap-hint", FIELD_ADDR, FIELD_LEN, FIELD_PROT, FIELD_MAP_FLAGS,              \
	  FIELD_OBJECT)                                                                            \
	X(MUNMAP, "munmap", FIELD_ADDR, FIELD_LEN)                                                 \
	X(MPROTECT, "mprotect", FIELD_ADDR, FIELD_LEN, FIELD_PROT)                                 \
	X(BRK, "brk", FIELD_LEN) /* from where the heap began */                                   \
	X(MREMAP, "mremap", FIELD_ADDR, FIELD_LEN, FIELD_NEW_LEN, FIELD_MREMAP_FLAGS,              \
	  FIELD_NEW_ADDR)                                                                          \
	X(MADVISE, "madvise", FIELD_ADDR, FIELD_LEN, FIELD_ADVICE)                                 \
	X(MLOCK, "mlock", FIELD_ADDR, FIELD_LEN, FIELD_MLOCK_FLAGS)                                \
	X(MUNLOCK, "munlock", FIELD_ADDR, FIELD_LEN)                                               \
	X(MLOCKALL, "mlockall", FIELD_MLOCKALL_FLAGS)                                              \
	X(MUNLOCKALL, "munlockall", FIELD_END)                                                     \
	X(MSYNC, "msync", FIELD_ADDR, FIELD_LEN, FIELD_MSYNC_FLAGS)                                \
	X(MINCORE, "mincore", FIELD_ADDR, FIELD_LEN)                                               \
	X(STORE, "store", FIELD_ADDR, FIELD_BYTE)                                                  \
	X(LOAD, "load", FIELD_ADDR)                                                                \
	/* every page of the window, as a debugger reads it: protection does not matter */         \
	X(LOOK, "look", FIELD_END)                                                                 \
	X(FORK, "fork", FIELD_END) /* the child is the lowest process that there is not */         \
	X(EXIT, "exit", FIELD_END) /* but for process 0 */

enum op_kind {
#define X(id, name, ...) OP_##id,
	OP_KINDS(X)
#undef X
		NR_OPS,
};

struct op_spec {
	const char *name;
	enum field fields[FIELDS_MAX];
};

extern const struct op_spec op_specs[NR_OPS];

/* Fields that the kind has not are 0. */
struct op {
	enum op_kind kind;
	int proc; /* which process does it; nothing happens if there is none such */
	unsigned long addr, len, new_len, new_addr;
	int prot, flags, advice;
	bool file; /* or anonymous */
	unsigned long pgoff;
	unsigned char byte;
};

struct program {
	int nr;
	struct op ops[OPS_MAX];
};

/* ---- Bytes to programs ---------------------------------------------------------------------------- */

/* At most @ops_max operations; the end of the bytes ends the program too. */
void program_decode(struct program *program, const uint8_t *bytes, size_t len, int ops_max);
/* Bytes that an operation takes, at most. */
#define OP_BYTES_MAX 32

/* ---- Text ------------------------------------------------------------------------------------------ */

/* One operation per line; "#" begins a comment. */
void program_print(FILE *out, const struct program *program);
void op_print(FILE *out, const struct op *op);
/* False: @error says what is wrong, as LINE: and a sentence. */
bool program_read(FILE *in, struct program *program, char *error, size_t error_size);
