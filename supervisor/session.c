#include "supervisor/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/record.h"
#include "supervisor/say.h"

void session_fail(struct session *session, const char *cause, ...)
{
	char text[512];
	uint64_t one = 1;
	va_list list;

	/* The first cause is the one to be told; others follow from it. */
	if (atomic_exchange(&session->failed, true))
		return;
	va_start(list, cause);
	vsnprintf(text, sizeof(text), cause, list);
	va_end(list);
	say("%s; the session is ended", text);
	record_error(session, text);
	(void)!write(session->wake, &one, sizeof(one));
}
