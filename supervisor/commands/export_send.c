/* Where events go: an HTTP server, or a socket of syslog. */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/commands/export.h"
#include "supervisor/commands/export_answer.h"
#include "supervisor/commands/export_tls.h"
#include "supervisor/visible.h"

enum kind { KIND_HTTP = 0, KIND_UNIX, KIND_UDP, KIND_TCP };

enum {
	PATIENCE = 30, /* seconds, for a server */
	TRIES = 4,     /* where it says that it has no time now */
};

struct export_target {
	enum kind kind;
	char *name; /* as it was given */
	char *host, *port, *path;
	int fd;
	bool secure; /* TLS, by `tls`, on a channel */
	struct export_tls *tls;
	struct export_channel *channel;
	bool rejected; /* it did not take all that it was sent */
};

static int complain(const struct export_target *target, const char *why)
{
	fputs("interpose: ", stderr);
	visible_puts(stderr, target->name);
	fprintf(stderr, ": %s\n", why);
	return -EPROTO;
}

static bool is_port(const char *port)
{
	size_t digits = strspn(port, "0123456789");

	return digits && digits <= 5 && !port[digits] && atoi(port) > 0 &&
	       atoi(port) <= 65535;
}

/* HOST[:PORT] with brackets around an IPv6 address. */
static int take_host(struct export_target *target, const char *text,
		     size_t length, const char *port)
{
	const char *end = text + length, *colon = NULL;

	if (length && text[0] == '[') {
		const char *close = memchr(text, ']', length);

		if (!close)
			return -EINVAL;
		target->host = strndup(text + 1, (size_t)(close - text) - 1);
		colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
		if (close + 1 < end && !colon)
			return -EINVAL;
	} else {
		colon = memchr(text, ':', length);
		target->host =
			strndup(text, colon ? (size_t)(colon - text) : length);
	}
	if (colon)
		target->port = strndup(colon + 1, (size_t)(end - colon) - 1);
	else if (port)
		target->port = strdup(port);
	else
		return -EINVAL;
	if (!target->host || !target->port)
		return -ENOMEM;
	return target->host[0] && is_port(target->port) ? 0 : -EINVAL;
}

static int take_name(struct export_target *target)
{
	const char *name = target->name;
	size_t length;

	if (strncmp(name, "http://", 7) == 0 ||
	    strncmp(name, "https://", 8) == 0) {
		target->secure = name[4] == 's';
		name += target->secure ? 8 : 7;
		length = strcspn(name, "/");
		target->kind = KIND_HTTP;
		target->path =
			strdup(name[length] && name[length + 1] ? name + length
								: "/v1/logs");
		if (!target->path)
			return -ENOMEM;
		return take_host(target, name, length,
				 target->secure ? "443" : "4318");
	}
	if (strncmp(name, "unix:/", 6) == 0) {
		target->kind = KIND_UNIX;
		target->path = strdup(name + 5);
		return target->path ? 0 : -ENOMEM;
	}
	if (strncmp(name, "tls:", 4) == 0) {
		target->kind = KIND_TCP;
		target->secure = true;
		return take_host(target, name + 4, strlen(name + 4), "6514");
	}
	if (strncmp(name, "udp:", 4) != 0 && strncmp(name, "tcp:", 4) != 0)
		return -EINVAL;
	target->kind = name[0] == 'u' ? KIND_UDP : KIND_TCP;
	return take_host(target, name + 4, strlen(name + 4), NULL);
}

static int open_unix(struct export_target *target)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strlen(target->path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, target->path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	target->fd = take_fd(&fd);
	return 0;
}

static int open_inet(struct export_target *target)
{
	const struct addrinfo hints = {
		.ai_socktype =
			target->kind == KIND_UDP ? SOCK_DGRAM : SOCK_STREAM,
	};
	const struct timeval patience = {.tv_sec = PATIENCE};
	struct addrinfo *found;
	int error = getaddrinfo(target->host, target->port, &hints, &found);

	if (error) {
		complain(target, gai_strerror(error));
		return -EPROTO;
	}
	error = -ECONNREFUSED;
	for (struct addrinfo *at = found; at && error; at = at->ai_next) {
		auto_fd fd = socket(at->ai_family,
				    at->ai_socktype | SOCK_CLOEXEC, 0);

		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			   sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		error = connect(fd, at->ai_addr, at->ai_addrlen) ? -errno : 0;
		if (!error)
			target->fd = take_fd(&fd);
	}
	freeaddrinfo(found);
	return error;
}

static int open_channel(struct export_target *target)
{
	char why[EXPORT_TLS_WHY];

	if (!target->secure ||
	    !export_channel_new(target->tls, target->fd, target->host,
				&target->channel, why))
		return 0;
	return complain(target, why);
}

static int open_target(struct export_target *target)
{
	int error = target->kind == KIND_UNIX ? open_unix(target)
					      : open_inet(target);

	if (!error)
		error = open_channel(target);
	if (error && error != -EPROTO)
		error = complain(target, strerror(-error));
	return error;
}

static void close_target(struct export_target *target)
{
	export_channel_free(target->channel);
	target->channel = NULL;
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
}

static int prepare_tls(struct export_target *target, const char *ca)
{
	char why[EXPORT_TLS_WHY];

	if (!target->secure && ca)
		return complain(target, "--ca is for https and tls");
	if (!target->secure)
		return 0;
	/* libssl writes by write(2): an error is to be one. */
	signal(SIGPIPE, SIG_IGN);
	if (export_tls_new(ca, &target->tls, why))
		return complain(target, why);
	return 0;
}

int export_target_new(const char *name, const char *ca,
		      struct export_target **target)
{
	struct export_target *made = calloc(1, sizeof(*made));
	int error = -ENOMEM;

	if (!made)
		return error;
	made->fd = -1;
	made->name = strdup(name);
	if (made->name)
		error = take_name(made);
	if (error == -EINVAL) {
		complain(made,
			 "this is none of http://HOST[:PORT][/PATH], "
			 "https://HOST[:PORT][/PATH], unix:/PATH, "
			 "udp:HOST:PORT, tcp:HOST:PORT and tls:HOST[:PORT]");
	} else if (!error) {
		error = prepare_tls(made, ca);
	}
	if (!error && made->kind != KIND_HTTP)
		error = open_target(made);
	if (error) {
		export_target_free(made);
		return error;
	}
	*target = made;
	return 0;
}

void export_target_free(struct export_target *target)
{
	if (!target)
		return;
	close_target(target);
	export_tls_free(target->tls);
	free(target->name);
	free(target->host);
	free(target->port);
	free(target->path);
	free(target);
}

bool export_target_rejected(const struct export_target *target)
{
	return target->rejected;
}

bool export_target_is_http(const struct export_target *target)
{
	return target->kind == KIND_HTTP;
}

static ssize_t put(struct export_target *target, const char *bytes,
		   size_t length)
{
	if (target->channel)
		return export_channel_send(target->channel, bytes, length);
	ssize_t sent = send(target->fd, bytes, length, MSG_NOSIGNAL);

	return sent < 0 ? -errno : sent;
}

static ssize_t get(const struct export_target *target, char *bytes, size_t size)
{
	if (target->channel)
		return export_channel_receive(target->channel, bytes, size);
	ssize_t got = recv(target->fd, bytes, size, 0);

	return got < 0 ? -errno : got;
}

static int send_all(struct export_target *target, const char *bytes,
		    size_t length)
{
	while (length) {
		ssize_t sent = put(target, bytes, length);

		if (sent < 0 && sent != -EINTR)
			return (int)sent;
		bytes += sent > 0 ? sent : 0;
		length -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

/* What was sent came to the collector, but it did not keep all of it. */
static void tell_partial(struct export_target *target,
			 const struct export_answer *answer)
{
	if (!answer->rejected && !answer->message)
		return;
	target->rejected |= answer->rejected > 0;
	fputs("interpose: ", stderr);
	visible_puts(stderr, target->name);
	if (answer->rejected)
		fprintf(stderr, ": the collector rejected %" PRIu64 " event%s",
			answer->rejected, answer->rejected == 1 ? "" : "s");
	else
		fputs(": the collector warns", stderr);
	if (answer->message) {
		fputs(": ", stderr);
		visible_puts(stderr, answer->message);
	}
	fputc('\n', stderr);
}

/* 1 where the server asks to come again, in so many seconds. */
static int take_answer(struct export_target *target, char *bytes, size_t length,
		       unsigned *seconds)
{
	struct export_answer answer;

	if (export_answer_read(bytes, length, &answer))
		return complain(target, "the server gave no answer");
	if (answer.delayed)
		*seconds = answer.seconds;
	if (answer.taken) {
		tell_partial(target, &answer);
		export_answer_clear(&answer);
		return 0;
	}
	bytes[strcspn(bytes, "\r\n")] = '\0';
	fputs("interpose: ", stderr);
	visible_puts(stderr, target->name);
	fputs(": the server answered: ", stderr);
	visible_puts(stderr, bytes);
	fputc('\n', stderr);
	return answer.again ? 1 : -EPROTO;
}

static int receive_answer(struct export_target *target, unsigned *seconds)
{
	auto_free char *bytes = malloc(EXPORT_ANSWER_MOST);
	size_t length = 0;

	if (!bytes)
		return complain(target, strerror(ENOMEM));
	while (length < EXPORT_ANSWER_MOST - 1 &&
	       !export_answer_complete(bytes, length)) {
		ssize_t got = get(target, bytes + length,
				  EXPORT_ANSWER_MOST - 1 - length);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
		bytes[length] = '\0';
	}
	bytes[length] = '\0';
	return take_answer(target, bytes, length, seconds);
}

static int send_once(struct export_target *target, const char *bytes,
		     size_t length, unsigned *seconds)
{
	bool brackets = strchr(target->host, ':');
	auto_free char *head = NULL;
	int error = open_target(target);

	if (error) {
		close_target(target);
		return error;
	}
	if (asprintf(&head,
		     "POST %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nContent-Type: "
		     "application/json\r\nContent-Length: %zu\r\nConnection: "
		     "close\r\n\r\n",
		     target->path, brackets ? "[" : "", target->host,
		     brackets ? "]" : "", target->port, length) < 0) {
		head = NULL;
		error = -ENOMEM;
	}
	if (!error)
		error = send_all(target, head, strlen(head));
	if (!error)
		error = send_all(target, bytes, length);
	if (error)
		error = complain(target, strerror(-error));
	else
		error = receive_answer(target, seconds);
	close_target(target);
	return error;
}

static int send_http(struct export_target *target, const char *bytes,
		     size_t length)
{
	for (unsigned try = 0;; try++) {
		unsigned seconds = 1U << try;
		int result = send_once(target, bytes, length, &seconds);

		if (result <= 0)
			return result;
		if (try + 1 == TRIES)
			return -EPROTO;
		sleep(seconds);
	}
}

int export_send(struct export_target *target, const char *bytes, size_t length)
{
	char count[24];
	int error = 0;

	if (target->kind == KIND_HTTP)
		return send_http(target, bytes, length);
	if (target->kind == KIND_TCP) {
		/* RFC 6587: the length before each line. */
		snprintf(count, sizeof(count), "%zu ", length);
		error = send_all(target, count, strlen(count));
		if (!error)
			error = send_all(target, bytes, length);
	} else if (send(target->fd, bytes, length, MSG_NOSIGNAL) < 0) {
		error = -errno;
	}
	return error ? complain(target, strerror(-error)) : 0;
}
