/*
 * What is read of a program's code that may be hostile, and what is written in
 * its place.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "shim/gate.h"
#include "shim/static.h"
#include "supervisor/static_image.h"
#include "supervisor/static_site.h"
#include "tests/unit/draw.h"

enum { SIZE = 1024, AT = 512 };

/* Which numbers are wanted is the machine's own. */
#ifdef __x86_64__
enum { OWN_NUMBERS = 1 };
#else
enum { OWN_NUMBERS = 0 };
#endif

/* As objdump shows them of musl 1.2: fstatat(), readdir(), __syscall_cp_c(). */
static const unsigned char stat_call[] = "\xb8\x04\x00\x00\x00\x48\x89\xef"
					 "\x48\x89\xd6\x0f\x05";
static const unsigned char list_call[] =
	"\xb8\xd9\x00\x00\x00\xba\x00\x08\x00\x00\x4c\x89\xce\x0f\x05";
static const unsigned char any_call[] =
	"\x48\x89\xf8\x4d\x89\xc2\x48\x89\xf7\x4d\x89\xc8\x48\x89\xd6"
	"\x4c\x8b\x4c\x24\x08\x48\x89\xca\x0f\x05";
static const unsigned char plain_call[] = "\xb8\x59\x00\x00\x00\x0f\x05";

static struct static_site sites[STATIC_SITES];

/* Code of nops, with these bytes at AT. Of the size exactly, so that a
 * sanitizer sees what reads on. */
static unsigned char *code_with(const void *bytes, size_t size)
{
	unsigned char *code = malloc(SIZE);

	memset(code, 0x90, SIZE);
	memcpy(code + AT, bytes, size);
	return code;
}

static size_t found_in(const void *bytes, size_t size)
{
	auto_free unsigned char *code = code_with(bytes, size);

	return static_sites_find(code, SIZE, sites);
}

static void expect(const unsigned char *bytes, size_t size, uint32_t last)
{
	ck_assert_uint_eq(found_in(bytes, size), 1);
	ck_assert_uint_eq(sites[0].at, AT + size - last);
	ck_assert_uint_eq(sites[0].size, last);
	ck_assert_mem_eq(sites[0].code, bytes + size - last, last);
}

START_TEST(calls_of_libraries)
{
	expect(stat_call, sizeof(stat_call) - 1, 5);
	expect(list_call, sizeof(list_call) - 1, 5);
	expect(any_call, sizeof(any_call) - 1, 5);
	expect(plain_call, sizeof(plain_call) - 1, 7);
	expect((const void *)"\x48\xc7\xc0\x02\0\0\0\x0f\x05", 9, 9);
	/* Two instructions, where the last is too short. */
	expect((const void *)"\xb8\x6d\0\0\0\x31\xff\x0f\x05", 9, 9);
}
END_TEST

START_TEST(other_calls)
{
	/* read(2); a number from elsewhere; what cannot be moved; mov to r8. */
	ck_assert_uint_eq(found_in("\xb8\0\0\0\0\x0f\x05", 7), 0);
	ck_assert_uint_eq(found_in("\x89\xd0\x48\x89\xd6\x0f\x05", 7), 0);
	ck_assert_uint_eq(
		found_in("\xb8\x04\0\0\0\x48\x8d\x3d\0\0\0\0\x0f\x05", 14), 0);
	ck_assert_uint_eq(found_in("\xb8\x04\0\0\0\xe8\0\0\0\0\x0f\x05", 12),
			  0);
	/* musl's __syscall_cp_asm, whose addresses are compared. */
	ck_assert_uint_eq(found_in("\x48\x89\xf0\x48\x89\xd7\x0f\x05", 8), 0);
}
END_TEST

START_TEST(entered_calls)
{
	const uint32_t first = AT + 8; /* of stat_call's five last bytes */

	for (uint32_t target = first - 1; target <= first + 6; target++) {
		size_t whole = target > first && target < first + 5 ? 0 : 1;
		auto_free unsigned char *code =
			code_with(stat_call, sizeof(stat_call) - 1);
		unsigned char *near = code + AT - 40, *far = code + 100;
		int32_t distance = (int32_t)target - (100 + 5);

		near[0] = 0x75;
		near[1] = (unsigned char)(target - (AT - 40 + 2));
		ck_assert_uint_eq(static_sites_find(code, SIZE, sites), whole);
		near[0] = 0xeb;
		ck_assert_uint_eq(static_sites_find(code, SIZE, sites), whole);
		/* The same bytes within an instruction. */
		memcpy(near - 1, "\xb8\xe0", 2);
		near[0] = 0xe0;
		memset(near + 2, 0, 2);
		ck_assert_uint_eq(static_sites_find(code, SIZE, sites), 1);
		memset(near - 1, 0x90, 5);
		far[0] = 0xe9;
		memcpy(far + 1, &distance, sizeof(distance));
		ck_assert_uint_eq(static_sites_find(code, SIZE, sites), whole);
	}
}
END_TEST

/* What looks like a call, and is part of a longer instruction: cmpl $0x48,
 * 6(%rax); mov %edx, %esi; syscall. And where nothing stands before. */
START_TEST(false_chains)
{
	ck_assert_uint_eq(
		found_in("\x83\xb8\x06\x01\0\0\x48\x89\xd6\x0f\x05", 11), 0);
	auto_free unsigned char *code = malloc(20);

	memset(code, 0x90, 20);
	memcpy(code + 7, stat_call, sizeof(stat_call) - 1);
	ck_assert_uint_eq(static_sites_find(code, 20, sites), 0);
}
END_TEST

START_TEST(any_code)
{
	for (int round = 0; round < 20000; round++) {
		size_t size = draw() % 400, end = 0;
		auto_free unsigned char *code = malloc(size ? size : 1);

		for (size_t i = 0; i < size; i++)
			code[i] = (unsigned char)draw();
		for (size_t i = 0; size > 60 && i < 4; i++)
			memcpy(code + draw() % (size - 30), any_call + 15,
			       sizeof(any_call) - 16);
		size_t count = static_sites_find(code, size, sites);

		for (size_t i = 0; i < count; i++) {
			ck_assert_uint_ge(sites[i].at, end);
			ck_assert_uint_ge(sites[i].size, STATIC_JUMP);
			ck_assert_uint_le(sites[i].size, STATIC_LONGEST);
			end = sites[i].at + sites[i].size;
			ck_assert_uint_le(end, size);
		}
	}
}
END_TEST

START_TEST(more_than_are_kept)
{
	enum { EACH = 64, MANY = (STATIC_SITES + 9) * EACH };
	auto_free unsigned char *code = malloc(MANY);

	memset(code, 0x90, MANY);
	for (size_t at = EACH; at < MANY; at += EACH)
		memcpy(code + at, plain_call, sizeof(plain_call) - 1);
	ck_assert_uint_eq(static_sites_find(code, MANY, sites), STATIC_SITES);
}
END_TEST

START_TEST(stub_of_a_site)
{
	static const unsigned char expected[STATIC_STUB] =
		"\xb8\x59\0\0\0\x4c\x8d\x1d\x07\0\0\0\xb9\x78\x56\x34\x12"
		"\xff\xe1\x0f\x05\xe9\xed\x0f\0\0\xcc\xcc\xcc\xcc\xcc\xcc";
	struct static_site site = {.size = 7};
	unsigned char stub[STATIC_STUB], jump[STATIC_JUMP];

	memcpy(site.code, plain_call, 7);
	ck_assert(static_stub_write(&site, 0x401000, 0x400000, 0x12345678, stub,
				    jump));
	ck_assert_mem_eq(stub, expected, STATIC_STUB);
	ck_assert_mem_eq(jump, "\xe9\xfb\xef\xff\xff", STATIC_JUMP);
	ck_assert(!static_stub_write(&site, UINT64_C(0x7f0000000000), 0x400000,
				     0x12345678, stub, jump));
	site.size = STATIC_LONGEST;
	ck_assert(static_stub_write(&site, 0x401000, 0x400000, 1, stub, jump));
	site.size = STATIC_LONGEST + 1;
	ck_assert(!static_stub_write(&site, 0x401000, 0x400000, 1, stub, jump));
}
END_TEST

START_TEST(beginnings)
{
	static const unsigned char musl[STATIC_ENTRY] =
		"\x48\x31\xed\x48\x89\xe7\x48\x8d\x35\1\2\3\4\x48\x83\xe4\xf0"
		"\xe8";
	static const unsigned char glibc[STATIC_ENTRY] =
		"\xf3\x0f\x1e\xfa\x31\xed\x49\x89\xd1\x5e\x48\x89\xe2\x48\x83"
		"\xe4\xf0\x50\x54";
	/* Go's: jmp; and mov (%rsp), %rdi; lea 8(%rsp), %rsi. */
	static const unsigned char go[STATIC_ENTRY] =
		"\xe9\x1b\xd5\xff\xff\xcc";
	static const unsigned char old[STATIC_ENTRY] =
		"\x48\x8b\x3c\x24\x48\x8d\x74\x24\x08";

	ck_assert(static_entry_is(musl));
	ck_assert(static_entry_is(glibc));
	ck_assert(!static_entry_is(glibc + 1));
	ck_assert(!static_entry_is(go));
	ck_assert(!static_entry_is(old));
}
END_TEST

START_TEST(place_of_the_marks)
{
	ck_assert_uint_gt(STATIC_KNOWN, GATE_RETURN);
	ck_assert_uint_lt(STATIC_FORGONE, GATE_ADDRESS + 4096);
	ck_assert_uint_le(STATIC_FORGONE - STATIC_KNOWN,
			  sizeof(STATIC_MARK) - 1);
	ck_assert_ptr_null(static_images_new("no file", 7));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("static_site");
	TCase *all = tcase_create("all");

	if (OWN_NUMBERS) {
		tcase_add_test(all, calls_of_libraries);
		tcase_add_test(all, other_calls);
		tcase_add_test(all, entered_calls);
		tcase_add_test(all, false_chains);
		tcase_add_test(all, more_than_are_kept);
	}
	tcase_add_test(all, any_code);
	tcase_add_test(all, stub_of_a_site);
	tcase_add_test(all, beginnings);
	tcase_add_test(all, place_of_the_marks);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
