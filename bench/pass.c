/*
 * The least that a program can do between two terminals, to be compared with:
 * `pass PROGRAM [ARG...]` runs it on a terminal of its own and writes what
 * comes out of that, as much as is there at a time. It looks at nothing, keeps
 * nothing and reads no keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char buffer[65536];

static void put(size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t wrote =
			write(STDOUT_FILENO, buffer + done, length - done);

		if (wrote <= 0)
			exit(1);
		done += (size_t)wrote;
	}
}

/* Returns false at the end. */
static bool pass(int master)
{
	struct pollfd fd = {.fd = master, .events = POLLIN};
	size_t length = 0;
	ssize_t got = 1;

	(void)poll(&fd, 1, -1);
	while (got > 0 && length < sizeof(buffer)) {
		got = read(master, buffer + length, sizeof(buffer) - length);
		if (got > 0)
			length += (size_t)got;
	}
	bool more = got > 0 || (got < 0 && errno == EAGAIN);

	put(length);
	return more;
}

int main(int argc, char **argv)
{
	struct termios mode;
	struct winsize size;
	int master, status = 1;

	if (argc < 2 || tcgetattr(STDIN_FILENO, &mode) ||
	    ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		return 2;
	pid_t pid = forkpty(&master, NULL, &mode, &size);

	if (pid < 0)
		return 1;
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	cfmakeraw(&mode);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
	(void)fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	while (pass(master))
		;
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
