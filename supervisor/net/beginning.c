/*
 * The far end has the line as far as it went, but no request before its version
 * (sniff.c), and none that counts before the end of its head: that is held.
 */
#include "supervisor/net/beginning.h"

#include <string.h>

enum {
	VERSION_MOST = 4, /* bytes of `HTTP/` that are not yet a version */
	METHOD_MOST = 16, /* more than any that counts has */
};

/* What of a line matters to its end: its first word where that may be a method,
 * and perhaps a blank, and where a version or a server's name may have begun.
 */
static size_t cut_line(uint8_t *line, size_t length)
{
	size_t at = 0, start, kept;

	while (at < length && sniff_is_blank(line[at]))
		at++;
	for (start = at; at < length && !sniff_is_blank(line[at]);)
		at++;
	kept = at - start;
	if (kept > METHOD_MOST)
		kept = 1; /* whatever it is */
	/* In small letters: a capital and a blank would be a request. */
	for (size_t i = 0; i < kept; i++)
		line[i] = line[start + i] >= 'A' && line[start + i] <= 'Z'
				  ? (uint8_t)(line[start + i] | 0x20)
				  : line[start + i];
	if (at == length)
		return kept;
	line[kept++] = ' ';
	memmove(line + kept, line + length - VERSION_MOST, VERSION_MOST);
	return kept + VERSION_MOST;
}

static const char *read_all(const uint8_t *line, size_t used, bool cut,
			    struct request *request)
{
	const char *why;

	if (cut)
		return "the head of the request is too long";
	switch (request_head(line, used, request, &why)) {
	case SNIFF_HTTP:
		return NULL;
	case SNIFF_MORE:
		return "it ended within the head of a request";
	default:
		return why;
	}
}

enum sniff beginning_look(struct beginning *beginning, uint8_t *line,
			  size_t *used, bool ended, struct request *request,
			  const char **why)
{
	struct sniffed sniffed;
	enum sniff what = sniff_first(line, *used, &sniffed);

	if (what == SNIFF_MORE && ended)
		what = sniff_ended(line, *used);
	switch (what) {
	case SNIFF_OTHER:
		return what;
	case SNIFF_WORD:
		if (*used == SNIFF_MOST && beginning->gone == *used) {
			*used = beginning->gone = cut_line(line, *used);
			beginning->cut = true;
		}
		return what;
	case SNIFF_MORE:
		*why = "the head of the request is too long";
		return *used < SNIFF_MOST ? what : SNIFF_BAD;
	default:
		*why = what == SNIFF_BAD
			       ? sniffed.why
			       : read_all(line, *used, beginning->cut, request);
		return *why ? SNIFF_BAD : SNIFF_HTTP;
	}
}
