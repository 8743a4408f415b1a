/*
 * Bytes between two sockets, both ways, through pipes: they are not copied.
 * What a client sends in plain HTTP is looked at, request by request.
 */
#ifndef SUPERVISOR_NET_PUMP_H
#define SUPERVISOR_NET_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct pump;

/**
 * Begin. `http`: the client's requests are shown one by one; `hello`: bytes of
 * its ClientHello, or 0. The pump calls flow_end() or flow_refuse() when it is
 * over. NULL without memory.
 */
struct pump *pump_new(struct flow *flow, bool http, size_t hello);
void pump_free(struct pump *pump);

/** The supervisor's word on the Host of a request. */
void pump_verdict(struct pump *pump, bool allowed);

/** Bytes that went out to the far end, and came in. */
void pump_count(const struct pump *pump, uint64_t *out, uint64_t *in);

#endif
