/*
 * Programs in Go, which make nearly all their system calls from one function of
 * their own and not libc's: where the shim's copy lies in them, and how a file
 * call gets to it. The supervisor puts it there (supervisor/go_image.c).
 *
 * The function's first instructions become a jump to shim_go_enter, in the
 * copy. A call that is not the shim's goes straight back to the function, and
 * is made there, so that profiles and tracebacks see what they always see. A
 * file call is served on a stack of the shim's own: a goroutine's may have less
 * than a kilobyte left. Of those there are some for all threads; where none is
 * free, and for an execve(2), which does not come back, the call goes back too.
 *
 * From low to high: the stacks, which are written; room; the copy, code and
 * table, right below the gate's page; the gate.
 *
 * Also read by the assembler.
 */
#ifndef SHIM_GO_H
#define SHIM_GO_H

/* As a handler of signals may run on it, too, it is larger than the shim needs;
 * what is not used takes no memory. */
#define GO_STACK_SHIFT 15
#define GO_STACK_SIZE  (1 << GO_STACK_SHIFT)
#define GO_STACK_COUNT 32
#define GO_STACKS      0xc0000

/* The highest bytes of each are left alone; those of the first hold which
 * stacks are in use, a bit for each. */
#define GO_STACK_TOP 64
#define GO_BUSY	     (GO_STACKS + GO_STACK_SIZE - GO_STACK_TOP)
/* Behind it: has the program been about to install a filter of its own? */
#define GO_FORGONE (GO_BUSY + 4)

/* The rows of calls (rows.h), for the entry; from the first kind to this one
 * they are the shim's. Those behind it do not come back, or are trapped. */
#define GO_LAST_HOW 7
#define GO_ROWS	    440
#define GO_ROW_SIZE 5

/* The kind that may install a filter: prctl(2) with that option, and seccomp(2)
 * with a mode up to this. */
#define GO_FILTERS_HOW	  9
#define GO_PRCTL	  157
#define GO_PR_SET_SECCOMP 22
#define GO_MOST_MODE	  1

#define GO_MARK "interpose, go 1\n"

#ifndef __ASSEMBLER__
#include <stdint.h>

/** What stands before shim_go_enter; the copy's is filled in. */
struct shim_go {
	char mark[sizeof(GO_MARK) - 1];
	uint64_t back; /**< in the function, behind the jump */
	uint64_t done; /**< behind the call of the kernel */
};

/** For who looks at a call that waits: what stands at the start of its stack,
 * GO_STACK_TOP below the end. */
struct shim_go_caller {
	uint64_t code;	       /**< shim_go's `done` */
	uint64_t frame, stack; /**< the function's rbp and rsp */
};
#endif

#endif
