/*
 * ptrace and process_vm_*, where the policy has `allow ptrace`: programs of a
 * session may look into each other, as debuggers do.
 *
 * Theory of operation. Whom a program may attach to, or read, is decided here:
 * inside the session, and nothing that is granted what the caller is not. That
 * would not hold if the target became such a program between the decision and
 * the call. So the tracer's thread has the caller make the call, and settles no
 * exec meanwhile; see tracer_guarded(). What a tracer asks of its own tracee is
 * the kernel's to check. An exec of a traced program cannot be compared with
 * what was decided (only one may trace): it is let go, and that program is
 * known by no name from then on, so that nothing is granted to it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/calls/calls.h"
#include "supervisor/images.h"
#include "supervisor/proc.h"
#include "supervisor/session.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"

static void refuse(struct call *call, pid_t pid)
{
	struct policy_decision decision = {.verdict = VERDICT_DENY,
					   .final = true};
	char subject[32];

	snprintf(subject, sizeof(subject), "/proc/%d/mem", pid);
	call_note(call, ACTION_READ, subject, &decision);
	call_fail(call, EPERM);
}

/* The numbers are all that is decided about; they travel in registers. */
static void look_into(struct call *call, pid_t pid)
{
	if (!tracee_in_session(pid, call->session->supervisor)) {
		if (syscall(SYS_kill, pid, 0) && errno == ESRCH)
			call_fail(call, ESRCH);
		else
			refuse(call, pid);
		return;
	}
	if (proc_closed(call->session, pid, call->tid)) {
		refuse(call, pid);
		return;
	}
	int error = tracer_guarded(call, pid);

	if (error)
		call_result(call, error);
}

void call_ptrace(struct call *call)
{
	struct images *images = call->session->images;
	long request = (long)call_arg(call, 0);
	pid_t pid = call_int(call, 1);

	switch (request) {
	case PTRACE_ATTACH:
	case PTRACE_SEIZE:
		look_into(call, pid);
		return;
	case PTRACE_TRACEME:
		/* Its parent would look into it; which would be us, for the
		 * first program and for orphans. */
		pid = tracee_parent(call->tid);
		if (!tracee_in_session(pid, call->session->supervisor) ||
		    (images_wanted(images) &&
		     policy_grants_beyond(call->session->policy,
					  images_program(images, call->tid),
					  images_program(images, pid)))) {
			refuse(call, call_process(call));
			return;
		}
		break;
	default:
		break;
	}
	call_continue(call);
}

static void call_memory(struct call *call)
{
	pid_t pid = call_int(call, 0);

	if (tracee_process(pid) == call_process(call))
		call_continue(call);
	else
		look_into(call, pid);
}

void call_process_vm_readv(struct call *call)
{
	call_memory(call);
}

void call_process_vm_writev(struct call *call)
{
	call_memory(call);
}
