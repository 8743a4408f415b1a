#include "supervisor/calls/bindpath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/reach.h"
#include "supervisor/calls/sockaddr.h"
#include "supervisor/credentials.h"
#include "supervisor/listeners.h"
#include "supervisor/names.h"
#include "supervisor/path.h"
#include "supervisor/tracee.h"

enum { OTHERWISE = 1 }; /* it does not lead to the pin: bind another way */

/* Does the directory of the path, looked up again from the current one, lead
 * to the one that is pinned? */
static bool leads_to(const struct place *place, const char *path)
{
	char parent[sizeof(struct sockaddr_un)] = ".";
	const char *slash = strrchr(path, '/');
	struct stat there, pinned;

	if (strcmp(slash ? slash + 1 : path, place->leaf) != 0)
		return false;
	if (slash) {
		size_t length = slash == path ? 1 : (size_t)(slash - path);

		memcpy(parent, path, length);
		parent[length] = '\0';
	}
	auto_fd fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fstat(fd, &there) == 0 &&
	       fstat(place->dir, &pinned) == 0 &&
	       there.st_dev == pinned.st_dev && there.st_ino == pinned.st_ino;
}

/* The program's own spelling: the socket keeps it, for getsockname() and for
 * those who answer its messages. The names are frozen. */
static int bind_as_given(struct call *call, int socket,
			 const struct place *place,
			 const struct address *address)
{
	auto_fd before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd directory = tracee_cwd(call->tid);
	int error = OTHERWISE;

	if (before < 0 || directory < 0 || fchdir(directory))
		return OTHERWISE;
	/* What was read of the thread since the walk is the caller's only if
	 * it still waits. */
	if (leads_to(place, address->path) && call_valid(call))
		error = bind(socket, &address->any, address->length) ? -errno
								     : 0;
	if (fchdir(before))
		session_fail(call->session, "a worker lost its directory");
	return error;
}

/* By way of the pin. The name that is kept is then the link's. */
static int bind_by_pin(int socket, const struct place *place)
{
	struct address address = {.length = sizeof(address.un)};
	char link[40];

	address.un.sun_family = AF_UNIX;
	admit_own_link(place->dir, link);
	if (strlen(link) + 1 + strlen(place->leaf) >=
	    sizeof(address.un.sun_path))
		return -ENAMETOOLONG;
	snprintf(address.un.sun_path, sizeof(address.un.sun_path),
		 "%.24s/%.80s", link, place->leaf);
	return bind(socket, &address.any, address.length) ? -errno : 0;
}

static int make(struct call *call, int socket, const struct place *place,
		const struct address *address)
{
	int error = credentials_umask(call);

	if (error)
		return error;
	error = OTHERWISE;
	names_freeze();
	/* Only a worker with a directory of its own may change it. */
	if (call->session->kernel.unshare_fs)
		error = bind_as_given(call, socket, place, address);
	if (error == OTHERWISE)
		error = bind_by_pin(socket, place);
	if (!error)
		listeners_add_file(call->session->listeners, place->dir,
				   place->leaf);
	names_thaw();
	credentials_umask_done(call);
	return error;
}

int bind_path(struct call *call, int socket, const struct address *address)
{
	struct place place;

	place_init(&place);
	int error =
		path_resolve(call, AT_FDCWD, address->path, PATH_ENTRY, &place);

	if (error)
		error = admit_create_error(&place, error);
	if (!error)
		error = reach_listen_path(call, &place);
	if (!error && place.fd >= 0)
		error = -EADDRINUSE;
	if (!error && place.slash)
		error = -ENOENT;
	if (!error)
		error = make(call, socket, &place, address);
	place_close(&place);
	return error;
}
