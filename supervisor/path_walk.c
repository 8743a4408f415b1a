/*
 * The long way of path resolution: one component at a time, each step on a
 * pinned directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/call.h"
#include "supervisor/path.h"
#include "supervisor/path_steps.h"
#include "supervisor/proc.h"
#include "supervisor/virtual/standin.h"

enum {
	MOST_LINKS = 40,	      /* as the kernel's MAXSYMLINKS */
	REST_SIZE = 2 * PATH_MAX + 2, /* a target and what was left */
};

/* Where a walk stands: a pinned directory, its canonical path, what is left. */
struct walk {
	struct call *call;
	struct place *place;
	unsigned flags;
	int at;	      /* O_PATH on the current directory; owned */
	bool standin; /* it lies in the mirror */
	bool passed;  /* the walk came there from the root, by each directory */
	char path[PLACE_PATH];
	size_t length;
	char rest[REST_SIZE];
	size_t next; /* offset into rest */
	unsigned links;
	/* openat2's RESOLVE_BENEATH and RESOLVE_IN_ROOT: the base. */
	int root;
	char root_path[PLACE_PATH];
	uint64_t resolve;
	dev_t device; /* RESOLVE_NO_XDEV */
};

/* ---------------------------------------------------------- where it is -- */

/* Put a link's target in front of what is left. */
static int push(struct walk *walk, const char *target, size_t length)
{
	const char *left = walk->rest + walk->next;
	size_t left_length = strlen(left);
	bool slash = left_length > 0 && left[0] != '/';

	if (length + slash + left_length + 1 > sizeof(walk->rest))
		return -ENAMETOOLONG;
	memmove(walk->rest + length + slash, left, left_length + 1);
	memcpy(walk->rest, target, length);
	if (slash)
		walk->rest[length] = '/';
	walk->next = 0;
	return 0;
}

/* Go to a directory: takes the descriptor over. */
static void move_to(struct walk *walk, int fd, const char *path, size_t length,
		    bool standin)
{
	close(walk->at);
	walk->at = fd;
	memmove(walk->path, path, length + 1);
	walk->length = length;
	walk->standin = standin;
}

/* Go to the root, or to what RESOLVE_IN_ROOT makes the root. */
static int move_to_root(struct walk *walk)
{
	if (walk->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	if (walk->resolve & RESOLVE_IN_ROOT) {
		int fd = path_openat2(walk->root, ".", O_PATH, 0);

		if (fd < 0)
			return fd;
		move_to(walk, fd, walk->root_path, strlen(walk->root_path),
			false);
		walk->passed = false;
		return 0;
	}
	int fd = path_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	if (walk->resolve & RESOLVE_NO_XDEV) {
		struct stat status;

		if (fstat(fd, &status) || status.st_dev != walk->device) {
			close(fd);
			return -EXDEV;
		}
	}
	move_to(walk, fd, "/", 1, false);
	walk->passed = true;
	return 0;
}

/* One step up. The kernel says where it leads: the directory may have moved. */
static int move_up(struct walk *walk)
{
	struct policy_decision decision;
	char path[PLACE_PATH];
	bool standin;

	if ((walk->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) &&
	    strcmp(walk->path, walk->root_path) == 0)
		return walk->resolve & RESOLVE_BENEATH ? -EXDEV : 0;
	if (walk->standin) {
		/* The parent by name: the mirror holds only stand-ins. */
		char *slash = strrchr(walk->path, '/');
		size_t length =
			slash == walk->path ? 1 : (size_t)(slash - walk->path);
		int fd;

		memcpy(path, walk->path, length);
		path[length] = '\0';
		path_decide(walk->call, walk->place, path, length, &decision);
		standin = decision.verdict == VERDICT_FAKE;
		fd = standin ? path_open_standin(walk->call, decision.fake, path)
			     : path_openat2(AT_FDCWD, path,
					    O_PATH | O_DIRECTORY,
					    RESOLVE_NO_SYMLINKS);
		if (fd < 0)
			return fd;
		move_to(walk, fd, path, length, standin);
		return 0;
	}
	int fd = path_openat2(walk->at, "..", O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	ssize_t length =
		path_of_own_fd(walk->call, fd, path, sizeof(path), &standin);

	if (length < 0) {
		close(fd);
		return (int)length;
	}
	move_to(walk, fd, path, (size_t)length, standin);
	walk->passed = false;
	return 0;
}

/* proc(5): what the kernel would make of /proc/self for the calling thread. */
static int push_self(struct walk *walk, const char *name)
{
	char target[64];
	pid_t process = call_process(walk->call);

	if (process < 0)
		return -ESRCH;
	if (strcmp(name, "self") == 0)
		snprintf(target, sizeof(target), "%d", process);
	else
		snprintf(target, sizeof(target), "%d/task/%d", process,
			 walk->call->tid);
	return push(walk, target, strlen(target));
}

/* A magic link leads to an object, not to a name. */
static int follow_magic(struct walk *walk, const char *name, bool last)
{
	struct place *place = walk->place;
	char path[PLACE_PATH];
	bool standin;

	if (walk->resolve & RESOLVE_NO_MAGICLINKS)
		return -ELOOP;
	if (walk->resolve &
	    (RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_NO_XDEV))
		return -EXDEV;
	uint64_t image = proc_image(walk->call, walk->path);
	int error = proc_guard_magic(walk->call, walk->path);

	if (error)
		return error;
	int fd = path_openat2(walk->at, name, O_PATH, 0);

	if (fd < 0)
		return fd;
	error = proc_still_magic(walk->call, walk->path, image);
	if (error) {
		close(fd);
		return error;
	}
	ssize_t length =
		path_of_own_fd(walk->call, fd, path, sizeof(path), &standin);
	bool nameless = length == -ENOENT;

	if (nameless)
		length = (ssize_t)strlen(path);
	if (length < 0) {
		close(fd);
		return (int)length;
	}
	place->magic = true;
	if (!last) {
		move_to(walk, fd, path, (size_t)length, standin);
		walk->passed = false;
		return nameless ? -ENOTDIR : 0;
	}
	place->fd = fd;
	place->nameless = nameless;
	place->standin = standin;
	memcpy(place->path, path, (size_t)length + 1);
	place->length = (size_t)length;
	if (nameless) {
		place->read.verdict = VERDICT_ALLOW;
		return 1; /* the walk has arrived */
	}
	error = path_below_hidden(walk->call, place, path, (size_t)length);
	if (error)
		return error;
	path_decide(walk->call, place, path, (size_t)length, &place->read);
	return 1;
}

/* fs.protected_symlinks, which the kernel cannot enforce for us: in a sticky
 * directory that all may write to, only one's own links and those of the
 * directory's owner are followed. */
static bool link_forbidden(const struct walk *walk, const struct stat *link)
{
	struct stat directory;

	if (!walk->call->session->kernel.protected_symlinks)
		return false;
	if (fstat(walk->at, &directory))
		return true;
	if ((directory.st_mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH))
		return false;
	return link->st_uid != walk->call->session->uid &&
	       link->st_uid != directory.st_uid;
}

static int follow_link(struct walk *walk, int fd, const struct stat *status,
		       const char *path, size_t length, const char *name,
		       bool last)
{
	char target[PATH_MAX];

	if (walk->resolve & RESOLVE_NO_SYMLINKS)
		return -ELOOP;
	if (++walk->links > MOST_LINKS)
		return -ELOOP;
	if (proc_is_device(status->st_dev)) {
		if (strcmp(name, "self") == 0 ||
		    strcmp(name, "thread-self") == 0)
			return push_self(walk, name);
		if (proc_path_pid(walk->path) > 0)
			return follow_magic(walk, name, last);
	}
	if (link_forbidden(walk, status))
		return -EACCES;
	ssize_t got = readlinkat(fd, "", target, sizeof(target));

	if (got < 0)
		return -errno;
	if (got == 0)
		return -ENOENT;
	if ((size_t)got == sizeof(target))
		return -ENAMETOOLONG;
	/* The name that led here, and the name of the object by way of it. */
	int error = path_add_via(walk->place, path, length);
	const char *left = walk->rest + walk->next;

	if (!error && left[0] != '\0') {
		char whole[PLACE_PATH];

		left += strspn(left, "/");
		ssize_t joined = path_join(whole, sizeof(whole), path, length,
					   left, strlen(left));
		if (joined < 0)
			return (int)joined;
		while (joined > 1 && whole[joined - 1] == '/')
			whole[--joined] = '\0';
		if (left[0] != '\0')
			error = path_add_via(walk->place, whole,
					     (size_t)joined);
	}
	if (!error)
		error = push(walk, target, (size_t)got);
	if (!error && target[0] == '/')
		error = move_to_root(walk);
	return error;
}

/* The last component: here the walk ends. */
static int arrive(struct walk *walk, int fd, const char *path, size_t length,
		  const char *name, bool standin,
		  const struct policy_decision *decision)
{
	struct place *place = walk->place;

	place->fd = fd;
	place->standin = standin;
	memcpy(place->path, path, length + 1);
	place->length = length;
	place->read = *decision;
	if (walk->flags & PATH_ENTRY) {
		size_t name_length = strlen(name);

		if (name_length > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(place->leaf, name, name_length + 1);
		place->dir = take_fd(&walk->at);
	}
	return 1;
}

/* Open one name: of the real directory, or of the mirror. */
static int open_component(struct walk *walk, const char *path, const char *name,
			  const struct policy_decision *decision, bool *standin)
{
	*standin = decision->verdict == VERDICT_FAKE;
	if (*standin && walk->standin)
		return path_openat2(walk->at, name, O_PATH | O_NOFOLLOW, 0);
	if (*standin)
		return path_open_standin(walk->call, decision->fake, path);
	if (walk->standin)
		return path_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW,
				    RESOLVE_NO_SYMLINKS);
	return path_openat2(walk->at, name, O_PATH | O_NOFOLLOW, 0);
}

/* With PATH_ENTRY the directory must be of the same kind as what is in it: the
 * mirror's for a stand-in, else the real one. */
static int settle_directory(struct walk *walk, bool standin)
{
	char parent[PLACE_PATH];
	int fd;

	if (!(walk->flags & PATH_ENTRY) || standin == walk->standin)
		return 0;
	memcpy(parent, walk->path, walk->length + 1);
	if (standin)
		fd = path_openat2(standins_root(walk->call->session->standins),
				  parent[1] ? parent + 1 : ".",
				  O_PATH | O_DIRECTORY,
				  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	else
		fd = path_openat2(AT_FDCWD, parent, O_PATH | O_DIRECTORY,
				  RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return fd;
	move_to(walk, fd, parent, walk->length, standin);
	return 0;
}

/* A stand-in may be there where not even its directories are real. */
static int reach_standin(struct walk *walk, const char *path, size_t length)
{
	struct policy_decision decision;
	char whole[PLACE_PATH];
	const char *left = walk->rest + walk->next;
	bool slash;

	left += strspn(left, "/");
	ssize_t clean = path_clean_length(left, &slash);

	if (clean < 0)
		return -ENOENT;
	ssize_t joined = path_join(whole, sizeof(whole), path, length, left,
				   (size_t)clean);
	if (joined < 0)
		return (int)joined;
	path_decide(walk->call, walk->place, whole, (size_t)joined, &decision);
	if (decision.verdict != VERDICT_FAKE)
		return -ENOENT;
	auto_fd fd = path_open_standin(walk->call, decision.fake, whole);

	if (fd < 0)
		return fd;
	const char *name = strrchr(whole, '/') + 1;
	size_t parent = (size_t)(name - whole) - 1;
	char kept[PLACE_PATH];

	memcpy(kept, whole, parent);
	kept[parent] = '\0';
	int directory = path_openat2(
		standins_root(walk->call->session->standins), kept + 1,
		O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (directory < 0)
		return directory;
	move_to(walk, directory, kept, parent, true);
	return arrive(walk, take_fd(&fd), whole, (size_t)joined, name, true,
		      &decision);
}

static int walk_component(struct walk *walk, char *name, size_t length,
			  bool last)
{
	struct policy_decision decision;
	char path[PLACE_PATH];
	bool standin;
	struct stat status;

	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	ssize_t joined = path_join(path, sizeof(path), walk->path, walk->length,
				   name, length);

	if (joined < 0)
		return (int)joined;
	if (!walk->passed) {
		int error = path_below_hidden(walk->call, walk->place, path,
					      (size_t)joined);

		if (error)
			return error;
		walk->passed = true;
	}
	path_decide(walk->call, walk->place, path, (size_t)joined, &decision);
	if (decision.verdict == VERDICT_HIDE) {
		walk->place->read = decision;
		call_note(walk->call, ACTION_READ, path, &decision);
		return -ENOENT;
	}
	auto_fd fd = open_component(walk, path, name, &decision, &standin);

	if (fd == -ENOENT && last && (walk->flags & PATH_ENTRY)) {
		int error = settle_directory(walk, standin);

		return error ? error
			     : arrive(walk, -1, path, (size_t)joined, name,
				      standin, &decision);
	}
	if (fd == -ENOENT && !last)
		return reach_standin(walk, path, (size_t)joined);
	if (fd < 0)
		return fd;
	if (fstat(fd, &status))
		return -errno;
	if ((walk->resolve & RESOLVE_NO_XDEV) && status.st_dev != walk->device)
		return -EXDEV;
	bool follow = !last || (walk->flags & PATH_FOLLOW) ||
		      (walk->place->slash && !(walk->flags & PATH_ENTRY));

	if (S_ISLNK(status.st_mode) && follow)
		return follow_link(walk, fd, &status, path, (size_t)joined,
				   name, last);
	if (last) {
		if (walk->place->slash && !(walk->flags & PATH_ENTRY) &&
		    !S_ISDIR(status.st_mode))
			return -ENOTDIR;
		int error = settle_directory(walk, standin);

		return error ? error
			     : arrive(walk, take_fd(&fd), path, (size_t)joined,
				      name, standin, &decision);
	}
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	move_to(walk, take_fd(&fd), path, (size_t)joined, standin);
	return 0;
}

/* A walk that ends in `.`, `..` or at its base: the directory itself. */
static int arrive_at_directory(struct walk *walk, const char *leaf)
{
	struct place *place = walk->place;

	place->fd = fcntl(walk->at, F_DUPFD_CLOEXEC, 0);
	if (place->fd < 0)
		return -errno;
	memcpy(place->path, walk->path, walk->length + 1);
	place->length = walk->length;
	place->standin = walk->standin;
	if (!walk->passed) {
		int error = path_below_hidden(walk->call, place, place->path,
					      place->length);

		if (error)
			return error;
	}
	path_decide(walk->call, place, place->path, place->length,
		    &place->read);
	if (walk->flags & PATH_ENTRY) {
		snprintf(place->leaf, sizeof(place->leaf), "%s", leaf);
		place->dir = take_fd(&walk->at);
	}
	return 0;
}

static int walk_on(struct walk *walk)
{
	char name[NAME_MAX + 2];
	const char *leaf = "/";

	for (;;) {
		char *from = walk->rest + walk->next;

		from += strspn(from, "/");
		size_t length = strcspn(from, "/");
		char *after = from + length;
		bool last = after[strspn(after, "/")] == '\0';

		if (length == 0)
			return arrive_at_directory(walk, leaf);
		if (length > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, from, length);
		name[length] = '\0';
		walk->next = (size_t)(after - walk->rest);
		if (last && *after == '/')
			walk->place->slash = true;
		int error;

		if (strcmp(name, ".") == 0) {
			leaf = ".";
			error = 0;
		} else if (strcmp(name, "..") == 0) {
			leaf = "..";
			error = move_up(walk);
		} else {
			error = walk_component(walk, name, length, last);
		}
		if (error < 0)
			return error;
		if (error == 1)
			return 0;
	}
}

int path_walk(struct call *call, int base, const char *base_path,
	      size_t base_length, bool base_standin, const char *path,
	      unsigned flags, struct place *place)
{
	struct walk walk = {
		.call = call,
		.place = place,
		.flags = flags,
		.standin = base_standin,
		.resolve = flags & PATH_RESOLVE ? place->resolve : 0,
		.root = base,
	};
	struct stat status;
	size_t length = strlen(path);

	place->slash = false;
	if (length + 1 > sizeof(walk.rest))
		return -ENAMETOOLONG;
	memcpy(walk.rest, path, length + 1);
	memcpy(walk.root_path, base_path, base_length + 1);
	memcpy(walk.path, base_path, base_length + 1);
	walk.length = base_length;
	if (fstat(base, &status))
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	walk.device = status.st_dev;
	walk.at = fcntl(base, F_DUPFD_CLOEXEC, 0);
	if (walk.at < 0)
		return -errno;
	int error = 0;

	if (path[0] == '/')
		error = move_to_root(&walk);
	if (!error)
		error = walk_on(&walk);
	if (walk.at >= 0)
		close(walk.at);
	return error;
}
