#include "supervisor/ask/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/ask/questions.h"
#include "supervisor/audit.h"
#include "supervisor/call.h"
#include "supervisor/session.h"
#include "supervisor/slow.h"
#include "supervisor/tracee.h"
#include "supervisor/worker.h"

enum { WATCH_MS = 10 }; /* between two looks at some of who waits */

static void wake(const struct ask *ask)
{
	uint64_t one = 1;

	(void)!write(ask->wake, &one, sizeof(one));
}

/* A call waits for a question from now on; one that had ended is back. */
static bool add_waiter(struct ask *ask, struct question *question,
		       const struct call *call)
{
	struct waiter *waiter = waiter_restarting(ask, question, call->tid);

	if (!waiter) {
		waiter = waiter_new(ask, question, &call->request, NULL, NULL);
	} else {
		waiter->request = call->request;
		waiter->restarting = waiter->looking = false;
		waiter->since = questions_now();
		question_count(ask, question, 1);
	}
	if (waiter && question->look_next)
		looks_take(ask, question);
	return waiter;
}

/* --------------------------------------------------------------- answers -- */

void ask_done(struct ask *ask, const struct call *call)
{
	pthread_mutex_lock(&ask->lock);
	answers_end(ask, call->tid, call->request.id,
		    call->error == CALL_RESTART);
	pthread_mutex_unlock(&ask->lock);
}

static void record(struct ask *ask, const struct question *question,
		   enum verdict verdict, enum audit_by by, const char *message)
{
	struct audit_record record;
	struct policy_rule_info info;

	audit_record_init(&record, AUDIT_ASK);
	if (question->waiters)
		record.tid = (pid_t)question->waiters->request.pid;
	record.action = action_name(question->action);
	record.subject = question->subject;
	record.verdict = verdict_name(verdict);
	record.by = by;
	record.ms = questions_now() - question->asked;
	record.message = message;
	if (question->rule) {
		policy_rule_info(question->rule, &info);
		record.rule_file = info.file;
		record.rule_line = info.line;
		record.rule_text = info.text;
	}
	(void)audit_await(ask->session->audit);
	(void)audit_add(ask->session->audit, &record);
}

/* Of what can be named in a rule as it is asked about, the rule itself says
 * whether it covers it. A connection's other names and addresses are not in the
 * question. */
static bool may_cover(struct ask *ask, const struct grants_rule *rule,
		      const struct question *question)
{
	struct grants_subject subject = question_subject(question);

	return question->action == ACTION_CONNECT ||
	       question->action == ACTION_LISTEN ||
	       question->action == ACTION_HTTP ||
	       grants_rule_covers(ask->session->grants, rule, &subject);
}

/* A new grant may answer what others wait for: they look. */
static void look_again(struct ask *ask, const struct question *answered,
		       const char *rule)
{
	struct grants_rule *granted =
		grants_rule_new(ask->session->grants, rule);

	for (struct question *other = ask->first; other; other = other->next) {
		if (other == answered ||
		    (granted && !may_cover(ask, granted, other)))
			continue;
		for (struct waiter *next, *waiter = other->waiters; waiter;
		     waiter = next) {
			next = waiter->next;
			if (waiter->answered &&
			    !waiter->answered(waiter->context, VERDICT_ASK))
				continue;
			if (!waiter->answered && !waiter->restarting)
				waiter_resume(ask, waiter, false);
			waiter_remove(ask, waiter);
		}
	}
	grants_rule_free(granted);
}

int questions_answer(struct ask *ask, uint64_t id, enum verdict verdict,
		     enum answer_kind kind, const char *rule, const char *who,
		     const char *reason, char **message)
{
	struct question *question = question_find(ask, id);
	int error = 0;

	*message = NULL;
	if (!question)
		return -ENOENT;
	if (kind != ANSWER_ONCE) {
		struct grants_subject subject = question_subject(question);

		error = grants_add(ask->session->grants, rule, &subject,
				   kind == ANSWER_PROJECT, message);
	}
	if (error)
		return error;
	for (struct waiter *waiter = question->waiters; waiter;
	     waiter = waiter->next) {
		if (waiter->answered) {
			(void)waiter->answered(waiter->context, verdict);
			continue;
		}
		/* It finds no answer before we let the lock go. */
		if (!waiter->restarting)
			waiter_resume(ask, waiter, false);
		answer_add(ask, waiter, verdict);
	}
	record(ask, question, verdict,
	       who ? AUDIT_BY_PERSON : AUDIT_BY_UNATTENDED,
	       reason && *reason     ? reason
	       : kind == ANSWER_ONCE ? NULL
				     : rule);
	ask->answered_before++;
	if (kind != ANSWER_ONCE)
		look_again(ask, question, rule);
	clients_gone(ask, id, who ?: "no answer in time",
		     verdict_name(verdict));
	question_take_out(ask, question);
	past_add(ask, question);
	return 0;
}

/* --------------------------------------------------------------- parking -- */

/* The file that the caller runs, malloc()ed. */
static char *program_of(pid_t tid)
{
	char path[PATH_MAX];
	auto_fd directory = tracee_proc_open(tid, "", O_PATH | O_DIRECTORY);
	ssize_t length = directory < 0 ? -1
				       : readlinkat(directory, "exe", path,
						    sizeof(path) - 1);

	return length > 0 ? strndup(path, (size_t)length) : NULL;
}

static bool park(struct ask *ask, struct call *call, uint64_t hash,
		 enum action action, const char *subject,
		 const char *const *argv, size_t argc,
		 const struct policy_rule *rule)
{
	struct question *question =
		question_standing(ask, hash, action, subject, rule, argv, argc);

	if (!question && grants_policy(ask->session->grants) != call->granted) {
		/* A rule was granted while it was on its way here, and may be
		 * about it. */
		if (slow_resume(ask->session->slow, &call->request, false))
			return false;
		call->answered = call->handed_over = call->parked = true;
		return true;
	}
	if (!question) {
		question = question_new(ask, hash, action, subject, rule, argv,
					argc);
		if (question)
			question->program = program_of(call->tid);
	}
	if (!question || !add_waiter(ask, question, call))
		return false;
	call->answered = call->handed_over = call->parked = true;
	wake(ask);
	return true;
}

bool ask_person(struct ask *ask, struct call *call, enum action action,
		const char *subject, const char *const *argv, size_t argc,
		struct policy_decision *decision)
{
	uint64_t hash =
		question_hash(action, decision->rule, subject, argv, argc);

	pthread_mutex_lock(&ask->lock);
	waiters_back(ask, call);
	const struct answer *answer =
		answer_find(ask, call, hash, action, subject);
	bool decided = true;

	call->asked = true;
	if (answer) {
		decision->verdict = answer->verdict;
	} else if (call->answered) {
		/* An earlier question of this call is what it waits for. */
		decided = false;
	} else if (call->job && slow_cancelled(call)) {
		pthread_mutex_unlock(&ask->lock);
		call_fail(call, CALL_RESTART);
		return false;
	} else {
		decided = !park(ask, call, hash, action, subject, argv, argc,
				decision->rule);
		/* No room: nobody can be asked. */
		if (decided)
			decision->verdict = VERDICT_DENY;
	}
	pthread_mutex_unlock(&ask->lock);
	return decided;
}

int ask_other(struct ask *ask, pid_t tid, enum action action,
	      const char *subject, const struct policy_rule *rule,
	      ask_answered *answered, void *context)
{
	uint64_t hash = question_hash(action, rule, subject, NULL, 0);
	struct seccomp_notif request = {.pid = (uint32_t)tid};
	const struct waiter *waiter = NULL;

	pthread_mutex_lock(&ask->lock);
	/* A rule that was granted since it was decided has found nobody here. */
	if (answered(context, VERDICT_ASK)) {
		pthread_mutex_unlock(&ask->lock);
		return 0;
	}
	struct question *question =
		question_standing(ask, hash, action, subject, rule, NULL, 0);

	if (!question)
		question =
			question_new(ask, hash, action, subject, rule, NULL, 0);
	if (question)
		waiter = waiter_new(ask, question, &request, answered, context);
	pthread_mutex_unlock(&ask->lock);
	wake(ask);
	return waiter ? 0 : -ENOSPC;
}

bool ask_withdraw(struct ask *ask, const void *context)
{
	pthread_mutex_lock(&ask->lock);
	struct waiter *waiter = waiter_told(ask, context);
	bool found = waiter;

	if (waiter)
		waiter_remove(ask, waiter);
	pthread_mutex_unlock(&ask->lock);
	return found;
}

/* -------------------------------------------------------------- watching -- */

/* Those asked first have waited longest for an answer. */
static void time_out(struct ask *ask, int64_t now)
{
	int64_t timeout = (int64_t)ask->setup.timeout * 1000;

	while (timeout && ask->first && now - ask->first->asked >= timeout) {
		auto_free char *message = NULL;

		(void)questions_answer(ask, ask->first->id, VERDICT_DENY,
				       ANSWER_ONCE, NULL, NULL,
				       "nobody answered in time", &message);
	}
}

/* What nobody waits for any more is withdrawn. */
static void withdraw(struct ask *ask, int64_t now)
{
	for (;;) {
		struct question *question = TAILQ_FIRST(&ask->alone);

		if (!question ||
		    now - question->alone_since < QUESTIONS_LINGER_MS)
			break;
		if (!question->waiters) {
			clients_gone(ask, question->id, NULL, NULL);
			question_remove(ask, question);
			continue;
		}
		/* A call that is to come back. */
		TAILQ_REMOVE(&ask->alone, question, alone);
		question->alone_since = now;
		TAILQ_INSERT_TAIL(&ask->alone, question, alone);
	}
}

static void *run(void *context)
{
	struct ask *ask = context;
	struct pollfd fds[QUESTIONS_CLIENTS + 2];
	int64_t watched = 0;

	pthread_mutex_lock(&ask->lock);
	while (!atomic_load(&ask->ending)) {
		size_t count = clients_poll(ask, fds);

		fds[count].fd = ask->wake;
		fds[count].events = POLLIN;
		bool waiting = ask->first;

		pthread_mutex_unlock(&ask->lock);
		(void)poll(fds, count + 1, waiting ? WATCH_MS : -1);
		pthread_mutex_lock(&ask->lock);
		uint64_t drained;
		int64_t now = questions_now();

		(void)!read(ask->wake, &drained, sizeof(drained));
		clients_serve(ask, fds, count);
		if (ask->first && now - watched >= WATCH_MS) {
			watched = now;
			waiters_watch(ask, now);
			answers_watch(ask, now);
			time_out(ask, now);
			withdraw(ask, now);
		}
		clients_update(ask);
	}
	pthread_mutex_unlock(&ask->lock);
	return NULL;
}

int ask_start(struct session *session, const struct ask_setup *setup,
	      struct ask **result)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return -ENOMEM;
	ask->session = session;
	ask->setup = *setup;
	ask->last = &ask->first;
	TAILQ_INIT(&ask->alone);
	TAILQ_INIT(&ask->turn);
	TAILQ_INIT(&ask->answers_turn);
	ask->listener = -1;
	for (size_t i = 0; i < QUESTIONS_CLIENTS; i++)
		ask->clients[i].fd = -1;
	pthread_mutex_init(&ask->lock, NULL);
	ask->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error = ask->wake < 0 ? -errno : clients_open(ask);

	*result = ask;
	if (!error)
		error = worker_thread(&ask->thread, run, ask);
	ask->running = !error;
	return error;
}

void ask_stop(struct ask *ask)
{
	if (!ask)
		return;
	atomic_store(&ask->ending, true);
	wake(ask);
	if (ask->running)
		pthread_join(ask->thread, NULL);
	ask->running = false;
}

void ask_free(struct ask *ask)
{
	if (!ask)
		return;
	clients_close(ask);
	while (ask->first)
		question_remove(ask, ask->first);
	past_free(ask);
	answers_free(ask);
	if (ask->wake >= 0)
		close(ask->wake);
	pthread_mutex_destroy(&ask->lock);
	free(ask);
}
