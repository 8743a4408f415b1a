/*
 * The host's own word on names: /etc/hosts, and whom resolv.conf says to ask.
 */
#ifndef SUPERVISOR_NET_HOSTS_H
#define SUPERVISOR_NET_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct net_address;

/** Each name of /etc/hosts with its address. */
void net_hosts_each(void (*visit)(void *context, const char *name,
				  const struct net_address *address),
		    void *context);

/**
 * Has a resolver put one of resolv.conf's domains behind a name of more than
 * one label? It does so before it asks for the name as it is (options ndots).
 */
bool net_hosts_searched(const char *name);

/** When resolv.conf was seen, and what it was. */
struct net_servers {
	struct timespec changed;
	unsigned long inode;
};

/**
 * The servers of resolv.conf, comma-separated, where it has changed since
 * `seen`; which is brought up to date. False: it is as it was.
 */
bool net_servers_changed(struct net_servers *seen, char *list, size_t size);

#endif
