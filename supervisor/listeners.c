#include "supervisor/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "policy/policy.h"
#include "policy/scope.h"

enum {
	MOST_LISTENERS = 1024,
	MOST_FILES = 1024,
	MOST_DECIDED = 1024,
	MOST_SAME_PORT = 64, /* sockets of the session on one port */
	STATE_LISTEN = 10,   /* TCP_LISTEN, as /proc/net/tcp has it */
};

struct listener {
	uint64_t inode;
	uint16_t port;
	bool udp;
};

/* A unix socket's file. A number is given out again once the file is gone: its
 * time of birth tells, on the file systems that know it. */
struct socket_file {
	uint64_t inode;
	uint32_t device[2];
	int64_t seconds;
	uint32_t nanoseconds;
};

struct listeners {
	pthread_mutex_t lock;
	struct listener list[MOST_LISTENERS];
	size_t count, next; /* a ring once it is full */
	struct socket_file files[MOST_FILES];
	size_t file_count, next_file; /* so is this */
	/* The cookies of TCP sockets that may listen where they are bound to;
	 * 0: none. A cookie is given out once. The lock is held over a bind or
	 * a listen, so that no other comes between it and this. */
	uint64_t decided[MOST_DECIDED];
	size_t next_decided; /* and this */
};

/* The session's sockets on the port in question. */
struct own {
	const struct policy_endpoint *endpoint;
	uint64_t inodes[MOST_SAME_PORT];
	size_t count;
	size_t found;
	bool other; /* somebody else's listens there, too */
};

struct listeners *listeners_new(void)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (listeners)
		pthread_mutex_init(&listeners->lock, NULL);
	return listeners;
}

void listeners_free(struct listeners *listeners)
{
	if (!listeners)
		return;
	pthread_mutex_destroy(&listeners->lock);
	free(listeners);
}

static bool describe(int socket, struct listener *listener)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} name;
	socklen_t length = sizeof(name);
	int type = 0;
	socklen_t type_length = sizeof(type);
	struct stat status;

	if (getsockname(socket, &name.any, &length) ||
	    getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &type_length) ||
	    fstat(socket, &status))
		return false;
	if (name.any.sa_family == AF_INET)
		listener->port = ntohs(name.in.sin_port);
	else if (name.any.sa_family == AF_INET6)
		listener->port = ntohs(name.in6.sin6_port);
	else
		return false;
	listener->inode = status.st_ino;
	listener->udp = type == SOCK_DGRAM;
	return listener->port != 0;
}

static bool same(const struct listener *a, const struct listener *b)
{
	return a->inode == b->inode && a->port == b->port && a->udp == b->udp;
}

void listeners_add(struct listeners *listeners, int socket)
{
	struct listener listener = {0};

	if (!describe(socket, &listener))
		return;
	pthread_mutex_lock(&listeners->lock);
	size_t i = 0;

	while (i < listeners->count && !same(&listeners->list[i], &listener))
		i++;
	if (i == listeners->count) {
		listeners->list[listeners->next] = listener;
		listeners->next = (listeners->next + 1) % MOST_LISTENERS;
		if (listeners->count < MOST_LISTENERS)
			listeners->count++;
	}
	pthread_mutex_unlock(&listeners->lock);
}

/* -------------------------------------------------------- bound sockets -- */

static uint64_t *find_decided(struct listeners *listeners, uint64_t cookie)
{
	for (size_t i = 0; cookie && i < MOST_DECIDED; i++)
		if (listeners->decided[i] == cookie)
			return &listeners->decided[i];
	return NULL;
}

static void note_decided(struct listeners *listeners, uint64_t cookie,
			 bool decided)
{
	uint64_t *place = find_decided(listeners, cookie);

	if (place && !decided)
		*place = 0;
	if (place || !decided)
		return;
	listeners->decided[listeners->next_decided] = cookie;
	listeners->next_decided = (listeners->next_decided + 1) % MOST_DECIDED;
}

static uint64_t cookie_of(int socket)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &length)
		       ? 0
		       : cookie;
}

int listeners_bind(struct listeners *listeners, int socket,
		   const struct sockaddr *address, socklen_t length,
		   bool decided)
{
	uint64_t cookie = cookie_of(socket);
	int error;

	pthread_mutex_lock(&listeners->lock);
	error = bind(socket, address, length) ? -errno : 0;
	if (!error)
		note_decided(listeners, cookie, decided);
	pthread_mutex_unlock(&listeners->lock);
	return error;
}

int listeners_listen(struct listeners *listeners, int socket, int backlog,
		     bool decided)
{
	uint64_t cookie = cookie_of(socket);
	int error = -EACCES;

	pthread_mutex_lock(&listeners->lock);
	if (decided || find_decided(listeners, cookie))
		error = listen(socket, backlog) ? -errno : 0;
	if (!error)
		note_decided(listeners, cookie, true);
	pthread_mutex_unlock(&listeners->lock);
	return error;
}

/* ---------------------------------------------------------------- files -- */

static bool describe_file(int directory, const char *name,
			  struct socket_file *file)
{
	struct statx status;

	if (statx(directory, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		  STATX_TYPE | STATX_INO | STATX_BTIME, &status) ||
	    !S_ISSOCK(status.stx_mode))
		return false;
	*file = (struct socket_file){
		.inode = status.stx_ino,
		.device = {status.stx_dev_major, status.stx_dev_minor},
	};
	if (status.stx_mask & STATX_BTIME) {
		file->seconds = status.stx_btime.tv_sec;
		file->nanoseconds = status.stx_btime.tv_nsec;
	}
	return true;
}

void listeners_add_file(struct listeners *listeners, int directory,
			const char *name)
{
	struct socket_file file;

	if (!describe_file(directory, name, &file))
		return;
	pthread_mutex_lock(&listeners->lock);
	listeners->files[listeners->next_file] = file;
	listeners->next_file = (listeners->next_file + 1) % MOST_FILES;
	if (listeners->file_count < MOST_FILES)
		listeners->file_count++;
	pthread_mutex_unlock(&listeners->lock);
}

bool listeners_own_file(struct listeners *listeners, int fd)
{
	struct socket_file file;
	bool own = false;

	if (!describe_file(fd, "", &file))
		return false;
	pthread_mutex_lock(&listeners->lock);
	for (size_t i = 0; i < listeners->file_count && !own; i++) {
		const struct socket_file *one = &listeners->files[i];

		own = one->inode == file.inode &&
		      one->device[0] == file.device[0] &&
		      one->device[1] == file.device[1] &&
		      one->seconds == file.seconds &&
		      one->nanoseconds == file.nanoseconds;
	}
	pthread_mutex_unlock(&listeners->lock);
	return own;
}

/* ------------------------------------------------- asking of the kernel -- */

bool listeners_is_loopback(const struct policy_endpoint *endpoint)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	if (endpoint->family == AF_INET)
		return endpoint->address[0] == 127;
	return endpoint->family == AF_INET6 &&
	       memcmp(endpoint->address, loopback6, 16) == 0;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Does a socket bound to `local` (4 or 16 bytes) receive for the endpoint? A
 * socket bound to :: receives for IPv4, too, unless it is told not to, which
 * is not shown: it counts. */
static bool receives(const uint8_t *local, size_t size,
		     const struct policy_endpoint *endpoint)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (all_zero(local, size))
		return true;
	if (endpoint->family == AF_INET6)
		return size == 16 && memcmp(local, endpoint->address, 16) == 0;
	if (size == 16) {
		if (memcmp(local, mapped, sizeof(mapped)) != 0)
			return false;
		local += sizeof(mapped);
	}
	return all_zero(local, 4) || memcmp(local, endpoint->address, 4) == 0;
}

/* The kernel prints each 32-bit word of an address as its own number, as it
 * lies in memory. Returns the number of bytes, or 0. */
static size_t parse_address(const char *text, uint8_t bytes[16])
{
	size_t length = strlen(text);

	if (length != 8 && length != 32)
		return 0;
	for (size_t i = 0; i < length / 8; i++) {
		char word[9];

		memcpy(word, text + i * 8, 8);
		word[8] = '\0';
		uint32_t value = (uint32_t)strtoul(word, NULL, 16);

		memcpy(bytes + i * 4, &value, 4);
	}
	return length / 2;
}

/* proc_net_tcp(5). Returns false at the end of what is of interest. */
static bool look_at(const char *line, struct own *own)
{
	char local[33];
	unsigned port, state;
	unsigned long inode;
	uint8_t bytes[16];

	if (sscanf(line,
		   " %*u: %32[0-9A-F]:%4X %*[0-9A-F]:%*X %2X %*X:%*X %*X:%*X "
		   "%*X %*u %*u %lu",
		   local, &port, &state, &inode) != 4)
		return true; /* the heading */
	/* The kernel lists what listens first. */
	if (own->endpoint->kind == ENDPOINT_TCP && state != STATE_LISTEN)
		return false;
	size_t size = parse_address(local, bytes);

	if (port != own->endpoint->port || size == 0 ||
	    !receives(bytes, size, own->endpoint))
		return true;
	for (size_t i = 0; i < own->count; i++) {
		if (own->inodes[i] == inode) {
			own->found++;
			return true;
		}
	}
	own->other = true;
	return false;
}

/* Returns false where the table cannot be read. */
static bool look_through(const char *path, struct own *own)
{
	char line[512];
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file) && look_at(line, own))
		;
	bool read_well = !ferror(file);

	fclose(file);
	return read_well;
}

bool listeners_own(struct listeners *listeners,
		   const struct policy_endpoint *endpoint)
{
	struct own own = {.endpoint = endpoint};
	bool udp = endpoint->kind == ENDPOINT_UDP;

	if (!listeners_is_loopback(endpoint))
		return false;
	pthread_mutex_lock(&listeners->lock);
	for (size_t i = 0; i < listeners->count && own.count < MOST_SAME_PORT;
	     i++) {
		const struct listener *listener = &listeners->list[i];

		if (listener->port == endpoint->port && listener->udp == udp)
			own.inodes[own.count++] = listener->inode;
	}
	pthread_mutex_unlock(&listeners->lock);
	if (own.count == 0)
		return false;
	if (endpoint->family == AF_INET &&
	    !look_through(udp ? "/proc/net/udp" : "/proc/net/tcp", &own))
		return false;
	/* Absent where the kernel has no IPv6: then nothing listens there. */
	if (!own.other)
		(void)look_through(udp ? "/proc/net/udp6" : "/proc/net/tcp6",
				   &own);
	return own.found > 0 && !own.other;
}
