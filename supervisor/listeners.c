#include "supervisor/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "policy/policy.h"
#include "supervisor/receivers.h"

enum {
	MOST_LISTENERS = 1024,
	MOST_FILES = 1024,
	MOST_DECIDED = 1024,
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

/* ------------------------------------------------------------ endpoints -- */

bool listeners_is_loopback(const struct policy_endpoint *endpoint)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	if (endpoint->family == AF_INET)
		return endpoint->address[0] == 127;
	return endpoint->family == AF_INET6 &&
	       memcmp(endpoint->address, loopback6, 16) == 0;
}

bool listeners_own(struct listeners *listeners,
		   const struct policy_endpoint *endpoint)
{
	/* Those on the port that have gone, too: a server that is started again
	 * is there many times. */
	uint64_t inodes[MOST_LISTENERS];
	bool udp = endpoint->kind == ENDPOINT_UDP;
	size_t count = 0;

	if (!listeners_is_loopback(endpoint))
		return false;
	pthread_mutex_lock(&listeners->lock);
	for (size_t i = 0; i < listeners->count; i++) {
		const struct listener *listener = &listeners->list[i];

		if (listener->port == endpoint->port && listener->udp == udp)
			inodes[count++] = listener->inode;
	}
	pthread_mutex_unlock(&listeners->lock);
	return count && receivers_are(endpoint, inodes, count);
}
