#include "supervisor/virtual/scan.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/virtual/shape.h"

/* How far into a URL a password is looked for; bounds the time. */
#define URL_MAX 512

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("+/=_.~-", c));
}

/* Each word of a range between these characters, if it is a secret. */
static void mark_parts(struct marks *marks, const char *text, size_t from,
		       size_t to, const char *between)
{
	size_t start = from;

	for (size_t i = from; i <= to; i++) {
		if (i < to && !(text[i] && strchr(between, text[i])))
			continue;
		if (look_word(text + start, i - start))
			marks_add(marks, start, i);
		start = i + 1;
	}
}

/* One word of running text, that may be a path or an assignment. */
static void mark_word(struct marks *marks, const char *text, size_t from,
		      size_t to)
{
	if (look_word(text + from, to - from)) {
		marks_add(marks, from, to);
		return;
	}
	mark_parts(marks, text, from, to, "=");
	mark_parts(marks, text, from, to, "/=");
	mark_parts(marks, text, from, to, "/=.");
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(const char *text, size_t at, size_t to)
{
	while (at < to && is_space(text[at]))
		at++;
	return at;
}

/* Where a value of running text ends: a quoted one at its quote. */
static size_t value_end(const char *text, size_t at, size_t to, char quote)
{
	for (; at < to; at++) {
		if (text[at] == '\\' && at + 1 < to && text[at + 1] != '"' &&
		    text[at + 1] != '\'') {
			at++;
			continue;
		}
		if (quote ? text[at] == quote || text[at] == '\\'
			  : is_space(text[at]) ||
				    strchr("\"'`,;&<>\\", text[at]))
			return at;
	}
	return to;
}

static bool is_scheme_word(const char *text, size_t length)
{
	static const char *const words[] = {"bearer", "basic",	"token",
					    "digest", "apikey", "bot"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i]) == length &&
		    strncasecmp(words[i], text, length) == 0)
			return true;
	}
	return false;
}

/*
 * Mark the value that begins here, after `password=` and its kind. Returns
 * where it ends.
 */
static size_t mark_assigned(struct marks *marks, const char *text, size_t at,
			    size_t to)
{
	char quote = '\0';
	size_t end;

	at = skip_space(text, at, to);
	while (at < to &&
	       (text[at] == '\\' || text[at] == '"' || text[at] == '\'')) {
		quote = text[at] == '\\' ? quote : text[at];
		at++;
	}
	end = value_end(text, at, to, quote);
	if (!quote && is_scheme_word(text + at, end - at)) {
		at = skip_space(text, end, to);
		end = value_end(text, at, to, quote);
	}
	if (!look_is_reference(text + at, end - at) &&
	    !look_is_constant(text + at, end - at))
		marks_add(marks, at, end);
	return end;
}

/*
 * A word was read up to `end`: does it say that a secret follows, as in
 * `password: x`, `--token x`, `"apiKey": "x"` or `Bearer x`? Returns where to
 * read on.
 */
static size_t mark_after_word(struct marks *marks, const char *text,
			      size_t from, size_t end, size_t to)
{
	bool option = end - from > 2 && text[from] == '-';
	size_t at = end;

	if (is_scheme_word(text + from, end - from) && at < to &&
	    text[at] == ' ') {
		size_t value = skip_space(text, at, to);
		size_t stop = value_end(text, value, to, '\0');

		if (stop - value >= 8) {
			marks_add(marks, value, stop);
			return stop;
		}
	}
	if (look_key(text + from, end - from) != KEY_SECRET)
		return end;
	while (at < to &&
	       (text[at] == '\\' || text[at] == '"' || text[at] == '\''))
		at++;
	at = skip_space(text, at, to);
	if (at < to && (text[at] == ':' || text[at] == '=')) {
		bool arrow = at + 1 < to && text[at + 1] == '>';

		return mark_assigned(marks, text, at + (arrow ? 2 : 1), to);
	}
	if (option && at > end && at < to)
		return mark_assigned(marks, text, at, to);
	return end;
}

/*
 * `name=value` in one word: is the name that of a secret? Returns where to
 * read on.
 */
static size_t mark_joined(struct marks *marks, const char *text, size_t from,
			  size_t end, size_t to)
{
	const char *equals = memchr(text + from, '=', end - from);
	size_t at, stop;

	if (!equals)
		return end;
	at = (size_t)(equals - text);
	if (look_key(text + from, at - from) != KEY_SECRET)
		return end;
	stop = mark_assigned(marks, text, at + 1, to);
	return stop > end ? stop : end;
}

static bool is_url_end(char c)
{
	return is_space(c) || (c && strchr("\"'`<>\\", c));
}

/* Passwords in `scheme://user:password@host/path?token=x`. */
static void mark_url(struct marks *marks, const char *text, size_t from,
		     size_t to)
{
	size_t end = from, at = 0, colon = 0;

	if (to - from > URL_MAX)
		to = from + URL_MAX;
	while (end < to && !is_url_end(text[end]))
		end++;
	/* The last @ before the path: a password may hold one. */
	for (size_t i = from; i < end && !strchr("/?#", text[i]); i++) {
		if (text[i] == '@')
			at = i;
	}
	/* Behind a / there may still be one: a password that nobody quoted. */
	for (size_t i = from; !at && i < end; i++) {
		if (text[i] == '@' && memchr(text + from, ':', i - from))
			at = i;
	}
	for (size_t i = from; i < at && !colon; i++) {
		if (text[i] == ':')
			colon = i + 1;
	}
	if (colon && !look_is_reference(text + colon, at - colon))
		marks_add(marks, colon, at);
	else if (at && !colon && at - from >= 16)
		marks_add(marks, from, at);
}

/* `user:password@` without a scheme, as some drivers have it. */
static void mark_account(struct marks *marks, const char *text, size_t at,
			 size_t to)
{
	size_t end = at + 1, last = 0;

	if (at >= to || text[at] != ':')
		return;
	for (; end < to && end - at < 256 && !is_url_end(text[end]); end++) {
		if (text[end] == '@')
			last = end;
	}
	if (last && text[at + 1] != '/')
		marks_add(marks, at + 1, last);
}

static size_t mark_at_word(struct marks *marks, const char *text, size_t from,
			   size_t end, size_t to)
{
	size_t next;

	mark_word(marks, text, from, end);
	mark_account(marks, text, end, to);
	next = mark_joined(marks, text, from, end, to);
	if (next > end)
		return next;
	return mark_after_word(marks, text, from, end, to);
}

/* The characters of an escape after which a word may begin. */
static size_t skip_escape(const char *text, size_t at, size_t to)
{
	size_t end = at + 1;

	if (end < to && text[end] == 'u')
		end += 5;
	else if (end < to && text[end] == 'x')
		end += 3;
	else
		end++;
	return end < to ? end : to;
}

void scan_text(struct marks *marks, const char *text, size_t from, size_t to)
{
	size_t at = from;

	while (at < to) {
		size_t end = at;

		if (text[at] == '\\') {
			at = skip_escape(text, at, to);
			continue;
		}
		if (!is_word(text[at])) {
			if (to - at > 3 && memcmp(text + at, "://", 3) == 0)
				mark_url(marks, text, at + 3, to);
			at++;
			continue;
		}
		while (end < to && is_word(text[end]))
			end++;
		at = mark_at_word(marks, text, at, end, to);
	}
	scan_armour(marks, text, from, to);
}

/* The place after `scheme://`, or 0. */
static size_t url_rest(const char *text, size_t from, size_t to)
{
	size_t at = from;

	while (at < to &&
	       (isalnum((unsigned char)text[at]) || strchr("+.-", text[at])))
		at++;
	if (at == from || at - from > 20 || to - at < 3 ||
	    memcmp(text + at, "://", 3) != 0)
		return 0;
	return at + 3;
}

/*
 * A URL where a secret should be: what is reached with it stays, and what
 * comes after, which may well be the secret, does not.
 */
static void mark_secret_url(struct marks *marks, const char *text, size_t from,
			    size_t to)
{
	size_t at = from;

	mark_url(marks, text, from, to);
	while (at < to && text[at] != '/' && text[at] != '?')
		at++;
	marks_add(marks, at + 1, to);
}

void scan_value(struct marks *marks, const char *text, size_t from, size_t to,
		enum key_kind kind)
{
	size_t rest;

	if (from >= to)
		return;
	if (kind != KEY_SECRET) {
		scan_text(marks, text, from, to);
		return;
	}
	if (look_is_constant(text + from, to - from) ||
	    look_is_reference(text + from, to - from))
		return;
	rest = url_rest(text, from, to);
	if (rest)
		mark_secret_url(marks, text, rest, to);
	else
		marks_add(marks, from, to);
}

void scan_everything(struct marks *marks, const char *text, size_t from,
		     size_t to)
{
	size_t start = from;

	for (size_t i = from; i <= to; i++) {
		bool inside = i < to && ((unsigned char)text[i] >= 0x80 ||
					 is_word(text[i]));

		if (inside)
			continue;
		marks_add(marks, start, i);
		start = i + 1;
	}
}

void scan_armour(struct marks *marks, const char *text, size_t from, size_t to)
{
	size_t at = from;

	while (at < to) {
		const char *begin =
			memmem(text + at, to - at, "-----BEGIN ", 11);
		const char *end;
		size_t armour, stop;

		if (!begin)
			return;
		at = (size_t)(begin - text);
		armour = shape_armour(begin, to - at);
		if (!armour) {
			at += 11;
			continue;
		}
		if (memmem(begin, armour, "CERTIFICATE", 11) ||
		    memmem(begin, armour, "PUBLIC", 6)) {
			at += armour;
			continue;
		}
		end = memmem(begin, to - at, "-----END ", 9);
		/* A block that does not end: all that is left. */
		if (!end) {
			marks_add(marks, at, to);
			return;
		}
		stop = (size_t)(end - text);
		marks_add(marks, at, stop + shape_armour(end, to - stop));
		at = stop;
	}
}
