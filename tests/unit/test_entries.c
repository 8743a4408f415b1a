/* Reading directories: each name once, whatever their number, and again. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/entries.h"

enum { MOST = 3000 };

static char top[] = "/tmp/entries.XXXXXX";

/* Look at all, in which each of the `count` files must be once. */
static void look(struct entries *entries, int count)
{
	static bool seen[MOST];
	const struct entry *entry;
	int number, found = 0;

	memset(seen, 0, sizeof(seen));
	while ((entry = entries_next(entries))) {
		struct stat status;

		ck_assert_int_eq(sscanf(entry->name, "file-%d", &number), 1);
		ck_assert(number >= 0 && number < count && !seen[number]);
		seen[number] = true;
		found++;
		ck_assert_int_eq(fstatat(entries_fd(entries), entry->name,
					 &status, AT_SYMLINK_NOFOLLOW),
				 0);
		ck_assert(entry->type == DT_REG || entry->type == DT_UNKNOWN);
	}
	ck_assert_int_eq(found, count);
	ck_assert(!entries_failed(entries));
	ck_assert_ptr_null(entries_next(entries));
}

START_TEST(each_once_and_again)
{
	static const int counts[] = {0, 1, 60, 150, 200, 260, 600, MOST};
	int made = 0;

	ck_assert_ptr_nonnull(mkdtemp(top));
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		for (; made < counts[i]; made++) {
			char path[64];
			int fd;

			snprintf(path, sizeof(path), "%s/file-%d", top, made);
			fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
			ck_assert_int_ge(fd, 0);
			close(fd);
		}
		struct entries *entries = entries_open(NULL, top, top, NULL);

		ck_assert_ptr_nonnull(entries);
		look(entries, made);
		entries_again(entries);
		look(entries, made);
		/* From the middle, too. */
		entries_again(entries);
		for (int j = 0; j < made / 2; j++)
			ck_assert_ptr_nonnull(entries_next(entries));
		entries_again(entries);
		look(entries, made);
		entries_close(entries);
	}
	while (made-- > 0) {
		char path[64];

		snprintf(path, sizeof(path), "%s/file-%d", top, made);
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

static void put(const char *directory, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static int count(struct listings *listings, const char *path)
{
	struct entries *entries = entries_open(NULL, path, path, listings);
	int found = 0;

	ck_assert_ptr_nonnull(entries);
	while (entries_next(entries))
		found++;
	ck_assert(!entries_failed(entries));
	entries_again(entries);
	while (entries_next(entries))
		found--;
	ck_assert_int_eq(found, 0);
	entries_again(entries);
	while (entries_next(entries))
		found++;
	entries_close(entries);
	return found;
}

/* What is kept is as it was; and no other directory takes its place. */
START_TEST(kept)
{
	struct listings *listings = listings_new(100000);
	struct listings *small = listings_new(100);
	struct entries *entries;
	char one[64], other[64], path[128];
	struct stat status;
	dev_t device;
	ino_t inode;

	ck_assert_ptr_nonnull(listings);
	ck_assert_ptr_nonnull(small);
	snprintf(one, sizeof(one), "%s/one", top);
	snprintf(other, sizeof(other), "%s/other", top);
	ck_assert_int_eq(mkdir(one, 0700), 0);
	ck_assert_int_eq(mkdir(other, 0700), 0);
	for (int i = 0; i < 600; i++) {
		snprintf(path, sizeof(path), "file-%d", i);
		put(one, path);
	}
	ck_assert_int_eq(stat(one, &status), 0);
	/* Broken off: not kept. */
	entries = entries_open(NULL, one, one, listings);
	ck_assert_ptr_nonnull(entries_next(entries));
	entries_close(entries);
	put(one, "file-600");
	ck_assert_int_eq(count(listings, one), 601);
	ck_assert_int_eq(count(small, one), 601);
	put(one, "file-601");
	ck_assert_int_eq(count(listings, one), 601);
	ck_assert_int_eq(count(small, one), 602);
	ck_assert_int_eq(count(NULL, one), 602);
	entries = entries_open(NULL, one, one, listings);
	ck_assert_int_eq(entries_identity(entries, &device, &inode), 0);
	ck_assert(device == status.st_dev && inode == status.st_ino);
	ck_assert_int_ge(entries_fd(entries), 0);
	entries_close(entries);
	/* Another one in its place. */
	ck_assert_int_eq(
		renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE), 0);
	entries = entries_open(NULL, one, one, listings);
	ck_assert_int_eq(entries_fd(entries), -1);
	struct entries *inner =
		entries_open(entries, "file-1", "nowhere", listings);
	ck_assert_ptr_null(inner);
	entries_close(entries);
	listings_free(listings);
	listings_free(small);
	listings_free(NULL);
	for (int i = 0; i < 602; i++) {
		snprintf(path, sizeof(path), "%s/file-%d", other, i);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(rmdir(one), 0);
	ck_assert_int_eq(rmdir(other), 0);
}
END_TEST

START_TEST(an_error_is_no_end)
{
	struct entries *entries;
	char link[sizeof(top) + 8];

	/* Gone while it is open: Linux says so. */
	entries = entries_open(NULL, top, top, NULL);
	ck_assert_ptr_nonnull(entries);
	ck_assert_int_eq(rmdir(top), 0);
	ck_assert_ptr_null(entries_next(entries));
	ck_assert(entries_failed(entries));
	entries_close(entries);

	snprintf(link, sizeof(link), "%s.link", top);
	ck_assert_int_eq(symlink("/etc", link), 0);
	ck_assert_ptr_null(entries_open(NULL, link, link, NULL));
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_ptr_null(
		entries_open(NULL, "/etc/passwd", "/etc/passwd", NULL));
	ck_assert_int_eq(errno, ENOTDIR);
	entries_close(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("entries");
	TCase *tests = tcase_create("entries");
	SRunner *runner = srunner_create(suite);

	/* One process: they need what the one before left. */
	srunner_set_fork_status(runner, CK_NOFORK);
	tcase_add_test(tests, each_once_and_again);
	tcase_add_test(tests, kept);
	tcase_add_test(tests, an_error_is_no_end);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed > 0;
}
