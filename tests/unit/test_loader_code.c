/*
 * What the loader is changed to, run where it is made: which of its calls go by
 * the gate.
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/gate.h"
#include "shim/loader.h"
#include "supervisor/loader_code.h"

#ifdef __x86_64__

/* A loader: its headers, calls, and the end of its code. */
enum {
	PAGE = LOADER_PAGE,
	WHOLE = 5 * PAGE,
	OPEN = PAGE,
	ASK = PAGE + 0x40,
	OPEN_BY_NAME = PAGE + 0x80,
	FAR_OPEN = 2 * PAGE + 0x40,
	END = 3 * PAGE + 0x11,
	ENTRY = PAGE + 0xc0,
	DATA = 4 * PAGE + 0x100,
	AT_GATE = 100, /* what the gate returns */
};

/* Of prctl(2), not in the headers of older systems. */
enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 };

/* As compilers make them; each is a function by itself. */
#define CALL "\x0f\x05\xc3"
static const char open_call[] = "\xb8\x01\x01\0\0" CALL;
static const char ask_call[] = "\xb8\x15\0\0\0" CALL;
/* mov $openat, %eax; mov %esi, %edx; mov %rdi, %rsi; mov $AT_FDCWD, %edi */
static const char open_by_name_call[] =
	"\xb8\x01\x01\0\0\x89\xf2\x48\x89\xfe\xbf\x9c\xff\xff\xff" CALL;
enum { NUMBERLESS = 10 }; /* where its site is */

static unsigned char *fake, *gate;
static struct shim_object calls;
static struct shim_names names;
static struct loader_code made;

static void add_site(uint32_t at, enum shim_kind kind)
{
	calls.sites[calls.count++] =
		(struct shim_site){at, LOADER_SITE, (uint8_t)kind};
}

static void setup(void)
{
	const struct {
		Elf64_Ehdr file;
		Elf64_Phdr segments[2];
	} header = {
		{.e_entry = ENTRY, .e_phoff = sizeof(Elf64_Ehdr), .e_phnum = 2},
		{{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = PAGE},
		 {.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = DATA}},
	};

	memset(&calls, 0, sizeof(calls));
	memset(&names, 0, sizeof(names));
	fake = mmap(NULL, WHOLE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(fake, MAP_FAILED);
	memcpy(fake, &header, sizeof(header));
	memcpy(fake + OPEN, open_call, sizeof(open_call));
	memcpy(fake + ASK, ask_call, sizeof(ask_call));
	memcpy(fake + OPEN_BY_NAME, open_by_name_call,
	       sizeof(open_by_name_call));
	memcpy(fake + FAR_OPEN, open_call, sizeof(open_call));
	memset(fake + END - 1, 0x90, 1);
	add_site(OPEN, SHIM_ONE);
	add_site(ASK, SHIM_ONE);
	add_site(OPEN_BY_NAME + NUMBERLESS, SHIM_ANY);
	add_site(FAR_OPEN, SHIM_ONE);
	gate = mmap((void *)GATE_ADDRESS, PAGE,
		    PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ck_assert_ptr_eq(gate, (void *)GATE_ADDRESS);
}

static void teardown(void)
{
	munmap(fake, WHOLE);
	munmap(gate, PAGE);
}

static bool make(bool apart)
{
	const struct shim_code code = {.base = fake, .start = PAGE, .end = END};

	return loader_code_make(&code, &calls, &names, "/run/session/it.so",
				apart, &made);
}

/* As supervisor/loader_image.c does. */
static void change(bool apart)
{
	ck_assert(make(apart));
	ck_assert_mem_eq(fake + made.calls_at, made.before, made.calls_size);
	memcpy(fake + made.calls_at, made.after, made.calls_size);
	memcpy(fake + made.room_at, made.room, made.room_size);
	fake[made.ready] = 1;
}

/* mov $result, %rax; ret */
static void gate_returns(int32_t result)
{
	static const unsigned char code[] = {0x48, 0xc7, 0xc0, 0,
					     0,	   0,	 0,    0xc3};

	memcpy(gate, code, sizeof(code));
	memcpy(gate + 3, &result, sizeof(result));
}

static long call(uint32_t at, long one, long two, long three)
{
	long (*function)(long, long, long);
	void *address = fake + at;

	memcpy(&function, &address, sizeof(function));
	return function(one, two, three);
}

static long opens_with(const char *path, long flags)
{
	return call(OPEN, AT_FDCWD, (long)path, flags);
}

static long opens(const char *path)
{
	return opens_with(path, O_RDONLY | O_CLOEXEC);
}

static const struct {
	const char *path;
	bool passes;
} paths[] = {
	{"/etc/ld.so.cache", true},
	{"/etc/ld.so.cache~", false},
	{"/etc/ld.so.cach", false},
	{"/etc/ld.so.preload", true},
	{"/lib/x86_64-linux-gnu/libnot-there.so.6", true},
	{"/usr/lib/x86_64-linux-gnu/libnot-there.so", true},
	{"/lib64/libnot-there.so.1.2.3", true},
	{"/usr/lib64/libnot-there.so", true},
	{"/lib/libnot-there.so", true},
	{"/usr/lib/libnot-there.so", true},
	{"/run/session/it.so", true},
	{"/run/session/it.so.1", false},
	/* Not a library's name. */
	{"/usr/lib/not-there.so", false},
	{"/usr/lib/libnot-there.pem", false},
	{"/usr/lib/lib", false},
	{"/usr/lib/li", false},
	{"/usr/lib/", false},
	{"/usr/lib/libnot-there.so/", false},
	/* Not right in it. */
	{"/usr/lib/libnot-there/key.so", false},
	{"/usr/lib/lib/../../../home/libnot-there.so", false},
	{"/usr/lib/../libnot-there.so", false},
	{"//usr/lib/libnot-there.so", false},
	{"/usr/libnot-there.so", false},
	{"/opt/not-there/libnot-there.so", false},
	{"usr/lib/libnot-there.so", false},
	{"lib/libnot-there.so", false},
	{"/", false},
	{"", false},
};

START_TEST(paths_of_opens)
{
	static const char empty = '\0';
	const char *path = paths[_i].path[0] ? paths[_i].path : &empty;

	change(false);
	gate_returns(AT_GATE);
	long result = opens(path);

	if (paths[_i].passes)
		ck_assert_int_eq(result, AT_GATE);
	else if (strcmp(path, "/") == 0)
		ck_assert_int_eq(close((int)result), 0);
	else
		ck_assert(result == -ENOENT || result == -ENOTDIR ||
			  result >= 0);
	ck_assert(paths[_i].passes || result != AT_GATE);
	if (result >= 0 && result != AT_GATE)
		close((int)result);
}
END_TEST

/* The last byte that can be read is the path's own end. */
START_TEST(path_at_the_end_of_memory)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(munmap(pages + PAGE, PAGE), 0);
	change(false);
	gate_returns(AT_GATE);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		size_t size = strlen(paths[i].path) + 1;
		char *path = memcpy(pages + PAGE - size, paths[i].path, size);
		long result = opens(path);

		ck_assert_int_eq(result == AT_GATE, paths[i].passes);
		if (result >= 0 && result != AT_GATE)
			close((int)result);
	}
	munmap(pages, PAGE);
}
END_TEST

START_TEST(flags_of_opens)
{
	static const int flags[] = {O_RDONLY, O_RDWR | O_CLOEXEC,
				    O_PATH | O_CLOEXEC,
				    O_RDONLY | O_CLOEXEC | O_DIRECTORY};

	change(false);
	gate_returns(AT_GATE);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		ck_assert_int_eq(
			opens_with("/usr/lib/libnot-there.so", flags[i]),
			-ENOENT);
}
END_TEST

/* What the gate refuses is made where it is trapped, with what it had. */
START_TEST(refused_at_the_gate)
{
	static const int refused[] = {-EACCES, -EXDEV, -EMFILE, -ELOOP};

	change(false);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		gate_returns(refused[i]);
		ck_assert_int_eq(opens("/usr/lib/libnot-there.so"), -ENOENT);
		ck_assert_int_eq(
			call(ASK, (long)"/usr/lib/libnot-there.so", 4, 0),
			-ENOENT);
	}
	gate_returns(-ENFILE);
	ck_assert_int_eq(opens("/usr/lib/libnot-there.so"), -ENFILE);
}
END_TEST

START_TEST(other_calls)
{
	change(false);
	gate_returns(AT_GATE);
	ck_assert_int_eq(call(ASK, (long)"/etc/ld.so.preload", 4, 0), AT_GATE);
	/* To write, or of something else. */
	ck_assert_int_ne(call(ASK, (long)"/etc/ld.so.preload", 2, 0), AT_GATE);
	ck_assert_int_eq(call(ASK, (long)"/not-there", 4, 0), -ENOENT);
	/* By the site whose number comes in a register. */
	ck_assert_int_eq(call(OPEN_BY_NAME, (long)"/lib/libnot-there.so",
			      O_RDONLY | O_CLOEXEC, 0),
			 AT_GATE);
	ck_assert_int_eq(
		call(OPEN_BY_NAME, (long)"/not-there", O_RDONLY | O_CLOEXEC, 0),
		-ENOENT);
	/* Not by that of another page. */
	ck_assert_int_eq(call(FAR_OPEN, AT_FDCWD, (long)"/lib/libnot-there.so",
			      O_RDONLY | O_CLOEXEC),
			 -ENOENT);
}
END_TEST

/* What the gate is given: mov %rdx, %rax; ret. */
START_TEST(flags_at_the_gate)
{
	static const unsigned char code[] = {0x48, 0x89, 0xd0, 0xc3};
	const long flags = O_RDONLY | O_CLOEXEC;

	change(false);
	memcpy(gate, code, sizeof(code));
	ck_assert_int_eq(opens("/lib/libnot-there.so"), flags);
	memcpy(fake + made.calls_at, made.before, made.calls_size);
	memset(fake + made.room_at, 0, made.room_size);
	fake[made.ready] = 0;
	change(true);
	ck_assert_int_eq(opens("/lib/libnot-there.so"), flags | O_NOFOLLOW);
}
END_TEST

/* It maps the gate, and comes to the loader's beginning with all registers 0:
 * where there is something in the gate's place, nothing goes by the gate. */
static long begin(void)
{
	/* Whatever register is not 0; ret */
	static const unsigned char entry[] = {
		0x48, 0x09, 0xc8, /* or %rcx, %rax */
		0x48, 0x09, 0xd0, 0x48, 0x09, 0xf0, 0x48, 0x09, 0xf8, 0x4c,
		0x09, 0xc0, /* or %r8, %rax */
		0x4c, 0x09, 0xc8, 0x4c, 0x09, 0xd0, 0x4c, 0x09, 0xd8, 0xc3};
	/* xor %r9d, %r9d; mov %rdi, %rax; call *%rax; ret */
	static const unsigned char start[] = {0x45, 0x31, 0xc9, 0x48, 0x89,
					      0xf8, 0xff, 0xd0, 0xc3};

	memcpy(fake + ENTRY, entry, sizeof(entry));
	memcpy(fake + PAGE + 0x100, start, sizeof(start));
	return call(PAGE + 0x100, (long)(fake + made.begin), 0, 0);
}

START_TEST(beginning)
{
	change(false);
	fake[made.ready] = 0;
	munmap(gate, PAGE);
	ck_assert_int_eq(begin(), 0);
	ck_assert_int_eq(memcmp(gate, "\x0f\x05\xc3", 4), 0);
	ck_assert_int_eq(fake[made.ready], 1);
	ck_assert_uint_eq(made.ready, DATA / PAGE * PAGE);
	/* It can be run and not be written. */
	ck_assert_int_eq(opens("/lib/libnot-there.so"), -ENOENT);
	ck_assert_int_eq(syscall(SYS_getrandom, gate, 1, 0), -1);
	ck_assert_int_eq(errno, EFAULT);
}
END_TEST

/* Something else is in its place. */
START_TEST(beginning_without_a_gate)
{
	change(false);
	fake[made.ready] = 0;
	gate_returns(AT_GATE);
	ck_assert_int_eq(begin(), 0);
	ck_assert_int_eq(opens("/lib/libnot-there.so"), -ENOENT);
}
END_TEST

/* Memory that was written to is not to be run: PR_SET_MDWE, SELinux's
 * execmem. */
START_TEST(beginning_where_no_gate_can_be)
{
	change(false);
	fake[made.ready] = 0;
	munmap(gate, PAGE);
	if (prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0))
		return; /* before Linux 6.3 */
	ck_assert_int_eq(begin(), 0);
	ck_assert_int_eq(opens("/lib/libnot-there.so"), -ENOENT);
	ck_assert_int_eq(msync(gate, PAGE, MS_ASYNC), -1);
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

/* -- what a policy speaks against ----------------------------------------- */

static const struct {
	const char *pattern;
	bool cache, libraries;
} patterns[] = {
	{".env", true, true},	    {"*.pem", true, true},
	{"id_*", true, true},	    {"lib", true, false},
	{"libnot.key", true, true}, {"*.so", true, false},
	{"lib*", true, false},	    {"*", false, false},
	{"l*", false, false},	    {"libz.so.1", true, false},
	{"li?z.so.1", true, false}, {"*.so.?", false, false},
	{"x*.so", true, true},	    {"ld.so.cache", false, true},
	{"ld*", false, true},	    {"etc", false, true},
	{"usr", true, true},	    {"?", false, false},
};

START_TEST(names_of_a_policy)
{
	ck_assert_int_eq(shim_names_add(&names, patterns[_i].pattern, true), 0);
	change(false);
	gate_returns(AT_GATE);
	long cache = opens("/etc/ld.so.cache");

	ck_assert_int_eq(cache == AT_GATE, patterns[_i].cache);
	if (cache >= 0 && cache != AT_GATE)
		close((int)cache);
	ck_assert_int_eq(opens("/lib/libnot-there.so") == AT_GATE,
			 patterns[_i].libraries);
	if (strcmp(patterns[_i].pattern, "usr") == 0)
		ck_assert_int_eq(opens("/usr/lib/libnot-there.so"), -ENOENT);
}
END_TEST

/* -- what cannot be changed ------------------------------------------------ */

START_TEST(no_room)
{
	fake[END + 0x20] = 1;
	ck_assert(!make(false));
	fake[END + 0x20] = 0;
	fake[DATA / PAGE * PAGE] = 1;
	ck_assert(!make(false));
	fake[DATA / PAGE * PAGE] = 0;
	ck_assert(make(false));
	calls.count = 0;
	ck_assert(!make(false));
	/* Other calls, and such as are no site of seven bytes. */
	fake[OPEN + 1] = 2;
	add_site(OPEN, SHIM_ONE);
	add_site(ASK, SHIM_ONE);
	calls.sites[1].size = LOADER_SITE - 1;
	ck_assert(!make(false));
}
END_TEST

START_TEST(no_room_in_the_page)
{
	const struct shim_code full = {.base = fake, .end = 3 * PAGE};
	const struct shim_code small = {.base = fake, .end = 4 * PAGE - 64};

	ck_assert(
		!loader_code_make(&full, &calls, &names, "/it", false, &made));
	ck_assert(
		!loader_code_make(&small, &calls, &names, "/it", false, &made));
}
END_TEST

#endif

int main(void)
{
	Suite *suite = suite_create("loader_code");
	TCase *all = tcase_create("all");

#ifdef __x86_64__
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, paths_of_opens, 0,
			    sizeof(paths) / sizeof(*paths));
	tcase_add_test(all, path_at_the_end_of_memory);
	tcase_add_test(all, flags_of_opens);
	tcase_add_test(all, refused_at_the_gate);
	tcase_add_test(all, other_calls);
	tcase_add_test(all, flags_at_the_gate);
	tcase_add_test(all, beginning);
	tcase_add_test(all, beginning_without_a_gate);
	tcase_add_test(all, beginning_where_no_gate_can_be);
	tcase_add_loop_test(all, names_of_a_policy, 0,
			    sizeof(patterns) / sizeof(*patterns));
	tcase_add_test(all, no_room);
	tcase_add_test(all, no_room_in_the_page);
#endif
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
