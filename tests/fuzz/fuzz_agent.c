/*
 * A connection to the ssh agent, with both sides hostile: the first byte of
 * each piece says whose it is. Nothing crashes; what passes to the agent is a
 * list, a signature by a named key, or a binding; and a program gets only lists
 * of named keys.
 */
#include <event2/buffer.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/net/agent_filter.h"
#include "supervisor/net/host_key.h"
#include "supervisor/net/ssh_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The key of the corpus, and the host's. */
static const uint8_t named[] = "\0\0\0\013ssh-ed25519\0\0\0\040"
			       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
static struct agent_rules rules;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void make_rules(void)
{
	if (rules.count)
		return;
	check(agent_digest(named, sizeof(named) - 1, rules.items[0].key));
	rules.items[0].host_count = 1;
	check(agent_digest("host", 4, rules.items[0].hosts[0]));
	rules.items[1] = rules.items[0];
	check(agent_digest("any", 3, rules.items[1].key));
	rules.items[1].any = 1;
	rules.count = 2;
}

/* No host has signed anything that a fuzzer makes. */
static void check_request(const struct agent_filter *filter,
			  const uint8_t *bytes, size_t length)
{
	struct ssh_reader reader = {bytes, length, false};
	uint8_t type = ssh_read_byte(&reader);
	struct ssh_bytes key;

	check(type == filter->request);
	if (type == 11) {
		check(length == 1);
		return;
	}
	check(type == 13);
	key = ssh_read_string(&reader);
	check(ssh_is(key, "any"));
	(void)ssh_read_string(&reader);
	(void)ssh_read_number(&reader);
	check(ssh_at_end(&reader));
}

/* What a program was given, whatever the agent said. */
static void check_answers(struct evbuffer *out, uint8_t request)
{
	size_t length = evbuffer_get_length(out);
	const uint8_t *bytes = evbuffer_pullup(out, -1);
	long end = bytes ? agent_message_end(bytes, length) : 0;
	struct ssh_reader reader = {bytes + 4, length - 4, false};
	uint8_t type;

	check(end > 0 && (size_t)end == length);
	type = ssh_read_byte(&reader);
	if (request == 11 && type == 12) {
		uint32_t count = ssh_read_number(&reader);

		for (uint32_t i = 0; i < count; i++) {
			struct ssh_bytes key = ssh_read_string(&reader);

			check(ssh_is(key, "any") ||
			      (key.length == sizeof(named) - 1 &&
			       memcmp(key.at, named, key.length) == 0));
			(void)ssh_read_string(&reader);
		}
		check(ssh_at_end(&reader));
	} else {
		check(type == 5 || (request == 13 && type == 14));
	}
	evbuffer_drain(out, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_filter filter = {.rules = &rules};
	struct evbuffer *out = evbuffer_new();

	make_rules();
	check(out);
	/* As a signature over nothing of interest, too. */
	if (size > 8) {
		struct ssh_reader reader = {data, size, false};
		struct ssh_bytes key = ssh_read_string(&reader);
		struct ssh_bytes signature = ssh_read_string(&reader);

		check(!host_key_signed(key, signature,
				       (struct ssh_bytes){data, 8}));
	}
	while (size > 1) {
		bool program = *data & 1;
		long end = agent_message_end(data + 1, size - 1);

		if (end <= 0)
			break;
		const uint8_t *body = data + 5;
		size_t length = (size_t)end - 4;

		if (program && !filter.request) {
			const char *why = NULL;

			if (agent_request(&filter, body, length, &why))
				check_request(&filter, body, length);
			else
				check(why && !filter.request);
		} else if (!program && filter.request) {
			uint8_t request = filter.request;

			check(agent_answer(&filter, body, length, out) == 0);
			check(!filter.request);
			check_answers(out, request);
		}
		data += end + 1;
		size -= (size_t)end + 1;
	}
	check(filter.session_count == 0);
	evbuffer_free(out);
	return 0;
}
