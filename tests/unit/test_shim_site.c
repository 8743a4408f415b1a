/*
 * Where the shim finds a call in code that it does not know: instructions and
 * their lengths, and the sites that they make, of either machine.
 */
#include <check.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/object.h"
#include "shim/rows.h"
#include "shim/sites.h"

/* -- instructions ---------------------------------------------------------- */

static const struct {
	const char *bytes;
	uint8_t room, length;
	int movable; /* -1: not asked */
} instructions[] = {
	{"\xb8\x01\x01\x00\x00", 5, 5, 1},	   /* mov $257, %eax */
	{"\x41\xb8\x01\x01\x00\x00", 6, 6, 1},	   /* mov $257, %r8d */
	{"\x48\xb8\1\2\3\4\5\6\7\x8", 10, 10, 1},  /* movabs */
	{"\x66\xb8\1\2", 4, 4, 1},		   /* mov $, %ax */
	{"\x0f\x05", 2, 2, 0},			   /* syscall */
	{"\xc3", 1, 1, 0},			   /* ret */
	{"\x48\x8b\x44\x24\x08", 5, 5, 1},	   /* mov 8(%rsp), %rax */
	{"\x48\x8b\x05\1\2\3\4", 7, 7, 0},	   /* mov n(%rip), %rax */
	{"\x48\x8b\x04\x25\1\2\3\4", 8, 8, 1},	   /* mov n, %rax */
	{"\x8b\x84\x8b\1\2\3\4", 7, 7, 1},	   /* n(%rbx,%rcx,4) */
	{"\xf6\xc1\x01", 3, 3, 1},		   /* test $1, %cl */
	{"\xf6\xd1", 2, 2, 1},			   /* not %cl */
	{"\xf7\x05\1\2\3\4\1\2\3\4", 10, 10, 0},   /* testl $, n(%rip) */
	{"\x66\xf7\xc1\1\2", 5, 5, 1},		   /* test $, %cx */
	{"\xc8\1\2\3", 4, 4, 1},		   /* enter */
	{"\xf3\x0f\x1e\xfa", 4, 4, 1},		   /* endbr64 */
	{"\xc5\xf8\x77", 3, 3, 1},		   /* vzeroupper */
	{"\xc5\xfd\x6f\x06", 4, 4, 1},		   /* vmovdqa */
	{"\xc4\xe3\x7d\x39\xc1\x01", 6, 6, 1},	   /* vextracti128 */
	{"\x62\xf1\xfe\x48\x6f\x06", 6, 6, 1},	   /* vmovdqu64 */
	{"\x62\xf3\x7d\x48\x3f\xc1\x00", 7, 7, 1}, /* vpcmpb */
	{"\x0f\x3a\x63", 3, 0, -1},		   /* cut short */
	{"\x66\x0f\x3a\x63\xc1\x1a", 6, 6, 1},	   /* pcmpistri */
	{"\x0f\xa4\xc2\x05", 4, 4, -1},		   /* shld */
	{"\xeb\xfe", 2, 2, 0},			   /* jmp */
	{"\x66\xe9\1\2\3\4", 6, 0, -1},		   /* whose length? */
	{"\x06", 1, 0, -1},			   /* not in 64-bit mode */
	{"\xb8\x01\x01\x00", 4, 0, -1},		   /* cut short */
};

START_TEST(length_of_an_instruction)
{
	struct shim_instruction now = shim_decode_x86_64(
		(const unsigned char *)instructions[_i].bytes,
		instructions[_i].room);

	ck_assert_uint_eq(now.length, instructions[_i].length);
	if (instructions[_i].movable >= 0)
		ck_assert_int_eq(now.movable, instructions[_i].movable);
}
END_TEST

START_TEST(distance_of_a_branch)
{
	struct shim_instruction near =
		shim_decode_x86_64((const unsigned char *)"\x0f\x84\xfe\xff\xff"
							  "\xff",
				   6);

	ck_assert(near.branch && near.length == 6);
	ck_assert_int_eq(near.distance, -2);
}
END_TEST

/* -- sites ----------------------------------------------------------------- */

enum { CODE = 0x1000, FRAMES = 0x2000, ENTRIES = 0x3000, WHOLE = 0x4000 };

static unsigned char *fake; /* a file as it is loaded */
static uint32_t functions;

static void put32(uint32_t at, uint32_t value)
{
	memcpy(fake + at, &value, 4);
}

static void fake_new(void)
{
	fake = calloc(1, WHOLE);
	functions = 0;
	fake[FRAMES] = 1;
	fake[FRAMES + 1] = 0x1b;
	fake[FRAMES + 2] = 0x03;
	fake[FRAMES + 3] = 0x3b;
}

static void fake_free(void)
{
	free(fake);
}

/* Add a function: its code, and its entry among the unwind tables. */
static uint32_t add(uint32_t at, const char *code, uint32_t size)
{
	uint32_t entry = ENTRIES + functions * 16;

	memcpy(fake + at, code, size);
	put32(FRAMES + 12 + functions * 8, at - FRAMES);
	put32(FRAMES + 16 + functions * 8, entry - FRAMES);
	put32(entry, 12);
	put32(entry + 8, at - (entry + 8));
	put32(entry + 12, size);
	put32(FRAMES + 8, ++functions);
	return at;
}

static size_t sites_of(bool unnumbered, struct shim_site *sites)
{
	struct shim_code code = {
		.base = fake,
		.start = CODE,
		.end = FRAMES,
		.frames = FRAMES,
		.frames_size = 12 + functions * 8,
		.limit = WHOLE,
	};

	return shim_sites_x86_64(&code, shim_gates, unnumbered, sites,
				 SHIM_SITES);
}

#define OPENAT	"\xb8\x01\x01\x00\x00"
#define SYSCALL "\x0f\x05"

START_TEST(site_is_found)
{
	struct shim_site sites[SHIM_SITES];

	add(CODE, "\x89\xca" OPENAT SYSCALL "\xc3", 10);
	ck_assert_uint_eq(sites_of(false, sites), 1);
	ck_assert_uint_eq(sites[0].at, CODE + 2);
	ck_assert_uint_eq(sites[0].size, 7);
}
END_TEST

START_TEST(site_is_first_of_its_function)
{
	struct shim_site sites[SHIM_SITES];

	add(CODE, OPENAT SYSCALL "\xc3", 8);
	add(CODE + 16, OPENAT SYSCALL "\xc3", 8);
	ck_assert_uint_eq(sites_of(false, sites), 2);
	ck_assert_uint_eq(sites[1].at, CODE + 16);
}
END_TEST

static const struct {
	const char *what, *code;
	uint32_t size;
} left[] = {
	{"another call (read)", "\xb8\0\0\0\0" SYSCALL "\xc3", 8},
	{"the end of a longer instruction (mov $257, %r8d)",
	 "\x90\x41" OPENAT SYSCALL "\xc3", 10},
	{"data inside another instruction",
	 "\x48\xb9" OPENAT SYSCALL "\x90\xc3", 11},
	{"a branch to its call", OPENAT SYSCALL "\xeb\xfc\xc3", 10},
	{"a long branch to its call", OPENAT SYSCALL "\xe9\xf9\xff\xff\xff\xc3",
	 13},
	{"a function that is not understood", OPENAT SYSCALL "\x06\xc3", 9},
	{"another instruction in between", OPENAT "\x90" SYSCALL "\xc3", 9},
};

START_TEST(site_is_left)
{
	struct shim_site sites[SHIM_SITES];

	add(CODE, left[_i].code, left[_i].size);
	ck_assert_msg(sites_of(false, sites) == 0, "%s", left[_i].what);
}
END_TEST

START_TEST(site_is_left_where_others_branch_to_it)
{
	struct shim_site sites[SHIM_SITES];

	add(CODE, OPENAT SYSCALL "\xc3", 8);
	/* jne to the syscall, from another function */
	add(CODE + 32, "\x0f\x85\xdf\xff\xff\xff\xc3", 7);
	ck_assert_uint_eq(sites_of(false, sites), 0);
}
END_TEST

START_TEST(site_is_left_without_unwind_table)
{
	struct shim_site sites[SHIM_SITES];

	memcpy(fake + CODE, OPENAT SYSCALL "\xc3", 8);
	ck_assert_uint_eq(sites_of(false, sites), 0);
	add(CODE + 64, "\xc3", 1);
	ck_assert_uint_eq(sites_of(false, sites), 0);
	/* One that says of itself that it is elsewhere. */
	add(CODE + 128, OPENAT SYSCALL "\xc3", 8);
	put32(ENTRIES + 16 + 8, 0);
	ck_assert_uint_eq(sites_of(false, sites), 0);
}
END_TEST

START_TEST(site_without_a_number)
{
	struct shim_site sites[SHIM_SITES];

	/* mov 8(%rsp), %rax; syscall, and mov %r9, %rax; syscall */
	add(CODE, "\x90\x48\x8b\x44\x24\x08" SYSCALL "\xc3", 9);
	add(CODE + 32, "\x4c\x89\xc8" SYSCALL "\xc3", 6);
	/* too short: mov %edx, %eax */
	add(CODE + 64, "\x89\xd0" SYSCALL "\xc3", 5);
	/* mov $AT_FDCWD, %edi; mov 8(%rsp), %r9; mov $0, %edi is no such one */
	add(CODE + 96, OPENAT "\xbf\x9c\xff\xff\xff" SYSCALL "\xc3", 13);
	add(CODE + 128, "\x4c\x8b\x4c\x24\x08" SYSCALL "\xc3", 8);
	add(CODE + 160, OPENAT "\xbf\0\0\0\0" SYSCALL "\xc3", 13);
	ck_assert_uint_eq(sites_of(false, sites), 0);
	ck_assert_uint_eq(sites_of(true, sites), 4);
	ck_assert_uint_eq(sites[2].at, CODE + 101);
	ck_assert_uint_eq(sites[2].size, 7);
	ck_assert_uint_eq(sites[3].at, CODE + 128);
	ck_assert_uint_eq(sites[3].size, 7);
	ck_assert_uint_eq(sites[0].at, CODE + 1);
	ck_assert_uint_eq(sites[0].size, 7);
	ck_assert_uint_eq(sites[1].at, CODE + 32);
	ck_assert_uint_eq(sites[1].size, 5);
}
END_TEST

#define CANCELLING                                                             \
	"\x8b\x07\xf6\x07\x08\x0f\x85\0\0\0\0\x49\x89\xfb"                     \
	"\x48\x89\xf0\x48\x89\xd7\x48\x89\xce\x4c\x89\xc2\x4d\x89"             \
	"\xca\x4c\x8b\x44\x24\x08\x4c\x8b\x4c\x24\x10\x4c\x89\x5c"             \
	"\x24\x08" SYSCALL "\xc3"

/* As in glibc 2.41: the one call of the function for all calls that may be
 * cancelled. */
START_TEST(site_that_may_be_cancelled)
{
	struct shim_site sites[SHIM_SITES];

	add(CODE, OPENAT SYSCALL "\xc3", 8);
	add(CODE + 32, "\x53\xe8\x1a\0\0\0\x5b\xc3", 8); /* call CODE + 64 */
	add(CODE + 64, CANCELLING, 47);
	ck_assert_uint_eq(sites_of(false, sites), 1);
	ck_assert_uint_eq(sites_of(true, sites), 2);
	ck_assert_uint_eq(sites[1].at, CODE + 33);
	ck_assert_uint_eq(sites[1].size, 5);
	ck_assert_uint_eq(sites[1].kind, SHIM_CANCELS);
}
END_TEST

START_TEST(site_that_is_no_such_call)
{
	struct shim_site sites[SHIM_SITES];

	/* The bytes of the call are another instruction's. */
	add(CODE, "\x48\xb8\xe8\x39\0\0\0\x90\x90\x90\xc3", 11);
	add(CODE + 64, CANCELLING, 47);
	ck_assert_uint_eq(sites_of(true, sites), 0);
	/* One call is; with another it is not the only one. */
	add(CODE + 128, "\x53\xe8\xba\xff\xff\xff\x5b\xc3", 8);
	ck_assert_uint_eq(sites_of(true, sites), 0);
	/* Of the function the bytes are others. */
	memset(fake + CODE, 0x90, 11);
	ck_assert_uint_eq(sites_of(true, sites), 1);
	fake[CODE + 64 + 4] = 4;
	ck_assert_uint_eq(sites_of(true, sites), 0);
}
END_TEST

/* Of the libc and the loader that run this: whole, and as they must be. */
static int look(struct dl_phdr_info *info, size_t size, void *context)
{
	struct shim_site sites[SHIM_SITES];
	unsigned char id[SHIM_ID];
	size_t *seen = context;
	struct shim_code code;

	(void)size;
	if (!shim_object_named(info->dlpi_name))
		return 0;
	const unsigned char *base = (const unsigned char *)info->dlpi_addr;

	ck_assert(shim_object_look(base, &code, id));
	size_t count =
		shim_sites_x86_64(&code, shim_gates, true, sites, SHIM_SITES);

	for (size_t i = 0; i < count; i++) {
		const unsigned char *end = base + sites[i].at + sites[i].size;

		ck_assert_uint_ge(sites[i].size, 5);
		ck_assert_uint_le(sites[i].size, 7);
		if (sites[i].kind == SHIM_CANCELS)
			ck_assert_uint_eq(base[sites[i].at], 0xe8);
		else
			ck_assert(end[-2] == 0x0f && end[-1] == 0x05);
		ck_assert(i == 0 ||
			  sites[i].at >= sites[i - 1].at + sites[i - 1].size);
	}
	*seen += count;
	return 0;
}

START_TEST(sites_of_this_libc)
{
	size_t seen = 0;

	dl_iterate_phdr(look, &seen);
#if defined(__GLIBC__) && defined(__x86_64__)
	ck_assert_uint_ge(seen, 12);
#endif
}
END_TEST

START_TEST(sites_that_are_near)
{
	struct shim_site few[] = {
		{.at = 0x1000, .size = 7},  {.at = 0x90000, .size = 7},
		{.at = 0x90100, .size = 7}, {.at = 0x9f000, .size = 5},
		{.at = 0xcffff, .size = 7}, {.at = 0xd0000, .size = 7}};
	struct shim_site apart[] = {{.at = 0x1000, .size = 7},
				    {.at = 0x90000, .size = 7},
				    {.at = 0x190000, .size = 7}};

	/* One in five lies too far before, then one a byte too far behind. */
	ck_assert_uint_eq(shim_sites_near(few, 5), 4);
	ck_assert_uint_eq(few[0].at, 0x90000);
	ck_assert_uint_eq(few[3].at, 0xcffff);
	few[0] = (struct shim_site){.at = 0x90000, .size = 7};
	few[4] = (struct shim_site){.at = 0xd0000, .size = 7};
	ck_assert_uint_eq(shim_sites_near(few, 5), 4);
	ck_assert_uint_eq(few[0].at, 0x90000);
	/* Too many to do without. */
	ck_assert_uint_eq(shim_sites_near(apart, 3), 3);
	ck_assert_uint_eq(apart[0].at, 0x1000);
	ck_assert_uint_eq(shim_sites_near(apart, 0), 0);
}
END_TEST

/* As in glibc 2.41, whose one call for all that may be cancelled is far off. */
START_TEST(a_far_site_for_any_call)
{
	struct shim_site sites[] = {
		{0x1000, 7, SHIM_ONE},	{0x50000, 7, SHIM_ANY},
		{0x90000, 7, SHIM_ONE}, {0x90100, 7, SHIM_ONE},
		{0x9f000, 5, SHIM_ONE}, {0xafff0, 7, SHIM_ONE},
		{0xcf000, 7, SHIM_ONE}, {0xcf100, 7, SHIM_ONE}};

	ck_assert_uint_eq(shim_sites_near(sites, 8), 7);
	ck_assert_uint_eq(sites[0].at, 0x50000);
	ck_assert_uint_eq(sites[1].at, 0x90000);
	ck_assert_uint_eq(sites[6].at, 0xcf100);
	/* What lies between is not touched. */
	ck_assert_uint_eq(shim_sites_stretch(sites, 7, 0), 1);
	ck_assert_uint_eq(shim_sites_stretch(sites, 7, 1), 6);
	ck_assert_uint_eq(shim_sites_stretch(sites, 7, 6), 1);
}
END_TEST

/* -- aarch64 --------------------------------------------------------------- */

static size_t sites_aarch64(const uint32_t *words, size_t count,
			    struct shim_site *sites)
{
	struct shim_code code = {
		.base = (const unsigned char *)words,
		.end = (uint32_t)(count * 4),
	};

	return shim_sites_aarch64(&code, shim_gates, sites, SHIM_SITES);
}

#define A64(...)                                                               \
	sites_aarch64((const uint32_t[]){__VA_ARGS__},                         \
		      sizeof((const uint32_t[]){__VA_ARGS__}) / 4, sites)

enum {
	A64_SVC = 0xd4000001 - (1LL << 32),
	A64_RET = 0xd65f03c0 - (1LL << 32),
	A64_NOP = 0xd503201f - (1LL << 32),
};
/* mov w8, #n; mov x8, #n */
#define A64_W8(number) (0x52800008U | (uint32_t)(number) << 5)
#define A64_X8(number) (0xd2800008U | (uint32_t)(number) << 5)

START_TEST(sites_of_aarch64)
{
	struct shim_site sites[SHIM_SITES];
	uint32_t svc = (uint32_t)A64_SVC, ret = (uint32_t)A64_RET;

	ck_assert_uint_eq(A64(A64_X8(SYS_openat), svc, ret), 1);
	ck_assert_uint_eq(sites[0].at, 4);
	ck_assert_uint_eq(sites[0].size, 4);
	/* mov w2, w3 and a load between them */
	ck_assert_uint_eq(
		A64(A64_W8(SYS_openat), 0x2a0303e2U, 0xf9400fe3U, svc, ret), 1);
	/* another number; none; set on the other side of a branch or a label's
	 * end; overwritten, also by a pair */
	ck_assert_uint_eq(A64(A64_X8(1000), svc, ret), 0);
	ck_assert_uint_eq(A64((uint32_t)A64_NOP, svc, ret), 0);
	ck_assert_uint_eq(A64(A64_X8(SYS_openat), 0x14000002U, svc), 0);
	ck_assert_uint_eq(A64(A64_X8(SYS_openat), ret, svc), 0);
	ck_assert_uint_eq(A64(A64_X8(SYS_openat), 0xb4000048U, svc), 0);
	ck_assert_uint_eq(A64(A64_X8(SYS_openat), 0xaa0103e8U, svc), 0);
	ck_assert_uint_eq(A64(A64_X8(SYS_openat), 0xa9402027U, svc), 0);
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

int main(void)
{
	Suite *suite = suite_create("shim_site");
	TCase *bytes = tcase_create("bytes"), *sites = tcase_create("sites");

	tcase_add_loop_test(bytes, length_of_an_instruction, 0,
			    COUNT(instructions));
	tcase_add_test(bytes, distance_of_a_branch);
	tcase_add_test(bytes, sites_of_aarch64);
	suite_add_tcase(suite, bytes);
	tcase_add_checked_fixture(sites, fake_new, fake_free);
	tcase_add_test(sites, site_is_found);
	tcase_add_test(sites, site_is_first_of_its_function);
	tcase_add_loop_test(sites, site_is_left, 0, COUNT(left));
	tcase_add_test(sites, site_is_left_where_others_branch_to_it);
	tcase_add_test(sites, site_is_left_without_unwind_table);
	tcase_add_test(sites, site_without_a_number);
	tcase_add_test(sites, sites_of_this_libc);
	tcase_add_test(sites, site_that_may_be_cancelled);
	tcase_add_test(sites, site_that_is_no_such_call);
	tcase_add_test(sites, sites_that_are_near);
	tcase_add_test(sites, a_far_site_for_any_call);
	suite_add_tcase(suite, sites);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
