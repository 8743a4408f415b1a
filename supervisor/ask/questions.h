/*
 * What ask.c (parking and waking), question.c (those that stand), waiters.c
 * (who waits for them), answers.c (what those were told), clients.c (who
 * answers), past.c (what was asked before) and looks.c (stacks) share.
 *
 * A session may ask ten thousand things at once, or ten thousand threads the
 * same: nothing that is done for each call, question or answer goes through all
 * of them. What is looked for is found by a table; what comes due stands in the
 * order in which it does, so that only the first is looked at.
 */
#ifndef SUPERVISOR_ASK_QUESTIONS_H
#define SUPERVISOR_ASK_QUESTIONS_H

#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "policy/text.h"
#include "supervisor/ask/ask.h"
#include "supervisor/ask/grants.h"
#include "supervisor/tracer_hold.h"

enum {
	QUESTIONS_MOST = 16384, /* more are refused */
	QUESTIONS_TABLE = 4096, /* rows of each table; a power of two */
	QUESTIONS_BYTES = 64
			  << 20, /* of what is asked about; no more is held */
	QUESTIONS_CLIENTS = 8,
	QUESTIONS_LINE = 65536,	   /* the longest line of a client */
	QUESTIONS_LINGER_MS = 500, /* a question without anyone who waits */
	QUESTIONS_HOLD_MS = 250,   /* a call that waits for longer is held */
	QUESTIONS_PAST = 1024,	   /* answered ones that are remembered */
	QUESTIONS_PAST_BYTES = 8 << 20,
};

/* A parked call. */
struct waiter {
	struct question *question;
	struct seccomp_notif request;
	struct hold *hold; /* its thread stands outside of its call; or NULL */
	bool restarting;   /* its call has ended, and may come again */
	bool looking;	   /* its stack is being taken, and it comes again */
	ask_answered *answered; /* no call, but who is to be told */
	void *context;
	int64_t since;		   /* it waits, or restarts */
	unsigned watched;	   /* times */
	struct waiter *next, **at; /* of the question */
	LIST_ENTRY(waiter) alike;  /* by the thread, or by `context` */
	TAILQ_ENTRY(waiter) turn;  /* calls alone: in the order of watching */
};

LIST_HEAD(waiters_row, waiter);
TAILQ_HEAD(waiters_turn, waiter);

struct question {
	uint64_t id, hash;
	enum action action;
	char *subject;
	const char **arguments; /* of an exec, without argv[0] */
	size_t argument_count;
	char *text;    /* memory of the arguments */
	char *program; /* that asked first: its file; NULL: not known */
	const struct policy_rule *rule;
	struct waiter *waiters;
	size_t waiter_count; /* those not restarting */
	size_t size;	     /* bytes of its subject and arguments */
	int64_t asked, alone_since;
	char *shown; /* the line for clients, once made */
	char *stack; /* the line with its stack, once made */
	bool looked; /* its stack was wanted */
	bool look_next; /* and is that of the call that comes next */
	struct question *next, **at;
	LIST_ENTRY(question) same_hash, same_id;
	TAILQ_ENTRY(question) alone; /* while nobody waits for it */
};

LIST_HEAD(questions_row, question);
TAILQ_HEAD(questions_alone, question);

/* What a person said, for one call. */
struct answer {
	uint64_t call; /* the notification's id; 0: the next one of `tid` */
	pid_t tid;
	uint64_t hash;
	enum action action;
	char *subject;
	enum verdict verdict;
	bool held;     /* its call is to come again */
	int64_t until; /* 0: until the call is answered */
	int64_t made;
	LIST_ENTRY(answer) alike; /* by the thread */
	TAILQ_ENTRY(answer) turn; /* in the order of being made */
};

LIST_HEAD(answers_row, answer);
TAILQ_HEAD(answers_turn, answer);

struct client {
	int fd; /* -1: none */
	bool terminal;
	uint64_t shown; /* the question it was sent last */
	size_t waiting; /* and how many it was told of */
	int64_t told;	/* when */
	char *line;	/* QUESTIONS_LINE bytes */
	size_t length;
};

struct ask {
	struct session *session;
	struct ask_setup setup;
	pthread_mutex_t lock;
	struct question *first, **last;
	size_t count, size; /* of questions, and of their bytes */
	uint64_t next_id;
	struct questions_row by_hash[QUESTIONS_TABLE], by_id[QUESTIONS_TABLE];
	struct questions_alone alone; /* since when: the longest first */
	struct waiters_row waiters[QUESTIONS_TABLE];
	struct waiters_turn turn;
	struct answers_row answers[QUESTIONS_TABLE];
	struct answers_turn answers_turn;
	int wake, listener;
	pthread_t thread;
	bool running;
	atomic_bool ending;
	struct client clients[QUESTIONS_CLIENTS];
	uint64_t answered_before; /* questions answered so far */
	struct question *past;	  /* the last of them, newest first */
	size_t past_count, past_size;
};

/** Milliseconds of the clock that never goes back. */
int64_t questions_now(void);

/** The rule's subject, in words. */
struct grants_subject question_subject(const struct question *question);

/** A number of all that makes two questions one. `argv` as for ask_person(). */
uint64_t question_hash(enum action action, const struct policy_rule *rule,
		       const char *subject, const char *const *argv,
		       size_t argc);

/** The question of that hash about just that; or NULL. */
struct question *question_standing(const struct ask *ask, uint64_t hash,
				   enum action action, const char *subject,
				   const struct policy_rule *rule,
				   const char *const *argv, size_t argc);

/** Add one, after all that stand, that nobody waits for yet. Returns NULL where
 * there is no room. */
struct question *question_new(struct ask *ask, uint64_t hash,
			      enum action action, const char *subject,
			      const struct policy_rule *rule,
			      const char *const *argv, size_t argc);

/** It stands no longer: the caller's from now on; or freed with its waiters. */
void question_take_out(struct ask *ask, struct question *question);
void question_remove(struct ask *ask, struct question *question);

/** The question with that id, or NULL. */
struct question *question_find(const struct ask *ask, uint64_t id);

/** All that it holds; nobody waits for it. */
void question_free(struct question *question);

/** One more, or one less (`change` is -1), waits for it: question.c. */
void question_count(struct ask *ask, struct question *question, int change);

/** Who waits: waiters.c. Where `answered` is NULL, a call of that thread; the
 * lock is held. */
struct waiter *waiter_new(struct ask *ask, struct question *question,
			  const struct seccomp_notif *request,
			  ask_answered *answered, void *context);
void waiter_remove(struct ask *ask, struct waiter *waiter);

/** The waiter of the thread for that question that restarts, or NULL. */
struct waiter *waiter_restarting(const struct ask *ask,
				 const struct question *question, pid_t tid);

/** Who is to be told with that context, or NULL. */
struct waiter *waiter_told(const struct ask *ask, const void *context);

/** Look at the next few calls that wait: do they still? */
void waiters_watch(struct ask *ask, int64_t now);

/** Have it served again: its call, or its next one where the thread is held; it
 * restarts then. */
void waiter_resume(struct ask *ask, struct waiter *waiter, bool cancelled);

/** Let a thread that is held make its call again. Returns false where its
 * notification stands, and nothing else has changed. */
bool waiter_release(struct ask *ask, struct waiter *waiter);

/** This call is here: its thread is held for no former one any more. */
void waiters_back(struct ask *ask, const struct call *call);

/** What was answered to calls: answers.c. With the lock held. */
const struct answer *answer_find(struct ask *ask, const struct call *call,
				 uint64_t hash, enum action action,
				 const char *subject);
void answer_add(struct ask *ask, const struct waiter *waiter,
		enum verdict verdict);

/** The thread is held, or is not, for another question of that call. */
void answers_hold(struct ask *ask, pid_t tid, uint64_t call, bool held);

/** The call of that thread ended; or it is to come again, and what it was told
 * still counts when it is back. */
void answers_end(struct ask *ask, pid_t tid, uint64_t call, bool restarted);

/** Forget a few that nobody comes back for; or all of them. */
void answers_watch(struct ask *ask, int64_t now);
void answers_free(struct ask *ask);

/** Does the kernel still know that notification? */
bool questions_stands(const struct ask *ask, uint64_t call);

/** How a question was answered. */
enum answer_kind { ANSWER_ONCE, ANSWER_SESSION, ANSWER_PROJECT };

/**
 * Answer the question with that id: wake who waits, record it. `rule` is what
 * is granted for more than once, `who` and `reason` are for the log. With the
 * lock held. Returns 0; -ENOENT where it no longer stands; or what grants_add()
 * returns, with its message: the question still stands then.
 */
int questions_answer(struct ask *ask, uint64_t id, enum verdict verdict,
		     enum answer_kind kind, const char *rule, const char *who,
		     const char *reason, char **message);

/** Keep an answered question, in the place of freeing it: past.c. */
void past_add(struct ask *ask, struct question *question);
void past_free(struct ask *ask);

/**
 * Try a rule for a question: would it be granted, and of how many (`of`) of the
 * questions so far, this one and those that wait included, would it have spared
 * the person? Returns as grants_try().
 */
int past_try(struct ask *ask, const struct question *question, const char *rule,
	     size_t *covered, size_t *of, char **message);

/** Have the stack of who waits longest taken; clients_stack() tells: looks.c.
 */
void looks_take(struct ask *ask, struct question *question);

/** Tell who is shown the question about its stack. */
void clients_stack(struct ask *ask, const struct question *question);

/** Set up and serve the clients: clients.c. */
int clients_open(struct ask *ask);
void clients_close(struct ask *ask);
size_t clients_poll(struct ask *ask, struct pollfd *fds);
void clients_serve(struct ask *ask, const struct pollfd *fds, size_t count);
void clients_update(struct ask *ask);

/** Tell all that a question is no more: answered by `who`, or withdrawn. */
void clients_gone(struct ask *ask, uint64_t id, const char *who,
		  const char *verdict);

#endif
