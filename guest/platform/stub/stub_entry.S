/* SPDX-License-Identifier: MIT */
/*
 * stub_entry.S - where the stub starts, and its system calls
 *
 * Every call of its own has an instruction of its own, so that the filter can tie each address to
 * one number and one shape of arguments.
 */
	.section .text.head, "ax"
	.globl _start
_start:
	xor	%ebp, %ebp
	call	stub_map_control
	/* Off the stack of exec, which goes: to the top of slot 1. */
	movabs	$0x7fffff220000, %rsp
	call	stub_main
	ud2

	.text
	.globl call_any
call_any:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	ret

	.macro	SITE name, nr
	.globl	call_\name, site_\name
call_\name:
	mov	$\nr, %eax
	mov	%rcx, %r10
	syscall
site_\name:
	ret
	.endm

	SITE	mmap, 9
	SITE	mprotect, 10
	SITE	munmap, 11
	SITE	munmap_all, 11
	SITE	sched_yield, 24
	SITE	arch_prctl, 158
	SITE	futex, 202

	.globl	call_sigreturn, site_sigreturn
call_sigreturn:
	mov	$15, %eax
	syscall
site_sigreturn:
	ud2

	.globl	call_clone
call_clone:
	mov	$56, %eax
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	syscall
	test	%rax, %rax
	jnz	1f
	xor	%ebp, %ebp
	call	helper_main
	ud2
1:	ret

	.globl	trap
trap:
	mov	$39, %eax		/* getpid: any number will do */
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
