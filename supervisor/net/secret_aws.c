#include "supervisor/net/secret_aws.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "supervisor/net/secret_source.h"
#include "supervisor/net/secrets.h"

enum { ID, KEY, TOKEN };

static const char *const variables[] = {
	[ID] = "ACCESS_KEY_ID",
	[KEY] = "SECRET_ACCESS_KEY",
	[TOKEN] = "SESSION_TOKEN",
};

static int finish(const bool found[SECRET_PARTS], size_t *count)
{
	if (!found[ID] || !found[KEY])
		return -ENOENT;
	*count = found[TOKEN] ? 3 : 2;
	return 0;
}

/* ----------------------------------------------------------------- json -- */

/* As it is printed for `credential_process`, or kept by the AWS CLI. */
static int take_json(const char *bytes, size_t length,
		     struct secret_record *records, size_t *count)
{
	static const char *const keys[] = {
		[ID] = "AccessKeyId",
		[KEY] = "SecretAccessKey",
		[TOKEN] = "SessionToken",
	};
	json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
	json_t *object = json_object_get(root, "Credentials") ?: root;
	bool found[SECRET_PARTS] = {0};
	int error = 0;

	for (size_t i = 0; !error && i < SECRET_PARTS; i++) {
		json_t *value = json_object_get(object, keys[i]);
		char *text = (char *)json_string_value(value);

		if (!text)
			continue;
		error = secret_source_take(text, json_string_length(value),
					   &records[i]);
		OPENSSL_cleanse(text, json_string_length(value));
		found[i] = true;
	}
	json_decref(root);
	return error ?: finish(found, count);
}

/* ---------------------------------------------------------------- lines -- */

struct line {
	const char *at;
	size_t length;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(struct line *line)
{
	while (line->length && is_space(*line->at))
		line->at++, line->length--;
	while (line->length && is_space(line->at[line->length - 1]))
		line->length--;
}

static bool is_section(struct line line, const char *profile)
{
	struct line name = {line.at + 1, line.length - 2};

	trim(&name);
	if (name.length > 8 && memcmp(name.at, "profile ", 8) == 0) {
		name.at += 8;
		name.length -= 8;
		trim(&name);
	}
	return name.length == strlen(profile) &&
	       memcmp(name.at, profile, name.length) == 0;
}

/* `aws_access_key_id = …`, `export AWS_ACCESS_KEY_ID=…`: which part, and its
 * value; or -1. */
static int read_line(struct line line, struct line *value)
{
	if (line.length > 7 && memcmp(line.at, "export ", 7) == 0)
		line.at += 7, line.length -= 7;
	const char *equals = memchr(line.at, '=', line.length);
	struct line name = {line.at, equals ? (size_t)(equals - line.at) : 0};

	trim(&name);
	if (name.length < 4 || strncasecmp(name.at, "aws_", 4) != 0)
		return -1;
	*value = (struct line){equals + 1,
			       line.length - (size_t)(equals + 1 - line.at)};
	trim(value);
	if (value->length >= 2 && (*value->at == '"' || *value->at == '\'') &&
	    value->at[value->length - 1] == *value->at)
		value->at++, value->length -= 2;
	for (int i = 0; i < SECRET_PARTS; i++)
		if (name.length == 4 + strlen(variables[i]) &&
		    strncasecmp(name.at + 4, variables[i], name.length - 4) ==
			    0)
			return i;
	return -1;
}

static int take_lines(const char *bytes, size_t length, const char *profile,
		      struct secret_record *records, size_t *count)
{
	const char *end = bytes + length;
	/* Without a section at all: what sets variables. */
	bool inside = true, found[SECRET_PARTS] = {0};
	int error = 0;

	while (!error && bytes < end) {
		const char *stop =
			memchr(bytes, '\n', (size_t)(end - bytes)) ?: end;
		struct line line = {bytes, (size_t)(stop - bytes)}, value;
		int part;

		bytes = stop + 1;
		trim(&line);
		if (line.length > 2 && *line.at == '[' &&
		    line.at[line.length - 1] == ']')
			inside = is_section(line, profile);
		part = inside && line.length ? read_line(line, &value) : -1;
		if (part < 0)
			continue;
		error = secret_source_take(value.at, value.length,
					   &records[part]);
		found[part] = true;
	}
	return error ?: finish(found, count);
}

int secret_aws_take(const char *bytes, size_t length, const char *profile,
		    struct secret_record *records, size_t *count)
{
	if (length && *bytes == '{')
		return take_json(bytes, length, records, count);
	return take_lines(bytes, length, profile ?: "default", records, count);
}

int secret_aws_env(const char *name, struct secret_record *records,
		   size_t *count)
{
	size_t before = strlen(name) - strlen(variables[ID]);
	bool found[SECRET_PARTS] = {0};
	int error = 0;

	for (size_t i = 0; !error && i < SECRET_PARTS; i++) {
		char variable[NAME_MAX];
		const char *value;

		(void)snprintf(variable, sizeof(variable), "%.*s%s",
			       (int)before, name, variables[i]);
		value = getenv(variable);
		if (!value || !*value)
			continue;
		error = secret_source_take(value, strlen(value), &records[i]);
		found[i] = true;
	}
	return error ?: finish(found, count);
}
