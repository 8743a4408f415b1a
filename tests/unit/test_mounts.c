/* Which files are to be found at a second path, as the lines of
 * proc_pid_mountinfo(5) tell. */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/mounts.h"

static struct mounts_twice *twice_of(const char *text)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct mounts_twice *twice;

	ck_assert_ptr_nonnull(file);
	twice = mounts_twice_new(file);
	ck_assert_ptr_nonnull(twice);
	fclose(file);
	return twice;
}

#define ROOT "22 1 254:0 / / rw - ext4 /dev/vda rw\n"

static const struct {
	const char *what, *lines;
	const char *in[3], *out[4];
} cases[] = {
	{"one file system", ROOT, {NULL}, {"/home/me/.ssh/id_rsa", "/"}},
	{
		"each its own",
		ROOT "23 22 0:21 / /proc rw - proc proc rw\n"
		     "24 22 0:22 / /tmp rw shared:1 - tmpfs tmpfs rw\n",
		{NULL},
		{"/tmp/x", "/proc", "/"},
	},
	{
		"what ip-netns(8) leaves: mounted onto itself",
		ROOT "23 22 0:22 / /run rw - tmpfs tmpfs rw\n"
		     "24 23 0:22 /netns /run/netns rw shared:5 - tmpfs t rw\n"
		     "25 24 0:4 net:[4026532261] /run/netns/a rw - nsfs n rw\n",
		{NULL},
		{"/run/netns", "/run/x", "/"},
	},
	{
		"a container: parts of one disk, none in another",
		"22 1 0:50 / / rw - overlay overlay rw\n"
		"23 22 8:1 /lib/docker/a/hosts /etc/hosts rw - ext4 /d rw\n"
		"24 22 8:1 /lib/docker/a/name /etc/hostname rw - ext4 /d rw\n"
		"25 22 8:1 /home/me/project /workspace rw - ext4 /d rw\n",
		{NULL},
		{"/workspace/.env", "/etc/hosts", "/"},
	},
	{
		"a directory of the disk mounted elsewhere",
		ROOT "23 22 254:0 /home/me /srv/me rw - ext4 /dev/vda rw\n",
		{"/home/me", "/home/me/.ssh/id_rsa", "/srv/me/.ssh/id_rsa"},
		{"/home/you/.ssh/id_rsa", "/home", "/srv/me2", "/home/me.old"},
	},
	{
		"WSL: the whole of it",
		ROOT "23 22 254:0 / /mnt/wslg/distro ro - ext4 /dev/vda ro\n",
		{"/home/me/.ssh/id_rsa", "/mnt/wslg/distro/home", "/"},
		{NULL},
	},
	{
		"the same directory twice, beside others of its disk",
		"22 1 0:50 / / rw - overlay overlay rw\n"
		"23 22 8:1 /v/one /one rw - ext4 /d rw\n"
		"24 22 8:1 /v/one-more /more rw - ext4 /d rw\n"
		"25 22 8:1 /v/one /again rw - ext4 /d rw\n",
		{"/one/x", "/again/x"},
		{"/more/x", "/more", "/"},
	},
	{
		"a part of a part, with spaces",
		"22 1 0:50 / / rw - overlay overlay rw\n"
		"23 22 8:1 /a\\040b /one rw - ext4 /d rw\n"
		"24 22 8:1 /a\\040b/c/d /my\\040two rw - ext4 /d rw\n",
		{"/one/c/d/x", "/my two/x"},
		{"/one/c", "/one/x", "/my\\040two", "/my"},
	},
	{
		"the kernel's own are no files of anybody's",
		ROOT "23 22 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		     "24 22 0:30 / /other rw - cgroup2 cgroup2 rw\n",
		{NULL},
		{"/other/x", "/sys/fs/cgroup"},
	},
	{"not understood", "what is this\n", {"/", "/home/me/x"}, {NULL}},
};

START_TEST(second_paths)
{
	struct mounts_twice *twice = twice_of(cases[_i].lines);

	ck_assert_msg(mounts_twice_any(twice) == (cases[_i].in[0] != NULL),
		      "%s", cases[_i].what);
	for (size_t i = 0; i < 3 && cases[_i].in[i]; i++)
		ck_assert_msg(mounts_twice_has(twice, cases[_i].in[i]),
			      "%s: %s is not in it", cases[_i].what,
			      cases[_i].in[i]);
	for (size_t i = 0; i < 4 && cases[_i].out[i]; i++)
		ck_assert_msg(!mounts_twice_has(twice, cases[_i].out[i]),
			      "%s: %s is in it", cases[_i].what,
			      cases[_i].out[i]);
	mounts_twice_free(twice);
}
END_TEST

/* More than are kept: then everything. */
START_TEST(very_many)
{
	size_t room = 400000, length;
	char *text = malloc(room);

	ck_assert_ptr_nonnull(text);
	length = (size_t)snprintf(text, room, "%s", ROOT);
	for (int i = 0; i < 2000; i++)
		length += (size_t)snprintf(
			text + length, room - length,
			"23 22 254:0 /of/%d /at/%d rw - ext4 /dev/vda rw\n", i,
			i);
	ck_assert_uint_lt(length, room);
	struct mounts_twice *twice = twice_of(text);

	ck_assert(mounts_twice_has(twice, "/of/1999/x"));
	ck_assert(mounts_twice_has(twice, "/nowhere"));
	mounts_twice_free(twice);
	free(text);
}
END_TEST

static bool count(void *context, const struct mount_line *line)
{
	int *lines = context;

	ck_assert_int_eq(line->point[0], '/');
	return ++*lines < 1000;
}

START_TEST(own)
{
	struct mounts_twice *twice = mounts_twice_new(NULL);
	int lines = 0;

	ck_assert_ptr_nonnull(twice);
	(void)mounts_twice_any(twice);
	mounts_twice_free(twice);
	mounts_twice_free(NULL);
	ck_assert_int_eq(mounts_each(count, &lines), 0);
	ck_assert_int_gt(lines, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mounts");
	TCase *tests = tcase_create("mounts");
	SRunner *runner = srunner_create(suite);

	tcase_add_loop_test(tests, second_paths, 0,
			    sizeof(cases) / sizeof(*cases));
	tcase_add_test(tests, very_many);
	tcase_add_test(tests, own);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed > 0;
}
