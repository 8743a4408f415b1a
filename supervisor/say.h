/*
 * What interpose says to the user: on standard error, one line a message, each
 * beginning with its name. Control characters are shown as \xNN, so that what a
 * program chose cannot act on the terminal.
 */
#ifndef SUPERVISOR_SAY_H
#define SUPERVISOR_SAY_H

/** Say one line. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
