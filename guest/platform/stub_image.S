/* SPDX-License-Identifier: MIT */
/*
 * stub_image.S - the stub's executable, as data of the runner
 *
 * STUB_FILE is given by the build.
 */
	.section .rodata, "a"
	.globl	stub_image, stub_image_end
	.hidden	stub_image, stub_image_end
	.balign	16
stub_image:
	.incbin	STUB_FILE
stub_image_end:
	.section .note.GNU-stack, "", @progbits
