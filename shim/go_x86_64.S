/*
 * The entry of Go's internal/runtime/syscall.Syscall6: its number is in rax, the
 * arguments in rbx, rcx, rdi, rsi, r8 and r9. Its first three instructions are
 * made here, since a jump stands in their place.
 *
 * A stack begins with the caller's (struct shim_go_caller) and its own number.
 *
 * As the kernel does, this changes nothing but rax, rcx and r11, the flags, and
 * not a byte of the goroutine's stack.
 */
#include "shim/entry_x86_64.h"
#include "shim/go.h"

	.text
	.balign	32
shim_go:
	.ascii	GO_MARK
shim_go_back:
	.quad	0
shim_go_done:
	.quad	0

	.type	shim_go_enter, @function
shim_go_enter:
	.cfi_startproc
	.cfi_undefined rip
	mov	%rsi, %r10
	mov	%rdi, %rdx
	mov	%rcx, %rsi
	kind_of_call	.Lback
	dec	%ecx
	cmp	$GO_LAST_HOW, %ecx
	jae	.Lother
	cmpl	$0, GO_FORGONE
	jne	.Lback
.Lclaim:
	mov	GO_BUSY, %ecx
	not	%ecx
	bsf	%ecx, %ecx
	jz	.Lback
	lock btsl	%ecx, GO_BUSY
	jc	.Lclaim
	mov	%ecx, %r11d
	shl	$GO_STACK_SHIFT, %r11d
	lea	GO_STACKS + GO_STACK_SIZE - GO_STACK_TOP(%r11), %r11
	mov	%rsp, -8(%r11)
	mov	%rbp, -16(%r11)
	mov	%rcx, -32(%r11)
	mov	shim_go_done(%rip), %rcx
	mov	%rcx, -24(%r11)
	lea	-32(%r11), %rsp
	mov	%rbx, %rdi
	push_call
	mov	%rsp, %rdi
	sub	$8, %rsp
	call	shim_serve
	add	$16, %rsp
	pop_arguments
	mov	(%rsp), %rcx
	mov	24(%rsp), %rsp
	lock btrl	%ecx, GO_BUSY
	jmp	*shim_go_done(%rip)
	/* A filter of the program's own may know no call but those that it makes:
	 * from then on all go back. */
.Lother:
	cmp	$GO_FILTERS_HOW - 1, %ecx
	jne	.Lback
	cmp	$GO_PRCTL, %eax
	je	.Lprctl
	cmp	$GO_MOST_MODE, %ebx
	ja	.Lback
	jmp	.Lforgo
.Lprctl:
	cmp	$GO_PR_SET_SECCOMP, %ebx
	jne	.Lback
.Lforgo:
	movl	$1, GO_FORGONE
.Lback:
	jmp	*shim_go_back(%rip)
	.cfi_endproc
	.size	shim_go_enter, . - shim_go_enter

	.section .note.GNU-stack, "", @progbits
