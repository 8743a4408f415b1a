#include "supervisor/net/http_two_text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* What belongs to one connection, and is none of HTTP/2 (RFC 9113, 8.2.2). */
static const char *const of_connections[] = {
	"connection",	     "keep-alive", "proxy-connection",
	"transfer-encoding", "upgrade",	   "http2-settings",
};

static const char *const pseudo[TWO_STATUS + 1] = {
	":method", ":scheme", ":authority", ":path", ":status",
};

static int wrong(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static bool of_connection(struct http_text name)
{
	for (size_t i = 0; i < sizeof(of_connections) / sizeof(char *); i++)
		if (http_text_is(name, of_connections[i]))
			return true;
	return false;
}

/* ------------------------------------------------------------ into text -- */

void two_head_clear(struct two_head *head)
{
	for (size_t i = 0; i < TWO_PARTS; i++)
		if (head->parts[i])
			evbuffer_free(head->parts[i]);
	*head = (struct two_head){0};
}

static struct evbuffer *part_of(struct two_head *head, unsigned part)
{
	if (!head->parts[part])
		head->parts[part] = evbuffer_new();
	return head->parts[part];
}

static int add(struct evbuffer *out, const void *bytes, size_t length)
{
	return !out || evbuffer_add(out, bytes, length) ? -ENOMEM : 0;
}

static int add_text(struct evbuffer *out, const char *text)
{
	return add(out, text, strlen(text));
}

static struct http_text text_of(struct two_head *head, unsigned part)
{
	struct evbuffer *bytes = head->parts[part];
	struct http_text text = {"", bytes ? evbuffer_get_length(bytes) : 0};

	if (text.length)
		text.at = (const char *)evbuffer_pullup(bytes, -1) ?: "";
	return text;
}

bool two_head_is_head(struct two_head *head)
{
	return http_text_is(text_of(head, TWO_METHOD), "head");
}

/* One that is there once at most. */
static int set(struct two_head *head, unsigned part, struct http_text value,
	       const char **why)
{
	if (head->parts[part])
		return wrong(why, "a header is there twice");
	return add(part_of(head, part), value.at, value.length);
}

static bool is_name(struct http_text name)
{
	for (size_t i = 0; i < name.length; i++) {
		char c = name.at[i];

		if (c <= ' ' || c >= 0x7f || (c >= 'A' && c <= 'Z') ||
		    strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return name.length > 0;
}

static bool is_value(struct http_text value)
{
	for (size_t i = 0; i < value.length; i++) {
		unsigned char c = (unsigned char)value.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return !value.length || (!strchr(" \t", value.at[0]) &&
				 !strchr(" \t", value.at[value.length - 1]));
}

/* Nothing that could end it where a line of text has it. */
static bool is_word(struct http_text value)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.at[i] <= ' ' || value.at[i] >= 0x7f)
			return false;
	return value.length > 0;
}

static int take_pseudo(struct two_head *head, struct http_text name,
		       struct http_text value, const char **why)
{
	for (unsigned i = 0; i <= TWO_STATUS; i++) {
		if (!http_text_is(name, pseudo[i]))
			continue;
		if (head->regular || head->kind == TWO_TRAILERS ||
		    (i == TWO_STATUS) != (head->kind == TWO_ANSWER))
			return wrong(why, "a pseudo-header has another place");
		if (!is_word(value))
			return wrong(why, "a pseudo-header is none");
		return set(head, i, value, why);
	}
	return wrong(why, "an unknown pseudo-header");
}

static int take_length(struct two_head *head, struct http_text value,
		       const char **why)
{
	if (value.length == 0 || value.length > 18)
		return wrong(why, "content-length is no number");
	for (size_t i = 0; i < value.length; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return wrong(why, "content-length is no number");
		head->length =
			head->length * 10 + (uint64_t)(value.at[i] - '0');
	}
	return set(head, TWO_LENGTH, value, why);
}

static int take_cookie(struct two_head *head, struct http_text value)
{
	int error = head->parts[TWO_COOKIE]
			    ? add_text(head->parts[TWO_COOKIE], "; ")
			    : 0;

	return error ? error
		     : add(part_of(head, TWO_COOKIE), value.at, value.length);
}

static int add_line(struct evbuffer *out, struct http_text name,
		    struct http_text value)
{
	return add(out, name.at, name.length) || add_text(out, ": ") ||
			       add(out, value.at, value.length) ||
			       add_text(out, "\r\n")
		       ? -ENOMEM
		       : 0;
}

static int take_field(struct two_head *head, struct http_text name,
		      struct http_text value, const char **why)
{
	head->regular = true;
	if (!is_name(name))
		return wrong(why, "a header's name is none");
	if (of_connection(name))
		return wrong(why, "a header that HTTP/2 does not have");
	if (http_text_is(name, "te") && !http_text_is(value, "trailers"))
		return wrong(why, "a header that HTTP/2 does not have");
	if (http_text_is(name, "content-length")) {
		if (head->kind == TWO_TRAILERS)
			return wrong(why, "content-length behind the body");
		return take_length(head, value, why);
	}
	if (head->kind == TWO_TRAILERS && http_text_is(name, "host"))
		return wrong(why, "host behind the body");
	if (head->kind == TWO_REQUEST && http_text_is(name, "host"))
		return set(head, TWO_HOST, value, why);
	if (head->kind == TWO_REQUEST && http_text_is(name, "cookie"))
		return take_cookie(head, value);
	return add_line(part_of(head, TWO_FIELDS), name, value);
}

int two_head_add(struct two_head *head, struct http_text name,
		 struct http_text value, const char **why)
{
	const size_t most = head->kind == TWO_TRAILERS
				    ? (size_t)TWO_TRAILERS_MOST
				    : (size_t)HTTP_HEAD_MOST - 1024;

	/* As RFC 9113 counts them (6.5.2). */
	head->size += name.length + value.length + 32;
	if (head->size > most || ++head->count > HTTP_FIELDS_MOST - 4)
		return wrong(why, "the head is too long");
	if (!is_value(value))
		return wrong(why, "a header has a control character");
	return name.length && name.at[0] == ':'
		       ? take_pseudo(head, name, value, why)
		       : take_field(head, name, value, why);
}

static int write_request_line(struct two_head *head, struct evbuffer *out,
			      const char **why)
{
	struct http_text method = text_of(head, TWO_METHOD);
	struct http_text path = text_of(head, TWO_PATH);
	struct http_text authority = text_of(head, TWO_AUTHORITY);
	struct http_text host = text_of(head, TWO_HOST);

	if (!method.length || !path.length)
		return wrong(why, "a pseudo-header is missing");
	if (!http_text_is(text_of(head, TWO_SCHEME), "https"))
		return wrong(why, "its scheme is not https");
	if (authority.length && head->parts[TWO_HOST] &&
	    (authority.length != host.length ||
	     strncasecmp(authority.at, host.at, host.length) != 0))
		return wrong(why, "two hosts");
	if (authority.length)
		host = authority;
	if (!is_word(host))
		return wrong(why, "no host");
	return add(out, method.at, method.length) || add_text(out, " ") ||
			       add(out, path.at, path.length) ||
			       add_text(out, " HTTP/1.1\r\n") ||
			       add_line(out, (struct http_text){"host", 4},
					host)
		       ? -ENOMEM
		       : 0;
}

static int write_status_line(struct two_head *head, struct evbuffer *out,
			     const char **why)
{
	struct http_text status = text_of(head, TWO_STATUS);

	head->status = 0;
	for (size_t i = 0; i < status.length; i++) {
		if (status.at[i] < '0' || status.at[i] > '9')
			return wrong(why, "the status is none");
		head->status =
			head->status * 10 + (unsigned)(status.at[i] - '0');
	}
	/* HTTP/2 has no upgrades. */
	if (status.length != 3 || head->status == 101)
		return wrong(why, "the status is none");
	return add_text(out, "HTTP/1.1 ") ||
			       add(out, status.at, status.length) ||
			       add_text(out, " \r\n")
		       ? -ENOMEM
		       : 0;
}

/* How the text's reader knows where the body ends. */
static int write_frame(struct two_head *head, bool ended, bool to_head,
		       struct evbuffer *out, enum two_frame *frame,
		       const char **why)
{
	struct http_text method = text_of(head, TWO_METHOD);
	bool answer = head->kind == TWO_ANSWER;
	bool bare = answer && (to_head || head->status < 200 ||
			       head->status == 204 || head->status == 304);

	/* Afterwards it is how much of a body may follow. */
	*frame = TWO_FRAME_NONE;
	if (head->parts[TWO_LENGTH]) {
		if (ended && head->length && !bare)
			return wrong(why, "content-length is not that of the "
					  "body");
		if (bare)
			head->length = 0;
		return add_line(out, (struct http_text){"content-length", 14},
				text_of(head, TWO_LENGTH));
	}
	if (bare)
		return 0;
	if (!ended) {
		*frame = TWO_FRAME_CHUNKS;
		return add_text(out, "transfer-encoding: chunked\r\n");
	}
	/* Servers want to be told where a body is usual. */
	if (!answer &&
	    (http_text_is(method, "get") || http_text_is(method, "head") ||
	     http_text_is(method, "options") || http_text_is(method, "delete")))
		return 0;
	return add_text(out, "content-length: 0\r\n");
}

int two_head_write(struct two_head *head, bool ended, bool to_head,
		   struct evbuffer *out, enum two_frame *frame,
		   const char **why)
{
	struct evbuffer *fields = head->parts[TWO_FIELDS];
	int error = 0;

	if (head->kind == TWO_REQUEST)
		error = write_request_line(head, out, why);
	else if (head->kind == TWO_ANSWER)
		error = write_status_line(head, out, why);
	if (!error && head->kind != TWO_TRAILERS)
		error = write_frame(head, ended, to_head, out, frame, why);
	if (!error && head->parts[TWO_COOKIE])
		error = add_line(out, (struct http_text){"cookie", 6},
				 text_of(head, TWO_COOKIE));
	if (!error && fields && evbuffer_add_buffer(out, fields))
		error = -ENOMEM;
	if (!error && head->kind != TWO_TRAILERS)
		error = add_text(out, "\r\n");
	return error;
}

/* ---------------------------------------------------------- out of text -- */

void two_fields_clear(struct two_fields *fields)
{
	if (fields->names)
		evbuffer_free(fields->names);
	fields->names = NULL;
	fields->count = 0;
}

static void put(struct two_fields *fields, const char *name, size_t length,
		struct http_text value)
{
	/* nghttp2 copies both, and has no type for what it only reads. */
	fields->items[fields->count++] = (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.namelen = length,
		.value = (uint8_t *)(uintptr_t)value.at,
		.valuelen = value.length,
	};
}

static void put_pseudo(struct two_fields *fields, const char *name,
		       struct http_text value)
{
	put(fields, name, strlen(name), value);
}

/* Room for all names, in one piece: none may move. */
static int begin_names(struct two_fields *fields, size_t room)
{
	struct evbuffer_iovec piece;

	fields->names = evbuffer_new();
	if (!fields->names ||
	    evbuffer_reserve_space(fields->names, (ev_ssize_t)room + 1, &piece,
				   1) < 1)
		return -ENOMEM;
	fields->room = piece.iov_base;
	return 0;
}

/* Its name is in lower case there. */
static void put_field(struct two_fields *fields, struct http_text name,
		      struct http_text value)
{
	char *lower = fields->room;

	for (size_t i = 0; i < name.length; i++)
		lower[i] = name.at[i] >= 'A' && name.at[i] <= 'Z'
				   ? (char)(name.at[i] | 0x20)
				   : name.at[i];
	fields->room += name.length;
	put(fields, lower, name.length, value);
}

/* Is the name among those that a `Connection` lists? */
static bool listed(const struct http_head *head, struct http_text name)
{
	char word[64];

	if (name.length >= sizeof(word))
		return false;
	for (size_t i = 0; i < name.length; i++)
		word[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z'
					 ? name.at[i] | 0x20
					 : name.at[i]);
	word[name.length] = '\0';
	for (size_t i = 0; i < head->field_count; i++)
		if (http_text_is(head->fields[i].name, "connection") &&
		    http_list_has(head->fields[i].value, word))
			return true;
	return false;
}

static int put_fields(struct two_fields *fields, const struct http_head *head,
		      bool request)
{
	size_t room = 0;
	int error;

	for (size_t i = 0; i < head->field_count; i++)
		room += head->fields[i].name.length;
	error = begin_names(fields, room);
	for (size_t i = 0; !error && i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (of_connection(field->name) || listed(head, field->name) ||
		    (request && http_text_is(field->name, "host")) ||
		    (http_text_is(field->name, "te") &&
		     !http_text_is(field->value, "trailers")))
			continue;
		put_field(fields, field->name, field->value);
	}
	return error;
}

int two_fields_request(struct two_fields *fields, const struct http_head *head)
{
	fields->count = 0;
	put_pseudo(fields, ":method", head->method);
	put_pseudo(fields, ":scheme", (struct http_text){"https", 5});
	put_pseudo(fields, ":authority", head->host);
	put_pseudo(fields, ":path", head->target);
	return put_fields(fields, head, true);
}

int two_fields_answer(struct two_fields *fields, const struct http_head *head)
{
	fields->count = 0;
	for (unsigned i = 0, left = head->status; i < 3; i++, left /= 10)
		fields->status[2 - i] = (char)('0' + left % 10);
	put_pseudo(fields, ":status", (struct http_text){fields->status, 3});
	return put_fields(fields, head, false);
}

static void put_trailer(struct two_fields *fields, const char *line,
			size_t length)
{
	const char *colon = memchr(line, ':', length);
	struct http_text name = {line, colon ? (size_t)(colon - line) : 0};
	struct http_text value;
	const nghttp2_nv *last = &fields->items[fields->count];

	if (!name.length || fields->count == HTTP_FIELDS_MOST)
		return;
	value = (struct http_text){colon + 1, length - name.length - 1};
	while (value.length && (*value.at == ' ' || *value.at == '\t')) {
		value.at++;
		value.length--;
	}
	while (value.length && (value.at[value.length - 1] == ' ' ||
				value.at[value.length - 1] == '\t'))
		value.length--;
	/* What must not stand there is left out, as readers do. */
	if (of_connection(name) || !is_value(value) ||
	    http_text_is(name, "content-length") || http_text_is(name, "te") ||
	    http_text_is(name, "host"))
		return;
	put_field(fields, name, value);
	if (!is_name((struct http_text){(const char *)last->name,
					last->namelen}))
		fields->count--;
}

int two_fields_trailers(struct two_fields *fields, const char *bytes,
			size_t length)
{
	int error;

	fields->count = 0;
	error = begin_names(fields, length);
	while (length && !error) {
		const char *end = memchr(bytes, '\n', length);
		size_t line = end ? (size_t)(end - bytes) : length;
		size_t text = line && bytes[line - 1] == '\r' ? line - 1 : line;

		put_trailer(fields, bytes, text);
		bytes += line + (end != NULL);
		length -= line + (end != NULL);
	}
	return error;
}

/* ---------------------------------------------------------------- bodies -- */

void two_body_clear(struct two_body *body)
{
	if (body->trailers)
		evbuffer_free(body->trailers);
	*body = (struct two_body){0};
}

void two_body_begin(struct two_body *body, const struct http_head *head)
{
	two_body_clear(body);
	body->body = head->body;
	body->left = head->length;
	body->ended = head->body == HTTP_BODY_NONE ||
		      (head->body == HTTP_BODY_LENGTH && !head->length);
}

static void keep_trailer(struct two_body *body, const void *bytes,
			 size_t length)
{
	if (!body->trailers)
		body->trailers = evbuffer_new();
	body->bad |= add(body->trailers, bytes, length) != 0;
}

static size_t read_chunks(struct two_body *body, struct evbuffer *in,
			  uint8_t *to, size_t most)
{
	size_t count = 0;

	while (!body->ended && !body->bad && count < most) {
		struct evbuffer_iovec part;
		size_t used = 0;

		if (evbuffer_peek(in, -1, NULL, &part, 1) < 1 || !part.iov_len)
			break;
		if (part.iov_len > most - count)
			part.iov_len = most - count;
		switch (http_chunks_read(&body->chunks, part.iov_base,
					 part.iov_len, &used)) {
		case HTTP_CHUNK_DATA:
			memcpy(to + count, part.iov_base, used);
			count += used;
			break;
		case HTTP_CHUNK_TRAILER:
			keep_trailer(body, part.iov_base, used);
			break;
		case HTTP_CHUNK_END:
			body->ended = true;
			break;
		case HTTP_CHUNK_BAD:
			body->bad = true;
			break;
		default:
			break;
		}
		evbuffer_drain(in, used);
	}
	return count;
}

size_t two_body_read(struct two_body *body, struct evbuffer *in, uint8_t *to,
		     size_t most)
{
	int got;

	if (body->ended || body->bad)
		return 0;
	if (body->body == HTTP_BODY_CHUNKED)
		return read_chunks(body, in, to, most);
	if (body->body == HTTP_BODY_LENGTH && most > body->left)
		most = (size_t)body->left;
	got = evbuffer_remove(in, to, most);
	if (got <= 0)
		return 0;
	if (body->body == HTTP_BODY_LENGTH) {
		body->left -= (uint64_t)got;
		body->ended = !body->left;
	}
	return (size_t)got;
}
