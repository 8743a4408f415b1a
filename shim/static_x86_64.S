/*
 * Where the stubs of static programs lead (static.h): the call's number and
 * arguments are where the kernel takes them, the address of the stub's own call
 * is in r11.
 *
 * As the kernel does, this changes nothing but rax, rcx and r11; the flags are
 * kept as well, which Rust's `preserves_flags` counts on. What is not served
 * goes back to the stub, with the stack as it was: whoever comes to be on another
 * one (clone(2)) finds its way from there.
 */
#include "shim/entry_x86_64.h"
#include "shim/go.h"
#include "shim/static.h"

	.text
	.balign	32
	.ascii	STATIC_MARK
	.type	shim_static_enter, @function
shim_static_enter:
	.cfi_startproc
	.cfi_undefined rip
	lea	-STATIC_RED_ZONE(%rsp), %rsp
	/* struct static_caller, static.h */
	pushfq
	push	%rbp
	push	%r11
	kind_of_call	.Lback
	test	%ecx, %ecx
	je	.Lback
	cmp	$GO_FILTERS_HOW, %ecx
	je	.Lback
	cmpl	$0, STATIC_FORGONE
	jne	.Lback
	push_call
	mov	%rsp, %rdi
	call	shim_serve
	add	$8, %rsp
	pop_arguments
	pop	%rcx
	add	$STATIC_CALL, %rcx
	lea	8(%rsp), %rsp
	mov	(%rsp), %r11
	popfq
	lea	STATIC_RED_ZONE(%rsp), %rsp
	jmp	*%rcx
.Lback:
	pop	%r11
	lea	8(%rsp), %rsp
	popfq
	lea	STATIC_RED_ZONE(%rsp), %rsp
	jmp	*%r11
	.cfi_endproc
	.size	shim_static_enter, . - shim_static_enter

	.section .note.GNU-stack, "", @progbits
