/*
 * Opening files: open, openat, openat2, creat.
 *
 * The object is pinned, decided about, and then opened for real through its
 * pin; what is created is created in the pinned directory, exclusively, so that
 * nothing that appears meanwhile is taken for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/calls/admit.h"
#include "supervisor/calls/calls.h"
#include "supervisor/calls/veiled.h"
#include "supervisor/credentials.h"
#include "supervisor/loading.h"
#include "supervisor/net/authority.h"
#include "supervisor/path.h"
#include "supervisor/preload.h"
#include "supervisor/proc.h"
#include "supervisor/slow.h"
#include "supervisor/terminals.h"
#include "supervisor/tracer.h"

enum {
	MOST_TRIES = 16, /* of a creation that others get in the way of */
};

/* What the program asked for, read once. */
struct wanted {
	int dirfd;
	char path[PATH_MAX];
	uint64_t flags;
	mode_t mode;
	uint64_t resolve;
	bool in_registers; /* the flags: they stay as they were read */
};

enum { TRY_AGAIN = 1 };

static bool reads(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(uint64_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int admit_open(struct call *call, const struct place *place,
		      uint64_t flags)
{
	int error = 0;

	if (reads(flags))
		error = admit(call, ACTION_READ, place);
	if (!error && writes(flags))
		error = admit(call, ACTION_WRITE, place);
	return error;
}

/* Open what is pinned, by way of the pin. */
static int reopen(const struct place *place, uint64_t flags, mode_t mode)
{
	char link[40];
	int fd = open(admit_own_link(place->fd, link),
		      (int)flags | O_NOCTTY | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

/*
 * May the call go on by itself where the fence lets the file be read? Then its
 * path is read anew, and may lead elsewhere by now: to nothing that the fence
 * does not let any program read at the gate. So these are the opens that pass
 * there (filter_gate.c). Not where it is to be told that none can be given.
 */
static bool may_pass(const struct call *call, const struct wanted *wanted)
{
	return call->session->fence && !call->session->limits_files &&
	       wanted->in_registers &&
	       (!call->session->apart || (wanted->flags & O_NOFOLLOW));
}

/* O_PATH: a descriptor that only names the object. */
static void give_path(struct call *call, const struct place *place,
		      const struct wanted *wanted)
{
	char link[40];
	auto_fd fresh = -1;
	int fd = place->fd;

	admit_metadata(call, place);
	/* may_pass(): what has no name could be opened by its descriptor. */
	if (may_pass(call, wanted) && admit_named(call, place)) {
		call_continue(call);
		return;
	}
	if (!(wanted->flags & O_NOFOLLOW)) {
		/* Without the O_NOFOLLOW of the pin, which F_GETFL shows. */
		fresh = open(admit_own_link(place->fd, link),
			     O_PATH | O_CLOEXEC |
				     (int)(wanted->flags & O_DIRECTORY));
		if (fresh < 0) {
			call_fail(call, errno);
			return;
		}
		fd = fresh;
	}
	int error = tracer_give_path(call, fd, wanted->flags & O_CLOEXEC);

	if (error)
		call_result(call, error);
}

/* The other end of a FIFO may never come; a device may take its time. */
static bool may_block(const struct place *place, uint64_t flags)
{
	return S_ISFIFO(place->stat.st_mode) && !(flags & O_NONBLOCK) &&
	       (flags & O_ACCMODE) != O_RDWR;
}

static void give_file(struct call *call, const struct place *place, int *fd,
		      uint64_t flags)
{
	if (S_ISDIR(place->stat.st_mode))
		veiled_give(call, fd, flags & O_CLOEXEC);
	else
		call_give_fd(call, fd, flags & O_CLOEXEC);
}

static void give(struct call *call, const struct place *place, int *fd,
		 uint64_t flags)
{
	if (S_ISCHR(place->stat.st_mode) && !(flags & O_NOCTTY) &&
	    terminals_takes(call, *fd)) {
		int error = tracer_give_terminal(call, *fd, flags & O_CLOEXEC);

		if (error)
			call_result(call, error);
		return;
	}
	give_file(call, place, fd, flags);
}

/* A file that was opened while its path was walked: without the O_NONBLOCK that
 * was only for us. */
static void give_opened(struct call *call, struct place *place, uint64_t flags)
{
	if (!(flags & O_NONBLOCK) &&
	    fcntl(place->fd, F_SETFL, (int)flags & ~O_NONBLOCK)) {
		call_fail(call, errno);
		return;
	}
	/* The loader maps a file and closes it, and nobody else has it then. */
	if (S_ISREG(place->stat.st_mode) &&
	    loading_calls(call->session->loading, call->tid,
			  call->request.data.instruction_pointer)) {
		call_lend_fd(call, place->fd, flags & O_CLOEXEC);
		return;
	}
	place->opened = false;
	give_file(call, place, &place->fd, flags);
}

/* Without the flags that the walk has settled. */
static uint64_t settled(uint64_t flags)
{
	return flags & ~(uint64_t)(O_CREAT | O_EXCL | O_NOFOLLOW);
}

/* Who has a lease of a file (F_SETLEASE of fcntl(2)) is waited for, by default
 * for up to 45 seconds. -EAGAIN where somebody has one. */
static int open_unleased(const struct place *place, uint64_t flags)
{
	auto_fd fd = reopen(place, settled(flags) | O_NONBLOCK, 0);

	if (fd >= 0 && fcntl(fd, F_SETFL, (int)flags))
		return -errno;
	return take_fd(&fd);
}

static int open_waiting(struct call *call, const struct place *place,
			const struct wanted *wanted)
{
	for (;;) {
		int fd = reopen(place, settled(wanted->flags), 0);

		if (fd != -EINTR)
			return fd;
		if (slow_cancelled(call))
			return -CALL_RESTART;
	}
}

/* It is made while the program starts. False where the call has its answer, or
 * is handed over to who may wait. */
static bool await_authority(struct call *call)
{
	if (!call->may_wait)
		call_hand_over(call);
	else if (authority_await(call->session->authority, call))
		return true;
	else
		call_result(call, -CALL_RESTART);
	return false;
}

/* An object that exists. */
static void open_existing(struct call *call, struct place *place,
			  const struct wanted *wanted)
{
	mode_t type = place->stat.st_mode & S_IFMT;

	if ((wanted->flags & O_DIRECTORY) && type != S_IFDIR) {
		call_fail(call, ENOTDIR);
		return;
	}
	if (wanted->flags & O_PATH) {
		give_path(call, place, wanted);
		return;
	}
	int error = type == S_IFLNK ? -ELOOP : 0;

	if (!error && type == S_IFDIR && writes(wanted->flags))
		error = -EISDIR;
	if (!error)
		error = admit_open(call, place, wanted->flags);
	if (!error && S_ISCHR(place->stat.st_mode))
		error = terminals_guard(call, place);
	if (error) {
		call_result(call, error);
		return;
	}
	if (authority_awaited(call->session->authority, &place->stat) &&
	    !await_authority(call))
		return;
	if (place->fenced && type == S_IFREG) {
		call_continue(call);
		return;
	}
	if (place->opened) {
		give_opened(call, place, wanted->flags);
		return;
	}
	if (may_block(place, wanted->flags) && !call->may_wait) {
		call_hand_over(call);
		return;
	}
	bool at_once = type == S_IFREG && !call->may_wait &&
		       !(wanted->flags & O_NONBLOCK);
	uint64_t image = place->proc ? proc_image(call, place->path) : 0;
	auto_fd fd = terminals_open(call, place, (int)wanted->flags);

	if (fd == -ENOSYS)
		fd = at_once ? open_unleased(place, wanted->flags)
			     : open_waiting(call, place, wanted);
	if (fd == -EAGAIN && at_once) {
		call_hand_over(call);
		return;
	}
	error = fd < 0 ? fd : place->proc ? proc_still(call, place, image) : 0;
	if (error) {
		call_result(call, error);
		return;
	}
	if (S_ISCHR(place->stat.st_mode))
		terminals_opened(call, fd);
	give(call, place, &fd, wanted->flags);
}

/* A name that does not exist yet. */
static int create(struct call *call, struct place *place,
		  const struct wanted *wanted)
{
	int error = admit(call, ACTION_WRITE, place);

	if (!error && (wanted->flags & O_ACCMODE) == O_RDWR)
		error = admit(call, ACTION_READ, place);
	if (!error)
		error = credentials_umask(call);
	if (error) {
		call_result(call, error);
		return 0;
	}
	/* O_EXCL: so that it is ours, and not what someone put there since. */
	int flags = (int)(wanted->flags & ~(uint64_t)O_TRUNC) | O_CREAT |
		    O_EXCL | O_NOCTTY | O_CLOEXEC;
	auto_fd fd = openat(place->dir, place->leaf, flags, wanted->mode);

	error = fd < 0 ? errno : 0;
	credentials_umask_done(call);
	if (error == EEXIST && !(wanted->flags & O_EXCL))
		return TRY_AGAIN;
	if (error)
		call_fail(call, error);
	else
		call_give_fd(call, &fd, wanted->flags & O_CLOEXEC);
	return 0;
}

/* O_TMPFILE: a file without a name, in a directory that may be written to. */
static void open_unnamed(struct call *call, struct place *place,
			 const struct wanted *wanted)
{
	static const char name[] = "/#";
	struct place inside = *place;

	if (!S_ISDIR(place->stat.st_mode)) {
		call_fail(call, ENOTDIR);
		return;
	}
	if (place->length + sizeof(name) > sizeof(inside.path)) {
		call_fail(call, ENAMETOOLONG);
		return;
	}
	memcpy(inside.path + place->length, name, sizeof(name));
	inside.length += sizeof(name) - 1;
	int error = admit(call, ACTION_WRITE, &inside);

	if (!error)
		error = credentials_umask(call);
	if (error) {
		call_result(call, error);
		return;
	}
	auto_fd fd = reopen(place, wanted->flags, wanted->mode);

	credentials_umask_done(call);
	if (fd < 0)
		call_result(call, fd);
	else
		call_give_fd(call, &fd, wanted->flags & O_CLOEXEC);
}

static unsigned walk_flags(const struct call *call, const struct wanted *wanted)
{
	/* Opens for reading that change nothing and need nothing else. */
	const uint64_t plain = O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW |
			       O_NONBLOCK | O_NOCTTY | O_LARGEFILE | 0100000;
	unsigned flags = 0;

	if (!(wanted->flags & O_NOFOLLOW) &&
	    (wanted->flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		flags |= PATH_FOLLOW;
	if (wanted->flags & O_CREAT)
		flags |= PATH_ENTRY;
	if (wanted->resolve)
		flags |= PATH_RESOLVE;
	if ((wanted->flags & ~plain) == 0)
		flags |=
			PATH_OPEN | (!(wanted->flags & O_DIRECTORY) &&
						     may_pass(call, wanted)
					     ? PATH_FENCED
					     : 0U);
	return flags;
}

/* The place of a creation that exists already. */
static bool exists(struct call *call, const struct place *place,
		   const struct wanted *wanted)
{
	int error = 0;

	if (wanted->flags & O_EXCL)
		error = EEXIST;
	else if (S_ISDIR(place->stat.st_mode))
		error = EISDIR;
	else if (place->slash)
		error = EISDIR;
	if (error)
		call_fail(call, error);
	return error == 0;
}

static int try_open(struct call *call, const struct wanted *wanted,
		    struct place *place)
{
	int error;

	place->resolve = wanted->resolve;
	place->open_flags = wanted->flags;
	error = path_resolve(call, wanted->dirfd, wanted->path,
			     walk_flags(call, wanted), place);
	if (error) {
		if (wanted->flags & O_CREAT)
			error = admit_create_error(place, error);
		call_result(call, error);
		return 0;
	}
	if (!(wanted->flags & O_CREAT)) {
		if ((wanted->flags & O_TMPFILE) == O_TMPFILE)
			open_unnamed(call, place, wanted);
		else
			open_existing(call, place, wanted);
		return 0;
	}
	if (place->fd >= 0) {
		if (exists(call, place, wanted))
			open_existing(call, place, wanted);
		return 0;
	}
	if (place->slash) {
		call_fail(call, EISDIR);
		return 0;
	}
	return create(call, place, wanted);
}

/* As the kernel: what contradicts itself fails before any path is read. */
static bool contradictory(uint64_t flags)
{
	const uint64_t unnamed = O_TMPFILE & ~O_DIRECTORY;

	if (flags & O_PATH)
		return false;
	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
		return true;
	return (flags & unnamed) &&
	       (!(flags & O_DIRECTORY) || (flags & O_ACCMODE) == O_RDONLY);
}

/* The loader's open of the shim: a file of the session's directory, to which no
 * rule lets anyone. Returns whether it was that. */
static bool open_preload(struct call *call, const struct wanted *wanted)
{
	const struct preload *preload = call->session->preload;

	if (!preload || wanted->resolve ||
	    !preload_opens(preload, wanted->path, wanted->flags))
		return false;
	auto_fd fd = preload_open(preload);

	if (fd < 0)
		call_result(call, fd);
	else
		call_lend_fd(call, fd, wanted->flags & O_CLOEXEC);
	return true;
}

static void serve_open(struct call *call, const struct wanted *wanted)
{
	if (open_preload(call, wanted))
		return;
	for (int i = 0; i < MOST_TRIES; i++) {
		struct place place;

		place_init(&place);
		int again = try_open(call, wanted, &place);

		place_close(&place);
		if (again != TRY_AGAIN)
			return;
	}
	call_fail(call, EAGAIN);
}

static bool read_path(struct call *call, unsigned index, struct wanted *wanted)
{
	if (contradictory(wanted->flags)) {
		call_fail(call, EINVAL);
		return false;
	}
	ssize_t length = call_path(call, index, wanted->path);

	if (length < 0)
		call_result(call, length);
	return length >= 0;
}

/* As the kernel does for open and openat: what it does not know is ignored,
 * O_PATH leaves only three others, and a mode counts only with a creation. */
static void old_flags(struct wanted *wanted, int flags, uint64_t mode)
{
	const uint64_t known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY |
			       O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |
			       O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE |
			       O_DIRECTORY | O_NOFOLLOW | O_NOATIME |
			       O_CLOEXEC | O_PATH | O_TMPFILE | 0100000;

	wanted->flags = (uint64_t)(unsigned)flags & known;
	if (wanted->flags & O_PATH)
		wanted->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	wanted->mode = (mode_t)mode & 07777;
	wanted->resolve = 0;
	wanted->in_registers = true;
}

void call_openat(struct call *call)
{
	struct wanted wanted = {.dirfd = call_int(call, 0)};

	old_flags(&wanted, call_int(call, 2), call_arg(call, 3));
	if (read_path(call, 1, &wanted))
		serve_open(call, &wanted);
}

void call_open(struct call *call)
{
	struct wanted wanted = {.dirfd = AT_FDCWD};

	old_flags(&wanted, call_int(call, 1), call_arg(call, 2));
	if (read_path(call, 0, &wanted))
		serve_open(call, &wanted);
}

void call_creat(struct call *call)
{
	struct wanted wanted = {.dirfd = AT_FDCWD};

	old_flags(&wanted, O_CREAT | O_WRONLY | O_TRUNC, call_arg(call, 1));
	if (read_path(call, 0, &wanted))
		serve_open(call, &wanted);
}

/* openat2(2): a struct that may grow; zeros beyond what we know are fine. */
static int read_how(struct call *call, struct open_how *how)
{
	uint64_t size = call_arg(call, 3);
	unsigned char bytes[4096] = {0};

	if (size < sizeof(*how))
		return -EINVAL;
	if (size > sizeof(bytes))
		return -E2BIG;
	int error = call_read(call, call_arg(call, 2), bytes, size);

	if (error)
		return error;
	for (size_t i = sizeof(*how); i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(how, bytes, sizeof(*how));
	return 0;
}

static int check_how(const struct open_how *how)
{
	const uint64_t resolves = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
				  RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |
				  RESOLVE_IN_ROOT | RESOLVE_CACHED;
	bool creates = how->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));

	if (how->resolve & ~resolves)
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) &&
	    (how->resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if (how->flags >> 32)
		return -EINVAL;
	if (how->mode & ~UINT64_C(07777))
		return -EINVAL;
	if (how->mode && !creates)
		return -EINVAL;
	if ((how->flags & O_PATH) &&
	    (how->flags &
	     ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
		return -EINVAL;
	/* A caller must be ready for it whenever it asks for the cache only. */
	if (how->resolve & RESOLVE_CACHED)
		return -EAGAIN;
	return 0;
}

void call_openat2(struct call *call)
{
	struct wanted wanted = {.dirfd = call_int(call, 0)};
	struct open_how how;
	int error = read_how(call, &how);

	if (!error)
		error = check_how(&how);
	if (error) {
		call_result(call, error);
		return;
	}
	wanted.flags = how.flags;
	wanted.mode = (mode_t)how.mode;
	wanted.resolve = how.resolve;
	if (read_path(call, 1, &wanted))
		serve_open(call, &wanted);
}
