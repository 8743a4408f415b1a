/*
 * Where the stubs stand, and where they lead.
 *
 * A stub is no function: it continues one in its middle, and the unwinder is to
 * see that function behind it. So its frame is described as a signal's: the
 * caller's next instruction is what is stored at the stub's end, and its stack
 * pointer is this one, 128 bytes further down between offsets 10 and 19.
 *
 * They lie among what can be written, so that they need be made executable once
 * and not writable before.
 */
#include "shim/entry_x86_64.h"

	.section .stubs, "aw"
	.balign	32
	.globl	shim_stubs
	.hidden	shim_stubs
	.type	shim_stubs, @object
shim_stubs:
	.cfi_startproc simple
	.cfi_signal_frame
	/* CFA: rsp + ((rip & 31) >= 10 && (rip & 31) < 19) << 7 */
	.cfi_escape 0x0f, 17, 0x77, 0, 0x80, 0, 0x4f, 0x1a, 0x12, 0x3a, 0x2a, \
		0x16, 0x08, 19, 0x2d, 0x1a, 0x37, 0x24, 0x22
	/* rip: what is stored at (rip & -32) + 24 */
	.cfi_escape 0x10, 16, 7, 0x80, 0, 0x09, 0xe0, 0x1a, 0x23, 24
	.fill	126 * 32, 1, 0xcc
	.cfi_endproc
	/* That of SHIM_CANCELS stands at a function's start; the last is none. */
	.cfi_startproc
	.fill	32, 1, 0xcc
	.cfi_endproc
	.fill	32, 1, 0xcc
	.size	shim_stubs, . - shim_stubs

	.equ	CLONE, 56
	.equ	CLONE3, 435

	.text

/*
 * Called by a stub with the call's number and arguments where the kernel takes
 * them. Like the kernel it changes nothing but rax, rcx and r11: the C below it
 * is built without any but the general registers, and saves its own.
 */
	.globl	shim_enter
	.hidden	shim_enter
	.type	shim_enter, @function
shim_enter:
	.cfi_startproc
	cmp	$CLONE, %rax
	je	.Lclone
	cmp	$CLONE3, %rax
	je	.Lclone
	push_call
	/* The address behind the site, for unwinders that read no code of the
	 * process: from here on the site's function is the caller. */
	mov	56(%rsp), %rax
	and	$-32, %rax
	push	24(%rax)
	.cfi_remember_state
	.cfi_def_cfa_offset 8 * 8 + 8 + 128
	.cfi_offset 16, -(8 * 8 + 8 + 128)
	lea	8(%rsp), %rdi
	call	shim_serve_site
	add	$16, %rsp
	.cfi_restore_state
	.cfi_adjust_cfa_offset -8
	pop_arguments
	ret
	/* Of syscall(2), a C function: r9 is nobody's. The child may have
	 * another stack, with nothing of these functions on it. So the call is
	 * made on the caller's, and both go on behind the site. */
.Lclone:
	pop	%r9
	.cfi_undefined rip
	and	$-32, %r9
	mov	24(%r9), %r9
	lea	128(%rsp), %rsp
	syscall
	jmp	*%r9
	.cfi_endproc
	.size	shim_enter, . - shim_enter

/*
 * In place of glibc's function for calls that may be cancelled, with its
 * arguments: the word that says whether the thread is, the number (that of
 * openat), the call's own from rdx on; and that function in r11. What it would
 * not return from, or may not, it makes itself.
 */
	.equ	CANCELED, 8
	.globl	shim_enter_cancels
	.hidden	shim_enter_cancels
	.type	shim_enter_cancels, @function
shim_enter_cancels:
	.cfi_startproc
	testb	$CANCELED, (%rdi)
	jne	.Lfunction
	push_one	%r11
	push_one	%rdi
	/* struct shim_call */
	push_one	$0
	push_one	$0
	push_one	%r9
	push_one	%r8
	push_one	%rcx
	push_one	%rdx
	push_one	%rsi
	mov	%rsp, %rdi
	call	shim_serve_cancels
	pop_one	%rsi
	pop_one	%rdx
	pop_one	%rcx
	pop_one	%r8
	pop_one	%r9
	lea	16(%rsp), %rsp
	.cfi_adjust_cfa_offset -16
	pop_one	%rdi
	pop_one	%r11
	movabs	$0x8000000000000000, %r10
	cmp	%r10, %rax
	je	.Lfunction
	ret
.Lfunction:
	jmp	*%r11
	.cfi_endproc
	.size	shim_enter_cancels, . - shim_enter_cancels

	.section .note.GNU-stack, "", @progbits
