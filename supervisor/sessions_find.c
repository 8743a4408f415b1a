#include "supervisor/sessions.h"

#include "policy/scope.h"
#include "supervisor/remove_tree.h"
#include "supervisor/sessions_info.h"
#include "supervisor/sessions_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void session_entry_clear(struct session_entry *entry)
{
	free(entry->path);
	entry->path = NULL;
	session_info_clear(&entry->info);
}

void sessions_free(struct session_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		session_entry_clear(&entries[i]);
	free(entries);
}

/* ----------------------------------------------------------------- live -- */

/* Does someone hold the lock of this runtime directory? */
static bool is_locked(int runtime)
{
	auto_fd lock = session_lock(runtime, false);

	return lock == -EWOULDBLOCK;
}

bool session_live(const struct session_entry *entry)
{
	static const enum place places[] = {PLACE_RUNTIME, PLACE_RUN};
	enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

	if (entry->info.runtime) {
		auto_fd fd = open(entry->info.runtime, FLAGS);

		return fd >= 0 && is_locked(fd);
	}
	/* Without a session.json: where this process would have put it. */
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		auto_fd parent = place_open(places[i], false);
		auto_fd fd = parent < 0 ? -1 : openat(parent, entry->id, FLAGS);

		if (fd >= 0 && is_locked(fd))
			return true;
	}
	return false;
}

/* -------------------------------------------------------------- entries -- */

/* Fill an entry from an open state directory. */
static int entry_read(int state, const char *id, struct session_entry *entry)
{
	struct stat st;
	int error;

	memset(entry, 0, sizeof(*entry));
	session_info_init(&entry->info);
	if (fstat(state, &st))
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	snprintf(entry->id, sizeof(entry->id), "%s", id);
	entry->path = place_path(state);
	if (!entry->path)
		return -ENOMEM;
	error = session_info_read(state, &entry->info);
	if (error == -ENOMEM) {
		session_entry_clear(entry);
		return error;
	}
	entry->live = session_live(entry);
	return 0;
}

static int entry_open(int sessions, const char *id, struct session_entry *entry)
{
	auto_fd state = openat(sessions, id,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return state < 0 ? -errno : entry_read(state, id, entry);
}

int session_open(const struct session_entry *entry, const char *name)
{
	auto_fd state = open(entry->path,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd fd = -1;
	struct stat st;

	if (state < 0)
		return -errno;
	fd = openat(state, name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return take_fd(&fd);
}

/* -------------------------------------------------------------- listing -- */

typedef char session_id[SESSION_ID_SIZE];

/* The ids in an open place, in no order. */
static int read_ids(int sessions, session_id **ids, size_t *count)
{
	int fd = openat(sessions, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t room = 0;

	*ids = NULL;
	*count = 0;
	if (!directory) {
		scope_close_fd(&fd);
		return -errno;
	}
	while ((entry = readdir(directory))) {
		if (!session_is_id(entry->d_name))
			continue;
		if (*count == room) {
			session_id *grown;

			room = room ? 2 * room : 64;
			grown = reallocarray(*ids, room, sizeof(**ids));
			if (!grown)
				break;
			*ids = grown;
		}
		/* session_is_id() has looked at the length. */
		memcpy((*ids)[(*count)++], entry->d_name,
		       strlen(entry->d_name) + 1);
	}
	closedir(directory);
	return entry ? -ENOMEM : 0;
}

/* Newest first: by the second in the id, then by the start as it is known. */
static int compare(const void *a, const void *b)
{
	const struct session_entry *left = a, *right = b;
	int order = memcmp(right->id, left->id, 15);

	if (!order)
		order = strcmp(right->info.started, left->info.started);
	return order ? order : strcmp(right->id, left->id);
}

/* Entries of all ids that begin so; those that vanish meanwhile are left out.
 */
static int read_entries(int sessions, const char *start,
			struct session_entry **entries, size_t *count)
{
	auto_free session_id *ids = NULL;
	size_t id_count;
	int error = read_ids(sessions, &ids, &id_count);

	*entries = NULL;
	*count = 0;
	if (error || !id_count)
		return error;
	*entries = calloc(id_count, sizeof(**entries));
	if (!*entries)
		return -ENOMEM;
	for (size_t i = 0; i < id_count; i++) {
		if (strncmp(ids[i], start, strlen(start)) != 0)
			continue;
		error = entry_open(sessions, ids[i], &(*entries)[*count]);
		if (!error)
			(*count)++;
		if (error == -ENOMEM) {
			sessions_free(*entries, *count);
			return error;
		}
	}
	qsort(*entries, *count, sizeof(**entries), compare);
	return 0;
}

int sessions_list(struct session_entry **entries, size_t *count)
{
	auto_fd sessions = place_open(PLACE_SESSIONS, false);

	*entries = NULL;
	*count = 0;
	if (sessions < 0)
		return sessions == -ENOENT ? 0 : sessions;
	return read_entries(sessions, "", entries, count);
}

/* -------------------------------------------------------------- finding -- */

/* The second of the newest session: the start of its id. */
static int newest_second(int sessions, char second[16])
{
	auto_free session_id *ids = NULL;
	size_t count;
	int error = read_ids(sessions, &ids, &count);

	second[0] = '\0';
	for (size_t i = 0; !error && i < count; i++)
		if (strncmp(ids[i], second, 15) > 0)
			snprintf(second, 16, "%.15s", ids[i]);
	if (!error && !second[0])
		error = -ENOENT;
	return error;
}

static int find_path(const char *path, struct session_entry *entry)
{
	auto_fd state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_free char *canonical = NULL;
	const char *slash;

	if (state < 0)
		return -errno;
	canonical = place_path(state);
	slash = canonical ? strrchr(canonical, '/') : NULL;
	if (!slash || !session_is_id(slash + 1))
		return canonical ? -ENOENT : -ENOMEM;
	return entry_read(state, slash + 1, entry);
}

/* The one session whose id begins so, or of several the newest. */
static int find_start(int sessions, const char *start, bool newest,
		      struct session_entry *entry)
{
	struct session_entry *entries;
	size_t count;
	int error = read_entries(sessions, start, &entries, &count);

	if (error)
		return error;
	if (!count)
		error = -ENOENT;
	else if (count > 1 && !newest)
		error = -ENOTUNIQ;
	else
		*entry = entries[0];
	for (size_t i = error ? 0 : 1; i < count; i++)
		session_entry_clear(&entries[i]);
	free(entries);
	return error;
}

int sessions_find(const char *name, struct session_entry *entry)
{
	auto_fd sessions = -1;
	char second[16];
	int error;

	if (name && strchr(name, '/'))
		return find_path(name, entry);
	sessions = place_open(PLACE_SESSIONS, false);
	if (sessions < 0)
		return sessions;
	if (!name) {
		error = newest_second(sessions, second);
		if (error)
			return error;
		return find_start(sessions, second, true, entry);
	}
	if (session_is_id(name)) {
		error = entry_open(sessions, name, entry);
		if (error != -ENOENT)
			return error;
	}
	return find_start(sessions, name, false, entry);
}

int sessions_remove(const struct session_entry *entry)
{
	auto_fd sessions = place_open(PLACE_SESSIONS, false);

	if (sessions < 0)
		return sessions;
	if (session_live(entry))
		return -EBUSY;
	return remove_tree(sessions, entry->id);
}
