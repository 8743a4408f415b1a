/*
 * The session's name server: answers the questions that the supervisor's
 * sockets bring, one name at a time, each asked of the supervisor.
 */
#ifndef SUPERVISOR_NET_DNS_H
#define SUPERVISOR_NET_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/net/protocol.h"

/** Take a socket over (NET_DNS_UDP, NET_DNS_TCP). */
void dns_serve(const struct net_message *message, struct net_fds *fds);

/** A question, as far as it matters here. */
struct dns_question {
	char name[NET_NAME]; /**< lower case, without the last dot */
	uint16_t type;
	bool answerable; /**< a host name, of class IN */
};

/** The codes of an answer (RFC 1035, 4.1.1). */
enum dns_code {
	DNS_OK = 0,
	DNS_FORMAT = 1,
	DNS_FAILED = 2,
	DNS_ABSENT = 3,
	DNS_NOT_KNOWN = 4,
};

/** A message of the session's, parsed by ldns. */
struct dns_query;

/**
 * Parse. Returns 0 and a query for dns_query_free(), or -EBADMSG: what is not a
 * query with one question. Bytes may be anything.
 */
int dns_parse(const uint8_t *bytes, size_t length, struct dns_query **query,
	      struct dns_question *question);
void dns_query_free(struct dns_query *query);

/**
 * Make the answer's bytes: at most 512 of them, whatever the addresses.
 * Returns 0, with `wire` for free(), or -ENOMEM.
 */
int dns_answer(const struct dns_query *query, enum dns_code code,
	       const struct net_address *addresses, size_t count, uint32_t ttl,
	       uint8_t **wire, size_t *length);

#endif
