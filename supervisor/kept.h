/*
 * Rules of the guard for files and directories outside of interpose's own that
 * a session is not to change: records, and the policies that it runs under.
 */
#ifndef SUPERVISOR_KEPT_H
#define SUPERVISOR_KEPT_H

struct layers_options;
struct policy;
struct policy_input;

/* Each returns 0 with the rules as malloc()ed text, NULL where there is nothing
 * to say, or -ENOMEM. */

/**
 * The program and its profiles, which may be installed in the home: the next
 * session begins with them. Run from its build tree it is being worked on,
 * maybe by this very session.
 */
int kept_own(const char *profiles, char **text);

/**
 * Where --session-dir has the records elsewhere: all that lie there, but not
 * what else does, for it may be the project. And the files of -p, from which
 * the next session may begin.
 */
int kept_options(const struct layers_options *options, char **text);

/**
 * The files that this policy was read from, included ones above all: but not
 * those in a directory that is the guard's already (ended by NULL), unless they
 * are links that lead out of it, nor what a project's policy consists of, which
 * is trusted by its hash.
 */
int kept_read(const struct policy *policy, const struct policy_input *input,
	      const char *const *directories, char **text);

#endif
