/* SPDX-License-Identifier: MIT */
/*
 * code.S - what the toy guest executes; each piece is copied to the guest's code page
 */
	.macro	PIECE name
	.section .rodata
	.globl	\name, \name\()_end
	.hidden	\name, \name\()_end
	.balign	16
\name:
	.endm
	.macro	END name
\name\()_end:
	.endm

/* System calls forever. */
PIECE code_syscalls
1:	mov	$39, %eax
	syscall
	jmp	1b
END code_syscalls

/*
 * %rdi: the first of %rsi pages (a power of two), %rdx rounds.  Each round counts once plainly and
 * once atomically in its page.  Then a system call.
 */
PIECE code_count
	dec	%rsi
	xor	%ecx, %ecx
1:	mov	%rcx, %rax
	and	%rsi, %rax
	shl	$12, %rax
	incq	(%rdi, %rax)
	lock incq 8(%rdi, %rax)
	inc	%rcx
	cmp	%rdx, %rcx
	jne	1b
	mov	$60, %eax
	syscall
END code_count

/* Read one word of each of %rsi pages from %rdi on, sum in %rbx, then a system call; forever. */
PIECE code_read
2:	mov	%rdi, %r8
	mov	%rsi, %r9
	xor	%ebx, %ebx
1:	add	(%r8), %rbx
	add	$4096, %r8
	dec	%r9
	jnz	1b
	mov	$60, %eax
	syscall
	jmp	2b
END code_read

/* Store %rsi at %rdi, then a system call; forever. */
PIECE code_store
1:	mov	%rsi, (%rdi)
	mov	$60, %eax
	syscall
	jmp	1b
END code_store

/* Touch the stack and jump to %rdi. */
PIECE code_jump
	mov	(%rsp), %rax
	jmp	*%rdi
END code_jump

/* Call %rbx with all other registers as they are, then a system call. */
PIECE code_call
	call	*%rbx
	mov	$60, %eax
	syscall
END code_call

/* Spin. */
PIECE code_spin
1:	inc	%rax
	jmp	1b
END code_spin

/* %rdi into vector registers; then calls, each with what is in them in %rbx and %rsi. */
PIECE code_vectors
	movq	%rdi, %xmm0
	movq	%rdi, %xmm15
1:	mov	$60, %eax
	syscall
	movq	%xmm0, %rbx
	movq	%xmm15, %rsi
	jmp	1b
END code_vectors

/* Read from the FS and the GS segment, then a system call; forever. */
PIECE code_segments
1:	mov	%fs:0, %rbx
	mov	%gs:0, %rdi
	mov	$60, %eax
	syscall
	jmp	1b
END code_segments

/* Exceptions, one after the other; the test moves %rip on. */
PIECE code_hlt
	hlt
END code_hlt
PIECE code_ud2
	ud2
END code_ud2
PIECE code_divide
	xor	%ecx, %ecx
	div	%ecx
END code_divide
PIECE code_int3
	int3
END code_int3
PIECE code_int80
	mov	$20, %eax
	int	$0x80
	mov	$60, %eax
	syscall
END code_int80
/* A load from an address that is not canonical, after a page fault elsewhere. */
PIECE code_noncanonical
	mov	(%rsp), %rax
	movabs	$0x8000000000000000, %rax
	mov	-8(%rsp), %rbx
	mov	(%rax), %rbx
END code_noncanonical

/* Direction and alignment-check flags over a call and a fault at %rdi; flags end in %rbx. */
PIECE code_flags
	pushfq
	orq	$0x40400, (%rsp)
	popfq
	mov	$39, %eax
	syscall
	mov	(%rdi), %rax
	pushfq
	pop	%rbx
	mov	$60, %eax
	syscall
END code_flags

/* Play the stub: a frame that is none, at slot %rdi, whose word of the frame is at %rsi. */
PIECE code_forge
	movl	$5, (%rdi, %rsi)
	movl	$1, (%rdi)
1:	pause
	jmp	1b
END code_forge

	.section .note.GNU-stack, "", @progbits
