#include "policy/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"

static int problem_set(struct glob_problem *problem, const char *message,
		       const char *hint)
{
	problem->message = message;
	problem->hint = hint;
	return -EINVAL;
}

/** What a transport calls its spaces. */
struct transport_spaces {
	enum space name, v4, v6, self;
};

static const struct transport_spaces transport_spaces[] = {
	[TRANSPORT_TCP] = {SPACE_TCP_NAME, SPACE_TCP_V4, SPACE_TCP_V6,
			   SPACE_TCP_SELF},
	[TRANSPORT_UDP] = {SPACE_UDP_NAME, SPACE_UDP_V4, SPACE_UDP_V6,
			   SPACE_UDP_SELF},
	[TRANSPORT_HTTP] = {SPACE_HTTP_NAME, SPACE_HTTP_V4, SPACE_HTTP_V6,
			    SPACE_COUNT},
};

struct port_range {
	unsigned low, high;
};

struct endpoint_parse {
	const struct transport_spaces *spaces;
	const struct elements *rest;
	struct set_table *sets;
	struct glob_problem *problem;
	endpoint_visit *visit;
	void *context;
	struct port_range *ports;
	size_t port_count, port_capacity;
};

/** Read a number up to 65535; returns where it ends, or NULL. */
static const char *read_port(const char *at, unsigned *port)
{
	const char *start = at;
	unsigned value = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		value = value * 10 + (unsigned)(*at - '0');
		if (value > 65535)
			return NULL;
	}
	*port = value;
	return at > start ? at : NULL;
}

static int read_ports(struct endpoint_parse *parse, const char *text)
{
	struct port_range range = {0, 65535};

	if (strcmp(text, "*") == 0)
		return array_add(parse->ports, parse->port_count,
				 parse->port_capacity, range);
	for (;;) {
		int error;

		text = read_port(text, &range.low);
		range.high = range.low;
		if (text && *text == '-')
			text = read_port(text + 1, &range.high);
		if (!text || (*text && *text != ','))
			return problem_set(
				parse->problem, "this is no port",
				"a port is a number to 65535, a range "
				"`8000-8999`, a list `80,443`, or `*`");
		if (range.low > range.high)
			return problem_set(parse->problem,
					   "a range of ports from high to low",
					   NULL);
		error = array_add(parse->ports, parse->port_count,
				  parse->port_capacity, range);
		if (error || *text == '\0')
			return error;
		text++;
	}
}

static void add_edges(const struct endpoint_parse *parse,
		      struct port_edges *edges)
{
	for (size_t i = 0; i < parse->port_count; i++) {
		unsigned first = parse->ports[i].low;
		unsigned behind = parse->ports[i].high + 1;

		edges->bits[first / 8] |= (uint8_t)(1u << first % 8);
		if (behind <= 65535)
			edges->bits[behind / 8] |= (uint8_t)(1u << behind % 8);
	}
}

/** Add one byte between `low` and `high`. */
static int add_range(struct endpoint_parse *parse, struct elements *elements,
		     unsigned low, unsigned high)
{
	struct byte_set set = {{0}};
	uint32_t index;
	int error;

	if (low == high)
		return elements_add(elements, ELEMENT_BYTE, low);
	for (unsigned byte = low; byte <= high; byte++)
		byte_set_add(&set, byte);
	error = set_table_add(parse->sets, &set, &index);
	return error ? error : elements_add(elements, ELEMENT_SET, index);
}

/** Visit `head` with the two bytes of a port after it, and the rest. */
static int visit_block(struct endpoint_parse *parse, enum space space,
		       const struct elements *head, const unsigned high[2],
		       const unsigned low[2])
{
	struct elements all = {0};
	int error = 0;

	for (size_t i = 0; i < head->count && !error; i++)
		error = array_add(all.items, all.count, all.capacity,
				  head->items[i]);
	if (!error)
		error = add_range(parse, &all, high[0], high[1]);
	if (!error)
		error = add_range(parse, &all, low[0], low[1]);
	for (size_t i = 0; parse->rest && i < parse->rest->count && !error; i++)
		error = array_add(all.items, all.count, all.capacity,
				  parse->rest->items[i]);
	if (!error)
		error = parse->visit(parse->context, space, &all);
	elements_free(&all);
	return error;
}

/** A range of ports is at most three blocks of two byte ranges. */
static int visit_ports(struct endpoint_parse *parse, enum space space,
		       const struct elements *head)
{
	int error = 0;

	for (size_t i = 0; i < parse->port_count && !error; i++) {
		unsigned low = parse->ports[i].low, high = parse->ports[i].high;

		while (low <= high && !error) {
			unsigned first = low >> 8, last = high >> 8, end;

			/* Up to the end of this high byte, or whole ones. */
			if (first == last)
				end = high;
			else if ((low & 0xff) != 0)
				end = low | 0xff;
			else if ((high & 0xff) == 0xff)
				end = high;
			else
				end = (last << 8) - 1;
			error = visit_block(
				parse, space, head,
				(unsigned[2]){first, end >> 8},
				(unsigned[2]){low & 0xff, end & 0xff});
			low = end + 1;
		}
	}
	return error;
}

static int visit_address(struct endpoint_parse *parse, const uint8_t *address,
			 size_t size, unsigned bits)
{
	struct elements head = {0};
	int error = 0;

	for (size_t i = 0; i < size && !error; i++) {
		unsigned fixed = bits >= 8 ? 8 : bits;
		unsigned mask = 0xffu >> fixed;

		bits -= fixed;
		error = add_range(parse, &head, address[i] & ~mask & 0xff,
				  address[i] | mask);
	}
	if (!error)
		error = visit_ports(parse,
				    size == 4 ? parse->spaces->v4
					      : parse->spaces->v6,
				    &head);
	elements_free(&head);
	return error;
}

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0,    0,
					  0, 0, 0, 0, 0xff, 0xff};

static const uint8_t loopback4[4] = {127, 0, 0, 1};
static const uint8_t loopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0,
				      0, 0, 0, 0, 0, 0, 0, 1};

/** Read ADDRESS[/BITS]; returns 1, 0 if it is none, or an error. */
static int try_address(struct endpoint_parse *parse, const char *host)
{
	auto_free char *copy = strdup(host);
	uint8_t address[16];
	unsigned bits, most;
	char *slash;
	size_t size;
	int error;

	if (!copy)
		return -ENOMEM;
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (inet_pton(AF_INET, copy, address) == 1)
		size = 4;
	else if (inet_pton(AF_INET6, copy, address) == 1)
		size = 16;
	else
		return slash ? problem_set(parse->problem, "this is no address",
					   NULL)
			     : 0;
	most = (unsigned)size * 8;
	bits = most;
	if (slash) {
		const char *end = read_port(slash, &bits);

		if (!end || *end || bits > most)
			return problem_set(parse->problem,
					   "this is no length of a prefix",
					   "an IPv4 block ends in /0 to /32, "
					   "an IPv6 block in /0 to /128");
	}
	/* A v4 address in a v6 coat is the v4 address. */
	if (size == 16 && bits >= 96 &&
	    memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0)
		error = visit_address(parse, address + 12, 4, bits - 96);
	else
		error = visit_address(parse, address, size, bits);
	return error ? error : 1;
}

static bool is_host_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

/** Is it a name: labels of the right bytes, none empty? */
static int check_name(struct endpoint_parse *parse, const char *name,
		      size_t length)
{
	size_t label = 0;
	bool digits = true;

	if (length == 0 || length > HOST_NAME_MOST)
		return problem_set(parse->problem, "this is no host",
				   "a name, `*.name`, an address, a CIDR "
				   "block, `localhost`, `self` or `*`");
	for (size_t i = 0; i <= length; i++) {
		unsigned char c = i < length ? (unsigned char)name[i] : '.';

		if (c == '*')
			return problem_set(parse->problem,
					   "a `*` label comes first, and is "
					   "the whole label",
					   "`*.example.com` matches all "
					   "subdomains");
		if (!is_host_byte(c))
			return problem_set(parse->problem,
					   "a byte that no host name has",
					   NULL);
		if (c != '.') {
			label++;
			digits = digits && c >= '0' && c <= '9';
			continue;
		}
		if (label == 0 || label > 63)
			return problem_set(parse->problem,
					   "an empty or overlong label", NULL);
		label = 0;
		if (i < length)
			digits = true;
	}
	if (digits)
		return problem_set(parse->problem, "this is no address",
				   "an IPv4 address has four numbers to 255");
	return 0;
}

static int visit_name(struct endpoint_parse *parse, const char *name,
		      bool subdomains)
{
	size_t length = strlen(name);
	struct elements head = {0};
	int error;

	if (length > 0 && name[length - 1] == '.')
		length--;
	error = check_name(parse, name, length);
	while (length > 0 && !error)
		error = elements_add(&head, ELEMENT_BYTE,
				     lower((unsigned char)name[--length]));
	if (!error && subdomains) {
		error = elements_add(&head, ELEMENT_BYTE, '.');
		if (!error)
			error = elements_add(&head, ELEMENT_SET, SET_HOST);
		if (!error)
			error = elements_add(&head, ELEMENT_STAR, SET_HOST);
	}
	if (!error)
		error = elements_add(&head, ELEMENT_BYTE, 0);
	if (!error)
		error = visit_ports(parse, parse->spaces->name, &head);
	elements_free(&head);
	return error;
}

static int visit_own(struct endpoint_parse *parse)
{
	const struct elements none = {0};

	return parse->spaces->self == SPACE_COUNT
		       ? 0
		       : visit_ports(parse, parse->spaces->self, &none);
}

static int visit_any(struct endpoint_parse *parse)
{
	struct elements head = {0};
	int error = elements_add(&head, ELEMENT_SET, SET_HOST);

	if (!error)
		error = elements_add(&head, ELEMENT_STAR, SET_HOST);
	if (!error)
		error = elements_add(&head, ELEMENT_BYTE, 0);
	if (!error)
		error = visit_ports(parse, parse->spaces->name, &head);
	elements_free(&head);
	if (!error)
		error = visit_address(parse, loopback4, 4, 0);
	if (!error)
		error = visit_address(parse, loopback6, 16, 0);
	return error ? error : visit_own(parse);
}

static int visit_host(struct endpoint_parse *parse, const char *host,
		      enum host_form *form)
{
	int error;

	if (strcmp(host, "*") == 0) {
		*form = HOST_ANY;
		return visit_any(parse);
	}
	if (strcmp(host, "self") == 0) {
		*form = HOST_SELF;
		if (parse->spaces->self == SPACE_COUNT)
			return problem_set(parse->problem,
					   "`self` has no requests to decide",
					   NULL);
		return visit_own(parse);
	}
	if (strcmp(host, "localhost") == 0) {
		*form = HOST_LOCALHOST;
		error = visit_name(parse, host, false);
		if (!error)
			error = visit_address(parse, loopback4, 4, 8);
		return error ? error : visit_address(parse, loopback6, 16, 128);
	}
	*form = HOST_ADDRESS;
	error = try_address(parse, host);
	if (error)
		return error < 0 ? error : 0;
	if (strncmp(host, "*.", 2) == 0) {
		*form = HOST_NAME_GLOB;
		return visit_name(parse, host + 2, true);
	}
	*form = HOST_NAME;
	return visit_name(parse, host, false);
}

/**
 * Take `HOST[:PORTS]` apart, in place. A v6 address with a port stands in
 * brackets; one without may stand bare. `ports` is NULL where none are named.
 */
static int split_ports(struct endpoint_parse *parse, char *text, char **host,
		       char **ports)
{
	char *colon;

	*host = text;
	*ports = NULL;
	if (*text == '[') {
		char *close = strchr(text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return problem_set(parse->problem,
					   "the address's `[` is not closed",
					   "write `[::1]:443`");
		*close = '\0';
		*host = text + 1;
		if (close[1])
			*ports = close + 2;
		if (!strchr(*host, ':'))
			return problem_set(parse->problem,
					   "only an IPv6 address stands in "
					   "brackets",
					   NULL);
		return 0;
	}
	colon = strchr(text, ':');
	if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*ports = colon + 1;
	}
	return 0;
}

int endpoint_lines(enum endpoint_transport transport, const char *text,
		   const struct elements *rest, struct set_table *sets,
		   enum host_form *form, struct port_edges *edges,
		   struct glob_problem *problem, endpoint_visit *visit, void *context)
{
	struct endpoint_parse parse = {
		.spaces = &transport_spaces[transport],
		.rest = rest,
		.sets = sets,
		.problem = problem,
		.visit = visit,
		.context = context,
	};
	auto_free char *copy = strdup(text);
	char *host, *ports;
	int error;

	*problem = (struct glob_problem){0};
	if (!copy)
		return -ENOMEM;
	error = split_ports(&parse, copy, &host, &ports);
	if (!error)
		error = read_ports(&parse, ports ? ports : "*");
	if (!error)
		add_edges(&parse, edges);
	if (!error)
		error = visit_host(&parse, host, form);
	free(parse.ports);
	return error;
}

static void subject_add(struct endpoint_subject *subject, const void *bytes,
			size_t length)
{
	memcpy(subject->bytes + subject->length, bytes, length);
	subject->length += length;
}

/** The name backwards in lower case; false if it can match nothing. */
static bool subject_add_name(struct endpoint_subject *subject, const char *name)
{
	size_t length = strnlen(name, HOST_NAME_MOST + 2);

	if (length > 0 && name[length - 1] == '.')
		length--;
	if (length == 0 || length > HOST_NAME_MOST)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)name[length - 1 - i];

		if (!is_host_byte(c))
			return false;
		subject->bytes[i] = lower(c);
	}
	subject->bytes[length] = 0;
	subject->length = length + 1;
	return true;
}

/** The address in its shortest form: v4-mapped ones as v4. */
static void subject_add_address(struct endpoint_subject *subject,
				const struct policy_endpoint *endpoint,
				const struct transport_spaces *spaces,
				bool connecting)
{
	static const uint8_t unspecified[16];
	const uint8_t *address = endpoint->address;
	const uint8_t *loopback = loopback4;
	size_t size = 4;

	subject->length = 0;
	subject->space = spaces->v4;
	if (endpoint->family == AF_INET6 &&
	    memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		address += 12;
	} else if (endpoint->family == AF_INET6) {
		subject->space = spaces->v6;
		loopback = loopback6;
		size = 16;
	}
	if (connecting && memcmp(address, unspecified, size) == 0)
		address = loopback;
	subject_add(subject, address, size);
}

size_t endpoint_subjects(const struct policy_endpoint *endpoint,
			 enum endpoint_role role,
			 struct endpoint_subject subjects[3])
{
	const struct transport_spaces *spaces =
		&transport_spaces[role == ENDPOINT_AS_HTTP ? TRANSPORT_HTTP
				  : endpoint->kind == ENDPOINT_UDP
					  ? TRANSPORT_UDP
					  : TRANSPORT_TCP];
	uint8_t port[2] = {(uint8_t)(endpoint->port >> 8),
			   (uint8_t)(endpoint->port & 0xff)};
	size_t count = 0;

	if (endpoint->host &&
	    subject_add_name(&subjects[count], endpoint->host))
		subjects[count++].space = spaces->name;
	if (endpoint->family == AF_INET || endpoint->family == AF_INET6)
		subject_add_address(&subjects[count++], endpoint, spaces,
				    role != ENDPOINT_AS_LISTEN);
	if (endpoint->own && spaces->self != SPACE_COUNT) {
		subjects[count].length = 0;
		subjects[count++].space = spaces->self;
	}
	for (size_t i = 0; i < count; i++)
		subject_add(&subjects[i], port, sizeof(port));
	return count;
}
