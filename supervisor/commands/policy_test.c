#include "supervisor/commands/policy_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/lex.h"
#include "policy/names.h"
#include "policy/scope.h"
#include "supervisor/commands/layered.h"

struct testing {
	const struct policy *policy;
	const struct policy_input *input;
	struct policy_diagnostics *diagnostics;
	struct arena arena;
	time_t now;
	unsigned passed;
};

/** The words of a line as strings; NULL without memory. */
static const char **strings_of(struct testing *testing,
			       const struct lex_line *line)
{
	const char **strings = arena_alloc(
		&testing->arena, (line->count + 1) * sizeof(*strings));

	for (size_t i = 0; strings && i < line->count; i++) {
		strings[i] = word_string(&testing->arena, &line->words[i]);
		if (!strings[i])
			return NULL;
	}
	return strings;
}

static void compare(struct testing *testing, const struct word *verdict,
		    int wanted, const struct policy_query *query)
{
	struct policy_decision decision;
	struct policy_rule_info info = {0};

	policy_decide(testing->policy, query, &decision);
	if ((int)decision.verdict == wanted) {
		testing->passed++;
		return;
	}
	if (decision.rule)
		policy_rule_info(decision.rule, &info);
	if (decision.rule)
		diagnostics_error(testing->diagnostics, &verdict->place, NULL,
				  "the verdict is %s: `%s` (%s:%u)",
				  verdict_name(decision.verdict), info.text,
				  info.file, info.line);
	else
		diagnostics_error(testing->diagnostics, &verdict->place, NULL,
				  "the verdict is %s: no rule matches",
				  verdict_name(decision.verdict));
}

/** Try one line. Returns 0 or -ENOMEM. */
static int try_line(struct testing *testing, const struct lex_line *line)
{
	auto_free char *message = NULL;
	struct policy_subject *subject = NULL;
	struct policy_query query;
	const char **words;
	int wanted, error;
	char hint[64];

	if (!word_is(&line->words[0], "expect") || line->count < 4) {
		diagnostics_error(testing->diagnostics, &line->words[0].place,
				  NULL,
				  "a line is `expect VERDICT ACTION SUBJECT "
				  "[by PROGRAM]`");
		return 0;
	}
	words = strings_of(testing, line);
	if (!words)
		return -ENOMEM;
	wanted = word_index(verdict_words, words[1], strlen(words[1]));
	if (wanted < 0) {
		const char *near =
			nearest_word(verdict_words, words[1], strlen(words[1]));

		if (near)
			snprintf(hint, sizeof(hint), "did you mean '%s'?",
				 near);
		diagnostics_error(testing->diagnostics, &line->words[1].place,
				  near ? hint : NULL, "this is no verdict");
		return 0;
	}
	error = policy_subject_parse(testing->input, words + 2, line->count - 2,
				     &subject, &message);
	if (error == -EINVAL) {
		diagnostics_error(testing->diagnostics, &line->words[2].place,
				  NULL, "%s", message);
		return 0;
	}
	if (error)
		return error;
	query = *policy_subject_query(subject);
	query.now = testing->now;
	compare(testing, &line->words[1], wanted, &query);
	policy_subject_free(subject);
	return 0;
}

static int try_lines(struct testing *testing, const char *name,
		     const char *text, size_t length)
{
	struct lexer lexer;
	struct lex_line line;
	int more, error = 0;

	lexer_init(&lexer, &testing->arena, testing->diagnostics, name, text,
		   length);
	while (!error && (more = lexer_next(&lexer, &line)) != 0) {
		if (more < 0)
			error = more;
		else if (line.count && !line.broken)
			error = try_line(testing, &line);
	}
	lexer_free(&lexer);
	return error;
}

static int test_file(const struct layers *layers, const struct policy *policy,
		     const char *name)
{
	const struct policy_host *host = layers_input(layers)->host;
	struct testing testing = {
		.policy = policy,
		.input = layers_input(layers),
		.diagnostics = policy_diagnostics_new(),
		.now = time(NULL),
	};
	auto_free char *text = NULL;
	size_t length = 0;
	int error;

	if (!testing.diagnostics)
		return -ENOMEM;
	error = host->read_file(host->context, name, &text, &length);
	if (error) {
		fprintf(stderr, "interpose: %s: %s\n", name, strerror(-error));
	} else {
		error = try_lines(&testing, name, text, length);
		policy_diagnostics_print(testing.diagnostics, stderr,
					 isatty(STDERR_FILENO) &&
						 !getenv("NO_COLOR"));
		/* What cannot be decided did not pass. */
		printf("%u passed, %zu failed\n", testing.passed,
		       policy_diagnostics_errors(testing.diagnostics));
	}
	if (!error && policy_diagnostics_errors(testing.diagnostics))
		error = -EINVAL;
	arena_clear(&testing.arena);
	policy_diagnostics_free(testing.diagnostics);
	return error;
}

int command_policy_test(int argc, char **argv)
{
	static const char usage[] = "policy test [OPTION...] FILE";
	struct policy *policy = NULL;
	struct layers *layers = NULL;
	struct layered layered;
	int status = layered_parse(&layered, argc, argv, usage), error;

	if (status)
		return status;
	if (layered.word_count != 1) {
		fprintf(stderr, "interpose: usage: interpose %s\n", usage);
		layered_free(&layered);
		return EXIT_USAGE;
	}
	error = layers_load(&layered.layers, stderr, &layers);
	if (!error)
		error = layers_policy(layers, false, stderr, &policy);
	if (!error)
		error = test_file(layers, policy, layered.words[0]);
	policy_free(policy);
	layers_free(layers);
	layered_free(&layered);
	return error ? 1 : 0;
}
