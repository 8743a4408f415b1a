/*
 * What loader.h says. It stands in the supervisor, as bytes; in an image it may
 * lie anywhere.
 */
#include "shim/gate.h"
#include "shim/loader.h"

	.equ	READ, 0x80000		/* O_RDONLY | O_CLOEXEC */
	.equ	MAY_READ, 4		/* R_OK */
	.equ	ACCESS, 21
	.equ	OPENAT, 257
	.equ	MMAP, 9
	.equ	MPROTECT, 10
	.equ	MUNMAP, 11
	.equ	PAGE, 4096
	.equ	HERE_ALONE, 0x100022	/* private, anonymous, nothing replaced */
	.equ	GATE_CODE, 0xc3050f	/* syscall; ret */
	.equ	RED_ZONE, 128

	.macro label name
	.globl	\name
	.hidden	\name
\name:
	.endm

	.section .rodata
	.balign	16
label loader_code

/* As the kernel starts an image: all registers but the stack's are 0. */
label loader_begin
	mov	$GATE_ADDRESS, %edi
	mov	$PAGE, %esi
	mov	$3, %edx
	mov	$HERE_ALONE, %r10d
	mov	$-1, %r8
	mov	$MMAP, %eax
	syscall
	cmp	%rdi, %rax
	jne	.Lgo
	movl	$GATE_CODE, (%rdi)
	mov	$5, %edx
	mov	$MPROTECT, %eax
	syscall
	test	%eax, %eax
	je	.Lready
	mov	$MUNMAP, %eax
	syscall
	jmp	.Lgo
.Lready:
	lea	loader_ready(%rip), %rcx
	add	(%rcx), %rcx
	movb	$1, (%rcx)
.Lgo:
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	.byte	0xe9
label loader_to_loader
	.long	0

/* As the kernel does, this changes nothing but rax, rcx and r11, and the
 * flags. */
label loader_enter
	lea	loader_ready(%rip), %rcx
	add	(%rcx), %rcx
	cmpb	$0, (%rcx)
	je	.Lback
	lea	-RED_ZONE(%rsp), %rsp
	push	%r11
	push	%rax
	push	%rsi
	push	%rdi
	push	%rdx
	cmp	$ACCESS, %eax
	je	.Laccess
	cmp	$OPENAT, %eax
	jne	.Ltrapped
	cmp	$READ, %edx
	jne	.Ltrapped
	mov	%rsi, %rdx
	jmp	.Llook
.Laccess:
	cmp	$MAY_READ, %esi
	jne	.Ltrapped
	mov	%rdi, %rdx
.Llook:
	lea	loader_code_end(%rip), %rsi
	/* The path's end is the end of what is compared: the table has a NUL
	 * only where a path ends. */
.Lnext:
	movzbl	(%rsi), %ecx
	inc	%rsi
	test	%ecx, %ecx
	je	.Ltrapped
	mov	%rdx, %rdi
	lea	(%rsi, %rcx), %rax
	repe cmpsb
	je	.Lfound
	mov	%rax, %rsi
	jmp	.Lnext
.Lfound:
	cmpb	$0, -1(%rdi)
	je	.Lgate
	cmpb	$'l', (%rdi)
	jne	.Ltrapped
	cmpb	$'i', 1(%rdi)
	jne	.Ltrapped
	cmpb	$'b', 2(%rdi)
	jne	.Ltrapped
.Lname:
	mov	3(%rdi), %al
	inc	%rdi
	cmp	$'/', %al
	je	.Ltrapped
	test	%al, %al
	jne	.Lname
	mov	1(%rdi), %al
	cmp	$'o', %al
	je	.Lgate
	sub	$'0', %al
	cmp	$9, %al
	ja	.Ltrapped
.Lgate:
	mov	(%rsp), %rdx
	mov	8(%rsp), %rdi
	mov	16(%rsp), %rsi
	mov	24(%rsp), %rax
	or	loader_flags(%rip), %edx
	mov	$GATE_ADDRESS, %ecx
	call	*%rcx
	/* What the fence refuses: EACCES, EXDEV; ELOOP for the flags; EMFILE,
	 * since a session tells where a limit was reached. */
	cmp	$-13, %rax
	je	.Ltrapped
	cmp	$-18, %rax
	je	.Ltrapped
	cmp	$-40, %rax
	je	.Ltrapped
	cmp	$-24, %rax
	je	.Ltrapped
	pop	%rdx
	lea	24(%rsp), %rsp
	pop	%r11
	lea	RED_ZONE(%rsp), %rsp
	add	$LOADER_SITE - LOADER_JUMP, %r11
	jmp	*%r11
.Ltrapped:
	pop	%rdx
	pop	%rdi
	pop	%rsi
	pop	%rax
	pop	%r11
	lea	RED_ZONE(%rsp), %rsp
.Lback:
	jmp	*%r11
	.balign	8
label loader_ready
	.quad	0
label loader_flags
	.long	0
label loader_code_end

	.section .note.GNU-stack, "", @progbits
