// SPDX-License-Identifier: MIT
/*
 * tiny_program.c - a static ELF executable of one page, in memory
 *
 * exit(0), which nobody runs: what is explored is over before the first instruction.
 */
#include "tiny_program.h"

#include <elf.h>

#define PROGRAM_BASE 0x400000ul

static const struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	unsigned char code[9];
} program = {
	.header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = PROGRAM_BASE + offsetof(struct program, code),
		.e_phoff = offsetof(struct program, segments),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	},
	.segments = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = PROGRAM_BASE,
		  .p_filesz = sizeof(struct program), .p_memsz = sizeof(struct program),
		  .p_align = GW_PAGE_SIZE },
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
	},
	.code = { 0x31, 0xff, 0xb8, 0x3c, 0x00, 0x00, 0x00, 0x0f, 0x05 },
};

const struct memory_file tiny_program = { .bytes = &program, .size = sizeof(program) };
