#include "supervisor/ask/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/ask/clipboard.h"
#include "supervisor/ask/modes.h"
#include "supervisor/ask/outlet.h"
#include "supervisor/ask/prompt.h"
#include "supervisor/ask/terminal.h"

enum {
	CHUNK = 64 * 1024,
	MOST_KEPT = 4 * 1024 * 1024, /* of output while a question stands */
	WHOLE_MS = 100,	    /* how long a half-written sequence is waited for */
	NUDGE_MS = 80,	    /* how long another size is pretended */
	LOOK_MS = 500,	    /* in the background: are we in front again? */
	OTHERS_MS = 300,    /* who else may want the terminal has it by then */
	NOTICE_MS = 10000,  /* a question that nobody seems to see */
	ROUNDS = 8,	    /* chunks of output before keys are looked for */
	PATIENCE_MS = 1000, /* with a terminal that takes nothing, at an end
			     * that something was killed for */
};

struct relay {
	int terminal, master, slave;
	int sockets[2]; /* ours, the supervisor's */
	struct termios original;
	bool raw, lines, eof;
	bool single;	   /* the terminal may have no second screen */
	bool elsewhere[3]; /* standard input, output, error: not the terminal */
	bool shared;	   /* one of them: others may use the terminal, too */
	bool yielded;	   /* one does, and reads its keys */
	bool rung;	   /* meanwhile there was a bell for a question */
	int64_t raw_from;  /* not before: ms */
	struct termios ours; /* as we set it */
	bool gone;	     /* the terminal was hung up */
	struct outlet out;
	struct clipboard clipboard;
	struct modes modes;
	struct prompt *prompt;
	bool asking;	/* a question is on the screen */
	int64_t wanted; /* since when one waits to be; 0: none */
	int64_t nudged; /* the size is to be put right after this */
	int64_t unseen; /* since when no key was pressed; 0: it was noticed */
	char *kept;	/* output while a question stands */
	size_t kept_length;
	char *typed; /* for the program, not taken yet */
	size_t typed_length;
	char buffer[CHUNK];
	char *filtered; /* room for what comes of it */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int relay_new(const struct relay_options *options, struct relay **result)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	struct winsize size;

	if (!relay)
		return -ENOMEM;
	relay->slave = relay->sockets[0] = relay->sockets[1] = -1;
	relay->lines = options->lines;
	relay->single = terminal_single();
	relay->clipboard.may_read = options->clipboard_read;
	relay->clipboard.may_write = options->clipboard_write;
	relay->filtered = malloc(clipboard_room(CHUNK));
	if (!relay->filtered)
		return -ENOMEM;
	modes_init(&relay->modes);
	relay->terminal =
		terminal_is_ours(0) ? fcntl(0, F_DUPFD_CLOEXEC, 3)
			   : open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	for (int fd = 0; fd <= 2; fd++)
		relay->elsewhere[fd] = !terminal_is_ours(fd);
	relay->shared = relay->elsewhere[0] || relay->elsewhere[1] ||
			relay->elsewhere[2];
	if (relay->shared)
		relay->raw_from = now_ms() + OTHERS_MS;
	relay->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (relay->terminal < 0 || relay->master < 0 ||
	    grantpt(relay->master) || unlockpt(relay->master) ||
	    tcgetattr(relay->terminal, &relay->original) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, relay->sockets))
		return -errno;
	relay->slave = ioctl(relay->master, TIOCGPTPEER,
			     O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (relay->slave < 0)
		return -errno;
	(void)tcsetattr(relay->slave, TCSANOW, &relay->original);
	if (ioctl(relay->terminal, TIOCGWINSZ, &size) == 0)
		(void)ioctl(relay->slave, TIOCSWINSZ, &size);
	*result = relay;
	return 0;
}

/* ------------------------------------------------------- in the supervisor --
 */

int relay_enter(struct relay *relay)
{
	close(relay->master);
	close(relay->sockets[0]);
	relay->master = relay->sockets[0] = -1;
	if (setsid() < 0 || ioctl(relay->slave, TIOCSCTTY, 0))
		return -errno;
	for (int fd = 0; fd <= 2; fd++)
		if (!relay->elsewhere[fd] && dup2(relay->slave, fd) < 0)
			return -errno;
	close(relay->slave);
	relay->slave = -1;
	return relay->sockets[1];
}

void relay_leave(struct relay *relay)
{
	close(relay->master);
	close(relay->slave);
	close(relay->sockets[0]);
	close(relay->sockets[1]);
}

void relay_rescue(struct relay *relay)
{
	static const char right[] =
		"\x18\x1b\\\x1b[?1000;1002;1003;1004;1006;2004;2026l\x1b[?1l"
		"\x1b[?1049l\x1b[?25h\x1b[?7h\x1b>\x1b[0m\r\n";

	(void)tcsetattr(relay->terminal, TCSANOW, &relay->original);
	(void)!write(relay->terminal, right, sizeof(right) - 1);
}

/* --------------------------------------------------------- in the guardian --
 */

static bool in_front(const struct relay *relay)
{
	return tcgetpgrp(relay->terminal) == getpgrp();
}

static void set_raw(struct relay *relay, bool raw)
{
	struct termios mode = relay->original;

	if (raw && !in_front(relay))
		return;
	if (raw)
		cfmakeraw(&mode);
	/* What else writes there ends its lines as ever. */
	if (raw && relay->shared)
		mode.c_oflag = relay->original.c_oflag;
	if (raw != relay->raw &&
	    tcsetattr(relay->terminal, TCSADRAIN, &mode) == 0) {
		relay->raw = raw;
		(void)tcgetattr(relay->terminal, &relay->ours);
	}
}

/* Does a program that is none of the session's read keys, as a pager does
 * behind us? It has the terminal then, until it ends. One starts
 * about when we do: what it saves, to be put back when it ends, must not be our
 * mode. */
static void look_for_others(struct relay *relay)
{
	struct termios mode;

	if (!relay->shared || relay->asking || !in_front(relay) ||
	    tcgetattr(relay->terminal, &mode))
		return;
	bool changed = relay->raw && (mode.c_lflag != relay->ours.c_lflag ||
				      mode.c_iflag != relay->ours.c_iflag);

	if (!relay->raw || changed) {
		relay->yielded = !(mode.c_lflag & ICANON);
		relay->original = mode;
		relay->raw = false;
	}
}

/* Raw, once it may be. */
static void want_raw(struct relay *relay)
{
	look_for_others(relay);
	if (!relay->raw && !relay->yielded && now_ms() >= relay->raw_from)
		set_raw(relay, true);
}

static void show(struct relay *relay, const char *bytes, size_t length)
{
	outlet_put(&relay->out, bytes, length);
}

void relay_begin(struct relay *relay)
{
	close(relay->slave);
	close(relay->sockets[1]);
	relay->slave = relay->sockets[1] = -1;
	relay->prompt =
		prompt_new(relay->sockets[0], relay->terminal, relay->lines);
	(void)fcntl(relay->master, F_SETFL, O_RDWR | O_NONBLOCK);
	outlet_open(&relay->out, relay->terminal);
	want_raw(relay);
}

void relay_poll(struct relay *relay, struct pollfd fds[RELAY_FDS])
{
	size_t kept = outlet_kept(&relay->out);
	/* A question waits until all that was read is shown. */
	bool read_output = !relay->eof && relay->kept_length < MOST_KEPT &&
			   kept < (relay->wanted ? 1 : CHUNK);

	if (!relay->raw || relay->shared)
		want_raw(relay);
	fds[0] = (struct pollfd){
		.fd = relay->raw && !relay->gone &&
				      (relay->asking ||
				       relay->typed_length < CHUNK)
			      ? relay->terminal
			      : -1,
		.events = POLLIN,
	};
	fds[1] = (struct pollfd){.fd = relay->eof ? -1 : relay->master};
	if (read_output)
		fds[1].events |= POLLIN;
	if (relay->typed_length)
		fds[1].events |= POLLOUT;
	if (!fds[1].events)
		fds[1].fd = -1;
	fds[2] = (struct pollfd){.fd = relay->sockets[0], .events = POLLIN};
	fds[3] = (struct pollfd){.fd = kept ? relay->out.fd : -1,
				 .events = POLLOUT};
}

int relay_timeout(const struct relay *relay)
{
	int due = relay->prompt && relay->asking ? prompt_timeout(relay->prompt)
						 : -1;
	int64_t left = INT32_MAX, now = now_ms();

	if (due >= 0)
		left = due;
	if (relay->wanted && relay->wanted + WHOLE_MS - now < left)
		left = relay->wanted + WHOLE_MS - now;
	if (relay->nudged && relay->nudged - now < left)
		left = relay->nudged - now;
	if (relay->asking && relay->unseen &&
	    relay->unseen + NOTICE_MS - now < left)
		left = relay->unseen + NOTICE_MS - now;
	if ((!relay->raw || relay->shared) && left > LOOK_MS)
		left = LOOK_MS;
	if (relay->raw_from > now && left > relay->raw_from - now)
		left = relay->raw_from - now;
	return left == INT32_MAX ? -1 : left > 0 ? (int)left : 0;
}

static void size_as(struct relay *relay, unsigned short fewer)
{
	struct winsize size;

	if (ioctl(relay->terminal, TIOCGWINSZ, &size))
		return;
	if (size.ws_row > fewer + 1U)
		size.ws_row = (unsigned short)(size.ws_row - fewer);
	(void)ioctl(relay->master, TIOCSWINSZ, &size);
}

void relay_resized(struct relay *relay)
{
	size_as(relay, 0);
	if (relay->asking)
		prompt_draw(relay->prompt);
}

/* For the program: what it does not take now is kept, in order. */
static void type(struct relay *relay, const char *bytes, size_t length)
{
	/* While a question stands its answer may be behind what the program
	 * does not read: as on any terminal, what is too much is lost. */
	if (relay->typed_length >= CHUNK)
		length = 0;
	char *grown = realloc(relay->typed, relay->typed_length + length + 1);

	if (!grown)
		return;
	relay->typed = grown;
	memcpy(grown + relay->typed_length, bytes, length);
	relay->typed_length += length;
	ssize_t put = write(relay->master, grown, relay->typed_length);

	if (put <= 0)
		return;
	relay->typed_length -= (size_t)put;
	memmove(grown, grown + put, relay->typed_length);
}

static void read_keys(struct relay *relay)
{
	char bytes[4096], rest[8192];
	ssize_t got = read(relay->terminal, bytes, sizeof(bytes));

	if (got <= 0)
		return;
	if (!relay->asking) {
		type(relay, bytes, (size_t)got);
		return;
	}
	/* The terminal's first reply is none of a person's. */
	if (prompt_ready(relay->prompt))
		relay->unseen = 0;
	size_t length = prompt_input(relay->prompt, bytes, (size_t)got, rest);

	if (length)
		type(relay, rest, length);
}

static void keep(struct relay *relay, const char *bytes, size_t length)
{
	char *grown = realloc(relay->kept, relay->kept_length + length);

	if (!grown)
		return;
	relay->kept = grown;
	memcpy(grown + relay->kept_length, bytes, length);
	relay->kept_length += length;
}

/* What is there of output, up to a chunk. Returns its length. */
static size_t read_chunk(struct relay *relay)
{
	size_t length = 0;

	/* A pty gives a few KiB at a time: what is there is taken at once. */
	while (length < CHUNK) {
		ssize_t got = read(relay->master, relay->buffer + length,
				   CHUNK - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0) {
			relay->eof = true;
			break;
		}
		length += (size_t)got;
	}
	return length;
}

/* What the policy lets pass of the chunk. */
static const char *without_clipboard(struct relay *relay, size_t *length)
{
	if (relay->clipboard.may_read && relay->clipboard.may_write)
		return relay->buffer;
	*length = clipboard_filter(&relay->clipboard, relay->buffer, *length,
				   relay->filtered);
	return relay->filtered;
}

static void read_output(struct relay *relay)
{
	/* Who writes fast has written more by the time a chunk is shown. */
	for (int round = 0; round < ROUNDS && !relay->eof; round++) {
		size_t length = read_chunk(relay);

		if (length == 0)
			return;
		const char *bytes = without_clipboard(relay, &length);

		if (relay->asking) {
			keep(relay, bytes, length);
			return;
		}
		modes_feed(&relay->modes, bytes, length);
		show(relay, bytes, length);
		if (outlet_kept(&relay->out) || relay->wanted)
			return;
	}
}

/* ------------------------------------------------------------- questions -- */

static void ask(struct relay *relay)
{
	char text[MODES_TEXT];

	/* Another question takes the place of the last one without a flicker.
	 */
	if (!relay->asking && !relay->lines) {
		struct winsize size = {0};

		if (relay->single)
			(void)ioctl(relay->terminal, TIOCGWINSZ, &size);
		show(relay, text,
		     modes_leave(&relay->modes, size.ws_row, text));
		outlet_drain(&relay->out, -1);
	}
	relay->asking = true;
	relay->wanted = 0;
	relay->unseen = now_ms();
	prompt_draw(relay->prompt);
}

static void asked(struct relay *relay)
{
	char text[MODES_TEXT];

	relay->asking = false;
	if (relay->lines) {
		const char *news = prompt_news(relay->prompt);
		char line[320];
		int length = snprintf(line, sizeof(line),
				      "\r\ninterpose: %s\r\n", news ?: "done");

		show(relay, line, (size_t)length);
	} else {
		show(relay, text, modes_return(&relay->modes, text));
	}
	if ((modes_alternate(&relay->modes) || relay->single) &&
	    !relay->lines) {
		/* Its owner draws it anew when its size has changed. */
		size_as(relay, 1);
		relay->nudged = now_ms() + NUDGE_MS;
	}
	modes_feed(&relay->modes, relay->kept, relay->kept_length);
	show(relay, relay->kept, relay->kept_length);
	free(relay->kept);
	relay->kept = NULL;
	relay->kept_length = 0;
}

static void update(struct relay *relay)
{
	int64_t now = now_ms();

	if (relay->nudged && now >= relay->nudged) {
		relay->nudged = 0;
		size_as(relay, 0);
	}
	if (relay->asking && relay->unseen &&
	    now - relay->unseen >= NOTICE_MS) {
		relay->unseen = 0;
		prompt_notice(relay->prompt);
	}
	/* Who reads keys would read the answer. It waits for the end of that,
	 * or for `interpose approve`. */
	if (relay->yielded && !relay->rung && prompt_wanted(relay->prompt))
		prompt_notice(relay->prompt);
	relay->rung = relay->yielded && prompt_wanted(relay->prompt);
	if (relay->asking && !prompt_wanted(relay->prompt)) {
		asked(relay);
	} else if (!relay->asking && prompt_wanted(relay->prompt) &&
		   relay->raw && !relay->nudged) {
		if (!relay->wanted)
			relay->wanted = now;
		if (outlet_kept(&relay->out) == 0 &&
		    (modes_whole(&relay->modes) ||
		     now - relay->wanted >= WHOLE_MS))
			ask(relay);
	}
}

void relay_serve(struct relay *relay, const struct pollfd fds[RELAY_FDS])
{
	if (fds[0].revents)
		read_keys(relay);
	/* It will not come back, and poll(2) would say so for ever; the program
	 * is told by SIGHUP, and may live on. */
	if (fds[0].revents & (POLLHUP | POLLERR))
		relay->gone = true;
	if (fds[1].revents & (POLLIN | POLLHUP))
		read_output(relay);
	if (fds[1].revents & POLLOUT)
		type(relay, "", 0);
	if (fds[3].revents)
		outlet_flush(&relay->out);
	if (!relay->prompt)
		return;
	if (fds[2].revents) {
		bool was = relay->asking && prompt_wanted(relay->prompt);

		if (!prompt_receive(relay->prompt)) {
			close(relay->sockets[0]);
			relay->sockets[0] = -1;
		}
		/* One question after another: drawn in the place of the last.
		 */
		if (was && prompt_wanted(relay->prompt) &&
		    prompt_news(relay->prompt)) {
			relay->unseen = now_ms();
			prompt_draw(relay->prompt);
		}
	}
	if (relay->asking)
		prompt_tick(relay->prompt);
	update(relay);
}

/* ------------------------------------------------------------- the end -- */

void relay_pause(struct relay *relay)
{
	/* What it wrote before it stopped. */
	while (!relay->eof && !relay->asking) {
		struct pollfd fd = {.fd = relay->master, .events = POLLIN};

		if (poll(&fd, 1, 0) <= 0 || !(fd.revents & POLLIN))
			break;
		read_output(relay);
	}
	if (relay->asking)
		asked(relay);
	outlet_drain(&relay->out, -1);
	set_raw(relay, false);
}

void relay_resume(struct relay *relay)
{
	struct termios mode;

	/* What the shell, or stty in it, made of the terminal meanwhile. */
	if (in_front(relay) && !relay->raw &&
	    tcgetattr(relay->terminal, &mode) == 0)
		relay->original = mode;
	want_raw(relay);
	size_as(relay, 0);
}

void relay_end(struct relay *relay, bool died)
{
	char text[MODES_TEXT];

	if (relay->asking)
		asked(relay);
	while (!relay->eof) {
		struct pollfd fd = {.fd = relay->master, .events = POLLIN};

		if (poll(&fd, 1, 0) <= 0)
			break;
		read_output(relay);
	}
	char rest[CLIPBOARD_HELD];

	show(relay, rest, clipboard_end(&relay->clipboard, rest));
	if (died)
		show(relay, text, modes_reset(&relay->modes, text));
	outlet_drain(&relay->out, died ? PATIENCE_MS : -1);
	if (relay->raw) {
		relay->raw = false;
		(void)tcsetattr(relay->terminal, TCSADRAIN, &relay->original);
	}
	prompt_free(relay->prompt);
	free(relay->kept);
	free(relay->typed);
	free(relay->filtered);
	outlet_close(&relay->out);
	close(relay->master);
	close(relay->terminal);
	if (relay->sockets[0] >= 0)
		close(relay->sockets[0]);
	free(relay);
}
