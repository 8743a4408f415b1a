/*
 * Ways around a rule for the network, tried on the forbidden port of
 * net_victim, which counts what gets through. Prints how each ended; that a
 * call fails is not enough, and that it succeeds proves nothing.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "tests/calls/net.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { TRIES = 3000 };

static int allowed, forbidden;
static atomic_bool ended;

static void plain(void)
{
	struct sockaddr_in bad = in4("127.0.0.1", forbidden);
	struct sockaddr_in good = in4("127.0.0.1", allowed);
	struct sockaddr_in6 mapped = in6("::ffff:127.0.0.1", forbidden);
	struct sockaddr_in any = in4("0.0.0.0", forbidden);
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));

	show("the allowed port", connect(fd, NAME(good)));
	close(fd);
	fd = need(socket(AF_INET, SOCK_STREAM, 0));
	show("the forbidden port", connect(fd, NAME(bad)));
	show("0.0.0.0", connect(fd, NAME(any)));
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd >= 0) {
		show("v4-mapped", connect(fd, NAME(mapped)));
		close(fd);
	}
	show("MPTCP", socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
	show("raw", socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
	show("high bits",
	     syscall(SYS_socket, AF_INET | (1UL << 32),
		     SOCK_STREAM | (1UL << 40), IPPROTO_MPTCP | (1UL << 33)));
}

static void fast_open(void)
{
	struct sockaddr_in bad = in4("127.0.0.1", forbidden);
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_name = &bad,
				 .msg_namelen = sizeof(bad),
				 .msg_iov = &part,
				 .msg_iovlen = 1};
	int fd = need(socket(AF_INET, SOCK_STREAM, 0)), on = 1;

	show("sendto, fast open",
	     sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, NAME(bad)));
	show("with high bits",
	     syscall(SYS_sendto, fd, "x", 1UL,
		     MSG_FASTOPEN | MSG_NOSIGNAL | (1UL << 35), &bad,
		     sizeof(bad)));
	show("sendmsg, fast open",
	     sendmsg(fd, &message, MSG_FASTOPEN | MSG_NOSIGNAL));
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
	show("fast open connect", connect(fd, NAME(bad)));
	show("and send", send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
}

static void datagrams(void)
{
	struct sockaddr_in good = in4("127.0.0.1", allowed);
	struct sockaddr_in bad = in4("127.0.0.1", forbidden);
	struct sockaddr_in odd = bad;
	struct mmsghdr list[8];
	struct iovec part = {"x", 1};
	int fd = need(socket(AF_INET, SOCK_DGRAM, 0));

	memset(list, 0, sizeof(list));
	for (size_t i = 0; i < 8; i++) {
		list[i].msg_hdr.msg_name = i < 7 ? &good : &bad;
		list[i].msg_hdr.msg_namelen = sizeof(good);
		list[i].msg_hdr.msg_iov = &part;
		list[i].msg_hdr.msg_iovlen = 1;
	}
	list[1].msg_hdr.msg_name = &bad;
	show("the second of two", sendmmsg(fd, list, 2, 0));
	list[1].msg_hdr.msg_name = &good;
	/* More than are recorded: it may end early, not go through. */
	printf("the last of eight, all sent: %d\n",
	       sendmmsg(fd, list, 8, 0) == 8);
	odd.sin_family = AF_UNSPEC;
	show("AF_UNSPEC", sendto(fd, "x", 1, 0, NAME(odd)));
	show("connect", connect(fd, NAME(bad)));
	show("the allowed port", connect(fd, NAME(good)));
	show("connected, another", sendto(fd, "x", 1, 0, NAME(bad)));
	close(fd);
}

/* A route in the packet: the first hop is where it really goes. */
static void source_route(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(8)];
	} control = {0};
	static const unsigned char route[8] = {131, 7, 4, 127, 0, 0, 1, 0};
	struct sockaddr_in good = in4("127.0.0.1", allowed);
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_name = &good,
				 .msg_namelen = sizeof(good),
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd = need(socket(AF_INET, SOCK_DGRAM, 0));

	control.header.cmsg_level = IPPROTO_IP;
	control.header.cmsg_type = IP_RETOPTS;
	control.header.cmsg_len = CMSG_LEN(8);
	memcpy(CMSG_DATA(&control.header), route, sizeof(route));
	show("a route in a message", sendmsg(fd, &message, 0));
	close(fd);
	fd = need(socket(AF_INET, SOCK_DGRAM, 0));
	show("a route on a socket",
	     setsockopt(fd, IPPROTO_IP, IP_OPTIONS, route, sizeof(route)));
	close(fd);
}

static void names(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
	int length = snprintf(name.sun_path + 1, 60, "net-victim-%d%cevil",
			      forbidden, '\0');

	show("a name that goes on after a NUL",
	     connect(fd, (struct sockaddr *)&name,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				 (size_t)length)));
	close(fd);
}

/* --------------------------------------------------------------- races -- */

static struct sockaddr_in flipped;

static void *flip_address(void *unused)
{
	volatile in_port_t *port = &flipped.sin_port;

	(void)unused;
	while (!ended) {
		*port = htons((uint16_t)forbidden);
		*port = htons((uint16_t)allowed);
	}
	return NULL;
}

static void race_address(void)
{
	pthread_t thread;
	unsigned through = 0;
	int udp = need(socket(AF_INET, SOCK_DGRAM, 0));

	ended = false;
	flipped = in4("127.0.0.1", allowed);
	need(-pthread_create(&thread, NULL, flip_address, NULL));
	for (int i = 0; i < TRIES; i++) {
		int fd = need(socket(AF_INET, SOCK_STREAM, 0));

		through += connect(fd, NAME(flipped)) == 0;
		close(fd);
		through += sendto(udp, "x", 1, 0, NAME(flipped)) == 1;
	}
	ended = true;
	pthread_join(thread, NULL);
	close(udp);
	printf("a flipped address: some went, to where they may: %d\n",
	       through > 0);
}

static int shared, tcp, path;

/* Puts a socket of another kind in the descriptor's place. */
static void *flip_socket(void *unused)
{
	(void)unused;
	while (!ended) {
		dup2(path, shared);
		dup2(tcp, shared);
	}
	return NULL;
}

static void race_descriptor(void)
{
	struct sockaddr_in bad = in4("127.0.0.1", forbidden);
	pthread_t thread;

	ended = false;
	tcp = need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	path = need(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	shared = need(dup(tcp));
	need(-pthread_create(&thread, NULL, flip_socket, NULL));
	for (int i = 0; i < TRIES; i++) {
		connect(shared, NAME(bad));
		sendto(shared, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, NAME(bad));
	}
	ended = true;
	pthread_join(thread, NULL);
	close(tcp);
	close(path);
	close(shared);
	printf("a flipped descriptor: done\n");
}

int main(void)
{
	const char *good = getenv("NET_ALLOWED");
	const char *bad = getenv("NET_FORBIDDEN");

	if (!good || !bad)
		return 2;
	allowed = atoi(good);
	forbidden = atoi(bad);
	plain();
	fast_open();
	datagrams();
	source_route();
	names();
	race_address();
	race_descriptor();
	return 0;
}
