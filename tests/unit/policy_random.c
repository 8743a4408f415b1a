/*
 * Random rules and subjects: the engine must agree with the simplest matcher
 * that can be written, and may lift only what is contained.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policy/fence.h"
#include "policy/policy.h"
#include "tests/unit/draw.h"

enum { RULES = 24, SUBJECTS = 60, ROUNDS = 1500, LONGEST = 64 };

/** A component without a slash: is `text` matched by `glob`? */
static bool component_matches(const char *glob, size_t n, const char *text,
			      size_t m)
{
	if (n == 0)
		return m == 0;
	if (*glob == '*')
		return component_matches(glob + 1, n - 1, text, m) ||
		       (m && component_matches(glob, n, text + 1, m - 1));
	if (m == 0 || (*glob != '?' && *glob != *text))
		return false;
	return component_matches(glob + 1, n - 1, text + 1, m - 1);
}

/** Both are empty, or start with a slash. */
static bool path_matches(const char *glob, const char *path)
{
	size_t n, m;

	if (!*glob)
		return !*path;
	n = strcspn(glob + 1, "/");
	if (n == 2 && strncmp(glob + 1, "**", 2) == 0) {
		if (path_matches(glob + 3, path))
			return true;
		return *path &&
		       path_matches(glob, path + 1 + strcspn(path + 1, "/"));
	}
	if (!*path)
		return false;
	m = strcspn(path + 1, "/");
	return component_matches(glob + 1, n, path + 1, m) &&
	       path_matches(glob + 1 + n, path + 1 + m);
}

static void random_pattern(char *out, bool wild)
{
	static const char *const parts[] = {"a", "b",  "ab", "*",  "a*",
					    "?", "*b", "**", "a?", "**"};
	unsigned count = 1 + draw_below(4);

	*out = '\0';
	for (unsigned i = 0; i < count; i++) {
		strcat(out, "/");
		strcat(out, parts[draw_below(wild ? 10 : 3)]);
	}
}

static struct policy *load(const struct policy_source *sources, size_t count)
{
	static const struct policy_host host = {.context = NULL};
	struct policy_diagnostics *list = policy_diagnostics_new();
	struct policy_input input = {
		.sources = sources,
		.source_count = count,
		.host = &host,
	};
	struct policy *policy = NULL;

	policy_load(&input, list, &policy);
	policy_diagnostics_print(list, stderr, false);
	policy_diagnostics_free(list);
	ck_assert_ptr_nonnull(policy);
	return policy;
}

static enum verdict decide(const struct policy *policy, const char *path)
{
	struct policy_query query = {.text = path, .length = strlen(path)};
	struct policy_decision decision;

	policy_decide(policy, &query, &decision);
	return decision.verdict;
}

START_TEST(agrees)
{
	static const enum verdict verdicts[] = {VERDICT_ALLOW, VERDICT_DENY,
						VERDICT_HIDE, VERDICT_ASK};

	for (unsigned round = 0; round < ROUNDS; round++) {
		char globs[RULES][LONGEST], text[RULES * 2 * LONGEST] = "";
		struct policy_source source = {POLICY_LAYER_USER, "t", text};
		enum verdict given[RULES];
		bool final[RULES];
		unsigned count = 1 + draw_below(RULES);
		struct policy *policy;

		for (unsigned i = 0; i < count; i++) {
			random_pattern(globs[i], true);
			given[i] = verdicts[draw_below(4)];
			final[i] = draw_below(12) == 0;
			sprintf(text + strlen(text), "%s%s read %s\n",
				final[i] ? "final " : "",
				verdict_name(given[i]), globs[i]);
		}
		policy = load(&source, 1);
		for (unsigned s = 0; s < SUBJECTS; s++) {
			enum verdict wanted = VERDICT_ASK;
			char subject[LONGEST];

			random_pattern(subject, false);
			for (unsigned i = 0; i < count; i++) {
				if (!path_matches(globs[i], subject))
					continue;
				wanted = given[i];
				if (final[i])
					break;
			}
			ck_assert_msg(decide(policy, subject) == wanted,
				      "%s: %s\n%s", subject,
				      verdict_name(wanted), text);
		}
		policy_free(policy);
	}
}
END_TEST

/** More of what begins anywhere and goes on for ever than automata take: the
 * rest is tried one by one, and the last one still decides. */
START_TEST(many_that_float_agree)
{
	enum { MANY = 90 };

	for (unsigned round = 0; round < ROUNDS / 50; round++) {
		char text[MANY * LONGEST] = "";
		struct policy_source source = {POLICY_LAYER_USER, "t", text};
		bool allowed[MANY];
		unsigned count = 2 + draw_below(MANY - 1);
		struct policy *policy;

		for (unsigned i = 0; i < count; i++) {
			allowed[i] = draw_below(2);
			sprintf(text + strlen(text), "%s read /**/n%u%s\n",
				allowed[i] ? "allow" : "deny", i,
				draw_below(6) ? "/**" : "");
		}
		policy = load(&source, 1);
		for (unsigned s = 0; s < SUBJECTS; s++) {
			unsigned one = draw_below(count),
				 other = draw_below(count);
			unsigned last = one > other ? one : other;
			char subject[LONGEST], lines[2][LONGEST];
			enum verdict found;

			sprintf(subject, "/n%u/x/n%u", one, other);
			/* Of the first name, only a whole tree matches. */
			sprintf(lines[0], " /**/n%u/**\n", one);
			if (last == one && !strstr(text, lines[0]))
				last = other;
			found = decide(policy, subject);
			ck_assert_msg(found == (allowed[last] ? VERDICT_ALLOW
							      : VERDICT_DENY),
				      "%s: %s\n%s", subject,
				      verdict_name(found), text);
		}
		policy_free(policy);
	}
}
END_TEST

START_TEST(lifts_only_what_is_inside)
{
	unsigned lifted = 0;

	for (unsigned round = 0; round < ROUNDS * 4; round++) {
		char refused[LONGEST], granted[LONGEST], subject[LONGEST];
		char base[2 * LONGEST], user[2 * LONGEST];
		struct policy_source sources[] = {
			{POLICY_LAYER_BASE, "base", base},
			{POLICY_LAYER_USER, "user", user},
		};
		bool inside = true, lifts = false, stays = false;
		struct policy *policy;

		random_pattern(refused, true);
		random_pattern(granted, true);
		sprintf(base, "deny read %s\n", refused);
		sprintf(user, "allow read %s\n", granted);
		policy = load(sources, 2);
		for (unsigned s = 0; s < SUBJECTS; s++) {
			random_pattern(subject, false);
			if (!path_matches(granted, subject))
				continue;
			if (!path_matches(refused, subject))
				inside = false;
			else if (decide(policy, subject) == VERDICT_ALLOW)
				lifts = true;
			else
				stays = true;
		}
		/* Never both, and never where something lies outside. */
		ck_assert_msg(!(lifts && stays), "%s%s", base, user);
		ck_assert_msg(!lifts || inside, "%s%s", base, user);
		lifted += lifts;
		policy_free(policy);
	}
	ck_assert_uint_gt(lifted, 50);
}
END_TEST

START_TEST(below_is_sound)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		static const char *const words[] = {"allow", "allow", "deny",
						    "hide", "ask"};
		char text[RULES * 2 * LONGEST] = "allow read /**\n";
		struct policy_source source = {POLICY_LAYER_USER, "t", text};
		char from[LONGEST], to[LONGEST], glob[LONGEST];
		bool same, varies, hides;
		struct policy *policy;

		for (unsigned i = draw_below(5); i > 0; i--) {
			random_pattern(glob, true);
			sprintf(text + strlen(text), "%s read %s\n",
				words[draw_below(5)], glob);
		}
		policy = load(&source, 1);
		random_pattern(from, false);
		random_pattern(to, false);
		same = policy_same_below(policy, from, to);
		varies = policy_varies_below(policy, ACTION_READ, from);
		hides = policy_hides_children(policy, from);
		for (unsigned s = 0; s < SUBJECTS; s++) {
			char rest[LONGEST], a[2 * LONGEST], b[2 * LONGEST];

			random_pattern(rest, false);
			sprintf(a, "%s%s", from, rest);
			sprintf(b, "%s%s", to, rest);
			ck_assert_msg(!same || decide(policy, a) ==
						       decide(policy, b),
				      "same: %s %s\n%s", a, b, text);
			ck_assert_msg(varies || decide(policy, a) ==
							VERDICT_ALLOW,
				      "varies: %s\n%s", a, text);
			ck_assert_msg(hides || strchr(rest + 1, '/') ||
					      decide(policy, a) != VERDICT_HIDE,
				      "hides: %s\n%s", a, text);
		}
		policy_free(policy);
	}
}
END_TEST

/** Some rules, now and then with what takes them out of the fence. */
static void random_rules(char *text)
{
	static const char *const verdicts[] = {"allow",	     "allow", "allow",
					       "deny",	     "hide",  "ask",
					       "final allow"};
	static const char *const actions[] = {"read", "write", "read,write"};
	static const char *const ends[] = {
		"", "", "", "", " log", " by /p", " until 2999-01-01"};
	char glob[LONGEST];

	for (unsigned i = 1 + draw_below(7); i > 0; i--) {
		random_pattern(glob, true);
		if (draw_below(2))
			strcat(glob, "/**");
		unsigned verdict = draw_below(7);

		sprintf(text + strlen(text), "%s %s %s%s\n", verdicts[verdict],
			verdict == 4 ? "read" : actions[draw_below(3)], glob,
			ends[draw_below(7)]);
	}
}

static bool plain_allow(const struct policy *policy, enum action action,
			const char *path, time_t now)
{
	struct policy_query query = {.action = action,
				     .text = path,
				     .length = strlen(path),
				     .now = now};
	struct policy_decision decision;

	policy_decide(policy, &query, &decision);
	return decision.verdict == VERDICT_ALLOW && !decision.log;
}

static bool names_in(const struct policy_fence_names *names, const char *rest)
{
	char copy[LONGEST], *at = copy, *name;

	strcpy(copy, rest);
	while ((name = strsep(&at, "/")))
		if (*name && policy_fence_name(names, name))
			return true;
	return false;
}

/** What is fenced is allowed, whatever is in the tree, and whoever asks. */
START_TEST(fence_is_sound)
{
	unsigned fenced[FENCE_WHOLE + 1] = {0};

	for (unsigned round = 0; round < ROUNDS * 6; round++) {
		enum action action = draw_below(2) ? ACTION_READ : ACTION_WRITE;
		char text[RULES * 2 * LONGEST] = "allow read,write /**\n";
		char base[RULES * 2 * LONGEST] = "allow env A\n";
		struct policy_source sources[] = {
			{POLICY_LAYER_BASE, "base", base},
			{POLICY_LAYER_USER, "user", text},
		};
		struct policy_fence_names *names;
		const struct policy_rule *why;
		struct policy *policy;
		char tree[LONGEST];
		enum policy_fence fence;

		if (draw_below(3) == 0)
			*text = '\0';
		if (draw_below(2))
			random_rules(base);
		random_rules(text);
		policy = load(sources, 2);
		random_pattern(tree, false);
		fence = policy_fence(policy, action, tree, &why);
		fenced[fence]++;
		names = policy_fence_names(policy, action, tree);
		for (unsigned s = 0; fence > FENCE_PARTS && s < SUBJECTS; s++) {
			char rest[LONGEST], path[2 * LONGEST];

			random_pattern(rest, false);
			if (s == 0)
				*rest = '\0';
			sprintf(path, "%s%s", tree, rest);
			if (fence == FENCE_FLOATS && names_in(names, rest))
				continue;
			ck_assert_msg(plain_allow(policy, action, path, 0) &&
					      plain_allow(policy, action, path,
							  INT64_MAX),
				      "%s %s in %s (%d)\n%s--\n%s",
				      action_name(action), path, tree, fence,
				      base, text);
		}
		free(names);
		policy_free(policy);
	}
	for (int i = FENCE_OTHER; i <= FENCE_WHOLE; i++)
		ck_assert_uint_gt(fenced[i], 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy at random");
	TCase *tcase = tcase_create("random");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, agrees);
	tcase_add_test(tcase, many_that_float_agree);
	tcase_add_test(tcase, lifts_only_what_is_inside);
	tcase_add_test(tcase, below_is_sound);
	tcase_add_test(tcase, fence_is_sound);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
