// SPDX-License-Identifier: MIT
/*
 * elf_breaks.c - the ways in which the program of elf_image.h is broken, by name
 *
 * Some change nothing that matters, and the program loads: that is the point of those.  Left out is
 * what another kernel version, file system or amount of memory may decide otherwise.
 */
#include "elf_breaks.h"

#include <limits.h>
#include <string.h>

#define TASK_SIZE_HOST ((1ul << 47) - 0x1000) /* where 47 bits of address end */

/* ehdr, and the segments h (headers), c (code), d (data), s (stack), x (one more, not counted). */
#define BREAKS(X)                                                                                  \
	X(nothing, )                                                                               \
	/* the header */                                                                           \
	X(magic, ehdr->e_ident[1] = 'M')                                                           \
	X(class_32, ehdr->e_ident[EI_CLASS] = ELFCLASS32)                                          \
	X(big_endian, ehdr->e_ident[EI_DATA] = ELFDATA2MSB)                                        \
	X(ident_version, ehdr->e_ident[EI_VERSION] = 9)                                            \
	X(osabi, ehdr->e_ident[EI_OSABI] = 99)                                                     \
	X(type_none, ehdr->e_type = ET_NONE)                                                       \
	X(type_rel, ehdr->e_type = ET_REL)                                                         \
	X(type_core, ehdr->e_type = ET_CORE)                                                       \
	X(type_junk, ehdr->e_type = 0x1234)                                                        \
	X(machine, ehdr->e_machine = EM_AARCH64)                                                   \
	X(version, ehdr->e_version = 77)                                                           \
	X(ehsize, ehdr->e_ehsize = 1)                                                              \
	X(section_headers, (ehdr->e_shoff = ~0ul, ehdr->e_shnum = 9))                              \
	X(phentsize_small, ehdr->e_phentsize = 55)                                                 \
	X(phentsize_large, ehdr->e_phentsize = 64)                                                 \
	X(phentsize_zero, ehdr->e_phentsize = 0)                                                   \
	X(phnum_zero, ehdr->e_phnum = 0)                                                           \
	X(phnum_one, ehdr->e_phnum = 1)                                                            \
	X(phnum_page, ehdr->e_phnum = 73)                                                          \
	X(phnum_over_limit, ehdr->e_phnum = 1171)                                                  \
	X(phnum_huge, ehdr->e_phnum = 0xffff)                                                      \
	X(phoff_zero, ehdr->e_phoff = 0)                                                           \
	X(phoff_end, ehdr->e_phoff = image->size)                                                  \
	X(phoff_cut, ehdr->e_phoff = image->size - 100)                                            \
	X(phoff_huge, ehdr->e_phoff = 1ul << 62)                                                   \
	X(phoff_negative, ehdr->e_phoff = ~0ul)                                                    \
	X(phoff_odd, (ehdr->e_phoff = 0x501, memcpy(image->bytes + 0x501, h, 4 * sizeof(*h))))     \
	X(entry_unmapped, ehdr->e_entry = 0x12345678)                                              \
	X(entry_last, ehdr->e_entry = TASK_SIZE_HOST - 1)                                          \
	X(entry_beyond, ehdr->e_entry = TASK_SIZE_HOST)                                            \
	X(entry_huge, ehdr->e_entry = ~0ul)                                                        \
	/* cut short */                                                                            \
	X(empty, image->size = 0)                                                                  \
	X(one_byte, image->size = 1)                                                               \
	X(magic_only, image->size = 4)                                                             \
	X(header_cut, image->size = 60)                                                            \
	X(header_only, image->size = 64)                                                           \
	X(phdrs_cut, image->size = 64 + 3 * 56 + 55)                                               \
	X(phdrs_only, image->size = 64 + 4 * 56)                                                   \
	X(code_cut, image->size = 0x2002)                                                          \
	X(data_cut, image->size = 0x3000)                                                          \
	X(data_partly, image->size = 0x3020)                                                       \
	/* segments */                                                                             \
	X(no_load, h->p_type = c->p_type = d->p_type = PT_NULL)                                    \
	X(no_headers, h->p_type = PT_NULL)                                                         \
	X(order_reversed, (swap = *h, *h = *d, *d = swap))                                         \
	X(offset_unaligned, c->p_offset += 1)                                                      \
	X(vaddr_unaligned, c->p_vaddr += 1)                                                        \
	X(both_unaligned, (c->p_vaddr += 4, c->p_offset += 4))                                     \
	X(filesz_zero, d->p_filesz = 0)                                                            \
	X(sizes_zero, d->p_filesz = d->p_memsz = 0)                                                \
	X(filesz_over_memsz, d->p_filesz = d->p_memsz + 1)                                         \
	X(filesz_past_end, d->p_filesz = d->p_memsz = 0x6000)                                      \
	X(filesz_past_end_bss, (d->p_filesz = 0x6000, d->p_memsz = 0x6800))                        \
	X(filesz_large, c->p_filesz = c->p_memsz = 1ul << 43) /* less than file systems allow */   \
	X(filesz_wraps, d->p_filesz = d->p_memsz = ~0ul)                                           \
	X(filesz_wraps_page, d->p_filesz = d->p_memsz = ~0ul - 0x20)                               \
	X(offset_past_end, d->p_offset = 0x100010)                                                 \
	X(offset_past_end_full, (d->p_offset = 0x100010, d->p_memsz = d->p_filesz))                \
	X(offset_huge, d->p_offset = 0x7ffffffffffff010ul)                                         \
	X(offset_negative, d->p_offset = 0xfffffffffffff010ul)                                     \
	X(offset_below_vaddr, (d->p_offset = 0, d->p_vaddr = 0x404010))                            \
	X(memsz_large, d->p_memsz = 1ul << 30)                                                     \
	X(memsz_task, d->p_memsz = TASK_SIZE_HOST)                                                 \
	X(memsz_over_task, d->p_memsz = TASK_SIZE_HOST + 1)                                        \
	X(memsz_huge, d->p_memsz = ~0ul)                                                           \
	X(memsz_wraps, d->p_memsz = 0ul - d->p_vaddr)                                              \
	X(memsz_over_stack, (d->p_vaddr = TASK_SIZE_HOST - 0x100000 + 0x10, d->p_memsz = 0xffff0)) \
	X(vaddr_last_page, d->p_vaddr = TASK_SIZE_HOST - 0x1000 + 0x10)                            \
	X(vaddr_task, d->p_vaddr = TASK_SIZE_HOST + 0x10)                                          \
	X(vaddr_kernel, d->p_vaddr = 0xffff888000000010ul)                                         \
	X(vaddr_kernel_empty, (d->p_vaddr = 0xffff888000000000ul, d->p_filesz = 0))                \
	X(vaddr_errno, (d->p_vaddr = 0xfffffffffffffff4ul, d->p_filesz = 0))                       \
	X(first_on_stack, h->p_vaddr = TASK_SIZE_HOST - 0x3000)                                    \
	X(first_in_stack_gap, h->p_vaddr = TASK_SIZE_HOST - 0x30000)                               \
	X(later_on_stack, (d->p_vaddr = TASK_SIZE_HOST - 0x3000 + 0x10, d->p_memsz = 0x200))       \
	X(later_below_stack, d->p_vaddr = TASK_SIZE_HOST - 0x30000 + 0x10)                         \
	X(overlap_whole, d->p_vaddr = 0x400010)                                                    \
	X(overlap_code, d->p_vaddr = 0x402010)                                                     \
	X(overlap_bss_code, (swap = *c, *c = *d, *d = swap, c->p_vaddr = 0x401010))                \
	X(overlap_same_page, d->p_vaddr = 0x400410)                                                \
	X(bss_read_only, d->p_flags = PF_R)                                                        \
	X(bss_exec, d->p_flags = PF_R | PF_W | PF_X)                                               \
	X(bss_no_rights, d->p_flags = 0)                                                           \
	X(bss_write_only, d->p_flags = PF_W)                                                       \
	X(flags_junk, d->p_flags = 0xfffffff8u)                                                    \
	X(align_zero, d->p_align = 0)                                                              \
	X(align_odd, d->p_align = 12345)                                                           \
	X(align_huge, d->p_align = 1ul << 40)                                                      \
	X(phdr_type_junk, s->p_type = 0x12345)                                                     \
	X(unaligned_bss_first, (h->p_filesz = 0, h->p_memsz = 0x1800))                             \
	/* the stack */                                                                            \
	X(stack_none, s->p_type = PT_NULL)                                                         \
	X(stack_exec, s->p_flags |= PF_X)                                                          \
	X(stack_twice, (*x = *s, x->p_flags |= PF_X, ehdr->e_phnum = 5))                           \
	/* the interpreter, as far as Linux does not get to open it */                             \
	X(interp_short, (s->p_type = PT_INTERP, s->p_filesz = 1))                                  \
	X(interp_long, (s->p_type = PT_INTERP, s->p_filesz = 4097))                                \
	X(interp_past_end, (s->p_type = PT_INTERP, s->p_filesz = 9, s->p_offset = 0x100000))       \
	X(interp_at_end, (s->p_type = PT_INTERP, s->p_filesz = 9, s->p_offset = image->size - 8))  \
	X(interp_negative, (s->p_type = PT_INTERP, s->p_filesz = 9, s->p_offset = 1ul << 63))      \
	X(interp_wraps, (s->p_type = PT_INTERP, s->p_filesz = 9, s->p_offset = LONG_MAX - 1ul))    \
	X(interp_no_end, (s->p_type = PT_INTERP, s->p_filesz = 4, s->p_offset = 0))

/* The same for a position-independent program. */
#define BREAKS_PIE(X)                                                                              \
	X(pie_nothing, )                                                                           \
	X(pie_based, (h->p_vaddr += 0x10000, c->p_vaddr += 0x10000, d->p_vaddr += 0x10000,         \
		      ehdr->e_entry += 0x10000))                                                   \
	X(pie_no_load, h->p_type = c->p_type = d->p_type = PT_NULL)                                \
	X(pie_align_2m, d->p_align = 1ul << 21)                                                    \
	X(pie_align_64k_first, h->p_align = 1ul << 16)                                             \
	X(pie_align_odd, d->p_align = 12345)                                                       \
	X(pie_align_1t, d->p_align = 1ul << 40)                                                    \
	X(pie_align_too_large, d->p_align = 1ul << 47)                                             \
	X(pie_align_huge, d->p_align = 1ul << 63)                                                  \
	X(pie_hole, d->p_vaddr += 1ul << 20) /* less than file systems align for huge pages */     \
	X(pie_too_large, d->p_vaddr += 1ul << 47)                                                  \
	X(pie_first_is_last, (swap = *h, *h = *d, *d = swap))                                      \
	X(pie_first_large_file, h->p_filesz = h->p_memsz = 0x100000)                               \
	X(pie_first_empty, h->p_filesz = h->p_memsz = 0)                                           \
	X(pie_filesz_wraps, h->p_filesz = h->p_memsz = ~0ul)                                       \
	X(pie_total_wraps, d->p_memsz = ~0ul)                                                      \
	X(pie_entry_huge, ehdr->e_entry = ~0ul)                                                    \
	X(pie_offset_unaligned, h->p_offset = 1)                                                   \
	X(pie_bss_read_only, d->p_flags = PF_R)

#define X(name, change)                                                                            \
	static void break_##name(struct elf_image *image)                                          \
	{                                                                                          \
		Elf64_Ehdr *ehdr = elf_image_header(image);                                        \
		Elf64_Phdr *h = elf_image_segment(image, ELF_IMAGE_HEADERS);                       \
		Elf64_Phdr *c = elf_image_segment(image, ELF_IMAGE_CODE);                          \
		Elf64_Phdr *d = elf_image_segment(image, ELF_IMAGE_DATA);                          \
		Elf64_Phdr *s = elf_image_segment(image, ELF_IMAGE_STACK);                         \
		Elf64_Phdr *x = elf_image_segment(image, ELF_IMAGE_SEGMENTS), swap;                \
                                                                                                   \
		(void)ehdr, (void)h, (void)c, (void)d, (void)s, (void)x, (void)swap;               \
		change;                                                                            \
	}
BREAKS(X)
BREAKS_PIE(X)
#undef X

const struct elf_break elf_breaks[] = {
#define X(name_, change) { .name = #name_, .type = ET_EXEC, .apply = break_##name_ },
	BREAKS(X)
#undef X
#define X(name_, change) { .name = #name_, .type = ET_DYN, .apply = break_##name_ },
		BREAKS_PIE(X)
#undef X
};

const size_t elf_nr_breaks = sizeof(elf_breaks) / sizeof(elf_breaks[0]);
