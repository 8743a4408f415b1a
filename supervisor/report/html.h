/*
 * Writing a page: what a program chose is text, whatever it is made of.
 */
#ifndef SUPERVISOR_REPORT_HTML_H
#define SUPERVISOR_REPORT_HTML_H

#include <stddef.h>

#include "policy/text.h"
#include "supervisor/report/report.h"

/** Add bytes as text of the page or of a quoted attribute: what commands or
 * deceives is shown as \xNN, what is markup is escaped. */
void html_text(struct text *text, const char *bytes, size_t length);
void html_string(struct text *text, const char *string);

/** The same, in `<code>`, cut after `most` bytes. */
void html_code(struct text *text, const char *string, size_t most);

/** The base name of a program, or nothing. */
void html_program(struct text *text, const char *exe);

/** `<section>` with its heading, and its end. */
void html_section(struct text *text, const char *id, const char *heading);
void html_section_end(struct text *text);

/** The sections that have a file of their own. */
void html_programs(const struct report *report, struct text *text);
void html_files(const struct report *report, struct text *text);

#endif
