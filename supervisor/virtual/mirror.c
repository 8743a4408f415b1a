#include "supervisor/virtual/mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/virtual/manifest.h"
#include "supervisor/virtual/transform.h"
#include "supervisor/virtual/tree.h"

/* A real file or directory, or an invented one where `st` is zero. */
struct item {
	const char *path;		/* what it stands for */
	const char *source;		/* where its content is */
	const struct policy_fake *fake; /* NULL: only the name */
	struct stat st;
	int fd; /* open for reading, or -1 */
	unsigned depth;
};

static int make_item(struct mirror *mirror, const struct policy_fake *fake,
		     const char *path, const char *source, unsigned depth);

/* Does the stand-in appear even if nothing is behind it? */
static bool is_invented(const struct policy_fake *fake)
{
	return fake && (fake->kind == FAKE_EMPTY || fake->kind == FAKE_TEXT ||
			fake->kind == FAKE_FILE || fake->kind == FAKE_DIR);
}

static bool always(void *context, const char *path)
{
	(void)context;
	(void)path;
	return true;
}

/* A directory on the way is made if it is there and no program removed it. */
static bool is_real_directory(void *context, const char *path)
{
	const struct mirror *mirror = context;
	struct stat st;

	return !mirror->is_made(mirror->context, path) &&
	       lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_not_removed(void *context, const char *path)
{
	const struct mirror *mirror = context;

	return !mirror->is_made(mirror->context, path);
}

static int open_parent(struct mirror *mirror, const struct item *item,
		       int *parent, const char **name)
{
	return tree_open_parent(mirror->tree, item->path,
				is_invented(item->fake) ? is_not_removed
							: is_real_directory,
				mirror, parent, name);
}

static mode_t mode_of(const struct item *item)
{
	mode_t mode = item->st.st_mode & 0777;

	if (!item->st.st_mode)
		return 0600;
	return mode | (S_ISDIR(item->st.st_mode) ? 0700 : 0600);
}

/* Mode, owner and time are the real ones as far as one may set them. */
static int dress(int fd, const struct item *item)
{
	const struct timespec times[2] = {item->st.st_atim, item->st.st_mtim};

	/* EINVAL: in a user namespace the real owner may have no number. */
	if (item->st.st_mode && geteuid() == 0 &&
	    fchown(fd, item->st.st_uid, item->st.st_gid) < 0 && errno != EINVAL)
		return -errno;
	if (fchmod(fd, mode_of(item)) < 0)
		return -errno;
	if (item->st.st_mode && futimens(fd, times) < 0)
		return -errno;
	return 0;
}

/*
 * Write a file under a name of its own and give it its place when it is
 * complete. link() and not rename(): nothing that is there is replaced.
 */
static int put_file(struct mirror *mirror, int parent, const char *name,
		    const char *bytes, size_t length, const struct item *item)
{
	static const char temporary[] = "next";
	auto_fd fd = -1;
	int error;

	if (unlinkat(mirror->temporary, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(mirror->temporary, temporary,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	error = tree_write_all(fd, bytes, length);
	if (!error)
		error = dress(fd, item);
	if (!error && linkat(mirror->temporary, temporary, parent, name, 0) < 0)
		error = -errno;
	unlinkat(mirror->temporary, temporary, 0);
	return error;
}

/* The same place in the second tree, emptied of what an earlier try left. */
static int open_made(struct mirror *mirror, const struct item *item,
		     int *parent, const char **name)
{
	int error = tree_open_parent(mirror->made, item->path, always, NULL,
				     parent, name);

	if (!error)
		error = tree_remove(*parent, *name);
	if (error && *parent >= 0) {
		close(*parent);
		*parent = -1;
	}
	return error;
}

static int put_standin(struct mirror *mirror, const struct item *item,
		       const struct manifest_entry *entry, const char *bytes,
		       size_t length)
{
	auto_fd parent = -1;
	auto_fd made = -1;
	const char *name, *made_name;
	int error = open_parent(mirror, item, &parent, &name);

	if (error)
		return error == -ENOENT ? 0 : error;
	error = open_made(mirror, item, &made, &made_name);
	if (!error)
		error = manifest_append(mirror->manifest, entry);
	if (!error)
		error = put_file(mirror, made, made_name, bytes, length, item);
	if (!error)
		error = put_file(mirror, parent, name, bytes, length, item);
	if (!error)
		error = mirror->set_made(mirror->context, item->path);
	return error;
}

/* The whole of a file, and that it is within the bounds. */
static int read_file(struct mirror *mirror, int fd, char **bytes,
		     size_t *length)
{
	int error = tree_read_all(fd, STANDIN_FILE_MAX, bytes, length);

	if (error)
		return error;
	mirror->bytes += *length;
	if (mirror->bytes <= STANDIN_BYTES_MAX)
		return 0;
	explicit_bzero(*bytes, *length);
	free(*bytes);
	*bytes = NULL;
	return -EFBIG;
}

static int put_transformed(struct mirror *mirror, const struct item *item,
			   struct manifest_entry *entry)
{
	auto_free char *bytes = NULL;
	struct transformed result;
	size_t length;
	int error = read_file(mirror, item->fd, &bytes, &length);

	if (error)
		return error;
	error = manifest_digest(bytes, length, entry->digest);
	if (!error)
		error = transform(mirror->placeholders, item->fake->kind,
				  item->path, bytes, length, &result);
	explicit_bzero(bytes, length);
	if (error)
		return error;
	entry->has_real = true;
	entry->opaque = result.opaque;
	entry->marks = result.marks;
	error = put_standin(mirror, item, entry, result.text, result.length);
	transformed_free(&result);
	return error;
}

/* A file that the policy names, or one below the directory it names. */
static int put_copy(struct mirror *mirror, const struct item *item, int fd,
		    const struct manifest_entry *entry)
{
	auto_free char *bytes = NULL;
	size_t length;
	int error = read_file(mirror, fd, &bytes, &length);

	if (error)
		return error;
	return put_standin(mirror, item, entry, bytes, length);
}

static int make_file(struct mirror *mirror, const struct item *item)
{
	struct manifest_entry entry = {.path = (char *)(uintptr_t)item->path};
	auto_fd fd = -1;

	if (!item->fake)
		return put_standin(mirror, item, &entry, "", 0);
	entry.kind = item->fake->kind;
	/* Whether there is a real one, which `apply` would write over. */
	entry.has_real = item->st.st_mode && item->source == item->path;
	switch (item->fake->kind) {
	case FAKE_AWS:
	case FAKE_DOTENV:
	case FAKE_KEYS:
		return put_transformed(mirror, item, &entry);
	case FAKE_EMPTY:
		return put_standin(mirror, item, &entry, "", 0);
	case FAKE_TEXT:
		return put_standin(mirror, item, &entry, item->fake->text,
				   item->fake->length);
	case FAKE_FILE:
		fd = mirror->host->read(mirror->host->context,
					item->fake->text);
		return fd < 0 ? fd : put_copy(mirror, item, fd, &entry);
	case FAKE_DIR:
		return put_copy(mirror, item, item->fd, &entry);
	default:
		return -EINVAL;
	}
}

/* ------------------------------------------------------- directories -- */

/*
 * A link stays if its target lies inside the faked tree: the way up from a
 * link is one of real directories, so counting names is right; `..` after a
 * name could start behind another link, so that is none.
 */
static bool stays_inside(const char *root, const char *path, const char *target)
{
	size_t size = strlen(root), up = 0, above = 0;

	if (target[0] == '/')
		return tree_is_path(target) &&
		       strncmp(target, root, size) == 0 &&
		       (target[size] == '/' || !target[size]);
	for (const char *at = path + size; *at; at++)
		above += *at == '/';
	while (strncmp(target, "../", 3) == 0) {
		target += 3;
		up++;
	}
	return *target && !strstr(target, "..") && up < above;
}

static int make_link(struct mirror *mirror, const struct item *item)
{
	char target[PATH_MAX] = "";
	auto_fd parent = -1;
	auto_fd made = -1;
	const char *name, *made_name;
	ssize_t length = readlink(item->source, target, sizeof(target) - 1);
	int error;

	if (length <= 0 || !stays_inside(mirror->root, item->path, target))
		return 0;
	error = open_parent(mirror, item, &parent, &name);
	if (error)
		return error == -ENOENT ? 0 : error;
	error = open_made(mirror, item, &made, &made_name);
	if (error)
		return error;
	if (symlinkat(target, made, made_name) < 0 ||
	    symlinkat(target, parent, name) < 0)
		return -errno;
	return mirror->set_made(mirror->context, item->path);
}

static int make_directories(struct mirror *mirror, const struct item *item,
			    int *directory)
{
	auto_fd parent = -1;
	auto_fd made = -1;
	const char *name;
	int error = open_parent(mirror, item, &parent, &name);

	if (error)
		return error;
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	*directory = openat(parent, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*directory < 0)
		return -errno;
	error = tree_open_parent(mirror->made, item->path, always, NULL, &made,
				 &name);
	if (!error && mkdirat(made, name, 0700) < 0 && errno != EEXIST)
		error = -errno;
	return error;
}

/*
 * Could nothing more be made after this? A file that cannot be read is only
 * left out; where the stand-ins cannot be written the whole has failed.
 */
static bool is_fatal(const struct mirror *mirror, int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
	case -ELOOP:
	case -ENXIO:
	case -ENODEV:
	case -EIO:
		return false;
	case -EFBIG:
		return mirror->entries > STANDIN_ENTRIES_MAX ||
		       mirror->bytes > STANDIN_BYTES_MAX;
	default:
		return error != 0;
	}
}

static int make_child(struct mirror *mirror, const struct item *item,
		      const char *name)
{
	auto_free char *path = NULL, *source = NULL;
	const struct policy_fake *fake = item->fake;
	int error;

	if (asprintf(&path, "%s/%s", item->path, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (strlen(path) >= PATH_MAX || mirror->is_made(mirror->context, path))
		return 0;
	if (item->source != item->path &&
	    asprintf(&source, "%s/%s", item->source, name) < 0) {
		source = NULL;
		return -ENOMEM;
	}
	if (mirror->host->fake)
		fake = mirror->host->fake(mirror->host->context, path);
	error = make_item(mirror, fake, path, source ? source : path,
			  item->depth + 1);
	return is_fatal(mirror, error) ? error : 0;
}

static int make_children(struct mirror *mirror, struct item *item)
{
	DIR *list = fdopendir(item->fd);
	struct dirent *entry;
	int error = 0;

	if (!list)
		return -errno;
	item->fd = -1; /* the list's */
	while (!error && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			error = make_child(mirror, item, entry->d_name);
	}
	closedir(list);
	return error;
}

static int make_directory(struct mirror *mirror, struct item *item)
{
	auto_fd directory = -1;
	int error;

	if (item->depth >= STANDIN_DEPTH_MAX)
		return -EFBIG;
	error = make_directories(mirror, item, &directory);
	if (error)
		return error == -ENOENT ? 0 : error;
	if (item->fake && item->fake->kind != FAKE_EMPTY && item->fd >= 0)
		error = make_children(mirror, item);
	if (!error)
		error = dress(directory, item);
	if (!error)
		error = mirror->set_made(mirror->context, item->path);
	return error;
}

/* ---------------------------------------------------------- one path -- */

static int make_by_type(struct mirror *mirror, struct item *item)
{
	if (++mirror->entries > STANDIN_ENTRIES_MAX)
		return -EFBIG;
	if (S_ISDIR(item->st.st_mode))
		return make_directory(mirror, item);
	if (S_ISREG(item->st.st_mode) || !item->st.st_mode)
		return make_file(mirror, item);
	if (S_ISLNK(item->st.st_mode))
		return make_link(mirror, item);
	return 0;
}

/* Open the source; where only its name or its kind matters, look at it. */
static int open_source(const struct mirror *mirror, struct item *item)
{
	enum fake_kind kind = item->fake ? item->fake->kind : FAKE_NONE;

	if (lstat(item->source, &item->st) < 0)
		return -errno;
	if (S_ISLNK(item->st.st_mode) || kind == FAKE_NONE ||
	    kind == FAKE_EMPTY)
		return 0;
	if (!S_ISDIR(item->st.st_mode) &&
	    (!S_ISREG(item->st.st_mode) || kind == FAKE_TEXT ||
	     kind == FAKE_FILE))
		return 0;
	item->fd = mirror->host->read(mirror->host->context, item->source);
	if (item->fd < 0)
		return item->fd;
	/* What is open counts, should it be another by now. */
	return fstat(item->fd, &item->st) < 0 ? -errno : 0;
}

/*
 * The directories above, in both trees: so a program can create what is not
 * there, and does not seem to have made what it has not.
 */
static int make_way(struct mirror *mirror, const struct item *item)
{
	auto_fd parent = -1;
	auto_fd made = -1;
	const char *name;
	int error = open_parent(mirror, item, &parent, &name);

	if (error && error != -ENOENT)
		return error;
	error = tree_open_parent(mirror->made, item->path,
				 is_invented(item->fake) ? is_not_removed
							 : is_real_directory,
				 mirror, &made, &name);
	return error == -ENOENT ? 0 : error;
}

static int make_absent(struct mirror *mirror, struct item *item)
{
	const struct policy_fake *fake = item->fake;

	item->st = (struct stat){0};
	/* Only the named place itself is there without a real one. */
	if (fake && fake->kind != FAKE_DIR && is_invented(fake) &&
	    strcmp(item->path, mirror->root) == 0)
		return make_by_type(mirror, item);
	return 0;
}

/* Of a file, whatever the policy says it is. */
static int put_given(struct mirror *mirror, const char *path, const char *bytes,
		     size_t length)
{
	static const struct policy_fake empty = {.kind = FAKE_EMPTY};
	struct item item = {
		.path = path,
		.source = path,
		.fake = &empty,
		.fd = -1,
	};
	struct manifest_entry entry = {
		.path = (char *)(uintptr_t)path,
		.kind = FAKE_EMPTY,
	};

	/* A program put something there before. */
	if (tree_stat(mirror->tree, path, &item.st) == 0)
		return mirror->set_made(mirror->context, path);
	entry.has_real = lstat(path, &item.st) == 0;
	if (!entry.has_real) {
		item.st = (struct stat){.st_mode = S_IFREG | 0644};
		item.st.st_uid = geteuid();
		item.st.st_gid = getegid();
		clock_gettime(CLOCK_REALTIME, &item.st.st_mtim);
		item.st.st_atim = item.st.st_mtim;
	}
	return put_standin(mirror, &item, &entry, bytes, length);
}

/* Make it if its content is not the policy's. Returns 0, -ENOENT where it is,
 * or -errno. */
static int make_given(struct mirror *mirror, const char *path)
{
	auto_free char *bytes = NULL;
	size_t length;
	int error = mirror->content(mirror->context, path, &bytes, &length);

	return error ? error : put_given(mirror, path, bytes, length);
}

static int make_item(struct mirror *mirror, const struct policy_fake *fake,
		     const char *path, const char *source, unsigned depth)
{
	struct item item = {
		.path = path,
		.source = source,
		.fake = fake,
		.fd = -1,
		.depth = depth,
	};
	struct stat st;
	/* At the top it was asked for before. */
	int error = depth ? make_given(mirror, path) : make_way(mirror, &item);

	if (depth && error != -ENOENT)
		return error;
	if (!depth && error)
		return error;
	error = open_source(mirror, &item);
	if (error == -ENOENT || error == -ENOTDIR) {
		error = make_absent(mirror, &item);
	} else if (!error && !S_ISDIR(item.st.st_mode) &&
		   tree_stat(mirror->tree, path, &st) == 0) {
		/* A program put something there before there was a real one. */
		error = mirror->set_made(mirror->context, path);
	} else if (!error) {
		error = make_by_type(mirror, &item);
	}
	if (item.fd >= 0)
		close(item.fd);
	return error;
}

/* `dir PATH`: the same place below PATH. */
static int make_from_directory(struct mirror *mirror,
			       const struct policy_fake *fake, const char *path)
{
	auto_free char *source = NULL;

	if (asprintf(&source, "%s%s", fake->text, path + strlen(mirror->root)) <
	    0) {
		source = NULL;
		return -ENOMEM;
	}
	return make_item(mirror, fake, path, source, 0);
}

int mirror_make(struct mirror *mirror, const struct policy_fake *fake,
		const char *path)
{
	struct item top = {
		.path = mirror->root,
		.source = mirror->root,
		.fake = fake,
		.fd = -1,
		.st.st_mode = S_IFDIR | 0700,
	};
	int error = make_given(mirror, path);

	if (error != -ENOENT)
		return error;
	if (fake->kind == FAKE_DIR)
		return make_from_directory(mirror, fake, path);
	if (fake->kind == FAKE_EMPTY && strcmp(path, mirror->root) != 0) {
		/* Something below it was asked for: it is a directory. */
		if (mirror->is_made(mirror->context, mirror->root))
			return 0;
		error = make_way(mirror, &top);
		if (error)
			return error;
		error = open_source(mirror, &top);
		if (error == -ENOENT || !S_ISDIR(top.st.st_mode))
			top.st = (struct stat){.st_mode = S_IFDIR | 0700};
		return make_directory(mirror, &top);
	}
	return make_item(mirror, fake, path, path, 0);
}
