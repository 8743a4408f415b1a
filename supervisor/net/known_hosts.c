#include "supervisor/net/known_hosts.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "policy/scope.h"
#include "supervisor/net/agent_filter.h"

enum { SHA1 = 20, KEY_MOST = 16 * 1024 };

/* Base64 with padding; or -1. */
static int decode(const char *text, uint8_t *out, size_t room)
{
	size_t length = strlen(text), padding = 0;
	int got;

	if (!length || length % 4 || length / 4 * 3 > room)
		return -1;
	while (padding < 2 && text[length - 1 - padding] == '=')
		padding++;
	got = EVP_DecodeBlock(out, (const uint8_t *)text, (int)length);
	return got < 0 ? -1 : got - (int)padding;
}

/* |1|SALT|HASH: of the name, under the salt. */
static bool is_hashed(const char *pattern, const char *name)
{
	auto_free char *copy = strdup(pattern);
	char *hash = copy ? strchr(copy + 3, '|') : NULL;
	uint8_t salt[48], wanted[48], got[SHA1];

	if (!hash)
		return false;
	*hash++ = '\0';
	if (decode(copy + 3, salt, sizeof(salt)) != SHA1 ||
	    decode(hash, wanted, sizeof(wanted)) != SHA1 ||
	    !HMAC(EVP_sha1(), salt, SHA1, (const uint8_t *)name, strlen(name),
		  got, NULL))
		return false;
	return memcmp(got, wanted, SHA1) == 0;
}

/* `*` and `?`, and no brackets: those are around names with a port. */
static bool is_like(const char *pattern, const char *name)
{
	const char *star = NULL, *kept = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			kept = name;
		} else if (*pattern == '?' ||
			   tolower((unsigned char)*pattern) ==
				   tolower((unsigned char)*name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++kept;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* Patterns with commas; one with `!` that matches says no to all. */
static bool is_listed(char *patterns, const char *name)
{
	bool listed = false;
	char *pattern;

	while ((pattern = strsep(&patterns, ","))) {
		bool negated = *pattern == '!';

		pattern += negated;
		if (!(strncmp(pattern, "|1|", 3) == 0 ? is_hashed(pattern, name)
						      : is_like(pattern, name)))
			continue;
		if (negated)
			return false;
		listed = true;
	}
	return listed;
}

static unsigned take_line(char *line, const char *name, struct agent_rule *rule)
{
	static const char space[] = " \t\r\n";
	char *rest, *names = strtok_r(line, space, &rest);
	char *kind = names ? strtok_r(NULL, space, &rest) : NULL;
	char *key = kind ? strtok_r(NULL, space, &rest) : NULL;
	uint8_t bytes[KEY_MOST];
	int length;

	/* `@revoked` and `@cert-authority` lines name no key of a host. */
	if (!key || *names == '#' || *names == '@' || !is_listed(names, name))
		return 0;
	length = decode(key, bytes, sizeof(bytes));
	if (length <= 0 || rule->host_count == AGENT_HOST_KEYS ||
	    !agent_digest(bytes, (size_t)length, rule->hosts[rule->host_count]))
		return 0;
	rule->host_count++;
	return 1;
}

static unsigned take_file(const char *path, const char *name,
			  struct agent_rule *rule)
{
	FILE *file = fopen(path, "re");
	auto_free char *line = NULL;
	unsigned found = 0;
	size_t room = 0;

	if (!file)
		return 0;
	while (getline(&line, &room, file) > 0)
		found += take_line(line, name, rule);
	fclose(file);
	return found;
}

unsigned known_hosts_add(const char *host, struct agent_rule *rule)
{
	static const char *const files[] = {
		"~/.ssh/known_hosts", "~/.ssh/known_hosts2",
		"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"};
	const char *colon = strchr(host, ':'), *home = getenv("HOME") ?: "";
	auto_free char *name = NULL;
	unsigned found = 0;

	if (asprintf(&name,
		     colon && strcmp(colon, ":22") != 0 ? "[%.*s]:%s" : "%.*s",
		     colon ? (int)(colon - host) : (int)strlen(host), host,
		     colon ? colon + 1 : "") < 0) {
		name = NULL;
		return 0;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		auto_free char *path = NULL;

		if (asprintf(&path, "%s%s", *files[i] == '~' ? home : "",
			     files[i] + (*files[i] == '~')) < 0) {
			path = NULL;
			break;
		}
		found += take_file(path, name, rule);
	}
	return found;
}
