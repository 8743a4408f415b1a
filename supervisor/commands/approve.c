#include "supervisor/commands/approve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/ask/modes.h"
#include "supervisor/ask/prompt.h"
#include "supervisor/say.h"
#include "supervisor/sessions.h"
#include "supervisor/visible.h"

/* ---------------------------------------------------------------- finding --
 */

/* The newest session that runs, where none is named. */
static int find_live(const char *name, struct session_entry *entry)
{
	struct session_entry *list = NULL;
	size_t count = 0;
	auto_free char *id = NULL;

	if (name)
		return sessions_find(name, entry);
	int error = sessions_list(&list, &count);

	for (size_t i = 0; i < count && !error && !id; i++)
		if (list[i].live)
			id = strdup(list[i].id);
	sessions_free(list, count);
	if (error)
		return error;
	return id ? sessions_find(id, entry) : -ENOENT;
}

static int connect_to(const struct session_entry *entry)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd directory =
		entry->info.runtime
			? open(entry->info.runtime,
			       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			: -1;
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (directory < 0 || fd < 0)
		return -ENOENT;
	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/proc/self/fd/%d/control", directory);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return take_fd(&fd);
}

/* ---------------------------------------------------------------- asking -- */

struct approval {
	struct prompt *prompt;
	struct modes modes;
	bool lines, asking, quit;
};

static void put(const char *bytes, size_t length)
{
	(void)!write(STDOUT_FILENO, bytes, length);
}

static void update(struct approval *approval)
{
	char text[MODES_TEXT];
	bool wanted = prompt_wanted(approval->prompt);

	if (wanted && !approval->asking) {
		if (!approval->lines)
			put(text, modes_leave(&approval->modes, 0, text));
		approval->asking = true;
		(void)prompt_news(approval->prompt);
		prompt_draw(approval->prompt);
	} else if (!wanted && approval->asking) {
		if (!approval->lines)
			put(text, modes_return(&approval->modes, text));
		approval->asking = false;
	}
	if (approval->asking)
		return;
	const char *news = prompt_news(approval->prompt);

	if (news)
		printf("%s\r\n", news);
	fflush(stdout);
}

static void read_keys(struct approval *approval)
{
	char bytes[4096], rest[8192];
	ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (got <= 0) {
		approval->quit = true;
		return;
	}
	if (approval->asking) {
		(void)prompt_input(approval->prompt, bytes, (size_t)got, rest);
		approval->quit = memchr(bytes, 3, (size_t)got) != NULL;
		return;
	}
	for (ssize_t i = 0; i < got; i++)
		approval->quit |=
			bytes[i] == 'q' || bytes[i] == 3 || bytes[i] == 4;
}

static void serve(struct approval *approval, int socket, int signals)
{
	struct pollfd fds[3] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = socket, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};

	while (!approval->quit) {
		struct signalfd_siginfo info;

		if (poll(fds, 3, prompt_timeout(approval->prompt)) < 0 &&
		    errno != EINTR)
			break;
		while (read(signals, &info, sizeof(info)) ==
		       (ssize_t)sizeof(info)) {
			if (info.ssi_signo != SIGWINCH)
				approval->quit = true;
			else if (approval->asking)
				prompt_draw(approval->prompt);
		}
		if (fds[0].revents)
			read_keys(approval);
		if (fds[1].revents) {
			bool was = approval->asking &&
				   prompt_wanted(approval->prompt);

			if (!prompt_receive(approval->prompt))
				approval->quit = true;
			else if (was && prompt_wanted(approval->prompt) &&
				 prompt_news(approval->prompt))
				prompt_draw(approval->prompt);
		}
		prompt_tick(approval->prompt);
		update(approval);
	}
}

static int approve(int socket, bool lines)
{
	struct approval approval = {.lines = lines};
	struct termios original, raw;
	char text[MODES_TEXT];
	sigset_t set;

	if (tcgetattr(STDIN_FILENO, &original)) {
		say("approve: standard input and output must be a terminal");
		return 1;
	}
	approval.prompt = prompt_new(socket, STDOUT_FILENO, lines);
	if (!approval.prompt)
		return 1;
	modes_init(&approval.modes);
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	auto_fd signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	raw = original;
	cfmakeraw(&raw);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	serve(&approval, socket, signals);
	if (approval.asking && !lines)
		put(text, modes_return(&approval.modes, text));
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &original);
	prompt_free(approval.prompt);
	return 0;
}

int command_approve(int argc, char **argv)
{
	struct session_entry entry;
	int at = 1;
	bool lines = at < argc && strcmp(argv[at], "--lines") == 0;

	at += lines;
	if (argc - at > 1 || (at < argc && argv[at][0] == '-')) {
		say("usage: interpose approve [--lines] [SESSION]");
		return 2;
	}
	int error = find_live(at < argc ? argv[at] : NULL, &entry);

	if (error) {
		say("approve: %s", error == -ENOENT ? "no such session runs"
						    : strerror(-error));
		return 1;
	}
	auto_fd socket = connect_to(&entry);

	if (socket < 0)
		say("%s: it does not run, or asks nobody (--ask)", entry.id);
	else
		printf("Questions of %s are shown here; q ends this.\n",
		       entry.id);
	fflush(stdout);
	int status = socket < 0 ? 1 : approve(socket, lines);

	session_entry_clear(&entry);
	return status;
}

/* -------------------------------------------------------------------- ps -- */

static void print_json(const struct session_entry *entry)
{
	struct text text = {0};
	char *line = NULL;

	text_add_string(&text, "{\"id\":");
	text_add_json(&text, entry->id, strlen(entry->id));
	text_format(&text, ",\"pid\":%lld,\"started\":\"%s\"",
		    (long long)entry->info.pid, entry->info.started);
	if (entry->info.project) {
		text_add_string(&text, ",\"project\":");
		text_add_json(&text, entry->info.project,
			      strlen(entry->info.project));
	}
	text_add_byte(&text, '}');
	if (text_finish(&text, &line) == 0)
		puts(line);
	free(line);
}

int command_ps(int argc, char **argv)
{
	struct session_entry *list = NULL;
	size_t count = 0;
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc > 1 && !json) {
		say("usage: interpose ps [--json]");
		return 2;
	}
	int error = sessions_list(&list, &count);

	if (error) {
		say("ps: %s", strerror(-error));
		return 1;
	}
	for (size_t i = 0; i < count; i++) {
		const struct session_entry *entry = &list[i];

		if (!entry->live)
			continue;
		if (json) {
			print_json(entry);
			continue;
		}
		printf("%-40s %7lld  ", entry->id, (long long)entry->info.pid);
		visible_puts(stdout, entry->info.project ?: "");
		putchar('\n');
	}
	sessions_free(list, count);
	return 0;
}
