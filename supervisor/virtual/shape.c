#include "supervisor/virtual/shape.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/virtual/base64.h"
#include "supervisor/virtual/json.h"
#include "supervisor/virtual/look.h"
#include "supervisor/virtual/marks.h"

#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* The longer one of two that begin alike stands first. */
static const char *const prefixes[] = {
	"github_pat_",	 "ghp_",
	"gho_",		 "ghu_",
	"ghs_",		 "ghr_",
	"glpat-",	 "glptt-",
	"gldt-",	 "glrt-",
	"sk-ant-api03-", "sk-ant-oat01-",
	"sk-ant-ort01-", "sk-ant-admin01-",
	"sk-ant-",	 "sk-proj-",
	"sk-svcacct-",	 "sk-or-v1-",
	"sk-",		 "sk_live_",
	"sk_test_",	 "rk_live_",
	"rk_test_",	 "pk_live_",
	"pk_test_",	 "whsec_",
	"xoxb-",	 "xoxp-",
	"xoxa-",	 "xoxr-",
	"xoxs-",	 "xoxe-",
	"xapp-",	 "npm_",
	"pypi-",	 "AIza",
	"ya29.",	 "GOCSPX-",
	"AKIA",		 "ASIA",
	"hf_",		 "dop_v1_",
	"doo_v1_",	 "shpat_",
	"shpss_",	 "SG.",
	"dckr_pat_",	 "lin_api_",
	"tskey-",	 "hvs.",
	"hvb.",		 "pscale_tkn_",
	"sntrys_",	 "figd_",
	"r8_",		 "gsk_",
	"xai-",		 "AGE-SECRET-KEY-1",
};

size_t shape_prefix(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t size = strlen(prefixes[i]);

		if (size <= length && memcmp(prefixes[i], text, size) == 0)
			return size;
	}
	return 0;
}

static bool all_of(const char *text, size_t length, const char *alphabet)
{
	for (size_t i = 0; i < length; i++) {
		if (!text[i] || !strchr(alphabet, text[i]))
			return false;
	}
	return length > 0;
}

bool shape_is_jwt(const char *text, size_t length)
{
	const char *first, *second;

	if (length < 16 || memcmp(text, "eyJ", 3) != 0)
		return false;
	first = memchr(text, '.', length);
	if (!first)
		return false;
	second = memchr(first + 1, '.', length - (size_t)(first + 1 - text));
	if (!second)
		return false;
	for (size_t i = 0; i < length; i++) {
		const char *at = text + i;

		if (at == first || at == second)
			continue;
		if (!*at || !strchr(UPPER LOWER DIGITS "-_=", *at))
			return false;
	}
	return second > first + 1;
}

bool shape_is_uuid(const char *text, size_t length)
{
	if (length != 36)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

static size_t digits_at(const char *text, size_t length, size_t at)
{
	size_t from = at;

	while (at < length && isdigit((unsigned char)text[at]))
		at++;
	return at - from;
}

bool shape_is_number(const char *text, size_t length)
{
	size_t at = length && text[0] == '-';
	size_t digits = digits_at(text, length, at);

	if (!digits)
		return false;
	at += digits;
	if (at < length && text[at] == '.') {
		digits = digits_at(text, length, ++at);
		if (!digits)
			return false;
		at += digits;
	}
	if (at < length && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		if (at < length && (text[at] == '+' || text[at] == '-'))
			at++;
		digits = digits_at(text, length, at);
		if (!digits)
			return false;
		at += digits;
	}
	return at == length;
}

size_t shape_armour(const char *text, size_t length)
{
	size_t at;

	if (length > 11 && memcmp(text, "-----BEGIN ", 11) == 0)
		at = 11;
	else if (length > 9 && memcmp(text, "-----END ", 9) == 0)
		at = 9;
	else
		return 0;
	/* A label of a few words: no room for a value to hide in. */
	for (size_t words = at; at < length && at - words < 40; at++) {
		if (length - at >= 5 && memcmp(text + at, "-----", 5) == 0)
			return at + 5;
		if (text[at] != ' ' && !isupper((unsigned char)text[at]))
			return 0;
	}
	return 0;
}

static char one_of(const struct shape_source *source, const char *alphabet)
{
	return alphabet[source->draw(source->context,
				     (unsigned)strlen(alphabet))];
}

/* Another character of the same kind. */
static char another(const struct shape_source *source, char c)
{
	if (isdigit((unsigned char)c))
		return one_of(source, DIGITS);
	if (isupper((unsigned char)c))
		return one_of(source, UPPER);
	return one_of(source, LOWER);
}

/*
 * An escape of a quoted text that stands for white space or for a quote. The
 * others, such as \u0070, spell out what may be the value itself.
 */
static bool is_plain_escape(const char *text, size_t length)
{
	return length >= 2 && text[0] == '\\' && strchr("nrt\"\\/'", text[1]) &&
	       text[1];
}

/*
 * Any text, character by character. Punctuation that gives a value its form
 * stays, but only two in a row, so that nothing can be spelt in it.
 */
static void fill_text(const struct shape_source *source, const char *value,
		      size_t length, char *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < length; i++) {
		char c = value[i];

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			out[i] = c;
			continue;
		}
		if (is_plain_escape(value + i, length - i)) {
			out[i] = c;
			out[i + 1] = value[i + 1];
			i++;
			continue;
		}
		if (c && strchr("-_./+=:@", c) && kept < 2) {
			out[i] = c;
			kept++;
			continue;
		}
		out[i] = another(source, c);
		kept = 0;
	}
}

/* Armour lines stay, the rest is as fill_text() would have it. */
static void fill_pem(const struct shape_source *source, const char *value,
		     size_t length, char *out)
{
	size_t from = 0;

	for (size_t i = 0; i < length;) {
		size_t armour = shape_armour(value + i, length - i);

		if (!armour) {
			i++;
			continue;
		}
		fill_text(source, value + from, i - from, out + from);
		memcpy(out + i, value + i, armour);
		i += armour;
		from = i;
	}
	fill_text(source, value + from, length - from, out + from);
}

static bool has_armour(const char *value, size_t length)
{
	const char *at = memmem(value, length, "-----BEGIN ", 11);

	return at && shape_armour(at, length - (size_t)(at - value));
}

/* Digits stay digits, and a number stays one: no zero comes first. */
static void fill_number(const struct shape_source *source, const char *value,
			size_t length, char *out)
{
	for (size_t i = 0; i < length; i++) {
		if (isdigit((unsigned char)value[i]))
			out[i] = one_of(source, "123456789");
		else
			out[i] = value[i];
	}
}

static void fill_hex(const struct shape_source *source, const char *value,
		     size_t length, char *out)
{
	bool upper = false;

	for (size_t i = 0; i < length; i++)
		upper |= isupper((unsigned char)value[i]) != 0;
	for (size_t i = 0; i < length; i++) {
		if (!isxdigit((unsigned char)value[i]))
			out[i] = value[i];
		else
			out[i] = one_of(source, upper ? "0123456789ABCDEF"
						      : "0123456789abcdef");
	}
}

static void fill_uuid(const struct shape_source *source, const char *value,
		      size_t length, char *out)
{
	fill_hex(source, value, length, out);
	/* Version and variant are no one's secret, and are checked. */
	out[14] = value[14];
	out[19] = value[19];
}

static void fill_alphabet(const struct shape_source *source,
			  const char *alphabet, const char *value,
			  size_t length, char *out)
{
	for (size_t i = 0; i < length; i++)
		out[i] = value[i] == '=' ? '=' : one_of(source, alphabet);
}

static bool is_printable(const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!isprint(bytes[i]) && !isspace(bytes[i]))
			return false;
	}
	return count > 0;
}

/*
 * Base64 of a text, such as user:password or a PEM file: so is the
 * placeholder, since who reads it decodes it first. False where it is not.
 */
static bool fill_encoded(const struct shape_source *source, const char *value,
			 size_t length, char *out)
{
	auto_free unsigned char *bytes = malloc(length / 4 * 3 + 3);
	auto_free char *filled = malloc(length / 4 * 3 + 3);
	bool url;
	long count;

	if (!bytes || !filled || length < 8)
		return false;
	count = base64_decode(value, length, bytes, &url);
	if (count <= 0 || !is_printable(bytes, (size_t)count))
		return false;
	if (!memchr(bytes, ':', (size_t)count) &&
	    !has_armour((const char *)bytes, (size_t)count))
		return false;
	fill_pem(source, (const char *)bytes, (size_t)count, filled);
	base64_encode((const unsigned char *)filled, (size_t)count, url, out,
		      length);
	return true;
}

/* The claims of a JWT: JSON again, dates as they are. */
static bool fill_claims(const struct shape_source *source, const char *value,
			size_t length, char *out)
{
	auto_free unsigned char *bytes = malloc(length / 4 * 3 + 3);
	auto_free char *filled = malloc(length / 4 * 3 + 3);
	struct marks marks = {0};
	bool url;
	long count;

	if (!bytes || !filled)
		return false;
	count = base64_decode(value, length, bytes, &url);
	if (count <= 0 || json_mark(&marks, (const char *)bytes, (size_t)count,
				    KEY_SECRET) < 0) {
		marks_free(&marks);
		return false;
	}
	marks_settle(&marks);
	memcpy(filled, bytes, (size_t)count);
	for (size_t i = 0; i < marks.count; i++) {
		const struct mark *mark = &marks.items[i];
		const char *claim = (const char *)bytes + mark->offset;

		if (shape_is_number(claim, mark->length))
			fill_number(source, claim, mark->length,
				    filled + mark->offset);
		else
			fill_text(source, claim, mark->length,
				  filled + mark->offset);
	}
	marks_free(&marks);
	base64_encode((const unsigned char *)filled, (size_t)count, true, out,
		      length);
	return true;
}

/* The header says only how it is signed, and stays. */
static size_t fill_jwt(const struct shape_source *source, const char *value,
		       size_t length, char *out)
{
	const char *first = memchr(value, '.', length);
	size_t payload = (size_t)(first - value) + 1;
	const char *second = memchr(first + 1, '.', length - payload);
	size_t signature = (size_t)(second - value) + 1;
	size_t size = signature - 1 - payload;

	memcpy(out, value, payload);
	if (!fill_claims(source, value + payload, size, out + payload))
		fill_alphabet(source, UPPER LOWER DIGITS "-_", value + payload,
			      size, out + payload);
	out[signature - 1] = '.';
	fill_alphabet(source, UPPER LOWER DIGITS "-_", value + signature,
		      length - signature, out + signature);
	return length;
}

static bool is_base64(const char *value, size_t length)
{
	return length >= 16 && length % 4 == 0 &&
	       (value[length - 1] == '=' || memchr(value, '+', length) ||
		memchr(value, '/', length)) &&
	       value[0] != '/' &&
	       all_of(value, length, UPPER LOWER DIGITS "+/=");
}

static bool is_hex(const char *value, size_t length)
{
	return length >= 8 && (all_of(value, length, DIGITS "abcdef") ||
			       all_of(value, length, DIGITS "ABCDEF"));
}

/* `scheme://`: what is to be reached by it is still a placeholder. */
static size_t scheme_of(const char *value, size_t length)
{
	const char *at = memmem(value, length, "://", 3);
	size_t size = at ? (size_t)(at - value) : 0;

	if (!size || size > 20 || !all_of(value, size, UPPER LOWER DIGITS "+-"))
		return 0;
	return size + 3;
}

void shape_erase(const struct shape_source *source, const char *value,
		 size_t length, char *out)
{
	for (size_t i = 0; i < length; i++) {
		if (value[i] == '\n' || value[i] == '\r')
			out[i] = value[i];
		else
			out[i] = one_of(source, LOWER);
	}
}

size_t shape_fill(const struct shape_source *source, const char *value,
		  size_t length, char *out)
{
	size_t prefix = shape_prefix(value, length);

	if (has_armour(value, length)) {
		fill_pem(source, value, length, out);
		return length;
	}
	if (shape_is_jwt(value, length))
		return fill_jwt(source, value, length, out);
	/* A prefix that leaves nothing to draw is the value itself. */
	if (!prefix || length - prefix < 4)
		prefix = scheme_of(value, length);
	if (length - prefix < 4)
		prefix = 0;
	memcpy(out, value, prefix);
	value += prefix;
	out += prefix;
	length -= prefix;
	if (prefix == 4 && all_of(value, length, UPPER "234567"))
		fill_alphabet(source, UPPER "234567", value, length, out);
	else if (shape_is_uuid(value, length))
		fill_uuid(source, value, length, out);
	else if (shape_is_number(value, length))
		fill_number(source, value, length, out);
	else if (is_hex(value, length))
		fill_hex(source, value, length, out);
	else if (fill_encoded(source, value, length, out))
		return prefix + length;
	else if (is_base64(value, length))
		fill_alphabet(source, UPPER LOWER DIGITS "+/", value, length,
			      out);
	else
		fill_text(source, value, length, out);
	return prefix;
}
