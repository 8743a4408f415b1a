/*
 * For the programs that try network calls: they print what each case came to,
 * and nothing that differs from run to run, so that the output of a bare run
 * and of a supervised one can be compared.
 */
#ifndef TESTS_CALLS_NET_H
#define TESTS_CALLS_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Print what a call came to: its result, or the name of its error. */
static inline long show(const char *what, long result)
{
	if (result < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, result);
	fflush(stdout);
	return result;
}

/* For what the case only needs: the program ends where it fails. */
static inline int need(long result)
{
	if (result < 0) {
		printf("needed: %s\n", strerrorname_np(errno));
		exit(1);
	}
	return (int)result;
}

static inline struct sockaddr_in in4(const char *address, int port)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)port)};

	inet_pton(AF_INET, address, &name.sin_addr);
	return name;
}

static inline struct sockaddr_in6 in6(const char *address, int port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port)};

	inet_pton(AF_INET6, address, &name.sin6_addr);
	return name;
}

static inline struct sockaddr_un un(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
	return name;
}

#define NAME(address) (struct sockaddr *)&(address), sizeof(address)

/* The port that an IPv4 or IPv6 socket is bound to. */
static inline int port_of(int fd)
{
	struct sockaddr_in6 name = {0};
	socklen_t length = sizeof(name);

	need(getsockname(fd, (struct sockaddr *)&name, &length));
	return ntohs(name.sin6_port); /* in the same place in both */
}

/* A socket on a free port of the loopback. */
static inline int bound4(int type)
{
	struct sockaddr_in name = in4("127.0.0.1", 0);
	int fd = need(socket(AF_INET, type, 0));

	need(bind(fd, NAME(name)));
	if ((type & 0xf) == SOCK_STREAM)
		need(listen(fd, 16));
	return fd;
}

static inline int bound6(int type)
{
	struct sockaddr_in6 name = in6("::1", 0);
	int fd = socket(AF_INET6, type, 0);

	if (fd < 0 || bind(fd, NAME(name))) {
		close(fd);
		return -1;
	}
	if ((type & 0xf) == SOCK_STREAM)
		need(listen(fd, 16));
	return fd;
}

/* Work in a directory of its own, which is removed by leave_directory(). */
static inline void enter_directory(char directory[32])
{
	snprintf(directory, 32, "/tmp/interpose-net-XXXXXX");
	if (!mkdtemp(directory) || chdir(directory)) {
		printf("no directory\n");
		exit(1);
	}
}

static inline void leave_directory(const char *directory)
{
	need(chdir("/"));
	show("rmdir", rmdir(directory));
}

#endif
