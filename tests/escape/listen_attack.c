/*
 * Ways to listen where a rule does not let one: a socket may have any port at
 * no address in particular, as one that connects has, and must not come to
 * listen there. Prints the ways by which one does; ends with 1 where there are
 * any. With an argument, races go on until they are won: for fifty seconds each.
 */
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "tests/calls/net.h"

enum {
	TRIES = 2000,
	PATIENCE = 50, /* seconds */
	MANY = 1100, /* more than are remembered */
};

static int found;
static bool patient;
static atomic_bool ended;
static atomic_int raced = -1;

/* Does a race that has had `tries` go on? On one processor, the other side has
 * its turn. */
static bool goes_on(int tries, time_t start)
{
	if (tries % 16 == 15)
		sched_yield();
	return tries < TRIES || (patient && time(NULL) < start + PATIENCE);
}

static bool listens(int fd)
{
	struct sockaddr_in6 six = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&six;
	struct tcp_info info = {0};
	socklen_t length = sizeof(info), size = sizeof(six);

	need(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	need(getsockname(fd, (struct sockaddr *)&six, &size));
	if (info.tcpi_state != TCP_LISTEN)
		return false;
	return six.sin6_family == AF_INET6
		       ? !IN6_IS_ADDR_LOOPBACK(&six.sin6_addr)
		       : four->sin_addr.s_addr != htonl(INADDR_LOOPBACK);
}

static void tell(const char *way, bool got_through)
{
	if (!got_through)
		return;
	found++;
	printf("%s\n", way);
}

static int automatic(void)
{
	struct sockaddr_in any = in4("0.0.0.0", 0);
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));

	need(bind(fd, NAME(any)));
	return fd;
}

static void disconnect(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	(void)connect(fd, &none, sizeof(none));
}

static void try_listen(const char *way, int fd)
{
	(void)listen(fd, 8);
	tell(way, listens(fd));
	close(fd);
}

/* ----------------------------------------------------------- one by one -- */

static void plain(void)
{
	struct sockaddr_in6 any6 = in6("::", 0),
			    mapped = in6("::ffff:0.0.0.0", 0);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	try_listen("any-port", automatic());
	try_listen("unbound", need(socket(AF_INET, SOCK_STREAM, 0)));
	if (fd < 0)
		return;
	need(bind(fd, NAME(any6)));
	try_listen("any-port-of-ipv6", fd);
	fd = need(socket(AF_INET6, SOCK_STREAM, 0));
	need(bind(fd, NAME(mapped)));
	try_listen("any-port-of-mapped", fd);
}

static void after_a_connection(int port)
{
	struct sockaddr_in name = in4("127.0.0.1", port);
	int fd = automatic();

	need(connect(fd, NAME(name)));
	disconnect(fd);
	try_listen("after-a-connection", fd);
}

/* One that may, and is bound again. */
static void bound_again(int port)
{
	struct sockaddr_in here = in4("127.0.0.1", 0), any = in4("0.0.0.0", 0);
	struct sockaddr_in name = in4("127.0.0.1", port);
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));

	need(bind(fd, NAME(here)));
	need(connect(fd, NAME(name)));
	disconnect(fd);
	need(bind(fd, NAME(any)));
	try_listen("bound-again", fd);
}

/* Those that may listen push out what is known of the others. */
static void many(void)
{
	struct sockaddr_in here = in4("127.0.0.1", 0);
	int first = automatic(), fd;

	for (int i = 0; i < MANY; i++) {
		fd = need(socket(AF_INET, SOCK_STREAM, 0));
		need(bind(fd, NAME(here)));
		close(fd);
	}
	try_listen("forgotten", first);
}

/* The port of one that may, by one that may not. */
static void same_port(void)
{
	struct sockaddr_in here = in4("127.0.0.1", 0), any;
	int first = need(socket(AF_INET, SOCK_STREAM, 0)), one = 1;
	int second = need(socket(AF_INET, SOCK_STREAM, 0));

	setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	need(bind(first, NAME(here)));
	need(listen(first, 1));
	any = in4("0.0.0.0", port_of(first));
	(void)bind(second, NAME(any));
	try_listen("the-same-port", second);
	close(first);
}

/* ---------------------------------------------------------------- races -- */

/* Its address is the loopback's while it is connected. */
static void *flip_address(void *context)
{
	struct sockaddr_in name = in4("127.0.0.1", *(int *)context);

	while (!ended) {
		int fd = raced;

		(void)connect(fd, NAME(name));
		disconnect(fd);
	}
	return NULL;
}

static void race_address(int port)
{
	pthread_t thread;
	bool got_through = false;
	time_t start = time(NULL);

	ended = false;
	raced = automatic();
	need(-pthread_create(&thread, NULL, flip_address, &port));
	for (int i = 0; goes_on(i, start) && !got_through; i++) {
		(void)listen(raced, 8);
		got_through = listens(raced);
	}
	ended = true;
	pthread_join(thread, NULL);
	tell("raced-by-its-address", got_through);
	close(raced);
}

static int allowed, forbidden;

static void *flip_socket(void *unused)
{
	(void)unused;
	while (!ended) {
		dup2(allowed, raced);
		dup2(forbidden, raced);
	}
	return NULL;
}

static void race_descriptor(void)
{
	struct sockaddr_in here = in4("127.0.0.1", 0);
	pthread_t thread;
	bool got_through = false;
	time_t start = time(NULL);

	ended = false;
	allowed = need(socket(AF_INET, SOCK_STREAM, 0));
	need(bind(allowed, NAME(here)));
	forbidden = automatic();
	raced = need(dup(forbidden));
	need(-pthread_create(&thread, NULL, flip_socket, NULL));
	for (int i = 0; goes_on(i, start) && !got_through; i++) {
		(void)listen(raced, 8);
		got_through = listens(forbidden);
	}
	ended = true;
	pthread_join(thread, NULL);
	tell("raced-by-its-descriptor", got_through);
}

static void *take(void *server)
{
	for (;;)
		close(accept(*(int *)server, NULL, NULL));
	return NULL;
}

int main(int argc, char **argv)
{
	(void)argv;
	patient = argc > 1;
	int server = bound4(SOCK_STREAM), port = port_of(server);
	pthread_t taker;

	need(-pthread_create(&taker, NULL, take, &server));
	plain();
	after_a_connection(port);
	bound_again(port);
	many();
	same_port();
	race_descriptor();
	race_address(port);
	return found ? 1 : 0;
}
