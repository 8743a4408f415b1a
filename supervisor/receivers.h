/*
 * Which sockets of this machine receive what is sent to a port, as the kernel
 * has it at this moment.
 */
#ifndef SUPERVISOR_RECEIVERS_H
#define SUPERVISOR_RECEIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy_endpoint;

/**
 * Would what is sent to the endpoint (TCP or UDP, IPv4 or IPv6) reach one of
 * these sockets, and no other? They are known by their inodes (fstat(2)). Errs
 * on the side of false.
 */
bool receivers_are(const struct policy_endpoint *endpoint,
		   const uint64_t *inodes, size_t count);

/** The two ways to ask. Each returns 1 or 0 as above, or -errno where it cannot
 * be asked so: by sock_diag(7), and by /proc/net (proc_net_tcp(5)), which for
 * one that listens has the kernel go through all connections: 1.5 ms. */
int receivers_by_diag(const struct policy_endpoint *endpoint,
		      const uint64_t *inodes, size_t count);
int receivers_by_proc(const struct policy_endpoint *endpoint,
		      const uint64_t *inodes, size_t count);

#endif
