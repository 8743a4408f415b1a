#include "supervisor/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/policy.h"
#include "supervisor/call.h"
#include "supervisor/images.h"
#include "supervisor/mounts.h"
#include "supervisor/path.h"
#include "supervisor/tracee.h"

enum { MOST_MOUNTS = 64 };

static dev_t devices[MOST_MOUNTS];
static size_t device_count;

static bool learn(void *context, const struct mount_line *line)
{
	(void)context;
	if (strcmp(line->type, "proc") == 0 && device_count < MOST_MOUNTS)
		devices[device_count++] = line->device;
	return true;
}

void proc_learn_mounts(void)
{
	struct stat status;

	device_count = 0;
	if (stat("/proc/self", &status) == 0)
		devices[device_count++] = status.st_dev;
	(void)mounts_each(learn, NULL);
}

bool proc_is_device(dev_t device)
{
	for (size_t i = 0; i < device_count; i++)
		if (devices[i] == device)
			return true;
	return false;
}

/* What follows the process id in a path on procfs, and the id. A nested procfs
 * has another prefix: the first component that is a number counts. */
static const char *after_pid(const char *path, pid_t *pid)
{
	const char *at = path;

	*pid = 0;
	while ((at = strchr(at, '/')) != NULL) {
		at++;
		if (*at < '1' || *at > '9')
			continue;
		char *end;
		long number = strtol(at, &end, 10);

		if ((*end == '/' || *end == '\0') && number <= 0x7fffffff) {
			*pid = (pid_t)number;
			return *end ? end + 1 : end;
		}
	}
	return NULL;
}

pid_t proc_path_pid(const char *path)
{
	pid_t pid;

	after_pid(path, &pid);
	return pid;
}

/* What may be read of processes outside: enough for ps and top to list them.
 * Not the command line, which often holds secrets. */
static bool harmless(const char *rest)
{
	static const char *const names[] = {"",		"stat",	     "statm",
					    "status",	"comm",	     "cgroup",
					    "loginuid", "sessionid", "task"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(rest, names[i]) == 0)
			return true;
	if (strncmp(rest, "task/", 5) == 0) {
		const char *slash = strchr(rest + 5, '/');

		return harmless(slash ? slash + 1 : "");
	}
	return false;
}

static int refuse(struct call *call, enum action action, const char *path)
{
	struct policy_decision decision = {.verdict = VERDICT_DENY,
					   .final = true};

	call_note(call, action, path, &decision);
	return -EACCES;
}

/* Is the process one that is granted what the caller is not? Nor is it looked
 * into while it is not known what it is. */
bool proc_closed(const struct session *session, pid_t pid, pid_t tid)
{
	struct images *images = session->images;

	if (!images_wanted(images) ||
	    tracee_process(pid) == tracee_process(tid))
		return false;
	const struct policy_program *target = images_program(images, pid);

	/* A program that was started under a debugger of the session is known
	 * by no name, and granted nothing. */
	if (!target && session->tracing) {
		pid_t tracer = tracee_tracer(pid);

		return tracer <= 0 ||
		       !tracee_in_session(tracer, session->supervisor);
	}
	return !target || policy_grants_beyond(session->policy, target,
					       images_program(images, tid));
}

static bool is_closed(struct call *call, pid_t pid)
{
	return proc_closed(call->session, pid, call->tid);
}

/* Is it of the session? The caller is, which most look at: to follow a process's
 * parents is to read the state of each. */
static bool is_inside(struct call *call, pid_t pid)
{
	return pid == call->tid || pid == call_process(call) ||
	       tracee_in_session(pid, call->session->supervisor);
}

int proc_guard(struct call *call, const struct place *place)
{
	pid_t pid;
	const char *rest = after_pid(place->path, &pid);

	if (!rest)
		return 0;
	bool inside = is_inside(call, pid);

	if (!inside && !harmless(rest))
		return refuse(call, ACTION_READ, place->path);
	/* Another process's memory is reached by ptrace, which is refused.
	 * Each of its threads shows it, too: task/TID/mem. */
	const char *name = strrchr(rest, '/');

	if (inside && !call->session->tracing &&
	    strcmp(name ? name + 1 : rest, "mem") == 0 &&
	    tracee_process(pid) != call_process(call))
		return refuse(call, ACTION_READ, place->path);
	if (inside && !harmless(rest) && strcmp(rest, "cmdline") != 0 &&
	    is_closed(call, pid))
		return refuse(call, ACTION_READ, place->path);
	return 0;
}

int proc_guard_write(struct call *call, const struct place *place)
{
	pid_t pid;

	/* The kernel takes hardly any such write; but that is not ours to
	 * know of each file that there will be. */
	if (!place->proc || !after_pid(place->path, &pid) ||
	    is_inside(call, pid))
		return 0;
	return refuse(call, ACTION_WRITE, place->path);
}

int proc_guard_magic(struct call *call, const char *directory)
{
	pid_t pid = proc_path_pid(directory);

	if (pid > 0 && is_inside(call, pid) && !is_closed(call, pid))
		return 0;
	return refuse(call, ACTION_READ, directory);
}

uint64_t proc_image(struct call *call, const char *path)
{
	struct images *images = call->session->images;
	pid_t pid = images_wanted(images) ? proc_path_pid(path) : 0;

	return pid > 0 ? images_number(images, pid) : 0;
}

int proc_still(struct call *call, const struct place *place, uint64_t image)
{
	if (!images_wanted(call->session->images))
		return 0;
	return proc_image(call, place->path) == image
		       ? proc_guard(call, place)
		       : refuse(call, ACTION_READ, place->path);
}

int proc_still_magic(struct call *call, const char *directory, uint64_t image)
{
	if (!images_wanted(call->session->images))
		return 0;
	return proc_image(call, directory) == image
		       ? proc_guard_magic(call, directory)
		       : refuse(call, ACTION_READ, directory);
}
