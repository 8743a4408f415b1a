/*
 * Sessions on the disk. Every test has a home and a runtime directory of its
 * own below a directory that is deleted afterwards.
 */
#include "supervisor/sessions.h"

#include "supervisor/remove_tree.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[64];

static const char *path(const char *name)
{
	static char joined[4][256];
	static unsigned next;
	char *out = joined[next++ % 4];

	snprintf(out, sizeof(joined[0]), "%s/%s", base, name);
	return out;
}

static void setup(void)
{
	snprintf(base, sizeof(base), "/tmp/test-sessions-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
	ck_assert_int_eq(mkdir(path("runtime"), 0700), 0);
	ck_assert_int_eq(mkdir(path("home"), 0755), 0);
	setenv("HOME", path("home"), 1);
	setenv("XDG_RUNTIME_DIR", path("runtime"), 1);
	unsetenv("XDG_STATE_HOME");
}

static void teardown(void)
{
	int parent = open("/tmp", O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(remove_tree(parent, base + strlen("/tmp/")), 0);
	close(parent);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(lstat(name, &st), 0);
	return st.st_mode & 07777;
}

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(name, &st);
}

/* A session whose supervisor was killed; its runtime directory's path. */
static void make_dead(char *runtime, size_t size)
{
	int pipefd[2];
	pid_t pid;
	ssize_t n;

	ck_assert_int_eq(pipe(pipefd), 0);
	pid = fork();
	if (!pid) {
		struct session_files files;

		if (sessions_create("dead", NULL, &files))
			_exit(1);
		n = write(pipefd[1], files.runtime_path,
			  strlen(files.runtime_path) + 1);
		pause();
		_exit(n < 0);
	}
	n = read(pipefd[0], runtime, size);
	ck_assert_int_gt(n, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pipefd[0]);
	close(pipefd[1]);
}

START_TEST(directories_are_private)
{
	struct session_files files;
	char id[128];

	ck_assert_int_eq(sessions_create("/usr/bin/claude", NULL, &files), 0);
	snprintf(id, sizeof(id), "home/.local/state/interpose/sessions/%s",
		 files.id);
	ck_assert_str_eq(files.state_path, path(id));
	snprintf(id, sizeof(id), "runtime/interpose/%s", files.id);
	ck_assert_str_eq(files.runtime_path, path(id));
	ck_assert_uint_eq(mode_of(files.state_path), 0700);
	ck_assert_uint_eq(mode_of(files.runtime_path), 0700);
	ck_assert_uint_eq(mode_of(path("runtime/interpose")), 0700);
	sessions_release(&files);
}
END_TEST

START_TEST(id_has_a_sanitised_program)
{
	static const struct {
		const char *program, *name;
	} rows[] = {
		{"/usr/bin/claude", "claude"},
		{"claude-code", "claude-code"},
		{"a b\n\x1b[31m\xff", "a_b___31m_"},
		{"/", "_"},
		{"..", ".."},
		{"0123456789012345678901234567890123456789",
		 "01234567890123456789012345678901"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session_files files;
		size_t length;

		ck_assert_int_eq(sessions_create(rows[i].program, NULL, &files),
				 0);
		length = strlen(files.id);
		ck_assert_uint_eq(length, 16 + strlen(rows[i].name) + 5);
		ck_assert(!strncmp(files.id + 16, rows[i].name,
				   strlen(rows[i].name)));
		ck_assert_int_eq(files.id[8], '-');
		ck_assert_int_eq(files.id[length - 5], '-');
		sessions_release(&files);
	}
}
END_TEST

START_TEST(removing_leaves_the_state_only)
{
	struct session_files files;
	char runtime[256];

	ck_assert_int_eq(sessions_create("x", NULL, &files), 0);
	snprintf(runtime, sizeof(runtime), "%s", files.runtime_path);
	ck_assert_int_eq(sessions_remove_runtime(&files), 0);
	ck_assert(!exists(runtime));
	ck_assert(exists(files.state_path));
	sessions_release(&files);
}
END_TEST

START_TEST(dead_is_cleared_and_live_is_kept)
{
	struct session_files live;
	char dead[256];

	ck_assert_int_eq(sessions_create("live", NULL, &live), 0);
	make_dead(dead, sizeof(dead));
	ck_assert(exists(dead));
	ck_assert_int_eq(sessions_clear_dead(), 0);
	ck_assert(!exists(dead));
	ck_assert(exists(live.runtime_path));
	sessions_release(&live);
	ck_assert_int_eq(sessions_clear_dead(), 0);
	ck_assert(!exists(path("runtime/interpose/x")));
}
END_TEST

START_TEST(clearing_follows_no_link)
{
	char dead[256], name[300];

	make_dead(dead, sizeof(dead));
	ck_assert_int_eq(mkdir(path("kept"), 0700), 0);
	ck_assert_int_eq(creat(path("kept/file"), 0600) < 0, 0);
	snprintf(name, sizeof(name), "%s/link", dead);
	ck_assert_int_eq(symlink(path("kept"), name), 0);
	/* A link in the place of a session's directory. */
	ck_assert_int_eq(symlink(path("kept"), path("runtime/interpose/"
						    "20200101-000000-x-abcd")),
			 0);
	ck_assert_int_eq(sessions_clear_dead(), 0);
	ck_assert(!exists(dead));
	ck_assert(exists(path("kept/file")));
}
END_TEST

START_TEST(clearing_takes_what_programs_made)
{
	char dead[256];
	int fd;

	make_dead(dead, sizeof(dead));
	fd = open(dead, O_RDONLY | O_DIRECTORY);
	for (int depth = 0; depth < 300; depth++) {
		int sub;

		ck_assert_int_eq(mkdirat(fd, "deep", 0700), 0);
		sub = openat(fd, "deep", O_RDONLY | O_DIRECTORY);
		close(openat(fd, "file", O_CREAT | O_WRONLY, 0));
		if (depth % 50 == 0)
			fchmod(fd, depth ? 0 : 0700);
		close(fd);
		fd = sub;
	}
	close(fd);
	ck_assert_int_eq(sessions_clear_dead(), 0);
	ck_assert(!exists(dead));
}
END_TEST

START_TEST(clearing_ends_what_another_began)
{
	char dead[256], begun[256];

	make_dead(dead, sizeof(dead));
	snprintf(begun, sizeof(begun), "%s",
		 path("runtime/interpose/.dead-20200101-000000-x-abcd"));
	ck_assert_int_eq(rename(dead, begun), 0);
	ck_assert_int_eq(sessions_clear_dead(), 0);
	ck_assert(!exists(begun));
}
END_TEST

START_TEST(clearing_nothing_makes_nothing)
{
	ck_assert_int_eq(sessions_clear_dead(), 0);
	ck_assert(!exists(path("home/.local")));
	ck_assert(!exists(path("runtime/interpose")));
}
END_TEST

START_TEST(starts_and_clearings_do_not_disturb_each_other)
{
	enum { CHILDREN = 4, ROUNDS = 100 };

	for (int i = 0; i < CHILDREN; i++) {
		if (fork())
			continue;
		for (int k = 0; k < ROUNDS; k++) {
			struct session_files files;

			if (i % 2) {
				if (sessions_clear_dead())
					_exit(1);
				continue;
			}
			if (sessions_create("race", NULL, &files))
				_exit(2);
			if (!exists(files.runtime_path))
				_exit(3);
			/* Every other one dies. */
			if (k % 2 && sessions_remove_runtime(&files))
				_exit(4);
			sessions_release(&files);
		}
		_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;

		wait(&status);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

START_TEST(unsafe_runtime_directory_is_not_used)
{
	struct session_files files;
	char expected[256];

	ck_assert_int_eq(chmod(path("runtime"), 0755), 0);
	ck_assert_int_eq(sessions_create("x", NULL, &files), 0);
	snprintf(expected, sizeof(expected), "%s/%s",
		 path("home/.local/state/interpose/run"), files.id);
	ck_assert_str_eq(files.runtime_path, expected);
	sessions_release(&files);
	ck_assert_int_eq(sessions_clear_dead(), 0);
	ck_assert(!exists(expected));
}
END_TEST

START_TEST(link_in_our_place_is_refused)
{
	struct session_files files;

	ck_assert_int_eq(mkdir(path("elsewhere"), 0700), 0);
	ck_assert_int_eq(mkdir(path("state"), 0700), 0);
	ck_assert_int_eq(symlink(path("elsewhere"), path("state/interpose")),
			 0);
	setenv("XDG_STATE_HOME", path("state"), 1);
	ck_assert_int_eq(sessions_create("x", NULL, &files), -EPERM);
	ck_assert_int_eq(sessions_clear_dead(), -EPERM);
}
END_TEST

START_TEST(place_open_to_all_is_refused)
{
	struct session_files files;

	ck_assert_int_eq(mkdir(path("state"), 0700), 0);
	ck_assert_int_eq(chmod(path("state"), 0777), 0);
	setenv("XDG_STATE_HOME", path("state"), 1);
	ck_assert_int_eq(sessions_create("x", NULL, &files), -EPERM);
	ck_assert_int_eq(sessions_create("x", path("state"), &files), -EPERM);
}
END_TEST

START_TEST(description_is_read_back)
{
	struct session_info info = {.program = (char *)"cl\xff\"aude\n",
				    .project = (char *)"/home/\xc3\xa4",
				    .pid = 4711,
				    .status = -1,
				    .events = 12};
	struct session_files files;
	struct session_entry entry;

	snprintf(info.hash, sizeof(info.hash), "%064d", 0);
	ck_assert_int_eq(sessions_create("claude", NULL, &files), 0);
	ck_assert_int_eq(sessions_describe(&files, &info), 0);
	info.events = 13;
	ck_assert_int_eq(sessions_describe(&files, &info), 0);
	ck_assert_int_eq(sessions_find(files.id, &entry), 0);
	ck_assert_str_eq(entry.info.program, info.program);
	ck_assert_str_eq(entry.info.project, info.project);
	ck_assert_str_eq(entry.info.runtime, files.runtime_path);
	ck_assert_str_eq(entry.info.hash, info.hash);
	ck_assert_str_eq(entry.info.ended, "");
	ck_assert_int_eq(entry.info.pid, 4711);
	ck_assert_int_eq(entry.info.status, -1);
	ck_assert_int_eq(entry.info.events, 13);
	ck_assert(entry.live);
	session_entry_clear(&entry);
	/* What is begun is seen at its end, and may be begun anew. */
	info.status = info.events = 14;
	ck_assert_int_eq(sessions_describe_begin(&files, &info), 0);
	ck_assert_int_eq(sessions_find(files.id, &entry), 0);
	ck_assert_int_eq(entry.info.status, -1);
	ck_assert_int_eq(entry.info.events, 13);
	session_entry_clear(&entry);
	info.status = info.events = 15;
	ck_assert_int_eq(sessions_describe_begin(&files, &info), 0);
	ck_assert_int_eq(sessions_describe_end(&files), 0);
	ck_assert_int_eq(sessions_find(files.id, &entry), 0);
	ck_assert_int_eq(entry.info.status, 15);
	ck_assert_int_eq(entry.info.events, 15);
	ck_assert_int_eq(sessions_remove_runtime(&files), 0);
	ck_assert(!session_live(&entry));
	session_entry_clear(&entry);
	sessions_release(&files);
}
END_TEST

START_TEST(finding_by_id_start_path_and_age)
{
	enum { COUNT = 5 };
	struct session_info info = {.pid = 1};
	struct session_files files[COUNT];
	struct session_entry entry, *entries;
	size_t count;

	ck_assert_int_eq(sessions_find(NULL, &entry), -ENOENT);
	for (int i = 0; i < COUNT; i++) {
		char program[2] = {(char)('e' - i), '\0'};

		ck_assert_int_eq(sessions_create(program, NULL, &files[i]), 0);
		ck_assert_int_eq(sessions_describe(&files[i], &info), 0);
	}
	ck_assert_int_eq(sessions_list(&entries, &count), 0);
	ck_assert_uint_eq(count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		char start[SESSION_ID_SIZE];

		ck_assert_str_eq(entries[i].id, files[COUNT - 1 - i].id);
		ck_assert_int_eq(sessions_find(files[i].id, &entry), 0);
		ck_assert_str_eq(entry.id, files[i].id);
		session_entry_clear(&entry);
		snprintf(start, sizeof(start), "%.18s", files[i].id);
		ck_assert_int_eq(sessions_find(start, &entry), 0);
		ck_assert_str_eq(entry.id, files[i].id);
		session_entry_clear(&entry);
		ck_assert_int_eq(sessions_find(files[i].state_path, &entry), 0);
		ck_assert_str_eq(entry.id, files[i].id);
		session_entry_clear(&entry);
	}
	sessions_free(entries, count);
	ck_assert_int_eq(sessions_find(NULL, &entry), 0);
	ck_assert_str_eq(entry.id, files[COUNT - 1].id);
	session_entry_clear(&entry);
	ck_assert_int_eq(sessions_find("2", &entry), -ENOTUNIQ);
	ck_assert_int_eq(sessions_find("1999", &entry), -ENOENT);
	ck_assert_int_eq(sessions_find("/", &entry), -ENOENT);
	for (int i = 0; i < COUNT; i++)
		sessions_release(&files[i]);
}
END_TEST

START_TEST(damaged_description_is_no_error)
{
	struct session_files files;
	struct session_entry entry;
	int fd;

	ck_assert_int_eq(sessions_create("x", NULL, &files), 0);
	fd = openat(files.state_fd, "session.json", O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, "{\"pid\":\"x\",", 11), 11);
	close(fd);
	ck_assert_int_eq(sessions_find(NULL, &entry), 0);
	ck_assert_int_eq(entry.info.pid, -1);
	ck_assert(entry.live);
	session_entry_clear(&entry);
	sessions_release(&files);
}
END_TEST

START_TEST(only_plain_files_are_opened)
{
	struct session_files files;
	struct session_entry entry;

	ck_assert_int_eq(sessions_create("x", NULL, &files), 0);
	ck_assert_int_eq(sessions_find(NULL, &entry), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", files.state_fd, "policy"), 0);
	ck_assert_int_eq(mkfifoat(files.state_fd, "events.jsonl", 0600), 0);
	ck_assert_int_eq(session_open(&entry, "policy"), -ELOOP);
	ck_assert_int_eq(session_open(&entry, "events.jsonl"), -EINVAL);
	ck_assert_int_eq(session_open(&entry, "session.json"), -ENOENT);
	session_entry_clear(&entry);
	sessions_release(&files);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sessions");
	TCase *tcase = tcase_create("sessions");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, directories_are_private);
	tcase_add_test(tcase, id_has_a_sanitised_program);
	tcase_add_test(tcase, removing_leaves_the_state_only);
	tcase_add_test(tcase, dead_is_cleared_and_live_is_kept);
	tcase_add_test(tcase, clearing_follows_no_link);
	tcase_add_test(tcase, clearing_takes_what_programs_made);
	tcase_add_test(tcase, clearing_ends_what_another_began);
	tcase_add_test(tcase, clearing_nothing_makes_nothing);
	tcase_add_test(tcase, starts_and_clearings_do_not_disturb_each_other);
	tcase_add_test(tcase, unsafe_runtime_directory_is_not_used);
	tcase_add_test(tcase, link_in_our_place_is_refused);
	tcase_add_test(tcase, place_open_to_all_is_refused);
	tcase_add_test(tcase, description_is_read_back);
	tcase_add_test(tcase, finding_by_id_start_path_and_age);
	tcase_add_test(tcase, damaged_description_is_no_error);
	tcase_add_test(tcase, only_plain_files_are_opened);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
