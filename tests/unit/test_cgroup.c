/*
 * Where a session's cgroup may be made: of trees that are plain directories,
 * with the files that count.
 */
#include "supervisor/cgroup_place.h"

#include "supervisor/cgroup.h"
#include "supervisor/remove_tree.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];
static struct cgroup_tree tree;
static struct cgroup_place place;

static void put(const char *directory, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", base, directory, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void unput(const char *directory, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s", base, directory, name);
	ck_assert_int_eq(unlink(path), 0);
}

/* A group as the kernel makes it, whose children have `given`. */
static void group(const char *path, const char *given, const char *processes)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", base, path);
	ck_assert_int_eq(mkdir(full, 0755), 0);
	put(path, "cgroup.type", "domain\n");
	put(path, "cgroup.controllers", "cpu memory pids\n");
	put(path, "cgroup.subtree_control", given);
	put(path, "cgroup.procs", processes);
	put(path, "memory.max", "max\n");
	put(path, "memory.high", "max\n");
	put(path, "pids.max", "max\n");
	put(path, "cpu.max", "max 100000\n");
	put(path, "cpuset.cpus", "\n");
}

static void own(const char *path, const char *root)
{
	char text[1024];

	snprintf(text, sizeof(text), "3:memory:/other\n0::%s\n", path);
	put("proc", "cgroup", text);
	snprintf(text, sizeof(text),
		 "31 23 0:28 / /sys rw shared:1 - sysfs sysfs rw\n"
		 "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw\n"
		 "41 31 0:38 %s %s/top rw,relatime - cgroup2 cgroup2 rw\n",
		 root, base);
	put("proc", "mountinfo", text);
}

static int learn(void)
{
	char proc[128];

	snprintf(proc, sizeof(proc), "%s/proc", base);
	place = CGROUP_PLACE_START;
	return cgroup_learn(proc, &tree);
}

static int next(void)
{
	return cgroup_next(&tree, CGROUP_MEMORY | CGROUP_PIDS, &place);
}

static const char *found(void)
{
	return place.path + strlen(base);
}

/* As systemd: a slice, and a scope with our shell. */
static void setup(void)
{
	char path[128];

	snprintf(base, sizeof(base), "/tmp/test-cgroup-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/proc", base);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	group("top", "memory pids\n", "");
	unput("top", "cgroup.type"); /* as of the root */
	group("top/app.slice", "cpu memory pids\n", "");
	group("top/app.slice/shell.scope", "\n", "100\n101\n");
	own("/app.slice/shell.scope", "/");
	ck_assert_int_eq(learn(), 0);
}

static void teardown(void)
{
	int parent = open("/tmp", O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(remove_tree(parent, base + strlen("/tmp/")), 0);
	close(parent);
}

START_TEST(beside_the_scope)
{
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top/app.slice");
	ck_assert_uint_eq(place.missing, 0);
	ck_assert_int_eq(place.memory, -1);
	ck_assert_int_eq(place.pids, -1);
	/* Where that one does not do. */
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top");
	ck_assert_int_eq(next(), -ENOENT);
}
END_TEST

START_TEST(controllers_are_given_where_no_process_is)
{
	put("top/app.slice", "cgroup.subtree_control", "cpu pids\n");
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top/app.slice");
	ck_assert_uint_eq(place.missing, CGROUP_MEMORY);
}
END_TEST

START_TEST(no_controllers_beside_processes)
{
	put("top/app.slice", "cgroup.subtree_control", "\n");
	put("top/app.slice", "cgroup.procs", "7\n");
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top");
}
END_TEST

START_TEST(the_root_has_processes_and_children)
{
	own("/", "/");
	put("top", "cgroup.subtree_control", "\n");
	put("top", "cgroup.procs", "1\n2\n");
	ck_assert_int_eq(learn(), 0);
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top");
	ck_assert_uint_eq(place.missing, CGROUP_MEMORY | CGROUP_PIDS);
	/* But one that only looks like a root, of a namespace. */
	put("top", "cgroup.type", "domain\n");
	ck_assert_int_eq(learn(), 0);
	ck_assert_int_eq(next(), -ENOENT);
}
END_TEST

START_TEST(no_such_controllers)
{
	put("top/app.slice", "cgroup.subtree_control", "\n");
	put("top/app.slice", "cgroup.controllers", "cpu memory pids2\n");
	put("top", "cgroup.subtree_control", "cpu\n");
	put("top", "cgroup.controllers", "cpu xmemory pids\n");
	ck_assert_int_eq(next(), -ENOENT);
}
END_TEST

START_TEST(no_right_to_move)
{
	unput("top/app.slice", "cgroup.procs");
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top");
}
END_TEST

START_TEST(not_ours_to_write)
{
	char path[128];

	if (geteuid() == 0)
		return; /* who may write all */
	snprintf(path, sizeof(path), "%s/top/app.slice", base);
	ck_assert_int_eq(chmod(path, 0555), 0);
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top");
	ck_assert_int_eq(chmod(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/top/app.slice/cgroup.procs", base);
	ck_assert_int_eq(chmod(path, 0444), 0);
	ck_assert_int_eq(learn(), 0);
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top");
}
END_TEST

START_TEST(threads_only)
{
	put("top/app.slice", "cgroup.type", "domain threaded\n");
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top");
}
END_TEST

START_TEST(limits_that_are_left_are_kept)
{
	put("top/app.slice/shell.scope", "memory.max", "1073741824\n");
	put("top/app.slice/shell.scope", "pids.max", "500\n");
	put("top/app.slice", "memory.max", "2147483648\n");
	put("top/app.slice", "pids.max", "400\n");
	ck_assert_int_eq(next(), 0);
	ck_assert_int_eq(place.memory, 1073741824);
	ck_assert_int_eq(place.pids, 500);
	ck_assert_int_eq(next(), 0);
	ck_assert_int_eq(place.memory, 1073741824);
	ck_assert_int_eq(place.pids, 400);
}
END_TEST

START_TEST(other_limits_are_not_left)
{
	static const char *const set[][2] = {
		{"cpu.max", "50000 100000\n"},
		{"memory.high", "1000000\n"},
		{"cpuset.cpus", "0-1\n"},
		{"cpuset.mems", "0\n"},
		{"io.max", "8:0 rbps=1000000 wbps=max riops=max wiops=max\n"},
		{"memory.swap.max", "0\n"},
		{"hugetlb.2MB.max", "0\n"},
	};

	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++) {
		group("top/app.slice/a.scope", "\n", "100\n");
		own("/app.slice/a.scope", "/");
		put("top/app.slice/a.scope", set[i][0], set[i][1]);
		ck_assert_int_eq(learn(), 0);
		ck_assert_int_eq(next(), -ENOENT);
		char path[128];

		snprintf(path, sizeof(path), "%s/top/app.slice", base);
		int parent = open(path, O_RDONLY | O_DIRECTORY);

		ck_assert_int_eq(remove_tree(parent, "a.scope"), 0);
		close(parent);
	}
}
END_TEST

/* Only what is called as ours is looked at, and ended, by a later start. */
START_TEST(names_of_ours)
{
	ck_assert(cgroup_is_named("interpose-0123456789abcdef"));
	ck_assert(!cgroup_is_named("interpose-0123456789abcdef.scope"));
	ck_assert(!cgroup_is_named("interpose-0123456789abcde"));
	ck_assert(!cgroup_is_named("interpose-dev.scope"));
	ck_assert(!cgroup_is_named("interpose-"));
	ck_assert(!cgroup_is_named("interpose"));
	ck_assert(!cgroup_is_named("shell.scope"));
}
END_TEST

START_TEST(a_part_is_mounted)
{
	own("/box/app.slice/shell.scope", "/box");
	ck_assert_int_eq(learn(), 0);
	ck_assert_int_eq(next(), 0);
	ck_assert_str_eq(found(), "/top/app.slice");
	own("/box/app.slice", "/bo");
	ck_assert_int_eq(learn(), -ENOENT);
	own("/../other", "/");
	ck_assert_int_eq(learn(), -ENOENT);
	own("/gone (deleted)", "/");
	ck_assert_int_eq(learn(), -ENOENT);
}
END_TEST

START_TEST(no_version_2)
{
	put("proc", "cgroup", "3:memory:/other\n");
	ck_assert_int_eq(learn(), -ENOENT);
	put("proc", "cgroup", "0::/\n");
	put("proc", "mountinfo",
	    "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw\n");
	ck_assert_int_eq(learn(), -ENOENT);
}
END_TEST

START_TEST(numbers_by_key)
{
	char path[128];

	put("top", "memory.events", "low 0\nmax 31\noom 2\noom_kill 1\n");
	snprintf(path, sizeof(path), "%s/top/memory.events", base);
	int fd = open(path, O_RDONLY);

	ck_assert_uint_eq(cgroup_keyed(fd, "oom"), 2);
	ck_assert_uint_eq(cgroup_keyed(fd, "oom_kill"), 1);
	ck_assert_uint_eq(cgroup_keyed(fd, "max"), 31);
	ck_assert_uint_eq(cgroup_keyed(fd, "oom_group_kill"), 0);
	/* A directory of another file system is not the kernel's. */
	ck_assert(!cgroup_guards(fd));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup");
	TCase *tests = tcase_create("places");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, beside_the_scope);
	tcase_add_test(tests, controllers_are_given_where_no_process_is);
	tcase_add_test(tests, no_controllers_beside_processes);
	tcase_add_test(tests, the_root_has_processes_and_children);
	tcase_add_test(tests, no_such_controllers);
	tcase_add_test(tests, no_right_to_move);
	tcase_add_test(tests, not_ours_to_write);
	tcase_add_test(tests, threads_only);
	tcase_add_test(tests, limits_that_are_left_are_kept);
	tcase_add_test(tests, other_limits_are_not_left);
	tcase_add_test(tests, names_of_ours);
	tcase_add_test(tests, a_part_is_mounted);
	tcase_add_test(tests, no_version_2);
	tcase_add_test(tests, numbers_by_key);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
