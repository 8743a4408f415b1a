/*
 * The files that policies are read from. A project's policy is read only once:
 * what it consists of is kept, so that no other bytes are used later than were
 * hashed, when it was asked whether the user trusts it.
 */
#ifndef SUPERVISOR_POLICY_FILES_H
#define SUPERVISOR_POLICY_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

struct kept_file;

/** Of zeros, before policy_files_init(). */
struct policy_files {
	struct policy_host host; /**< for the engine: reads through these */
	bool keeping;		 /**< what is read from now on */
	struct policy_system_host system;
	struct policy_host system_host;
	struct kept_file *kept;
	size_t kept_count;
	char **by_name; /**< what find_policy found while keeping */
	size_t by_name_count;
};

/** Set `host` up. `files` stays where it is; the directories, ended by NULL,
 * and the search path must outlive it. */
void policy_files_init(struct policy_files *files, const char *search_path,
		       const char *const *policy_dirs);

/** Free what it holds, but not itself. One of zeros holds nothing. */
void policy_files_clear(struct policy_files *files);

/** The SHA-256 of what was kept, as 64 hex digits. */
void policy_files_hash(const struct policy_files *files, char hash[65]);

/**
 * The directory of the installed profiles, malloc()ed, or NULL; that of the
 * source tree where this very program lies in its build tree. The environment
 * has no say.
 */
char *policy_files_installed(void);

/** Is the file that a policy's line was read from one of those? */
bool policy_files_is_installed(const char *path);

#endif
