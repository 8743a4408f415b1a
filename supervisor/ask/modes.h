/*
 * What the program has told the terminal to be: followed byte by byte in what it
 * writes, so that a question can be put on the screen and everything be as
 * before when it is gone.
 *
 * Only modes are followed, not the screen: the main screen comes back by itself
 * when the alternate one is left, and programs that own the alternate screen
 * draw it again when they are told of another size. A whole emulator between
 * program and terminal would have to know every terminal's extensions, and costs
 * more than it gives: bytes pass as they are, whatever they mean.
 */
#ifndef SUPERVISOR_ASK_MODES_H
#define SUPERVISOR_ASK_MODES_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MODES_KNOWN = 24, /* private modes that are followed */
	MODES_KITTY = 16, /* depth of the keyboard stack that is followed */
	MODES_TEXT = 2048, /* room for what the functions below write */
};

struct modes {
	enum {
		MODES_GROUND = 0,
		MODES_ESCAPE,
		MODES_ESCAPE_MORE, /* ESC, then intermediate bytes */
		MODES_CSI,
		MODES_STRING, /* OSC, DCS, APC, PM, SOS */
		MODES_STRING_ESCAPE,
		MODES_UTF8, /* within a character */
	} state;
	unsigned utf8_left;
	char csi[64]; /* parameters and intermediates */
	size_t csi_length;
	bool set[MODES_KNOWN];	   /* as the program set it */
	bool keypad;
	unsigned other_keys; /* CSI > 4 ; N m */
	unsigned kitty[2][MODES_KITTY], kitty_depth[2]; /* main, alternate */
};

/** A terminal as it is at the start. */
void modes_init(struct modes *modes);

/** Follow what the program wrote. */
void modes_feed(struct modes *modes, const char *bytes, size_t length);

/** Is nothing half-written: no sequence, no character? */
bool modes_whole(const struct modes *modes);

/** Does the program show the alternate screen? */
bool modes_alternate(const struct modes *modes);

/** What makes the terminal plain for a question, with the alternate screen
 * shown and empty. With `rows` of a terminal that may have no such screen, what
 * is on its only one is moved up and out, to where lines go that were shown.
 * Returns the length written to `text` (MODES_TEXT bytes). */
size_t modes_leave(const struct modes *modes, unsigned rows, char *text);

/** What undoes modes_leave(). */
size_t modes_return(const struct modes *modes, char *text);

/** What puts a terminal right that a program left as it was when it died. */
size_t modes_reset(const struct modes *modes, char *text);

#endif
