#include "supervisor/stack/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/inject.h"
#include "supervisor/record.h"
#include "supervisor/stack/helper.h"
#include "supervisor/stack/snapshot.h"
#include "supervisor/tracer.h"
#include "supervisor/worker.h"

enum {
	PATIENCE_MS = 1500, /* for the lines of one stack */
	MOST_HELPERS = 8,  /* that may end before their time, in a session */
};

/* One stack that is being made. */
struct look {
	struct session *session;
	struct seccomp_notif request;
	int error; /* what the call fails with; 0: it is made again */
	struct snapshot *snapshot;
	stack_taken *taken;
	void *context;
	bool looked;
	const char *failure; /* why there are no registers; NULL */
	struct look *next;
};

struct stacks {
	struct session *session;
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool started, ending;
	struct look *queue, **queue_end;
	atomic_uint waiting; /* looks under way */
	/* The thread's own. */
	int helper; /* the socket; -1: none runs */
	unsigned helpers;
	struct stack stack;
};

/* ---------------------------------------------------------- the helper's -- */

static void say_why(struct stack *stack, const char *why)
{
	stack->length = (size_t)snprintf(stack->lines, STACK_LINE,
					 "(partial: %s)", why) +
			1;
	stack->count = 1;
}

/* Whole lines only, and no more than there may be: what wrote them is not
 * trusted. */
static void count_lines(struct stack *stack, size_t bytes)
{
	stack->length = stack->count = 0;
	while (stack->count <= STACK_FRAMES) {
		size_t left = bytes - stack->length;
		size_t length = strnlen(stack->lines + stack->length, left);

		if (length == left)
			break;
		stack->length += length + 1;
		stack->count++;
	}
}

/* Read until the writer closes, or for too long. */
static void read_lines(struct stack *stack, int in)
{
	struct pollfd ready = {.fd = in, .events = POLLIN};
	struct timespec start, now;
	size_t used = 0;
	long waited = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (used < sizeof(stack->lines) && waited < PATIENCE_MS &&
	       poll(&ready, 1, (int)(PATIENCE_MS - waited)) > 0) {
		ssize_t got = read(in, stack->lines + used,
				   sizeof(stack->lines) - used);

		if (got <= 0)
			break;
		used += (size_t)got;
		clock_gettime(CLOCK_MONOTONIC, &now);
		waited = (now.tv_sec - start.tv_sec) * 1000 +
			 (now.tv_nsec - start.tv_nsec) / 1000000;
	}
	count_lines(stack, used);
	if (stack->count == 0)
		say_why(stack, "the unwinder failed on it");
}

static int ask_helper(struct stacks *stacks, const struct look *look, int out)
{
	int error = -EPIPE;

	if (stacks->helper >= 0)
		error = helper_ask(stacks->helper, look->snapshot, out);
	if (!error || stacks->helpers == MOST_HELPERS)
		return error;
	/* There is none yet, or it was killed. */
	if (stacks->helper >= 0)
		close(stacks->helper);
	stacks->helpers++;
	stacks->helper = -1;
	error = helper_start(&stacks->helper);
	if (error)
		return error;
	return helper_ask(stacks->helper, look->snapshot, out);
}

static void make(struct stacks *stacks, const struct look *look)
{
	struct stack *stack = &stacks->stack;
	int ends[2];

	if (look->failure) {
		say_why(stack, look->failure);
		return;
	}
	if (pipe2(ends, O_CLOEXEC)) {
		say_why(stack, "out of descriptors");
		return;
	}
	auto_fd in = ends[0], out = ends[1];
	int error = ask_helper(stacks, look, out);

	close(take_fd(&out));
	if (error)
		say_why(stack, "the unwinder could not be started");
	else
		read_lines(stack, in);
}

/* ---------------------------------------------------------- the thread's -- */

static void look_free(struct look *look)
{
	snapshot_free(look->snapshot);
	free(look);
}

static void *run(void *context)
{
	struct stacks *stacks = context;

	pthread_mutex_lock(&stacks->lock);
	for (;;) {
		struct look *look = stacks->queue;

		if (!look && stacks->ending)
			break;
		if (!look) {
			pthread_cond_wait(&stacks->work, &stacks->lock);
			continue;
		}
		stacks->queue = look->next;
		if (!stacks->queue)
			stacks->queue_end = &stacks->queue;
		pthread_mutex_unlock(&stacks->lock);
		make(stacks, look);
		look->taken(look->context, &stacks->stack, look->looked);
		look_free(look);
		atomic_fetch_sub(&stacks->waiting, 1);
		pthread_mutex_lock(&stacks->lock);
	}
	pthread_mutex_unlock(&stacks->lock);
	return NULL;
}

/* With the first stack; from then on the thread stays. */
static int start(struct stacks *stacks)
{
	int error = 0;

	pthread_mutex_lock(&stacks->lock);
	if (!stacks->started)
		error = worker_thread(&stacks->thread, run, stacks);
	if (!error)
		stacks->started = true;
	pthread_mutex_unlock(&stacks->lock);
	return error;
}

static void enqueue(struct look *look)
{
	struct stacks *stacks = look->session->stacks;

	pthread_mutex_lock(&stacks->lock);
	*stacks->queue_end = look;
	stacks->queue_end = &look->next;
	pthread_cond_signal(&stacks->work);
	pthread_mutex_unlock(&stacks->lock);
}

struct stacks *stacks_new(struct session *session)
{
	struct stacks *stacks = calloc(1, sizeof(*stacks));

	if (!stacks)
		return NULL;
	stacks->session = session;
	stacks->helper = -1;
	stacks->queue_end = &stacks->queue;
	pthread_mutex_init(&stacks->lock, NULL);
	pthread_cond_init(&stacks->work, NULL);
	return stacks;
}

void stacks_free(struct stacks *stacks)
{
	if (!stacks)
		return;
	pthread_mutex_lock(&stacks->lock);
	stacks->ending = true;
	pthread_cond_signal(&stacks->work);
	pthread_mutex_unlock(&stacks->lock);
	if (stacks->started)
		pthread_join(stacks->thread, NULL);
	if (stacks->helper >= 0)
		close(stacks->helper);
	pthread_cond_destroy(&stacks->work);
	pthread_mutex_destroy(&stacks->lock);
	free(stacks);
}

/* ---------------------------------------------------------- the tracer's -- */

static void answer(const struct look *look)
{
	struct seccomp_notif_resp response = {
		.id = look->request.id,
		.error = -look->error,
	};

	(void)ioctl(look->session->listener, SECCOMP_IOCTL_NOTIF_SEND,
		    &response);
}

/*
 * A thread that came to no stop in time is let go at its next one by the
 * tracer, which finds that it has no business with it; its call is then made
 * again. Nothing is killed for a look.
 */
void stack_look(struct look *look)
{
	struct injection injection;
	int error = inject_begin(&injection, look->session->listener,
				 look->request.id, (pid_t)look->request.pid);

	look->looked = error != -EPERM;
	if (!error) {
		snapshot_registers(look->snapshot, &injection.saved);
		if (look->error)
			(void)inject_end(&injection, -look->error);
		else
			inject_release(&injection);
	} else {
		/* In a stop, or at its next one. */
		if (error != -EPERM && error != -ESRCH)
			(void)ptrace(PTRACE_DETACH, look->request.pid, 0, 0);
		look->failure = error == -ESRCH ? "it was killed meanwhile"
						: "it could not be stopped";
		if (error == -EPERM && look->error) {
			answer(look);
			look->looked = true;
		}
	}
	enqueue(look);
}

/* ----------------------------------------------------------- the workers' --
 */

int stack_take(struct session *session, const struct seccomp_notif *request,
	       int error, stack_taken *taken, void *context)
{
	struct stacks *stacks = session->stacks;
	struct look *look = NULL;
	int result = 0;

	if (atomic_fetch_add(&stacks->waiting, 1) >= STACK_WAITING)
		result = -EAGAIN;
	if (!result)
		look = calloc(1, sizeof(*look));
	if (!result && !look)
		result = -ENOMEM;
	if (!result)
		result = start(stacks);
	if (!result)
		result = snapshot_take((pid_t)request->pid, &look->snapshot);
	if (!result) {
		look->session = session;
		look->request = *request;
		look->error = error;
		look->taken = taken;
		look->context = context;
		result = tracer_look(session->tracer, request, look);
	}
	if (result) {
		if (look)
			look_free(look);
		atomic_fetch_sub(&stacks->waiting, 1);
	}
	return result;
}

/* The events of a call that was answered, with its stack. */
static void record_later(void *context, const struct stack *stack, bool looked)
{
	struct call *kept = context;

	(void)looked;
	kept->stack = stack;
	record_call(kept);
	free(kept);
}

#define NOT_TAKEN "(partial: it could not be looked at, or too many were)"

static const struct stack not_taken = {
	.lines = NOT_TAKEN,
	.length = sizeof(NOT_TAKEN),
	.count = 1,
};

int stack_answer(struct call *call, int error)
{
	call->stack = &not_taken;
	struct call *kept = malloc(sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	*kept = *call;
	kept->error = error;
	int result = stack_take(call->session, &call->request, error,
				record_later, kept);

	if (result) {
		free(kept);
		return result;
	}
	call->answered = true;
	call->error = error;
	call->stack = NULL;
	call->event_count = call->text_used = 0;
	return 0;
}
