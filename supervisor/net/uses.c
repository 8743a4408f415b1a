#include "supervisor/net/uses.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "policy/arena.h"
#include "policy/policy.h"
#include "policy/scope.h"
#include "policy/text.h"
#include "supervisor/net/hosts.h"
#include "supervisor/net/inspect.h"
#include "supervisor/net/protocol.h"
#include "supervisor/record.h"
#include "supervisor/report/table.h"
#include "supervisor/session.h"

/* A program makes up as many paths as it likes: beyond so many kinds of
 * requests each secret has one for all the rest. */
enum { MOST_KINDS = 4096 };

/* The strings are the arena's. */
struct use {
	const char *secret, *subject, *exe;
	uint64_t more; /* than the one that has its event */
};

struct uses {
	struct session *session;
	struct arena arena;
	struct table table;
	struct use *list;
	size_t count, capacity;
};

struct uses *uses_new(struct session *session)
{
	struct uses *uses = calloc(1, sizeof(*uses));
	uint64_t seed = 0;

	if (!uses)
		return NULL;
	uses->session = session;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uint64_t)(uintptr_t)uses;
	table_seed(seed);
	return uses;
}

void uses_free(struct uses *uses)
{
	if (!uses)
		return;
	for (size_t i = 0; i < uses->count; i++) {
		const struct use *use = &uses->list[i];
		const struct record_network event = {
			.exe = use->exe,
			.subject = use->subject,
		};

		if (use->more)
			record_use(uses->session, &event, use->secret,
				   use->more);
	}
	free(uses->list);
	table_clear(&uses->table);
	arena_clear(&uses->arena);
	free(uses);
}

/* `METHOD HOST:PORT/PATH`; what the broker says is not trusted to end. */
static void put_subject(struct text *text, const struct net_flow *flow,
			const struct net_message *message)
{
	struct net_address address;
	uint16_t port;

	net_address_of(&flow->far, &address, &port);
	text_add(text, message->method, strnlen(message->method, NET_METHOD));
	text_add_byte(text, ' ');
	text_add(text, message->name, strnlen(message->name, NET_NAME));
	text_format(text, ":%u", port);
	text_add(text, message->path, strnlen(message->path, NET_PATH));
}

/* The use of that kind: its index, or -1 without memory. */
static ssize_t find(struct uses *uses, const char *secret, const char *subject,
		    const char *exe, bool *made)
{
	struct text key = {0};
	struct use use = {.secret = secret};

	text_format(&key, "%s %s%c%s", secret, exe ?: "", '\0', subject ?: "");
	struct table_entry *entry =
		key.failed ? NULL
			   : table_get(&uses->table, &uses->arena, key.data,
				       key.length, made);

	text_free(&key);
	if (!entry)
		return -1;
	if (!*made)
		return (ssize_t)entry->index;
	entry->index = uses->count;
	if (exe)
		use.exe = arena_copy(&uses->arena, exe, strlen(exe));
	if (subject)
		use.subject =
			arena_copy(&uses->arena, subject, strlen(subject));
	return array_add(uses->list, uses->count, uses->capacity, use)
		       ? -1
		       : (ssize_t)entry->index;
}

void uses_note(struct uses *uses, const struct net_flow *flow,
	       const struct net_message *message)
{
	const struct policy_secret *secret =
		uses->session->inspect
			? inspect_secret(uses->session->inspect, message->token)
			: NULL;
	struct text text = {0};
	auto_free char *subject = NULL;
	bool made = false;
	ssize_t index;

	if (!secret)
		return;
	put_subject(&text, flow, message);
	if (text_finish(&text, &subject))
		return;
	if (uses->count < MOST_KINDS)
		index = find(uses, secret->name, subject, flow->exe, &made);
	else
		index = find(uses, secret->name, NULL, NULL, &made);
	if (index < 0)
		return;
	if (!made) {
		uses->list[index].more++;
		return;
	}
	const struct record_network event = {
		.pid = flow->pid,
		.tid = flow->tid,
		.parent = flow->parent,
		.exe = uses->list[index].exe,
		.subject = uses->list[index].subject,
	};

	record_use(uses->session, &event, secret->name, 0);
}
