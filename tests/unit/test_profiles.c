/*
 * The built-in policies: that they have no mistake and no rule that can never
 * decide, and that they decide as the tables in tests/profiles say.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/scope.h"

enum {
	MOST_WORDS = 8,
	GITDIR = 1, /* its index below */
};

static int read_file(void *context, const char *path, char **text,
		     size_t *length)
{
	FILE *file = fopen(path, "re");
	size_t capacity = 0;
	ssize_t count;

	(void)context;
	*text = NULL;
	if (!file)
		return -errno;
	count = getdelim(text, &capacity, '\0', file);
	fclose(file);
	*length = count < 0 ? 0 : (size_t)count;
	return count < 0 ? -EIO : 0;
}

static int find_policy(void *context, const char *name, char **path)
{
	(void)context;
	return asprintf(path, "%s/profiles/%s", SOURCE_DIR, name) < 0 ? -ENOMEM
								      : 0;
}

/* Nothing is a link here: what is decided depends on the profiles alone. */
static int canonical(void *context, const char *path, char **result)
{
	(void)context;
	*result = strdup(path);
	return *result ? 0 : -ENOMEM;
}

static int find_program(void *context, const char *name, char **path)
{
	(void)context;
	return asprintf(path, "/usr/bin/%s", name) < 0 ? -ENOMEM : 0;
}

static const struct policy_host host = {
	.read_file = read_file,
	.find_policy = find_policy,
	.canonical = canonical,
	.find_program = find_program,
};

static struct policy_variable variables[] = {
	{"project", "/home/me/shop"},
	{"gitdir", "/home/me/shop/.git"},
	{"home", "/home/me"},
	{"tmp", "/tmp"},
	{"user", "me"},
	{"uid", "1000"},
	{"runtime", "/run/user/1000"},
	{"config", "/home/me/.config"},
	{"state", "/home/me/.local/state"},
};

/** A policy of base and, where it is not base itself, the profile. */
struct loaded {
	char *names[2];
	struct policy_source sources[2];
	struct policy_input input;
	struct policy *policy;
};

static void load(struct loaded *loaded, const char *profile)
{
	struct policy_diagnostics *list = policy_diagnostics_new();
	size_t count = strcmp(profile, "base") == 0 ? 1 : 2;
	int error;

	*loaded = (struct loaded){0};
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(find_policy(NULL, i ? profile : "base",
					     &loaded->names[i]),
				 0);
		loaded->sources[i] = (struct policy_source){
			.kind = i ? POLICY_LAYER_PROFILE : POLICY_LAYER_BASE,
			.name = loaded->names[i],
		};
	}
	loaded->input = (struct policy_input){
		.sources = loaded->sources,
		.source_count = count,
		.variables = variables,
		.variable_count = sizeof(variables) / sizeof(variables[0]),
		.host = &host,
		.check = true,
	};
	error = policy_load(&loaded->input, list, &loaded->policy);
	policy_diagnostics_print(list, stderr, false);
	ck_assert_int_eq(error, 0);
	/* Outside a repository the rules about one warn that they match none. */
	if (variables[GITDIR].value)
		ck_assert_uint_eq(policy_diagnostics_count(list), 0);
	policy_diagnostics_free(list);
}

static void unload(struct loaded *loaded)
{
	policy_free(loaded->policy);
	free(loaded->names[0]);
	free(loaded->names[1]);
}

/** `expect VERDICT ACTION SUBJECT`: is it decided so? */
static bool line_holds(const struct loaded *loaded, char *line)
{
	const char *words[MOST_WORDS];
	struct policy_decision decision;
	struct policy_subject *subject;
	auto_free char *message = NULL;
	size_t count = 0;
	char *rest = NULL;

	for (char *word = strtok_r(line, " \t\n", &rest);
	     word && count < MOST_WORDS; word = strtok_r(NULL, " \t\n", &rest))
		words[count++] = word;
	if (count == 0 || words[0][0] == '#')
		return true;
	ck_assert_msg(count >= 4 && strcmp(words[0], "expect") == 0,
		      "not a line of expectation: %s", words[0]);
	int error = policy_subject_parse(&loaded->input, words + 2, count - 2,
					 &subject, &message);

	ck_assert_msg(error == 0, "%s %s: %s", words[2], words[3],
		      message ? message : strerror(-error));
	policy_decide(loaded->policy, policy_subject_query(subject), &decision);
	policy_subject_free(subject);
	if (strcmp(verdict_name(decision.verdict), words[1]) == 0)
		return true;
	fprintf(stderr, "%s %s: expected %s, got %s\n", words[2], words[3],
		words[1], verdict_name(decision.verdict));
	return false;
}

static void check_table(const struct loaded *loaded, const char *profile)
{
	auto_free char *path = NULL;
	auto_free char *line = NULL;
	size_t capacity = 0, wrong = 0, lines = 0;
	FILE *file;

	ck_assert_int_gt(asprintf(&path, "%s/tests/profiles/%s.expect",
				  SOURCE_DIR, profile),
			 0);
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	while (getline(&line, &capacity, file) > 0) {
		lines++;
		wrong += !line_holds(loaded, line);
	}
	fclose(file);
	ck_assert_uint_gt(lines, 1);
	ck_assert_uint_eq(wrong, 0);
}

static const char *const profiles[] = {"base", "claude", "codex", "default"};

START_TEST(has_no_mistake)
{
	struct loaded loaded;

	load(&loaded, profiles[_i]);
	unload(&loaded);
}
END_TEST

START_TEST(decides_as_its_table_says)
{
	struct loaded loaded;

	load(&loaded, profiles[_i]);
	check_table(&loaded, profiles[_i]);
	unload(&loaded);
}
END_TEST

/* base's table holds below every profile, but for what that profile opens. */
START_TEST(has_no_mistake_outside_a_repository)
{
	struct loaded loaded;

	variables[GITDIR].value = NULL;
	load(&loaded, profiles[_i]);
	check_table(&loaded, profiles[_i]);
	unload(&loaded);
	variables[GITDIR].value = "/home/me/shop/.git";
}
END_TEST

static enum verdict decide(const struct loaded *loaded, const char *action,
			   const char *subject)
{
	const char *const words[] = {action, subject};
	struct policy_decision decision;
	struct policy_subject *parsed;
	auto_free char *message = NULL;

	ck_assert_int_eq(policy_subject_parse(&loaded->input, words, 2, &parsed,
					      &message),
			 0);
	policy_decide(loaded->policy, policy_subject_query(parsed), &decision);
	policy_subject_free(parsed);
	return decision.verdict;
}

START_TEST(keeps_the_configuration_of_the_repository)
{
	struct loaded loaded;

	load(&loaded, profiles[_i]);
	ck_assert_int_eq(decide(&loaded, "write", "/home/me/shop/.git/config"),
			 VERDICT_DENY);
	ck_assert_int_eq(decide(&loaded, "write", "/home/me/shop/.git/index"),
			 VERDICT_ALLOW);
	ck_assert_int_eq(decide(&loaded, "read", "/home/me/shop/.git/config"),
			 VERDICT_ALLOW);
	unload(&loaded);
}
END_TEST

START_TEST(lets_directories_of_the_project_be_renamed)
{
	struct loaded loaded;

	load(&loaded, profiles[_i]);
	ck_assert(policy_same_below(loaded.policy,
				    "/home/me/shop/node_modules/.left-pad-X1",
				    "/home/me/shop/node_modules/left-pad"));
	ck_assert(policy_same_below(loaded.policy,
				    "/home/me/.npm/_cacache/tmp/a",
				    "/home/me/.npm/_cacache/content/b"));
	ck_assert(!policy_same_below(loaded.policy, "/home/me/shop/a",
				     "/home/me/shop/.vscode"));
	unload(&loaded);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("profiles");
	TCase *all = tcase_create("all");
	const int base = 0, with_table = 3, every = 4;
	SRunner *runner;
	int failed;

	tcase_add_loop_test(all, has_no_mistake, base, every);
	tcase_add_loop_test(all, decides_as_its_table_says, base, with_table);
	tcase_add_loop_test(all, has_no_mistake_outside_a_repository, base,
			    with_table);
	tcase_add_loop_test(all, keeps_the_configuration_of_the_repository,
			    base, every);
	tcase_add_loop_test(all, lets_directories_of_the_project_be_renamed,
			    base, every);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
