/*
 * Connections looked into, outside of any session: listens on a port of
 * 127.0.0.1, leads each connection to another, and prints what is reported.
 *
 *   http_tool NAME PORT [heap] [narrow] [tls] [trust FILE] [ca FILE] [deny
 * TEXT] [hold TEXT] [hurry MILLISECONDS] [secret NAME VALUE PLACEHOLDER PLACE HEADER MINE [renewed
 * KEY]]
 *
 * NAME is the host, 127.0.0.1 is connected to. Requests whose `METHOD PATH`
 * has the TEXT of `deny` are refused; to those with that of `hold` nothing is
 * said. Prints `port N` first; then `refused …`,
 * `exfiltration …`, `asked …` and `ended OUT IN`. Ends with its standard input;
 * a line of that has it forget all secrets. With `heap` (the third word)
 * buffers are those of the broker, and no value is kept elsewhere. With
 * `narrow` the kernel holds little for a client that does not read. `hurry`
 * says how long the 5 s are that what lingers is given.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/net/http_flow.h"
#include "supervisor/net/locked_heap.h"

static struct {
	struct event_base *base;
	struct http_service *service;
	const char *name, *deny, *hold;
	uint16_t port;
	bool tls, heap, narrow;
	unsigned hurry;
	struct secret_record records[SECRETS_MOST];
	size_t count;
	uint64_t mine;
} tool;

struct connection {
	struct http_flow *flow;
	bool starting, answer, allowed;
};

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void ask(void *context, const char *method, const char *path)
{
	struct connection *connection = context;
	char text[9000];
	bool denied;

	(void)snprintf(text, sizeof(text), "%s %s", method, path);
	denied = tool.deny && strstr(text, tool.deny);
	printf("asked %s\n", text);
	if (!tool.hold || !strstr(text, tool.hold))
		http_flow_answer(connection->flow, !denied, NULL);
}

static void report(void *context, enum http_report what, const char *text)
{
	(void)context;
	printf("%s %s\n",
	       what == HTTP_REPORT_REFUSED ? "refused" : "exfiltration", text);
}

static void renewed(void *context, size_t index, const char *value)
{
	(void)context;
	/* Not into the buffer of standard output. */
	printf("renewed %zu %s\n", index, tool.heap ? "" : value);
}

static void swapped(void *context, size_t index, const char *method,
		    const char *path)
{
	(void)context;
	printf("swapped %zu %s %s\n", index, method, path);
}

static void ended(void *context, uint64_t out, uint64_t in)
{
	printf("ended %llu %llu\n", (unsigned long long)out,
	       (unsigned long long)in);
	free(context);
}

static void *another(void *context, struct http_flow *flow)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	(void)context;
	if (connection)
		connection->flow = flow;
	return connection;
}

static const struct http_calls calls = {ask,   report,	renewed, swapped,
					ended, another, free};

static void serve(struct evconnlistener *listener, evutil_socket_t fd,
		  struct sockaddr *from, int length, void *context)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct sockaddr_in far = {
		.sin_family = AF_INET,
		.sin_port = htons(tool.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct http_begin begin = {
		.client = fd,
		.server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.name = tool.name,
		.port = tool.port,
		.tls = tool.tls,
		.secrets = tool.mine,
		.calls = &calls,
		.context = connection,
	};

	(void)listener;
	(void)from;
	(void)length;
	(void)context;
	if (!connection || begin.server < 0 ||
	    connect(begin.server, (void *)&far, sizeof(far)) ||
	    evutil_make_socket_nonblocking(begin.server))
		fail("connect");
	if (http_flow_start(tool.service, &begin, &connection->flow))
		fail("http_flow_start");
}

static char *read_file(const char *path, size_t *length)
{
	FILE *in = fopen(path, "re"), *out;
	char *text = NULL, part[4096];
	size_t got;

	if (!in || !(out = open_memstream(&text, length)))
		fail(path);
	while ((got = fread(part, 1, sizeof(part), in)))
		fwrite(part, 1, got, out);
	fclose(in);
	fclose(out);
	return text;
}

static void write_ca(const struct ca_material *material, const char *path)
{
	FILE *out = fopen(path, "we");
	char pem[CA_PEM_MOST + 1];

	if (!out)
		fail(path);
	ca_pem(material->certificate, material->certificate_length, pem);
	fputs(pem, out);
	fclose(out);
}

static void add_secret(char **words)
{
	struct secret_record *record = &tool.records[tool.count];

	(void)snprintf(record->name, SECRET_NAME, "%s", words[0]);
	(void)snprintf(record->header, SECRET_NAME, "%s", words[4]);
	record->value_length = (uint32_t)strlen(words[1]);
	memcpy(record->value, words[1], record->value_length);
	record->placeholder_length = (uint32_t)strlen(words[2]);
	memcpy(record->placeholder, words[2], record->placeholder_length);
	if (tool.heap)
		explicit_bzero(words[1], record->value_length);
	record->place = (uint32_t)atoi(words[3]);
	if (atoi(words[5]))
		tool.mine |= 1ULL << tool.count;
	tool.count++;
}

static void use_secrets(size_t count)
{
	struct secrets *secrets;

	if (secrets_new(tool.records, count, &secrets))
		fail("secrets_new");
	http_service_secrets(tool.service, secrets);
	explicit_bzero(tool.records, sizeof(tool.records));
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
	char byte;

	(void)what;
	(void)context;
	if (read(fd, &byte, 1) <= 0) {
		event_base_loopexit(tool.base, NULL);
		return;
	}
	use_secrets(0);
	printf("forgotten\n");
}

static void read_words(char **at, const struct ca_material *material,
		       char **trust, size_t *trust_length)
{
	for (; *at; at++) {
		if (strcmp(*at, "heap") == 0)
			continue;
		if (strcmp(*at, "narrow") == 0)
			tool.narrow = true;
		else if (strcmp(*at, "tls") == 0)
			tool.tls = true;
		else if (strcmp(*at, "trust") == 0)
			*trust = read_file(*++at, trust_length);
		else if (strcmp(*at, "ca") == 0)
			write_ca(material, *++at);
		else if (strcmp(*at, "deny") == 0)
			tool.deny = *++at;
		else if (strcmp(*at, "hold") == 0)
			tool.hold = *++at;
		else if (strcmp(*at, "hurry") == 0)
			tool.hurry = (unsigned)atoi(*++at);
		else if (strcmp(*at, "secret") == 0)
			add_secret(at + 1), at += 6;
		else if (strcmp(*at, "renewed") == 0)
			(void)snprintf(tool.records[tool.count - 1].renewed,
				       SECRET_NAME, "%s", *++at);
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in near = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(near);
	struct ca_material material;
	char *trust = NULL;
	size_t trust_length = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	tool.heap = argc > 3 && strcmp(argv[3], "heap") == 0;
	if (tool.heap && locked_heap_begin())
		fail("locked_heap_begin");
	tool.base = event_base_new();
	if (argc < 3 || !tool.base || ca_make(&material))
		return 2;
	tool.name = argv[1];
	tool.port = (uint16_t)atoi(argv[2]);
	read_words(argv + 3, &material, &trust, &trust_length);
	if (http_service_new(tool.base, &material, trust ?: "", trust_length,
			     false, &tool.service))
		fail("http_service_new");
	use_secrets(tool.count);
	if (tool.hurry)
		http_service_hurry(tool.service, tool.hurry);
	struct evconnlistener *listener = evconnlistener_new_bind(
		tool.base, serve, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
		(void *)&near, sizeof(near));
	struct event *input = event_new(tool.base, STDIN_FILENO,
					EV_READ | EV_PERSIST, on_input, NULL);

	if (!listener || !input ||
	    getsockname(evconnlistener_get_fd(listener), (void *)&near, &size))
		fail("listen");
	if (tool.narrow &&
	    setsockopt(evconnlistener_get_fd(listener), SOL_SOCKET, SO_SNDBUF,
		       &(int){4096}, sizeof(int)))
		fail("SO_SNDBUF");
	event_add(input, NULL);
	printf("port %u\n", ntohs(near.sin_port));
	locked_heap_dispatch(tool.base);
	evconnlistener_free(listener);
	event_free(input);
	free(trust);
	return 0;
}
