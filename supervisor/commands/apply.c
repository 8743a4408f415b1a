#include "supervisor/commands/apply.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/virtual/diff.h"
#include "supervisor/virtual/plan.h"

/* --------------------------------------------------------- which changes -- */

struct change {
	enum change_kind kind;
	char *path;
};

struct apply {
	const struct apply_options *options;
	char **files;	/* canonical */
	bool *is_found; /* of each file: something there was changed */
	struct change *changes;
	size_t count;
	bool failed; /* no memory */
};

static bool is_at_or_below(const char *path, const char *file)
{
	size_t size = strlen(file);

	return strncmp(path, file, size) == 0 &&
	       (path[size] == '/' || !path[size]);
}

static bool is_asked_for(struct apply *apply, const char *path)
{
	bool asked = apply->options->file_count == 0;

	for (size_t i = 0; i < apply->options->file_count; i++) {
		if (is_at_or_below(path, apply->files[i]))
			asked = apply->is_found[i] = true;
	}
	return asked;
}

static bool add_change(void *context, enum change_kind kind, const char *path)
{
	struct apply *apply = context;
	struct change *changes;

	if (!is_asked_for(apply, path))
		return true;
	changes = reallocarray(apply->changes, apply->count + 1,
			       sizeof(*changes));
	if (changes) {
		apply->changes = changes;
		changes[apply->count] = (struct change){kind, strdup(path)};
		if (changes[apply->count].path) {
			apply->count++;
			return true;
		}
	}
	apply->failed = true;
	return false;
}

/* The canonical path of a file that may not be there; NULL without memory. */
static char *canonical(const char *file)
{
	char *whole = realpath(file, NULL), *path = NULL;
	auto_free char *copy = strdup(file);
	auto_free char *directory = NULL;
	char *slash;

	if (whole || !copy)
		return whole;
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	directory = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (!directory)
		return strdup(file);
	if (asprintf(&path, "%s/%s",
		     strcmp(directory, "/") == 0 ? "" : directory,
		     slash ? slash + 1 : copy) < 0)
		return NULL;
	return path;
}

static int find_changes(struct apply *apply, const struct plans *plans)
{
	size_t count = apply->options->file_count;
	int error;

	apply->files = calloc(count + 1, sizeof(*apply->files));
	apply->is_found = calloc(count + 1, sizeof(*apply->is_found));
	if (!apply->files || !apply->is_found)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		apply->files[i] = canonical(apply->options->files[i]);
		if (!apply->files[i])
			return -ENOMEM;
	}
	error = plans_changes(plans, add_change, apply);
	return apply->failed ? -ENOMEM : error;
}

static void apply_free(struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++)
		free(apply->changes[i].path);
	for (size_t i = 0; apply->files && i < apply->options->file_count; i++)
		free(apply->files[i]);
	free(apply->changes);
	free(apply->files);
	free(apply->is_found);
}

/* --------------------------------------------------------------- showing -- */

static void complain(const struct apply *apply, const struct plan *plan,
		     int error)
{
	FILE *out = apply->options->errors;

	fputs("interpose: ", out);
	diff_print_text(plan->path, strlen(plan->path), out);
	fprintf(out, ": %s", plan->why ? plan->why : "not written");
	if (plan->of) {
		fputs(": ", out);
		diff_print_text(plan->of, strlen(plan->of), out);
	}
	if (error)
		fprintf(out, ": %s", strerror(-error));
	fputc('\n', out);
}

static bool is_text(const char *text, size_t length)
{
	return !length || !memchr(text, '\0', length);
}

static int show(const struct apply *apply, const struct plan *plan)
{
	FILE *out = apply->options->out;
	const char *path = plan->path;
	struct diff diff;
	int error;

	if (plan->step == PLAN_MKDIR || plan->step == PLAN_RMDIR ||
	    !is_text(plan->written, plan->written_length)) {
		fputs(plan->step == PLAN_MKDIR	 ? "new directory "
		      : plan->step == PLAN_RMDIR ? "removed directory "
						 : "binary file ",
		      out);
		diff_print_text(path, strlen(path), out);
		fputc('\n', out);
		return 0;
	}
	error = diff_make(plan->made ? plan->made : "", plan->made_length,
			  plan->written ? plan->written : "",
			  plan->written_length, &diff);
	if (error)
		return error;
	diff_print(&diff, plan->made ? path : "/dev/null",
		   plan->step == PLAN_REMOVE ? "/dev/null" : path, out);
	diff_free(&diff);
	return 0;
}

/* Show all; how many steps could be taken. */
static int show_all(struct apply *apply, struct plans *plans, size_t *steps)
{
	bool refused = false;

	*steps = 0;
	for (size_t i = 0; i < apply->count; i++) {
		struct plan plan;
		int error = plan_make(plans, apply->changes[i].kind,
				      apply->changes[i].path, &plan);

		if (error)
			return error;
		error = show(apply, &plan);
		if (!error && plan.step == PLAN_REFUSED) {
			complain(apply, &plan, plan.error);
			refused = true;
		}
		*steps += plan.step != PLAN_REFUSED;
		plan_free(&plan);
		if (error)
			return error;
	}
	return refused;
}

/* Each step is planned anew: the real files may have changed while a person
 * read. */
static int do_all(struct apply *apply, struct plans *plans)
{
	bool failed = false;

	for (size_t i = 0; i < apply->count; i++) {
		struct plan plan;
		int error = plan_make(plans, apply->changes[i].kind,
				      apply->changes[i].path, &plan);

		if (error)
			return error;
		if (plan.step == PLAN_REFUSED) {
			failed = true;
		} else {
			error = plan_do(&plan);
			if (error)
				complain(apply, &plan, error);
			failed |= error != 0;
		}
		plan_free(&plan);
	}
	return failed;
}

static int run(struct apply *apply, struct plans *plans)
{
	const struct apply_options *options = apply->options;
	size_t steps;
	int status = find_changes(apply, plans), done;

	if (status)
		return status;
	for (size_t i = 0; i < options->file_count; i++) {
		if (!apply->is_found[i]) {
			fputs("interpose: ", options->errors);
			diff_print_text(options->files[i],
					strlen(options->files[i]),
					options->errors);
			fputs(": not changed in this session\n",
			      options->errors);
			status = 1;
		}
	}
	done = show_all(apply, plans, &steps);
	if (done < 0)
		return done;
	status |= done;
	fflush(options->out);
	if (!steps)
		return status;
	if (!options->yes && !options->confirm) {
		fputs("interpose: there is no terminal to ask at, so nothing "
		      "was put on the real files; -y does it without\n",
		      options->errors);
		return status;
	}
	if (!options->yes && !options->confirm(options->context, steps))
		return status;
	done = do_all(apply, plans);
	return done < 0 ? done : status | done;
}

int apply_run(int state_directory, const struct apply_options *options)
{
	struct apply apply = {.options = options};
	struct plans *plans;
	int status = plans_open(state_directory, &plans);

	if (status)
		return status;
	status = run(&apply, plans);
	apply_free(&apply);
	plans_close(plans);
	return status;
}

/* --------------------------------------------------------- command line -- */

static const char usage[] =
	"usage: interpose apply [-y] [SESSION] [FILE...]\n"
	"\n"
	"Show what was written to the stand-ins of a session, and put it on "
	"the\n"
	"real files with the placeholders turned back.\n"
	"\n"
	"  -y, --yes   do not ask\n"
	"\n"
	"SESSION is an id or a unique start of one; without it, the newest.\n"
	"A FILE that could be taken for a session is written ./FILE.\n";

static bool ask(void *context, size_t count)
{
	char answer[16];

	(void)context;
	fprintf(stderr, "interpose: put %zu change%s on the real files? [y/N] ",
		count, count == 1 ? "" : "s");
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) &&
	       (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
}

/* The session's state directory; the first argument may name it. */
static int open_session(int argc, char **argv, apply_find *find,
			int *state_directory)
{
	if (optind < argc && !strchr(argv[optind], '/')) {
		int error = find(argv[optind], state_directory);

		if (error != -ENOENT) {
			optind++;
			return error;
		}
	}
	return find(NULL, state_directory);
}

static int report(int status)
{
	if (status >= 0)
		return status;
	if (status == -ENOENT)
		fputs("interpose: no stand-in was changed in this session\n",
		      stderr);
	else
		fprintf(stderr, "interpose: apply: %s\n", strerror(-status));
	return status == -ENOENT ? 0 : 1;
}

int apply_command(int argc, char **argv, apply_find *find)
{
	static const struct option longs[] = {
		{"yes", no_argument, NULL, 'y'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct apply_options options = {.out = stdout, .errors = stderr};
	auto_fd state_directory = -1;
	int option, error;

	optind = 1;
	while ((option = getopt_long(argc, argv, "y", longs, NULL)) != -1) {
		if (option == 'y') {
			options.yes = true;
		} else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 1;
		}
	}
	error = open_session(argc, argv, find, &state_directory);
	if (error) {
		fprintf(stderr, "interpose: apply: %s\n",
			error == -ENOENT ? "no such session"
					 : strerror(-error));
		return 1;
	}
	options.files = (const char *const *)argv + optind;
	options.file_count = (size_t)(argc - optind);
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		options.confirm = ask;
	return report(apply_run(state_directory, &options));
}
