/*
 * The user's clipboard, as a program reaches it by its terminal: OSC 52 writes
 * it, and asks for it ("?"), whereupon the terminal types it to the program. So
 * do OSC 5522 (kitty) and, to write, OSC 1337;Copy (iTerm2). What the policy
 * does not allow is taken out of what a program writes.
 *
 * Theory of operation. The start of such a sequence is looked for whatever it
 * stands in: an ESC ends every string, but for those that a terminal within the
 * terminal passes on (tmux, where each ESC is doubled, and screen), and there
 * it is a sequence of the terminal outside. So there is no state to be wrong
 * about. The few bytes that say which sequence it is are held back until they
 * have all come. What is refused becomes OSC 9952 with nothing in it, which no
 * terminal knows, and ends where it ended: what stands before and behind cannot
 * be joined to a new sequence.
 */
#ifndef SUPERVISOR_ASK_CLIPBOARD_H
#define SUPERVISOR_ASK_CLIPBOARD_H

#include <stdbool.h>
#include <stddef.h>

enum { CLIPBOARD_HELD = 128 };

struct clipboard {
	bool may_read, may_write; /* set by the owner; all else 0 at first */
	enum {
		CLIPBOARD_PASS = 0,
		CLIPBOARD_ESCAPE, /* ESC, once or more */
		CLIPBOARD_NUMBER, /* OSC */
		CLIPBOARD_WHICH,  /* OSC 52: up to the second semicolon */
		CLIPBOARD_DATA,	  /* and the first byte behind it */
		CLIPBOARD_NAME,	  /* OSC 1337: what is to be done */
		CLIPBOARD_DROP,	  /* until its end */
	} state;
	unsigned characters; /* bytes of a UTF-8 character that are to come */
	unsigned digits;
	unsigned long number;
	size_t name;		   /* bytes of it that are as in ";Copy" */
	char held[CLIPBOARD_HELD]; /* not written yet */
	size_t start, length;	   /* the introducer, all of it */
};

/** How much may come out of `length` bytes, at most. */
size_t clipboard_room(size_t length);

/** Copy `length` bytes to `out`, without what is not allowed. Returns the
 * length written. */
size_t clipboard_filter(struct clipboard *clipboard, const char *bytes,
			size_t length, char *out);

/** At the end: what is held back still, to `out`. Returns its length. */
size_t clipboard_end(struct clipboard *clipboard, char out[CLIPBOARD_HELD]);

#endif
