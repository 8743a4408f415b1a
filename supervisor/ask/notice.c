#include "supervisor/ask/notice.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/ask/page.h"

enum {
	MOST_SHOWN = 100, /* bytes of a program's name */
	SECONDS = 10,	  /* that it may take */
};

/* ---------------------------------------------------------- which program --
 */

/* May none but root change what has that name, or put another there? The path
 * has no symbolic links. */
static bool is_roots(const char *path)
{
	char part[PATH_MAX];
	struct stat status;

	snprintf(part, sizeof(part), "%s", path);
	if (stat(part, &status) || !S_ISREG(status.st_mode) ||
	    status.st_uid != 0 || status.st_mode & (S_IWGRP | S_IWOTH))
		return false;
	for (char *end; (end = strrchr(part, '/'));) {
		*end = '\0';
		if (stat(part[0] ? part : "/", &status) || status.st_uid != 0)
			return false;
		/* In /tmp nobody can replace what is root's. */
		if (status.st_mode & (S_IWGRP | S_IWOTH) &&
		    !(status.st_mode & S_ISVTX))
			return false;
	}
	return true;
}

/* The first of that name on PATH that is root's. */
static bool find(char path[PATH_MAX])
{
	const char *list = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";

	for (size_t length; *list; list += length + (list[length] == ':')) {
		char name[PATH_MAX];

		length = strcspn(list, ":");
		int size = snprintf(name, sizeof(name), "%.*s/notify-send",
				    (int)length, list);

		if (*list == '/' && size > 0 && (size_t)size < sizeof(name) &&
		    realpath(name, path) && is_roots(path) &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static bool has_bus(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	char path[PATH_MAX];

	if (address && *address)
		return true;
	if (!runtime || *runtime != '/')
		return false;
	snprintf(path, sizeof(path), "%s/bus", runtime);
	return access(path, F_OK) == 0;
}

/* ---------------------------------------------------------------- its text --
 */

/* What a notice shows may be markup: none of it is the program's. */
static char *body_of(const char *program)
{
	auto_free char *shown = NULL;
	struct text name = {0}, body = {0};
	char *result = NULL;

	page_shown(&name, program);
	if (text_finish(&name, &shown) || !shown)
		return NULL;
	size_t length = strlen(shown);

	if (length > MOST_SHOWN)
		for (length = MOST_SHOWN;
		     length && (shown[length] & 0xc0) == 0x80;)
			length--;
	for (size_t i = 0; i < length; i++)
		if (shown[i] == '&')
			text_add_string(&body, "&amp;");
		else if (shown[i] == '<')
			text_add_string(&body, "&lt;");
		else if (shown[i] == '>')
			text_add_string(&body, "&gt;");
		else
			text_add_byte(&body, shown[i]);
	text_add_string(&body, " waits for an answer");
	return text_finish(&body, &result) ? NULL : result;
}

/* ------------------------------------------------------------- the process --
 */

/* Only what leads to the desktop: NAME=VALUE each. */
static void fill_environment(char *environment[])
{
	static const char *const names[] = {
		"DBUS_SESSION_BUS_ADDRESS",
		"XDG_RUNTIME_DIR",
		"DISPLAY",
		"WAYLAND_DISPLAY",
		"XAUTHORITY",
		"HOME",
		"LANG",
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);

		if (value &&
		    asprintf(&environment[count], "%s=%s", names[i], value) > 0)
			count++;
	}
	environment[count] = NULL;
}

static void __attribute__((noreturn)) run(const char *path, char *body)
{
	char name[] = "notify-send", app[] = "--app-name=interpose";
	char end[] = "--", title[] = "interpose";
	char *arguments[] = {name, app, end, title, body, NULL};
	char *environment[8];
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			_exit(127);
	if (chdir("/"))
		_exit(127);
	setsid();
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Survives the exec: a bus that does not answer ends it. */
	alarm(SECONDS);
	fill_environment(environment);
	close_range(3, ~0U, 0);
	execve(path, arguments, environment);
	_exit(127);
}

bool notice_send(struct notice *notice, const char *program)
{
	const char *wanted = getenv("INTERPOSE_NOTIFY");
	struct pollfd last = {.fd = notice->running, .events = POLLIN};
	char path[PATH_MAX];

	if (!program || geteuid() == 0 ||
	    (wanted && strcmp(wanted, "off") == 0) || !has_bus())
		return false;
	if (notice->running >= 0 && poll(&last, 1, 0) == 0)
		return false;
	auto_free char *body = find(path) ? body_of(program) : NULL;

	if (!body)
		return false;
	pid_t child = fork();

	if (child == 0)
		run(path, body);
	if (child < 0)
		return false;
	if (notice->running >= 0)
		close(notice->running);
	/* Linux 5.3; it is one that we may wait for, so it is no other yet. */
	notice->running = (int)syscall(SYS_pidfd_open, child, 0);
	return true;
}
