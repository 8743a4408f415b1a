/*
 * Which names an address was found under, so that a connection to the address
 * is one to the name.
 *
 * A session may look up so many names and no more: what is in the labels of a
 * wildcard's names is the session's to choose. Names are never forgotten, so
 * their texts and numbers hold for as long as the table; addresses are, when
 * their lifetime is over.
 */
#ifndef SUPERVISOR_NET_NAMES_H
#define SUPERVISOR_NET_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/net/protocol.h"

struct net_names;

/** Most names of one address that are told apart. */
enum { NET_NAMES_OF_ONE = 8 };

/** One name of an address. */
struct net_known {
	const char *name;
	bool trusted; /**< by the host's own /etc/hosts */
	bool standin; /**< the address is no host's: net_names_standin() */
};

struct net_names *net_names_new(void);
void net_names_free(struct net_names *names);

/**
 * Remember an address of a name for `ttl` seconds, and no less than the time in
 * which programs still use what they once looked up. `trusted`: for ever.
 * Returns 0, or -ENOSPC where there are too many.
 */
int net_names_add(struct net_names *names, const char *name,
		  const struct net_address *address, uint32_t ttl,
		  bool trusted);

/**
 * An address of no host's that stands for the name: for one that a person is to
 * be asked about before anything is sent, so that there is something to connect
 * to. It is the name's as long as the table is. Returns 0 or -ENOSPC.
 */
int net_names_standin(struct net_names *names, const char *name,
		      struct net_address *address);

/** The names of an address, the last one found first. Returns how many. */
size_t net_names_of(struct net_names *names, const struct net_address *address,
		    struct net_known known[NET_NAMES_OF_ONE]);

/** The trusted addresses of a name, of one family; how many. */
size_t net_names_hosts(struct net_names *names, const char *name, int family,
		       struct net_address addresses[NET_ADDRESSES]);

/** Is the name among the trusted ones? */
bool net_names_is_host(struct net_names *names, const char *name);

/** Is it an address that a name of the outside may not lead to by itself:
 * this machine, its networks, what is not assigned to one machine, and those
 * that hand out a machine's keys? */
bool net_address_is_special(const struct net_address *address);

/** Of an endpoint, a v4-mapped address as IPv4; and its port. */
void net_address_of(const union net_endpoint *endpoint,
		    struct net_address *address, uint16_t *port);

#endif
