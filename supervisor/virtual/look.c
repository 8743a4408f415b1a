#include "supervisor/virtual/look.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "supervisor/virtual/shape.h"

/* Longer names than this are nobody's key. */
#define KEY_MAX 96

/* A secret, although the end of its name sounds harmless. */
static const char *const always[] = {
	"accesskeyid",	 "secretid",	 "sessionid",
	"privatekeyid",	 "sharedaccess", "privatekeydata",
	"clientkeydata", "stringdata",	 NULL,
};

/* What ends in this is something about a secret, not the secret. */
static const char *const harmless_ends[] = {
	"expiry",
	"expires",
	"expiresat",
	"expiresin",
	"expiration",
	"expireson",
	"expirydate",
	"expireat",
	"ttl",
	"lifetime",
	"type",
	"url",
	"uri",
	"endpoint",
	"host",
	"hostname",
	"port",
	"region",
	"username",
	"user",
	"login",
	"email",
	"name",
	"algorithm",
	"alg",
	"file",
	"path",
	"dir",
	"length",
	"size",
	"count",
	"limit",
	"timeout",
	"enabled",
	"version",
	"format",
	"provider",
	"scope",
	"scopes",
	"date",
	"method",
	"helper",
	"fingerprint",
	"publickey",
	"maxtokens",
	"maxoutputtokens",
	"audience",
	"issuer",
	"accountid",
	"rolearn",
	"createdat",
	"updatedat",
	"lastused",
	"server",
	"domain",
	"protocol",
	"database",
	"db",
	"sslmode",
	"output",
	"registry",
	"clientid",
	"projectid",
	"tenantid",
	"tokenlimit",
	"cert",
	"certificate",
	"certificatedata",
	"authoritydata",
	"description",
	"kind",
	"machine",
	NULL,
};

/* Harmless only as a whole. */
static const char *const harmless_words[] = {
	"exp", "iat", "nbf", "authtime", "id", "iss", "aud", "sub", NULL,
};

/* What has this in it is a secret. */
static const char *const secret_parts[] = {
	"password",  "passwd",		 "passphrase",
	"passcode",  "secret",		 "token",
	"apikey",    "accesskey",	 "privatekey",
	"privkey",   "signingkey",	 "encryptionkey",
	"masterkey", "sharedkey",	 "accountkey",
	"authkey",   "sshkey",		 "clientkey",
	"deploykey", "servicekey",	 "credential",
	"bearer",    "cookie",		 "jwt",
	"mnemonic",  "connectionstring", "authorization",
	"signature", "passwort",	 "kennwort",
	NULL,
};

/* What ends in this, or is it, is a secret. */
static const char *const secret_ends[] = {
	"auth", "auths", "key",	 "keys", "pass", "pwd",	 "psk",	    "pw",
	"hmac", "otp",	 "salt", "seed", "sig",	 "totp", "license", NULL,
};

static const char *const secret_words[] = {
	"pin",	   "session", "nonce", "pat", "code",
	"private", "cred",    "creds", NULL,
};

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++) {
		if (strcmp(word, *list) == 0)
			return true;
	}
	return false;
}

static bool ends_in_one_of(const char *word, const char *const *list)
{
	size_t length = strlen(word);

	for (; *list; list++) {
		size_t size = strlen(*list);

		if (size <= length && strcmp(word + length - size, *list) == 0)
			return true;
	}
	return false;
}

static bool has_one_of(const char *word, const char *const *list)
{
	for (; *list; list++) {
		if (strstr(word, *list))
			return true;
	}
	return false;
}

enum key_kind look_key(const char *key, size_t length)
{
	char word[KEY_MAX + 1];
	size_t size = 0;

	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)key[i]))
			continue;
		if (size == KEY_MAX)
			return KEY_SECRET;
		word[size++] = (char)tolower((unsigned char)key[i]);
	}
	word[size] = '\0';
	if (has_one_of(word, always))
		return KEY_SECRET;
	if (is_one_of(word, harmless_words) ||
	    ends_in_one_of(word, harmless_ends))
		return KEY_HARMLESS;
	if (has_one_of(word, secret_parts) ||
	    ends_in_one_of(word, secret_ends) || is_one_of(word, secret_words))
		return KEY_SECRET;
	return KEY_PLAIN;
}

enum key_kind look_key_in(enum key_kind container, const char *key,
			  size_t length)
{
	enum key_kind kind = look_key(key, length);

	return kind == KEY_PLAIN && container == KEY_SECRET ? KEY_SECRET : kind;
}

bool look_is_constant(const char *text, size_t length)
{
	static const char *const constants[] = {
		"true", "false", "null", "yes", "no", "on", "off", "none", "~",
	};

	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		if (strlen(constants[i]) == length &&
		    strncasecmp(constants[i], text, length) == 0)
			return true;
	}
	return false;
}

bool look_is_reference(const char *text, size_t length)
{
	bool braced = length > 3 && text[1] == '{' && text[length - 1] == '}';

	if (length < 2 || text[0] != '$')
		return false;
	for (size_t i = braced ? 2 : 1; i < length - braced; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return false;
	}
	return length < 64 && !isdigit((unsigned char)text[braced ? 2 : 1]);
}

/* A certificate in base64, and no private key beside it. */
static bool is_certificate(const char *word, size_t length)
{
	return length > 64 &&
	       memcmp(word, "LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR", 29) == 0 &&
	       !memmem(word, length, "UFJJVkFUR", 9) &&
	       !memmem(word, length, "BSSVZBVE", 8) &&
	       !memmem(word, length, "QUklWQVRF", 9);
}

/* The blob of a public key, as in authorized_keys. */
static bool is_public_blob(const char *word, size_t length)
{
	return length > 16 && (memcmp(word, "AAAAB3NzaC1yc2E", 15) == 0 ||
			       memcmp(word, "AAAAC3NzaC1lZDI1", 16) == 0 ||
			       memcmp(word, "AAAAE2VjZHNhLXN", 15) == 0);
}

struct census {
	size_t upper, lower, digits, hex, others, distinct, run, turns;
};

static struct census count_characters(const char *word, size_t length)
{
	struct census census = {0};
	bool seen[256] = {false};
	size_t run = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)word[i];

		census.upper += isupper(c) != 0;
		census.lower += islower(c) != 0;
		census.digits += isdigit(c) != 0;
		census.hex += isxdigit(c) != 0;
		census.others += !isalnum(c);
		census.distinct += !seen[c];
		seen[c] = true;
		if (i && !islower((unsigned char)word[i - 1]) != !islower(c))
			census.turns++;
		run = isalnum(c) ? run + 1 : 0;
		if (run > census.run)
			census.run = run;
	}
	return census;
}

bool look_word(const char *word, size_t length)
{
	struct census census;
	size_t prefix = shape_prefix(word, length);

	if (shape_is_jwt(word, length))
		return true;
	if (is_public_blob(word, length) || is_certificate(word, length) ||
	    shape_is_uuid(word, length))
		return false;
	census = count_characters(word, length);
	if (prefix && length >= prefix + 8 && census.digits + census.upper)
		return true;
	if (length < 20 || census.distinct < 8)
		return false;
	if (census.hex == length)
		return length >= 32 && census.digits < length;
	if (memchr(word, '/', length))
		return length >= 24 && isalnum((unsigned char)word[0]) &&
		       census.upper > 2 && census.lower > 2 && census.digits &&
		       census.turns * 4 >= length;
	if (census.run < 16)
		return false;
	if (census.digits && census.upper + census.lower)
		return true;
	return census.upper > 3 && census.lower > 3 &&
	       census.turns * 4 >= length;
}
