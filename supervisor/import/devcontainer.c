/*
 * The firewall of a devcontainer: a script of the shell that puts hosts into a
 * set and lets nothing else out. What is read of it are its lists of hosts and
 * its iptables lines; no script can be known without running it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/import/import.h"

enum { WORD = 300 }; /* a host name is shorter; what is longer is cut */

struct reading {
	struct import *import;
	const char *at; /* what is left of the script */
	unsigned line;
	unsigned hosts;
	char word[WORD];
	char origin[32];
};

/* Past spaces, comments, ends of lines that go on, and with `over_lines` the
 * others. */
static void skip_space(struct reading *reading, bool over_lines)
{
	for (;;) {
		reading->at += strspn(reading->at, " \t\r\v\f");
		if (reading->at[0] == '\\' && reading->at[1] == '\n') {
			reading->line++;
			reading->at += 2;
		} else if (reading->at[0] == '#') {
			reading->at += strcspn(reading->at, "\n");
		} else if (reading->at[0] == '\n' && over_lines) {
			reading->line++;
			reading->at++;
		} else {
			return;
		}
	}
}

/* The next word, without its quotes, in `word`; one of ( ) ; is a word. False
 * at the line's end, or with `over_lines` at the script's. */
static bool next_word(struct reading *reading, bool over_lines)
{
	size_t length = 0;
	char quote = 0;

	skip_space(reading, over_lines);
	if (!*reading->at || *reading->at == '\n')
		return false;
	if (strchr(";()", *reading->at)) {
		reading->word[0] = *reading->at++;
		reading->word[1] = '\0';
		return true;
	}
	for (; *reading->at && *reading->at != '\n'; reading->at++) {
		char c = *reading->at;

		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? 0 : c;
			continue;
		}
		if (!quote && (isspace((unsigned char)c) || strchr(";()", c)))
			break;
		if (length < WORD - 1)
			reading->word[length++] = c;
	}
	reading->word[length] = '\0';
	return true;
}

static bool is_word(const struct reading *reading, const char *word)
{
	return strcmp(reading->word, word) == 0;
}

static void skip_line(struct reading *reading)
{
	reading->at += strcspn(reading->at, "\n");
	if (*reading->at == '\n') {
		reading->at++;
		reading->line++;
	}
}

static const char *origin(struct reading *reading)
{
	snprintf(reading->origin, sizeof(reading->origin), "line %u",
		 reading->line);
	return reading->origin;
}

static bool looks_like_host(const char *word)
{
	size_t length = strlen(word);

	return length > 3 && strchr(word, '.') &&
	       isalnum((unsigned char)word[0]) &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789-./") == length &&
	       isalnum((unsigned char)word[length - 1]);
}

static void take_host(struct reading *reading, const char *word)
{
	struct text host = {0};

	if (looks_like_host(word) && import_host(&host, word, "*")) {
		import_rule(reading->import, IMPORT_ALLOW, origin(reading),
			    "allow connect%s", host.data);
		reading->hosts++;
	} else if (strchr(word, '$')) {
		import_unsaid(reading->import, word,
			      "what it stands for is not known before the "
			      "script runs");
	} else if (strchr(word, '.')) {
		import_unsaid(reading->import, word, "this is no host");
	}
	text_free(&host);
}

/* The words of a list, up to what ends it. */
static int take_list(struct reading *reading, const char *end)
{
	unsigned start = reading->line;
	char place[32];

	while (next_word(reading, true)) {
		if (is_word(reading, end) || is_word(reading, "do"))
			return 0;
		take_host(reading, reading->word);
	}
	snprintf(place, sizeof(place), ":%u:1", start);
	return import_error(reading->import, place, "this list does not end");
}

/* What one line of iptables says. */
struct clause {
	char protocol[8], port[64], target[64];
	bool out;     /* it is about what leaves */
	bool accept;  /* and lets it */
	bool loop;    /* on the loopback interface */
	bool answers; /* it is about answers, or the set of the hosts */
	bool other;   /* and about what cannot be said */
};

/* An option and what follows it; false where it is none of these. */
static bool take_option(struct clause *clause, const char *option,
			const char *value)
{
	if (!strcmp(option, "-A") || !strcmp(option, "--append") ||
	    !strcmp(option, "-I") || !strcmp(option, "--insert"))
		clause->out = strcmp(value, "OUTPUT") == 0;
	else if (!strcmp(option, "-p") || !strcmp(option, "--protocol"))
		snprintf(clause->protocol, sizeof(clause->protocol), "%.7s",
			 value);
	else if (!strcmp(option, "--dport") || !strcmp(option, "--dports"))
		snprintf(clause->port, sizeof(clause->port), "%.63s", value);
	else if (!strcmp(option, "-d") || !strcmp(option, "--destination"))
		snprintf(clause->target, sizeof(clause->target), "%.63s",
			 value);
	else if (!strcmp(option, "-o"))
		clause->loop = strcmp(value, "lo") == 0;
	else if (!strcmp(option, "-j") || !strcmp(option, "--jump"))
		clause->accept = strcmp(value, "ACCEPT") == 0;
	else if (!strcmp(option, "-m") || !strcmp(option, "--match"))
		clause->other |= strcmp(value, "tcp") && strcmp(value, "udp") &&
				 strcmp(value, "multiport");
	else
		return false;
	return true;
}

static void take_clause(struct reading *reading, struct clause *clause)
{
	static const char *const alone[] = {"--sport", "--match-set", "--state",
					    "--ctstate"};
	char option[16] = "";

	while (next_word(reading, false) && !is_word(reading, ";")) {
		bool taken = take_option(clause, option, reading->word);

		for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++)
			clause->answers |= is_word(reading, alone[i]);
		clause->other |=
			is_word(reading, "!") || reading->word[0] == '|';
		snprintf(option, sizeof(option), "%.15s",
			 taken ? "" : reading->word);
	}
}

/* Ports as iptables has them, `80,443` or `8000:8100`, as they are here. */
static bool ports_of(char *port)
{
	for (char *at = port; *at; at++)
		if (*at == ':')
			*at = '-';
	return strspn(port, "0123456789,-") == strlen(port);
}

static bool is_address(const char *target)
{
	return looks_like_host(target) ||
	       (strchr(target, ':') &&
		strspn(target, "0123456789abcdefABCDEF:/") == strlen(target));
}

static void take_target(struct reading *reading, struct clause *clause)
{
	const char *target = clause->target[0] ? clause->target : "*";
	bool six = strchr(target, ':') != NULL;
	bool known = ports_of(clause->port);
	auto_free char *endpoint = NULL;

	/* An IPv6 address with ports stands in brackets. */
	if (asprintf(&endpoint, "%s%s%s%s:%s",
		     strcmp(clause->protocol, "udp") == 0 ? "udp:" : "",
		     six ? "[" : "", target, six ? "]" : "",
		     clause->port[0] ? clause->port : "*") < 0) {
		endpoint = NULL;
		import_error(reading->import, "", "%s", strerror(ENOMEM));
		return;
	}
	if (known && import_is_endpoint(endpoint))
		import_rule(reading->import, IMPORT_ALLOW, reading->origin,
			    "allow connect %s", endpoint);
	else
		import_unsaid(reading->import, reading->origin,
			      "this is no host and port");
}

/* `iptables -A OUTPUT …`, an option a pair of words. */
static void take_iptables(struct reading *reading)
{
	struct clause clause = {0};

	origin(reading);
	take_clause(reading, &clause);
	if (!clause.out || !clause.accept || clause.answers)
		return;
	if (clause.other)
		import_unsaid(reading->import, reading->origin,
			      "it says more than a host and its ports");
	else if (clause.loop)
		import_rule(reading->import, IMPORT_ALLOW, reading->origin,
			    "allow connect localhost:* self:*");
	else if (clause.target[0] && !is_address(clause.target))
		import_unsaid(reading->import, clause.target,
			      "what it stands for is not known before the "
			      "script runs");
	else if (!strcmp(clause.protocol, "udp") && !strcmp(clause.port, "53"))
		import_unsaid(reading->import, reading->origin,
			      "names are looked up by interpose itself, those "
			      "that a rule allows");
	else if (clause.port[0] || clause.target[0])
		take_target(reading, &clause);
	else
		import_unsaid(reading->import, reading->origin,
			      "it would let all be reached");
}

/* `ipset add SET ADDRESS`: one that the script has in so many words. */
static void take_ipset(struct reading *reading)
{
	if (!next_word(reading, false) || !is_word(reading, "add") ||
	    !next_word(reading, false) || !next_word(reading, false) ||
	    strchr(reading->word, '$'))
		return;
	take_host(reading, reading->word);
}

static void take_github(struct reading *reading)
{
	import_rule(reading->import, IMPORT_ALLOW, origin(reading),
		    "allow connect github.com:* *.github.com:*");
	import_unsaid(reading->import, reading->origin,
		      "GitHub's addresses, fetched when the script runs: by "
		      "name here, so *.githubusercontent.com is left out");
	reading->hosts++;
}

static int take_line(struct reading *reading)
{
	size_t length = strcspn(reading->at, "\n");

	if (memmem(reading->at, length, "api.github.com/meta", 19) &&
	    reading->at[strspn(reading->at, " \t")] != '#') {
		take_github(reading);
		return 0;
	}
	while (next_word(reading, false)) {
		size_t size = strlen(reading->word);

		if (is_word(reading, "for")) {
			if (next_word(reading, false) &&
			    next_word(reading, false) && is_word(reading, "in"))
				return take_list(reading, ";");
			return 0;
		}
		if (size > 1 && reading->word[size - 1] == '=' &&
		    *reading->at == '(') {
			reading->at++;
			return take_list(reading, ")");
		}
		if (is_word(reading, "iptables") ||
		    is_word(reading, "ip6tables"))
			take_iptables(reading);
		else if (is_word(reading, "ipset"))
			take_ipset(reading);
	}
	return 0;
}

int import_devcontainer(struct import *import, const char *const *files,
			size_t count)
{
	auto_free char *script = NULL, *usual = NULL;
	struct reading reading = {.import = import, .line = 1};
	size_t length = 0;
	int error;

	if (!count && asprintf(&usual, "%s/.devcontainer/init-firewall.sh",
			       import->project) < 0) {
		usual = NULL;
		return -ENOMEM;
	}
	error = import_read(import, count ? files[0] : usual, &script, &length);
	if (error)
		return error;
	if (strlen(script) != length)
		return import_error(import, ":1:1", "this is no script");
	import_rule(import, IMPORT_GROUND, "the script lets nothing else out",
		    "deny connect *:* udp:*:*");
	reading.at = script;
	while (*reading.at && !error) {
		error = take_line(&reading);
		skip_line(&reading);
	}
	if (!error && !reading.hosts)
		error = import_error(import, ":1:1",
				     "no list of hosts was found: a `for … in` "
				     "or an array of names");
	return error;
}
