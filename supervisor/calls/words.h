/*
 * The arguments of a program that is to be started: read once, decided about,
 * and compared with what the new image was really given.
 */
#ifndef SUPERVISOR_CALLS_WORDS_H
#define SUPERVISOR_CALLS_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct words {
	const char **list; /* count strings */
	size_t count;
	char *text; /* what the strings lie in, and more that was added */
	char *added[16];
	size_t added_count;
};

/**
 * Read argv at `address` in the thread's memory. An empty one has one empty
 * word, as the kernel makes it (5.18). Returns 0, -EFAULT, -E2BIG or -ENOMEM;
 * to be freed either way.
 */
int words_read(pid_t tid, uint64_t address, struct words *words);
void words_free(struct words *words);

/** As binfmt_script: argv[0] gives way to the interpreter, its argument (or
 * NULL) and the script's name. Returns 0 or -ENOMEM. */
int words_interpret(struct words *words, const char *interpreter,
		    const char *argument, const char *script);

/** All words, each with its NUL; malloc()ed, or NULL without memory. */
char *words_join(const struct words *words, size_t *length);

/**
 * Of a dynamic loader's words (ld.so of glibc or musl): the index of the program
 * that it is told to run, or 0.
 */
size_t words_loaded_program(const struct words *words);

/**
 * What a program of many names is told to be, where that is not argv[0]:
 * `busybox wget …` is `wget …`, and the file git called `git-push …` is
 * `git push …`. Returns 0 and the words as that program has them (to be freed
 * with words_free(); strings of `words` stay its own), -ENOENT where this is no
 * such call, or -ENOMEM.
 */
int words_reading(const char *path, const struct words *words,
		  struct words *reading);

#endif
