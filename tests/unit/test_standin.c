/*
 * Stand-ins as programs find them: made when touched, once, from real files
 * that stay as they are.
 */
#include "tests/unit/standin_world.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct policy_fake keys = {.kind = FAKE_KEYS};
static const struct policy_fake dotenv = {.kind = FAKE_DOTENV};
static const struct policy_fake aws = {.kind = FAKE_AWS};
static const struct policy_fake empty = {.kind = FAKE_EMPTY};

/* ------------------------------------------------------------ one file -- */

START_TEST(test_file_is_transformed)
{
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	struct stat st;
	const char *text;

	world_put(world_at(".env"), "TOKEN=canarycanary\n");
	ck_assert_int_eq(chmod(world_at(".env"), 0440), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, world_at(".env"), times, 0), 0);
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	text = world_get(world_mirrored(".env"));
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), strlen("TOKEN=canarycanary\n"));
	ck_assert_int_eq(strncmp(text, "TOKEN=", 6), 0);
	ck_assert_ptr_null(strstr(text, "canary"));
	ck_assert_int_eq(lstat(world_mirrored(".env"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(st.st_mtim.tv_sec, 2000);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_assert_str_eq(world_get(world_at(".env")), "TOKEN=canarycanary\n");
}
END_TEST

START_TEST(test_absent_stays_absent_until_it_is_there)
{
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	ck_assert(!world_there(world_mirrored(".env")));
	/* Its directory is, so a program could create it. */
	ck_assert(world_there(world_mirrored(".")));
	world_put(world_at(".env"), "A=canary\n");
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	ck_assert(world_there(world_mirrored(".env")));
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 0);
}
END_TEST

START_TEST(test_absent_directory_is_not_made)
{
	world_rule(0, world_at(".aws"), &aws);
	ck_assert_int_eq(world_prepare(world_at(".aws/credentials")), 0);
	ck_assert(!world_there(world_mirrored(".aws")));
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 0);
}
END_TEST

START_TEST(test_made_by_program_is_left)
{
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	world_put(world_mirrored(".env"), "mine\n");
	world_put(world_at(".env"), "A=canary\n");
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	ck_assert_str_eq(world_get(world_mirrored(".env")), "mine\n");
}
END_TEST

START_TEST(test_removed_by_program_stays_removed)
{
	world_put(world_at(".env"), "A=canary\n");
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	ck_assert_int_eq(unlink(world_mirrored(".env")), 0);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	ck_assert(!world_there(world_mirrored(".env")));
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 1);
}
END_TEST

START_TEST(test_written_by_program_stays_written)
{
	world_put(world_at(".env"), "A=canary\n");
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	world_put(world_mirrored(".env"), "A=new\n");
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	ck_assert_str_eq(world_get(world_mirrored(".env")), "A=new\n");
}
END_TEST

START_TEST(test_too_big)
{
	char *text = malloc(STANDIN_FILE_MAX + 2);

	memset(text, 'a', STANDIN_FILE_MAX + 1);
	text[STANDIN_FILE_MAX + 1] = '\0';
	world_put(world_at("big"), text);
	free(text);
	world_rule(0, world_at("big"), &keys);
	ck_assert_int_eq(world_prepare(world_at("big")), -EFBIG);
	ck_assert(!world_there(world_mirrored("big")));
}
END_TEST

START_TEST(test_fifo_is_left_out)
{
	ck_assert_int_eq(mkfifo(world_at("fifo"), 0600), 0);
	world_rule(0, world_at("fifo"), &keys);
	ck_assert_int_eq(world_prepare(world_at("fifo")), 0);
	ck_assert(!world_there(world_mirrored("fifo")));
}
END_TEST

START_TEST(test_path_must_be_canonical)
{
	static const char *const paths[] = {"",	   "/",	      "a",    "/a/",
					    "//a", "/a/../b", "/./a", "/a/.."};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		ck_assert_int_eq(standins_prepare(world.standins, &keys,
						  paths[i], &world_host),
				 -EINVAL);
}
END_TEST

/* A program put a link in the way of a stand-in that is yet to be made. */
START_TEST(test_link_in_the_mirror_is_not_followed)
{
	char elsewhere[PATH_MAX + 16];

	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", world.base);
	ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
	ck_assert_int_eq(mkdir(world_at("d"), 0700), 0);
	world_put(world_at("d/one"), "password=canary\n");
	world_put(world_at("d/two"), "password=canary\n");
	world_rule(0, world_at("d"), &keys);
	ck_assert_int_eq(world_prepare(world_at("d/one")), 0);
	ck_assert_int_eq(unlink(world_mirrored("d/one")), 0);
	ck_assert_int_eq(rmdir(world_mirrored("d")), 0);
	ck_assert_int_eq(symlink(elsewhere, world_mirrored("d")), 0);
	ck_assert_int_ne(world_prepare(world_at("d/two")), 0);
	ck_assert_int_eq(rmdir(elsewhere), 0);
}
END_TEST

/* --------------------------------------------------------- other kinds -- */

START_TEST(test_empty)
{
	world_put(world_at("x"), "canary");
	ck_assert_int_eq(mkdir(world_at("d"), 0755), 0);
	world_put(world_at("d/y"), "canary");
	world_rule(0, world_at("x"), &empty);
	world_rule(1, world_at("d"), &empty);
	world_rule(2, world_at("absent/z"), &empty);
	ck_assert_int_eq(world_prepare(world_at("x")), 0);
	ck_assert_str_eq(world_get(world_mirrored("x")), "");
	ck_assert_int_eq(world_prepare(world_at("d/y")), 0);
	ck_assert(world_there(world_mirrored("d")));
	ck_assert(!world_there(world_mirrored("d/y")));
	ck_assert_int_eq(world_prepare(world_at("absent/z")), 0);
	ck_assert_str_eq(world_get(world_mirrored("absent/z")), "");
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 0);
}
END_TEST

START_TEST(test_text)
{
	static const struct policy_fake text = {FAKE_TEXT, "hello\n", 6};

	world_rule(0, world_at("greeting"), &text);
	ck_assert_int_eq(world_prepare(world_at("greeting")), 0);
	ck_assert_str_eq(world_get(world_mirrored("greeting")), "hello\n");
}
END_TEST

START_TEST(test_file_and_dir)
{
	char source[PATH_MAX + 16];
	struct policy_fake file = {.kind = FAKE_FILE};
	struct policy_fake dir = {.kind = FAKE_DIR};

	snprintf(source, sizeof(source), "%s/source", world.real);
	ck_assert_int_eq(mkdir(source, 0755), 0);
	ck_assert_int_eq(mkdir(world_at("source/sub"), 0755), 0);
	world_put(world_at("source/sub/a"), "one\n");
	file.text = world_at("source/sub/a");
	dir.text = source;
	world_rule(0, world_at("f"), &file);
	world_rule(1, world_at("tree"), &dir);
	ck_assert_int_eq(world_prepare(world_at("f")), 0);
	ck_assert_str_eq(world_get(world_mirrored("f")), "one\n");
	ck_assert_int_eq(world_prepare(world_at("tree/sub/a")), 0);
	ck_assert_str_eq(world_get(world_mirrored("tree/sub/a")), "one\n");
	ck_assert_int_eq(world_prepare(world_at("tree/none")), 0);
	ck_assert(!world_there(world_mirrored("tree/none")));
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 0);
}
END_TEST

/* --------------------------------------------------------- directories -- */

START_TEST(test_tree_is_mirrored)
{
	struct stat st;

	ck_assert_int_eq(mkdir(world_at("g"), 0750), 0);
	ck_assert_int_eq(mkdir(world_at("g/sub"), 0700), 0);
	world_put(world_at("g/a.json"), "{\"token\": \"canary\"}");
	world_put(world_at("g/sub/b.ini"), "password = canary\n");
	world_put(world_at("g/real"), "canary");
	world_put(world_at("g/other"), "canary");
	ck_assert_int_eq(mkfifo(world_at("g/fifo"), 0600), 0);
	ck_assert_int_eq(symlink("sub/b.ini", world_at("g/inside")), 0);
	ck_assert_int_eq(symlink("../outside", world_at("g/outside")), 0);
	ck_assert_int_eq(symlink("/etc/passwd", world_at("g/far")), 0);
	ck_assert_int_eq(symlink("sub/../../x", world_at("g/tricky")), 0);
	ck_assert_int_eq(symlink("../a.json", world_at("g/sub/up")), 0);
	world_rule(0, world_at("g"), &keys);
	world_rule(1, world_at("g/real"), NULL);
	world_rule(2, world_at("g/other"), &empty);
	ck_assert_int_eq(world_prepare(world_at("g")), 0);
	ck_assert_ptr_null(
		strstr(world_get(world_mirrored("g/a.json")), "canary"));
	ck_assert_ptr_null(
		strstr(world_get(world_mirrored("g/sub/b.ini")), "canary"));
	ck_assert_str_eq(world_get(world_mirrored("g/real")), "");
	ck_assert_str_eq(world_get(world_mirrored("g/other")), "");
	ck_assert(!world_there(world_mirrored("g/fifo")));
	ck_assert(world_there(world_mirrored("g/inside")));
	ck_assert(world_there(world_mirrored("g/sub/up")));
	ck_assert(!world_there(world_mirrored("g/outside")));
	ck_assert(!world_there(world_mirrored("g/far")));
	ck_assert(!world_there(world_mirrored("g/tricky")));
	ck_assert_int_eq(lstat(world_mirrored("g"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 0);
}
END_TEST

START_TEST(test_file_first_then_its_directory)
{
	ck_assert_int_eq(mkdir(world_at("g"), 0700), 0);
	world_put(world_at("g/a"), "password = canary\n");
	world_put(world_at("g/b"), "password = canary\n");
	world_rule(0, world_at("g"), &keys);
	ck_assert_int_eq(world_prepare(world_at("g/a")), 0);
	ck_assert(!world_there(world_mirrored("g/b")));
	world_put(world_mirrored("g/a"), "mine\n");
	ck_assert_int_eq(world_prepare(world_at("g")), 0);
	ck_assert(world_there(world_mirrored("g/b")));
	ck_assert_str_eq(world_get(world_mirrored("g/a")), "mine\n");
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 1);
}
END_TEST

START_TEST(test_unreadable_and_big_are_left_out)
{
	char *text = malloc(STANDIN_FILE_MAX + 2);

	memset(text, 'a', STANDIN_FILE_MAX + 1);
	text[STANDIN_FILE_MAX + 1] = '\0';
	ck_assert_int_eq(mkdir(world_at("g"), 0700), 0);
	world_put(world_at("g/a"), "password = canary\n");
	world_put(world_at("g/big"), text);
	free(text);
	world_rule(0, world_at("g"), &keys);
	ck_assert_int_eq(world_prepare(world_at("g")), 0);
	ck_assert(world_there(world_mirrored("g/a")));
	ck_assert(!world_there(world_mirrored("g/big")));
	ck_assert_int_eq(world_prepare(world_at("g/big")), -EFBIG);
}
END_TEST

START_TEST(test_too_many_entries)
{
	char name[64];

	ck_assert_int_eq(mkdir(world_at("g"), 0700), 0);
	for (unsigned i = 0; i < STANDIN_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "g/%u", i);
		world_put(world_at(name), "");
	}
	world_rule(0, world_at("g"), &keys);
	ck_assert_int_eq(world_prepare(world_at("g")), -EFBIG);
	ck_assert_int_eq(world_prepare(world_at("g/77")), 0);
	ck_assert(world_there(world_mirrored("g/77")));
}
END_TEST

START_TEST(test_too_deep)
{
	char name[4 * STANDIN_DEPTH_MAX] = "g";

	for (unsigned i = 0; i <= STANDIN_DEPTH_MAX; i++) {
		ck_assert_int_eq(mkdir(world_at(name), 0700), 0);
		strcat(name, "/d");
	}
	world_rule(0, world_at("g"), &keys);
	ck_assert_int_eq(world_prepare(world_at("g")), 0);
	ck_assert(world_there(world_mirrored("g/d/d/d")));
}
END_TEST

/* --------------------------------------------------------- concurrency -- */

static void *prepare_one(void *path)
{
	return (void *)(intptr_t)world_prepare(path);
}

START_TEST(test_many_threads_make_it_once)
{
	pthread_t threads[16];
	char path[PATH_MAX + 16];

	world_put(world_at(".env"), "A=canary\n");
	snprintf(path, sizeof(path), "%s", world_at(".env"));
	world_rule(0, path, &dotenv);
	for (size_t i = 0; i < 16; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, prepare_one, path),
			0);
	for (size_t i = 0; i < 16; i++) {
		void *result;

		pthread_join(threads[i], &result);
		ck_assert_ptr_null(result);
	}
	ck_assert_uint_eq(atomic_load(&world.reads), 1);
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 0);
}
END_TEST

/* -------------------------------------------------------- placeholders -- */

START_TEST(test_placeholder_is_one_per_value)
{
	char *a = standins_placeholder(world.standins, "A", "canary-value-1");
	char *b = standins_placeholder(world.standins, "B", "canary-value-1");
	char *c = standins_placeholder(world.standins, "C", "canary-value-2");

	ck_assert_str_eq(a, b);
	ck_assert_str_ne(a, c);
	ck_assert_str_eq(
		standins_find_placeholder(world.standins, a, strlen(a)), "A");
	ck_assert_ptr_null(standins_find_placeholder(world.standins,
						     "canary-value-1", 14));
	free(a);
	free(b);
	free(c);
}
END_TEST

/* ------------------------------------------------------------- at end -- */

struct seen {
	char text[1024];
};

static void see(void *context, const char *path)
{
	struct seen *seen = context;

	strcat(seen->text, path + strlen(world.real));
	strcat(seen->text, " ");
}

START_TEST(test_changes)
{
	struct seen seen = {""};

	ck_assert_int_eq(mkdir(world_at("g"), 0700), 0);
	world_put(world_at("g/a"), "password = canary\n");
	world_put(world_at("g/b"), "password = canary\n");
	world_put(world_at("g/c"), "password = canary\n");
	world_rule(0, world_at("g"), &keys);
	ck_assert_int_eq(world_prepare(world_at("g")), 0);
	world_put(world_mirrored("g/a"), "x\n");
	ck_assert_int_eq(unlink(world_mirrored("g/b")), 0);
	ck_assert_int_eq(mkdir(world_mirrored("g/new"), 0700), 0);
	world_put(world_mirrored("g/new/file"), "x\n");
	ck_assert_uint_eq(standins_changed(world.standins, see, &seen), 4);
	ck_assert_str_eq(seen.text, "/g/a /g/b /g/new /g/new/file ");
}
END_TEST

/* What interpose gives for two paths, of which one cannot be had. */
static int give(void *context, const char *path, char **bytes, size_t *length)
{
	unsigned *asked = context;

	++*asked;
	if (strcmp(path, world_at("lost")) == 0)
		return -EIO;
	if (strcmp(path, world_at("given/file")) != 0)
		return -ENOENT;
	*bytes = strdup("given\n");
	*length = strlen("given\n");
	return *bytes ? 0 : -ENOMEM;
}

START_TEST(test_given_content)
{
	unsigned asked = 0;

	standins_give(world.standins, give, &asked);
	ck_assert_uint_eq(asked, 0);
	ck_assert_int_eq(mkdir(world_at("given"), 0700), 0);
	world_put(world_at("given/file"), "canary\n");
	world_put(world_at("given/other"), "canary\n");
	world_rule(0, world_at("given/file"), &empty);
	world_rule(1, world_at("given/other"), &empty);
	world_rule(2, world_at("lost"), &empty);
	ck_assert_int_eq(world_prepare(world_at("given/file")), 0);
	ck_assert_str_eq(world_get(world_mirrored("given/file")), "given\n");
	ck_assert_uint_eq(asked, 1);
	ck_assert_int_eq(world_prepare(world_at("given/other")), 0);
	ck_assert_str_eq(world_get(world_mirrored("given/other")), "");
	ck_assert_int_eq(world_prepare(world_at("lost")), -EIO);
	ck_assert(!world_there(world_mirrored("lost")));
	/* It is the programs' own now. */
	world_put(world_mirrored("given/file"), "mine\n");
	ck_assert_int_eq(world_prepare(world_at("given/file")), 0);
	ck_assert_str_eq(world_get(world_mirrored("given/file")), "mine\n");
	ck_assert_uint_eq(standins_changed(world.standins, NULL, NULL), 1);
}
END_TEST

/* Also where all around it is faked in another way. */
START_TEST(test_given_below_what_is_faked)
{
	unsigned asked = 0;

	standins_give(world.standins, give, &asked);
	ck_assert_int_eq(mkdir(world_at("given"), 0700), 0);
	world_put(world_at("given/file"), "password = canary\n");
	world_put(world_at("given/b"), "password = canary\n");
	world_rule(0, world_at("given"), &keys);
	ck_assert_int_eq(world_prepare(world_at("given")), 0);
	ck_assert_str_eq(world_get(world_mirrored("given/file")), "given\n");
	ck_assert(world_there(world_mirrored("given/b")));
}
END_TEST

START_TEST(test_keep)
{
	char state[PATH_MAX + 16], path[3 * PATH_MAX];
	int fd;

	snprintf(state, sizeof(state), "%s/state", world.base);
	ck_assert_int_eq(mkdir(state, 0700), 0);
	fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world_put(world_at(".env"), "A=canary\n");
	world_rule(0, world_at(".env"), &dotenv);
	ck_assert_int_eq(world_prepare(world_at(".env")), 0);
	snprintf(path, sizeof(path), "%s/standins/mirror%s/.env", state,
		 world.real);
	ck_assert_int_eq(standins_keep(world.standins, fd), 0);
	ck_assert(!world_there(path));
	world_put(world_mirrored(".env"), "A=new\n");
	ck_assert_int_eq(standins_keep(world.standins, fd), 0);
	ck_assert_str_eq(world_get(path), "A=new\n");
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("standin");
	TCase *tcase = tcase_create("standin");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, world_make, world_remove);
	tcase_add_test(tcase, test_file_is_transformed);
	tcase_add_test(tcase, test_absent_stays_absent_until_it_is_there);
	tcase_add_test(tcase, test_absent_directory_is_not_made);
	tcase_add_test(tcase, test_made_by_program_is_left);
	tcase_add_test(tcase, test_removed_by_program_stays_removed);
	tcase_add_test(tcase, test_written_by_program_stays_written);
	tcase_add_test(tcase, test_too_big);
	tcase_add_test(tcase, test_fifo_is_left_out);
	tcase_add_test(tcase, test_path_must_be_canonical);
	tcase_add_test(tcase, test_link_in_the_mirror_is_not_followed);
	tcase_add_test(tcase, test_empty);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_file_and_dir);
	tcase_add_test(tcase, test_tree_is_mirrored);
	tcase_add_test(tcase, test_file_first_then_its_directory);
	tcase_add_test(tcase, test_unreadable_and_big_are_left_out);
	tcase_add_test(tcase, test_too_many_entries);
	tcase_add_test(tcase, test_too_deep);
	tcase_add_test(tcase, test_many_threads_make_it_once);
	tcase_add_test(tcase, test_placeholder_is_one_per_value);
	tcase_add_test(tcase, test_changes);
	tcase_add_test(tcase, test_given_content);
	tcase_add_test(tcase, test_given_below_what_is_faked);
	tcase_add_test(tcase, test_keep);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
