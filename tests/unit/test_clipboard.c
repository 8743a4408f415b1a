/*
 * What reads or writes the clipboard is taken out of a program's output,
 * however it is written and wherever a read ends; all else passes as it is.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/ask/clipboard.h"

#define ESC "\x1b"

static char result[4096];

static size_t filter(bool may_read, bool may_write, const char *in,
		     size_t length, size_t first)
{
	struct clipboard clipboard = {.may_read = may_read,
				      .may_write = may_write};
	char end[CLIPBOARD_HELD];
	size_t used = 0;

	while (length) {
		size_t part = first && first < length ? first : length;

		used += clipboard_filter(&clipboard, in, part, result + used);
		in += part;
		length -= part;
	}
	size_t rest = clipboard_end(&clipboard, end);

	memcpy(result + used, end, rest);
	return used + rest;
}

static void check(int line, bool may_read, bool may_write, const char *in,
		  size_t in_length, const char *out, size_t out_length)
{
	/* Whole; and in reads of 1, 2, ... bytes. */
	for (size_t first = 0; first <= in_length; first++) {
		size_t length =
			filter(may_read, may_write, in, in_length, first);

		ck_assert_msg(length == out_length &&
				      memcmp(result, out, length) == 0,
			      "line %d, reads of %zu: %.*s", line, first,
			      (int)length, result);
	}
}

#define IS(in, out)                                                            \
	check(__LINE__, false, false, in, sizeof(in) - 1, out, sizeof(out) - 1)
#define PASSES(in) IS(in, in)
#define NONE	   ESC "]9952"

START_TEST(test_taken_out)
{
	IS("a" ESC "]52;c;?\ab", "a" NONE "\ab");
	IS("a" ESC "]52;c;?" ESC "\\b", "a" NONE ESC "\\b");
	IS("a" ESC "]52;c;aGk=\ab", "a" NONE "\ab");
	IS(ESC "]52;;aGk=\a", NONE "\a");
	IS(ESC "]52;c;\a", NONE "\a");
	IS(ESC "]52\a", NONE "\a");
	IS(ESC "]52c;?\a", NONE "\a");
	IS(ESC "]52?\a", NONE "\a");
	IS(ESC "]052;c;?\a", NONE "\a");
	IS(ESC "]4294967348;c;?\a", NONE "\a");
	IS(ESC "]5522;type=read;Lg==\a", NONE "\a");
	IS(ESC "]1337;Copy=:aGk=\a", NONE "\a");
	IS(ESC "]1337;copytoclipboard=\atext", NONE "\atext");
	/* Controls in it that terminals pass over. */
	IS(ESC "\0]5\x01"
	       "2\r;\n;?\a",
	   ESC "\0]9952\a");
	IS(ESC "\a]52;c;?\a", ESC "\a]9952\a");
	/* As one byte, and that in UTF-8. */
	IS("\x9d"
	   "52;c;?\x9c",
	   "\x9d"
	   "9952\x9c");
	IS("\xc2\x9d"
	   "52;c;?\a",
	   "\xc2\x9d"
	   "9952\a");
	IS("\xf5\x9d"
	   "52;c;?\a",
	   "\xf5\x9d"
	   "9952\a");
	/* What tmux and screen pass on, two of them as well. */
	IS(ESC "Ptmux;" ESC ESC "]52;c;?\a" ESC "\\x",
	   ESC "Ptmux;" ESC ESC "]9952\a" ESC "\\x");
	IS(ESC "Ptmux;" ESC ESC "]52;c;?" ESC ESC "\\" ESC "\\x",
	   ESC "Ptmux;" ESC ESC "]9952" ESC ESC "\\" ESC "\\x");
	IS(ESC "Ptmux;" ESC ESC ESC ESC "]52;c;?\a" ESC "\\",
	   ESC "Ptmux;" ESC ESC ESC ESC "]9952\a" ESC "\\");
	IS(ESC "P" ESC "]52;c;?\a" ESC "\\", ESC "P" ESC "]9952\a" ESC "\\");
	/* Within another, and cut off by another. */
	IS(ESC "]0;a" ESC "]52;c;?\a", ESC "]0;a" NONE "\a");
	IS(ESC "]52;" ESC "]52;c;?\a", NONE NONE "\a");
	IS(ESC "]5" ESC "]52;c;?\a2;c;?\a", ESC "]5" NONE "\a2;c;?\a");
	/* Never ended. */
	IS(ESC "]52;c;?aaaa", NONE);
	IS(ESC "]52;c", "");
}
END_TEST

START_TEST(test_passes)
{
	PASSES("text, \xc3\x9d \xe2\x80\x9d"
	       "52;c;? \xf0\x9f\x9d\x9d"
	       "52;c;?");
	PASSES(ESC "]0;title 52;c;?\a" ESC "]8;;http://x/\a" ESC "]11;?\a");
	PASSES(ESC "]520;c;?\a" ESC "]5;2;?\a" ESC "]1337;File=:Co\a");
	PASSES(ESC "[52;1H" ESC ESC "[A" ESC "P1;2q\"1;1#0~~\x1b\\");
	PASSES("\xc2\xa9 \xc2" ESC "[m\xc2"
	       "a\xff\xfe\0\x01");
	PASSES("half " ESC);
	PASSES("half " ESC "]5");
	PASSES("\xc2");
}
END_TEST

START_TEST(test_one_of_two)
{
	static const char both[] =
		ESC "]52;c;?\a" ESC "]52;c;aGk=\a" ESC "]1337;Copy=:aGk=\a";
	static const char written[] =
		NONE "\a" ESC "]52;c;aGk=\a" ESC "]1337;Copy=:aGk=\a";
	static const char read[] = ESC "]52;c;?\a" NONE "\a" NONE "\a";

	check(__LINE__, false, true, both, sizeof(both) - 1, written,
	      sizeof(written) - 1);
	check(__LINE__, true, false, both, sizeof(both) - 1, read,
	      sizeof(read) - 1);
}
END_TEST

/* Bytes by chance, of those that matter: what comes out, read again, has
 * nothing left to be taken out. A terminal's view of it is that of a plain
 * search. */
START_TEST(test_chance)
{
	static const char some[] =
		ESC ESC ESC "]]5522;;c?\a\\P\x9d\xc2\xe2\0\x18z";
	char in[200], out[1024];

	srand(52);
	for (int round = 0; round < 20000; round++) {
		size_t length = 1 + (size_t)rand() % sizeof(in);

		for (size_t i = 0; i < length; i++)
			in[i] = some[(size_t)rand() % (sizeof(some) - 1)];
		size_t once =
			filter(false, false, in, length, (size_t)rand() % 7);

		ck_assert_uint_le(once, clipboard_room(length));
		memcpy(out, result, once);
		ck_assert_ptr_null(memmem(out, once, ESC "]52;", 4 + 1));
		ck_assert_ptr_null(memmem(out, once, ESC "]52c", 4 + 1));
		size_t twice = filter(false, false, out, once, 0);

		ck_assert_uint_eq(twice, once);
		ck_assert_mem_eq(out, result, once);
	}
}
END_TEST

/* Room runs out: nothing gets through for that. */
START_TEST(test_long)
{
	char in[2048];

	for (size_t pad = 1; pad < 300; pad++) {
		for (int kind = 0; kind < 4; kind++) {
			size_t length = 0, zeros = kind == 1 ? pad : 0;

			for (size_t i = 0; i < (kind == 0 ? pad : 1); i++)
				in[length++] = '\x1b';
			in[length++] = ']';
			memset(in + length, '0', zeros);
			length += zeros;
			memcpy(in + length, "52;", 3);
			length += 3;
			memset(in + length, kind == 2 ? 'c' : '\0',
			       kind > 1 ? pad : 0);
			length += kind > 1 ? pad : 0;
			memcpy(in + length, ";?\a", 3);
			length += 3;
			size_t out = filter(false, true, in, length, 0);

			ck_assert_ptr_null(memchr(result, '?', out));
			/* A number before it that is lost must not free it. */
			memcpy(in + length - 3, "52;c;?\a", 7);
			out = filter(false, false, in, length + 4, 0);
			ck_assert_ptr_null(memmem(result, out, "]52;", 4));
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clipboard");
	TCase *tcase = tcase_create("clipboard");

	tcase_add_test(tcase, test_taken_out);
	tcase_add_test(tcase, test_passes);
	tcase_add_test(tcase, test_one_of_two);
	tcase_add_test(tcase, test_chance);
	tcase_add_test(tcase, test_long);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
