/*
 * What is learned from sessions: rules that are few, and cover no more than
 * they are to.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/learn.h"
#include "policy/policy.h"
#include "policy/scope.h"

static struct policy *load(const char *text)
{
	struct policy_system_host context = {.search_path = "/nowhere"};
	const struct policy_variable variables[] = {{"home", "/home/u"},
						    {"project", "/home/u/p"}};
	const struct policy_source source = {POLICY_LAYER_FILE, "test", text};
	struct policy_host host;
	struct policy_input input = {
		.sources = &source,
		.source_count = 1,
		.variables = variables,
		.variable_count = 2,
		.host = &host,
	};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy *policy = NULL;

	policy_system_host_init(&host, &context);
	if (policy_load(&input, list, &policy)) {
		policy_diagnostics_print(list, stderr, false);
		ck_abort_msg("not loaded: %s", text);
	}
	policy_diagnostics_free(list);
	policy_system_host_clear(&context);
	return policy;
}

static char *learn(const char *refusing, struct learn_item *items, size_t count)
{
	auto_free char *all = NULL;
	struct text text = {0};
	char *rules = NULL;

	ck_assert_int_gt(
		asprintf(&all, "allow read,write,exec /**\n%s", refusing), 0);
	struct policy *policy = load(all);
	const struct learn_input input = {policy, "/home/u", "/home/u/p"};

	ck_assert_int_ge(learn_rules(&input, items, count, &text), 0);
	ck_assert_int_eq(text_finish(&text, &rules), 0);
	policy_free(policy);
	policy_free(load(rules));
	return rules;
}

#define READ(path)                                                             \
	{                                                                      \
		.action = ACTION_READ, .subject = (path),                      \
		.program = "/usr/bin/cat", .count = 1                          \
	}

static void one_rule(const char *rules, const char *wanted)
{
	size_t length = strlen(wanted);

	for (const char *at = rules; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, wanted, length) == 0 && at[length] == ' ')
			return;
		if (!*at)
			break;
	}
	ck_abort_msg("no `%s` in:\n%s", wanted, rules);
}

START_TEST(three_names_are_a_directory)
{
	struct learn_item items[] = {READ("/home/u/lib/a/x"),
				     READ("/home/u/lib/a/y"),
				     READ("/home/u/lib/a/z")};
	auto_free char *rules = learn("", items, 3);

	one_rule(rules, "allow read        ~/lib/a/**");
}
END_TEST

START_TEST(a_refused_neighbour_splits_it)
{
	struct learn_item items[] = {READ("/home/u/lib/a/x"),
				     READ("/home/u/lib/a/y"),
				     READ("/home/u/lib/a/z")};
	auto_free char *rules =
		learn("hide read /home/u/lib/a/key\n", items, 3);

	one_rule(rules, "allow read        ~/lib/a/x");
	one_rule(rules, "allow read        ~/lib/a/z");
	ck_assert_ptr_null(strstr(rules, "/**"));
	ck_assert_ptr_null(strstr(rules, "*"));
}
END_TEST

START_TEST(the_order_does_not_matter)
{
	struct learn_item items[] = {READ("/home/u/n/1234567"),
				     READ("/home/u/n/7654321"),
				     READ("/srv/x"),
				     READ("/home/u/p/a/b"),
				     READ("/home/u/p/a/c"),
				     READ("/home/u/p/a/d"),
				     READ("/home/u/q{}[]*?$~ \"\\\n")};
	enum { COUNT = sizeof(items) / sizeof(*items) };
	auto_free char *first = learn("", items, COUNT);

	for (size_t turn = 0; turn < COUNT; turn++) {
		struct learn_item last = items[0];

		memmove(items, items + 1, (COUNT - 1) * sizeof(*items));
		items[COUNT - 1] = last;
		auto_free char *again = learn("", items, COUNT);

		ck_assert_str_eq(first, again);
	}
	one_rule(first, "allow read        ~/n/*");
}
END_TEST

static const struct {
	const char *path, *rule;
} changing[] = {
	{"/home/u/.tool/0f8fad5b-d9cb-469f-a165-70867728950e.json",
	 "~/.tool/*.json"},
	{"/home/u/.tool/run-1795707346540-qigyka.sh", "~/.tool/run-*-*.sh"},
	{"/home/u/.tool.json.tmp.4711.28c971c34b38", "~/.tool.json.tmp.*.*"},
	{"/home/u/.c/s/2026/11/26/run-2026-11-26T15-39-35-0f8fad5b-d9cb-469f-"
	 "a165-70867728950e.jsonl",
	 "~/.c/s/*/*/*/run-*-*.jsonl"},
	{"/home/u/.c/.tmpQEtIma", "~/.c/.tmp*"},
	{"/home/u/.c/tmp.HIjzDC", "~/.c/tmp.*"},
	{"/home/u/.c/tmpabcdefgh/x", "~/.c/tmp*/x"},
	{"/home/u/.c/tmp.abcdefghij", "~/.c/tmp.*"},
	{"/home/u/.c/tmpfile", "~/.c/tmpfile"},
	{"/home/u/.c/mytmp-config", "~/.c/mytmp-config"},
	{"/home/u/p/v/26/11", "${project}/v/26/11"},
	{"/home/u/.t.4711", "~/.t.4711"}, /* beside something hidden */
	{"/home/u/p/python3/utf8/base64/x86_64",
	 "${project}/python3/utf8/base64"
	 "/x86_64"},
};

START_TEST(what_changes_is_a_star)
{
	struct learn_item item = READ(changing[_i].path);
	auto_free char *rules = learn("hide read /home/u/.netrc\n", &item, 1);
	auto_free char *wanted = NULL;

	ck_assert_int_gt(
		asprintf(&wanted, "allow read        %s", changing[_i].rule),
		0);
	one_rule(rules, wanted);
}
END_TEST

static const struct {
	const char *programs[3]; /* of three things of one directory */
	bool nameable;
	const char *by;
} askers[] = {
	{{"/usr/bin/gh", "/usr/bin/gh", "/usr/bin/gh"}, true, "/usr/bin/gh"},
	{{"/usr/bin/gh", "/usr/bin/gh", "/usr/bin/gh"}, false, NULL},
	{{"/usr/bin/gh", "/usr/bin/docker", "/usr/bin/gh"}, true, NULL},
	{{"/usr/bin/gh", NULL, "/usr/bin/gh"}, true, NULL},
	{{"/home/u/.x/bin/a b*", "/home/u/.x/bin/a b*", "/home/u/.x/bin/a b*"},
	 true,
	 "\"~/.x/bin/a b[*]\""},
	/* what any script may take for another, what runs what it is told to,
	 * what is told by its environment, helpers and versions */
	{{"/bin/cat", "/bin/cat", "/bin/cat"}, true, NULL},
	{{"/usr/bin/python3.11", "/usr/bin/python3.11", "/usr/bin/python3.11"},
	 true,
	 NULL},
	{{"/usr/bin/x86_64-linux-gnu-gcc-12",
	  "/usr/bin/x86_64-linux-gnu-gcc-12",
	  "/usr/bin/x86_64-linux-gnu-gcc-12"},
	 true,
	 NULL},
	{{"/usr/bin/git", "/usr/bin/git", "/usr/bin/git"}, true, NULL},
	{{"/usr/lib/git-core/git-remote-http",
	  "/usr/lib/git-core/git-remote-http",
	  "/usr/lib/git-core/git-remote-http"},
	 true,
	 NULL},
	{{"/home/u/.tool/versions/2.0.1", "/home/u/.tool/versions/2.0.1",
	  "/home/u/.tool/versions/2.0.1"},
	 true,
	 NULL},
	{{"/home/u/bin/2.0.1", "/home/u/bin/2.0.1", "/home/u/bin/2.0.1"},
	 true,
	 NULL},
};

START_TEST(what_one_program_used_is_its_own)
{
	const char *by = askers[_i].by;
	struct learn_item files[] = {READ("/home/u/lib/a/x"),
				     READ("/home/u/lib/a/y"),
				     READ("/home/u/lib/a/z")};
	struct learn_item hosts[] = {
		{.action = ACTION_CONNECT, .subject = "h.test:443"},
		{.action = ACTION_CONNECT, .subject = "h.test:443"},
		{.action = ACTION_CONNECT, .subject = "h.test:443"}};
	auto_free char *file = NULL, *host = NULL;

	for (int i = 0; i < 3; i++) {
		files[i].program = hosts[i].program = askers[_i].programs[i];
		files[i].nameable = hosts[i].nameable = askers[_i].nameable;
	}
	auto_free char *rules = learn("", files, 3);
	auto_free char *other = learn("", hosts, 3);

	ck_assert_int_gt(asprintf(&file, "allow read        ~/lib/a/**%s%s",
				  by ? " by " : "", by ?: ""),
			 0);
	ck_assert_int_gt(asprintf(&host, "allow connect     h.test:443%s%s",
				  by ? " by " : "", by ?: ""),
			 0);
	one_rule(rules, file);
	one_rule(other, host);
	if (!by) {
		ck_assert_ptr_null(strstr(rules, "** by"));
		ck_assert_ptr_null(strstr(other, "443 by"));
	}
}
END_TEST

START_TEST(variables_share_rules)
{
	static char names[24][16];
	struct learn_item items[24] = {
		{.action = ACTION_ENV, .subject = "PATH", .count = 2},
		{.action = ACTION_ENV, .subject = "HOME", .count = 1},
		{.action = ACTION_ENV,
		 .subject = "BASH_FUNC_a b*%%",
		 .count = 2},
		{.action = ACTION_ENV, .subject = "HOME", .count = 1}};
	auto_free char *few = learn("", items, 4);

	one_rule(few, "allow env         \"BASH_FUNC_a b[*]%%\" HOME PATH");
	ck_assert_ptr_nonnull(strstr(few, "# 2 sessions\n"));
	for (int i = 0; i < 24; i++) {
		snprintf(names[i], sizeof(names[i]), "VARIABLE_%02d", i);
		items[i] = (struct learn_item){
			.action = ACTION_ENV, .subject = names[i], .count = 1};
	}
	auto_free char *many = learn("", items, 24);

	for (char *line = many, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		ck_assert_int_lt(end - line, 100);
	}
	for (int i = 0; i < 24; i++)
		ck_assert_ptr_nonnull(strstr(many, names[i]));
}
END_TEST

START_TEST(sockets_of_one_kind_are_one_rule)
{
	struct learn_item items[] = {
		{.action = ACTION_LISTEN,
		 .subject = "unix:/home/u/run/s/11707.sock",
		 .count = 2},
		{.action = ACTION_LISTEN,
		 .subject = "unix:/home/u/run/s/9603.sock",
		 .count = 1}};
	auto_free char *rules = learn("", items, 2);

	one_rule(rules, "allow listen      unix:~/run/s/*.sock");
	ck_assert_ptr_nonnull(strstr(rules, "# 3 listeners"));
	ck_assert_ptr_null(strstr(strchr(rules, '\n') + 1, "allow"));
}
END_TEST

static const char *const odd[] = {
	"/home/u/a b",
	"/home/u/[x]",
	"/home/u/{a,b}",
	"/home/u/*",
	"/home/u/$x",
	"/home/u/\"q\"",
	"/home/u/back\\slash",
	"/home/u/\n",
	"/home/u/\x01\x02",
	"/home/u/\xff\xfe",
	"/home/u/#x",
	"/home/u/~",
	"/",
	"/home/u",
	"/home/u/p",
	"/as",
	"/home/u/by",
};

START_TEST(a_rule_allows_what_it_was_made_from)
{
	struct learn_item item = READ(odd[_i]);
	auto_free char *rules = learn("", &item, 1);
	struct policy *policy = load(rules);
	struct policy_query query = {.action = ACTION_READ,
				     .text = odd[_i],
				     .length = strlen(odd[_i])};
	struct policy_decision decision;

	policy_decide(policy, &query, &decision);
	ck_assert_msg(decision.verdict == VERDICT_ALLOW, "%s: %s", odd[_i],
		      rules);
	query.text = "/home/u/other";
	query.length = strlen(query.text);
	policy_decide(policy, &query, &decision);
	ck_assert_msg(decision.verdict == VERDICT_ASK, "%s: %s", odd[_i],
		      rules);
	policy_free(policy);
}
END_TEST

/* Arguments that are something else where a rule has them bare. */
static const struct {
	const char *words[3]; /* after the program */
	const char *other;    /* not covered in the place of the first */
} odd_words[] = {
	{{"log", "--oneline"}, "status"},
	{{"as"}, "aws"},
	{{"by"}, "x"},
	{{"under"}, "x"},
	{{"until"}, "x"},
	{{"override"}, "x"},
	{{"because"}, "x"},
	{{"argv0"}, "x"},
	{{"**", "x"}, "y"},
	{{"*"}, "y"},
	{{"[a]"}, "a"},
	{{"udp:[::1]"}, "udp::"},
	{{"{a,b}"}, "a"},
	{{"~", "~/x"}, "/home/u"},
	{{"${home}"}, "/home/u"},
	{{""}, "x"},
	{{"#"}, "x"},
	{{"\x01"}, "x"},
	{{"\x02\x01", "\xff"}, "x"},
	{{"!a"}, "b"},
};

START_TEST(arguments_are_what_they_were)
{
	const char *argv[] = {"t", odd_words[_i].words[0],
			      odd_words[_i].words[1], NULL};
	size_t argc = argv[2] ? 3 : 2;
	struct learn_item item = {.action = ACTION_EXEC,
				  .subject = "/home/u/bin/t",
				  .argv = argv,
				  .argc = argc,
				  .by_arguments = true,
				  .program = "/usr/bin/sh",
				  .count = 1};
	auto_free char *rules = learn("", &item, 1);
	struct policy *policy = load(rules);
	struct policy_query query = {.action = ACTION_EXEC,
				     .text = item.subject,
				     .length = strlen(item.subject),
				     .argv = argv,
				     .argc = argc};
	struct policy_decision decision;

	policy_decide(policy, &query, &decision);
	ck_assert_msg(decision.verdict == VERDICT_ALLOW, "%s", rules);
	argv[1] = odd_words[_i].other;
	policy_decide(policy, &query, &decision);
	ck_assert_msg(decision.verdict == VERDICT_ASK, "%s", rules);
	policy_free(policy);
}
END_TEST

START_TEST(addresses_are_what_they_were)
{
	struct learn_item items[] = {
		{.action = ACTION_CONNECT, .subject = "[2001:db8::1]:443"},
		{.action = ACTION_CONNECT, .subject = "udp:[::1]:53"},
		{.action = ACTION_CONNECT, .subject = "unix:@*"},
		{.action = ACTION_CONNECT, .subject = "unix:/home/u/\x01"},
		{.action = ACTION_HTTP, .subject = "GET [2001:db8::1]:443/[a]"},
		{.action = ACTION_HTTP, .subject = "PUT h.test:443/a b/*"}};
	auto_free char *rules = learn("", items, 6);

	one_rule(rules, "allow connect     [2001:db8::1]:443");
	one_rule(rules, "allow connect     udp:[::1]:53");
	one_rule(rules, "allow connect     unix:@[*]");
	one_rule(rules, "allow http        GET [2001:db8::1]:443/[[]a]");
	one_rule(rules, "allow http        PUT \"h.test:443/a b/[*]\"");
	one_rule(rules, "allow connect     \"unix:~/\\x01\"");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("learning");
	TCase *learning = tcase_create("learning");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(learning, three_names_are_a_directory);
	tcase_add_test(learning, a_refused_neighbour_splits_it);
	tcase_add_test(learning, the_order_does_not_matter);
	tcase_add_loop_test(learning, what_changes_is_a_star, 0,
			    sizeof(changing) / sizeof(*changing));
	tcase_add_loop_test(learning, what_one_program_used_is_its_own, 0,
			    sizeof(askers) / sizeof(*askers));
	tcase_add_test(learning, variables_share_rules);
	tcase_add_test(learning, sockets_of_one_kind_are_one_rule);
	tcase_add_loop_test(learning, a_rule_allows_what_it_was_made_from, 0,
			    sizeof(odd) / sizeof(*odd));
	tcase_add_loop_test(learning, arguments_are_what_they_were, 0,
			    sizeof(odd_words) / sizeof(*odd_words));
	tcase_add_test(learning, addresses_are_what_they_were);
	suite_add_tcase(suite, learning);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
