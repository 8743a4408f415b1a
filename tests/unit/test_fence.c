/*
 * The fence that is found on a real tree: what it covers is allowed, for random
 * rules and trees, and what is kept for another reason is not covered.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/fence.h"
#include "shim/names.h"
#include "supervisor/entries.h"
#include "supervisor/fence.h"
#include "supervisor/identities.h"
#include "tests/unit/draw.h"
#include "tests/unit/fence_disk.h"

static struct fence *found(const struct policy *policy, bool strict,
			   const char *const *kept)
{
	/* Room for all, for some or for nothing. */
	struct listings *listings = listings_new(1UL << draw_below(20));

	ck_assert_ptr_nonnull(listings);
	struct fence *fence = found_with(&(struct fence_input){
		.policy = policy,
		.project = top,
		.strict = strict,
		.listings = listings,
		.kept = kept,
	});

	listings_free(listings);
	return fence;
}

START_TEST(siblings_of_an_exception)
{
	make_top();
	put("a/x");
	put("b/secret/x");
	put("b/near/x");
	put("b/file");
	struct policy *policy =
		load("allow read,write @/**\nhide read @/b/secret/**\n");
	struct fence *fence = found(policy, false, NULL);

	expect(fence, "a/x", ALL);
	expect(fence, "a/new", ALL);
	expect(fence, "b/near/x", ALL);
	expect(fence, "b/file", USE);
	expect(fence, "b/secret/x", 0);
	expect(fence, "b/new", 0);
	expect(fence, "new", 0);
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

/** A directory hidden by itself: what is below is absent, whatever is allowed. */
START_TEST(below_what_is_hidden)
{
	static const char *const rules[] = {
		"allow read,write @/**\nhide read @/b/secret\n",
		"allow read,write @/**\nhide read @/b/s*t\n",
		"allow read,write @/** @/b/secret/sub/**\nhide read @/b/secret\n",
		"allow read,write @/** @/b/secret/sub/**\nhide read @/**/secret\n",
		"allow read,write @/** @/b/secret/sub/x\nhide read @/b/secret\n",
		"allow read,write @/**\nhide read @/b/secret by /bin/x\n",
	};
	char beside[ROOM];

	make_top();
	put("b/secret/x");
	put("b/secret/sub/x");
	put("b/side/x");
	snprintf(beside, sizeof(beside), "%s/b/side/x", top);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		struct policy *policy = load(rules[i]);
		struct fence *fence = found(policy, false, NULL);

		expect(fence, "b/secret/x", 0);
		expect(fence, "b/secret/sub/x", 0);
		ck_assert(rights_at(fence, beside) & FENCE_READ);
		fence_free(fence);
		policy_free(policy);
	}
	drop_top();
}
END_TEST

START_TEST(names_that_float)
{
	static const char rules[] = "allow read,write @/**\n"
				    "fake read @/**/.env as dotenv\n"
				    "deny write @/**/.git/hooks/*\n"
				    "hide read /**/*.kdbx\n";
	struct policy *policy;
	struct fence *fence;

	make_top();
	put("plain/deep/x");
	put("with/.env");
	put("with/x");
	put("with/deep/x");
	put("vault/db.kdbx");
	put("repo/.git/config");
	put("repo/src/x");
	policy = load(rules);
	fence = found(policy, false, NULL);
	expect(fence, "plain/deep/x", USE);
	expect(fence, "with/.env", 0);
	expect(fence, "with/x", USE);
	expect(fence, "with/new", 0);
	expect(fence, "with/deep/new", USE);
	expect(fence, "vault/db.kdbx", 0);
	/* Hooks may come to be there: nothing of it may be written to. */
	expect(fence, "repo/.git/config", FENCE_READ);
	expect(fence, "repo/src/x", USE);
	fence_free(fence);
	fence = found(policy, true, NULL);
	ck_assert_uint_eq(fence->count, 0);
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

/** Any number of rules may name a tree; it is walked once for each action. */
START_TEST(a_tree_is_walked_once)
{
	static const char *const rules[] = {
		"allow read,write @/**\n"
		"deny read,write @/**/.env\n",
		"allow read,write @/**\n"
		"allow read,write @/** @/**\n"
		"allow read @/**\n"
		"deny read,write @/**/.env\n",
	};
	size_t looked_at[2];

	make_top();
	put("a/b/.env");
	put("a/b/c");
	put("d/e");
	for (size_t i = 0; i < 2; i++) {
		struct policy *policy = load(rules[i]);
		struct fence *fence = found(policy, false, NULL);

		expect(fence, "d/e", USE);
		expect(fence, "a/b/c", USE);
		expect(fence, "a/b/.env", 0);
		looked_at[i] = fence->looked_at;
		fence_free(fence);
		policy_free(policy);
	}
	ck_assert_uint_eq(looked_at[0], looked_at[1]);
	drop_top();
}
END_TEST

START_TEST(what_is_logged_or_asked_or_granted)
{
	struct policy *policy;
	struct fence *fence;

	make_top();
	put("log/x");
	put("until/x");
	put("ask/x");
	put("free/x");
	policy = load(
		"allow read @/**\nallow read @/log/** log\n"
		"ask read @/ask/**\nallow read @/until/x until 2999-01-01\n"
		"deny read @/until/** until 2998-01-01\n");
	fence = found(policy, false, NULL);
	expect(fence, "log/x", 0);
	expect(fence, "ask/x", 0);
	expect(fence, "until/x", 0);
	expect(fence, "free/x", FENCE_READ);
	ck_assert(!policy_fence_apart(policy));
	fence_free(fence);
	policy_free(policy);
	policy = load("allow read @/**\nallow write @/x by /usr/bin/git\n");
	ck_assert(policy_fence_apart(policy));
	policy_free(policy);
	policy = load("allow read @/**\nallow env X by /usr/bin/git\n");
	ck_assert(policy_fence_apart(policy));
	policy_free(policy);
	policy = load("allow read @/**\ndeny env X by /usr/bin/git\n");
	ck_assert(!policy_fence_apart(policy));
	policy_free(policy);
	drop_top();
}
END_TEST

START_TEST(other_names_of_protected_files)
{
	char from[ROOM], to[ROOM];
	struct policy *policy;
	struct fence *fence;

	make_top();
	put("secret/key");
	put("secret/other");
	put("plain/x");
	put("plain/led");
	put("near/x");
	snprintf(from, sizeof(from), "%s/secret/key", top);
	snprintf(to, sizeof(to), "%s/plain/hard", top);
	ck_assert_int_eq(link(from, to), 0);
	snprintf(to, sizeof(to), "%s/secret/link", top);
	ck_assert_int_eq(symlink("../plain/led", to), 0);
	policy = load("allow read,write @/**\ndeny read,write @/secret/**\n");
	fence = found(policy, false, NULL);
	expect(fence, "plain/hard", 0);
	expect(fence, "plain/led", 0);
	expect(fence, "plain/x", USE);
	expect(fence, "near/x", ALL);
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

START_TEST(the_sessions_own)
{
	const char *kept[2] = {NULL, NULL};
	char session[ROOM];
	struct policy *policy;
	struct fence *fence;

	make_top();
	put("state/session/log");
	put("state/else/x");
	put("near/x");
	snprintf(session, sizeof(session), "%s/state/session", top);
	kept[0] = session;
	policy = load("allow read,write /**\n");
	fence = found(policy, false, kept);
	expect(fence, "state/session/log", 0);
	expect(fence, "state/new", 0);
	expect(fence, "state/else/x", ALL);
	expect(fence, "near/x", ALL);
	for (size_t i = 0; i < fence->count; i++) {
		static const char *const never[] = {"/proc", "/sys", "/dev",
						    "/run"};

		/* Of /dev some devices, by themselves. */
		for (size_t j = 0; j < 4; j++)
			ck_assert(strncmp(fence->trees[i].path, never[j],
					  strlen(never[j])) != 0 ||
				  (j == 2 && !fence->trees[i].directory));
		ck_assert_str_ne(fence->trees[i].path, "/");
	}
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

/* ------------------------------------------------------------- at random -- */

enum { ROUNDS = 60, ENTRIES = 24 };

static void random_path(char *out, const char *const *parts, unsigned count)
{
	*out = '\0';
	for (unsigned i = 1 + draw_below(4); i > 0; i--) {
		strcat(out, "/");
		strcat(out, parts[draw_below(count)]);
	}
}

/** Some files in some directories. */
static void make_tree(void)
{
	static const char *const names[] = {"a", "b", "ab", "c"};

	for (unsigned i = 0; i < ENTRIES; i++) {
		char full[ROOM], path[256];
		struct stat status;
		char *slash;

		random_path(path, names, 4);
		snprintf(full, sizeof(full), "%s%s", top, path);
		/* Not below what is a file already. */
		for (slash = full + strlen(top) + 1;
		     (slash = strchr(slash, '/')); slash++) {
			*slash = '\0';
			bool file = lstat(full, &status) == 0 &&
				    !S_ISDIR(status.st_mode);

			*slash = '/';
			if (file)
				break;
		}
		if (!slash && lstat(full, &status))
			put(path + 1);
	}
}

static void add_rules(char *text)
{
	static const char *const globs[] = {"a", "b", "ab", "*", "a*", "**"};
	static const char *const rules[] = {
		"deny read",	  "hide read",	      "deny write",
		"ask read,write", "allow read,write", "allow read"};
	char path[256];

	for (unsigned i = 1 + draw_below(5); i > 0; i--) {
		random_path(path, globs, 6);
		sprintf(text + strlen(text), "%s @%s%s\n", rules[draw_below(6)],
			path, draw_below(2) ? "/**" : "");
	}
}

static const struct policy *asked;
static const struct fence *fenced;
static unsigned covered;

/** Is a directory above the path hidden? */
static bool is_absent(const char *path)
{
	struct policy_query query = {.action = ACTION_READ, .text = path};
	struct policy_decision decision;

	for (const char *at = path + 1; (at = strchr(at, '/')); at++) {
		query.length = (size_t)(at - path);
		policy_decide(asked, &query, &decision);
		if (decision.verdict == VERDICT_HIDE)
			return true;
	}
	return false;
}

static int look(const char *path, const struct stat *status, int type,
		struct FTW *ftw)
{
	unsigned rights = rights_at(fenced, path);

	(void)ftw;
	if (!S_ISREG(status->st_mode) && type != FTW_D)
		return 0;
	ck_assert_msg(!(rights & FENCE_READ) ||
			      policy_fence_exact(asked, ACTION_READ, path),
		      "read %s", path);
	ck_assert_msg(!(rights & FENCE_WRITE) ||
			      policy_fence_exact(asked, ACTION_WRITE, path),
		      "write %s", path);
	ck_assert_msg(!rights || !is_absent(path), "absent %s", path);
	covered += rights != 0;
	return 0;
}

START_TEST(what_is_fenced_is_allowed)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		char text[8192] = "allow read,write @/**\n";

		make_top();
		make_tree();
		add_rules(text);
		struct policy *policy = load(text);
		struct fence *fence = found(policy, draw_below(4) == 0, NULL);

		asked = policy;
		fenced = fence;
		ck_assert_int_eq(nftw(top, look, 16, FTW_PHYS), 0);
		fence_free(fence);
		policy_free(policy);
		drop_top();
	}
	ck_assert_uint_gt(covered, ROUNDS);
}
END_TEST

/** Is reading or writing the path refused by a rule? */
static bool is_refused(const char *path)
{
	struct policy_query query = {.text = path, .length = strlen(path)};
	struct policy_decision decision;
	bool refused = false;

	for (int i = 0; i < 2; i++) {
		query.action = i ? ACTION_WRITE : ACTION_READ;
		policy_decide(asked, &query, &decision);
		refused = refused ||
			  (decision.rule && decision.verdict != VERDICT_ALLOW);
	}
	return refused;
}

static struct identities *known;
static bool linking; /* else looking */
static unsigned refused_files;

/** Give a file a second name, of which no rule speaks; and see whether it is
 * known by that. */
static int second_name(const char *path, const struct stat *status, int type,
		       struct FTW *ftw)
{
	char again[ROOM];

	(void)ftw;
	if (type != FTW_F)
		return 0;
	snprintf(again, sizeof(again), "%s.again/%lu", top,
		 (unsigned long)status->st_ino);
	if (linking) {
		ck_assert_int_eq(link(path, again), 0);
		return 0;
	}
	bool refused = is_refused(path);

	refused_files += refused;
	ck_assert_msg((identities_find(known, again, status) != NULL) ==
			      refused,
		      "%s is %srefused", path, refused ? "" : "not ");
	return 0;
}

START_TEST(second_names_are_known)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* Some that float: the whole project is gone through. */
		char text[8192] = "allow read,write @/**\n"
				  "deny read /**/ab\n"
				  "deny write @/**/c\n"
				  "deny read @/**/b/a\n";
		char again[ROOM];

		make_top();
		make_tree();
		if (round % 2)
			add_rules(text);
		struct policy *policy = load(text);

		snprintf(again, sizeof(again), "%s.again", top);
		ck_assert_int_eq(mkdir(again, 0700), 0);
		asked = policy;
		linking = true;
		ck_assert_int_eq(nftw(top, second_name, 16, FTW_PHYS), 0);
		ck_assert_int_eq(identities_scan(policy, top, NULL, &known), 0);
		linking = false;
		ck_assert_int_eq(nftw(top, second_name, 16, FTW_PHYS), 0);
		identities_free(known);
		policy_free(policy);
		drop(again);
		drop_top();
	}
	ck_assert_uint_gt(refused_files, ROUNDS);
}
END_TEST

START_TEST(names_for_the_shim)
{
	struct shim_names *names = calloc(1, sizeof(*names));
	struct policy *policy;

	ck_assert_ptr_nonnull(names);
	make_top();
	policy = load(
		"allow read,write @/**\nhide read @/.ssh/**\n"
		"fake read @/**/.env as dotenv\ndeny read @/key\n"
		"hide read @/**/id_{rsa,dsa}\ndeny write @/**/.git/hooks/*\n"
		"deny read @/**/.envrc\nhide read @/.*_history\n");
	ck_assert_int_eq(fence_names(policy, names), 0);
	static const struct {
		const char *name;
		enum shim_named named;
	} cases[] = {
		{".ssh", SHIM_NAMED_OUTSIDE},
		{".bash_history", SHIM_NAMED_OUTSIDE},
		{".env", SHIM_NAMED_ANYWHERE},
		{"id_rsa", SHIM_NAMED_ANYWHERE},
		{"id_dsa", SHIM_NAMED_ANYWHERE},
		{".envrc", SHIM_NAMED_ANYWHERE},
		{"key", SHIM_NOT_NAMED},
		{".git", SHIM_NOT_NAMED},
		{"hooks", SHIM_NOT_NAMED},
		{"env", SHIM_NOT_NAMED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(shim_names_match(names, cases[i].name,
					       strlen(cases[i].name)) ==
				      cases[i].named,
			      "%s", cases[i].name);
	free(names);
	policy_free(policy);
	drop_top();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fence");
	TCase *tcase = tcase_create("fence");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, siblings_of_an_exception);
	tcase_add_test(tcase, below_what_is_hidden);
	tcase_add_test(tcase, names_that_float);
	tcase_add_test(tcase, a_tree_is_walked_once);
	tcase_add_test(tcase, what_is_logged_or_asked_or_granted);
	tcase_add_test(tcase, other_names_of_protected_files);
	tcase_add_test(tcase, the_sessions_own);
	tcase_add_test(tcase, what_is_fenced_is_allowed);
	tcase_add_test(tcase, second_names_are_known);
	tcase_add_test(tcase, names_for_the_shim);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
