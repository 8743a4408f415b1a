/*
 * Secrets with a `ttl`: read again, outside of the session, each time that has
 * passed, and handed to the broker. What can no more be trusted is forgotten
 * there; what cannot be had now stays what it was, and is tried again.
 */
#ifndef SUPERVISOR_NET_RENEWAL_H
#define SUPERVISOR_NET_RENEWAL_H

struct renewal;
struct session;

/** Start, where there are such secrets; else *renewal is NULL. Returns 0 or
 * -errno. */
int renewal_start(struct session *session, struct renewal **renewal);

/** End it, and a command that it runs. NULL is fine. */
void renewal_stop(struct renewal *renewal);

#endif
