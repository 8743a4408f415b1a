/*
 * Theory of operation. Nearly all programs name the same loader. What was
 * settled about one is known as long as the name leads to that file and
 * decisions depend on names alone; each worker knows its own. (Whether the name
 * leads there by the way it did is not looked at: it is the same file, and may
 * run.)
 */
#include "supervisor/calls/interp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/path.h"
#include "supervisor/record.h"

/* It need not be allowed by itself, as a library need not; but what a rule
 * refuses does not run under the name of another file. */
static int decide(struct call *call, const struct place *place)
{
	struct policy_decision decision;
	struct policy_query query;
	const char *name = place->path;

	call_query(call, &query, ACTION_EXEC, place->path, place->length);
	query.argv = &name;
	query.argc = 1;
	query.via = place->via;
	query.via_count = place->via_count;
	policy_decide(call->session->policy, &query, &decision);
	if (!decision.rule || decision.verdict == VERDICT_ALLOW)
		return admit(call, ACTION_READ, place);
	call_note(call, ACTION_EXEC, place->path, &decision);
	return -EACCES;
}

/* ld-linux-x86-64.so.2, and what that was a link to up to glibc 2.33. */
static bool is_glibc(const char *loader)
{
	const char *name = strrchr(loader, '/');

	return name && (strncmp(name, "/ld-linux", 9) == 0 ||
			strncmp(name, "/ld-2.", 6) == 0);
}

/* --------------------------------------------------------------- settled -- */

static _Thread_local struct {
	char path[64]; /* "": none */
	dev_t device;
	ino_t inode;
	struct timespec changed;
	bool glibc;
} settled;

/* Do the session's decisions depend on names alone, and is none of them
 * recorded that allows? */
static bool may_settle(const struct session *session)
{
	return !session->conditional && !session->log_all && !session->judged;
}

static bool is_settled(const struct call *call, const char *path)
{
	struct stat status;

	return may_settle(call->session) && settled.path[0] &&
	       strcmp(settled.path, path) == 0 && stat(path, &status) == 0 &&
	       status.st_dev == settled.device &&
	       status.st_ino == settled.inode &&
	       status.st_ctim.tv_sec == settled.changed.tv_sec &&
	       status.st_ctim.tv_nsec == settled.changed.tv_nsec;
}

static void settle(const struct call *call, const char *path,
		   const struct place *place, bool glibc)
{
	settled.path[0] = '\0';
	if (path[0] != '/' || strlen(path) >= sizeof(settled.path) ||
	    !may_settle(call->session) || place->standin || place->nameless ||
	    place->read.verdict != VERDICT_ALLOW || place->read.log)
		return;
	settled.device = place->stat.st_dev;
	settled.inode = place->stat.st_ino;
	settled.changed = place->stat.st_ctim;
	settled.glibc = glibc;
	strcpy(settled.path, path);
}

/* -------------------------------------------------------------- deciding -- */

int interp_check(struct call *call, const char *path, bool *glibc)
{
	struct place place;
	int error;

	if (is_settled(call, path)) {
		*glibc = settled.glibc;
		return 0;
	}
	place_init(&place);
	error = path_resolve(call, AT_FDCWD, path, PATH_FOLLOW, &place);
	if (!error)
		error = decide(call, &place);
	if (!error && admit_outside(call, &place)) {
		record_error(call->session,
			     "exec refused: the program's loader is outside of "
			     "the fence (--fence off)");
		error = -EACCES;
	}
	*glibc = !error && is_glibc(place.path);
	if (!error)
		settle(call, path, &place, *glibc);
	place_close(&place);
	return error;
}
