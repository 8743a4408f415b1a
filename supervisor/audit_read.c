#include "supervisor/audit_read.h"

#include "policy/scope.h"
#include "supervisor/audit_line.h"
#include "supervisor/jtext.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BUFFER_MIN = 64 * 1024 };

struct audit_reader {
	int fd;
	struct audit_chain chain;
	uint64_t line;
	bool skipping; /* within a line that is too long */
	/* Read, and not yet given out: [start, end). */
	char *buffer;
	size_t size, start, end;
	/* The strings of the entry: at most as many bytes as the line has. */
	char *strings;
	size_t strings_size, strings_used;
	/* Which lines are read at all; NULL: all. */
	bool (*wanted)(void *context, const char *line, size_t length);
	void *wanted_context;
};

int audit_reader_new(int fd, struct audit_reader **reader)
{
	struct audit_reader *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->fd = fd;
	made->size = BUFFER_MIN;
	made->buffer = malloc(made->size);
	if (!made->buffer) {
		audit_reader_free(made);
		return -ENOMEM;
	}
	audit_chain_init(&made->chain);
	*reader = made;
	return 0;
}

void audit_reader_free(struct audit_reader *reader)
{
	if (!reader)
		return;
	free(reader->buffer);
	free(reader->strings);
	free(reader);
}

void audit_reader_pass_over(struct audit_reader *reader,
			    bool (*wanted)(void *context, const char *line,
					   size_t length),
			    void *context)
{
	reader->wanted = wanted;
	reader->wanted_context = context;
}

const struct audit_head *audit_reader_head(const struct audit_reader *reader)
{
	return &reader->chain.head;
}

size_t audit_reader_rest(const struct audit_reader *reader)
{
	return reader->end - reader->start + reader->skipping;
}

static void __attribute__((format(printf, 2, 3)))
broken(struct audit_entry *entry, const char *format, ...)
{
	va_list list;

	/* The first cause is the one that explains the others. */
	if (entry->result == AUDIT_READ_BROKEN)
		return;
	entry->result = AUDIT_READ_BROKEN;
	va_start(list, format);
	vsnprintf(entry->cause, sizeof(entry->cause), format, list);
	va_end(list);
}

/* --------------------------------------------------------------- fields -- */

/* What is being read of a line. */
struct parse {
	struct audit_reader *reader;
	struct audit_entry *entry;
	bool wrong;
};

static void wrong_field(struct parse *parse, const char *name)
{
	parse->wrong = true;
	broken(parse->entry, "has a field %s of a wrong form", name);
}

/* A string member, or NULL where it is absent. */
static const char *get_string(struct parse *parse, const json_t *object,
			      const char *name)
{
	const json_t *value = json_object_get(object, name);
	struct audit_reader *reader = parse->reader;
	char *out = reader->strings + reader->strings_used;

	if (!value)
		return NULL;
	if (!json_is_string(value)) {
		wrong_field(parse, name);
		return NULL;
	}
	reader->strings_used += jtext_bytes(value, out) + 1;
	return out;
}

/* A number member, or `absent`. */
static int64_t get_number(struct parse *parse, const json_t *object,
			  const char *name, int64_t absent, int64_t most)
{
	const json_t *value = json_object_get(object, name);
	int64_t number = json_integer_value(value);

	if (!value)
		return absent;
	if (json_is_integer(value) && number >= 0 && number <= most)
		return number;
	wrong_field(parse, name);
	return absent;
}

/* A member that is an object, or NULL. */
static const json_t *get_object(struct parse *parse, const json_t *object,
				const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (value && !json_is_object(value)) {
		wrong_field(parse, name);
		return NULL;
	}
	return value;
}

/* An array of strings, each ended by NUL, and their bytes; or NULL. */
static const char *get_list(struct parse *parse, const json_t *object,
			    const char *name, size_t *length)
{
	struct audit_reader *reader = parse->reader;
	const json_t *value = json_object_get(object, name);
	char *start = reader->strings + reader->strings_used, *at = start;

	*length = 0;
	if (!value)
		return NULL;
	if (!json_is_array(value)) {
		wrong_field(parse, name);
		return NULL;
	}
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *element = json_array_get(value, i);

		if (!json_is_string(element)) {
			wrong_field(parse, name);
			return NULL;
		}
		at += jtext_bytes(element, at) + 1;
	}
	*length = (size_t)(at - start);
	reader->strings_used += *length;
	return start;
}

static void get_lists(struct parse *parse, const json_t *object)
{
	struct audit_record *record = &parse->entry->record;

	record->argv = get_list(parse, object, "argv", &record->argv_length);
	record->stack = get_list(parse, object, "stack", &record->stack_length);
}

static void get_event(struct parse *parse, const json_t *object)
{
	const char *event = get_string(parse, object, "event");
	const char *by = get_string(parse, object, "by");
	struct audit_record *record = &parse->entry->record;
	unsigned i;

	for (i = 0; i < AUDIT_EVENT_COUNT; i++)
		if (event && !strcmp(event, audit_event_name(i)))
			break;
	if (i == AUDIT_EVENT_COUNT)
		wrong_field(parse, "event");
	else
		record->event = i;
	if (!by)
		return;
	for (i = AUDIT_BY_NONE + 1; i < AUDIT_BY_COUNT; i++)
		if (!strcmp(by, audit_by_name(i)))
			break;
	if (i == AUDIT_BY_COUNT)
		wrong_field(parse, "by");
	else
		record->by = i;
}

static void get_strings(struct parse *parse, const json_t *object)
{
	struct audit_record *record = &parse->entry->record;
	const json_t *rule = get_object(parse, object, "rule");
	const json_t *served = get_object(parse, object, "served");

	record->exe = get_string(parse, object, "exe");
	record->cwd = get_string(parse, object, "cwd");
	record->call = get_string(parse, object, "call");
	record->action = get_string(parse, object, "action");
	record->subject = get_string(parse, object, "subject");
	record->verdict = get_string(parse, object, "verdict");
	record->secret = get_string(parse, object, "secret");
	record->message = get_string(parse, object, "message");
	record->rule_file = get_string(parse, rule, "file");
	record->rule_text = get_string(parse, rule, "text");
	record->rule_line =
		(unsigned)get_number(parse, rule, "line", 0, UINT_MAX);
	record->served_errno = get_string(parse, served, "errno");
	record->served_fake = get_string(parse, served, "fake");
	record->served_address = get_string(parse, served, "address");
	record->served_fd = (int)get_number(parse, served, "fd", -1, INT_MAX);
}

static void get_numbers(struct parse *parse, const json_t *object)
{
	struct audit_record *record = &parse->entry->record;

	record->pid = (pid_t)get_number(parse, object, "pid", 0, INT_MAX);
	record->tid = (pid_t)get_number(parse, object, "tid", 0, INT_MAX);
	record->ppid = (pid_t)get_number(parse, object, "ppid", 0, INT_MAX);
	record->argv_more =
		(unsigned)get_number(parse, object, "argv_more", 0, UINT_MAX);
	record->count = get_number(parse, object, "count", 0, INT64_MAX);
	record->bytes_out =
		get_number(parse, object, "bytes_out", -1, INT64_MAX);
	record->bytes_in = get_number(parse, object, "bytes_in", -1, INT64_MAX);
	record->ms = get_number(parse, object, "ms", -1, INT64_MAX);
	record->cpu_ms = get_number(parse, object, "cpu_ms", -1, INT64_MAX);
	record->status = (int)get_number(parse, object, "status", -1, INT_MAX);
}

int audit_time_parse(const char *text, struct timespec *time)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	long nanoseconds = 0, unit = 100000000;

	if (!rest)
		return -EINVAL;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			nanoseconds += (*rest - '0') * unit;
			unit /= 10;
		}
	if (strcmp(rest, "Z") != 0)
		return -EINVAL;
	time->tv_sec = timegm(&tm);
	time->tv_nsec = nanoseconds;
	return 0;
}

/* Fill the entry from its text. Returns 0 or -ENOMEM. */
static int parse_line(struct audit_reader *reader, struct audit_entry *entry)
{
	struct parse parse = {.reader = reader, .entry = entry};
	const char *time;
	json_t *object;
	int error;

	if (entry->length >= reader->strings_size) {
		free(reader->strings);
		reader->strings_size = entry->length + 1;
		reader->strings = malloc(reader->strings_size);
		if (!reader->strings) {
			reader->strings_size = 0;
			return -ENOMEM;
		}
	}
	reader->strings_used = 0;
	error = jtext_load(entry->text, entry->length, &object);
	if (error) {
		broken(entry, "is not JSON");
		return error == -ENOMEM ? error : 0;
	}
	entry->seq = (uint64_t)get_number(&parse, object, "seq", 0, INT64_MAX);
	if (!entry->seq)
		wrong_field(&parse, "seq");
	time = get_string(&parse, object, "time");
	if (!time || audit_time_parse(time, &entry->time))
		wrong_field(&parse, "time");
	get_event(&parse, object);
	get_strings(&parse, object);
	get_numbers(&parse, object);
	get_lists(&parse, object);
	json_decref(object);
	entry->readable = !parse.wrong;
	return 0;
}

/* ---------------------------------------------------------------- chain -- */

/* Are here 64 digits between these texts? Returns the first one, or NULL. */
static const char *find_hash(const char *text, const char *before,
			     const char *after)
{
	size_t length = strlen(before);

	if (strncmp(text, before, length) != 0)
		return NULL;
	text += length;
	if (strspn(text, "0123456789abcdef") < AUDIT_HASH_LENGTH ||
	    strncmp(text + AUDIT_HASH_LENGTH, after, strlen(after)) != 0)
		return NULL;
	return text;
}

static void check_order(const struct audit_head *head, const char *prev,
			struct audit_entry *entry)
{
	uint64_t due = head->events + 1;

	/* A line that has none is broken for that already. */
	if (!entry->seq)
		return;
	if (entry->seq > due)
		broken(entry,
		       "has the number %" PRIu64 ": %" PRIu64
		       " before it are missing",
		       entry->seq, entry->seq - due);
	else if (entry->seq < due)
		broken(entry,
		       "is out of order: it has the number %" PRIu64
		       ", due was %" PRIu64,
		       entry->seq, due);
	else if (memcmp(prev, head->hash, AUDIT_HASH_LENGTH) != 0)
		broken(entry, "does not follow the line before it, which was "
			      "changed or replaced");
}

/*
 * Compare a line with its own hash and with the one before. The text ends with
 * a NUL here.
 */
static int check_line(struct audit_reader *reader, struct audit_entry *entry)
{
	enum { PREV = 9 + AUDIT_HASH_LENGTH + 1 };
	struct audit_head *head = &reader->chain.head;
	char computed[AUDIT_HASH_LENGTH + 1];
	const char *hash = NULL, *prev = NULL, *seal;

	if (entry->length > AUDIT_SEAL_LENGTH + PREV) {
		seal = entry->text + entry->length - AUDIT_SEAL_LENGTH;
		hash = find_hash(seal, ",\"hash\":\"", "\"}");
		prev = find_hash(seal - PREV, ",\"prev\":\"", "\"");
	}
	if (!hash || !prev) {
		broken(entry, "does not end with its hashes");
		head->events = entry->seq ? entry->seq : head->events + 1;
		return 0;
	}
	audit_chain_hash(entry->text, entry->length - AUDIT_SEAL_LENGTH,
			 computed);
	if (memcmp(hash, computed, AUDIT_HASH_LENGTH) != 0)
		broken(entry, "was changed: its hash does not fit it");
	check_order(head, prev, entry);
	head->events = entry->seq ? entry->seq : head->events + 1;
	memcpy(head->hash, hash, AUDIT_HASH_LENGTH);
	return 0;
}

/* -------------------------------------------------------------- reading -- */

/* Make room in the buffer. Returns false where the line is too long. */
static bool make_room(struct audit_reader *reader, int *error)
{
	size_t size = reader->size * 2;
	char *grown;

	*error = 0;
	if (reader->start) {
		memmove(reader->buffer, reader->buffer + reader->start,
			reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	if (reader->end < reader->size)
		return true;
	if (reader->size >= AUDIT_LINE_MAX)
		return false;
	if (size > AUDIT_LINE_MAX)
		size = AUDIT_LINE_MAX;
	grown = realloc(reader->buffer, size);
	if (!grown) {
		*error = -ENOMEM;
		return true;
	}
	reader->buffer = grown;
	reader->size = size;
	return true;
}

/*
 * Find the next newline, reading as needed. `newline` is NULL at the end of
 * the file. What is too long for a line is dropped as it is read.
 */
static int find_newline(struct audit_reader *reader, char **newline)
{
	size_t seen = reader->start;
	ssize_t n;
	int error;

	for (;;) {
		*newline =
			memchr(reader->buffer + seen, '\n', reader->end - seen);
		if (*newline)
			return 0;
		if (!make_room(reader, &error)) {
			reader->skipping = true;
			reader->start = reader->end = 0;
		}
		if (error)
			return error;
		seen = reader->end;
		n = read(reader->fd, reader->buffer + reader->end,
			 reader->size - reader->end);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		reader->end += n > 0 ? (size_t)n : 0;
	}
}

/* Find the next line that is read. */
static int find_line(struct audit_reader *reader, char **newline)
{
	int error;

	for (;;) {
		const char *line;

		error = find_newline(reader, newline);
		if (error || !*newline || !reader->wanted || reader->skipping)
			return error;
		line = reader->buffer + reader->start;
		if (reader->wanted(reader->wanted_context, line,
				   (size_t)(*newline - line)))
			return 0;
		reader->line++;
		reader->start = (size_t)(*newline + 1 - reader->buffer);
	}
}

int audit_reader_next(struct audit_reader *reader, struct audit_entry *entry)
{
	char *newline;
	int error = find_line(reader, &newline);
	bool malformed;

	memset(entry, 0, sizeof(*entry));
	entry->result = AUDIT_READ_END;
	audit_record_init(&entry->record, AUDIT_ERROR);
	if (error || !newline)
		return error;
	entry->result = AUDIT_READ_LINE;
	entry->line = ++reader->line;
	entry->text = reader->buffer + reader->start;
	entry->length = (size_t)(newline - entry->text);
	*newline = '\0';
	reader->start = (size_t)(newline + 1 - reader->buffer);
	if (reader->skipping) {
		reader->skipping = false;
		reader->chain.head.events++;
		entry->length = 0;
		broken(entry, "is longer than a line of a log can be");
		return 0;
	}
	error = parse_line(reader, entry);
	if (error || reader->wanted)
		return error;
	/* Where both find a fault, the chain has the better words for it. */
	malformed = entry->result == AUDIT_READ_BROKEN;
	entry->result = AUDIT_READ_LINE;
	error = check_line(reader, entry);
	if (malformed)
		entry->result = AUDIT_READ_BROKEN;
	return error;
}
