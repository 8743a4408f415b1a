#include "supervisor/net/http_head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_token(char c)
{
	return c > ' ' && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool http_text_is(struct http_text text, const char *word)
{
	return text.length == strlen(word) &&
	       strncasecmp(text.at, word, text.length) == 0;
}

static struct http_text trim(struct http_text text)
{
	while (text.length && (*text.at == ' ' || *text.at == '\t')) {
		text.at++;
		text.length--;
	}
	while (text.length && (text.at[text.length - 1] == ' ' ||
			       text.at[text.length - 1] == '\t'))
		text.length--;
	return text;
}

bool http_list_has(struct http_text list, const char *word)
{
	while (list.length) {
		const char *comma = memchr(list.at, ',', list.length);
		size_t length = comma ? (size_t)(comma - list.at) : list.length;

		if (http_text_is(trim((struct http_text){list.at, length}),
				 word))
			return true;
		list.at += length + (comma != NULL);
		list.length -= length + (comma != NULL);
	}
	return false;
}

const struct http_text *http_head_find(const struct http_head *head,
				       const char *name)
{
	for (size_t i = 0; i < head->field_count; i++)
		if (http_text_is(head->fields[i].name, name))
			return &head->fields[i].value;
	return NULL;
}

int http_head_end(const char *bytes, size_t length)
{
	size_t most = length < HTTP_HEAD_MOST ? length : HTTP_HEAD_MOST;
	size_t line = 0;

	for (size_t i = 0; i < most; i++) {
		if (bytes[i] == '\n') {
			if (i == 0 || bytes[i - 1] != '\r')
				return -EBADMSG;
			if (i == line + 1)
				return (int)(i + 1);
			line = i + 1;
		} else if (i && bytes[i - 1] == '\r') {
			return -EBADMSG;
		}
	}
	return length >= HTTP_HEAD_MOST ? -EBADMSG : 0;
}

/* ------------------------------------------------------------------ fields --
 */

static int wrong(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

/* The next line, without its end; false at the empty one. */
static bool next_line(struct http_text *rest, struct http_text *line)
{
	const char *end = memchr(rest->at, '\r', rest->length);

	if (!end)
		return false;
	line->at = rest->at;
	line->length = (size_t)(end - rest->at);
	rest->length -= line->length + 2;
	rest->at = end + 2;
	return line->length > 0;
}

static int read_field(struct http_text line, struct http_field *field,
		      const char **why)
{
	size_t i = 0;

	if (line.at[0] == ' ' || line.at[0] == '\t')
		return wrong(why, "a header goes on in the next line");
	while (i < line.length && is_token(line.at[i]))
		i++;
	if (i == 0 || i == line.length || line.at[i] != ':')
		return wrong(why, "a header's name is none");
	field->name = (struct http_text){line.at, i};
	field->value =
		trim((struct http_text){line.at + i + 1, line.length - i - 1});
	for (i = 0; i < field->value.length; i++) {
		unsigned char c = (unsigned char)field->value.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return wrong(why, "a header has a control character");
	}
	return 0;
}

static int read_length(struct http_text value, uint64_t *length,
		       const char **why)
{
	*length = 0;
	if (value.length == 0 || value.length > 18)
		return wrong(why, "Content-Length is no number");
	for (size_t i = 0; i < value.length; i++) {
		if (!is_digit(value.at[i]))
			return wrong(why, "Content-Length is no number");
		*length = *length * 10 + (uint64_t)(value.at[i] - '0');
	}
	return 0;
}

bool http_names_http(struct http_text list)
{
	static const char *const words[] = {"h2", "http", "tls"};

	for (size_t i = 0; i < list.length; i++)
		for (size_t j = 0; j < sizeof(words) / sizeof(*words); j++) {
			size_t length = strlen(words[j]);

			if (length <= list.length - i &&
			    strncasecmp(list.at + i, words[j], length) == 0)
				return true;
		}
	return false;
}

/* What is known of a head by its fields. */
struct found {
	unsigned lengths, encodings, hosts;
	bool connection_upgrade, upgrade, keep, close;
};

/* What gateways take for a header of the framing (`_` is `-` where headers are
 * variables), and what has them leave one out on the way. */
static bool is_of_gateways(const struct http_field *field)
{
	static const char *const needed[] = {"host", "content-length",
					     "transfer-encoding"};

	if (http_text_is(field->name, "content_length") ||
	    http_text_is(field->name, "transfer_encoding"))
		return true;
	if (!http_text_is(field->name, "connection"))
		return false;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (http_list_has(field->value, needed[i]))
			return true;
	return false;
}

static int take_field(struct http_head *head, const struct http_field *field,
		      struct found *found, const char **why)
{
	if (head->method.length && is_of_gateways(field))
		return wrong(why, "some read its framing, or its Host, as "
				  "another");
	if (http_text_is(field->name, "content-length")) {
		if (found->lengths++)
			return wrong(why, "Content-Length is there twice");
		return read_length(field->value, &head->length, why);
	}
	if (http_text_is(field->name, "transfer-encoding")) {
		if (found->encodings++ ||
		    !http_text_is(field->value, "chunked"))
			return wrong(why, "Transfer-Encoding is not `chunked`");
	} else if (http_text_is(field->name, "host")) {
		if (found->hosts++)
			return wrong(why, "Host is there twice");
		head->host = field->value;
	} else if (http_text_is(field->name, "connection")) {
		found->close |= http_list_has(field->value, "close");
		found->keep |= http_list_has(field->value, "keep-alive");
		found->connection_upgrade |=
			http_list_has(field->value, "upgrade");
	} else if (http_text_is(field->name, "upgrade")) {
		found->upgrade = true;
		head->other_http |= http_names_http(field->value);
	} else if (http_text_is(field->name, "content-encoding") ||
		   http_text_is(field->name, "grpc-encoding") ||
		   http_text_is(field->name, "connect-content-encoding")) {
		head->encoded |= !http_text_is(field->value, "identity");
	} else if (http_text_is(field->name, "sec-websocket-extensions")) {
		head->encoded |= field->value.length > 0;
	}
	return 0;
}

static int read_fields(struct http_head *head, struct http_text rest,
		       struct found *found, const char **why)
{
	struct http_text line;
	int error = 0;

	while (!error && next_line(&rest, &line)) {
		struct http_field *field = &head->fields[head->field_count];

		if (head->field_count == HTTP_FIELDS_MOST)
			return wrong(why, "too many headers");
		error = read_field(line, field, why);
		head->field_count++;
		if (!error)
			error = take_field(head, field, found, why);
	}
	if (error)
		return error;
	if (found->lengths && found->encodings)
		return wrong(why, "both Content-Length and Transfer-Encoding");
	if (found->encodings && head->old)
		return wrong(why, "Transfer-Encoding in HTTP/1.0");
	head->close = found->close || (head->old && !found->keep);
	head->upgrade = found->upgrade && found->connection_upgrade &&
			!head->other_http;
	if (found->encodings)
		head->body = HTTP_BODY_CHUNKED;
	else if (found->lengths)
		head->body = HTTP_BODY_LENGTH;
	return 0;
}

/* ----------------------------------------------------------- first lines -- */

static int read_version(struct http_text text, struct http_head *head,
			const char **why)
{
	if (text.length == 8 && memcmp(text.at, "HTTP/1.1", 8) == 0)
		return 0;
	head->old = true;
	if (text.length == 8 && memcmp(text.at, "HTTP/1.0", 8) == 0)
		return 0;
	return wrong(why, "neither HTTP/1.1 nor HTTP/1.0");
}

static int read_request_line(struct http_text line, struct http_head *head,
			     const char **why)
{
	const char *end = line.at + line.length;
	const char *first = memchr(line.at, ' ', line.length);
	const char *last = memrchr(line.at, ' ', line.length);

	if (!first || first == last)
		return wrong(why, "this is no request");
	head->method = (struct http_text){line.at, (size_t)(first - line.at)};
	head->target =
		(struct http_text){first + 1, (size_t)(last - first - 1)};
	for (size_t i = 0; i < head->method.length; i++)
		if (!is_token(head->method.at[i]))
			return wrong(why, "the method is none");
	if (head->method.length == 0 || head->method.length > 32)
		return wrong(why, "the method is none");
	for (size_t i = 0; i < head->target.length; i++)
		if (head->target.at[i] <= ' ' || head->target.at[i] >= 0x7f ||
		    strchr("\"<>\\^`{|}#", head->target.at[i]))
			return wrong(why, "the path has a byte that is to be "
					  "encoded");
	if (http_text_is(head->method, "connect"))
		return wrong(why, "a tunnel inside a connection");
	if (head->target.length == 0 ||
	    (head->target.at[0] != '/' &&
	     !(http_text_is(head->method, "options") &&
	       http_text_is(head->target, "*"))))
		return wrong(why, "the path does not begin with a slash");
	return read_version(
		(struct http_text){last + 1, (size_t)(end - last - 1)}, head,
		why);
}

/* Not all of it: the fields are written as they are read. */
static void clear(struct http_head *head)
{
	memset(head, 0, offsetof(struct http_head, fields));
	head->field_count = 0;
}

int http_request_read(const char *bytes, size_t length, struct http_head *head,
		      const char **why)
{
	struct http_text rest = {bytes, length}, line;
	struct found found = {0};
	int error;

	clear(head);
	if (!next_line(&rest, &line))
		return wrong(why, "this is no request");
	error = read_request_line(line, head, why);
	if (!error)
		error = read_fields(head, rest, &found, why);
	if (!error && found.hosts != 1)
		return wrong(why, "no Host");
	/* Where the other protocol begins, servers do not agree about. */
	if (!error && found.upgrade && !head->other_http &&
	    (head->body == HTTP_BODY_CHUNKED || head->length))
		return wrong(why, "a request for another protocol has a body");
	return error;
}

static int read_status_line(struct http_text line, struct http_head *head,
			    const char **why)
{
	static const char strange[] = "this is no answer of HTTP/1";

	if (line.length < 12 || line.at[8] != ' ' ||
	    (line.length > 12 && line.at[12] != ' '))
		return wrong(why, strange);
	for (size_t i = 9; i < 12; i++) {
		if (!is_digit(line.at[i]))
			return wrong(why, strange);
		head->status = head->status * 10 + (unsigned)(line.at[i] - '0');
	}
	if (head->status < 100 || head->status > 599)
		return wrong(why, strange);
	if (line.length > 13)
		head->reason =
			(struct http_text){line.at + 13, line.length - 13};
	for (size_t i = 0; i < head->reason.length; i++) {
		unsigned char c = (unsigned char)head->reason.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return wrong(why, strange);
	}
	return read_version((struct http_text){line.at, 8}, head, why);
}

int http_answer_read(const char *bytes, size_t length, bool to_head,
		     struct http_head *head, const char **why)
{
	struct http_text rest = {bytes, length}, line;
	struct found found = {0};
	int error;

	clear(head);
	if (!next_line(&rest, &line))
		return wrong(why, "this is no answer of HTTP/1");
	error = read_status_line(line, head, why);
	if (!error)
		error = read_fields(head, rest, &found, why);
	if (error)
		return error;
	if (to_head || head->status < 200 || head->status == 204 ||
	    head->status == 304)
		head->body = HTTP_BODY_NONE;
	else if (head->body == HTTP_BODY_NONE)
		head->body = HTTP_BODY_CLOSE;
	if (head->body == HTTP_BODY_CLOSE)
		head->close = true;
	return 0;
}

/* ------------------------------------------------------------------ paths --
 */

static int hex(char c)
{
	if (is_digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Does the path have a segment of one or two dots? */
static bool has_dots(const char *path)
{
	while (*path) {
		size_t length = strcspn(path += *path == '/', "/");

		if ((length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return true;
		path += length;
	}
	return false;
}

/* One character of a path, decoded where that changes no meaning: returns how
 * many bytes it had, or -1. `keep`: it stays encoded. */
static int decode(const char *at, size_t left, char *out, bool *keep)
{
	int high, low;

	*keep = false;
	*out = *at;
	if (*at != '%')
		return 1;
	high = left >= 3 ? hex(at[1]) : -1;
	low = left >= 3 ? hex(at[2]) : -1;
	if (high < 0 || low < 0 || high * 16 + low == 0)
		return -1;
	*out = (char)(high * 16 + low);
	*keep = (*out > 0 && *out < ' ') || strchr("/\\%?#\x7f", *out);
	return 3;
}

int http_paths(struct http_text target, char paths[2][HTTP_PATH_MOST],
	       const char **why)
{
	static const char digits[] = "0123456789ABCDEF";
	char *first = paths[0], *second = paths[1];
	size_t length = 0;
	bool parameters = false;

	while (length < target.length && target.at[length] != '?')
		length++;
	if (length >= HTTP_PATH_MOST)
		return wrong(why, "the path is too long");
	for (size_t i = 0; i < length;) {
		bool keep, slash;
		char c;
		int used = decode(target.at + i, length - i, &c, &keep);

		if (used < 0)
			return wrong(why, "the path is wrongly encoded");
		i += (size_t)used;
		slash = c == '/' || c == '\\';
		if (keep) {
			*first++ = '%';
			*first++ = digits[(unsigned char)c / 16];
			*first++ = digits[(unsigned char)c % 16];
		} else {
			*first++ = c;
		}
		/* To some it ends there, to others at the next that is not
		 * encoded. */
		if (parameters && slash && keep)
			return wrong(why, "a parameter of the path has a slash "
					  "in it");
		/* From `;` to the next slash: some servers read on without. */
		parameters = (parameters || c == ';') && !slash;
		if (parameters)
			continue;
		if (slash) {
			if (second == paths[1] || second[-1] != '/')
				*second++ = '/';
		} else if (keep) {
			second = mempcpy(second, first - 3, 3);
		} else {
			*second++ = c;
		}
	}
	*first = *second = '\0';
	if (has_dots(paths[0]) || has_dots(paths[1]))
		return wrong(why, "the path has `.` or `..` in it");
	return strcmp(paths[0], paths[1]) == 0 ? 1 : 2;
}

/* ----------------------------------------------------------------- chunks --
 */

enum {
	CHUNK_SIZE = 0,
	CHUNK_EXTENSION,
	CHUNK_SIZE_END,
	CHUNK_BYTES,
	CHUNK_BYTES_CR,
	CHUNK_BYTES_LF,
	CHUNK_TRAILER_START, /* of a line */
	CHUNK_TRAILER_LINE,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
	CHUNK_OVER,
};

enum { CHUNK_LINE_MOST = 4096, TRAILERS_MOST = 8192 };

static bool take_size(struct http_chunks *chunks, char c)
{
	int digit = hex(c);

	if (digit >= 0) {
		chunks->left = chunks->left * 16 + (unsigned)digit;
		return ++chunks->digits <= 15;
	}
	chunks->state = c == '\r' ? CHUNK_SIZE_END : CHUNK_EXTENSION;
	return chunks->digits && (c == '\r' || c == ';');
}

/* One byte of what is no data. */
static bool take_framing(struct http_chunks *chunks, char c)
{
	switch (chunks->state) {
	case CHUNK_SIZE:
		return take_size(chunks, c);
	case CHUNK_EXTENSION:
		if (c == '\r')
			chunks->state = CHUNK_SIZE_END;
		return c != '\n' && ++chunks->line < CHUNK_LINE_MOST;
	case CHUNK_SIZE_END:
		chunks->state =
			chunks->left ? CHUNK_BYTES : CHUNK_TRAILER_START;
		chunks->line = 0;
		return c == '\n';
	case CHUNK_BYTES_CR:
		chunks->state = CHUNK_BYTES_LF;
		return c == '\r';
	default: /* CHUNK_BYTES_LF */
		*chunks = (struct http_chunks){0};
		return c == '\n';
	}
}

static enum http_chunk read_trailer(struct http_chunks *chunks,
				    const char *bytes, size_t length,
				    size_t *used)
{
	size_t i = 0;

	while (i < length) {
		char c = bytes[i];

		if (chunks->state == CHUNK_TRAILER_START && c == '\r') {
			/* The trailer before it is told of first. */
			if (i)
				break;
			chunks->state = CHUNK_LAST_LF;
			*used = 1;
			return HTTP_CHUNK_NOTHING;
		}
		if (chunks->state == CHUNK_LAST_LF) {
			chunks->state = CHUNK_OVER;
			*used = 1;
			return c == '\n' ? HTTP_CHUNK_END : HTTP_CHUNK_BAD;
		}
		if (chunks->state == CHUNK_TRAILER_LF) {
			if (c != '\n')
				return HTTP_CHUNK_BAD;
			chunks->state = CHUNK_TRAILER_START;
		} else if (c == '\r') {
			chunks->state = CHUNK_TRAILER_LF;
		} else if (c == '\n' || c == '\0' ||
			   (chunks->state == CHUNK_TRAILER_START &&
			    !is_token(c))) {
			return HTTP_CHUNK_BAD;
		} else {
			chunks->state = CHUNK_TRAILER_LINE;
		}
		if (++chunks->line > TRAILERS_MOST)
			return HTTP_CHUNK_BAD;
		i++;
	}
	*used = i;
	return HTTP_CHUNK_TRAILER;
}

enum http_chunk http_chunks_read(struct http_chunks *chunks, const char *bytes,
				 size_t length, size_t *used)
{
	*used = 0;
	if (chunks->state == CHUNK_BYTES) {
		*used = chunks->left < length ? (size_t)chunks->left : length;
		chunks->left -= *used;
		if (!chunks->left)
			chunks->state = CHUNK_BYTES_CR;
		return *used ? HTTP_CHUNK_DATA : HTTP_CHUNK_NOTHING;
	}
	if (chunks->state == CHUNK_OVER)
		return HTTP_CHUNK_END;
	if (chunks->state >= CHUNK_TRAILER_START)
		return length ? read_trailer(chunks, bytes, length, used)
			      : HTTP_CHUNK_NOTHING;
	while (*used < length && chunks->state < CHUNK_TRAILER_START &&
	       chunks->state != CHUNK_BYTES) {
		if (!take_framing(chunks, bytes[(*used)++]))
			return HTTP_CHUNK_BAD;
	}
	return HTTP_CHUNK_NOTHING;
}
