#include "supervisor/proposal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/arena.h"
#include "policy/learn.h"
#include "policy/learn_path.h"
#include "policy/learn_program.h"
#include "policy/scope.h"
#include "supervisor/options.h"
#include "supervisor/output.h"
#include "supervisor/say.h"

enum { MOST_SHOWN = 40 };

/* The policies that are asked while a proposal is made. */
struct judges {
	struct layers *layers, *all;
	struct policy *today, *refusing;
};

/* A program that asked for something, and whether `by` may name it. */
struct asker {
	const char *exe;
	bool nameable;
};

struct making {
	const struct history *history;
	struct judges judges;
	struct arena arena; /* of what was quoted */
	struct learn_item *items;
	size_t *sources; /* the observation of each item, before sorting */
	size_t item_count;
	struct asker *askers;
	size_t asker_count, asker_capacity;
	struct text kept; /* comments on what stays refused */
	unsigned kept_count;
	struct proposal *proposal;
};

/* A policy of the layers with one more source before or after them. */
static int load_with(const struct layers *layers,
		     const struct policy_source *source, bool first,
		     FILE *messages, struct policy **policy)
{
	const struct policy_input *input = layers_input(layers);
	struct policy_diagnostics *list = policy_diagnostics_new();
	auto_free struct policy_source *sources =
		calloc(input->source_count + 1, sizeof(*sources));
	struct policy_input with = *input;
	int error = -ENOMEM;

	if (sources && list) {
		memcpy(sources + first, input->sources,
		       input->source_count * sizeof(*sources));
		sources[first ? 0 : input->source_count] = *source;
		with.sources = sources;
		with.source_count++;
		error = policy_load(&with, list, policy);
	}
	if (error && list && messages)
		policy_diagnostics_print(list, messages, false);
	policy_diagnostics_free(list);
	return error;
}

static void judges_close(struct judges *judges)
{
	policy_free(judges->today);
	policy_free(judges->refusing);
	layers_free(judges->layers);
	layers_free(judges->all);
}

static int judges_open(const struct layers_options *options,
		       struct judges *judges)
{
	/* What base refuses is no rule's to open, with --only neither. */
	static const struct policy_source everything = {
		POLICY_LAYER_GUARD, "interpose", "allow read,write,exec /**"};
	struct layers_options all = *options;
	FILE *quiet = fopen("/dev/null", "we");
	int error = quiet ? 0 : -errno;

	all.only = false;
	if (!error)
		error = layers_load(options, quiet, &judges->layers);
	if (!error)
		error = layers_load(&all, quiet, &judges->all);
	if (!error)
		error = layers_policy(judges->layers, false, stderr,
				      &judges->today);
	if (!error)
		error = load_with(judges->all, &everything, true, stderr,
				  &judges->refusing);
	if (quiet)
		fclose(quiet);
	return error;
}

/* ---------------------------------------------------------------- sorting --
 */

static bool refuses(enum verdict verdict)
{
	return verdict == VERDICT_DENY || verdict == VERDICT_HIDE ||
	       verdict == VERDICT_FAKE;
}

static void add_line(struct text *text, const char *lead,
		     const struct observation *seen, enum verdict verdict,
		     const struct policy_rule *rule)
{
	const char *name = seen->exe ? strrchr(seen->exe, '/') : NULL;
	struct policy_rule_info info;

	text_format(text, "%s%-5s %-7s ", lead, verdict_name(verdict),
		    action_name(seen->action));
	text_add_shown(text, seen->subject, strlen(seen->subject));
	text_format(text, "  %llu time%s", (unsigned long long)seen->count,
		    seen->count == 1 ? "" : "s");
	if (name) {
		text_add_string(text, " by ");
		text_add_shown(text, name + 1, strlen(name + 1));
	}
	if (rule) {
		policy_rule_info(rule, &info);
		text_format(text, " (%s:%u)", info.file, info.line);
	}
	text_add_byte(text, '\n');
}

/* It is refused today, and stays so. */
static void keep(struct making *making, const struct observation *seen,
		 const struct policy_decision *decision)
{
	struct proposal *proposal = making->proposal;

	proposal->refused += seen->count;
	if (making->kept_count++ < MOST_SHOWN)
		add_line(&making->kept, "#   ", seen, decision->verdict,
			 decision->rule);
	/* A dry run let it happen: the content, not only the name, was seen. */
	if (seen->dry_run && seen->action == ACTION_READ &&
	    proposal->really_read_count++ < MOST_SHOWN)
		add_line(&proposal->really_read, "", seen, decision->verdict,
			 decision->rule);
}

/* A rule names files by a path, and the rest of the world by what stands. */
static bool can_be_said(const struct observation *seen)
{
	if (seen->action <= ACTION_EXEC)
		return seen->subject[0] == '/' &&
		       strncmp(seen->subject, "/memfd:", 7) != 0;
	return seen->subject[0] != '\0';
}

/* ---------------------------------------------------------------- askers -- */

static bool may_write(const struct policy *policy, const char *path)
{
	const struct policy_query query = {
		.action = ACTION_WRITE,
		.text = path,
		.length = strlen(path),
		.now = time(NULL),
	};
	struct policy_decision decision;

	policy_decide(policy, &query, &decision);
	return decision.verdict == VERDICT_ALLOW;
}

/* What a session changes is granted nothing from then on. */
static bool was_written(const struct history *history, const char *path)
{
	for (size_t i = 0; i < history_count(history); i++) {
		const struct observation *seen = history_at(history, i);

		if (seen->action == ACTION_WRITE &&
		    strcmp(seen->subject, path) == 0)
			return true;
	}
	return false;
}

/* Does the language take it behind `by`? Not a script, for one. */
static bool is_taken(struct making *making, const char *exe)
{
	struct policy_source source = {POLICY_LAYER_FILE, "a program", NULL};
	struct policy *policy = NULL;
	struct text text = {0};
	auto_free char *rule = NULL;

	text_add_string(&text, "allow read /x by ");
	learn_path_put(&text, NULL, exe);
	text_add_string(&text, "\n");
	if (text_finish(&text, &rule))
		return false;
	source.text = rule;
	bool taken = load_with(making->judges.layers, &source, false, NULL,
			       &policy) == 0;

	policy_free(policy);
	return taken;
}

/* The asker of that name; -1 without memory. */
static ssize_t find_asker(struct making *making, const char *exe)
{
	struct asker asker = {.exe = exe};

	for (size_t i = 0; i < making->asker_count; i++)
		if (strcmp(making->askers[i].exe, exe) == 0)
			return (ssize_t)i;
	asker.nameable = exe[0] == '/' && learn_program_has_purpose(exe) &&
			 !may_write(making->judges.today, exe) &&
			 !was_written(making->history, exe) &&
			 is_taken(making, exe);
	if (array_add(making->askers, making->asker_count,
		      making->asker_capacity, asker))
		return -1;
	return (ssize_t)making->asker_count - 1;
}

static int name_askers(struct making *making)
{
	for (size_t i = 0; i < making->item_count; i++) {
		struct learn_item *item = &making->items[i];
		ssize_t asker =
			item->program ? find_asker(making, item->program) : 0;

		if (asker < 0)
			return -ENOMEM;
		item->nameable =
			item->program && making->askers[asker].nameable;
	}
	return 0;
}

/* A rule of the proposal lets the session write a program that another one
 * names: that one is not to be named, then. Returns whether there was one. */
static bool unname_askers(struct making *making, const struct policy *proposed)
{
	bool any = false;

	for (size_t i = 0; i < making->asker_count; i++) {
		struct asker *asker = &making->askers[i];

		if (!asker->nameable || !may_write(proposed, asker->exe))
			continue;
		asker->nameable = false;
		any = true;
	}
	return any;
}

static int sort_one(struct making *making, size_t index)
{
	const struct observation *seen = history_at(making->history, index);
	const struct policy_input *input = layers_input(making->judges.layers);
	struct policy_decision today, refusing;
	struct question question;
	struct policy_rule_info info = {0};
	int error = question_of(input, seen, &question);

	if (error == -EINVAL)
		making->proposal->unsaid++;
	if (error)
		return error == -EINVAL ? 0 : error;
	policy_decide(making->judges.today, &question.query, &today);
	policy_decide(making->judges.refusing, &question.query, &refusing);
	if (today.rule)
		policy_rule_info(today.rule, &info);
	question_clear(&question);
	if (today.verdict == VERDICT_ALLOW)
		return 0;
	if (refuses(today.verdict) || refuses(refusing.verdict)) {
		keep(making, seen, refuses(today.verdict) ? &today : &refusing);
		return 0;
	}
	making->proposal->asked += seen->count;
	if (!can_be_said(seen)) {
		making->proposal->unsaid++;
		return 0;
	}
	making->sources[making->item_count] = index;
	making->items[making->item_count++] = (struct learn_item){
		.action = seen->action,
		.subject = seen->subject,
		.program = seen->exe,
		.argv = seen->argv,
		.argc = seen->argc,
		.by_arguments = info.has_arguments,
		.count = seen->count,
	};
	return 0;
}

/* ---------------------------------------------------------------- proving --
 */

/* Would the proposal still ask about what it was made from, or open what is
 * refused? Neither happens unless the generaliser is wrong. */
static int prove_one(struct making *making, const struct policy *proposed,
		     size_t index, struct text *text)
{
	const struct observation *seen = history_at(making->history, index);
	struct policy_decision before, after, refusing;
	struct question question;
	int error = question_of(layers_input(making->judges.layers), seen,
				&question);

	if (error)
		return error == -EINVAL ? 0 : error;
	policy_decide(making->judges.today, &question.query, &before);
	policy_decide(making->judges.refusing, &question.query, &refusing);
	policy_decide(proposed, &question.query, &after);
	question_clear(&question);
	if (after.verdict == VERDICT_ALLOW && before.verdict != VERDICT_ALLOW &&
	    (refuses(before.verdict) || refuses(refusing.verdict))) {
		say("a proposed rule would open %s, which is refused; nothing "
		    "is proposed",
		    seen->subject);
		return -ENOTRECOVERABLE;
	}
	if (after.verdict == VERDICT_ASK && can_be_said(seen) &&
	    !refuses(refusing.verdict))
		add_line(text, "# still asked: ", seen, after.verdict,
			 after.rule);
	return 0;
}

static int load_proposed(struct making *making, struct text *text,
			 struct policy **proposed)
{
	struct policy_source source = {POLICY_LAYER_FILE, "the proposal", NULL};
	auto_free char *copy = NULL;

	text_add_string(text, "");
	copy = text->data ? strdup(text->data) : NULL;
	if (!copy)
		return -ENOMEM;
	source.text = copy;
	return load_with(making->judges.layers, &source, false, stderr,
			 proposed);
}

static int prove(struct making *making, struct text *text)
{
	struct policy *proposed = NULL;
	int error = load_proposed(making, text, &proposed);

	for (size_t i = 0; i < history_count(making->history) && !error; i++)
		error = prove_one(making, proposed, i, text);
	policy_free(proposed);
	return error;
}

/* The rules; again where a program that one names could be written. */
static int learn(struct making *making, struct text *text)
{
	const struct learn_input input = {
		.refusing = making->judges.refusing,
		.home = layers_variable(making->judges.layers, "home"),
		.project = layers_variable(making->judges.layers, "project"),
	};
	size_t start = text->length;
	struct policy *proposed = NULL;
	bool again = true;

	while (again) {
		int error = name_askers(making), rules;

		if (error)
			return error;
		text->length = start;
		rules = learn_rules(&input, making->items, making->item_count,
				    text);
		if (rules < 0)
			return rules;
		making->proposal->rules = (unsigned)rules;
		error = load_proposed(making, text, &proposed);
		if (error)
			return error;
		again = unname_askers(making, proposed);
		policy_free(proposed);
	}
	return 0;
}

static int propose(struct making *making, struct text *text)
{
	size_t count = history_count(making->history);
	int error = 0;

	making->items = calloc(count + 1, sizeof(*making->items));
	making->sources = calloc(count + 1, sizeof(*making->sources));
	if (!making->items || !making->sources)
		return -ENOMEM;
	for (size_t i = 0; i < count && !error; i++)
		error = sort_one(making, i);
	if (!error)
		error = learn(making, text);
	if (!error)
		error = prove(making, text);
	if (!error && making->kept_count) {
		text_add_string(text, "#\n# Stays as today's policy has it:\n");
		text_add_string(text, making->kept.data ?: "");
		if (making->kept_count > MOST_SHOWN)
			text_format(text, "#   and %u more\n",
				    making->kept_count - MOST_SHOWN);
	}
	return error;
}

int proposal_make(const struct layers_options *options,
		  const struct history *history, struct text *text,
		  struct proposal *proposal)
{
	struct making making = {.history = history, .proposal = proposal};
	int error;

	*proposal = (struct proposal){0};
	error = judges_open(options, &making.judges);
	if (!error)
		error = propose(&making, text);
	judges_close(&making.judges);
	arena_clear(&making.arena);
	text_free(&making.kept);
	free(making.items);
	free(making.sources);
	free(making.askers);
	if (error == -ENOMEM)
		say("the proposal: %s", strerror(ENOMEM));
	if (error)
		proposal_clear(proposal);
	return error;
}

void proposal_clear(struct proposal *proposal)
{
	text_free(&proposal->really_read);
}

/* ------------------------------------------------------- after a dry run -- */

int proposal_open(struct options *options)
{
	options->proposal_fd = -1;
	if (!options->proposal)
		return 0;
	options->proposal_fd = output_open(options->proposal, 0666);
	return options->proposal_fd < 0 ? options->proposal_fd : 0;
}

/* Is the file still what its name leads to? */
static bool is_there(const struct options *options)
{
	struct stat opened, named;

	return fstat(options->proposal_fd, &opened) == 0 &&
	       stat(options->proposal, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int write_text(const struct options *options, const char *text)
{
	int fd = options->proposal_fd;
	struct stat file;

	if (!options->proposal)
		return fputs(text, stderr) < 0 ? -EIO : 0;
	if (!is_there(options))
		return -ESTALE;
	if (fstat(fd, &file) || (S_ISREG(file.st_mode) && ftruncate(fd, 0)))
		return -errno;
	for (size_t left = strlen(text); left > 0;) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void say_really_read(struct proposal *proposal)
{
	char *line = proposal->really_read.data, *rest = NULL;

	for (line = line ? strtok_r(line, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		say("REALLY READ, for this was a dry run: %s", line);
	if (proposal->really_read_count > MOST_SHOWN)
		say("and %u more protected files",
		    proposal->really_read_count - MOST_SHOWN);
}

static int propose_from(const struct layers_options *wanted, const char *events,
			const char *session, const struct options *options,
			struct proposal *proposal)
{
	struct history *history = history_new();
	auto_fd fd = open(events, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_free char *string = NULL;
	struct text text = {0};
	int error = !history ? -ENOMEM : fd < 0 ? -errno : 0;

	if (!error)
		error = history_read(history, fd);
	text_format(&text, "# Proposed from session %s.\npolicy 1\n", session);
	if (!error)
		error = proposal_make(wanted, history, &text, proposal);
	if (!error) {
		error = text_finish(&text, &string);
		if (!error && (options->proposal || proposal->rules))
			error = write_text(options, string);
		if (error)
			proposal_clear(proposal);
	}
	text_free(&text);
	history_free(history);
	return error;
}

int proposal_after_run(const struct options *options, const char *project,
		       const char *session, const char *session_path)
{
	const char *slash = strrchr(options->program[0], '/');
	const struct layers_options wanted = {
		.program = slash ? slash + 1 : options->program[0],
		.policies = options->policies,
		.policy_count = options->policy_count,
		.rules = options->rules,
		.rule_count = options->rule_count,
		.only = options->only,
		.project = project,
	};
	struct proposal proposal;
	char events[PATH_MAX];

	snprintf(events, sizeof(events), "%s/events.jsonl", session_path);
	int error = propose_from(&wanted, events, session, options, &proposal);

	if (error) {
		say("the proposal%s%s could not be made: %s; interpose propose "
		    "%s prints it",
		    options->proposal ? " in " : "", options->proposal ?: "",
		    error == -ESTALE ? "the session put another file there"
				     : strerror(-error),
		    session);
		return error;
	}
	say_really_read(&proposal);
	if (!options->quiet)
		say("a dry run: nothing was refused; today's policy would have "
		    "asked %llu times and refused %llu; %u rule%s proposed%s%s",
		    (unsigned long long)proposal.asked,
		    (unsigned long long)proposal.refused, proposal.rules,
		    proposal.rules == 1 ? "" : "s",
		    options->proposal ? " in " : "", options->proposal ?: "");
	proposal_clear(&proposal);
	return 0;
}
