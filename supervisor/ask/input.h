/*
 * Which key is an answer: what comes from a terminal while a question is shown.
 *
 * Theory of operation. When a question has been drawn, the terminal is asked
 * where its cursor is, which was put at a place chosen by chance. All that
 * comes before that reply was typed, or sent by the terminal, before the
 * question could be seen: it is the program's, and goes to it. So reports that
 * a program provoked (colours, titles, settings) cannot be answers: a terminal
 * answers in the order in which it was asked. After the reply there must have
 * been 700 ms without any input; then a key counts that is one plain byte and
 * is followed by nothing for 40 ms. Anything else (a paste, a sequence, two
 * keys at once) is dropped, and the quiet time begins anew. That it is over is
 * settled by input_open(), when nothing that was typed is left to be read: who is
 * held up must not take for quiet what it has not read.
 */
#ifndef SUPERVISOR_ASK_INPUT_H
#define SUPERVISOR_ASK_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INPUT_SEQUENCE = 256, /* the longest sequence that is waited for */
	INPUT_REQUEST = 64,   /* room for what asks the terminal */
	INPUT_QUIET_MS = 700,
	INPUT_SOON_MS = 300, /* for a second key, of a question that was read */
};

struct input {
	enum {
		INPUT_PLAIN = 0,
		INPUT_ESCAPE,
		INPUT_CSI,
		INPUT_STRING,
		INPUT_STRING_ESCAPE,
		INPUT_PASTE,
	} state;
	char sequence[INPUT_SEQUENCE];
	size_t sequence_length;
	bool seen;  /* the reply to our request came: the screen is drawn */
	bool text;  /* a line is being typed: its bytes count at once */
	bool lines; /* nothing but lines is read: their ends count at once, too
		     */
	unsigned row, column;
	int64_t quiet_since; /* ms */
	int quiet;	     /* how long it must be */
	bool open;	     /* it was, with all read that was typed */
	char key;	     /* may become an answer at `due`; 0: none */
	int64_t due;
	/** A key that counts; ESC is that key alone. */
	void (*take)(void *context, char key);
	void *context;
};

/** Milliseconds of the clock that never goes back. */
int64_t input_now(void);

/** Something else is shown: nothing that was typed before counts. */
void input_forget(struct input *input);

/** A screen of that size was drawn: quiet begins, for `quiet` ms. */
void input_drawn(struct input *input, int quiet);

/** What asks the terminal of that size for its reply, to be written behind what
 * was drawn. Returns its length; 0 where it replied already. */
size_t input_request(struct input *input, unsigned rows, unsigned columns,
		     char request[INPUT_REQUEST]);

/** Take one byte. What is the program's is put to `rest` (of at least twice
 * INPUT_SEQUENCE bytes), and its length returned. */
size_t input_byte(struct input *input, char byte, char *rest);

/** Has it been quiet for long enough? */
bool input_ready(const struct input *input);

/** A key counts from now on: it was quiet, and nothing that was typed before is
 * left to be read. */
void input_open(struct input *input);

/** Act on what is due; returns whether anything was. */
bool input_tick(struct input *input);

/** Milliseconds until input_tick() or a change of input_ready() is due; -1: not
 * at all. */
int input_timeout(const struct input *input);

#endif
