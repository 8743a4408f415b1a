#include "supervisor/net/service.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "supervisor/net/broker.h"
#include "supervisor/net/ca.h"
#include "supervisor/net/http_flow.h"
#include "supervisor/net/locked.h"
#include "supervisor/net/relay.h"

enum {
	/* At once, of clients that speak HTTP/2: each may have a question, for
	 * which the broker has a place. */
	MOST_REQUESTS = 1024,
	TRUST_MOST = 4 * 1024 * 1024,
	VALUES_MOST = SECRET_PARTS * (SECRET_VALUE_MOST + 1),
};

static_assert((int)CA_CERTIFICATE_MOST <= (int)NET_PATH,
	      "it goes into a message");

static struct http_service *service;
static unsigned requests; /* within flows */

struct inspected {
	struct flow *flow;
	uint32_t id; /* of the flow */
	struct http_flow *http;
	uint32_t question;
};

/* -------------------------------------------------------------- beginning --
 */

static int read_exactly(int fd, void *bytes, size_t length)
{
	char *at = bytes;

	while (length) {
		ssize_t got = read(fd, at, length);

		if (got == 0)
			return -EPROTO;
		if (got < 0 && errno != EINTR)
			return -errno;
		at += got > 0 ? got : 0;
		length -= got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int read_secrets(int fd, struct secrets **secrets)
{
	uint32_t count;
	int error = read_exactly(fd, &count, sizeof(count));

	if (error)
		return error;
	if (count > SECRETS_MOST)
		return -EPROTO;
	if (!count)
		return secrets_new(NULL, 0, secrets);
	size_t size = count * sizeof(struct secret_record);
	struct secret_record *records = locked_new(size);

	if (!records)
		return -ENOMEM;
	error = read_exactly(fd, records, size);
	if (!error)
		error = secrets_new(records, count, secrets);
	locked_free(records, size);
	return error;
}

/* Few sessions look at it: it stays the supervisor's memory file until then. */
static int map_trust(int fd, size_t length, const char **text)
{
	void *mapped;

	if (length == 0 || length >= TRUST_MOST)
		return -E2BIG;
	mapped = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
	*text = mapped;
	return mapped == MAP_FAILED ? -errno : 0;
}

static int begin(const struct net_message *message, const struct net_fds *fds,
		 struct net_message *ready)
{
	struct secrets *secrets = NULL;
	struct ca_material ca;
	const char *trust;
	size_t length = message->token;
	int error = service ? -EPROTO : ca_make(&ca);

	if (!error)
		error = read_secrets(fds->fd[0], &secrets);
	if (!error)
		error = map_trust(fds->fd[1], length, &trust);
	if (!error)
		error = http_service_new(broker_base(), &ca, trust, length,
					 true, &service);
	if (error) {
		secrets_drop(secrets);
	} else {
		http_service_secrets(service, secrets);
		ready->token = ca.certificate_length;
		memcpy(ready->path, ca.certificate, ca.certificate_length);
	}
	OPENSSL_cleanse(&ca, sizeof(ca));
	return error;
}

void service_begin(const struct net_message *message, struct net_fds *fds)
{
	struct net_message ready = {.type = NET_HTTP_READY};

	ready.error = begin(message, fds, &ready);
	broker_tell(&ready);
}

static int read_value(int fd, char *bytes, size_t *length)
{
	*length = 0;
	for (;;) {
		ssize_t got = read(fd, bytes + *length, VALUES_MOST - *length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : 0;
		*length += (size_t)got;
		if (*length == VALUES_MOST)
			return 0;
	}
}

/* One a line; all of them, or none is. */
static int split_values(struct http_text all, struct http_text *values,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *end = memchr(all.at, '\n', all.length);
		size_t length = end ? (size_t)(end - all.at) : all.length;

		if ((end == NULL) != (i + 1 == count))
			return -EPROTO;
		values[i] = (struct http_text){all.at, length};
		all.at += length + (end != NULL);
		all.length -= length + (end != NULL);
	}
	return 0;
}

/* All parts of the secret with that index, or none. */
static int renew(struct secrets *now, size_t index, int values_fd)
{
	struct http_text text = {0}, values[SECRET_PARTS];
	const size_t count = secrets_parts(now, index);
	char *bytes = locked_new(VALUES_MOST);
	struct secrets *made;
	int error;

	if (!bytes)
		return -ENOMEM;
	text.at = bytes;
	error = read_value(values_fd, bytes, &text.length);
	if (!error)
		error = split_values(text, values, count);
	if (!error)
		error = secrets_renew(now, index, count, values, &made);
	if (!error)
		http_service_secrets(service, made);
	locked_free(bytes, VALUES_MOST);
	return error;
}

/* What cannot be renewed must not go on being sent. */
void service_renew(const struct net_message *message, const struct net_fds *fds)
{
	struct secrets *now = service ? http_service_now(service) : NULL;
	struct net_message told = {
		.type = NET_FORGOTTEN,
		.token = message->token,
		.error = message->error,
	};

	if (!now || message->token >= now->count)
		return;
	if (!told.error)
		told.error = renew(now, message->token, fds->fd[0]);
	if (!told.error)
		return;
	if (!message->error && !secrets_forgotten(now, message->token))
		broker_tell(&told);
	secrets_forget(now, message->token, secrets_parts(now, message->token));
}

/* ------------------------------------------------------------------ flows --
 */

static void answered(void *context, const struct net_message *verdict)
{
	struct inspected *inspected = context;

	inspected->question = 0;
	http_flow_answer(inspected->http, verdict->error == 0,
			 verdict->text[0] ? verdict->text : NULL);
}

static void ask(void *context, const char *method, const char *path)
{
	struct inspected *inspected = context;
	struct net_message message = {
		.type = NET_ASK_REQUEST,
		.flow = inspected->flow->id,
		.tls = inspected->flow->tls,
	};

	if (strlen(path) >= sizeof(message.path)) {
		http_flow_answer(inspected->http, false,
				 "the path is too long to be decided about");
		return;
	}
	(void)snprintf(message.name, sizeof(message.name), "%s",
		       inspected->flow->name);
	(void)snprintf(message.method, sizeof(message.method), "%s", method);
	memcpy(message.path, path, strlen(path) + 1);
	inspected->question = broker_ask(&message, answered, inspected);
}

static void report(void *context, enum http_report what, const char *text)
{
	struct inspected *inspected = context;
	struct net_message message = {
		.type = what == HTTP_REPORT_REFUSED ? NET_DENIED : NET_ALERT,
		.flow = inspected->flow->id,
	};

	(void)snprintf(message.name, sizeof(message.name), "%s",
		       inspected->flow->name);
	(void)snprintf(message.text, sizeof(message.text), "%s", text);
	broker_tell(&message);
}

static void renewed(void *context, size_t index, const char *value)
{
	struct inspected *inspected = context;
	struct net_message message = {
		.type = NET_RENEWED,
		.flow = inspected->flow->id,
		.token = (uint32_t)index,
	};

	/* A longer one stays known to us alone. */
	if (strlen(value) < sizeof(message.path)) {
		memcpy(message.path, value, strlen(value) + 1);
		broker_tell(&message);
	}
	OPENSSL_cleanse(&message, sizeof(message));
}

static void swapped(void *context, size_t index, const char *method,
		    const char *path)
{
	struct inspected *inspected = context;
	struct net_message message = {
		.type = NET_SWAPPED,
		.flow = inspected->flow->id,
		.token = (uint32_t)index,
	};

	(void)snprintf(message.name, sizeof(message.name), "%s",
		       inspected->flow->name);
	(void)snprintf(message.method, sizeof(message.method), "%s", method);
	(void)snprintf(message.path, sizeof(message.path), "%s", path);
	broker_tell(&message);
}

static void ended(void *context, uint64_t out, uint64_t in)
{
	struct inspected *inspected = context;
	struct flow *flow = inspected->flow;

	inspected->http = NULL;
	flow_inspected(flow, out, in);
}

/* For one request of a client that speaks HTTP/2. */
static void *another(void *context, struct http_flow *http)
{
	const struct inspected *all = context;
	struct inspected *inspected =
		requests < MOST_REQUESTS ? calloc(1, sizeof(*inspected)) : NULL;

	if (inspected) {
		inspected->flow = all->flow;
		inspected->id = all->flow->id;
		inspected->http = http;
		requests++;
	}
	return inspected;
}

static void done(void *context)
{
	struct inspected *inspected = context;

	if (inspected->question) {
		const struct net_message message = {
			.type = NET_FORGET,
			.flow = inspected->id,
			.token = inspected->question,
		};

		broker_forget(inspected->question);
		broker_tell(&message);
	}
	free(inspected);
	requests--;
}

bool service_take(struct flow *flow, uint64_t secrets)
{
	static const struct http_calls calls = {
		ask, report, renewed, swapped, ended, another, done};
	struct inspected *inspected =
		service ? calloc(1, sizeof(*inspected)) : NULL;
	struct http_begin begin_with = {
		.client = flow->client,
		.server = flow->server,
		.name = flow->name,
		.port = flow->far.any.sa_family == AF_INET6
				? ntohs(flow->far.in6.sin6_port)
				: ntohs(flow->far.in.sin_port),
		.tls = flow->tls,
		.secrets = secrets,
		.calls = &calls,
		.context = inspected,
	};

	if (!inspected)
		return false;
	inspected->flow = flow;
	flow->client = flow->server = -1;
	flow->inspected = inspected;
	return http_flow_start(service, &begin_with, &inspected->http) == 0;
}

void service_drop(struct inspected *inspected)
{
	if (!inspected)
		return;
	if (inspected->question)
		broker_forget(inspected->question);
	http_flow_free(inspected->http);
	free(inspected);
}
