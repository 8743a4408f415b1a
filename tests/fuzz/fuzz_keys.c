/*
 * Files of keys: no secret that stands under a secret key survives, whatever
 * surrounds it, and nothing crashes.
 *
 * The input is turned into a file in two ways. As it is: then only bounds are
 * checked. And as choices by which a well-formed file is written in one of
 * the formats, with values planted under secret keys: then none may be left.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/virtual/transform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {
	"/h/x.json", "/h/x.yaml",	    "/h/x.toml", "/h/x.ini",
	"/h/.netrc", "/h/.pgpass",	    "/h/.npmrc", "/h/x.pem",
	"/h/x",	     "/h/.aws/credentials",
};

static const enum fake_kind kinds[] = {FAKE_KEYS, FAKE_AWS, FAKE_DOTENV};

struct choices {
	const uint8_t *data;
	size_t size;
};

static unsigned choose(struct choices *choices, unsigned below)
{
	if (!choices->size)
		return 0;
	choices->size--;
	return *choices->data++ % below;
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct placeholders *placeholders(void)
{
	static struct placeholders *made;

	if (!made)
		check(placeholders_new(&made) == 0);
	return made;
}

/* ------------------------------------------------------- as it is -- */

static void run_bytes(const uint8_t *data, size_t size)
{
	struct choices choices = {data, size};
	enum fake_kind kind = kinds[choose(&choices, 3)];
	const char *path = paths[choose(&choices, 10)];
	struct transformed result;
	/* Exactly as long: reading on is found. */
	char *text = malloc(choices.size ? choices.size : 1);
	size_t end = 0;

	memcpy(text, choices.data, choices.size);
	check(transform(placeholders(), kind, path, text, choices.size,
			&result) == 0);
	check(result.opaque || result.length == choices.size);
	for (size_t i = 0; i < result.marks.count; i++) {
		const struct mark *mark = &result.marks.items[i];

		check(mark->offset >= end);
		check(memcmp(result.text + end, text + end,
			     mark->offset - end) == 0);
		end = mark->offset + mark->length;
	}
	check(end <= result.length);
	check(memcmp(result.text + end, text + end, result.length - end) == 0);
	transformed_free(&result);
	free(text);
}

/* -------------------------------------------------------- planted -- */

static const char *const secret_keys[] = {
	"password",    "api_key",	    "secretAccessKey", "client-secret",
	"token",       "aws_session_token", "privateKey",      "auth",
	"DB_PASSWORD", "refreshToken",
};

static const char *const plain_keys[] = {
	"user", "host", "region", "a", "url", "port", "list", "name",
};

/* A word of letters that stands nowhere else. */
static void plant(struct choices *choices, FILE *out)
{
	static const char *const planted[] = {
		"canary",	 "Canary-canary",  "x canary y",
		"canary#canary", "a:canary/b=",	   "canary1234567890",
		"-canary",	 "canary, canary",
	};

	fputs(planted[choose(choices, 8)], out);
}

static void write_scalar(struct choices *choices, bool secret, FILE *out)
{
	static const char *const words[] = {"x", "eu-west-1", "a b", "~/x",
					    "https://h/p"};

	fputc('"', out);
	if (secret)
		plant(choices, out);
	else
		fputs(words[choose(choices, 5)], out);
	fputc('"', out);
}

static const char *key(struct choices *choices, bool secret)
{
	return secret ? secret_keys[choose(choices, 10)]
		      : plain_keys[choose(choices, 8)];
}

static void write_json(struct choices *choices, bool secret, unsigned depth,
		       FILE *out)
{
	unsigned what = depth > 6 ? 0 : choose(choices, 4);
	unsigned count = 1 + choose(choices, 3);

	if (what < 2) {
		write_scalar(choices, secret, out);
		return;
	}
	fputc(what == 2 ? '{' : '[', out);
	for (unsigned i = 0; i < count; i++) {
		bool below = secret || choose(choices, 2);

		fputs(i ? ",\n " : " ", out);
		/* Under a secret key all but what is harmless is secret. */
		if (what == 2)
			fprintf(out, "\"%s\": ", key(choices, below));
		write_json(choices, what == 2 ? below : secret, depth + 1, out);
	}
	fputc(what == 2 ? '}' : ']', out);
}

static void write_yaml(struct choices *choices, bool secret, unsigned depth,
		       FILE *out)
{
	unsigned count = 1 + choose(choices, 3);

	for (unsigned i = 0; i < count; i++) {
		bool below = secret || choose(choices, 2);
		unsigned what = depth > 6 ? 0 : choose(choices, 4);

		fprintf(out, "%*s%s:", (int)(2 * depth), "",
			key(choices, below));
		if (what == 1) {
			fputc('\n', out);
			write_yaml(choices, below, depth + 1, out);
		} else if (what == 2 && below) {
			fprintf(out, " |\n%*s", (int)(2 * depth + 2), "");
			plant(choices, out);
			fputc('\n', out);
		} else {
			fputc(' ', out);
			if (what == 3)
				write_json(choices, below, 4, out);
			else
				write_scalar(choices, below, out);
			fputc('\n', out);
		}
	}
}

static void write_assignments(struct choices *choices, const char *equals,
			      bool sections, FILE *out)
{
	unsigned count = 1 + choose(choices, 8);

	for (unsigned i = 0; i < count; i++) {
		bool secret = choose(choices, 2);

		if (sections && choose(choices, 4) == 0)
			fprintf(out, "[part%u]\n", i);
		fprintf(out, "%s%s", key(choices, secret), equals);
		write_scalar(choices, secret, out);
		fputc('\n', out);
	}
}

static void run_planted(const uint8_t *data, size_t size)
{
	struct choices choices = {data, size};
	unsigned format = choose(&choices, 5);
	static const char *const names[] = {"/h/x.json", "/h/x.yaml",
					    "/h/x.toml", "/h/x.ini", "/p/.env"};
	bool named = choose(&choices, 2);
	struct transformed result;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	check(out);
	if (format == 0)
		write_json(&choices, false, 0, out);
	else if (format == 1)
		write_yaml(&choices, false, 0, out);
	else
		write_assignments(&choices, format == 4 ? "=" : " = ",
				  format != 4, out);
	fclose(out);
	check(transform(placeholders(), format == 4 ? FAKE_DOTENV : FAKE_KEYS,
			named ? names[format] : "/h/x", text, length,
			&result) == 0);
	check(result.length == length);
	check(!memmem(result.text, result.length, "anary", 5));
	transformed_free(&result);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		run_bytes(data + 1, size - 1);
	else
		run_planted(data + 1, size - 1);
	return 0;
}
