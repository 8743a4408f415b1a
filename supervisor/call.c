#include "supervisor/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "policy/scope.h"
#include "supervisor/ask/ask.h"
#include "supervisor/ask/grants.h"
#include "supervisor/audit.h"
#include "supervisor/credentials.h"
#include "supervisor/kernel.h"
#include "supervisor/limits.h"
#include "supervisor/path.h"
#include "supervisor/program.h"
#include "supervisor/record.h"
#include "supervisor/slow.h"
#include "supervisor/stack/stack.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"
#include "supervisor/tracer.h"
#include "supervisor/worth.h"

bool call_valid(const struct call *call)
{
	uint64_t id = call->request.id;

	return ioctl(call->session->listener, SECCOMP_IOCTL_NOTIF_ID_VALID,
		     &id) == 0;
}

/* The one place where an answer is sent. A thread that was killed meanwhile
 * takes no answer (ENOENT): nothing is left to do. */
static void answer(struct call *call, int64_t value, int error, uint32_t flags)
{
	struct seccomp_notif_resp response = {
		.id = call->request.id,
		.val = value,
		.error = error,
		.flags = flags,
	};

	if (call->answered)
		return;
	if (error < 0 && call->refused && call->session->log_stacks &&
	    stack_answer(call, -error) == 0)
		return;
	call->answered = true;
	call->error = -error;
	(void)ioctl(call->session->listener, SECCOMP_IOCTL_NOTIF_SEND,
		    &response);
}

void call_return(struct call *call, int64_t value)
{
	answer(call, value, 0, 0);
}

void call_fail(struct call *call, int error)
{
	if (error != CALL_RESTART)
		answer(call, 0, -error, 0);
	else if (!call->answered && tracer_restart(call))
		answer(call, 0, -EINTR, 0);
	else
		call->error = CALL_RESTART;
}

void call_result(struct call *call, int64_t result)
{
	if (result < 0)
		call_fail(call, (int)-result);
	else
		call_return(call, result);
}

void call_continue(struct call *call)
{
	answer(call, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

int call_put_fd(struct call *call, int fd, int at, bool close_on_exec)
{
	struct seccomp_notif_addfd add = {
		.id = call->request.id,
		.flags = at < 0 ? 0U : (uint32_t)SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = at < 0 ? 0 : (uint32_t)at,
		.newfd_flags = close_on_exec ? O_CLOEXEC : 0,
	};
	int number;

	/* The signal that ends a wait of a slow thread may come late; nothing
	 * is installed then. */
	do
		number = ioctl(call->session->listener,
			       SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	while (number < 0 && errno == EINTR);
	return number < 0 ? -errno : number;
}

void call_give_fd(struct call *call, int *fd, bool close_on_exec)
{
	if (call->answered)
		return;
	call_gave_fd(call, fd, call_put_fd(call, *fd, -1, close_on_exec));
}

/* Never with SECCOMP_ADDFD_FLAG_SEND, which is one step less: a thread that is
 * stopped while it waits there (SIGSTOP, a debugger, a frozen cgroup, a machine
 * that goes to sleep) has answered, and has put nothing in. The program's open
 * then returns 0, which is its standard input. */
static void answer_number(struct call *call, int number)
{
	if (number == -EMFILE)
		limits_no_descriptor(call->session, call->tid);
	/* Of what may go wrong only a full table is the program's business. */
	call_result(call, number >= 0	      ? number
			  : number == -EMFILE ? -EMFILE
					      : -EIO);
}

void call_gave_fd(struct call *call, int *fd, int number)
{
	/* By the time the program runs on, it must be the only one that has the
	 * file open. */
	scope_close_fd(fd);
	*fd = -1;
	answer_number(call, number);
}

void call_lend_fd(struct call *call, int fd, bool close_on_exec)
{
	if (!call->answered)
		answer_number(call, call_put_fd(call, fd, -1, close_on_exec));
}

int call_write(struct call *call, uint64_t address, const void *bytes,
	       size_t length)
{
	return tracee_write(call->tid, address, bytes, length);
}

int call_read(struct call *call, uint64_t address, void *bytes, size_t length)
{
	return tracee_read(call->tid, address, bytes, length);
}

ssize_t call_path(struct call *call, unsigned index, char *path)
{
	return tracee_read_string(call->tid, call_arg(call, index), path,
				  PATH_MAX);
}

pid_t call_process(struct call *call)
{
	if (call->process == 0)
		call->process = tracee_process(call->tid);
	return call->process;
}

void call_query(struct call *call, struct policy_query *query,
		enum action action, const char *text, size_t length)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	*query = (struct policy_query){
		.action = action,
		.text = text,
		.length = length,
		.program = program_of_call,
		.program_context = call,
		.now = now.tv_sec,
	};
}

static void note(struct call *call, enum action action, const char *subject,
		 const struct policy_decision *decision, bool dry)
{
	size_t length = strlen(subject) + 1;

	if (call->event_count == CALL_EVENTS)
		return;
	/* Before the answer: afterwards the thread may be gone or another. */
	record_facts(call);
	struct call_event *event = &call->events[call->event_count];

	if (length > sizeof(call->text) - call->text_used) {
		/* Cut, and say so: a subject is never left out whole. */
		length = sizeof(call->text) - call->text_used;
		if (length < 8)
			return;
		memcpy(call->text + call->text_used, subject, length - 4);
		memcpy(call->text + call->text_used + length - 4, "...", 4);
	} else {
		memcpy(call->text + call->text_used, subject, length);
	}
	event->action = action;
	event->person = false;
	event->decision = *decision;
	call->refused |= !dry && decision->verdict != VERDICT_ALLOW &&
			 decision->verdict != VERDICT_FAKE;
	event->subject = call->text_used;
	event->argv_length = event->argv_more = 0;
	event->dry = dry;
	call->text_used += length;
	call->event_count++;
}

/* What a program that is not to start was to be given: whole arguments, as far
 * as there is room, but some is left for the subjects of other decisions. */
static void note_arguments(struct call *call, const struct policy_query *query)
{
	enum { KEPT = CALL_TEXT / 2 };
	struct call_event *event;
	size_t i;

	if (!call->event_count || query->action != ACTION_EXEC)
		return;
	event = &call->events[call->event_count - 1];
	event->argv = call->text_used;
	for (i = 0; i < query->argc; i++) {
		size_t length = strlen(query->argv[i]) + 1;

		if (call->text_used > KEPT || length > KEPT - call->text_used)
			break;
		memcpy(call->text + call->text_used, query->argv[i], length);
		call->text_used += length;
	}
	event->argv_length = call->text_used - event->argv;
	event->argv_more = (unsigned)(query->argc - i);
}

void call_note(struct call *call, enum action action, const char *subject,
	       const struct policy_decision *decision)
{
	note(call, action, subject, decision, false);
}

void call_would(struct call *call, const struct policy_query *query,
		const char *subject)
{
	const struct policy *judged = call->session->judged;
	struct policy_decision decision;

	if (!judged)
		return;
	grants_decide(call->session->grants, judged, query, &decision);
	/* What is started has an event of its own, which says the verdict. */
	if (query->action != ACTION_EXEC || decision.verdict != VERDICT_ALLOW)
		note(call, query->action, subject, &decision, true);
}

/* Is this decision kept in the log? Plain allows of files are not, by default;
 * what is started and reached always is. */
static bool kept(const struct call *call, enum action action,
		 const struct policy_decision *decision)
{
	if (decision->verdict != VERDICT_ALLOW || decision->log)
		return true;
	if (call->session->judged)
		return false; /* call_would() notes it */
	/* An exec that is allowed has an event of its own when it runs. */
	return (call->session->log_all && action != ACTION_EXEC) ||
	       action == ACTION_CONNECT || action == ACTION_LISTEN;
}

/* What a person says is noted as theirs. */
static bool ask(struct call *call, enum action action, const char *subject,
		const struct policy_query *query,
		struct policy_decision *decision)
{
	struct ask *questions = call->session->questions;

	return ask_person(questions, call, action, subject,
			  query ? query->argv : NULL, query ? query->argc : 0,
			  decision);
}

static bool granted(const struct policy_decision *decision)
{
	struct policy_rule_info info;

	if (!decision->rule)
		return false;
	policy_rule_info(decision->rule, &info);
	return info.layer == POLICY_LAYER_GRANT;
}

static void decided(struct call *call, enum action action, const char *subject,
		    const struct policy_query *query,
		    struct policy_decision *decision)
{
	bool person = decision->log && granted(decision);

	/* What cannot be recorded is not allowed. */
	if (!audit_await(call->session->audit))
		decision->verdict = VERDICT_DENY;
	if (decision->verdict == VERDICT_ASK && call->session->questions) {
		person = ask(call, action, subject, query, decision);
		if (!person) {
			decision->verdict = VERDICT_DENY;
			return;
		}
	}
	if (person || kept(call, action, decision)) {
		size_t before = call->event_count;

		call_note(call, action, subject, decision);
		if (call->event_count > before) {
			call->events[before].person = person;
			if (query && decision->verdict != VERDICT_ALLOW)
				note_arguments(call, query);
		}
	}
	if (decision->verdict == VERDICT_ASK)
		decision->verdict = VERDICT_DENY;
}

void call_decided(struct call *call, enum action action, const char *subject,
		  struct policy_decision *decision)
{
	decided(call, action, subject, NULL, decision);
}

/* A dry run is not served by grants, which may refuse. */
static const struct grants *grants_of(const struct session *session)
{
	return session->judged ? NULL : session->grants;
}

void call_judge(const struct session *session, const struct policy_query *query,
		struct policy_decision *decision)
{
	grants_decide(grants_of(session), session->policy, query, decision);
}

void call_judge_any_port(const struct session *session,
			 const struct policy_query *query, bool udp,
			 struct policy_decision *decision)
{
	grants_decide_any_port(grants_of(session), session->policy, query, udp,
			       decision);
}

void call_decide(struct call *call, struct policy_query *query,
		 const struct place *place, struct policy_decision *decision)
{
	if (place) {
		query->via = place->via;
		query->via_count = place->via_count;
	}
	call_judge(call->session, query, decision);
	decided(call, query->action, query->text, query, decision);
	if (decision->verdict == VERDICT_ALLOW)
		call_would(call, query, query->text);
}

void call_alert(struct call *call, const char *format, ...)
{
	char message[512];
	va_list list;

	va_start(list, format);
	vsnprintf(message, sizeof(message), format, list);
	va_end(list);
	record_alert(call, message);
}

void call_hand_over(struct call *call)
{
	if (slow_add(call->session->slow, call)) {
		call_fail(call, EAGAIN);
		return;
	}
	call->answered = call->handed_over = true;
}

void call_serve(struct call *call)
{
	call->tid = (pid_t)call->request.pid;
	call->handed_over = call->parked = call->asked = false;
	call->granted = call->session->grants
				? grants_policy(call->session->grants)
				: NULL;
	call->refused = false;
	call->stack = NULL;
	if (tracer_own_call(call)) {
		call_continue(call);
		return;
	}
	call->row = syscall_row(call->request.data.nr);
	if (!call->row || !call->row->handler) {
		call_fail(call, ENOSYS);
		return;
	}
	worth_call(call->session->worth, call->tid, call->request.data.nr);
	if (credentials_assume(call)) {
		call_fail(call, EPERM);
	} else {
		call->row->handler(call);
		credentials_restore(call);
	}
	/* A handler that did not answer is a fault of ours: refuse. */
	if (!call->answered)
		call_fail(call, ENOSYS);
	/* Served again from the start, it is recorded then. */
	if (call->parked)
		call->event_count = call->text_used = 0;
	else if (call->asked)
		ask_done(call->session->questions, call);
	record_call(call);
	if (!call->session->kernel.pidfd_getfd && !call->handed_over)
		call_taken_done(call);
	atomic_fetch_add_explicit(&call->session->calls, 1,
				  memory_order_relaxed);
}
