/*
 * A handler for every row of syscalls.def that has one, so that the table links
 * into tests that serve nothing. Each ends the test if it is called.
 */
#include <stdlib.h>

#include "supervisor/calls/calls.h"

/* clang-format off */
#define NATIVE(name, ...)
#define REFUSE(name, error, ...)
#define FILTER(name, test, ...)
#define SERVE(name, ...)                                                     \
	void call_##name(struct call *call)                                  \
	{                                                                    \
		(void)call;                                                  \
		abort();                                                     \
	}
#define SIFT(name, test, ...)  SERVE(name)
#define CREDENTIALS(name, ...) SERVE(name)
/* clang-format on */

#include "supervisor/syscalls.def"
