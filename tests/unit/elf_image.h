/* SPDX-License-Identifier: MIT */
/*
 * elf_image.h - a small static program as bytes, for tests that break it
 *
 * The program exits with status 42.  It has every kind of segment that a linker makes: headers,
 * code, data whose last page is shared with bss, bss beyond, and a stack header.  A test changes
 * header() and segment() in place.
 */
#pragma once

#include <elf.h>
#include <stddef.h>

#define ELF_IMAGE_BASE	    0x400000ul /* of a fixed program */
#define ELF_IMAGE_MAX	    0x8000
#define ELF_IMAGE_SEGMENTS  4 /* of the segments below; room for ELF_IMAGE_PHDRS */
#define ELF_IMAGE_PHDRS	    80
#define ELF_IMAGE_EXIT_CODE 42

enum elf_image_segment { ELF_IMAGE_HEADERS, ELF_IMAGE_CODE, ELF_IMAGE_DATA, ELF_IMAGE_STACK };

struct elf_image {
	size_t size; /* bytes of the file */
	_Alignas(8) unsigned char bytes[ELF_IMAGE_MAX];
};

/* @type: ET_EXEC or ET_DYN. */
void elf_image_init(struct elf_image *image, unsigned int type);

static inline Elf64_Ehdr *elf_image_header(struct elf_image *image)
{
	return (Elf64_Ehdr *)image->bytes;
}

/* Valid up to ELF_IMAGE_PHDRS, though the header counts ELF_IMAGE_SEGMENTS. */
static inline Elf64_Phdr *elf_image_segment(struct elf_image *image, unsigned int nr)
{
	return (Elf64_Phdr *)(image->bytes + sizeof(Elf64_Ehdr)) + nr;
}
