#include "supervisor/virtual/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/virtual/manifest.h"
#include "supervisor/virtual/replace.h"
#include "supervisor/virtual/restore.h"
#include "supervisor/virtual/transform.h"
#include "supervisor/virtual/tree.h"
#include "supervisor/virtual/values.h"

/* More than this a program may have written, but nobody would read it. */
#define WRITTEN_MAX ((size_t)8 << 20)

struct plans {
	int made, mirror;
	struct manifest manifest;
	char **texts; /* of each entry, how its stand-in was made; or NULL */
	size_t *lengths;
};

/* A real file and where its values are, while a plan is made. */
struct source {
	char *text;
	size_t length;
	struct marks marks;
};

static void source_free(struct source *source)
{
	if (source->text)
		explicit_bzero(source->text, source->length);
	free(source->text);
	marks_free(&source->marks);
	*source = (struct source){0};
}

static int read_in(int tree, const char *path, char **text, size_t *length)
{
	auto_fd fd = tree_open_file(tree, path);

	if (fd < 0)
		return fd;
	return tree_read_all(fd, WRITTEN_MAX, text, length);
}

/* -------------------------------------------------------------- opening -- */

static int open_tree(int parent, const char *name, int *fd)
{
	*fd = openat(parent, name,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static int read_manifest(struct plans *plans, int directory)
{
	auto_fd fd = openat(directory, "manifest",
			    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : manifest_read(fd, &plans->manifest);
}

/* The stand-ins that hold placeholders. One that is gone is not needed. */
static int read_texts(struct plans *plans)
{
	size_t count = plans->manifest.count;

	plans->texts = calloc(count + 1, sizeof(*plans->texts));
	plans->lengths = calloc(count + 1, sizeof(*plans->lengths));
	if (!plans->texts || !plans->lengths)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct manifest_entry *entry = &plans->manifest.entries[i];
		size_t end = 0;
		int error;

		if (!entry->marks.count ||
		    manifest_find(&plans->manifest, entry->path) != entry)
			continue;
		error = read_in(plans->made, entry->path, &plans->texts[i],
				&plans->lengths[i]);
		if (error == -ENOMEM)
			return error;
		end = entry->marks.items[entry->marks.count - 1].offset +
		      entry->marks.items[entry->marks.count - 1].length;
		if (!error && end > plans->lengths[i])
			return -EBADMSG;
	}
	return 0;
}

int plans_open(int state_directory, struct plans **plans)
{
	struct plans *opened = calloc(1, sizeof(*opened));
	auto_fd directory = -1;
	int error;

	if (!opened)
		return -ENOMEM;
	opened->made = opened->mirror = -1;
	error = open_tree(state_directory, "standins", &directory);
	if (!error)
		error = open_tree(directory, "made", &opened->made);
	if (!error)
		error = open_tree(directory, "mirror", &opened->mirror);
	if (!error)
		error = read_manifest(opened, directory);
	if (!error)
		error = read_texts(opened);
	if (error) {
		plans_close(opened);
		return error;
	}
	*plans = opened;
	return 0;
}

void plans_close(struct plans *plans)
{
	if (!plans)
		return;
	for (size_t i = 0; plans->texts && i < plans->manifest.count; i++)
		free(plans->texts[i]);
	free(plans->texts);
	free(plans->lengths);
	manifest_free(&plans->manifest);
	scope_close_fd(&plans->made);
	scope_close_fd(&plans->mirror);
	free(plans);
}

int plans_changes(const struct plans *plans, change_visit *visit, void *context)
{
	return changes_walk(plans->made, plans->mirror, visit, context);
}

/* ------------------------------------------------------------- planning -- */

static int refuse(struct plan *plan, const char *why, int error)
{
	plan->step = PLAN_REFUSED;
	plan->why = why;
	plan->error = error;
	return 0;
}

static const char *const changed_since =
	"it was changed since the session, and not only its secrets";
static const char *const not_made_from =
	"its stand-in was not made from it: what is there would be lost";

/* The real file behind an entry; -ESTALE where its values are not found. */
static int read_source(const struct manifest_entry *entry, const char *made,
		       size_t made_length, struct source *source,
		       struct stat *st)
{
	int error =
		replace_read(entry->path, &source->text, &source->length, st);

	if (!error)
		error = restore_locate(entry, made, made_length, source->text,
				       source->length, &source->marks);
	if (error)
		source_free(source);
	return error;
}

static bool same_directory(const char *a, const char *b)
{
	const char *slash = strrchr(a, '/');
	size_t size = (size_t)(slash - a);

	return strncmp(a, b, size + 1) == 0 && !strchr(b + size + 1, '/');
}

/*
 * All placeholders that could be in a file: of those beside it with their
 * values, since programs rename and copy; of others without.
 */
static int add_others(struct plans *plans, const char *path,
		      struct values *values, struct source *sources)
{
	int error = 0;

	for (size_t i = 0; i < plans->manifest.count && !error; i++) {
		const struct manifest_entry *entry =
			&plans->manifest.entries[i];
		struct stat st;
		bool known;

		if (!plans->texts[i] || strcmp(entry->path, path) == 0)
			continue;
		known = same_directory(path, entry->path) &&
			read_source(entry, plans->texts[i], plans->lengths[i],
				    &sources[i], &st) == 0;
		error = values_add(
			values, entry->path, plans->texts[i], &entry->marks,
			known ? sources[i].text : NULL, &sources[i].marks);
	}
	return error;
}

/*
 * Turn back what was written. `entry` and `source` are those of the file
 * itself, or NULL for one that is new.
 */
static int plan_text(struct plans *plans, struct plan *plan,
		     const struct manifest_entry *entry,
		     const struct source *source)
{
	struct source *sources =
		calloc(plans->manifest.count + 1, sizeof(*sources));
	struct values own = {0}, all = {0};
	int error = sources ? 0 : -ENOMEM;

	if (!error && entry)
		error = values_add(&own, plan->path, plan->made, &entry->marks,
				   source->text, &source->marks);
	if (!error && entry)
		error = values_add(&all, plan->path, plan->made, &entry->marks,
				   source->text, &source->marks);
	if (!error)
		error = add_others(plans, plan->path, &all, sources);
	if (!error)
		error = values_index(&all);
	if (!error)
		error = restore_text(&own, &all, plan->made, plan->made_length,
				     plan->written, plan->written_length,
				     &plan->result, &plan->result_length,
				     &plan->why, &plan->of);
	values_free(&own);
	values_free(&all);
	for (size_t i = 0; sources && i < plans->manifest.count; i++)
		source_free(&sources[i]);
	free(sources);
	return error == -EPERM ? refuse(plan, plan->why, 0) : error;
}

static bool is_from_real(const struct manifest_entry *entry)
{
	return entry && entry->has_real && !entry->opaque &&
	       (entry->kind == FAKE_AWS || entry->kind == FAKE_DOTENV ||
		entry->kind == FAKE_KEYS);
}

/* Read what the program wrote, or why that cannot be. */
static int read_written(struct plans *plans, struct plan *plan)
{
	struct stat st;
	int error = tree_stat(plans->mirror, plan->path, &st);

	if (!error && !S_ISREG(st.st_mode))
		return refuse(plan, "it is no regular file now", 0);
	plan->mode = st.st_mode & 0777;
	if (!error)
		error = read_in(plans->mirror, plan->path, &plan->written,
				&plan->written_length);
	if (error == -ENOMEM)
		return error;
	return error ? refuse(plan, "what was written cannot be read", error)
		     : 0;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

/* A new file, or one that only the stand-in was there for. */
static int plan_create(struct plans *plans, struct plan *plan)
{
	int error;

	if (is_there(plan->path))
		return refuse(plan, not_made_from, 0);
	plan->step = PLAN_CREATE;
	error = read_written(plans, plan);
	if (error || plan->step == PLAN_REFUSED)
		return error;
	return plan_text(plans, plan, NULL, NULL);
}

static int plan_write(struct plans *plans, struct plan *plan)
{
	const struct manifest_entry *entry =
		manifest_find(&plans->manifest, plan->path);
	struct source source = {0};
	int error;

	if (!is_from_real(entry))
		return plan_create(plans, plan);
	plan->step = PLAN_WRITE;
	error = read_written(plans, plan);
	if (error || plan->step == PLAN_REFUSED)
		return error;
	error = read_source(entry, plan->made, plan->made_length, &source,
			    &plan->real);
	if (!error)
		error = plan_text(plans, plan, entry, &source);
	else if (error == -ESTALE)
		error = refuse(plan, changed_since, 0);
	else if (error != -ENOMEM)
		error = refuse(plan, "the real file cannot be read", error);
	source_free(&source);
	return error;
}

static int plan_remove(struct plans *plans, struct plan *plan)
{
	const struct manifest_entry *entry =
		manifest_find(&plans->manifest, plan->path);
	unsigned char digest[MANIFEST_DIGEST];
	struct source source = {0};
	int error;

	if (entry && !entry->has_real)
		return refuse(plan, "there is no real one to remove", 0);
	if (!is_from_real(entry) && !(entry && entry->opaque))
		return refuse(plan, not_made_from, 0);
	plan->step = PLAN_REMOVE;
	error = replace_read(plan->path, &source.text, &source.length,
			     &plan->real);
	if (!error)
		error = manifest_digest(source.text, source.length, digest);
	if (error && error != -ENOMEM)
		error = refuse(plan, "the real file cannot be read", error);
	else if (!error && memcmp(digest, entry->digest, sizeof(digest)) != 0)
		error = refuse(plan, "it was changed since the session", 0);
	source_free(&source);
	return error;
}

/* How the stand-in was made, to compare with. */
static int read_made(struct plans *plans, struct plan *plan)
{
	struct stat st;
	int error = tree_stat(plans->made, plan->path, &st);

	if (error || !S_ISREG(st.st_mode))
		return refuse(plan, "it is no regular file", error);
	error = read_in(plans->made, plan->path, &plan->made,
			&plan->made_length);
	if (error && error != -ENOMEM)
		return refuse(plan, "its stand-in cannot be read", error);
	return error;
}

static int plan_added(struct plans *plans, struct plan *plan)
{
	struct stat st;
	int error = tree_stat(plans->mirror, plan->path, &st);

	if (!error && S_ISDIR(st.st_mode)) {
		plan->step = PLAN_MKDIR;
		plan->mode = st.st_mode & 0777;
		return 0;
	}
	return plan_create(plans, plan);
}

static int plan_removed(struct plans *plans, struct plan *plan)
{
	struct stat st;
	int error = tree_stat(plans->made, plan->path, &st);

	if (!error && S_ISDIR(st.st_mode)) {
		plan->step = PLAN_RMDIR;
		return 0;
	}
	plan->step = PLAN_REMOVE;
	error = read_made(plans, plan);
	if (error || plan->step == PLAN_REFUSED)
		return error;
	return plan_remove(plans, plan);
}

int plan_make(struct plans *plans, enum change_kind kind, const char *path,
	      struct plan *plan)
{
	int error = 0;

	*plan = (struct plan){.path = path, .step = PLAN_WRITE};
	switch (kind) {
	case CHANGE_ADDED:
		error = plan_added(plans, plan);
		break;
	case CHANGE_REMOVED:
		error = plan_removed(plans, plan);
		break;
	case CHANGE_WRITTEN:
		error = read_made(plans, plan);
		if (!error && plan->step != PLAN_REFUSED)
			error = plan_write(plans, plan);
		break;
	}
	if (error)
		plan_free(plan);
	return error;
}

int plan_do(const struct plan *plan)
{
	switch (plan->step) {
	case PLAN_WRITE:
		return replace_file(plan->path, plan->result,
				    plan->result_length, &plan->real);
	case PLAN_CREATE:
		return replace_create(plan->path, plan->result,
				      plan->result_length, plan->mode);
	case PLAN_MKDIR:
		return replace_mkdir(plan->path, plan->mode);
	case PLAN_REMOVE:
		return replace_remove(plan->path, &plan->real);
	case PLAN_RMDIR:
		return replace_rmdir(plan->path);
	case PLAN_REFUSED:
		break;
	}
	return -EPERM;
}

void plan_free(struct plan *plan)
{
	if (plan->result)
		explicit_bzero(plan->result, plan->result_length);
	free(plan->result);
	free(plan->made);
	free(plan->written);
	*plan = (struct plan){0};
}
