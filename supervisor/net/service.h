/*
 * In the broker: flows whose requests are looked into, by http_flow.h, and what
 * they need from the supervisor.
 */
#ifndef SUPERVISOR_NET_SERVICE_H
#define SUPERVISOR_NET_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

struct flow;
struct inspected;
struct net_fds;
struct net_message;

/** Make the session's authority, and take the secrets (NET_HTTP); says
 * NET_HTTP_READY. */
void service_begin(const struct net_message *message, struct net_fds *fds);

/** NET_RENEW: a secret has another value from now on, or none. */
void service_renew(const struct net_message *message,
		   const struct net_fds *fds);

/**
 * Look into a flow from now on: both of its descriptors are taken over, and
 * flow_inspected() follows when it is over. False where that cannot be: the
 * flow is to be refused.
 */
bool service_take(struct flow *flow, uint64_t secrets);

/** Cut it. NULL is fine. */
void service_drop(struct inspected *inspected);

#endif
