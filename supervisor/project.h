/*
 * Which directory is the project, and where is its git directory?
 */
#ifndef SUPERVISOR_PROJECT_H
#define SUPERVISOR_PROJECT_H

#include <stdbool.h>
#include <stdio.h>

/**
 * Find the project: `chosen` (of -C) if it is not NULL, else the git work tree
 * around the current directory, else that directory. It is never `home`, a
 * directory above it, or `/`: then a line on `messages` asks for -C.
 *
 * Returns 0 and a malloc()ed canonical path, or -errno with a line written.
 */
int project_find(const char *chosen, const char *home, FILE *messages,
		 char **project);

/**
 * The git directory of a project, that of the main work tree where it is a
 * linked one. What a project's `.git` file says counts only if the directory
 * it names says so too, since a session can write the file: otherwise it would
 * choose what `${gitdir}` opens.
 *
 * Returns 0 and a malloc()ed canonical path; -ENOENT where there is none.
 */
int project_git_directory(const char *project, FILE *messages, char **gitdir);

/**
 * Rules for the files that say where a project's repository is: a `.git` file,
 * and those of the linked work trees that are there now. Whoever rewrites one
 * has git read another configuration, and run what that names. New work trees
 * may be made. `gitdir` may be NULL.
 *
 * Returns 0 and malloc()ed text, empty where there are none; or -ENOMEM.
 */
int project_guard(const char *project, const char *gitdir, char **text);

/** Write a path as the inside of a quoted word of a policy, in which every byte
 * of it means itself. */
void path_print_literal(const char *path, FILE *out);

/** Is `path` the directory `above`, or below it? */
bool path_is_below(const char *path, const char *above);

#endif
