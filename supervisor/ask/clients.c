/*
 * Who can answer: the session's terminal on a socket of its own, and whoever of
 * the same user connects to `control` in the session's runtime directory.
 * interpose(1), ASKING, has the protocol: one JSON object a line, both ways.
 *
 * A client is shown one question at a time, the one that stands longest, so
 * that it never has more to read than it can keep up with; one that does not
 * read is dropped. Sockets do not block; all is done by the thread of ask.c,
 * under its lock.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"
#include "supervisor/ask/facts.h"
#include "supervisor/ask/questions.h"
#include "supervisor/jtext.h"
#include "supervisor/session.h"

static void drop(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->line);
	*client = (struct client){.fd = -1};
}

enum { WAITING_MS = 200 }; /* between two words on how many wait */

/* A whole line or nothing: half of one would be none. */
static void send_line(struct client *client, const char *line, size_t length)
{
	if (client->fd >= 0 &&
	    send(client->fd, line, length, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    (ssize_t)length)
		drop(client);
}

static void __attribute__((format(printf, 2, 3)))
tell(struct client *client, const char *format, ...)
{
	char line[1024];
	va_list list;

	va_start(list, format);
	int length = vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	if (length > 0 && (size_t)length < sizeof(line))
		send_line(client, line, (size_t)length);
}

static void tell_error(struct client *client, uint64_t id, const char *what)
{
	struct text text = {0};
	char *line = NULL;

	text_format(&text,
		    "{\"error\":%llu,\"message\":", (unsigned long long)id);
	text_add_json(&text, what, strlen(what));
	text_add_string(&text, "}\n");
	if (text_finish(&text, &line) == 0)
		send_line(client, line, strlen(line));
	free(line);
}

/* ---------------------------------------------------------------- coming -- */

static int add_client(struct ask *ask, int fd, bool terminal)
{
	for (size_t i = 0; i < QUESTIONS_CLIENTS; i++) {
		struct client *client = &ask->clients[i];

		if (client->fd >= 0)
			continue;
		client->line = malloc(QUESTIONS_LINE);
		if (!client->line)
			break;
		client->fd = fd;
		client->terminal = terminal;
		client->waiting = 0;
		client->shown = 0;
		return 0;
	}
	close(fd);
	return -EMFILE;
}

int clients_open(struct ask *ask)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t umask_before;
	int error = 0;

	if (ask->setup.terminal >= 0)
		error = add_client(ask, ask->setup.terminal, true);
	if (error)
		return error;
	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/proc/self/fd/%d/control", ask->setup.directory);
	ask->listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ask->listener < 0)
		return -errno;
	umask_before = umask(0177);
	if (bind(ask->listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(ask->listener, QUESTIONS_CLIENTS))
		error = -errno;
	umask(umask_before);
	return error;
}

void clients_close(struct ask *ask)
{
	for (size_t i = 0; i < QUESTIONS_CLIENTS; i++)
		drop(&ask->clients[i]);
	if (ask->listener >= 0)
		close(ask->listener);
}

static void accept_client(struct ask *ask)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	auto_fd fd = accept4(ask->listener, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	/* The directory keeps others out; and so does this. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) ||
	    peer.uid != getuid())
		return;
	(void)add_client(ask, take_fd(&fd), false);
}

/* --------------------------------------------------------------- answers -- */

static const struct {
	const char *word;
	enum verdict verdict;
	enum answer_kind kind;
} words[] = {
	{"once", VERDICT_ALLOW, ANSWER_ONCE},
	{"session", VERDICT_ALLOW, ANSWER_SESSION},
	{"project", VERDICT_ALLOW, ANSWER_PROJECT},
	{"deny", VERDICT_DENY, ANSWER_ONCE},
	{"deny-session", VERDICT_DENY, ANSWER_SESSION},
};

static char *string_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	char *copy = NULL;

	if (!json_is_string(value))
		return NULL;
	copy = malloc(json_string_length(value) + 1);
	if (copy)
		jtext_bytes(value, copy);
	return copy;
}

/* What a rule says is what happens: an `allow` for a yes, a `deny` for a no. */
static bool fits(enum verdict verdict, const char *rule)
{
	const char *word = verdict == VERDICT_ALLOW ? "allow " : "deny ";

	return strncmp(rule, word, strlen(word)) == 0;
}

static const char gone[] = "this question no longer stands";

static void take_answer(struct ask *ask, struct client *client, uint64_t id,
			const json_t *object)
{
	auto_free char *word = string_of(object, "verdict");
	auto_free char *rule = string_of(object, "rule");
	auto_free char *reason = string_of(object, "reason");
	auto_free char *message = NULL;
	size_t i = 0;

	while (i < sizeof(words) / sizeof(*words) &&
	       (!word || strcmp(words[i].word, word) != 0))
		i++;
	if (i == sizeof(words) / sizeof(*words)) {
		tell_error(client, id,
			   "verdict: not one of once, session, project, deny, "
			   "deny-session");
		return;
	}
	if (words[i].kind != ANSWER_ONCE && !rule) {
		tell_error(client, id, "rule: what is to be kept?");
		return;
	}
	if (words[i].kind != ANSWER_ONCE && !fits(words[i].verdict, rule)) {
		tell_error(client, id,
			   "rule: begin it with `allow` to allow, with `deny` "
			   "to deny");
		return;
	}
	int error = questions_answer(
		ask, id, words[i].verdict, words[i].kind, rule,
		client->terminal ? "the session's terminal" : "approve", reason,
		&message);

	if (error == -ENOENT && !message)
		tell_error(client, id, gone);
	else if (error)
		tell_error(client, id, message ?: strerror(-error));
}

/* {"try":7,"rule":"..."}: would it be granted, and what would it have covered?
 */
static void take_try(struct ask *ask, struct client *client, uint64_t id,
		     const json_t *object)
{
	const struct question *question = question_find(ask, id);
	auto_free char *rule = string_of(object, "rule");
	auto_free char *message = NULL;
	size_t covered, of;

	if (!question || !rule) {
		tell_error(client, id,
			   question ? "rule: which is to be tried?" : gone);
		return;
	}
	int error = past_try(ask, question, rule, &covered, &of, &message);

	if (error)
		tell_error(client, id, message ?: strerror(-error));
	else
		tell(client, "{\"tried\":%llu,\"covers\":%zu,\"of\":%zu}\n",
		     (unsigned long long)id, covered, of);
}

/* {"stack":7}: which functions led to it? */
static void take_stack(struct ask *ask, struct client *client, uint64_t id)
{
	struct question *question = question_find(ask, id);

	if (!question)
		tell_error(client, id, gone);
	else if (question->stack)
		send_line(client, question->stack, strlen(question->stack));
	else if (!question->looked)
		looks_take(ask, question);
}

static void take_line(struct ask *ask, struct client *client, const char *line,
		      size_t length)
{
	static const char *const kinds[] = {"answer", "try", "stack"};
	json_t *object = NULL;
	const json_t *id = NULL;
	size_t kind = 0;

	if (jtext_load(line, length, &object) == 0)
		while (kind < 3 && !(id = json_object_get(object, kinds[kind])))
			kind++;
	uint64_t number = (uint64_t)json_integer_value(id);

	if (!json_is_integer(id))
		tell_error(client, 0, "not an answer");
	else if (kind == 0)
		take_answer(ask, client, number, object);
	else if (kind == 1)
		take_try(ask, client, number, object);
	else
		take_stack(ask, client, number);
	json_decref(object);
}

static void read_client(struct ask *ask, struct client *client)
{
	ssize_t got = recv(client->fd, client->line + client->length,
			   QUESTIONS_LINE - client->length, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		/* Gone, half a line or not: that was no answer. */
		drop(client);
		return;
	}
	client->length += (size_t)got;
	while (client->fd >= 0) {
		char *end = memchr(client->line, '\n', client->length);

		if (!end)
			break;
		size_t used = (size_t)(end - client->line) + 1;

		take_line(ask, client, client->line, used - 1);
		if (client->fd < 0)
			return;
		memmove(client->line, client->line + used,
			client->length - used);
		client->length -= used;
	}
	if (client->length == QUESTIONS_LINE)
		drop(client);
}

/* --------------------------------------------------------------- serving -- */

size_t clients_poll(struct ask *ask, struct pollfd *fds)
{
	for (size_t i = 0; i < QUESTIONS_CLIENTS; i++)
		fds[i] = (struct pollfd){.fd = ask->clients[i].fd,
					 .events = POLLIN};
	fds[QUESTIONS_CLIENTS] =
		(struct pollfd){.fd = ask->listener, .events = POLLIN};
	return QUESTIONS_CLIENTS + 1;
}

void clients_serve(struct ask *ask, const struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (fds[i].fd >= 0 && fds[i].revents &&
		    ask->clients[i].fd == fds[i].fd)
			read_client(ask, &ask->clients[i]);
	if (fds[count - 1].revents & POLLIN)
		accept_client(ask);
}

/* What a client is shown: what it sees already, while that stands; else the
 * question that stands longest of those that someone waits for. */
static struct question *to_show(const struct ask *ask,
				const struct client *client)
{
	struct question *question = question_find(ask, client->shown);

	if (!question)
		question = ask->first;
	while (question && question->id != client->shown &&
	       !question->waiter_count)
		question = question->next;
	return question;
}

static void show(struct ask *ask, struct client *client,
		 struct question *question)
{
	const char *shown = question_shown(ask, question);
	struct text text = {0};
	char *line = NULL;

	if (!shown)
		return;
	text_format(&text, "%s,\"waiting\":%zu}\n", shown, ask->count - 1);
	client->shown = question->id;
	client->waiting = ask->count;
	if (text_finish(&text, &line) == 0)
		send_line(client, line, strlen(line));
	free(line);
}

void clients_update(struct ask *ask)
{
	for (size_t i = 0; i < QUESTIONS_CLIENTS; i++) {
		struct client *client = &ask->clients[i];
		struct question *question =
			client->fd < 0 ? NULL : to_show(ask, client);

		if (!question)
			continue;
		if (client->shown != question->id) {
			show(ask, client, question);
		} else if (client->waiting != ask->count &&
			   questions_now() - client->told >= WAITING_MS) {
			client->waiting = ask->count;
			client->told = questions_now();
			tell(client, "{\"waiting\":%zu}\n", ask->count - 1);
		}
	}
}

void clients_stack(struct ask *ask, const struct question *question)
{
	for (size_t i = 0; i < QUESTIONS_CLIENTS; i++) {
		struct client *client = &ask->clients[i];

		if (client->fd >= 0 && client->shown == question->id)
			send_line(client, question->stack,
				  strlen(question->stack));
	}
}

void clients_gone(struct ask *ask, uint64_t id, const char *who,
		  const char *verdict)
{
	for (size_t i = 0; i < QUESTIONS_CLIENTS; i++) {
		struct client *client = &ask->clients[i];

		if (client->fd < 0 || client->shown != id)
			continue;
		client->shown = 0;
		if (who)
			tell(client,
			     "{\"answered\":%llu,\"verdict\":\"%s\","
			     "\"by\":\"%s\"}\n",
			     (unsigned long long)id, verdict, who);
		else
			tell(client, "{\"withdrawn\":%llu}\n",
			     (unsigned long long)id);
	}
}
