/*
 * session.json. Only this program writes it, but any file can be damaged, so
 * what does not have the right form counts as absent.
 */
#include "supervisor/sessions_info.h"

#include "policy/scope.h"
#include "supervisor/jtext.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME "session.json"

enum { FILE_MAX = 64 * 1024 };

void session_info_init(struct session_info *info)
{
	*info = (struct session_info){.pid = -1, .status = -1, .events = -1};
}

void session_info_clear(struct session_info *info)
{
	free(info->program);
	free(info->project);
	free(info->runtime);
	session_info_init(info);
}

/* -------------------------------------------------------------- reading -- */

static char *get_string(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	char *bytes;

	if (!json_is_string(value))
		return NULL;
	bytes = malloc(json_string_length(value) + 1);
	if (bytes)
		jtext_bytes(value, bytes);
	return bytes;
}

/* A string of plain characters into a fixed place; "" where it does not fit. */
static void get_word(const json_t *object, const char *name, char *out,
		     size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));

	snprintf(out, size, "%s", text && strlen(text) < size ? text : "");
}

static int64_t get_number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static int read_file(int state, char *text, size_t *length)
{
	auto_fd fd = openat(state, NAME,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + done, FILE_MAX - done)) > 0)
		done += (size_t)n;
	*length = done;
	if (n < 0)
		return -errno;
	return done == FILE_MAX ? -EFBIG : 0;
}

int session_info_read(int state, struct session_info *info)
{
	auto_free char *text = malloc(FILE_MAX);
	json_t *object;
	size_t length = 0;
	int error;

	session_info_init(info);
	if (!text)
		return -ENOMEM;
	error = read_file(state, text, &length);
	if (!error)
		error = jtext_load(text, length, &object);
	if (error)
		return error;
	info->program = get_string(object, "program");
	info->project = get_string(object, "project");
	info->runtime = get_string(object, "runtime");
	get_word(object, "started", info->started, sizeof(info->started));
	get_word(object, "ended", info->ended, sizeof(info->ended));
	get_word(object, "hash", info->hash, sizeof(info->hash));
	info->pid = get_number(object, "pid");
	info->status = get_number(object, "status");
	info->events = get_number(object, "events");
	json_decref(object);
	return 0;
}

/* -------------------------------------------------------------- writing -- */

static void put_string(struct jtext *text, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	jtext_putf(text, ",\n  \"%s\": \"", name);
	jtext_escaped(text, value, strlen(value));
	jtext_puts(text, "\"");
}

static void put_number(struct jtext *text, const char *name, int64_t value)
{
	if (value >= 0)
		jtext_putf(text, ",\n  \"%s\": %" PRId64, name, value);
}

static void put_time(struct jtext *text, const char *name,
		     const struct timespec *time)
{
	jtext_putf(text, ",\n  \"%s\": \"", name);
	jtext_time(text, time);
	jtext_puts(text, "\"");
}

static void put_info(struct jtext *text, const struct session_files *files,
		     const struct session_info *info)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	jtext_putf(text, "{\n  \"id\": \"%s\"", files->id);
	put_string(text, "program", info->program);
	put_string(text, "project", info->project);
	put_string(text, "runtime", files->runtime_path);
	put_number(text, "pid", info->pid);
	put_time(text, "started", &files->started);
	if (info->status >= 0)
		put_time(text, "ended", &now);
	put_number(text, "status", info->status);
	put_number(text, "events", info->events);
	put_string(text, "hash", info->hash);
	jtext_puts(text, "\n}\n");
}

static int write_new(int state, const char *name, const struct jtext *text,
		     bool sync)
{
	auto_fd fd = -1;

	/* What a write that was cut short left; only the owner gets here. */
	if (unlinkat(state, name, 0) && errno != ENOENT)
		return -errno;
	fd = openat(state, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < text->length;) {
		ssize_t n = write(fd, text->bytes + done, text->length - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return sync && fdatasync(fd) ? -errno : 0;
}

int sessions_describe_begin(const struct session_files *files,
			    const struct session_info *info)
{
	auto_free char *bytes = malloc(FILE_MAX);
	struct jtext text = {.bytes = bytes, .size = FILE_MAX - 1};

	if (!bytes)
		return -ENOMEM;
	put_info(&text, files, info);
	if (text.full)
		return -EFBIG;
	/* A start does not wait for the disk; what is kept is synced at the
	 * end. */
	return write_new(files->state_fd, NAME ".new", &text,
			 info->status >= 0);
}

int sessions_describe_end(const struct session_files *files)
{
	return renameat(files->state_fd, NAME ".new", files->state_fd, NAME)
		       ? -errno
		       : 0;
}

int sessions_describe(const struct session_files *files,
		      const struct session_info *info)
{
	int error = sessions_describe_begin(files, info);

	return error ? error : sessions_describe_end(files);
}
