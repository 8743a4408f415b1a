#include "supervisor/net/sockets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	MOST_SOCKETS = 16384, /* a power of two */
	PROBES = 8,
};

struct entry {
	struct net_socket socket; /* cookie 0: free */
	uint64_t age;
};

struct net_sockets {
	pthread_mutex_t lock;
	atomic_size_t count;
	uint64_t put;
	struct entry entries[MOST_SOCKETS];
};

struct net_sockets *net_sockets_new(void)
{
	struct net_sockets *sockets = calloc(1, sizeof(*sockets));

	if (sockets)
		pthread_mutex_init(&sockets->lock, NULL);
	return sockets;
}

void net_sockets_free(struct net_sockets *sockets)
{
	if (!sockets)
		return;
	pthread_mutex_destroy(&sockets->lock);
	free(sockets);
}

uint64_t net_socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) ? 0
								       : cookie;
}

static struct entry *entry_at(struct net_sockets *sockets, uint64_t cookie,
			      size_t i)
{
	size_t place = (size_t)(cookie * 0x9e3779b97f4a7c15u >> 40);

	return &sockets->entries[(place + i) % MOST_SOCKETS];
}

static struct entry *find(struct net_sockets *sockets, uint64_t cookie)
{
	for (size_t i = 0; cookie && i < PROBES; i++) {
		struct entry *entry = entry_at(sockets, cookie, i);

		if (entry->socket.cookie == cookie)
			return entry;
	}
	return NULL;
}

void net_sockets_put(struct net_sockets *sockets,
		     const struct net_socket *socket)
{
	if (socket->cookie == 0)
		return;
	pthread_mutex_lock(&sockets->lock);
	struct entry *entry = find(sockets, socket->cookie);

	for (size_t i = 0; !entry && i < PROBES; i++)
		if (entry_at(sockets, socket->cookie, i)->socket.cookie == 0)
			entry = entry_at(sockets, socket->cookie, i);
	if (!entry) {
		entry = entry_at(sockets, socket->cookie, 0);
		for (size_t i = 1; i < PROBES; i++)
			if (entry_at(sockets, socket->cookie, i)->age <
			    entry->age)
				entry = entry_at(sockets, socket->cookie, i);
	}
	if (entry->socket.cookie == 0)
		atomic_fetch_add(&sockets->count, 1);
	entry->socket = *socket;
	entry->age = ++sockets->put;
	pthread_mutex_unlock(&sockets->lock);
}

bool net_sockets_find(struct net_sockets *sockets, uint64_t cookie,
		      struct net_socket *socket)
{
	pthread_mutex_lock(&sockets->lock);
	const struct entry *entry = find(sockets, cookie);

	if (entry)
		*socket = entry->socket;
	pthread_mutex_unlock(&sockets->lock);
	return entry != NULL;
}

static void drop(struct net_sockets *sockets, struct entry *entry)
{
	entry->socket.cookie = 0;
	atomic_fetch_sub(&sockets->count, 1);
}

void net_sockets_forget(struct net_sockets *sockets, uint64_t cookie)
{
	pthread_mutex_lock(&sockets->lock);
	struct entry *entry = find(sockets, cookie);

	if (entry)
		drop(sockets, entry);
	pthread_mutex_unlock(&sockets->lock);
}

void net_sockets_flow_over(struct net_sockets *sockets, uint64_t cookie,
			   uint32_t flow)
{
	pthread_mutex_lock(&sockets->lock);
	struct entry *entry = find(sockets, cookie);

	if (entry && entry->socket.flow == flow)
		drop(sockets, entry);
	pthread_mutex_unlock(&sockets->lock);
}

bool net_sockets_empty(const struct net_sockets *sockets)
{
	return atomic_load_explicit(&sockets->count, memory_order_relaxed) == 0;
}
