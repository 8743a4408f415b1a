#include "supervisor/ask/input.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { ALONE_MS = 40 }; /* a key that nothing follows */

int64_t input_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is typed counts after some quiet, from now on. */
static void quieten(struct input *input)
{
	input->quiet_since = input_now();
	input->open = false;
}

void input_forget(struct input *input)
{
	input->key = 0;
	input->seen = input->text = input->open = false;
}

void input_drawn(struct input *input, int quiet)
{
	input->key = 0;
	quieten(input);
	input->quiet = quiet;
}

size_t input_request(struct input *input, unsigned rows, unsigned columns,
		     char request[INPUT_REQUEST])
{
	unsigned short random[2] = {1, 1};

	/* The program's output waits since the reply to the first request:
	 * nothing was asked of the terminal since but by us. */
	if (input->seen)
		return 0;
	(void)!getrandom(random, sizeof(random), GRND_NONBLOCK);
	input->row = 1U + random[0] % rows;
	input->column = 1U + random[1] % columns;
	return (size_t)snprintf(request, INPUT_REQUEST,
				"\x1b"
				"7\x1b[%u;%uH\x1b[6n\x1b"
				"8",
				input->row, input->column);
}

/* ----------------------------------------------------------------- bytes -- */

static void disturbed(struct input *input)
{
	input->key = 0;
	quieten(input);
}

bool input_ready(const struct input *input)
{
	return input->seen && input_now() - input->quiet_since >= input->quiet;
}

void input_open(struct input *input)
{
	input->open = input_ready(input);
}

static void plain(struct input *input, char byte)
{
	bool end = (byte == '\r' || byte == '\n') && !input->lines;

	if ((input->text && !end) || (input->lines && input->open)) {
		input->key = 0;
		input->take(input->context, byte);
		return;
	}
	if (input->key || !(input->text || input->open)) {
		disturbed(input);
		return;
	}
	input->key = byte;
	input->due = input_now() + ALONE_MS;
}

/* A whole sequence. Is it the reply to our request? */
static bool is_reply(const struct input *input)
{
	char reply[32];
	int length = snprintf(reply, sizeof(reply), "\x1b[%u;%uR", input->row,
			      input->column);

	return input->sequence_length == (size_t)length &&
	       memcmp(input->sequence, reply, (size_t)length) == 0;
}

static bool ends(struct input *input, unsigned char c)
{
	switch (input->state) {
	case INPUT_ESCAPE:
		if (c == '[') {
			input->state = INPUT_CSI;
			return false;
		}
		if (c == ']' || c == 'P' || c == '_' || c == '^') {
			input->state = INPUT_STRING;
			return false;
		}
		return c != 'O' && c != 0x1b;
	case INPUT_CSI:
		return c >= 0x40 && c <= 0x7e;
	case INPUT_STRING:
		if (c == 0x1b)
			input->state = INPUT_STRING_ESCAPE;
		return c == 0x07;
	case INPUT_STRING_ESCAPE:
		return true;
	case INPUT_PASTE:
		/* Until ESC [ 201 ~; what is in it is nobody's. */
		return input->sequence_length >= 6 &&
		       memcmp(input->sequence + input->sequence_length - 6,
			      "\x1b[201~", 6) == 0;
	case INPUT_PLAIN:
		break;
	}
	return true;
}

static size_t sequence_done(struct input *input, char *rest)
{
	size_t length = input->sequence_length;

	input->sequence_length = 0;
	input->state = INPUT_PLAIN;
	/* Who wants to know whether the window is in front is told. */
	bool focus =
		length == 3 && (memcmp(input->sequence, "\x1b[I", 3) == 0 ||
				memcmp(input->sequence, "\x1b[O", 3) == 0);

	if (input->seen)
		disturbed(input);
	if (input->seen && !focus)
		return 0;
	memcpy(rest, input->sequence, length);
	return length;
}

/* A byte of a sequence. */
static size_t more(struct input *input, char byte, char *rest)
{
	size_t length = 0;

	if (input->sequence_length == INPUT_SEQUENCE) {
		/* Too long to be a report of use: its start is given up, its
		 * end is still waited for. */
		if (!input->seen) {
			length = INPUT_SEQUENCE - 8;
			memcpy(rest, input->sequence, length);
		}
		memmove(input->sequence, input->sequence + INPUT_SEQUENCE - 8,
			8);
		input->sequence_length = 8;
	}
	input->sequence[input->sequence_length++] = byte;
	if (input->sequence_length == 1 || !ends(input, (unsigned char)byte))
		return length;
	if (input->state == INPUT_CSI && input->sequence_length == 6 &&
	    input->seen && memcmp(input->sequence, "\x1b[200~", 6) == 0) {
		input->state = INPUT_PASTE;
		return length;
	}
	if (!input->seen && is_reply(input)) {
		input->seen = true;
		input->state = INPUT_PLAIN;
		input->sequence_length = 0;
		disturbed(input);
		return length;
	}
	return length + sequence_done(input, rest + length);
}

size_t input_byte(struct input *input, char byte, char *rest)
{
	if (input->state == INPUT_PLAIN && byte != 0x1b) {
		if (input->seen) {
			plain(input, byte);
			return 0;
		}
		rest[0] = byte;
		return 1;
	}
	if (input->state == INPUT_PLAIN) {
		input->state = INPUT_ESCAPE;
		input->sequence_length = 0;
		input->due = input_now() + ALONE_MS;
	}
	return more(input, byte, rest);
}

/* ------------------------------------------------------------------ time -- */

static bool alone(const struct input *input)
{
	return input->state == INPUT_ESCAPE && input->sequence_length == 1 &&
	       input->seen;
}

bool input_tick(struct input *input)
{
	char pressed = alone(input) ? '\x1b' : input->key;

	if (!pressed || input_now() < input->due)
		return false;
	input->key = 0;
	if (pressed == '\x1b') {
		input->state = INPUT_PLAIN;
		input->sequence_length = 0;
	} else {
		quieten(input);
	}
	input->take(input->context, pressed);
	return true;
}

int input_timeout(const struct input *input)
{
	int64_t now = input_now(), ready = input->quiet_since + input->quiet;
	int64_t at = -1;

	if (input->key || alone(input))
		at = input->due;
	if (input->seen && now < ready && (at < 0 || ready < at))
		at = ready;
	if (at < 0)
		return -1;
	return at > now ? (int)(at - now) : 0;
}
