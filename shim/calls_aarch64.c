/*
 * The ways to make a system call on aarch64.
 */
#include "shim/gate.h"
#include "shim/shim.h"

long shim_trapped(const struct shim_call *call)
{
	const long *arguments = call->arguments;

	return shim_system(call->number, arguments[0], arguments[1],
			   arguments[2], arguments[3], arguments[4],
			   arguments[5]);
}

long shim_system(long number, long one, long two, long three, long four,
		 long five, long six)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = one;
	register long x1 __asm__("x1") = two;
	register long x2 __asm__("x2") = three;
	register long x3 __asm__("x3") = four;
	register long x4 __asm__("x4") = five;
	register long x5 __asm__("x5") = six;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

static long gate_call(long number, long one, long two, long three, long four,
		      long five, long six)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = one;
	register long x1 __asm__("x1") = two;
	register long x2 __asm__("x2") = three;
	register long x3 __asm__("x3") = four;
	register long x4 __asm__("x4") = five;
	register long x5 __asm__("x5") = six;
	register unsigned long gate __asm__("x16") = GATE_ADDRESS;

	__asm__ volatile("blr %[gate]"
			 : "+r"(x0)
			 : [gate] "r"(gate), "r"(x8), "r"(x1), "r"(x2), "r"(x3),
			   "r"(x4), "r"(x5)
			 : "x30", "memory", "cc");
	return x0;
}

long shim_gate(const struct shim_call *call)
{
	const long *arguments = call->arguments;

	return gate_call(call->number, arguments[0], arguments[1], arguments[2],
			 arguments[3], arguments[4], arguments[5]);
}
