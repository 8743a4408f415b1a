/*
 * Where the stubs stand, and where they lead. See entry_x86_64.S.
 */
	.section .stubs, "aw"
	.balign	32
	.globl	shim_stubs
	.hidden	shim_stubs
	.type	shim_stubs, @object
shim_stubs:
	.fill	128 * 8, 4, 0xd4200000
	.size	shim_stubs, . - shim_stubs

	.text

/*
 * Called by a stub with the call's number and arguments where the kernel takes
 * them. Like the kernel it changes nothing but x0, and x30, which the stub kept.
 * The C below it is built without any but the general registers.
 */
	.globl	shim_enter
	.hidden	shim_enter
	.type	shim_enter, @function
shim_enter:
	.cfi_startproc
	stp	x29, x30, [sp, #-192]!
	.cfi_def_cfa_offset 192
	.cfi_offset 29, -192
	.cfi_offset 30, -184
	mov	x29, sp
	stp	x8, x0, [sp, #16]
	stp	x1, x2, [sp, #32]
	stp	x3, x4, [sp, #48]
	stp	x5, x6, [sp, #64]
	stp	x7, x9, [sp, #80]
	stp	x10, x11, [sp, #96]
	stp	x12, x13, [sp, #112]
	stp	x14, x15, [sp, #128]
	stp	x16, x17, [sp, #144]
	str	x18, [sp, #160]
	add	x0, sp, #16
	bl	shim_serve_site
	ldr	x8, [sp, #16]
	ldp	x1, x2, [sp, #32]
	ldp	x3, x4, [sp, #48]
	ldp	x5, x6, [sp, #64]
	ldp	x7, x9, [sp, #80]
	ldp	x10, x11, [sp, #96]
	ldp	x12, x13, [sp, #112]
	ldp	x14, x15, [sp, #128]
	ldp	x16, x17, [sp, #144]
	ldr	x18, [sp, #160]
	ldp	x29, x30, [sp], #192
	.cfi_def_cfa_offset 0
	.cfi_restore 29
	.cfi_restore 30
	ret
	.cfi_endproc
	.size	shim_enter, . - shim_enter

	.section .note.GNU-stack, "", @progbits
