/*
 * What the entries of x86-64 share (entry_x86_64.S, go_x86_64.S, static_x86_64.S).
 * For the assembler only.
 */
#ifndef SHIM_ENTRY_X86_64_H
#define SHIM_ENTRY_X86_64_H

#include "shim/go.h"

	.macro	push_one register
	push	\register
	.cfi_adjust_cfa_offset 8
	.endm

	.macro	pop_one register
	pop	\register
	.cfi_adjust_cfa_offset -8
	.endm

	/* struct shim_call of a call as it is made to the kernel. */
	.macro	push_call
	push_one	%r9
	push_one	%r8
	push_one	%r10
	push_one	%rdx
	push_one	%rsi
	push_one	%rdi
	push_one	%rax
	.endm

	/* Its arguments again, once its number is off the stack. */
	.macro	pop_arguments
	pop_one	%rdi
	pop_one	%rsi
	pop_one	%rdx
	pop_one	%r10
	pop_one	%r8
	pop_one	%r9
	.endm

	/* The kind of the call with the number in rax (rows.h) into ecx, 0 for
	 * none; to `back` with numbers beyond the rows. Takes r11. */
	.macro	kind_of_call back
	cmp	$GO_ROWS, %rax
	jae	\back
	lea	(%rax, %rax, GO_ROW_SIZE - 1), %ecx
	lea	shim_rows(%rip), %r11
	movzbl	(%r11, %rcx), %ecx
	.endm

#endif
