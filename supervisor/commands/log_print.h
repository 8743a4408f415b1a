/*
 * interpose log: an event as one line for a person.
 */
#ifndef SUPERVISOR_COMMANDS_LOG_PRINT_H
#define SUPERVISOR_COMMANDS_LOG_PRINT_H

#include "supervisor/audit_read.h"

#include <stdbool.h>
#include <stdio.h>

/**
 * Print a readable entry: local time, verdict or event, action, subject or
 * arguments; then, in brackets, the program and why. Nothing that a program
 * chose reaches the terminal as a control character.
 */
void log_print(FILE *out, const struct audit_entry *entry, bool colour);

/** Print one argument, quoted where a shell would want it. */
void log_print_argument(FILE *out, const char *argument, size_t length);

/** May colour be used on a stream? Only on a terminal, never with NO_COLOR. */
bool log_colour(FILE *out);

#endif
