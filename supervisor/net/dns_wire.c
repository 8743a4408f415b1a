/* Messages of the domain name system, by ldns. */
#include <errno.h>
#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/net/dns.h"

struct dns_query {
	ldns_pkt *packet;
};

void dns_query_free(struct dns_query *query)
{
	if (!query)
		return;
	ldns_pkt_free(query->packet);
	free(query);
}

static bool is_host_byte(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '_';
}

/* The labels of a name, in wire format, as text. False where it has a byte that
 * no host name has, a NUL or a dot within a label among them. */
static bool name_text(const ldns_rdf *owner, char *text)
{
	const uint8_t *wire = ldns_rdf_data(owner);
	size_t size = ldns_rdf_size(owner), at = 0, used = 0;

	while (at < size && wire[at] != 0) {
		size_t length = wire[at++];

		if (length > 63 || at + length > size ||
		    used + length + 2 > NET_NAME)
			return false;
		if (used > 0)
			text[used++] = '.';
		for (size_t i = 0; i < length; i++) {
			uint8_t byte = wire[at + i];

			if (byte >= 'A' && byte <= 'Z')
				byte = (uint8_t)(byte - 'A' + 'a');
			if (!is_host_byte(byte))
				return false;
			text[used++] = (char)byte;
		}
		at += length;
	}
	text[used] = '\0';
	return used > 0;
}

/* A question has no records but one, for EDNS (RFC 6891). ldns 1.8 loses the
 * first of two signatures, so that memory could be used up a message at a time.
 */
static bool has_counts_of_question(const uint8_t *bytes, size_t length)
{
	static const uint8_t counts[] = {0, 1, 0, 0, 0, 0, 0};

	return length >= LDNS_HEADER_SIZE &&
	       memcmp(bytes + 4, counts, sizeof(counts)) == 0 && bytes[11] <= 1;
}

int dns_parse(const uint8_t *bytes, size_t length, struct dns_query **result,
	      struct dns_question *question)
{
	struct dns_query *query = calloc(1, sizeof(*query));

	memset(question, 0, sizeof(*question));
	if (!query)
		return -ENOMEM;
	if (!has_counts_of_question(bytes, length) ||
	    ldns_wire2pkt(&query->packet, bytes, length) != LDNS_STATUS_OK) {
		free(query);
		return -EBADMSG;
	}
	const ldns_pkt *packet = query->packet;

	if (ldns_pkt_qr(packet) || ldns_pkt_qdcount(packet) != 1 ||
	    ldns_rr_list_rr_count(ldns_pkt_question(packet)) != 1) {
		dns_query_free(query);
		return -EBADMSG;
	}
	const ldns_rr *asked = ldns_rr_list_rr(ldns_pkt_question(packet), 0);

	question->type = (uint16_t)ldns_rr_get_type(asked);
	question->answerable =
		ldns_pkt_get_opcode(packet) == LDNS_PACKET_QUERY &&
		ldns_rr_get_class(asked) == LDNS_RR_CLASS_IN &&
		name_text(ldns_rr_owner(asked), question->name);
	*result = query;
	return 0;
}

static ldns_rr *make_record(const ldns_rr *asked,
			    const struct net_address *address, uint32_t ttl)
{
	bool four = address->family == AF_INET;
	ldns_rr *record = ldns_rr_new();
	ldns_rdf *data = ldns_rdf_new_frm_data(four ? LDNS_RDF_TYPE_A
						    : LDNS_RDF_TYPE_AAAA,
					       four ? 4 : 16, address->bytes);
	ldns_rdf *owner = ldns_rdf_clone(ldns_rr_owner(asked));

	if (!record || !data || !owner) {
		ldns_rr_free(record);
		ldns_rdf_deep_free(data);
		ldns_rdf_deep_free(owner);
		return NULL;
	}
	ldns_rr_set_owner(record, owner);
	ldns_rr_set_type(record, four ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA);
	ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(record, ttl);
	ldns_rr_push_rdf(record, data);
	return record;
}

static bool add_records(ldns_pkt *answer, const ldns_rr *asked,
			const struct net_address *addresses, size_t count,
			uint32_t ttl)
{
	for (size_t i = 0; i < count; i++) {
		ldns_rr *record = make_record(asked, &addresses[i], ttl);

		if (!record)
			return false;
		if (!ldns_pkt_push_rr(answer, LDNS_SECTION_ANSWER, record)) {
			ldns_rr_free(record);
			return false;
		}
	}
	return true;
}

int dns_answer(const struct dns_query *query, enum dns_code code,
	       const struct net_address *addresses, size_t count, uint32_t ttl,
	       uint8_t **wire, size_t *length)
{
	const ldns_rr *asked =
		ldns_rr_list_rr(ldns_pkt_question(query->packet), 0);
	ldns_pkt *answer = ldns_pkt_new();
	ldns_rr *copy = ldns_rr_clone(asked);
	int error = -ENOMEM;

	*wire = NULL;
	if (!answer || !copy) {
		ldns_pkt_free(answer);
		ldns_rr_free(copy);
		return -ENOMEM;
	}
	ldns_pkt_set_id(answer, ldns_pkt_id(query->packet));
	ldns_pkt_set_opcode(answer, ldns_pkt_get_opcode(query->packet));
	ldns_pkt_set_qr(answer, true);
	ldns_pkt_set_rd(answer, ldns_pkt_rd(query->packet));
	ldns_pkt_set_ra(answer, true);
	ldns_pkt_set_rcode(answer, (uint8_t)code);
	if (ldns_pkt_edns(query->packet))
		ldns_pkt_set_edns_udp_size(answer, 1232);
	if (!ldns_pkt_push_rr(answer, LDNS_SECTION_QUESTION, copy))
		ldns_rr_free(copy);
	else if (add_records(answer, asked, addresses, count, ttl) &&
		 ldns_pkt2wire(wire, answer, length) == LDNS_STATUS_OK)
		error = 0;
	ldns_pkt_free(answer);
	return error;
}
