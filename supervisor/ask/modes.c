#include "supervisor/ask/modes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Private modes; `fresh` is what a terminal starts with, `plain` what a
 * question needs: -1 leaves it as it is. */
static const struct known {
	unsigned number;
	bool fresh;
	int plain;
} known[] = {
	{1, false, 0},	 /* cursor keys */
	{6, false, 0},	 /* origin */
	{7, true, 0},	 /* wrap */
	{9, false, 0},	 /* mouse, X10 */
	{25, true, 0},	 /* the cursor is visible */
	{47, false, -1}, /* the alternate screen, three ways */
	{1047, false, -1},
	{1049, false, -1},
	{66, false, -1},  /* keypad: as ESC = */
	{1000, false, 0}, /* mouse */
	{1002, false, 0},
	{1003, false, 0},
	{1004, false, -1}, /* focus: told at once by some when it is set */
	{1005, false, -1}, /* how the mouse is told */
	{1006, false, -1},
	{1015, false, -1},
	{1016, false, -1},
	{2004, false, 1}, /* bracketed paste: so that a paste is seen as one */
	{2026, false, 0}, /* synchronised output */
	{2031, false, 0}, /* tell of changes of the colours */
	{2048, false, 0}, /* tell of changes of the size */
};
_Static_assert(sizeof(known) / sizeof(*known) <= MODES_KNOWN, "room for all");
enum { COUNT = sizeof(known) / sizeof(*known) };

void modes_init(struct modes *modes)
{
	memset(modes, 0, sizeof(*modes));
	for (size_t i = 0; i < COUNT; i++)
		modes->set[i] = known[i].fresh;
}

static int find(unsigned number)
{
	for (size_t i = 0; i < COUNT; i++)
		if (known[i].number == number)
			return (int)i;
	return -1;
}

static bool is_set(const struct modes *modes, unsigned number)
{
	int at = find(number);

	return at >= 0 && modes->set[at];
}

bool modes_alternate(const struct modes *modes)
{
	return is_set(modes, 47) || is_set(modes, 1047) || is_set(modes, 1049);
}

bool modes_whole(const struct modes *modes)
{
	return modes->state == MODES_GROUND;
}

/* ------------------------------------------------------------- following -- */

static void set_private(struct modes *modes, const char *list, bool value)
{
	for (const char *at = list; *at;) {
		char *end;
		unsigned long number = strtoul(at, &end, 10);
		int index = end == at ? -1 : find((unsigned)number);

		if (index >= 0) {
			modes->set[index] = value;
		}
		/* Leaving by one of the three ways leaves. */
		if (!value &&
		    (number == 47 || number == 1047 || number == 1049))
			modes->set[find(47)] = modes->set[find(1047)] =
				modes->set[find(1049)] = false;
		at = *end ? end + 1 : end;
	}
}

static void kitty(struct modes *modes, char what, const char *list)
{
	bool alternate = modes_alternate(modes);
	unsigned *stack = modes->kitty[alternate];
	unsigned *depth = &modes->kitty_depth[alternate];
	char *end;
	unsigned value = (unsigned)strtoul(list, &end, 10);
	unsigned how = *end == ';' ? (unsigned)strtoul(end + 1, NULL, 10) : 1;

	if (what == '>') {
		if (*depth == MODES_KITTY) {
			memmove(stack, stack + 1,
				(MODES_KITTY - 1) * sizeof(*stack));
			--*depth;
		}
		stack[(*depth)++] = value;
	} else if (what == '<') {
		unsigned count = value ? value : 1;

		*depth -= count < *depth ? count : *depth;
	} else if (what == '=') {
		if (*depth == 0)
			stack[(*depth)++] = 0;
		unsigned *top = &stack[*depth - 1];

		*top = how == 2	  ? *top | value
		       : how == 3 ? *top & ~value
				  : value;
	}
}

static void reset_all(struct modes *modes)
{
	modes_init(modes);
}

static void csi_done(struct modes *modes, char final)
{
	const char *text = modes->csi;

	modes->csi[modes->csi_length] = '\0';
	if (text[0] == '?' && (final == 'h' || final == 'l'))
		set_private(modes, text + 1, final == 'h');
	else if (final == 'u' && text[0] && strchr("<>=", text[0]))
		kitty(modes, text[0], text + 1);
	else if (final == 'm' && strncmp(text, ">4", 2) == 0)
		modes->other_keys =
			text[2] == ';' ? (unsigned)atoi(text + 3) : 0;
}

static void escape_done(struct modes *modes, char final)
{
	if (final == '=' || final == '>')
		modes->keypad = final == '=';
	else if (final == 'c')
		reset_all(modes);
	modes->state = MODES_GROUND;
}

static void feed_ground(struct modes *modes, unsigned char c)
{
	if (c == 0x1b) {
		modes->state = MODES_ESCAPE;
	} else if (c >= 0xc2 && c <= 0xf4) {
		modes->state = MODES_UTF8;
		modes->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	}
}

static void feed_escape(struct modes *modes, unsigned char c)
{
	modes->csi_length = 0;
	if (c == '[')
		modes->state = MODES_CSI;
	else if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X')
		modes->state = MODES_STRING;
	else if (c >= 0x20 && c <= 0x2f)
		modes->state = MODES_ESCAPE_MORE;
	else if (c == 0x1b)
		modes->state = MODES_ESCAPE;
	else if (c >= 0x30 && c <= 0x7e)
		escape_done(modes, (char)c);
	else if (c == 0x18 || c == 0x1a)
		modes->state = MODES_GROUND;
}

static void feed_csi(struct modes *modes, unsigned char c)
{
	if (c >= 0x40 && c <= 0x7e) {
		modes->state = MODES_GROUND;
		csi_done(modes, (char)c);
	} else if (c == 0x1b) {
		modes->state = MODES_ESCAPE;
	} else if (c == 0x18 || c == 0x1a) {
		modes->state = MODES_GROUND;
	} else if (c >= 0x20 && modes->csi_length < sizeof(modes->csi) - 1) {
		modes->csi[modes->csi_length++] = (char)c;
	}
}

static void feed_string(struct modes *modes, unsigned char c)
{
	if (modes->state == MODES_STRING_ESCAPE) {
		/* ESC \ ends it; another ESC sequence does so as well. */
		modes->state = MODES_GROUND;
		if (c != '\\') {
			modes->state = MODES_ESCAPE;
			feed_escape(modes, c);
		}
	} else if (c == 0x07 || c == 0x18 || c == 0x1a) {
		modes->state = MODES_GROUND;
	} else if (c == 0x1b) {
		modes->state = MODES_STRING_ESCAPE;
	}
}

static void feed_one(struct modes *modes, unsigned char c)
{
	switch (modes->state) {
	case MODES_GROUND:
		feed_ground(modes, c);
		break;
	case MODES_UTF8:
		if ((c & 0xc0) != 0x80) {
			modes->state = MODES_GROUND;
			feed_ground(modes, c);
		} else if (--modes->utf8_left == 0) {
			modes->state = MODES_GROUND;
		}
		break;
	case MODES_ESCAPE:
		feed_escape(modes, c);
		break;
	case MODES_ESCAPE_MORE:
		if (c >= 0x30)
			modes->state = MODES_GROUND;
		else if (c == 0x1b)
			modes->state = MODES_ESCAPE;
		break;
	case MODES_CSI:
		feed_csi(modes, c);
		break;
	case MODES_STRING:
	case MODES_STRING_ESCAPE:
		feed_string(modes, c);
		break;
	}
}

/* How many bytes from here have no bearing on any state. */
static size_t plain_run(const unsigned char *bytes, size_t length)
{
	static const uint64_t high = UINT64_C(0x8080808080808080);
	const unsigned char *escape = memchr(bytes, 0x1b, length);
	size_t end = escape ? (size_t)(escape - bytes) : length, at = 0;

	while (at + 8 <= end) {
		uint64_t eight;

		memcpy(&eight, bytes + at, sizeof(eight));
		if (eight & high)
			break;
		at += 8;
	}
	while (at < end && bytes[at] < 0x80)
		at++;
	return at;
}

void modes_feed(struct modes *modes, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;
	const unsigned char *end = at + length;

	while (at < end) {
		if (modes->state == MODES_GROUND)
			at += plain_run(at, (size_t)(end - at));
		if (at < end)
			feed_one(modes, *at++);
	}
}

/* --------------------------------------------------------------- writing -- */

static void __attribute__((format(printf, 3, 4)))
put(char *text, size_t *length, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	int size =
		vsnprintf(text + *length, MODES_TEXT - *length, format, list);
	va_end(list);
	if (size > 0 && (size_t)size < MODES_TEXT - *length)
		*length += (size_t)size;
}

static unsigned kitty_now(const struct modes *modes, bool alternate)
{
	unsigned depth = modes->kitty_depth[alternate];

	return depth ? modes->kitty[alternate][depth - 1] : 0;
}

/* Every row that may hold something, at a time when nothing else is shown. */
static void move_out(unsigned rows, char *text, size_t *length)
{
	put(text, length, "\x1b[0m\x1b[999;1H");
	for (unsigned row = 0; row < rows && row < MODES_TEXT / 2; row++)
		put(text, length, "\n");
}

size_t modes_leave(const struct modes *modes, unsigned rows, char *text)
{
	bool alternate = modes_alternate(modes);
	size_t length = 0;

	text[0] = '\0';
	/* End whatever is half-written: CAN, and the end of a string. */
	if (!modes_whole(modes))
		put(text, &length, "\x18\x1b\\");
	if (is_set(modes, 2026))
		put(text, &length, "\x1b[?2026l");
	/* Saves the cursor, colours and character sets with it. */
	put(text, &length,
	    alternate ? "\x1b"
			"7"
		      : "\x1b[?1049h");
	for (size_t i = 0; i < COUNT; i++)
		if (known[i].plain >= 0 &&
		    modes->set[i] != (known[i].plain == 1))
			put(text, &length, "\x1b[?%u%c", known[i].number,
			    known[i].plain ? 'h' : 'l');
	/* The keyboard's flags are kept for each screen. */
	if (modes->kitty_depth[0] + modes->kitty_depth[1])
		put(text, &length, "\x1b[>0u");
	if (modes->other_keys)
		put(text, &length, "\x1b[>4;0m");
	if (modes->keypad)
		put(text, &length, "\x1b>");
	if (rows && !alternate)
		move_out(rows, text, &length);
	put(text, &length, "\x0f\x1b(B\x1b[0m\x1b[2J\x1b[H");
	return length;
}

size_t modes_return(const struct modes *modes, char *text)
{
	bool alternate = modes_alternate(modes);
	size_t length = 0;

	text[0] = '\0';
	put(text, &length, "\x1b[0m");
	if (modes->kitty_depth[0] + modes->kitty_depth[1])
		put(text, &length, "\x1b[<1u");
	/* Where there is no second screen it is to go from the only one. */
	put(text, &length, "\x1b[2J\x1b[H");
	for (size_t i = 0; i < COUNT; i++)
		if (known[i].plain >= 0 &&
		    modes->set[i] != (known[i].plain == 1) &&
		    known[i].number != 2026)
			put(text, &length, "\x1b[?%u%c", known[i].number,
			    modes->set[i] ? 'h' : 'l');
	put(text, &length,
	    alternate ? "\x1b"
			"8"
		      : "\x1b[?1049l");
	if (modes->other_keys)
		put(text, &length, "\x1b[>4;%um", modes->other_keys);
	if (modes->keypad)
		put(text, &length, "\x1b=");
	if (is_set(modes, 2026))
		put(text, &length, "\x1b[?2026h");
	return length;
}

size_t modes_reset(const struct modes *modes, char *text)
{
	size_t length = 0;

	text[0] = '\0';
	if (!modes_whole(modes))
		put(text, &length, "\x18\x1b\\");
	for (int screen = 1; screen >= 0; screen--) {
		if (kitty_now(modes, screen == 1))
			put(text, &length, "\x1b[<%uu",
			    modes->kitty_depth[screen]);
		/* Those of the main screen once that is shown again. */
		for (size_t i = 0; screen == 1 && i < COUNT; i++)
			if (modes->set[i] != known[i].fresh)
				put(text, &length, "\x1b[?%u%c",
				    known[i].number,
				    known[i].fresh ? 'h' : 'l');
	}
	if (modes->other_keys)
		put(text, &length, "\x1b[>4;0m");
	if (modes->keypad)
		put(text, &length, "\x1b>");
	if (length)
		put(text, &length, "\x1b[0m");
	return length;
}
