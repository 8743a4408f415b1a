/*
 * Which program each process of a session runs, and by whom it was started: for
 * `by`, `under` and what is granted to one program only.
 *
 * Theory of operation. At each exec, before the new image's first instruction,
 * the tracer adds what was decided about and compared. A process is known by
 * its image: the file that the kernel says it runs, and where that exec put its
 * stack, heap, code and arguments, which the kernel picks at random for each
 * exec, and which nothing in a session can change (PR_SET_MM and personality
 * are refused). A fork has the image of its parent, whatever becomes of that;
 * an exec by any thread, an exit or a process id that is used again leave
 * nothing behind that could be taken for something else.
 *
 * Who started whom is kept with the image, not asked of the kernel, whose
 * parents change when a process ends: a daemon stays under what started it.
 */
#ifndef SUPERVISOR_IMAGES_H
#define SUPERVISOR_IMAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct images;
struct policy;
struct policy_program;

/**
 * `path` is the program that the session starts with. Files that the policy
 * grants something to are looked at now: one that the session may write to is
 * granted nothing once it was changed. Returns 0 and an object for
 * images_free(), or -ENOMEM. Where no rule asks for a program, none is kept.
 */
int images_new(const struct policy *policy, const char *path,
	       struct images **images);
void images_free(struct images *images);

/** Does a rule ask for programs at all? */
bool images_wanted(const struct images *images);

/** May the session write to this file, or has it a name that tells nothing? Its
 * content, as `status` has it, is then what it was at the start, or not sure.
 */
bool images_unsure(const struct images *images, const char *path,
		   const struct stat *status);

/** The program of the supervisor, under which the first one is started. */
const struct policy_program *images_self(const struct images *images);

/**
 * A new image stands ready in the process: it runs `program`, started by
 * `starter` (of this object, or NULL: not known). Returns 0 with the program as
 * it is kept, which lives as long as the object; or -errno: the image must not
 * run. `session`'s processes are looked through once in a while. On the
 * tracer's thread, or before there are others.
 */
int images_add(struct images *images, pid_t pid, pid_t supervisor,
	       const struct policy_program *program,
	       const struct policy_program *starter,
	       const struct policy_program **kept);

/** What the process, or thread, runs; NULL where that is not known. */
const struct policy_program *images_program(struct images *images, pid_t tid);

/** A number of the image that the process runs, which no other has; 0 where it
 * is not known. The same before and after: no exec came between. */
uint64_t images_number(struct images *images, pid_t tid);

#endif
