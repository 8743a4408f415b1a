#include "supervisor/prepare.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "supervisor/go_image.h"
#include "supervisor/image_preload.h"
#include "supervisor/loader_image.h"
#include "supervisor/preload.h"
#include "supervisor/program_env.h"
#include "supervisor/images.h"
#include "supervisor/loading.h"
#include "supervisor/record.h"
#include "supervisor/session.h"
#include "supervisor/static_image.h"
#include "supervisor/tracee.h"
#include "supervisor/image_stack.h"
#include "supervisor/tracer_jobs.h"
#include "supervisor/worth.h"

enum { LEFT_OUT = 512 };

struct surroundings {
	const char **list;
	size_t count, most;
	bool changed, full;
	char left_out[LEFT_OUT]; /* names, for the log */
};

static bool has(void *context, const char *name, size_t length)
{
	const struct surroundings *now = context;

	for (size_t i = 0; i < now->count; i++)
		if (strncmp(now->list[i], name, length) == 0 &&
		    now->list[i][length] == '=')
			return true;
	return false;
}

static void add(void *context, const char *text)
{
	struct surroundings *now = context;

	now->changed = true;
	if (now->count == now->most)
		now->full = true;
	else
		now->list[now->count++] = text;
}

static void note(struct surroundings *now, const char *variable)
{
	size_t used = strlen(now->left_out), length = strcspn(variable, "=");

	if (used + length + 2 >= LEFT_OUT)
		return;
	if (used)
		now->left_out[used++] = ' ';
	memcpy(now->left_out + used, variable, length);
	now->left_out[used + length] = '\0';
}

static void make(struct program_env *variables,
		 const struct program_env_image *image,
		 const struct image_stack *stack, struct surroundings *now)
{
	for (size_t i = 0; i < stack->count; i++) {
		const char *text = stack->list[i];
		struct program_env_verdict verdict =
			program_env_decide(variables, image, text);

		if (verdict.steering)
			note(now, text);
		if (verdict.change == PROGRAM_ENV_KEEP)
			now->list[now->count++] = text;
		else if (verdict.change == PROGRAM_ENV_REPLACE)
			add(now, verdict.text);
		else
			now->changed = true;
	}
	program_env_missing(variables, image, has, add, now);
}

static int rewrite(struct session *session, struct image_stack *stack,
		   const struct program_env_image *image,
		   const struct exec_plan *plan)
{
	struct surroundings now = {0};
	int error = image_stack_strings(stack);

	if (!error) {
		now.most =
			stack->count + program_env_count(session->program_env);
		now.list = calloc(now.most + 1, sizeof(*now.list));
		error = now.list ? 0 : -ENOMEM;
	}
	if (!error) {
		make(session->program_env, image, stack, &now);
		error = now.full ? -E2BIG
			: now.changed
				? image_stack_write(stack, now.list, now.count,
						    &session->tracer->guarded)
				: 0;
	}
	if (!error && now.left_out[0])
		record_left_out(session, stack->pid, plan->program.exe,
				now.left_out);
	free(now.list);
	if (!error && now.changed) {
		pid_t pid = stack->pid;

		image_stack_free(stack);
		error = image_stack_read(pid, stack);
	}
	return error;
}

static int set_environment(struct session *session, struct image_stack *stack,
			   struct program_env_image *image,
			   const struct exec_plan *plan)
{
	if (!images_wanted(session->images))
		return 0;
	int error = images_add(session->images, stack->pid, session->supervisor,
			       &plan->program, plan->starter, &image->program);

	if (error)
		return error;
	/* What the user started has the user's own surroundings. */
	image->steered = plan->starter != images_self(session->images) &&
			 policy_grants_beyond(session->policy, image->program,
					      plan->starter);
	if (!image->steered && !program_env_any(session->program_env))
		return 0;
	return rewrite(session, stack, image, plan);
}

/* Has it filters of its own? They may not know the calls that the library adds.
 */
static bool has_filters(const struct session *session, pid_t pid)
{
	struct tracee_status status, own;

	/* It has one more than the supervisor: the session's. */
	return atomic_load(&session->filters_vary) &&
	       (tracee_status(pid, &status) ||
		tracee_status(session->supervisor, &own) ||
		status.filters > own.filters + 1);
}

int prepare_image(struct session *session, struct image_stack *stack,
		  const struct exec_plan *plan)
{
	struct program_env_image image = {.starter = plan->starter};
	int error = set_environment(session, stack, &image, plan);

	loading_start(session->loading, stack->pid,
		      plan->preloads ? image_stack_auxiliary(stack, AT_BASE)
				     : 0);
	if (error || !session->preload || image.steered ||
	    has_filters(session, stack->pid))
		return error;
	struct go_images *images = preload_go(session->preload);
	uint64_t go = go_image_find(images, stack, plan);

	struct static_images *statics = preload_statics(session->preload);
	const struct static_program *program =
		go || plan->preloads ? NULL
				     : static_image_find(statics, stack, plan);

	if (!go && !program && !plan->preloads)
		return 0;
	bool loads = worth_start(session->worth, stack->pid,
				 &(struct worth_program){
					 .device = plan->device,
					 .inode = plan->inode,
					 .argv = plan->argv,
					 .argv_length = plan->argv_length,
				 });

	if (loads && go)
		error = go_image_join(images, stack, go);
	else if (loads && program)
		error = static_image_join(statics, stack, program);
	if (error || !plan->preloads)
		return error;
	if (!loads)
		return 0;
	/* A program in Go has mapped the gate already. */
	if (!go)
		error = loader_image_join(preload_loader(session->preload),
					  stack);
	return error ? error
		     : image_preload(stack, preload_path(session->preload));
}
