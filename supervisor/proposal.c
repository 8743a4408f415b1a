#include "supervisor/proposal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/arena.h"
#include "policy/learn.h"
#include "policy/learn_path.h"
#include "policy/learn_program.h"
#include "policy/scope.h"
#include "supervisor/say.h"

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
	if (making->kept_count++ < PROPOSAL_MOST_SHOWN)
		add_line(&making->kept, "#   ", seen, decision->verdict,
			 decision->rule);
	/* A dry run let it happen: the content, not only the name, was seen. */
	if (seen->dry_run && seen->action == ACTION_READ &&
	    proposal->really_read_count++ < PROPOSAL_MOST_SHOWN)
		add_line(&proposal->really_read, "", seen, decision->verdict,
			 decision->rule);
	if (seen->dry_run && seen->action == ACTION_ENV &&
	    proposal->really_seen_count++ < PROPOSAL_MOST_SHOWN)
		add_line(&proposal->really_seen, "", seen, decision->verdict,
			 decision->rule);
}

struct held_secret {
	const char *variable;
	struct policy_line line; /* no text: none is held from there */
};

static bool is_held(void *context, const struct policy_secret *secret)
{
	struct held_secret *held = context;

	if (secret->source == SECRET_FROM_ENV &&
	    strcmp(secret->from, held->variable) == 0)
		held->line = secret->line;
	return !held->line.text;
}

/* Where programs would have had a placeholder of a secret, whatever the rules
 * say of its variable, a dry run gave them the value. Returns whether so. */
static bool showed_secret(struct making *making, const struct observation *seen)
{
	struct proposal *proposal = making->proposal;
	struct held_secret held = {.variable = seen->subject};

	if (!seen->dry_run || seen->action != ACTION_ENV)
		return false;
	policy_secret_lines(making->judges.today, is_held, &held);
	if (!held.line.text)
		return false;
	if (proposal->really_seen_count++ < PROPOSAL_MOST_SHOWN) {
		text_add_string(&proposal->really_seen, "secret env ");
		text_add_shown(&proposal->really_seen, seen->subject,
			       strlen(seen->subject));
		text_format(&proposal->really_seen, " (%s:%u)\n",
			    held.line.file, held.line.line);
	}
	return true;
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
	if (showed_secret(making, seen) || today.verdict == VERDICT_ALLOW)
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
		if (making->kept_count > PROPOSAL_MOST_SHOWN)
			text_format(text, "#   and %u more\n",
				    making->kept_count - PROPOSAL_MOST_SHOWN);
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
	text_free(&proposal->really_seen);
}
