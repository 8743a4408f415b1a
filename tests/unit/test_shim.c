/*
 * The shim's pure parts behind the finding of sites (test_shim_site): stubs,
 * names; and the table that a session writes into its copy.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/config.h"
#include "shim/names.h"
#include "shim/sites.h"
#include "supervisor/preload.h"

/* -- stubs ----------------------------------------------------------------- */

#define OPENAT	"\xb8\x01\x01\x00\x00"
#define SYSCALL "\x0f\x05"

START_TEST(stub_of_a_numbered_call)
{
	struct shim_stub how = {
		.stub = 0x10000, .site = 0x20000, .entry = 0x30000, .size = 7};
	unsigned char stub[SHIM_STUB], jump[16];

	ck_assert(shim_stub_x86_64(&how, (const unsigned char *)OPENAT SYSCALL,
				   stub, jump));
	ck_assert_mem_eq(jump, "\xe9\xfb\xff\xfe\xff\x90\x90", 7);
	ck_assert_mem_eq(stub,
			 OPENAT "\x48\x8d\x64\x24\x80"
				"\xe8\xf1\xff\x01\x00"
				"\x48\x83\xec\x80"
				"\xe9\xef\xff\x00\x00"
				"\x07\x00\x02\0\0\0\0\0",
			 SHIM_STUB);
}
END_TEST

START_TEST(stub_of_a_call_without_number)
{
	struct shim_stub how = {
		.stub = 0x10000, .site = 0x20000, .entry = 0x30000, .size = 5};
	unsigned char stub[SHIM_STUB], jump[16];

	ck_assert(shim_stub_x86_64(
		&how, (const unsigned char *)"\x4c\x89\xc8" SYSCALL, stub,
		jump));
	ck_assert_mem_eq(jump, "\xe9\xfb\xff\xfe\xff", 5);
	ck_assert_mem_eq(stub, "\x90\x90\x4c\x89\xc8\x48\x8d", 7);
	ck_assert_mem_eq(stub + 24, "\x05\x00\x02\0\0\0\0\0", 8);
}
END_TEST

START_TEST(stub_of_a_call_of_a_function)
{
	struct shim_stub how = {.stub = 0x10000,
				.site = 0x20000,
				.entry = 0x30000,
				.size = 5,
				.kind = SHIM_CANCELS};
	unsigned char stub[SHIM_STUB], jump[16];

	ck_assert(shim_stub_x86_64(
		&how, (const unsigned char *)"\xe8\x00\x10\x00\x00", stub,
		jump));
	ck_assert_mem_eq(jump, "\xe8\xfb\xff\xfe\xff", 5);
	ck_assert_mem_eq(stub,
			 "\x81\xfe\x01\x01\x00\x00"
			 "\x4c\x8d\x1d\xf8\x0f\x01\x00"
			 "\x0f\x84\xed\xff\x01\x00"
			 "\x41\xff\xe3",
			 22);
}
END_TEST

START_TEST(stub_out_of_reach)
{
	struct shim_stub how = {.stub = 0x10000,
				.site = 0x100020000,
				.entry = 0x30000,
				.size = 7};
	unsigned char stub[SHIM_STUB], jump[16];

	ck_assert(!shim_stub_x86_64(&how, (const unsigned char *)OPENAT SYSCALL,
				    stub, jump));
}
END_TEST

START_TEST(stub_of_aarch64)
{
	struct shim_stub how = {
		.stub = 0x10000, .site = 0x20000, .entry = 0x30000, .size = 4};
	uint32_t stub[SHIM_STUB / 4], jump;

	ck_assert(shim_stub_aarch64(&how, (unsigned char *)stub,
				    (unsigned char *)&jump));
	ck_assert_uint_eq(jump, 0x17ffc000); /* b -0x10000 */
	ck_assert_uint_eq(stub[0], 0xf81f0ffe);
	ck_assert_uint_eq(stub[1], 0x94007fff); /* bl 0x1fffc */
	ck_assert_uint_eq(stub[2], 0xf84107fe);
	ck_assert_uint_eq(stub[3], 0x14003ffe); /* b 0xfff8 */
	ck_assert_uint_eq(stub[6], 0x20004);
	how.site += 1UL << 28;
	ck_assert(!shim_stub_aarch64(&how, (unsigned char *)stub,
				     (unsigned char *)&jump));
}
END_TEST

/* -- names ----------------------------------------------------------------- */

static struct shim_names *names_of(const char *const *patterns)
{
	struct shim_names *names = calloc(1, sizeof(*names));

	for (; *patterns; patterns++)
		ck_assert_int_eq(shim_names_add(names, *patterns, true), 0);
	return names;
}

START_TEST(names_match)
{
	static const char *const patterns[] = {".ssh",	   ".env*", "*.pem",
					       "id_*_key", "a?c",   NULL};
	static const struct {
		const char *component;
		bool match;
	} cases[] = {
		{".ssh", true},	    {".sshd", false},	  {"ssh", false},
		{".env", true},	    {".env.local", true}, {"x.env", false},
		{"key.pem", true},  {".pem", true},	  {"pem", false},
		{"id_x_key", true}, {"id_key", false},	  {"id__key", true},
		{"abc", true},	    {"ac", true},	  {"ab", false},
		{".", false},	    {"..", false},
	};
	struct shim_names *names = names_of(patterns);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(shim_names_match(names, cases[i].component,
					       strlen(cases[i].component)) ==
				      (cases[i].match ? SHIM_NAMED_ANYWHERE
						      : SHIM_NOT_NAMED),
			      "%s", cases[i].component);
	free(names);
}
END_TEST

/* A component may be named by several rules. */
START_TEST(names_of_a_place)
{
	struct shim_names *names = calloc(1, sizeof(*names));

	ck_assert_int_eq(shim_names_add(names, "app", false), 0);
	ck_assert_int_eq(shim_names_add(names, "a*", false), 0);
	ck_assert_int_eq(shim_names_add(names, "*key", true), 0);
	ck_assert_int_eq(shim_names_match(names, "app", 3), SHIM_NAMED_OUTSIDE);
	ck_assert_int_eq(shim_names_match(names, "akey", 4),
			 SHIM_NAMED_ANYWHERE);
	ck_assert_int_eq(shim_names_match(names, "bpp", 3), SHIM_NOT_NAMED);
	free(names);
}
END_TEST

/* As many as there may be, of which many share a row. */
START_TEST(names_many)
{
	struct shim_names *names = calloc(1, sizeof(*names));
	char text[8];

	for (unsigned i = 0; i < SHIM_NAMES - 1; i++) {
		snprintf(text, sizeof(text), "n%xn", i);
		ck_assert_int_eq(shim_names_add(names, text, i % 3 == 0), 0);
	}
	ck_assert_int_eq(shim_names_add(names, "n5*", true), 0);
	for (unsigned i = 0; i < 2 * SHIM_NAMES; i++) {
		int length = snprintf(text, sizeof(text), "n%xn", i);
		enum shim_named wanted = i >= SHIM_NAMES - 1 ? SHIM_NOT_NAMED
					 : i % 3 ? SHIM_NAMED_OUTSIDE
						 : SHIM_NAMED_ANYWHERE;

		if (text[1] == '5')
			wanted = SHIM_NAMED_ANYWHERE;
		ck_assert_msg(shim_names_match(names, text, (size_t)length) ==
				      wanted,
			      "%s", text);
	}
	free(names);
}
END_TEST

START_TEST(names_that_are_none)
{
	struct shim_names *names = calloc(1, sizeof(*names));
	int error = 0;

	ck_assert_int_eq(shim_names_add(names, "", true), -EINVAL);
	ck_assert_int_eq(shim_names_add(names, ".", true), -EINVAL);
	ck_assert_int_eq(shim_names_add(names, "..", true), -EINVAL);
	ck_assert(!shim_names_match(names, "a", 1));
	for (int i = 0; i <= SHIM_NAMES && !error; i++)
		error = shim_names_add(names, "a", false);
	ck_assert_int_eq(error, -E2BIG);
	free(names);
	/* Any text at all. */
	static const char *const any[] = {"*", NULL};

	names = names_of(any);
	ck_assert(shim_names_match(names, "x", 1));
	free(names);
}
END_TEST

/* -- the copy -------------------------------------------------------------- */

START_TEST(copy_has_the_sessions_table)
{
	char directory[] = "/tmp/test-shim.XXXXXX", path[512];
	struct shim_names *names = calloc(1, sizeof(*names));
	struct preload *preload = NULL;
	const char *why = "";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Looked for beforehand, as in a session, and by the call itself. */
	if (_i)
		preload_look();
	int error = preload_new(names, false, fd, directory, &preload, &why);

	ck_assert_msg(error == 0, "%s: %d", why, error);
	snprintf(path, sizeof(path), "%s", preload_path(preload));
	ck_assert(preload_opens(preload, path, O_RDONLY | O_CLOEXEC));
	ck_assert(!preload_opens(preload, path, O_RDWR));
	ck_assert(!preload_opens(preload, path, O_RDONLY | O_TRUNC));
	ck_assert(!preload_opens(preload, directory, O_RDONLY));
	int copy = preload_open(preload);
	struct stat status;

	ck_assert_int_ge(copy, 0);
	ck_assert_int_eq(fstat(copy, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0400);
	ck_assert_int_eq(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDONLY);
	char *bytes = malloc((size_t)status.st_size);
	const struct shim_config *config = NULL;

	ck_assert_int_eq(read(copy, bytes, (size_t)status.st_size),
			 status.st_size);
	for (off_t at = 0; !config && at < status.st_size; at += 64)
		if (memcmp(bytes + at, SHIM_MAGIC, sizeof(SHIM_MAGIC)) == 0)
			config = (const void *)(bytes + at);
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_ge(config->object_count, 1);
	ck_assert_uint_ge(config->objects[0].count, 1);
	free(bytes);
	/* A second one does not take its place. */
	struct preload *other = NULL;

	ck_assert_int_eq(preload_new(names, false, fd, directory, &other, &why),
			 -EEXIST);
	close(copy);
	preload_free(preload);
	unlink(path);
	unlinkat(fd, "interpose-shim.so", 0);
	close(fd);
	rmdir(directory);
	free(names);
}
END_TEST

START_TEST(copy_has_a_path_that_a_loader_takes)
{
	struct shim_names *names = calloc(1, sizeof(*names));
	struct preload *preload = NULL;
	const char *why = "";
	static const char *const paths[] = {"/tmp/a b", "/tmp/a:b",
					    "/tmp/$LIB"};
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			preload_new(names, false, fd, paths[i], &preload, &why),
			-EINVAL);
	close(fd);
	free(names);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shim");
	TCase *stubs = tcase_create("stubs"), *rest = tcase_create("rest");

	tcase_add_test(stubs, stub_of_a_numbered_call);
	tcase_add_test(stubs, stub_of_a_call_without_number);
	tcase_add_test(stubs, stub_of_a_call_of_a_function);
	tcase_add_test(stubs, stub_out_of_reach);
	tcase_add_test(stubs, stub_of_aarch64);
	suite_add_tcase(suite, stubs);
	tcase_add_test(rest, names_match);
	tcase_add_test(rest, names_of_a_place);
	tcase_add_test(rest, names_many);
	tcase_add_test(rest, names_that_are_none);
	tcase_add_loop_test(rest, copy_has_the_sessions_table, 0, 2);
	tcase_add_test(rest, copy_has_a_path_that_a_loader_takes);
	suite_add_tcase(suite, rest);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
