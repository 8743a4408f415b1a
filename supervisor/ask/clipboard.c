#include "supervisor/ask/clipboard.h"

#include <string.h>

enum {
	ESCAPE = 0x1b,
	OSC = 0x9d, /* as one byte, and in UTF-8 behind a 0xc2 */
	MOST_DIGITS = 6,
	MOST_ESCAPES = CLIPBOARD_HELD / 2, /* in a row */
};

/* What most follow within a sequence as if it were not there. CAN and SUB end
 * one for most; for who reads on, it goes on. */
static bool is_nothing(unsigned char c)
{
	return c == 0x7f || (c < 0x20 && c != ESCAPE && c != '\a');
}

static bool ends(unsigned char c)
{
	return c == ESCAPE || c == '\a' || c == 0x9c || c == 0x18 || c == 0x1a;
}

size_t clipboard_room(size_t length)
{
	return 2 * length + 2 * CLIPBOARD_HELD;
}

/* More than there is room for is of bytes that mean nothing: they are lost. */
static void hold(struct clipboard *clipboard, unsigned char c)
{
	if (clipboard->length < sizeof(clipboard->held))
		clipboard->held[clipboard->length++] = (char)c;
}

static size_t release(struct clipboard *clipboard, char *out)
{
	size_t length = clipboard->length;

	memcpy(out, clipboard->held, length);
	clipboard->length = 0;
	clipboard->state = CLIPBOARD_PASS;
	clipboard->characters = 0;
	return length;
}

/* It is one that reads or writes the clipboard. */
static size_t judge(struct clipboard *clipboard, bool reads, bool writes,
		    char *out)
{
	static const char unknown[] = "9952";

	if ((!reads || clipboard->may_read) &&
	    (!writes || clipboard->may_write))
		return release(clipboard, out);
	clipboard->length = clipboard->start;
	size_t length = release(clipboard, out);

	clipboard->state = CLIPBOARD_DROP;
	memcpy(out + length, unknown, sizeof(unknown) - 1);
	return length + sizeof(unknown) - 1;
}

static void begin(struct clipboard *clipboard, unsigned char c)
{
	hold(clipboard, c);
	clipboard->start = clipboard->length;
	clipboard->state = CLIPBOARD_NUMBER;
	clipboard->digits = 0;
	clipboard->number = 0;
	clipboard->name = 0;
}

static size_t take_plain(struct clipboard *clipboard, unsigned char c,
			 char *out)
{
	bool within = clipboard->characters && (c & 0xc0) == 0x80;

	if (c == ESCAPE) {
		hold(clipboard, c);
		clipboard->state = CLIPBOARD_ESCAPE;
		return 0;
	}
	if (c == 0xc2) {
		/* U+009D, perhaps. */
		hold(clipboard, c);
		clipboard->state = CLIPBOARD_ESCAPE;
		return 0;
	}
	if (c == OSC && !within) {
		begin(clipboard, c);
		return 0;
	}
	if (within)
		clipboard->characters--;
	else
		clipboard->characters = c < 0xc3 || c > 0xf4 ? 0
					: c >= 0xf0	     ? 3
					: c >= 0xe0	     ? 2
							     : 1;
	*out = (char)c;
	return 1;
}

static size_t take_escape(struct clipboard *clipboard, unsigned char c,
			  char *out)
{
	bool character = (unsigned char)clipboard->held[0] == 0xc2;

	if (c == (character ? OSC : ']')) {
		begin(clipboard, c);
		return 0;
	}
	/* A control within ESC and its final byte is obeyed between them. */
	if (!character && (c == ESCAPE || c == '\a' || is_nothing(c))) {
		/* The rest of the room is the sequence's. */
		if (clipboard->length < MOST_ESCAPES)
			hold(clipboard, c);
		return 0;
	}
	size_t length = release(clipboard, out);

	if (character && (c & 0xc0) == 0x80) {
		out[length] = (char)c;
		return length + 1;
	}
	return length + take_plain(clipboard, c, out + length);
}

/* The number has ended with `c`. */
static size_t number_done(struct clipboard *clipboard, unsigned char c,
			  char *out)
{
	hold(clipboard, c);
	/* Some count in 32 bits. 5522 says behind what it does. */
	if (clipboard->digits > MOST_DIGITS || clipboard->number == 5522)
		return judge(clipboard, true, true, out);
	if (clipboard->number == 52)
		clipboard->state = c == '?' ? CLIPBOARD_DATA : CLIPBOARD_WHICH;
	else if (clipboard->number == 1337)
		clipboard->state = CLIPBOARD_NAME;
	else
		return release(clipboard, out);
	return c == '?' && clipboard->number == 52
		       ? judge(clipboard, true, false, out)
		       : 0;
}

static size_t take_number(struct clipboard *clipboard, unsigned char c,
			  char *out)
{
	if (c < '0' || c > '9')
		return number_done(clipboard, c, out);
	if (clipboard->number || c != '0')
		clipboard->digits++;
	if (clipboard->digits <= MOST_DIGITS)
		clipboard->number = clipboard->number * 10 + (c - '0');
	hold(clipboard, c);
	return 0;
}

static size_t take_name(struct clipboard *clipboard, unsigned char c, char *out)
{
	static const char copy[] = "copy";

	hold(clipboard, c);
	if ((c | 0x20) != copy[clipboard->name])
		return release(clipboard, out);
	if (copy[++clipboard->name])
		return 0;
	return judge(clipboard, false, true, out);
}

/* A byte of a sequence that may be one. */
static size_t take_sequence(struct clipboard *clipboard, unsigned char c,
			    char *out)
{
	if (is_nothing(c)) {
		hold(clipboard, c);
		return 0;
	}
	if (ends(c)) {
		/* With nothing in it: some clear the clipboard then. */
		bool ours = clipboard->number == 52 ||
			    clipboard->number == 5522 ||
			    clipboard->digits > MOST_DIGITS;
		size_t length = ours ? judge(clipboard, false, true, out)
				     : release(clipboard, out);

		clipboard->state = CLIPBOARD_PASS;
		return length + take_plain(clipboard, c, out + length);
	}
	/* Too much to tell what it is. */
	if (clipboard->length == sizeof(clipboard->held))
		return judge(clipboard, true, true, out);
	switch (clipboard->state) {
	case CLIPBOARD_NUMBER:
		return take_number(clipboard, c, out);
	case CLIPBOARD_NAME:
		return take_name(clipboard, c, out);
	case CLIPBOARD_WHICH:
		hold(clipboard, c);
		if (c == ';')
			clipboard->state = CLIPBOARD_DATA;
		else if (c == '?')
			return judge(clipboard, true, false, out);
		return 0;
	default:
		hold(clipboard, c);
		return judge(clipboard, c == '?', c != '?', out);
	}
}

static size_t take(struct clipboard *clipboard, unsigned char c, char *out)
{
	switch (clipboard->state) {
	case CLIPBOARD_PASS:
		return take_plain(clipboard, c, out);
	case CLIPBOARD_ESCAPE:
		return take_escape(clipboard, c, out);
	case CLIPBOARD_DROP:
		if (!ends(c))
			return 0;
		clipboard->state = CLIPBOARD_PASS;
		return take_plain(clipboard, c, out);
	default:
		return take_sequence(clipboard, c, out);
	}
}

/* How many bytes from here are of nothing that is looked for: no ESC, and all
 * ASCII up to the first byte that is not. */
static size_t plain_run(const char *bytes, size_t length)
{
	const char *escape = memchr(bytes, ESCAPE, length);
	size_t end = escape ? (size_t)(escape - bytes) : length, at = 0;

	for (unsigned long word; at + sizeof(word) <= end; at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		if (word & (~0UL / 0xff * 0x80))
			break;
	}
	while (at < end && !(bytes[at] & 0x80))
		at++;
	return at;
}

size_t clipboard_filter(struct clipboard *clipboard, const char *bytes,
			size_t length, char *out)
{
	size_t used = 0, at = 0;

	while (at < length) {
		if (clipboard->state == CLIPBOARD_PASS) {
			size_t run = plain_run(bytes + at, length - at);

			memcpy(out + used, bytes + at, run);
			used += run;
			at += run;
			if (run)
				clipboard->characters = 0;
		}
		if (at < length)
			used += take(clipboard, (unsigned char)bytes[at++],
				     out + used);
	}
	return used;
}

size_t clipboard_end(struct clipboard *clipboard, char out[CLIPBOARD_HELD])
{
	bool ours = clipboard->state == CLIPBOARD_WHICH ||
		    clipboard->state == CLIPBOARD_DATA;

	return ours ? 0 : release(clipboard, out);
}
