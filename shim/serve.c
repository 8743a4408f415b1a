/*
 * A file call, made at the gate or where it is trapped.
 *
 * What the fence refuses (EACCES, EXDEV) is repeated trapped: it had no effect.
 * So is EMFILE, since a session tells where a limit of the policy was reached.
 * A path with a component that the policy may treat otherwise where it is (by
 * names.h) is decided about:
 * a call that changes something before it is made, the others after, since
 * most of what they answer shows that the path could be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/gate.h"
#include "shim/rows.h"
#include "shim/shim.h"
#ifdef __aarch64__
#include "shim/machine_aarch64.h"
#else
#include "shim/machine_x86_64.h"
#endif

/* The stack may be a signal's: a longer path is the supervisor's to look at. */
enum { PAGE = 4096, MOST_DIRECTORY = 512 };

/* The kernel reads the eight bytes before it finds that the first argument is
 * none that it knows. */
static bool is_readable(const char *at)
{
	long aligned = (long)((uintptr_t)at & ~(uintptr_t)7);

	/* NULL it would not read. */
	return aligned && shim_system(SYS_rt_sigprocmask, -1, aligned, 0, 8, 0,
				      0) != -EFAULT;
}

/* Is the directory in the fence with all below it? It is the first `length`
 * bytes of the path; a descriptor is the base of one that is not absolute. The
 * kernel lets it be opened only then: what rules name by its place lies in none
 * that is fenced as a whole (supervisor/fence.c). */
static __attribute__((noinline)) bool is_fenced(long base, const char *path,
						size_t length)
{
	char directory[MOST_DIRECTORY];

	if (length + 2 > sizeof(directory))
		return false;
	for (size_t i = 0; i < length; i++)
		directory[i] = path[i];
	directory[length] = '.';
	directory[length + 1] = '\0';
	const struct shim_call open = {
		.number = SYS_openat,
		.arguments = {base, (long)directory,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC},
	};
	long fd = shim_gate(&open);

	if (fd >= 0)
		(void)shim_system(SYS_close, fd, 0, 0, 0, 0, 0);
	return fd >= 0;
}

/* Does a component of the path name something that is to be decided about, or
 * can that not be told? */
static bool is_named(long base, long argument, bool probe)
{
	const char *path = (const char *)argument, *start = path;
	size_t at = 0;

	if (probe && !is_readable(path))
		return true;
	for (;; at++) {
		if (at >= PATH_MAX)
			return true;
		if (probe && at && ((uintptr_t)(path + at) & (PAGE - 1)) == 0 &&
		    !is_readable(path + at))
			return true;
		char byte = path[at];

		if (byte && byte != '/')
			continue;
		enum shim_named named = SHIM_NOT_NAMED;

		if (path + at > start)
			named = shim_names_match(&shim_configured()->names,
						 start,
						 (size_t)(path + at - start));
		if (named == SHIM_NAMED_ANYWHERE ||
		    (named == SHIM_NAMED_OUTSIDE &&
		     !is_fenced(base, path, (size_t)(start - path))))
			return true;
		if (!byte)
			return false;
		start = path + at + 1;
	}
}

static bool names_any(const struct shim_row *row, const struct shim_call *call,
		      bool probe)
{
	const long *path = &call->arguments[row->path - 1];
	const long *other =
		row->other ? &call->arguments[row->other - 1] : NULL;

	return is_named(row->at ? path[-1] : AT_FDCWD, *path, probe) ||
	       (other &&
		is_named(row->at ? other[-1] : AT_FDCWD, *other, probe));
}

/* Does bare Linux never end this call for a signal? An open may wait, for the
 * other end of a pipe or a device. */
static bool never_waits(const struct shim_row *row,
			const struct shim_call *call)
{
	struct stat status;

	if (row->how != SHIM_OPENS)
		return true;
	const struct shim_call stat = {
		.number = SYS_newfstatat,
		.arguments = {row->at ? call->arguments[row->path - 2]
				      : AT_FDCWD,
			      call->arguments[row->path - 1], (long)&status, 0},
	};
	long result = shim_gate(&stat);

	return result == -ENOENT ||
	       (result == 0 && ((status.st_mode & S_IFMT) == S_IFREG ||
				(status.st_mode & S_IFMT) == S_IFDIR));
}

/*
 * Have the call decided about by the supervisor. A signal that comes before it
 * was received, some microseconds later, ends the call where its handler does
 * not restart calls, and nothing was done: so it is made again. What somebody
 * is asked about takes longer, and may be given up.
 */
static long decided(const struct shim_row *row, const struct shim_call *call)
{
	uint64_t start = machine_ticks();
	long result = shim_trapped(call);

	while (result == -EINTR && machine_ticks() - start < MACHINE_SOON &&
	       never_waits(row, call)) {
		result = shim_trapped(call);
	}
	return result;
}

static bool is_refused(long result)
{
	return result == -EACCES || result == -EXDEV || result == -EMFILE;
}

/* Where programs are kept apart the filter wants to know that no link is
 * followed in the end: the gate's -ELOOP then refuses as the fence does. */
static long at_gate(const struct shim_row *row, const struct shim_call *call)
{
	enum { NO_LINK = O_NOFOLLOW | O_DIRECTORY };

	if (row->how != SHIM_OPENS || !shim_configured()->apart ||
	    (call->arguments[row->detail - 1] & NO_LINK))
		return shim_gate(call);
	struct shim_call unlinked = *call;

	unlinked.arguments[row->detail - 1] |= O_NOFOLLOW;
	long result = shim_gate(&unlinked);

	return result == -ELOOP ? -EACCES : result;
}

static long change(const struct shim_row *row, const struct shim_call *call)
{
	if (names_any(row, call, true))
		return decided(row, call);
	long result = at_gate(row, call);

	return is_refused(result) ? decided(row, call) : result;
}

/* Has the kernel read the path, as its answer shows? Flags and modes that it
 * does not know it refuses before; and where a descriptor may be meant, no path
 * at all will do (Linux 6.11). */
static bool was_read(const struct shim_row *row, const struct shim_call *call,
		     long result)
{
	return call->arguments[row->path - 1] &&
	       (result >= 0 || result == -ENOENT || result == -ENOTDIR ||
		result == -ELOOP || result == -ENAMETOOLONG);
}

static long look(const struct shim_row *row, const struct shim_call *call)
{
	long result = at_gate(row, call);

	if (is_refused(result) || result == -EFAULT)
		return decided(row, call);
	if (!names_any(row, call, !was_read(row, call, result)))
		return result;
	if (row->how == SHIM_OPENS && result >= 0)
		(void)shim_system(SYS_close, result, 0, 0, 0, 0, 0);
	return decided(row, call);
}

/* Nothing but the supervisor tells where a link leads. But realpath() asks of
 * each directory of a path, and that it is no link the kernel tells as well. */
static long read_link(const struct shim_row *row, const struct shim_call *call)
{
	const char *path = (const char *)call->arguments[row->path - 1];
	struct shim_call probe = *call;

	if ((int)call->arguments[row->detail - 1] <= 0)
		return decided(row, call);
	probe.arguments[row->detail - 2] = (long)GATE_NOWHERE;
	long result = shim_gate(&probe);

	/* EFAULT: it is one, or the path cannot be read. Of the empty path the
	 * descriptor is meant. */
	if ((result != -EINVAL && result != -ENOENT) || !*path ||
	    names_any(row, call, false))
		return decided(row, call);
	return result;
}

/* Is one of the names, as getdents64(2) wrote them, to be decided about? */
static bool lists_named(long fd, const char *bytes, long length)
{
	enum { NAME = 19, OUTSIDE_UNKNOWN = 2 };
	int fenced = OUTSIDE_UNKNOWN;

	for (long at = 0; at + NAME < length;) {
		const char *name = bytes + at + NAME;
		uint16_t size =
			*(const uint16_t *)(const void *)(bytes + at + 16);
		size_t count = 0;

		if (size <= NAME || size > length - at)
			return true;
		while (count < (size_t)size - NAME && name[count])
			count++;
		enum shim_named named = SHIM_NOT_NAMED;

		if (count)
			named = shim_names_match(&shim_configured()->names,
						 name, count);
		if (named == SHIM_NAMED_OUTSIDE && fenced == OUTSIDE_UNKNOWN)
			fenced = is_fenced(fd, "", 0);
		if (named == SHIM_NAMED_ANYWHERE ||
		    (named == SHIM_NAMED_OUTSIDE && !fenced))
			return true;
		at += size;
	}
	return false;
}

/* Of what the kernel tells the supervisor tells less, where a name may have
 * come to be there since the directory was opened. */
static long list(const struct shim_row *row, const struct shim_call *call)
{
	long fd = call->arguments[0];

	/* Of a directory of which not all is listed. */
	if ((unsigned long)fd >= GATE_DESCRIPTORS)
		return decided(row, call);
	long from = shim_system(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0);
	long result = shim_gate(call);

	/* In some sessions none passes there: a signal may have come first. */
	if (result == -EINTR)
		return decided(row, call);
	if (result <= 0 ||
	    !lists_named(fd, (const char *)call->arguments[1], result) ||
	    shim_system(SYS_lseek, fd, from, SEEK_SET, 0, 0, 0) < 0)
		return result;
	return decided(row, call);
}

/* Is the path below the session's directory, where its stand-ins are? */
static bool is_standin(const char *path)
{
	const char *own = shim_configured()->path;
	size_t length = 0;

	for (size_t i = 0; own[i]; i++)
		if (own[i] == '/')
			length = i + 1;
	for (size_t i = 0; i < length; i++)
		if (path[i] != own[i])
			return false;
	return true;
}

/* Of a stand-in the kernel tells another name than the program is to see. */
static long current_directory(const struct shim_row *row,
			      const struct shim_call *call)
{
	long result = shim_gate(call);

	return result > 0 && !is_standin((const char *)call->arguments[0])
		       ? result
		       : decided(row, call);
}

/* A shell tries each directory of PATH: that there is no such file the kernel
 * says as well. */
static long run(const struct shim_row *row, const struct shim_call *call)
{
	struct stat status;
	const struct shim_call look_up = {
		.number = SYS_newfstatat,
		.arguments = {AT_FDCWD, call->arguments[row->path - 1],
			      (long)&status, 0},
	};
	long result = shim_gate(&look_up);

	if ((result != -ENOENT && result != -ENOTDIR) ||
	    names_any(row, call, false))
		return decided(row, call);
	return result;
}

/* All that the program does from now on it has thought of. */
static long filter(const struct shim_call *call)
{
	long what = call->arguments[0];

	if (call->number == SYS_prctl ? what == PR_SET_SECCOMP
				      : what == SECCOMP_SET_MODE_STRICT ||
						what == SECCOMP_SET_MODE_FILTER)
		shim_forgo();
	return shim_trapped(call);
}

long shim_serve(const struct shim_call *call)
{
	const struct shim_row *row = shim_row((unsigned long)call->number);

	/* From a site whose number is not known: any call. */
	if (!row)
		return shim_trapped(call);
	long detail = row->detail ? call->arguments[row->detail - 1] : 0;

	switch ((enum shim_how)row->how) {
	case SHIM_OPENS:
		/* Neither is the fence's to refuse. */
		if (detail & (O_PATH | (O_TMPFILE & ~O_DIRECTORY)))
			return decided(row, call);
		return detail & (O_CREAT | O_TRUNC) ? change(row, call)
						    : look(row, call);
	case SHIM_CHANGES:
		return change(row, call);
	case SHIM_ASKS:
		/* The kernel does not know what may not be written. */
		return detail & W_OK ? decided(row, call) : look(row, call);
	case SHIM_LOOKS:
		return look(row, call);
	case SHIM_LINKS:
		return read_link(row, call);
	case SHIM_LISTS:
		return list(row, call);
	case SHIM_WHERE:
		return current_directory(row, call);
	case SHIM_RUNS:
		return run(row, call);
	case SHIM_FILTERS:
		return filter(call);
	case SHIM_REPEATS:
	case SHIM_NOT_HERE:
		break;
	}
	return decided(row, call);
}

long shim_serve_site(const struct shim_call *call)
{
	return shim_state()->forgone == SHIM_FORGONE ? shim_trapped(call)
						     : shim_serve(call);
}

long shim_serve_cancels(const struct shim_call *call)
{
	const struct shim_row *row = shim_row((unsigned long)call->number);

	return row && shim_state()->forgone != SHIM_FORGONE &&
			       never_waits(row, call)
		       ? shim_serve(call)
		       : SHIM_CANCELLABLE;
}
