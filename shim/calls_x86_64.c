/*
 * The ways to make a system call on x86-64.
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
	register long fourth __asm__("r10") = four;
	register long fifth __asm__("r8") = five;
	register long sixth __asm__("r9") = six;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(one), "S"(two), "d"(three),
			   "r"(fourth), "r"(fifth), "r"(sixth)
			 : "rcx", "r11", "memory", "cc");
	return result;
}

static long gate_call(long number, long one, long two, long three, long four,
		      long five, long six)
{
	register long fourth __asm__("r10") = four;
	register long fifth __asm__("r8") = five;
	register long sixth __asm__("r9") = six;
	register unsigned long gate __asm__("r11") = GATE_ADDRESS;
	long result;

	/* There is no red zone for the call to write into: -mno-red-zone. */
	__asm__ volatile("call *%[gate]"
			 : "=a"(result), [gate] "+r"(gate)
			 : "0"(number), "D"(one), "S"(two), "d"(three),
			   "r"(fourth), "r"(fifth), "r"(sixth)
			 : "rcx", "memory", "cc");
	return result;
}

long shim_gate(const struct shim_call *call)
{
	const long *arguments = call->arguments;

	return gate_call(call->number, arguments[0], arguments[1], arguments[2],
			 arguments[3], arguments[4], arguments[5]);
}
