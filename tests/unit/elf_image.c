// SPDX-License-Identifier: MIT
/* elf_image.c - a small static program as bytes, for tests that break it */
#include "elf_image.h"

#include <string.h>

#define CODE_OFFSET 0x2000
#define DATA_OFFSET 0x3010
#define DATA_SIZE   0x110

#define HEADERS_SIZE (sizeof(Elf64_Ehdr) + ELF_IMAGE_PHDRS * sizeof(Elf64_Phdr))

_Static_assert(HEADERS_SIZE <= CODE_OFFSET, "headers reach into the code");

/* exit(42) */
static const unsigned char code[] = {
	0xbf, ELF_IMAGE_EXIT_CODE,
	0x00, 0x00,
	0x00, /* mov $42, %edi */
	0xb8, 0x3c,
	0x00, 0x00,
	0x00,	    /* mov $60, %eax */
	0x0f, 0x05, /* syscall */
	0xf4,	    /* hlt */
};

static void fill_segments(struct elf_image *image, unsigned long base)
{
	*elf_image_segment(image, ELF_IMAGE_HEADERS) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_vaddr = base,
		.p_filesz = HEADERS_SIZE,
		.p_memsz = HEADERS_SIZE,
		.p_align = 0x1000,
	};
	*elf_image_segment(image, ELF_IMAGE_CODE) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = CODE_OFFSET,
		.p_vaddr = base + CODE_OFFSET,
		.p_filesz = sizeof(code),
		.p_memsz = sizeof(code),
		.p_align = 0x1000,
	};
	*elf_image_segment(image, ELF_IMAGE_DATA) = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = DATA_OFFSET,
		.p_vaddr = base + DATA_OFFSET + 0x1000,
		.p_filesz = DATA_SIZE,
		.p_memsz = 0x2500,
		.p_align = 0x1000,
	};
	*elf_image_segment(image, ELF_IMAGE_STACK) = (Elf64_Phdr){
		.p_type = PT_GNU_STACK,
		.p_flags = PF_R | PF_W,
		.p_align = 0x10,
	};
}

void elf_image_init(struct elf_image *image, unsigned int type)
{
	unsigned long base = type == ET_EXEC ? ELF_IMAGE_BASE : 0;

	memset(image, 0, sizeof(*image));
	/* Beyond the data too, so that a bss that was not zeroed shows. */
	image->size = DATA_OFFSET + DATA_SIZE + 0x200;
	memset(image->bytes + DATA_OFFSET, 0xda, DATA_SIZE + 0x200);
	memcpy(image->bytes + CODE_OFFSET, code, sizeof(code));
	*elf_image_header(image) = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = (Elf64_Half)type,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = base + CODE_OFFSET,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = ELF_IMAGE_SEGMENTS,
	};
	fill_segments(image, base);
}
