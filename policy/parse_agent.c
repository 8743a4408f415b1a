/*
 * `ssh-agent KEY… [to HOST…]`: which keys of the agent, and for which hosts.
 */
#include "policy/parse.h"

#include <errno.h>
#include <string.h>

#include "policy/rules.h"

enum { FINGERPRINT = 50 /* SHA256: and 43 characters of base64 */ };

static bool is_fingerprint(const char *text)
{
	return strlen(text) == FINGERPRINT &&
	       strncmp(text, "SHA256:", 7) == 0 &&
	       strspn(text + 7, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
				"uvwxyz0123456789+/") == FINGERPRINT - 7;
}

/* A name or an address as known_hosts has it; with a port behind a colon. */
static bool is_host(const char *text)
{
	size_t name = strcspn(text, ":");
	const char *port = text[name] ? text + name + 1 : "22";

	return name && strcspn(text, " \t,*?![]|#@") == strlen(text) && *port &&
	       strlen(port) <= 5 && strspn(port, "0123456789") == strlen(port);
}

static int add(struct parser *parser, const char **list, const char *text)
{
	size_t length = *list ? strlen(*list) : 0, size = strlen(text) + 1;
	char *joined = arena_alloc(&parser->policy->arena, length + 1 + size);

	if (!joined)
		return -ENOMEM;
	if (*list)
		memcpy(joined, *list, length);
	joined[length] = ' ';
	memcpy(joined + length + 1, text, size);
	*list = joined;
	return 0;
}

int parse_agent(struct parser *parser, struct words words)
{
	struct policy *policy = parser->policy;
	struct policy_agent agent = {0};
	size_t hosts = 0;

	while (hosts < words.count && !word_is(&words.items[hosts], "to"))
		hosts++;
	if (hosts == 1 || hosts + 1 == words.count)
		parse_error(parser, &words.items[words.count - 1],
			    "ssh-agent SHA256:… to HOST",
			    "`ssh-agent` wants a key, and `to` a host");
	for (size_t i = 1; i < words.count; i++) {
		const struct word *word = &words.items[i];
		const char *text = word_string(&policy->arena, word);
		int error = text ? 0 : -ENOMEM;

		if (i == hosts)
			continue;
		if (text && i < hosts && !is_fingerprint(text))
			parse_error(parser, word,
				    "as `ssh-add -l` prints it: SHA256:…",
				    "this is not a key's fingerprint");
		else if (text && i > hosts && !is_host(text))
			parse_error(parser, word, "HOST or HOST:PORT",
				    "an agent's key is for hosts that are "
				    "named");
		if (!error)
			error = add(parser,
				    i < hosts ? &agent.keys : &agent.hosts,
				    text);
		if (error)
			return error;
	}
	int error = line_keep(parser, words, &agent.line);

	return error ? error
		     : array_add(policy->agents, policy->agent_count,
				 policy->agent_capacity, agent);
}
