/* SPDX-License-Identifier: MIT */
/*
 * guest_image.S - the executable of guests/bench_guest.c, as data
 *
 * GUEST_FILE is given by the build.
 */
	.section .rodata, "a"
	.globl	bench_guest_image, bench_guest_image_end
	.hidden	bench_guest_image, bench_guest_image_end
	.balign	16
bench_guest_image:
	.incbin	GUEST_FILE
bench_guest_image_end:
	.section .note.GNU-stack, "", @progbits
