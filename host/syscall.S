/* SPDX-License-Identifier: MIT */
/*
 * syscall.S - the host's system calls, answered as the kernel answers
 *
 * host_syscall() is in assembly, since the caller gives as many arguments as the call has: a function in C could not
 * pass on six without reading what is not there.
 */
	.text
	.globl	host_syscall
	.hidden	host_syscall
	.type	host_syscall, @function
host_syscall:
	.cfi_startproc
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	ret
	.cfi_endproc
	.size	host_syscall, . - host_syscall

/*
 * long host_vfork(void (*child)(void *), void *arg, void *stack_top)
 *
 * Not through host_syscall(): a child on the caller's stack would overwrite the frame that the
 * caller returns through.
 */
	.globl	host_vfork
	.hidden	host_vfork
	.type	host_vfork, @function
host_vfork:
	.cfi_startproc
	mov	%rdi, %r8
	mov	%rsi, %r9
	mov	%rdx, %rsi
	mov	$0x4111, %edi		/* CLONE_VM | CLONE_VFORK | SIGCHLD */
	xor	%edx, %edx
	xor	%r10d, %r10d
	mov	$56, %eax		/* clone */
	syscall
	test	%rax, %rax
	jnz	1f
	xor	%ebp, %ebp
	mov	%r9, %rdi
	call	*%r8
	mov	$127, %edi
	mov	$60, %eax		/* exit */
	syscall
	ud2
1:	ret
	.cfi_endproc
	.size	host_vfork, . - host_vfork

	.section .note.GNU-stack, "", @progbits
