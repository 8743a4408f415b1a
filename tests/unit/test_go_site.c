/*
 * What is read of a program that may be one in Go, and may be hostile: headers,
 * notes, code; and what is made of the shim's file for it.
 */
#include <check.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/scope.h"
#include "shim/go.h"
#include "supervisor/go_image.h"
#include "supervisor/go_site.h"
#include "supervisor/image_stack.h"
#include "supervisor/tracer.h"
#include "tests/unit/draw.h"

/* As objdump shows it of programs of Go 1.20 to 1.26. */
static const unsigned char syscall6[] =
	"\x49\x89\xf2\x48\x89\xfa\x48\x89\xce\x48\x89\xdf\x0f\x05"
	"\x48\x3d\x01\xf0\xff\xff\x76\x15\x48\xf7\xd8\x48\x89\xc1"
	"\x48\xc7\xc0\xff\xff\xff\xff\x48\xc7\xc3\0\0\0\0\xc3"
	"\x48\x89\xd3\x48\xc7\xc1\0\0\0\0\xc3";

START_TEST(site_is_found)
{
	enum { SIZE = 4096 };
	/* Of the size exactly, so that a sanitizer sees what reads on. */
	auto_free unsigned char *code = malloc(SIZE);

	ck_assert_int_eq(sizeof(syscall6) - 1, GO_SITE_SIZE);
	for (size_t at = 0; at + GO_SITE_SIZE <= SIZE; at++) {
		memset(code, 0xcc, SIZE);
		memcpy(code + at, syscall6, GO_SITE_SIZE);
		ck_assert_int_eq(go_site_find(code, SIZE),
				 at % GO_SITE_ALIGN ? -1 : (int64_t)at);
	}
	for (size_t size = 0; size < GO_SITE_SIZE; size++)
		ck_assert_int_eq(go_site_find(code, size), -1);
}
END_TEST

START_TEST(site_of_other_bytes)
{
	unsigned char code[GO_SITE_SIZE];

	memcpy(code, syscall6, sizeof(code));
	ck_assert(go_site_is(code));
	for (size_t i = 0; i < sizeof(code); i++) {
		code[i] ^= 1;
		ck_assert(!go_site_is(code));
		code[i] ^= 1;
	}
}
END_TEST

START_TEST(jump_to_the_copy)
{
	unsigned char jump[GO_JUMP];

	go_site_jump(0x1ea040, jump);
	ck_assert_mem_eq(jump, "\x41\xbb\x40\xa0\x1e\0\x41\xff\xe3", GO_JUMP);
	/* Whole instructions, and the call is not among them. */
	ck_assert_mem_eq(syscall6 + GO_JUMP, "\x48\x89\xdf\x0f\x05", 5);
	ck_assert_int_eq(GO_JUMP + 5, GO_DONE);
}
END_TEST

static Elf64_Phdr header(uint32_t type, uint32_t flags, uint64_t offset,
			 uint64_t address, uint64_t size)
{
	return (Elf64_Phdr){.p_type = type,
			    .p_flags = flags,
			    .p_offset = offset,
			    .p_vaddr = address,
			    .p_filesz = size};
}

START_TEST(program_of_headers)
{
	const uint64_t base = 0x7f0000000000, entry = base + 0x1234;
	Elf64_Phdr headers[] = {
		header(PT_NOTE, PF_R, 0xf9c, 0xf9c, 100),
		header(PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0x2000),
		header(PT_LOAD, PF_R, 0, 0, 0x1000),
		header(PT_INTERP, PF_R, 0x300, 0x300, 28),
	};
	struct go_program program;

	ck_assert(go_program_read(headers, 4, base + 64, entry, &program));
	ck_assert(program.interpreted);
	ck_assert_uint_eq(program.start, base + 0x1000);
	ck_assert_uint_eq(program.size, 0x2000);
	ck_assert_uint_eq(program.note_count, 1);
	ck_assert_uint_eq(program.notes[0].start, base + 0xf9c);
	ck_assert(go_program_read(headers, 3, base + 64, entry, &program));
	ck_assert(!program.interpreted);
	/* Not where it begins; no code; no beginning of the file. */
	ck_assert(!go_program_read(headers, 4, base + 64, base, &program));
	headers[1].p_flags = PF_R;
	ck_assert(!go_program_read(headers, 4, base + 64, entry, &program));
	headers[1].p_flags = PF_R | PF_X;
	headers[2].p_offset = 1;
	ck_assert(!go_program_read(headers, 4, base + 64, entry, &program));
	ck_assert(!go_program_read(headers, 0, base + 64, entry, &program));
}
END_TEST

/* Whatever they say: no more notes than there is room for, and code only where
 * the program begins. */
START_TEST(program_of_any_headers)
{
	enum { COUNT = 12 };

	for (int round = 0; round < 100000; round++) {
		Elf64_Phdr headers[COUNT];
		struct go_program program;
		uint64_t entry = draw() >> draw() % 64;

		for (int i = 0; i < COUNT; i++)
			headers[i] = header(
				(uint32_t)(draw() % 7), (uint32_t)draw() & 7,
				draw() % 2 ? 0 : draw(), draw() >> draw() % 64,
				draw() >> draw() % 64);
		bool found = go_program_read(headers, draw() % (COUNT + 1),
					     draw(), entry, &program);

		ck_assert_uint_le(program.note_count, GO_NOTES);
		ck_assert_int_eq(found, program.size > 0);
		if (found)
			ck_assert_uint_lt(entry - program.start, program.size);
	}
}
END_TEST

START_TEST(note_of_the_linker)
{
	static const unsigned char notes[] = "\4\0\0\0\3\0\0\0\3\0\0\0GNU\0"
					     "abc\0"
					     "\4\0\0\0\5\0\0\0\4\0\0\0Go\0\0"
					     "12345\0\0";

	ck_assert(go_note_in(notes, sizeof(notes)));
	ck_assert(!go_note_in(notes, 20));
	ck_assert(!go_note_in(notes, 0));
	ck_assert(!go_note_in(notes + 4, sizeof(notes) - 4));
}
END_TEST

START_TEST(notes_of_any_bytes)
{
	for (int round = 0; round < 100000; round++) {
		size_t size = draw() % 80;
		auto_free unsigned char *notes = malloc(size + 1);

		for (size_t i = 0; i < size; i++)
			notes[i] = draw() % 3 ? (unsigned char)(draw() % 8)
					      : (unsigned char)draw();
		unsigned char *own = realloc(notes, size ? size : 1);

		notes = own;
		(void)go_note_in(notes, size);
	}
	const unsigned char largest[] = "\xff\xff\xff\xff\xff\xff\xff\xff"
					"\4\0\0\0Go\0\0";

	ck_assert(!go_note_in(largest, sizeof(largest)));
}
END_TEST

#ifdef __x86_64__
static char *read_shim(size_t *size)
{
	auto_fd fd = open("interpose-shim.so", O_RDONLY | O_CLOEXEC);
	struct stat status;

	ck_assert(fd >= 0 && fstat(fd, &status) == 0);
	char *file = malloc((size_t)status.st_size);

	*size = (size_t)status.st_size;
	ck_assert(file && read(fd, file, *size) == status.st_size);
	return file;
}

START_TEST(copy_of_the_shim)
{
	size_t size;
	auto_free char *file = read_shim(&size);
	struct go_images *images = go_images_new(file, size);

	ck_assert_ptr_nonnull(images);
	go_images_free(images);
	for (size_t i = 0; i < size; i += 1 + size / 500) {
		auto_free char *cut = malloc(i ? i : 1);

		memcpy(cut, file, i);
		go_images_free(go_images_new(cut, i));
	}
	char *mark = memmem(file, size, GO_MARK, strlen(GO_MARK));

	*mark = 'x';
	ck_assert_ptr_null(go_images_new(file, size));
	*mark = GO_MARK[0];
	/* A program header that says more than there is. */
	for (size_t at = sizeof(Elf64_Ehdr); at < sizeof(Elf64_Ehdr) + 336;
	     at++) {
		file[at] ^= 0x55;
		go_images_free(go_images_new(file, size));
		file[at] ^= 0x55;
	}
}
END_TEST

/* A program in this process's own memory: headers, and code with the function. */
struct mapped {
	Elf64_Ehdr file;
	Elf64_Phdr header;
	_Alignas(GO_SITE_ALIGN) unsigned char code[256];
};

/* A read that fails says nothing of the file, which may be read the next time.
 */
START_TEST(failed_read_is_not_kept)
{
	static struct mapped mapped;
	const uint64_t start = (uint64_t)(uintptr_t)&mapped;
	uint64_t vector[] = {0,
			     0,
			     AT_PHDR,
			     start + offsetof(struct mapped, header),
			     AT_PHNUM,
			     1,
			     AT_PHENT,
			     sizeof(mapped.header),
			     AT_ENTRY,
			     start + offsetof(struct mapped, code)};
	const struct exec_plan plan = {.device = 1, .inode = 2};
	struct image_stack stack = {.vector = vector,
				    .words = sizeof(vector) / sizeof(*vector),
				    .first = 1};
	size_t size;
	auto_free char *file = read_shim(&size);
	struct go_images *images = go_images_new(file, size);

	mapped.header = header(PT_LOAD, PF_R | PF_X, 0, 0, sizeof(mapped));
	memcpy(mapped.code + GO_SITE_ALIGN, syscall6, GO_SITE_SIZE);
	stack.pid = fork();
	if (stack.pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(stack.pid, NULL, 0), stack.pid);
	ck_assert_uint_eq(go_image_find(images, &stack, &plan), 0);
	stack.pid = getpid();
	ck_assert_uint_eq(go_image_find(images, &stack, &plan),
			  start + offsetof(struct mapped, code) +
				  GO_SITE_ALIGN);
	go_images_free(images);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("go_site");
	TCase *all = tcase_create("all");

	tcase_add_test(all, site_is_found);
	tcase_add_test(all, site_of_other_bytes);
	tcase_add_test(all, jump_to_the_copy);
	tcase_add_test(all, program_of_headers);
	tcase_add_test(all, program_of_any_headers);
	tcase_add_test(all, note_of_the_linker);
	tcase_add_test(all, notes_of_any_bytes);
#ifdef __x86_64__
	tcase_add_test(all, copy_of_the_shim);
	tcase_add_test(all, failed_read_is_not_kept);
#endif
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
