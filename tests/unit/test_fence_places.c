/*
 * What the fence makes of certain places: of toolchains and packages in the
 * home, of devices, and of trees that are replaced.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fence_disk.h"

static struct fence *found_here(const struct policy *policy)
{
	return found_with(
		&(struct fence_input){.policy = policy, .project = top});
}

static const char *home_name = "home";

/* With a home directory in which there may be stores of tools. */
static struct fence *found_at_home(const struct policy *policy, bool strict)
{
	char home[ROOM], project[ROOM], repository[ROOM];

	snprintf(home, sizeof(home), "%s/%s", top, home_name);
	snprintf(repository, sizeof(repository), "%s/home", top);
	snprintf(project, sizeof(project), "%s/home/src", top);
	return found_with(&(struct fence_input){
		.policy = policy,
		.project = project,
		.home = home,
		/* Else it is scratch, in /tmp. */
		.repository = repository,
		.strict = strict,
	});
}

START_TEST(stores_of_tools)
{
	char from[ROOM], to[ROOM];
	struct policy *policy;
	struct fence *fence;

	make_top();
	put("home/.rustup/lib/.env");
	put("home/go/pkg/mod/.env");
	put("home/go/src/.env");
	put("home/go/src/x");
	put("home/.cargo/registry/x/.env");
	put("home/.cargo/credentials");
	put("home/.rustup2/.env");
	put("home/src/.rustup/.env");
	put("home/secret/key");
	policy = load("allow read,write @/**\nhide read @/home/**/.env\n"
		      "hide read @/home/.cargo/credentials\n"
		      "hide read @/home/secret/**\n");
	fence = found_at_home(policy, false);
	expect(fence, "home/.rustup/lib/.env", FENCE_READ);
	expect(fence, "home/go/pkg/mod/.env", FENCE_READ);
	expect(fence, "home/.cargo/registry/x/.env", FENCE_READ);
	expect(fence, "home/.cargo/credentials", 0);
	expect(fence, "home/go/src/.env", 0);
	expect(fence, "home/go/src/x", USE);
	expect(fence, "home/.rustup2/.env", 0);
	expect(fence, "home/src/.rustup/.env", 0);
	fence_free(fence);
	fence = found_at_home(policy, true);
	expect(fence, "home/.rustup/lib/.env", 0);
	fence_free(fence);
	/* HOME may be another name of it. */
	snprintf(to, sizeof(to), "%s/link", top);
	ck_assert_int_eq(symlink("home", to), 0);
	home_name = "link/";
	fence = found_at_home(policy, false);
	home_name = "home";
	expect(fence, "home/.rustup/lib/.env", FENCE_READ);
	fence_free(fence);
	/* A secret may have been linked into one before. */
	snprintf(from, sizeof(from), "%s/home/secret/key", top);
	snprintf(to, sizeof(to), "%s/home/.rustup/lib/x", top);
	ck_assert_int_eq(link(from, to), 0);
	fence = found_at_home(policy, false);
	expect(fence, "home/.rustup/lib/x", 0);
	expect(fence, "home/.rustup/lib/.env", 0);
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

/* What a rule names in a store itself is looked for. */
START_TEST(rules_for_stores)
{
	struct policy *policy;
	struct fence *fence;

	make_top();
	put("home/.rustup/lib/key");
	put("home/.rustup/near/x");
	put("home/.cargo/registry/a/key");
	put("home/.cargo/registry/b/key");
	put("home/.cargo/git/key");
	policy = load("allow read,write @/**\n"
		      "deny read @/home/.rustup/**/key\n"
		      "deny read @/home/.cargo/registry/a/**/key\n"
		      "deny read @/home/**/key2\n");
	fence = found_at_home(policy, false);
	expect(fence, "home/.rustup/lib/key", FENCE_WRITE);
	expect(fence, "home/.rustup/near/x", USE);
	expect(fence, "home/.cargo/registry/a/key", FENCE_WRITE);
	expect(fence, "home/.cargo/registry/b/key", USE);
	expect(fence, "home/.cargo/git/key", USE);
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

START_TEST(devices_of_memory)
{
	struct policy *policy;
	struct fence *fence;

	make_top();
	put("x");
	policy = load("allow read,write @/**\n"
		      "allow read,write /dev/null /dev/zero /dev/tty /dev/mem\n"
		      "allow read /dev/urandom\nask write /dev/urandom\n");
	fence = found_here(policy);
	ck_assert_uint_eq(rights_at(fence, "/dev/null"), USE);
	ck_assert_uint_eq(rights_at(fence, "/dev/zero"), USE);
	ck_assert_uint_eq(rights_at(fence, "/dev/urandom"), FENCE_READ);
	ck_assert_uint_eq(rights_at(fence, "/dev/full"), 0);
	ck_assert_uint_eq(rights_at(fence, "/dev/tty"), 0);
	ck_assert_uint_eq(rights_at(fence, "/dev/mem"), 0);
	ck_assert_uint_eq(rights_at(fence, "/dev/pts/0"), 0);
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

static bool covers(const struct fence *fence, const char *name)
{
	char path[ROOM];
	int length = snprintf(path, sizeof(path), "%s/%s", top, name);

	return fence_covers(fence, path, (size_t)length);
}

/* What a path says of a file that is there; and where its tree is another. */
START_TEST(covered_by_name)
{
	char from[ROOM], to[ROOM];

	make_top();
	put("a/x");
	put("b/near/x");
	put("b/built/x");
	put("b/asked/x");
	put("b/by/x");
	put("b/file");
	put("b/edited");
	put("b/secret");
	struct policy *policy = load("allow read @/**\nhide read @/b/secret\n"
				     "allow write @/b/built/** @/b/edited\n"
				     "ask write @/b/asked/**\n"
				     "allow write @/b/by/** by /usr/bin/env\n");
	struct fence *fence = found_here(policy);

	ck_assert(covers(fence, "a/x"));
	ck_assert(!covers(fence, "b/built/x"));
	ck_assert(covers(fence, "b/asked/x"));
	ck_assert(!covers(fence, "b/by/x"));
	ck_assert(covers(fence, "a"));
	ck_assert(covers(fence, "b/near/x"));
	ck_assert(covers(fence, "b/file"));
	/* Another may take its name at any time. */
	ck_assert(!covers(fence, "b/edited"));
	ck_assert(!covers(fence, "b/secret"));
	ck_assert(!covers(fence, "b/fil"));
	ck_assert(!covers(fence, "b/file2"));
	ck_assert(!covers(fence, "b"));
	ck_assert(!covers(fence, "ab/x"));
	snprintf(from, sizeof(from), "%s/a", top);
	snprintf(to, sizeof(to), "%s/moved", top);
	ck_assert_int_eq(rename(from, to), 0);
	put("a/x");
	ck_assert(!covers(fence, "a/x"));
	/* By its object it is. */
	ck_assert(!covers(fence, "moved/x"));
	strcat(to, "/x");
	ck_assert(fence_reads(fence, to));
	fence_free(fence);
	policy_free(policy);
	drop_top();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fence_places");
	TCase *tcase = tcase_create("fence_places");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, stores_of_tools);
	tcase_add_test(tcase, rules_for_stores);
	tcase_add_test(tcase, devices_of_memory);
	tcase_add_test(tcase, covered_by_name);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
