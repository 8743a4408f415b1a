/*
 * What a collector answers to a request of OTLP/HTTP.
 */
#ifndef SUPERVISOR_COMMANDS_EXPORT_ANSWER_H
#define SUPERVISOR_COMMANDS_EXPORT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPORT_ANSWER_MOST = 64 << 10 }; /**< bytes that are read of one */

struct export_answer {
	bool taken;   /**< a status of 2xx */
	bool again;   /**< to come again, as OTLP has it */
	bool delayed; /**< and after `seconds` */
	unsigned seconds;
	uint64_t rejected; /**< events that it did not take nonetheless */
	char *message;	   /**< its own words on that, or NULL */
};

/** Is the answer complete, as far as it says itself? Else it ends with the
 * connection. */
bool export_answer_complete(const char *bytes, size_t length);

/** Read an answer, which has a NUL at `length` and is changed. Returns 0, with
 * `answer` for export_answer_clear(), or -EPROTO where it is none. */
int export_answer_read(char *bytes, size_t length,
		       struct export_answer *answer);
void export_answer_clear(struct export_answer *answer);

#endif
