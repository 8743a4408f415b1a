/*
 * Looking names up by the host's own configuration: c-ares, which read
 * resolv.conf before the broker was confined.
 */
#ifndef SUPERVISOR_NET_UPSTREAM_H
#define SUPERVISOR_NET_UPSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/net/protocol.h"

/** Before confine(). Returns 0 or -errno. */
int upstream_start(void);

/** Use these servers from now on; resolv.conf has changed. */
void upstream_servers(const char *list);

/** How a lookup ended. */
enum upstream_result {
	UPSTREAM_FAILED = 0, /**< no answer, or a server's failure */
	UPSTREAM_ABSENT,     /**< there is no such name */
	UPSTREAM_FOUND,	     /**< addresses, or none of that family */
};

typedef void upstream_found(void *context, enum upstream_result result,
			    const struct net_address *addresses, size_t count,
			    uint32_t ttl);

/**
 * Look a name up, in lower case, for one family. `found` is called once, maybe
 * before this returns.
 */
void upstream_lookup(const char *name, int family, upstream_found *found,
		     void *context);

#endif
