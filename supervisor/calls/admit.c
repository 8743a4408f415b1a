#include "supervisor/calls/admit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/call.h"
#include "supervisor/cgroup.h"
#include "supervisor/fence.h"
#include "supervisor/path.h"
#include "supervisor/proc.h"
#include "supervisor/session.h"

static const char *fake_name(const struct policy_fake *fake)
{
	static const char *const names[] = {
		[FAKE_NONE] = "none",
		[FAKE_AWS] = "aws",
		[FAKE_DOTENV] = "dotenv",
		[FAKE_KEYS] = "keys",
		[FAKE_EMPTY] = "empty",
		[FAKE_TEXT] = "text",
		[FAKE_FILE] = "file",
		[FAKE_DIR] = "dir",
		[FAKE_PLACEHOLDER] = "placeholder",
	};

	return fake ? names[fake->kind] : "none";
}

static void note_standin(struct call *call, const struct place *place)
{
	call->served_fake = fake_name(place->read.fake);
	call_note(call, ACTION_READ, place->path, &place->read);
}

/* Is it a file that the program was started with, by way of a descriptor? */
static bool was_given(const struct call *call, enum action action,
		      const struct place *place)
{
	for (int i = 0; place->magic && i < 3; i++) {
		const struct given_file *given = &call->session->given[i];
		bool mode = given->mode == O_RDWR ||
			    given->mode == (action == ACTION_READ ? O_RDONLY
								  : O_WRONLY);

		if (given->mode >= 0 && mode &&
		    given->device == place->stat.st_dev &&
		    given->inode == place->stat.st_ino)
			return true;
	}
	return false;
}

static void judge_read(struct call *call, const struct place *place)
{
	struct policy_query query;

	if (!call->session->judged)
		return;
	call_query(call, &query, ACTION_READ, place->path, place->length);
	query.via = place->via;
	query.via_count = place->via_count;
	call_would(call, &query, place->path);
}

/* Whoever may write there could leave the session's cgroup, or lift its limits,
 * whatever the policy says. */
static int cgroup_guard_write(struct call *call, const struct place *place)
{
	struct policy_decision decision = {.verdict = VERDICT_DENY,
					   .final = true};

	if (!call->session->cgroup ||
	    !cgroup_guards(place->fd >= 0 ? place->fd : place->dir))
		return 0;
	call_note(call, ACTION_WRITE, place->path, &decision);
	return -EACCES;
}

int admit(struct call *call, enum action action, const struct place *place)
{
	struct policy_decision decision = place->read;
	struct policy_query query;

	if (place->nameless || was_given(call, action, place))
		return 0;
	if (place->read.verdict == VERDICT_FAKE && !place->standin) {
		/* The real file, by another name that leads to no stand-in: a
		 * hard link, a second mount, a descriptor. */
		decision.verdict = VERDICT_DENY;
		call_note(call, action, place->path, &decision);
		return -EACCES;
	}
	if (place->read.verdict == VERDICT_FAKE) {
		note_standin(call, place);
		return 0;
	}
	if (action == ACTION_WRITE &&
	    (proc_guard_write(call, place) || cgroup_guard_write(call, place)))
		return -EACCES;
	if (action == ACTION_READ) {
		call_decided(call, action, place->path, &decision);
		if (decision.verdict == VERDICT_ALLOW)
			judge_read(call, place);
	} else {
		call_query(call, &query, action, place->path, place->length);
		call_decide(call, &query, place, &decision);
	}
	return decision.verdict == VERDICT_ALLOW ? 0 : -EACCES;
}

int admit_metadata(struct call *call, const struct place *place)
{
	if (place->read.verdict == VERDICT_FAKE && call->session->log_all)
		note_standin(call, place);
	return 0;
}

bool admit_named(const struct call *call, const struct place *place)
{
	return call->session->fence && !place->standin && !place->magic &&
	       !place->proc && !place->nameless;
}

int admit_create_error(const struct place *place, int error)
{
	return error == -ENOENT && place->read.verdict == VERDICT_HIDE ? -EACCES
								       : error;
}

bool admit_outside(const struct call *call, const struct place *place)
{
	const struct fence *fence = call->session->fence;

	if (!fence || strncmp(place->path, "/memfd:", 7) == 0)
		return false;
	/* What has been removed is asked about as it is. */
	if (!place->nameless && place->stat.st_nlink &&
	    fence_covers(fence, place->path, place->length))
		return false;
	return !fence_reads(fence, place->path);
}

const char *admit_own_link(int fd, char link[40])
{
	snprintf(link, 40, "/proc/self/fd/%d", fd);
	return link;
}
