/*
 * The questions that stand, and those that are remembered: found, counted, in
 * order, and never more than there is room for, however large each is.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/ask/ask.h"
#include "supervisor/ask/grants.h"
#include "supervisor/ask/questions.h"

static struct ask *new_ask(void)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	ck_assert_ptr_nonnull(ask);
	ask->last = &ask->first;
	TAILQ_INIT(&ask->alone);
	TAILQ_INIT(&ask->turn);
	TAILQ_INIT(&ask->answers_turn);
	return ask;
}

static void end_ask(struct ask *ask)
{
	while (ask->first)
		question_remove(ask, ask->first);
	past_free(ask);
	ck_assert_uint_eq(ask->count, 0);
	ck_assert_uint_eq(ask->size, 0);
	ck_assert(TAILQ_EMPTY(&ask->alone) && TAILQ_EMPTY(&ask->turn));
	ck_assert_ptr_eq(ask->last, &ask->first);
	free(ask);
}

static struct question *add(struct ask *ask, const char *subject,
			    const char *const *argv, size_t argc)
{
	uint64_t hash = question_hash(ACTION_EXEC, NULL, subject, argv, argc);

	return question_new(ask, hash, ACTION_EXEC, subject, NULL, argv, argc);
}

START_TEST(test_most)
{
	struct ask *ask = new_ask();
	char subject[32];

	for (int i = 0; i < QUESTIONS_MOST; i++) {
		snprintf(subject, sizeof(subject), "/a/%d", i);
		ck_assert_ptr_nonnull(add(ask, subject, NULL, 0));
	}
	ck_assert_ptr_null(add(ask, "/a/more", NULL, 0));
	for (int i = 0; i < QUESTIONS_MOST; i += 7) {
		snprintf(subject, sizeof(subject), "/a/%d", i);
		uint64_t hash =
			question_hash(ACTION_EXEC, NULL, subject, NULL, 0);
		struct question *question = question_standing(
			ask, hash, ACTION_EXEC, subject, NULL, NULL, 0);

		ck_assert_ptr_nonnull(question);
		ck_assert_ptr_eq(question_find(ask, question->id), question);
		question_remove(ask, question);
		ck_assert_ptr_null(question_standing(ask, hash, ACTION_EXEC,
						     subject, NULL, NULL, 0));
	}
	/* The rest is in its order. */
	uint64_t last = 0;

	for (struct question *at = ask->first; at; at = at->next) {
		ck_assert_uint_gt(at->id, last);
		last = at->id;
	}
	ck_assert_ptr_nonnull(add(ask, "/a/more", NULL, 0));
	end_ask(ask);
}
END_TEST

/* Long command lines do not fill the memory. */
START_TEST(test_large)
{
	enum { LONG = 1 << 20 };
	struct ask *ask = new_ask();
	char *text = malloc(LONG + 1), subject[32];
	size_t held = 0;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	const char *argv[] = {"a", text};

	for (int i = 0; i < 1000; i++) {
		snprintf(subject, sizeof(subject), "/a/%d", i);
		held += add(ask, subject, argv, 2) != NULL;
	}
	ck_assert_uint_gt(held, 50);
	ck_assert_uint_le(ask->size, QUESTIONS_BYTES);
	while (ask->first) {
		struct question *question = ask->first;

		question_take_out(ask, question);
		past_add(ask, question);
		ck_assert_uint_le(ask->past_size, QUESTIONS_PAST_BYTES);
	}
	ck_assert_uint_gt(ask->past_count, 0);
	for (int i = 0; i < 10 * QUESTIONS_PAST; i++) {
		struct question *question = add(ask, "/small", NULL, 0);

		question_take_out(ask, question);
		past_add(ask, question);
		ck_assert_uint_le(ask->past_count, QUESTIONS_PAST);
	}
	free(text);
	end_ask(ask);
}
END_TEST

static bool told(void *context, enum verdict verdict)
{
	(void)context;
	(void)verdict;
	return true;
}

START_TEST(test_waiters)
{
	enum { MANY = 20000 };
	static char contexts[MANY];
	struct ask *ask = new_ask();
	struct question *one = add(ask, "/one", NULL, 0);
	struct question *two = add(ask, "/two", NULL, 0);
	struct seccomp_notif request = {0};

	for (int i = 0; i < MANY; i++) {
		request.pid = (uint32_t)i + 1;
		ck_assert_ptr_nonnull(waiter_new(ask, i % 2 ? one : two,
						 &request, i % 3 ? NULL : told,
						 i % 3 ? NULL : &contexts[i]));
	}
	ck_assert_uint_eq(one->waiter_count + two->waiter_count, MANY);
	ck_assert(TAILQ_EMPTY(&ask->alone));
	for (int i = 0; i < MANY; i += 3) {
		struct waiter *waiter = waiter_told(ask, &contexts[i]);

		ck_assert_ptr_nonnull(waiter);
		ck_assert_ptr_eq(waiter->question, i % 2 ? one : two);
		waiter_remove(ask, waiter);
		ck_assert_ptr_null(waiter_told(ask, &contexts[i]));
	}
	ck_assert_ptr_null(waiter_restarting(ask, one, 2));
	while (one->waiters)
		waiter_remove(ask, one->waiters);
	ck_assert_ptr_eq(TAILQ_FIRST(&ask->alone), one);
	struct waiter *waiter = two->waiters;
	pid_t tid = (pid_t)waiter->request.pid;

	waiter->restarting = true;
	question_count(ask, two, -1);
	ck_assert_ptr_eq(waiter_restarting(ask, two, tid), waiter);
	ck_assert_ptr_null(waiter_restarting(ask, one, tid));
	end_ask(ask);
}
END_TEST

static bool undecided(void *context, enum verdict verdict)
{
	*(enum verdict *)context = verdict;
	return false;
}

static bool granted(void *context, enum verdict verdict)
{
	*(enum verdict *)context = verdict;
	return true;
}

/* What was granted between a request's decision and its question counts. */
START_TEST(granted_before_it_was_asked)
{
	struct ask *ask = new_ask();
	enum verdict told_of = VERDICT_DENY;

	ask->wake = -1;
	ck_assert_int_eq(ask_other(ask, 1, ACTION_HTTP, "GET a:443/", NULL,
				   granted, &told_of),
			 0);
	ck_assert_int_eq(told_of, VERDICT_ASK);
	ck_assert_ptr_null(ask->first);
	told_of = VERDICT_DENY;
	ck_assert_int_eq(ask_other(ask, 1, ACTION_HTTP, "GET a:443/", NULL,
				   undecided, &told_of),
			 0);
	ck_assert_int_eq(told_of, VERDICT_ASK);
	ck_assert_ptr_nonnull(ask->first);
	ck_assert(ask_withdraw(ask, &told_of));
	end_ask(ask);
}
END_TEST

static const struct {
	const char *subject, *rule;
} sockets[] = {
	{"unix:/run/x.sock", "allow connect unix:/run/x.sock"},
	{"unix:/run/a b*", "allow connect \"unix:/run/a b[*]\""},
	{"unix:@*", "allow connect \"unix:@[*]\""},
	{"unix:@x", "allow connect unix:@x"},
	{"[::1]:443", "allow connect [::1]:443"},
};

/* A name of a socket is whatever a program likes. */
START_TEST(a_granted_socket_is_that_one)
{
	struct grants_subject subject = {.action = ACTION_CONNECT,
					 .subject = sockets[_i].subject};
	char *rule = grants_rule("allow", &subject);

	ck_assert_str_eq(rule, sockets[_i].rule);
	free(rule);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("questions");
	TCase *tcase = tcase_create("questions");

	tcase_add_test(tcase, test_most);
	tcase_add_test(tcase, test_large);
	tcase_add_test(tcase, test_waiters);
	tcase_add_test(tcase, granted_before_it_was_asked);
	tcase_add_loop_test(tcase, a_granted_socket_is_that_one, 0,
			    sizeof(sockets) / sizeof(*sockets));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
