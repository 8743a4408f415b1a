/*
 * Making sessions and clearing away dead ones.
 *
 * Between a new runtime directory's creation and its lock, another start may
 * take it for one that a dead session left. Nobody waits for anybody:
 *
 * - Who clears takes the lock, renames the directory to .dead-ID, and only then
 *   deletes what is in it, the lock file included.
 * - Who creates takes the lock and then looks whether the directory still has
 *   its name. As long as it has, there is only one lock file, so the lock that
 *   was taken is the one; if not, or if another has the lock, the new session
 *   begins again with another id.
 */
#include "supervisor/sessions.h"

#include "policy/scope.h"
#include "supervisor/jtext.h"
#include "supervisor/remove_tree.h"
#include "supervisor/sessions_info.h"
#include "supervisor/sessions_place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

/* Before the id of a session that is being cleared away. */
#define DEAD ".dead-"

enum { ATTEMPTS = 64 };

/* ------------------------------------------------------------------ ids -- */

static void program_name(const char *program,
			 char name[SESSION_PROGRAM_MAX + 1])
{
	const char *slash = strrchr(program, '/');
	size_t length = 0;

	if (slash)
		program = slash + 1;
	for (; length < SESSION_PROGRAM_MAX && program[length]; length++) {
		char c = program[length];

		name[length] = c;
		if (!strchr("+-._", c) && (c < '0' || c > '9') &&
		    (c < 'A' || c > 'Z') && (c < 'a' || c > 'z'))
			name[length] = '_';
	}
	if (!length)
		name[length++] = '_';
	name[length] = '\0';
}

static int make_id(const char *program, struct session_files *files)
{
	char name[SESSION_PROGRAM_MAX + 1], date[16];
	uint16_t random;
	struct tm tm;

	program_name(program, name);
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	clock_gettime(CLOCK_REALTIME, &files->started);
	if (!gmtime_r(&files->started.tv_sec, &tm) ||
	    strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm) != 15)
		return -EOVERFLOW;
	snprintf(files->id, sizeof(files->id), "%s-%s-%04x", date, name,
		 random);
	return 0;
}

bool session_is_id(const char *name)
{
	size_t length = strlen(name);

	if (length < 22 || length >= SESSION_ID_SIZE)
		return false;
	for (size_t i = 0; i < 15; i++)
		if (i == 8 ? name[i] != '-' : !isdigit((unsigned char)name[i]))
			return false;
	for (size_t i = length - 4; i < length; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	return name[15] == '-' && name[length - 5] == '-' && !strchr(name, '/');
}

/* ----------------------------------------------------------------- lock -- */

int session_lock(int runtime, bool create)
{
	auto_fd fd = openat(
		runtime, "lock",
		O_RDWR | O_NOFOLLOW | O_CLOEXEC | (create ? O_CREAT : 0), 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	return take_fd(&fd);
}

/* Is this open directory the one that has the name? */
static bool is_named(int parent, const char *name, int directory)
{
	struct stat named, open;

	return !fstat(directory, &open) &&
	       !fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

/* Delete a runtime directory of which the lock is held; see above. */
static int remove_locked(int place, const char *name)
{
	char dead[sizeof(DEAD) + SESSION_ID_SIZE];

	if (!strncmp(name, DEAD, strlen(DEAD)))
		return remove_tree(place, name);
	snprintf(dead, sizeof(dead), DEAD "%s", name);
	if (renameat(place, name, place, dead))
		return -errno;
	return remove_tree(place, dead);
}

/* ------------------------------------------------------------- creating -- */

static void files_init(struct session_files *files)
{
	*files = (struct session_files){
		.state_fd = -1, .runtime_fd = -1, .lock_fd = -1};
}

void sessions_release(struct session_files *files)
{
	scope_close_fd(&files->state_fd);
	scope_close_fd(&files->runtime_fd);
	scope_close_fd(&files->lock_fd);
	free(files->state_path);
	free(files->runtime_path);
	files_init(files);
}

/* Returns 0; -EAGAIN where another id is to be tried; or -errno. */
static int make_runtime(int place, struct session_files *files)
{
	if (mkdirat(place, files->id, 0700))
		return errno == EEXIST ? -EAGAIN : -errno;
	files->runtime_fd = place_open_own(place, files->id, false);
	if (files->runtime_fd < 0)
		return files->runtime_fd == -ENOENT ? -EAGAIN
						    : files->runtime_fd;
	files->lock_fd = session_lock(files->runtime_fd, true);
	if (files->lock_fd == -EWOULDBLOCK || files->lock_fd == -ENOENT)
		return -EAGAIN;
	if (files->lock_fd < 0)
		return files->lock_fd;
	return is_named(place, files->id, files->runtime_fd) ? 0 : -EAGAIN;
}

static int make_state(int place, struct session_files *files)
{
	if (mkdirat(place, files->id, 0700))
		return errno == EEXIST ? -EAGAIN : -errno;
	files->state_fd = place_open_own(place, files->id, false);
	if (files->state_fd < 0)
		return files->state_fd;
	files->state_path = place_path(files->state_fd);
	files->runtime_path = place_path(files->runtime_fd);
	return files->state_path && files->runtime_path ? 0 : -ENOMEM;
}

static int create_in(int state, int runtime, const char *program,
		     struct session_files *files)
{
	int error = -EAGAIN;

	for (int i = 0; i < ATTEMPTS && error == -EAGAIN; i++) {
		files_init(files);
		error = make_id(program, files);
		if (error)
			return error;
		error = make_runtime(runtime, files);
		if (!error) {
			error = make_state(state, files);
			if (error)
				remove_locked(runtime, files->id);
		}
		if (error)
			sessions_release(files);
	}
	return error;
}

static int open_session_dir(const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = place_check_parent(fd);
	return error ? error : take_fd(&fd);
}

int sessions_create(const char *program, const char *session_dir,
		    struct session_files *files)
{
	auto_fd state = -1, runtime = -1;

	files_init(files);
	state = session_dir ? open_session_dir(session_dir)
			    : place_open(PLACE_SESSIONS, true);
	if (state < 0)
		return state;
	runtime = place_open(PLACE_RUNTIME, true);
	if (runtime < 0)
		runtime = place_open(PLACE_RUN, true);
	if (runtime < 0)
		return runtime;
	return create_in(state, runtime, program, files);
}

/* ------------------------------------------------------------- deleting -- */

int sessions_remove_runtime(struct session_files *files)
{
	auto_fd parent = openat(files->runtime_fd, "..",
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (parent < 0)
		return -errno;
	/* The lock is given up last: no other start meddles meanwhile. */
	error = is_named(parent, files->id, files->runtime_fd)
			? remove_locked(parent, files->id)
			: -ENOENT;
	scope_close_fd(&files->runtime_fd);
	scope_close_fd(&files->lock_fd);
	files->runtime_fd = files->lock_fd = -1;
	return error;
}

/* Delete one runtime directory if nobody holds its lock. */
static int clear_one(int place, const char *name)
{
	auto_fd directory = -1, lock = -1;

	directory = openat(place, name,
			   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : -errno;
	lock = session_lock(directory, true);
	if (lock == -EWOULDBLOCK || lock == -ENOENT)
		return 0;
	if (lock < 0)
		return lock;
	return is_named(place, name, directory) ? remove_locked(place, name)
						: 0;
}

/* Is this a runtime directory, or what is left of one? */
static bool is_runtime(const char *name)
{
	if (!strncmp(name, DEAD, strlen(DEAD)))
		name += strlen(DEAD);
	return session_is_id(name);
}

static int clear_place(enum place place)
{
	int fd = place_open(place, false), first = 0;
	struct dirent *entry;
	DIR *directory;

	if (fd < 0)
		return fd == -ENOENT || place == PLACE_RUNTIME ? 0 : fd;
	directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(directory))) {
		int error = 0;

		if (is_runtime(entry->d_name))
			error = clear_one(fd, entry->d_name);
		if (error && !first)
			first = error;
	}
	closedir(directory);
	return first;
}

int sessions_clear_dead(void)
{
	int runtime = clear_place(PLACE_RUNTIME), run = clear_place(PLACE_RUN);

	return runtime ? runtime : run;
}
