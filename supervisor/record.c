#include "supervisor/record.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/audit.h"
#include "supervisor/call.h"
#include "supervisor/layers.h"
#include "supervisor/session.h"
#include "supervisor/stack/stack.h"
#include "supervisor/tracee.h"

void record_facts(struct call *call)
{
	if (call->facts)
		return;
	call->facts = true;
	call->exe[0] = '\0';
	call->parent = tracee_parent(call->tid);
	auto_fd directory =
		tracee_proc_open(call->tid, "", O_PATH | O_DIRECTORY);

	if (directory < 0)
		return;
	ssize_t length =
		readlinkat(directory, "exe", call->exe, sizeof(call->exe) - 1);

	call->exe[length > 0 ? length : 0] = '\0';
	call_process(call);
}

static void rule_fields(struct audit_record *record,
			const struct policy_decision *decision)
{
	struct policy_rule_info info;

	if (!decision->rule)
		return;
	policy_rule_info(decision->rule, &info);
	record->rule_file = info.file;
	record->rule_line = info.line;
	record->rule_text = info.text;
}

static void count(struct session *session, enum verdict verdict)
{
	atomic_ulong *counter = verdict == VERDICT_DENY	  ? &session->refused
				: verdict == VERDICT_HIDE ? &session->hidden
				: verdict == VERDICT_FAKE ? &session->faked
				: verdict == VERDICT_ASK  ? &session->asked
							  : NULL;

	if (counter)
		atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* An event that cannot be kept ends the session: nothing goes unrecorded. Here,
 * too, the writer is waited for: as many programs as there are may be let go
 * before the first of them is recorded. */
static void add(struct session *session, const struct audit_record *record)
{
	(void)audit_await(session->audit);
	int error = audit_add(session->audit, record);

	if (error)
		session_fail(session, "the audit log is lost: %s",
			     strerror(-error));
}

static void add_event(struct call *call, const struct call_event *event)
{
	const struct policy_decision *decision = &event->decision;
	struct audit_record record;

	audit_record_init(&record, AUDIT_DECISION);
	record.pid = call->process > 0 ? call->process : 0;
	record.tid = call->tid;
	record.ppid = call->parent > 0 ? call->parent : 0;
	record.exe = call->exe[0] ? call->exe : NULL;
	record.call = call->row->name;
	record.action = action_name(event->action);
	record.subject = call->text + event->subject;
	if (event->argv_length) {
		record.argv = call->text + event->argv;
		record.argv_length = event->argv_length;
		record.argv_more = event->argv_more;
	}
	record.verdict = verdict_name(decision->verdict);
	record.by = event->dry			       ? AUDIT_BY_DRY_RUN
		    : event->person		       ? AUDIT_BY_PERSON
		    : decision->verdict == VERDICT_ASK ? AUDIT_BY_UNATTENDED
						       : AUDIT_BY_POLICY;
	rule_fields(&record, decision);
	if (call->error > 0 && call->error != CALL_RESTART)
		record.served_errno = strerrorname_np(call->error);
	else if (decision->verdict == VERDICT_FAKE && call->served_fake)
		record.served_fake = call->served_fake;
	else if (call->served_address[0])
		record.served_address = call->served_address;
	if (call->stack && decision->verdict != VERDICT_ALLOW) {
		record.stack = call->stack->lines;
		record.stack_length = call->stack->length;
	}
	/* It is interpose that wants it so, and nothing is kept from anyone. */
	if (!record.rule_file ||
	    strcmp(record.rule_file, LAYERS_CERTIFICATES) != 0)
		count(call->session, decision->verdict);
	if (event->person)
		atomic_fetch_add(&call->session->answered, 1);
	add(call->session, &record);
}

void record_call(struct call *call)
{
	for (size_t i = 0; i < call->event_count; i++)
		add_event(call, &call->events[i]);
	call->event_count = 0;
	call->text_used = 0;
}

void record_alert(struct call *call, const char *message)
{
	struct audit_record record;

	record_facts(call);
	audit_record_init(&record, AUDIT_ALERT);
	record.pid = call->process > 0 ? call->process : 0;
	record.tid = call->tid;
	record.exe = call->exe[0] ? call->exe : NULL;
	record.call = call->row ? call->row->name : NULL;
	record.message = message;
	atomic_fetch_add(&call->session->alerts, 1);
	add(call->session, &record);
}

void record_exec(struct session *session, const struct record_exec *exec)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_EXEC);
	record.pid = exec->pid;
	record.tid = exec->pid;
	record.ppid = exec->parent > 0 ? exec->parent : 0;
	record.exe = exec->exe;
	record.argv = exec->argv;
	record.argv_length = exec->argv_length;
	record.cwd = exec->cwd;
	record.action = action_name(ACTION_EXEC);
	record.subject = exec->subject;
	record.verdict = verdict_name(exec->decision->verdict);
	record.by = session->judged ? AUDIT_BY_DRY_RUN : AUDIT_BY_POLICY;
	rule_fields(&record, exec->decision);
	add(session, &record);
}

void record_exit(struct session *session, const struct record_exit *exit)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_EXIT);
	record.pid = record.tid = exit->pid;
	record.ppid = exit->parent > 0 ? exit->parent : 0;
	record.exe = exit->exe[0] ? exit->exe : NULL;
	record.ms = exit->ms;
	record.cpu_ms = exit->cpu_ms;
	record.status = exit->status;
	add(session, &record);
}

void record_limit(struct session *session, const struct policy_line *line,
		  pid_t pid, const char *message)
{
	struct audit_record record;
	char exe[PATH_MAX] = "";
	auto_fd directory =
		pid > 0 ? tracee_proc_open(pid, "", O_PATH | O_DIRECTORY) : -1;
	ssize_t length = directory < 0 ? 0
				       : readlinkat(directory, "exe", exe,
						    sizeof(exe) - 1);

	exe[length > 0 ? length : 0] = '\0';
	audit_record_init(&record, AUDIT_DECISION);
	record.pid = record.tid = pid;
	record.exe = exe[0] ? exe : NULL;
	record.subject = line->text;
	record.verdict = verdict_name(VERDICT_DENY);
	record.rule_file = line->file;
	record.rule_line = line->line;
	record.rule_text = line->text;
	record.by = AUDIT_BY_POLICY;
	record.message = message;
	add(session, &record);
}

/* Who made a connection, as far as it is known. */
static void set_caller(struct audit_record *record,
		       const struct record_network *event)
{
	record->pid = event->pid > 0 ? event->pid : 0;
	record->tid = event->tid;
	record->ppid = event->parent > 0 ? event->parent : 0;
	record->exe = event->exe && event->exe[0] ? event->exe : NULL;
}

void record_network(struct session *session, const struct record_network *event)
{
	const struct policy_decision *decision = event->decision;
	struct audit_record record;

	audit_record_init(&record, AUDIT_DECISION);
	set_caller(&record, event);
	record.call = event->call;
	record.action = action_name(ACTION_CONNECT);
	record.subject = event->subject;
	record.verdict = verdict_name(decision->verdict);
	record.by = event->person		       ? AUDIT_BY_PERSON
		    : decision->verdict == VERDICT_ASK ? AUDIT_BY_UNATTENDED
						       : AUDIT_BY_POLICY;
	record.served_errno = event->served_errno;
	rule_fields(&record, decision);
	count(session, decision->verdict);
	if (event->person)
		atomic_fetch_add(&session->answered, 1);
	add(session, &record);
}

void record_closed(struct session *session, const struct record_network *event,
		   const struct record_closed *closed)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_CLOSE);
	set_caller(&record, event);
	record.action = action_name(ACTION_CONNECT);
	record.subject = event->subject;
	record.bytes_out = (int64_t)(closed->out & INT64_MAX);
	record.bytes_in = (int64_t)(closed->in & INT64_MAX);
	record.ms = (int64_t)(closed->ms & INT64_MAX);
	add(session, &record);
}

void record_use(struct session *session, const struct record_network *event,
		const char *secret, uint64_t more)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_SECRET);
	set_caller(&record, event);
	record.action = action_name(ACTION_HTTP);
	record.subject = event->subject;
	record.secret = secret;
	record.count = (int64_t)(more & INT64_MAX);
	add(session, &record);
}

void record_absent(struct session *session, const struct policy_line *line,
		   const char *secret, const char *why)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_SECRET);
	record.secret = secret;
	record.rule_file = line->file;
	record.rule_line = line->line;
	record.rule_text = line->text;
	record.message = why;
	add(session, &record);
}

void record_left_out(struct session *session, pid_t pid, const char *exe,
		     const char *names)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_DECISION);
	record.pid = pid;
	record.exe = exe;
	record.call = "execve";
	record.action = action_name(ACTION_ENV);
	record.subject = names;
	record.verdict = verdict_name(VERDICT_HIDE);
	record.by = AUDIT_BY_POLICY;
	record.message = "they could steer a program that is granted something";
	add(session, &record);
}

void record_error(struct session *session, const char *message)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_ERROR);
	record.message = message;
	(void)audit_add(session->audit, &record);
}

void record_attack(struct session *session, pid_t pid, const char *message)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_ALERT);
	record.pid = pid;
	record.message = message;
	atomic_fetch_add(&session->alerts, 1);
	add(session, &record);
}
