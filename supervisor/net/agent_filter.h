/*
 * The protocol of ssh-agent (draft-miller-ssh-agent), with all refused but the
 * list of some keys, and signatures by them; where hosts are named, only those
 * that sign in to one of them. Knows no sockets.
 *
 * A program says which host it speaks with by session-bind@openssh.com, with
 * the host's signature, which is checked here, and by the agent before it says
 * yes (OpenSSH 8.9 and later; others know no such message, and so say no).
 */
#ifndef SUPERVISOR_NET_AGENT_FILTER_H
#define SUPERVISOR_NET_AGENT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AGENT_DIGEST = 32, /**< SHA-256 of a key, as fingerprints are */
	AGENT_MESSAGE_MOST = 256 * 1024,
	AGENT_HOST_KEYS = 32,
	AGENT_RULES = 64,
	AGENT_SESSIONS = 16,
};

/** One key, and what it may be used for. */
struct agent_rule {
	uint8_t key[AGENT_DIGEST];
	uint32_t any; /**< not 0: for everything */
	uint32_t host_count;
	uint8_t hosts[AGENT_HOST_KEYS][AGENT_DIGEST];
};

struct agent_rules {
	struct agent_rule items[AGENT_RULES];
	size_t count;
};

/** A session of ssh that was said to be with a host. */
struct agent_session {
	uint8_t id[AGENT_DIGEST], host[AGENT_DIGEST];
};

/** One connection. Zeroed, with `rules`, is its start. */
struct agent_filter {
	const struct agent_rules *rules;
	struct agent_session sessions[AGENT_SESSIONS];
	size_t session_count;
	struct agent_session bound; /**< if the agent says yes */
	uint8_t request;	    /**< its type, while an answer is due */
};

/** Where the next message ends: its length with the length before it; 0 where
 * more is needed; -EMSGSIZE. */
long agent_message_end(const uint8_t *bytes, size_t length);

/** May this message (without its length) be passed on? Else `why`. */
bool agent_request(struct agent_filter *filter, const uint8_t *bytes,
		   size_t length, const char **why);

struct evbuffer;
/** Write what the program is to get for the agent's answer. Returns 0 or
 * -ENOMEM. */
int agent_answer(struct agent_filter *filter, const uint8_t *bytes,
		 size_t length, struct evbuffer *out);

/** Write a refusal. Returns 0 or -ENOMEM. */
int agent_refuse(struct evbuffer *out);

/** The digest of a key's bytes. */
bool agent_digest(const void *bytes, size_t length, uint8_t out[AGENT_DIGEST]);

#endif
