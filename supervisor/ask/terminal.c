#include "supervisor/ask/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "policy/scope.h"

/* None other than it has a foreground group for us. */
bool terminal_is_ours(int fd)
{
	return isatty(fd) && tcgetpgrp(fd) >= 0;
}

bool terminal_possible(bool chosen)
{
	struct termios mode;

	if (!chosen)
		return terminal_is_ours(0) && terminal_is_ours(2) &&
		       (terminal_is_ours(1) ||
			(tcgetattr(0, &mode) == 0 && mode.c_lflag & ICANON));
	auto_fd terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return terminal >= 0 && terminal_is_ours(terminal);
}

/* The Linux console has none, and GNU screen only where `altscreen` is on: what
 * asks for it is passed over there. */
bool terminal_single(void)
{
	const char *term = getenv("TERM");

	return getenv("STY") || (term && strncmp(term, "linux", 5) == 0);
}
