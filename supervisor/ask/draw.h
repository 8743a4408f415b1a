/*
 * The look of a question: what is wanted, by whom, by which rule, and the keys.
 */
#ifndef SUPERVISOR_ASK_DRAW_H
#define SUPERVISOR_ASK_DRAW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct draw {
	json_t *question;  /**< as it came; NULL: none */
	json_t *stack;	   /**< lines, once they came */
	long long waiting; /**< further ones */
	unsigned rows, columns;
	enum draw_view {
		DRAW_QUESTION = 0,
		DRAW_CONFIRM, /**< `rule` would be kept: Enter */
		DRAW_EDIT,    /**< `rule` is being written */
		DRAW_REASON,  /**< why it is refused, in `rule` */
		DRAW_WHY,
		DRAW_STACK,
		DRAW_HELP,
	} view;
	bool ready;	     /**< a key counts */
	unsigned ready_row;  /**< where that is said; 0: nowhere */
	const char *verdict; /**< what Enter gives */
	char rule[8192];
	size_t wider; /**< the next wider rule that is offered */
	long long covers,
		covers_of; /**< of the questions so far; of 0: not known */
	char error[512];
};

/** No question; what it holds is freed. */
void draw_clear(struct draw *draw);

/** Draw the whole screen. */
void draw_question(struct draw *draw, int terminal);

/** Only how many wait. */
void draw_waiting(const struct draw *draw, int terminal);

/** Only whether a key counts. */
void draw_ready(const struct draw *draw, int terminal);

/** Who asks, in a word: bytes of a program's choice, for free(). */
char *draw_program(const struct draw *draw);

/** Ring the bell; and have the terminal tell the `desktop` where it can. */
void draw_notice(const char *program, bool desktop, int terminal);

/** The question as plain lines, and how it is answered; and that it can be. */
void draw_lines(const struct draw *draw, int terminal);
void draw_lines_help(const struct draw *draw, int terminal);
void draw_lines_ready(int terminal);

#endif
