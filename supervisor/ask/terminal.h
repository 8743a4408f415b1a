/*
 * What the terminal is that interpose was started on.
 */
#ifndef SUPERVISOR_ASK_TERMINAL_H
#define SUPERVISOR_ASK_TERMINAL_H

#include <stdbool.h>

/** Is the descriptor our controlling terminal? */
bool terminal_is_ours(int fd);

/** Can a question be put to the person at our controlling terminal? Unless
 * `chosen`, only where standard input and error are that terminal, and nobody
 * else, a pager behind us, say, has it to read single keys. */
bool terminal_possible(bool chosen);

/** May it have no second screen? By TERM and what GNU screen sets. */
bool terminal_single(void);

#endif
