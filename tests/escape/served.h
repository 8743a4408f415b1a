/*
 * A call that the supervisor serves: with a fence, libc's own may be made at
 * the gate, of which gate.c is.
 */
#ifndef TESTS_ESCAPE_SERVED_H
#define TESTS_ESCAPE_SERVED_H

/** Returns the result or a negative error number, as the kernel. */
#ifdef __x86_64__
static inline long served(long number, long one, long two, long three,
			  long four, long five)
{
	register long fourth __asm__("r10") = four;
	register long fifth __asm__("r8") = five;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(one), "S"(two), "d"(three),
			   "r"(fourth), "r"(fifth)
			 : "rcx", "r11", "memory", "cc");
	return result;
}
#else

static inline long served(long number, long one, long two, long three,
			  long four, long five)
{
	register long kind __asm__("x8") = number;
	register long first __asm__("x0") = one;
	register long second __asm__("x1") = two;
	register long third __asm__("x2") = three;
	register long fourth __asm__("x3") = four;
	register long fifth __asm__("x4") = five;

	__asm__ volatile("svc #0"
			 : "+r"(first)
			 : "r"(kind), "r"(second), "r"(third), "r"(fourth),
			   "r"(fifth)
			 : "memory", "cc");
	return first;
}
#endif

#endif
