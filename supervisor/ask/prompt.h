/*
 * The question at a terminal: drawn, and answered by keys. Used on the
 * session's own terminal (relay.c) and by `interpose approve`. Which key is an
 * answer is said in input.h; what is kept wants Enter after it was shown.
 */
#ifndef SUPERVISOR_ASK_PROMPT_H
#define SUPERVISOR_ASK_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prompt;

/**
 * `socket` speaks the protocol of clients.c and stays the caller's; `lines`:
 * plain lines in place of a drawn screen. Returns a prompt for prompt_free(),
 * or NULL.
 */
struct prompt *prompt_new(int socket, int terminal, bool lines);
void prompt_free(struct prompt *prompt);

/** Read what came on the socket. Returns false once it is closed. */
bool prompt_receive(struct prompt *prompt);

/** Is there a question to be shown? */
bool prompt_wanted(const struct prompt *prompt);

/** Draw it (the screen is empty, the terminal plain); also after a change of
 * its size. The time of quiet begins. */
void prompt_draw(struct prompt *prompt);

/**
 * Take input while a question is shown. What is the program's is put to `rest`
 * (of at least `length` + 512 bytes), and its length returned.
 */
size_t prompt_input(struct prompt *prompt, const char *bytes, size_t length,
		    char *rest);

/** Would a key count? */
bool prompt_ready(const struct prompt *prompt);

/** Draw the attention of a person who looks elsewhere. */
void prompt_notice(struct prompt *prompt);

/** Act on what is due. */
void prompt_tick(struct prompt *prompt);

/** Milliseconds until prompt_tick() is due; -1: not at all. */
int prompt_timeout(const struct prompt *prompt);

/** What happened to the last question, once, for a line of text: static or the
 * prompt's; NULL: nothing. */
const char *prompt_news(struct prompt *prompt);

#endif
