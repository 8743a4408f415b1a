#include "supervisor/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/arena.h"
#include "policy/names.h"
#include "policy/scope.h"
#include "supervisor/audit.h"
#include "supervisor/jtext.h"

enum {
	CHUNK = 1024 * 1024,
	FIRST_SLOTS = 4096,
	/* `,"prev":"` 64 `","hash":"` 64 `"}` */
	SEAL = 9 + AUDIT_HASH_LENGTH + 1 + 9 + AUDIT_HASH_LENGTH + 2,
};

/* Where the events of one kind of line stand: an exec may be two. */
struct slot {
	uint64_t hash;
	const char *kind; /* what is the same in all lines of it, an object */
	size_t length;
	bool is_exec;
	size_t first, events;
};

struct history {
	struct arena arena;
	struct observation *observations;
	size_t count, capacity;
	struct slot *slots;
	size_t slot_count, used;
	uint64_t events, malformed;
};

struct history *history_new(void)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return NULL;
	history->slots = calloc(FIRST_SLOTS, sizeof(*history->slots));
	history->slot_count = FIRST_SLOTS;
	if (!history->slots) {
		free(history);
		return NULL;
	}
	return history;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	arena_clear(&history->arena);
	free(history->observations);
	free(history->slots);
	free(history);
}

size_t history_count(const struct history *history)
{
	return history->count;
}

const struct observation *history_at(const struct history *history,
				     size_t index)
{
	return &history->observations[index];
}

uint64_t history_events(const struct history *history)
{
	return history->events;
}

uint64_t history_malformed(const struct history *history)
{
	return history->malformed;
}

/* ---------------------------------------------------------------- lines -- */

static uint64_t hash_bytes(const char *bytes, size_t length)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = length * odd, word;

	for (; length >= sizeof(word); length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * odd;
		hash ^= hash >> 29;
		bytes += sizeof(word);
	}
	word = 0;
	memcpy(&word, bytes, length);
	hash = (hash ^ word) * odd;
	return hash ^ hash >> 32;
}

static const char *copy_string(struct history *history, const json_t *object,
			       const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return NULL;
	size_t length = json_string_length(value);
	char *copy = arena_alloc(&history->arena, length + 1);

	if (copy)
		jtext_bytes(value, copy);
	return copy;
}

static int add(struct history *history, const struct observation *made)
{
	if (history->count == history->capacity) {
		size_t capacity =
			history->capacity ? history->capacity * 2 : 1024;
		struct observation *grown = reallocarray(
			history->observations, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		history->observations = grown;
		history->capacity = capacity;
	}
	history->observations[history->count++] = *made;
	return 0;
}

/* Returns 0, -ENOMEM, or -EINVAL where an argument is no string. */
static int copy_argv(struct history *history, const json_t *object,
		     const char ***copied, size_t *count)
{
	const json_t *array = json_object_get(object, "argv");
	size_t size = json_array_size(array);
	const char **argv =
		arena_alloc(&history->arena, (size + 2) * sizeof(*argv));

	for (size_t i = 0; argv && i < size; i++) {
		const json_t *value = json_array_get(array, i);
		char *copy;

		if (!json_is_string(value))
			return -EINVAL;
		copy = arena_alloc(&history->arena,
				   json_string_length(value) + 1);
		if (!copy)
			return -ENOMEM;
		jtext_bytes(value, copy);
		argv[i] = copy;
	}
	*copied = argv;
	*count = size;
	return argv ? 0 : -ENOMEM;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* An exec is one decision about the file; for a script, with the arguments
 * after its own name, and another one about what interprets it. */
static int add_exec(struct history *history, const json_t *object,
		    struct observation *made)
{
	size_t argc = 0, script = 0;
	const char **argv = NULL;
	const char *exe = made->exe;
	int error = copy_argv(history, object, &argv, &argc);

	if (error)
		return error;
	/* The event's program is the one that starts, not who asked. */
	made->exe = NULL;
	made->argv = argv;
	made->argc = argc;
	if (!exe || strcmp(exe, made->subject) == 0)
		return add(history, made);
	for (size_t i = 1; i < argc && !script; i++)
		if (strcmp(base_name(argv[i]), base_name(made->subject)) == 0)
			script = i;
	struct observation interpreter = *made;

	interpreter.subject = exe;
	interpreter.verdict = VERDICT_ALLOW;
	interpreter.rule = NULL;
	made->argv += script;
	made->argc -= script;
	error = add(history, made);
	return error ? error : add(history, &interpreter);
}

/* Read an event of a kind that was not seen before: the kind, as an object of
 * its own. -EINVAL: not readable. */
static int learn_kind(struct history *history, bool is_exec, const char *kind,
		      size_t length)
{
	struct observation made = {0};
	json_t *object = NULL;
	int error = jtext_load(kind, length, &object);

	if (error)
		return error;
	const json_t *rule = json_object_get(object, "rule");
	const char *by = copy_string(history, object, "by");
	const char *action = copy_string(history, object, "action");
	const char *verdict = copy_string(history, object, "verdict");
	int action_index =
		action ? word_index(action_words, action, strlen(action)) : -1;
	int verdict_index =
		verdict ? word_index(verdict_words, verdict, strlen(verdict))
			: -1;

	made.exe = copy_string(history, object, "exe");
	made.subject = copy_string(history, object, "subject");
	made.rule = copy_string(history, rule, "text");
	made.dry_run = by && strcmp(by, "dry-run") == 0;
	made.action = (enum action)action_index;
	made.verdict = (enum verdict)verdict_index;
	made.own = made.action == ACTION_CONNECT && made.rule &&
		   strstr(made.rule, " self");

	if (action_index < 0 || verdict_index < 0 || !made.subject)
		error = -EINVAL;
	else if (is_exec)
		error = add_exec(history, object, &made);
	else if (made.action == ACTION_EXEC && made.dry_run)
		error = 0; /* its exec event says it, with the arguments */
	else if (made.action == ACTION_ENV && json_object_get(object, "call"))
		error = 0; /* names that could steer a program: no rule's */
	else
		error = add(history, &made);
	json_decref(object);
	return error;
}

static int grow(struct history *history)
{
	size_t count = history->slot_count * 2;
	struct slot *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < history->slot_count; i++) {
		size_t at = history->slots[i].hash & (count - 1);

		if (!history->slots[i].kind)
			continue;
		while (slots[at].kind)
			at = (at + 1) & (count - 1);
		slots[at] = history->slots[i];
	}
	free(history->slots);
	history->slots = slots;
	history->slot_count = count;
	return 0;
}

/* `kind` is the part of a line that is the same whenever it happens. */
static int count_kind(struct history *history, bool is_exec, const char *kind,
		      size_t length)
{
	uint64_t hash = hash_bytes(kind, length);
	size_t mask = history->slot_count - 1, at = hash & mask;
	struct slot *slot;

	while ((slot = &history->slots[at])->kind) {
		if (slot->hash == hash && slot->length == length &&
		    slot->is_exec == is_exec &&
		    memcmp(slot->kind, kind, length) == 0)
			break;
		at = (at + 1) & mask;
	}
	if (!slot->kind) {
		size_t first = history->count;
		char *copy = arena_copy(&history->arena, kind, length);
		int error = copy ? learn_kind(history, is_exec, kind, length)
				 : -ENOMEM;

		if (error)
			return error;
		*slot = (struct slot){
			.hash = hash,
			.kind = copy,
			.length = length,
			.is_exec = is_exec,
			.first = first,
			.events = history->count - first,
		};
		history->used++;
	}
	for (size_t i = 0; i < slot->events; i++)
		history->observations[slot->first + i].count++;
	return history->used * 2 > history->slot_count ? grow(history) : 0;
}

/* The line is written to. */
static int read_line(struct history *history, char *line, size_t length)
{
	static const char event[] = "\"event\":\"", exe[] = ",\"exe\":\"",
			  action[] = ",\"action\":\"";
	const char *at = memmem(line, length, event, sizeof(event) - 1);
	char *kind;
	int error;

	if (!at || length < SEAL || line[length - 1] != '}') {
		history->malformed++;
		return 0;
	}
	history->events++;
	at += sizeof(event) - 1;
	bool is_exec = strncmp(at, "exec\"", 5) == 0;

	if (!is_exec && strncmp(at, "decision\"", 9) != 0)
		return 0;
	size_t left = length - (size_t)(at - line);

	/* A quote within a string has a backslash before it, so these are
	 * found only where they are fields. */
	kind = memmem(at, left, exe, sizeof(exe) - 1);
	if (!kind)
		kind = memmem(at, left, action, sizeof(action) - 1);
	if (!kind || kind > line + length - SEAL) {
		history->malformed++;
		return 0;
	}
	/* From the comma before its first field to the one before the seal. */
	size_t kind_length = (size_t)(line + length - SEAL - kind) + 1;

	kind[0] = '{';
	kind[kind_length - 1] = '}';
	error = count_kind(history, is_exec, kind, kind_length);
	if (error == -EINVAL) {
		history->malformed++;
		error = 0;
	}
	return error;
}

int history_read(struct history *history, int fd)
{
	size_t size = CHUNK, end = 0;
	char *buffer = malloc(size);
	int error = buffer ? 0 : -ENOMEM;

	while (!error) {
		size_t start = 0;
		ssize_t got = read(fd, buffer + end, size - end - 1);
		char *newline;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			error = got < 0 ? -errno : 0;
			break;
		}
		end += (size_t)got;
		while (!error &&
		       (newline = memchr(buffer + start, '\n', end - start))) {
			*newline = '\0';
			error = read_line(history, buffer + start,
					  (size_t)(newline - buffer) - start);
			start = (size_t)(newline - buffer) + 1;
		}
		memmove(buffer, buffer + start, end - start);
		end -= start;
		if (!error && end > size - CHUNK / 2) {
			char *grown = realloc(buffer, size * 2);

			if (grown) {
				buffer = grown;
				size *= 2;
			} else {
				error = -ENOMEM;
			}
		}
	}
	free(buffer);
	return error;
}

/* ------------------------------------------------------------- questions -- */

static const struct policy_program *program_of(void *context)
{
	return context;
}

static int parse(const struct policy_input *input,
		 const struct observation *seen, struct question *question)
{
	auto_free char *copy = strdup(seen->subject), *message = NULL;
	const char *words[3] = {action_name(seen->action), copy, NULL};
	size_t count = 2;

	if (!copy)
		return -ENOMEM;
	if (seen->action == ACTION_HTTP) {
		char *space = strchr(copy, ' ');

		if (!space)
			return -EINVAL;
		*space = '\0';
		words[count++] = space + 1;
	}
	int error = policy_subject_parse(input, words, count, &question->parsed,
					 &message);

	if (error)
		return error == -ENOMEM ? error : -EINVAL;
	question->query = *policy_subject_query(question->parsed);
	return 0;
}

/* No `.`, `..` or empty component: a log of ours holds no other path, and a rule
 * cannot name one. What does not begin with `/` is no path. */
static bool is_canonical(const char *path)
{
	while (*path == '/' && path[1]) {
		size_t length = strcspn(++path, "/");

		if (length == 0 || (length <= 2 && !strncmp(path, "..", length)))
			return false;
		path += length;
		if (*path && !path[1])
			return false;
	}
	return true;
}

int question_of(const struct policy_input *input,
		const struct observation *seen, struct question *question)
{
	static const struct policy_endpoint file = {.kind = ENDPOINT_UNIX};
	const char *text = seen->subject;

	*question = (struct question){0};
	if (seen->exe && !is_canonical(seen->exe))
		return -EINVAL;
	if (seen->action == ACTION_CONNECT || seen->action == ACTION_LISTEN ||
	    seen->action == ACTION_HTTP) {
		if (strncmp(text, "unix:/", 6) == 0) {
			question->query.endpoint = &file;
			text += 5;
		} else {
			int error = parse(input, seen, question);

			if (error)
				return error;
			text = NULL;
		}
	}
	question->query.action = seen->action;
	if (text) {
		if (!is_canonical(text))
			return -EINVAL;
		question->query.text = text;
		question->query.length = strlen(text);
	}
	if (seen->own && question->parsed) {
		/* The subject's own copy; it lives as long as the question. */
		struct policy_endpoint *endpoint =
			(struct policy_endpoint *)(uintptr_t)
				question->query.endpoint;

		endpoint->own = true;
	}
	question->query.argv = seen->argv;
	question->query.argc = seen->argc;
	question->query.now = time(NULL);
	if (seen->exe) {
		question->program.exe = seen->exe;
		question->query.program = program_of;
		question->query.program_context = &question->program;
	}
	return 0;
}

void question_clear(struct question *question)
{
	policy_subject_free(question->parsed);
	*question = (struct question){0};
}
