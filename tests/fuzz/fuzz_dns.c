/*
 * Questions to the session's name server: nothing crashes, the name that is
 * decided about is one that hosts have, and what is answered says that name and
 * no other bytes of the question.
 */
#include <ldns/ldns.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "supervisor/net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_name(const char *name)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

	check(strlen(name) > 0 && strlen(name) < NET_NAME);
	check(strspn(name, bytes) == strlen(name));
	check(!strstr(name, "..") && name[0] != '.');
}

static void check_answer(const uint8_t *question, const uint8_t *wire,
			 size_t length, size_t count)
{
	ldns_pkt *answer = NULL;

	check(length >= 12 && memcmp(question, wire, 2) == 0);
	check(ldns_wire2pkt(&answer, wire, length) == LDNS_STATUS_OK);
	check(ldns_pkt_qr(answer) && ldns_pkt_qdcount(answer) == 1);
	check(ldns_pkt_ancount(answer) == count);
	ldns_pkt_free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct net_address addresses[2] = {
		{AF_INET, {192, 0, 2, 1}},
		{AF_INET6, {0x20, 1, 0xd, 0xb8}},
	};
	struct dns_question question;
	struct dns_query *query = NULL;

	if (dns_parse(data, size, &query, &question))
		return 0;
	if (question.answerable)
		check_name(question.name);
	for (size_t count = 0; count <= 2; count++) {
		uint8_t *wire = NULL;
		size_t length;

		if (dns_answer(query, count ? DNS_OK : DNS_ABSENT, addresses,
			       count, 60, &wire, &length) == 0)
			check_answer(data, wire, length, count);
		free(wire);
	}
	dns_query_free(query);
	return 0;
}
