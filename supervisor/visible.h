/*
 * Text from programs, made fit for a terminal.
 */
#ifndef SUPERVISOR_VISIBLE_H
#define SUPERVISOR_VISIBLE_H

#include <stddef.h>
#include <stdio.h>

/**
 * Print bytes; each that is not part of a harmless character (see
 * utf8_deceives()) is shown as \xNN.
 */
void visible_put(FILE *out, const char *bytes, size_t length);
void visible_puts(FILE *out, const char *string);

/** The same, added to a text. */
struct text;
void visible_text(struct text *text, const char *bytes, size_t length);

#endif
