/*
 * A connection whose requests are looked into. TLS, where there is any, ends
 * here under the session's authority and goes on to the far end with the far
 * end's certificate verified. Each request is decided about by the supervisor;
 * bodies are passed on as they come, in both directions.
 */
#ifndef SUPERVISOR_NET_HTTP_FLOW_H
#define SUPERVISOR_NET_HTTP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/net/ca.h"
#include "supervisor/net/secrets.h"

struct event_base;

/** What all flows of a broker share. */
struct http_service;

/** `trust`: the certificates, in PEM, by which far ends are verified; as
 * roots_new() takes them. */
int http_service_new(struct event_base *base, const struct ca_material *ca,
		     const char *trust, size_t trust_length, bool mapped,
		     struct http_service **service);
/** After the last of its flows. */
void http_service_free(struct http_service *service);

/** Use these secrets from now on; the service's from then on. */
void http_service_secrets(struct http_service *service,
			  struct secrets *secrets);

/** For tests: what lingers has so long instead of 5 s, and of its other times a
 * like part. */
void http_service_hurry(struct http_service *service, unsigned milliseconds);

/** Those that are used now; the service's. */
struct secrets *http_service_now(const struct http_service *service);

struct http_flow;

enum http_report {
	HTTP_REPORT_REFUSED = 0,  /**< a request, or the connection; why */
	HTTP_REPORT_EXFILTRATION, /**< the name of a secret whose placeholder
				     was on its way to a host not its own */
};

/** How a flow speaks to its owner; `context` is the owner's. */
struct http_calls {
	/** May this request be made? http_flow_answer() says so, at once or
	 * later. Of one request it may be asked more than once: its path in
	 * two readings, and the method that a header names. */
	void (*ask)(void *context, const char *method, const char *path);
	void (*report)(void *context, enum http_report what, const char *text);
	/** An answer had a new value of a secret, by its index. */
	void (*renewed)(void *context, size_t index, const char *value);
	/** A secret, by its index, took the place of its placeholder in this
	 * request; once for each request. */
	void (*swapped)(void *context, size_t index, const char *method,
			const char *path);
	/** It is over, and gone. Bytes of the session's side. */
	void (*ended)(void *context, uint64_t out, uint64_t in);
	/** The client speaks HTTP/2: one of its requests is a flow of its own,
	 * with a context of its own for all calls but ended(); NULL without
	 * memory. It is answered by http_flow_answer() as any other. */
	void *(*another)(void *context, struct http_flow *flow);
	/** That is over: its context is not used any more. */
	void (*done)(void *context);
};

/** How a flow begins. */
struct http_begin {
	int client, server; /**< connected, nonblocking */
	const char *name;   /**< that was decided about, or an address */
	uint16_t port;
	bool tls;	  /**< the client begins with a ClientHello */
	uint64_t secrets; /**< bits of those that may go to this host */
	const struct http_calls *calls;
	void *context;
};

/**
 * Begin. Both descriptors are the flow's from now on, also where this fails.
 * Returns 0 and a flow that ends by itself, or by http_flow_free(); or
 * -ENOMEM.
 */
int http_flow_start(struct http_service *service,
		    const struct http_begin *begin, struct http_flow **flow);

/** The answer to `ask`; `why` is for the program, or NULL. */
void http_flow_answer(struct http_flow *flow, bool allowed, const char *why);

/** Cut it; `ended` is not called. */
void http_flow_free(struct http_flow *flow);

#endif
