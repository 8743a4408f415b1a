/*
 * Tables of what policies decide, and of what is said of their mistakes.
 *
 *   === NAME          a new case, with no layers
 *   [base]            a layer (base, profile, system, user, file, rule)
 *   text              its lines, as they are
 *   ---               the layers end
 *   expect VERDICT ACTION SUBJECT [by PROGRAM]
 *   via PATH          the next expectation's walk passed through this name
 *   error LINE:COLUMN MESSAGE, warning …   all that is reported, in order
 */
#include <check.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy_world.h"

enum { MOST_LAYERS = 8, TEXT = 64 * 1024, NOW = 1767225600 /* 2026 begins */ };

struct table_case {
	const char *file;
	unsigned line;
	char name[128];
	struct policy_source layers[MOST_LAYERS];
	char texts[MOST_LAYERS][4096];
	size_t layer_count;
	struct policy_input input;
	struct policy_diagnostics *diagnostics;
	struct policy *policy;
	size_t seen; /**< diagnostics that were expected */
	char via[256];
	unsigned expectations;
};

static unsigned failures;

static void say_failed(const struct table_case *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say_failed(const struct table_case *table, const char *format, ...)
{
	va_list arguments;

	failures++;
	fprintf(stderr, "%s:%u: %s: ", table->file, table->line, table->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static void end_case(struct table_case *table)
{
	if (table->diagnostics &&
	    table->seen < policy_diagnostics_count(table->diagnostics)) {
		const struct policy_diagnostic *item =
			policy_diagnostics_at(table->diagnostics, table->seen);

		say_failed(table, "not expected: %s %u:%u %s",
			   item->is_error ? "error" : "warning", item->line,
			   item->column, item->message);
	}
	policy_free(table->policy);
	policy_diagnostics_free(table->diagnostics);
	table->policy = NULL;
	table->diagnostics = NULL;
	table->layer_count = 0;
}

static void load_case(struct table_case *table)
{
	table->input = (struct policy_input){
		.sources = table->layers,
		.source_count = table->layer_count,
		.variables = world_variables,
		.variable_count = WORLD_VARIABLES,
		.host = &world_host,
		.check = true,
	};
	table->seen = 0;
	table->diagnostics = policy_diagnostics_new();
	policy_load(&table->input, table->diagnostics, &table->policy);
}

static void add_layer(struct table_case *table, const char *name)
{
	static const char *const names[] = {"guard",   "base", "profile",
					    "system",  "user", "file",
					    "project", "rule"};
	struct policy_source *layer = &table->layers[table->layer_count];

	layer->kind = POLICY_LAYER_FILE;
	for (int kind = 0; kind < 8; kind++)
		if (strncmp(name, names[kind], strlen(names[kind])) == 0)
			layer->kind = (enum policy_layer_kind)kind;
	layer->name = names[layer->kind];
	layer->text = table->texts[table->layer_count];
	table->texts[table->layer_count++][0] = '\0';
}

static size_t split(char *line, const char *words[32])
{
	size_t count = 0;
	char *save = NULL;

	for (char *word = strtok_r(line, " \t", &save); word && count < 32;
	     word = strtok_r(NULL, " \t", &save))
		words[count++] = word;
	return count;
}

static void expect(struct table_case *table, char *line)
{
	struct policy_subject *subject = NULL;
	struct policy_decision decision;
	struct policy_rule_info info = {.text = "no rule"};
	const char *words[32], *via[1] = {table->via};
	size_t count = split(line, words);
	struct policy_query query;
	char *message = NULL;

	table->expectations++;
	if (!table->policy) {
		say_failed(table, "the policy has mistakes");
		return;
	}
	if (policy_subject_parse(&table->input, words + 1, count - 1, &subject,
				 &message)) {
		say_failed(table, "%s", message ?: "no memory");
		free(message);
		return;
	}
	query = *policy_subject_query(subject);
	query.now = NOW;
	if (*table->via) {
		query.via = via;
		query.via_count = 1;
	}
	policy_decide(table->policy, &query, &decision);
	if (decision.rule)
		policy_rule_info(decision.rule, &info);
	if (strcmp(verdict_name(decision.verdict), words[0]) != 0)
		say_failed(table, "expected %s, got %s by `%s`", words[0],
			   verdict_name(decision.verdict), info.text);
	policy_subject_free(subject);
	table->via[0] = '\0';
}

static void expect_diagnostic(struct table_case *table, const char *line,
			      bool is_error)
{
	const struct policy_diagnostic *item =
		policy_diagnostics_at(table->diagnostics, table->seen);
	unsigned at, column;
	int length = 0;

	table->expectations++;
	if (!item) {
		say_failed(table, "nothing more is reported");
		return;
	}
	table->seen++;
	if (sscanf(line, "%u:%u %n", &at, &column, &length) < 2 ||
	    item->is_error != is_error || item->line != at ||
	    item->column != column ||
	    strncmp(item->message, line + length, strlen(line + length)) != 0)
		say_failed(table, "got %s %u:%u %s",
			   item->is_error ? "error" : "warning", item->line,
			   item->column, item->message);
}

static void read_line(struct table_case *table, char *line)
{
	if (strncmp(line, "=== ", 4) == 0) {
		end_case(table);
		snprintf(table->name, sizeof(table->name), "%.127s",
			 line + 4);
	} else if (table->diagnostics) {
		if (strncmp(line, "expect ", 7) == 0)
			expect(table, line + 7);
		else if (strncmp(line, "via ", 4) == 0)
			snprintf(table->via, sizeof(table->via), "%.255s",
				 line + 4);
		else if (strncmp(line, "error ", 6) == 0)
			expect_diagnostic(table, line + 6, true);
		else if (strncmp(line, "warning ", 8) == 0)
			expect_diagnostic(table, line + 8, false);
		else if (*line && *line != '#')
			say_failed(table, "not understood: %s", line);
	} else if (*line == '[') {
		add_layer(table, line + 1);
	} else if (strcmp(line, "---") == 0) {
		load_case(table);
	} else if (table->layer_count) {
		char *text = table->texts[table->layer_count - 1];
		size_t used = strlen(text);

		snprintf(text + used, sizeof(table->texts[0]) - used, "%s\n",
			 line);
	}
}

static void run_table(const char *name)
{
	struct table_case *table = calloc(1, sizeof(*table));
	char path[512], line[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/unit/policy/%s", SOURCE_DIR,
		 name);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(table);
	failures = 0;
	table->file = name;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		table->line++;
		read_line(table, line);
	}
	end_case(table);
	fclose(file);
	ck_assert_uint_gt(table->expectations, 0);
	free(table);
	ck_assert_msg(failures == 0, "%u failed", failures);
}

START_TEST(decisions)
{
	run_table("decisions.cases");
}
END_TEST

START_TEST(layers)
{
	run_table("layers.cases");
}
END_TEST

START_TEST(mistakes)
{
	run_table("mistakes.cases");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy tables");
	TCase *tcase = tcase_create("tables");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, decisions);
	tcase_add_test(tcase, layers);
	tcase_add_test(tcase, mistakes);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
