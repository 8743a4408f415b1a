#include "supervisor/net/secret_source.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "policy/scope.h"
#include "supervisor/net/locked.h"
#include "supervisor/net/outside.h"
#include "supervisor/net/secret_aws.h"
#include "supervisor/net/secrets.h"
#include "supervisor/virtual/tree.h"

enum { FILE_MOST = 256 * 1024, COMMAND_MILLISECONDS = 60 * 1000 };

/* What is read, in locked memory. */
struct content {
	char *bytes;
	size_t length;
};

/* Until there is something to read; at the start, however long that takes. */
static int await(int fd, int wake, int milliseconds)
{
	struct pollfd fds[] = {{fd, POLLIN, 0}, {wake, POLLIN, 0}};
	int ready;

	do {
		ready = poll(fds, 2, wake < 0 ? -1 : milliseconds);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	return ready == 0 ? -ETIMEDOUT : fds[1].revents ? -ECANCELED : 0;
}

static int read_all(int fd, int wake, struct content *content)
{
	content->bytes = locked_new(FILE_MOST + 1);
	content->length = 0;
	if (!content->bytes)
		return -ENOMEM;
	for (;;) {
		int error = await(fd, wake, COMMAND_MILLISECONDS);

		if (error)
			return error;
		ssize_t got = read(fd, content->bytes + content->length,
				   FILE_MOST - content->length);

		if (got == 0)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			content->length += (size_t)got;
		if (content->length == FILE_MOST)
			return -E2BIG;
	}
}

static void content_clear(struct content *content)
{
	locked_free(content->bytes, FILE_MOST + 1);
	content->bytes = NULL;
}

int secret_source_take(const char *bytes, size_t length,
		       struct secret_record *record)
{
	while (length && strchr(" \t\r\n", bytes[length - 1]))
		length--;
	if (length > SECRET_VALUE_MOST)
		return -E2BIG;
	if (length < 8)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
			return -EINVAL;
	memcpy(record->value, bytes, length);
	record->value_length = (uint32_t)length;
	return 0;
}

/* ------------------------------------------------------------------- keys --
 */

json_t *secret_source_find(json_t *object, const char *key)
{
	json_t *found = json_object_get(object, key);
	const char *dot = strchr(key, '.');

	if (found || !dot)
		return found;
	auto_free char *first = strndup(key, (size_t)(dot - key));

	return first ? secret_source_find(json_object_get(object, first),
					  dot + 1)
		     : NULL;
}

static int take_json(const struct content *content, const char *key,
		     struct secret_record *record)
{
	json_t *root = json_loadb(content->bytes, content->length,
				  JSON_REJECT_DUPLICATES, NULL);
	json_t *value = root ? secret_source_find(root, key) : NULL;
	/* Half a file has no key either, but may have one soon. */
	int error = root ? -ENOENT : -EBADMSG;

	if (json_is_string(value)) {
		char *text = (char *)json_string_value(value);

		error = secret_source_take(text, json_string_length(value),
					   record);
		OPENSSL_cleanse(text, json_string_length(value));
	}
	json_decref(root);
	return error;
}

/* `KEY=VALUE`, `KEY = VALUE`, `KEY: VALUE`, `export KEY=VALUE`; quotes around
 * the value are no part of it. */
static bool take_line(const char *line, size_t length, const char *key,
		      const char **value, size_t *value_length)
{
	size_t size = strlen(key);

	while (length && (*line == ' ' || *line == '\t'))
		line++, length--;
	if (length > 7 && memcmp(line, "export ", 7) == 0)
		line += 7, length -= 7;
	if (length <= size || memcmp(line, key, size) != 0)
		return false;
	line += size;
	length -= size;
	while (length && (*line == ' ' || *line == '\t'))
		line++, length--;
	if (!length || (*line != '=' && *line != ':'))
		return false;
	line++;
	length--;
	while (length && (*line == ' ' || *line == '\t'))
		line++, length--;
	while (length && strchr(" \t\r", line[length - 1]))
		length--;
	if (length >= 2 && (*line == '"' || *line == '\'') &&
	    line[length - 1] == *line)
		line++, length -= 2;
	*value = line;
	*value_length = length;
	return true;
}

static int take_key(const struct content *content, const char *key,
		    struct secret_record *record)
{
	const char *at = content->bytes, *end = at + content->length;

	if (content->length && *at == '{')
		return take_json(content, key, record);
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((line_end ?: end) - at);
		const char *value;
		size_t value_length;

		if (take_line(at, length, key, &value, &value_length))
			return secret_source_take(value, value_length, record);
		at += length + 1;
	}
	return -ENOENT;
}

/* ---------------------------------------------------------------- sources --
 */

/* The secret, or its parts, that are read into records. */
struct taking {
	const struct policy_secret *secret;
	struct secret_record *records;
	size_t *count;
};

static bool is_aws(const struct policy_secret *secret)
{
	return secret->place && strcmp(secret->place, "aws") == 0;
}

static int from_env(const struct taking *taking)
{
	const char *name = taking->secret->from, *value = getenv(name);

	if (is_aws(taking->secret))
		return secret_aws_env(name, taking->records, taking->count);
	return value && *value ? secret_source_take(value, strlen(value),
						    taking->records)
			       : -ENOENT;
}

static int from_content(const struct taking *taking,
			const struct content *content)
{
	const char *key = taking->secret->key;

	if (is_aws(taking->secret))
		return secret_aws_take(content->bytes, content->length, key,
				       taking->records, taking->count);
	return key ? take_key(content, key, taking->records)
		   : secret_source_take(content->bytes, content->length,
					taking->records);
}

static int from_file(const struct taking *taking)
{
	struct content content = {0};
	auto_fd fd =
		open(taking->secret->from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int error = fd < 0 ? -errno : read_all(fd, -1, &content);

	if (!error)
		error = from_content(taking, &content);
	content_clear(&content);
	return error;
}

/* The file that PATH finds for the first word of a command, or NULL. */
static char *find_program(const char *word)
{
	const char *path = getenv("PATH") ?: "/usr/bin:/bin";

	if (strchr(word, '/'))
		return realpath(word, NULL);
	while (*path) {
		size_t length = strcspn(path, ":");
		auto_free char *file = NULL;

		if (asprintf(&file, "%.*s/%s", (int)length, path, word) < 0) {
			file = NULL;
			return NULL;
		}
		if (*file == '/' && access(file, X_OK) == 0)
			return realpath(file, NULL);
		path += length + (path[length] == ':');
	}
	return NULL;
}

/*
 * Could the session have changed what the command is? Every word of it that is
 * the name of a file is looked at, the first one also by PATH. What is no plain
 * list of words could hide one, and is refused.
 */
static int check_command(const char *command,
			 bool (*writable)(void *context, const char *path),
			 void *context)
{
	auto_free char *copy = strdup(command);
	char *rest = copy, *word;
	bool first = true;

	if (!copy)
		return -ENOMEM;
	if (strpbrk(command, "\n;&|<>()$`\\\"'*?[]#~{}!"))
		return -EPERM;
	while ((word = strsep(&rest, " \t"))) {
		auto_free char *file = NULL;

		if (!*word)
			continue;
		if (first && strchr(word, '='))
			return -EPERM;
		file = first ? find_program(word) : realpath(word, NULL);
		if (first && !file)
			return -ENOENT;
		first = false;
		if (!file)
			continue;
		if (writable(context, file))
			return -EPERM;
		/* What lies beside it may be replaced with it. */
		char *slash = strrchr(file, '/');

		slash[slash == file] = '\0';
		if (writable(context, file))
			return -EPERM;
	}
	return first ? -EINVAL : 0;
}

static int from_command(const struct taking *taking,
			const struct secret_reader *reader)
{
	const struct policy_secret *secret = taking->secret;
	struct content content = {0};
	struct outside run;
	int error =
		check_command(secret->from, reader->writable, reader->context);

	if (!error)
		error = outside_start(secret->from, reader->wake >= 0, &run);
	if (error)
		return error;
	error = read_all(run.out, reader->wake, &content);
	int ended = outside_end(&run, error != 0);

	if (!error)
		error = ended;
	if (!error)
		error = from_content(taking, &content);
	content_clear(&content);
	return error;
}

static const char *explain(const struct policy_secret *secret, int error)
{
	switch (error) {
	case -EPERM:
		return "the session could change what the command runs, or it "
		       "is more than a program and plain words";
	case -EINVAL:
		return "it is shorter than eight characters, or has control "
		       "characters in it";
	case -E2BIG:
		return "it is too long";
	case -ENOMEM:
		return "memory for it cannot be locked (see `ulimit -l`)";
	case -EBADMSG:
		return "what begins with { there is no JSON";
	case -ECHILD:
		return "the command failed";
	case -ETIMEDOUT:
		return "the command took longer than a minute";
	case -ENOENT:
		return is_aws(secret) ? "no AWS key with its id is there"
		       : secret->source == SECRET_FROM_ENV
			       ? "the variable is not set"
		       : secret->source == SECRET_FROM_COMMAND
			       ? "there is no such program"
		       : access(secret->from, F_OK) == 0
			       ? "the file has no such key"
			       : "the file is not there";
	default:
		return strerror(-error);
	}
}

int secret_source_read(const struct policy_secret *secret,
		       const struct secret_reader *reader,
		       struct secret_record *records, size_t *count,
		       const char **why)
{
	const struct taking taking = {secret, records, count};
	int error;

	*count = 1;
	switch (secret->source) {
	case SECRET_FROM_ENV:
		error = from_env(&taking);
		break;
	case SECRET_FROM_FILE:
		error = from_file(&taking);
		break;
	default:
		error = from_command(&taking, reader);
	}
	if (error)
		*why = explain(secret, error);
	return error;
}

/* ---------------------------------------------------------------- storing --
 */

/* The content with the old value replaced, to a file beside it. */
static int write_beside(int fd, const struct content *content,
			const struct secret_record *old, const char *value,
			size_t length)
{
	const char *at = content->bytes, *end = at + content->length, *found;

	while ((found = memmem(at, (size_t)(end - at), old->value,
			       old->value_length))) {
		int error = tree_write_all(fd, at, (size_t)(found - at));

		if (!error)
			error = tree_write_all(fd, value, length);
		if (error)
			return error;
		at = found + old->value_length;
	}
	return tree_write_all(fd, at, (size_t)(end - at));
}

static int replace(const char *path, const struct content *content,
		   const struct stat *status, const struct secret_record *old,
		   const char *value, size_t length)
{
	auto_free char *beside = NULL;

	if (asprintf(&beside, "%s.interpose.%d", path, getpid()) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	(void)unlink(beside);
	auto_fd fd =
		open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int error =
		fd < 0 ? -errno : write_beside(fd, content, old, value, length);

	if (!error && geteuid() == 0 &&
	    fchown(fd, status->st_uid, status->st_gid))
		error = -errno;
	if (!error && (fchmod(fd, status->st_mode & 07777) || fsync(fd) ||
		       rename(beside, path)))
		error = -errno;
	if (error && fd >= 0)
		(void)unlink(beside);
	return error;
}

/* As it stands between the quotes of JSON, and in a line. */
static bool is_plain(const char *value, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (value[i] <= ' ' || value[i] > '~' || value[i] == '"' ||
		    value[i] == '\\' || value[i] == '\'')
			return false;
	return length >= 8 && length <= SECRET_VALUE_MOST;
}

int secret_source_store(const struct policy_secret *secret, const char *value,
			size_t length)
{
	const size_t size = sizeof(struct secret_record);
	auto_free char *path = realpath(secret->from, NULL);
	auto_fd fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct secret_record *old;
	struct content content = {0};
	struct stat status;

	if (!is_plain(value, length))
		return -EINVAL;
	if (fd < 0 || fstat(fd, &status))
		return -errno;
	old = locked_new(size);
	int error = old ? read_all(fd, -1, &content) : -ENOMEM;

	if (!error)
		error = take_key(&content, secret->key, old);
	if (!error)
		error = replace(path, &content, &status, old, value, length);
	content_clear(&content);
	locked_free(old, size);
	return error;
}

void secret_source_revoke(const struct policy_secret *secret)
{
	/* Its output is not for the terminal of a program that may still be
	 * drawn on; a failure is. */
	if (system(secret->revoke) != 0)
		fprintf(stderr,
			"interpose: the command that revokes the "
			"secret %s failed\n",
			secret->name);
}
