/*
 * Hosts and ports: from the words of a rule to lines, and from a question to
 * the subjects that those lines match.
 */
#ifndef POLICY_ENDPOINT_H
#define POLICY_ENDPOINT_H

#include "policy/glob.h"
#include "policy/pattern.h"
#include "policy/policy.h"

/** Which of the spaces a host goes to. */
enum endpoint_transport {
	TRANSPORT_TCP = 0,
	TRANSPORT_UDP,
	TRANSPORT_HTTP,
};

/** What a HOST turned out to be. */
enum host_form {
	HOST_ANY = 0,	/**< `*` */
	HOST_NAME,	/**< `api.github.com` */
	HOST_NAME_GLOB, /**< `*.github.com` */
	HOST_ADDRESS,	/**< an address or a CIDR block */
	HOST_LOCALHOST,
	HOST_SELF,
};

/**
 * The ports at which a decision can change: each range's first port and the one
 * behind its last. Between two of them all ports are decided alike.
 */
struct port_edges {
	uint8_t bits[65536 / 8];
};

/** Where a pattern of hosts goes; returns 0 or an error to pass on. */
typedef int endpoint_visit(void *context, enum space space,
			   const struct elements *elements);

/**
 * Read `HOST[:PORTS]`. `rest` elements are put at the end of each line (what
 * http adds); the ports' edges are added to `edges`. Returns 0, -EINVAL with `problem` set, or -ENOMEM.
 */
int endpoint_lines(enum endpoint_transport transport, const char *text,
		   const struct elements *rest, struct set_table *sets,
		   enum host_form *form, struct port_edges *edges,
		   struct glob_problem *problem, endpoint_visit *visit, void *context);

/** The longest name of a host, and room for it as a subject. */
enum { HOST_NAME_MOST = 255, ENDPOINT_SUBJECT = HOST_NAME_MOST + 4 };

/** A subject made from an endpoint. */
struct endpoint_subject {
	enum space space;
	size_t length;
	uint8_t bytes[ENDPOINT_SUBJECT];
};

/** What is asked of an endpoint. */
enum endpoint_role {
	ENDPOINT_AS_CONNECT = 0,
	ENDPOINT_AS_LISTEN,
	ENDPOINT_AS_HTTP,
};

/**
 * The subjects of an endpoint that has no path: at most three, by name, by
 * address and as the session's own. To connect to the unspecified address is
 * to connect to loopback (ip(7), ipv6(7)), so that is what it counts as.
 * Returns their number.
 */
size_t endpoint_subjects(const struct policy_endpoint *endpoint,
			 enum endpoint_role role,
			 struct endpoint_subject subjects[3]);

#endif
