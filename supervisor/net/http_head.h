/*
 * Heads of HTTP/1 messages, read strictly: what two readers could understand
 * in two ways is refused, so that the far end understands what was decided.
 *
 * Own code, because none of the libraries is in every release that this builds
 * on: http-parser is no longer kept, llhttp is not in Debian 12, and neither
 * refuses all of the ambiguous forms by itself.
 */
#ifndef SUPERVISOR_NET_HTTP_HEAD_H
#define SUPERVISOR_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HTTP_HEAD_MOST = 64 * 1024, /**< bytes of a head */
	HTTP_FIELDS_MOST = 128,
	HTTP_PATH_MOST = 8 * 1024,
};

/** A part of the bytes that were read. */
struct http_text {
	const char *at;
	size_t length;
};

struct http_field {
	struct http_text name, value; /**< value without space around it */
};

/** How the body of a message ends. */
enum http_body {
	HTTP_BODY_NONE = 0,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE, /**< with the connection; answers only */
};

struct http_head {
	struct http_text method, target; /**< of a request */
	unsigned status;		 /**< of an answer */
	struct http_text reason;
	bool old;     /**< HTTP/1.0 */
	bool close;   /**< the connection ends with this message */
	bool upgrade; /**< `Connection: upgrade` and `Upgrade` are there */
	/** `Upgrade` names another HTTP, in which requests would not be seen:
	 * it is no upgrade, and is not to be passed on. */
	bool other_http;
	bool encoded; /**< the body has a Content-Encoding */
	enum http_body body;
	uint64_t length;
	struct http_text host; /**< of a request, as it was sent */
	struct http_field fields[HTTP_FIELDS_MOST];
	size_t field_count;
};

/**
 * Where the head at the start of `bytes` ends. Returns its length, its empty
 * line included; 0 where more is needed; or -EBADMSG where it can no more
 * become a head (a bare CR or LF, too long).
 */
int http_head_end(const char *bytes, size_t length);

/**
 * Read the head of a request: all `length` bytes of it. Its texts point into
 * `bytes`. Returns 0, or -EBADMSG with `why`, a static text.
 */
int http_request_read(const char *bytes, size_t length, struct http_head *head,
		      const char **why);

/**
 * The same of an answer, to a request of method HEAD where `to_head`.
 * Its status 101 has no body.
 */
int http_answer_read(const char *bytes, size_t length, bool to_head,
		     struct http_head *head, const char **why);

/** The value of a field, or NULL. `name` in lower case. */
const struct http_text *http_head_find(const struct http_head *head,
				       const char *name);

/** Is the text this word, whatever the case? `word` in lower case. */
bool http_text_is(struct http_text text, const char *word);

/**
 * Does `Upgrade` name another HTTP, or one within something? Whoever reads such
 * a list may do so in any way: what looks like it is it.
 */
bool http_names_http(struct http_text list);

/** Is the word among those of a list with commas? */
bool http_list_has(struct http_text list, const char *word);

/**
 * What servers may understand a request's path to be, without its query: as it
 * stands, with all that needs no encoding decoded; and, where that is another,
 * with `//` as one slash, encoded slashes as slashes, and without parameters
 * (from `;` to the next slash). Both are to be decided about. Dots as segments are refused: clients resolve them.
 * Returns 1 or 2, or -EBADMSG with `why`.
 */
int http_paths(struct http_text target, char paths[2][HTTP_PATH_MOST],
	       const char **why);

/** Where in a chunked body we are. Zeroed is its start. */
struct http_chunks {
	uint8_t state, digits;
	uint16_t line;
	uint64_t left;
};

enum http_chunk {
	HTTP_CHUNK_NOTHING = 0, /**< framing */
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_TRAILER, /**< part of a line behind the last chunk */
	HTTP_CHUNK_END,	    /**< the body is over */
	HTTP_CHUNK_BAD,
};

/**
 * Read on in a chunked body. `used` says how many bytes were: with
 * HTTP_CHUNK_DATA and HTTP_CHUNK_TRAILER these are what they are, with their
 * line ends.
 */
enum http_chunk http_chunks_read(struct http_chunks *chunks, const char *bytes,
				 size_t length, size_t *used);

#endif
