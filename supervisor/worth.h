/*
 * Which programs are worth the library that they load first (preload.h).
 *
 * To load it takes a program as long as some fifteen calls that come to the
 * supervisor instead. Many a program makes fewer, and is started again and
 * again. So a program that took next to no time some times is started without,
 * for as long as those starts make few calls: one that makes many has the next
 * ones load it, each time until more of them took next to none. What a program
 * gets is the same with the library and without; only the time differs.
 */
#ifndef SUPERVISOR_WORTH_H
#define SUPERVISOR_WORTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct worth;

/** Returns an object for worth_free(), or NULL: no memory. */
struct worth *worth_new(void);
void worth_free(struct worth *worth);

/** What is started: the file that runs, and its arguments, one behind the
 * other. An option that comes first makes another program of it (sh -c). */
struct worth_program {
	dev_t device;
	ino_t inode;
	const char *argv;
	size_t argv_length;
};

/**
 * A program stands ready in the process, whose first thread has its number.
 * Returns whether it is to load the library. By one thread alone; NULL is fine,
 * and always is.
 */
bool worth_start(struct worth *worth, pid_t pid,
		 const struct worth_program *program);

/** The process has ended, after so many nanoseconds of processor time; where
 * that is not known any more, after so many of time. By any thread; NULL is
 * fine. */
void worth_end(struct worth *worth, pid_t pid, int64_t ns);

/**
 * The thread has made a call, by its number: one that the library would have
 * made at the gate counts for its process, or where that has run no program,
 * for its parent. By any thread, without a lock; now and then it asks the
 * kernel which process that is. NULL is fine.
 */
void worth_call(struct worth *worth, pid_t tid, int number);

#endif
