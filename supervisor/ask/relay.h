/*
 * The session's own terminal: a pty, whose bytes pass as they are both ways, so
 * that a question can be put on the user's terminal while the program's output
 * waits.
 *
 * The guardian relays: it is the process that the user's shell knows, and lives
 * as long as anything does. The supervisor leads the pty's session, and the
 * program is a job in it, so that its stops and starts are those of a job. A
 * stop of the program gives the terminal back and stops the guardian.
 */
#ifndef SUPERVISOR_ASK_RELAY_H
#define SUPERVISOR_ASK_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

struct relay;

enum { RELAY_FDS = 4 };

/** What a relay is to do, besides relaying. */
struct relay_options {
	bool lines;	     /**< questions as plain lines */
	bool clipboard_read; /**< may the session? */
	bool clipboard_write;
};

/** Make the pty. Returns 0 and a relay, or -errno. */
int relay_new(const struct relay_options *options, struct relay **relay);

/** In the supervisor: lead the pty's session, with it as standard input, output
 * and error. Returns the socket for questions, or -errno. */
int relay_enter(struct relay *relay);

/** In the warden: only the user's terminal stays open. */
void relay_leave(struct relay *relay);

/** When the guardian was killed: the terminal as it was. */
void relay_rescue(struct relay *relay);

/** In the guardian, once the supervisor is forked. */
void relay_begin(struct relay *relay);

/** The guardian's loop: what to wait for, how long (ms or -1), and then. */
void relay_poll(struct relay *relay, struct pollfd fds[RELAY_FDS]);
int relay_timeout(const struct relay *relay);
void relay_serve(struct relay *relay, const struct pollfd fds[RELAY_FDS]);

/** The terminal's size changed. */
void relay_resized(struct relay *relay);

/** Before and after the guardian stops. */
void relay_pause(struct relay *relay);
void relay_resume(struct relay *relay);

/** What is still to be shown, then the terminal as it was. `died`: something
 * was killed, and may have left the terminal in any mode. */
void relay_end(struct relay *relay, bool died);

#endif
