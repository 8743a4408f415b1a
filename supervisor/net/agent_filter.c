#include "supervisor/net/agent_filter.h"

#include <errno.h>
#include <event2/buffer.h>
#include <string.h>

#include <openssl/evp.h>

#include "supervisor/net/host_key.h"
#include "supervisor/net/ssh_wire.h"

/* draft-miller-ssh-agent, 6.1; RFC 4252, 6. */
enum {
	AGENT_FAILURE = 5,
	AGENT_SUCCESS = 6,
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14,
	EXTENSION = 27,
	USERAUTH_REQUEST = 50,
};

/* -------------------------------------------------------------- reading -- */

bool agent_digest(const void *bytes, size_t length, uint8_t out[AGENT_DIGEST])
{
	return EVP_Digest(bytes, length, out, NULL, EVP_sha256(), NULL) == 1;
}

long agent_message_end(const uint8_t *bytes, size_t length)
{
	uint32_t size;

	if (length < 4)
		return 0;
	size = ssh_number_at(bytes);
	if (size == 0 || size > AGENT_MESSAGE_MOST)
		return -EMSGSIZE;
	return length - 4 < size ? 0 : (long)size + 4;
}

/* ------------------------------------------------------------- deciding -- */

static bool is_named(const struct agent_rules *rules, struct ssh_bytes key)
{
	uint8_t digest[AGENT_DIGEST];

	if (!key.at || !agent_digest(key.at, key.length, digest))
		return false;
	for (size_t i = 0; i < rules->count; i++)
		if (memcmp(rules->items[i].key, digest, AGENT_DIGEST) == 0)
			return true;
	return false;
}

/* Whose session it is; NULL: that was not said. */
static const uint8_t *host_of(const struct agent_filter *filter,
			      struct ssh_bytes session)
{
	uint8_t digest[AGENT_DIGEST];

	if (!agent_digest(session.at, session.length, digest))
		return NULL;
	for (size_t i = 0; i < filter->session_count; i++)
		if (memcmp(filter->sessions[i].id, digest, AGENT_DIGEST) == 0)
			return filter->sessions[i].host;
	return NULL;
}

/* What is signed to sign in by a key (RFC 4252, 7), to the host that the
 * session is bound to; or NULL. */
static const uint8_t *read_sign_in(const struct agent_filter *filter,
				   struct ssh_bytes key, struct ssh_bytes data)
{
	struct ssh_reader reader = {data.at, data.length, false};
	struct ssh_bytes session = ssh_read_string(&reader), method, signer;
	bool is_request = ssh_read_byte(&reader) == USERAUTH_REQUEST;
	const uint8_t *host = session.at ? host_of(filter, session) : NULL;
	uint8_t digest[AGENT_DIGEST];

	(void)ssh_read_string(&reader); /* the user */
	is_request &= ssh_is(ssh_read_string(&reader), "ssh-connection");
	method = ssh_read_string(&reader);
	is_request &= ssh_read_byte(&reader) == 1;
	(void)ssh_read_string(&reader); /* the algorithm */
	signer = ssh_read_string(&reader);
	if (!host || !is_request || !ssh_same(signer, key))
		return NULL;
	if (ssh_is(method, "publickey-hostbound-v00@openssh.com")) {
		struct ssh_bytes said = ssh_read_string(&reader);

		if (!said.at || !agent_digest(said.at, said.length, digest) ||
		    memcmp(digest, host, AGENT_DIGEST) != 0)
			return NULL;
	} else if (!ssh_is(method, "publickey")) {
		return NULL;
	}
	return ssh_at_end(&reader) ? host : NULL;
}

static bool has_host(const struct agent_rule *rule, const uint8_t *host)
{
	for (size_t i = 0; host && i < rule->host_count; i++)
		if (memcmp(rule->hosts[i], host, AGENT_DIGEST) == 0)
			return true;
	return false;
}

static bool may_sign(const struct agent_filter *filter, struct ssh_bytes key,
		     struct ssh_bytes data, const char **why)
{
	const struct agent_rules *rules = filter->rules;
	const uint8_t *host = read_sign_in(filter, key, data);
	uint8_t digest[AGENT_DIGEST];

	if (!is_named(rules, key)) {
		*why = "a signature by a key that no `ssh-agent` line names";
		return false;
	}
	if (!agent_digest(key.at, key.length, digest))
		return false;
	for (size_t i = 0; i < rules->count; i++)
		if (memcmp(rules->items[i].key, digest, AGENT_DIGEST) == 0 &&
		    (rules->items[i].any || has_host(&rules->items[i], host)))
			return true;
	*why = host ? "a signature for a host that is not the key's"
		    : "a signature that does not sign in to a known host";
	return false;
}

static bool may_bind(struct agent_filter *filter, struct ssh_reader *reader,
		     const char **why)
{
	struct ssh_bytes name = ssh_read_string(reader), host, session,
			 signature;
	bool forwarded;

	*why = "something that is not a list or a signature";
	if (!ssh_is(name, "session-bind@openssh.com"))
		return false;
	host = ssh_read_string(reader);
	session = ssh_read_string(reader);
	signature = ssh_read_string(reader);
	forwarded = ssh_read_byte(reader) != 0;
	if (!ssh_at_end(reader))
		return false;
	if (forwarded) {
		*why = "the agent was to be forwarded to a host";
		return false;
	}
	if (!host_key_signed(host, signature, session)) {
		*why = "a connection was said to be with a host that did not "
		       "sign it";
		return false;
	}
	*why = "too many sessions on one connection";
	return filter->session_count < AGENT_SESSIONS &&
	       agent_digest(host.at, host.length, filter->bound.host) &&
	       agent_digest(session.at, session.length, filter->bound.id);
}

bool agent_request(struct agent_filter *filter, const uint8_t *bytes,
		   size_t length, const char **why)
{
	struct ssh_reader reader = {bytes, length, false};
	uint8_t type = ssh_read_byte(&reader);
	struct ssh_bytes key, data;
	bool may;

	*why = "something that is not a list or a signature";
	switch (type) {
	case REQUEST_IDENTITIES:
		may = ssh_at_end(&reader);
		break;
	case SIGN_REQUEST:
		key = ssh_read_string(&reader);
		data = ssh_read_string(&reader);
		(void)ssh_read_number(&reader);
		may = ssh_at_end(&reader) && may_sign(filter, key, data, why);
		break;
	case EXTENSION:
		may = may_bind(filter, &reader, why);
		break;
	default:
		may = false;
	}
	filter->request = may ? type : 0;
	return may;
}

/* -------------------------------------------------------------- answers -- */

static int add_number(struct evbuffer *out, size_t number)
{
	const uint8_t bytes[] = {(uint8_t)(number >> 24),
				 (uint8_t)(number >> 16),
				 (uint8_t)(number >> 8), (uint8_t)number};

	return evbuffer_add(out, bytes, sizeof(bytes));
}

static int add_string(struct evbuffer *out, struct ssh_bytes bytes)
{
	return add_number(out, bytes.length) ||
	       evbuffer_add(out, bytes.at, bytes.length);
}

int agent_refuse(struct evbuffer *out)
{
	static const uint8_t failure[] = {0, 0, 0, 1, AGENT_FAILURE};

	return evbuffer_add(out, failure, sizeof(failure)) ? -ENOMEM : 0;
}

/* The keys that are named, of those that there are. */
static int answer_list(const struct agent_filter *filter,
		       struct ssh_reader *reader, struct evbuffer *out)
{
	struct evbuffer *keys = evbuffer_new();
	uint32_t count = ssh_read_number(reader), kept = 0;
	const uint8_t type = IDENTITIES_ANSWER;
	int error = !keys;

	for (uint32_t i = 0; !error && !reader->bad && i < count; i++) {
		struct ssh_bytes key = ssh_read_string(reader);
		struct ssh_bytes comment = ssh_read_string(reader);

		if (reader->bad || !is_named(filter->rules, key))
			continue;
		kept++;
		error = add_string(keys, key) || add_string(keys, comment);
	}
	if (!error && reader->bad)
		error = agent_refuse(out);
	else if (!error)
		error = add_number(out, 5 + evbuffer_get_length(keys)) ||
			evbuffer_add(out, &type, 1) || add_number(out, kept) ||
			evbuffer_add_buffer(out, keys);
	if (keys)
		evbuffer_free(keys);
	return error ? -ENOMEM : 0;
}

int agent_answer(struct agent_filter *filter, const uint8_t *bytes,
		 size_t length, struct evbuffer *out)
{
	struct ssh_reader reader = {bytes, length, false};
	uint8_t type = ssh_read_byte(&reader), request = filter->request;

	filter->request = 0;
	if (request == REQUEST_IDENTITIES && type == IDENTITIES_ANSWER)
		return answer_list(filter, &reader, out);
	if (request == EXTENSION && type == AGENT_SUCCESS)
		filter->sessions[filter->session_count++] = filter->bound;
	else if (request != SIGN_REQUEST || type != SIGN_RESPONSE)
		return agent_refuse(out);
	return add_number(out, length) || evbuffer_add(out, bytes, length)
		       ? -ENOMEM
		       : 0;
}
