/*
 * What `interpose apply` would do with each thing that programs wrote to the
 * stand-ins of a session that has ended: the plan that is shown, and carried
 * out when a person says so.
 */
#ifndef SUPERVISOR_VIRTUAL_PLAN_H
#define SUPERVISOR_VIRTUAL_PLAN_H

#include <stddef.h>
#include <sys/stat.h>

#include "supervisor/virtual/changes.h"

struct plans;

enum plan_step {
	PLAN_REFUSED = 0, /**< `why` says the reason */
	PLAN_WRITE,
	PLAN_CREATE,
	PLAN_MKDIR,
	PLAN_REMOVE,
	PLAN_RMDIR,
};

/** One step. The texts are the plan's; `made` and `written` may be shown. */
struct plan {
	enum plan_step step;
	const char *path; /**< the caller's */
	const char *why;  /**< static */
	const char *of;	  /**< a path that the reason is about, or NULL */
	int error; /**< PLAN_REFUSED: -errno where there is one, else 0 */
	char *made, *written;
	size_t made_length, written_length;
	char *result; /**< for the real file, with real values: never shown */
	size_t result_length;
	mode_t mode;
	struct stat real; /**< as it was read */
};

/**
 * Open what standins_keep() left in a state directory. Returns 0 and an object
 * for plans_close(), -ENOENT where nothing was kept, or -errno.
 */
int plans_open(int state_directory, struct plans **plans);
void plans_close(struct plans *plans);

/** Call `visit` with what was changed; as changes_walk(). */
int plans_changes(const struct plans *plans, change_visit *visit,
		  void *context);

/**
 * Plan a step. `plan` is for plan_free(). Returns 0 (also where the step is
 * refused), or -ENOMEM.
 */
int plan_make(struct plans *plans, enum change_kind kind, const char *path,
	      struct plan *plan);

/** Carry it out, all or nothing. Returns 0 or -errno. */
int plan_do(const struct plan *plan);

void plan_free(struct plan *plan);

#endif
