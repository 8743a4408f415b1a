#include "supervisor/net/trailer.h"

#include <string.h>

/* As gateways tell programs of headers, `_` is `-`. */
static bool is_refused(const char *name)
{
	static const char *const names[] = {
		"authorization",
		"connection",
		"content-encoding",
		"content-length",
		"content-range",
		"content-type",
		"cookie",
		"expect",
		"forwarded",
		"host",
		"http2-settings",
		"keep-alive",
		"max-forwards",
		"proxy-authorization",
		"proxy-connection",
		"range",
		"te",
		"trailer",
		"transfer-encoding",
		"upgrade",
		"x-forwarded-host",
		"x-http-method",
		"x-http-method-override",
		"x-method-override",
		"x-original-url",
		"x-rewrite-url",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^`|~", c));
}

static bool pass_name(struct trailer *trailer, char c)
{
	if (c == ':') {
		trailer->named = true;
		return trailer->length > 0 && !is_refused(trailer->name);
	}
	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	else if (c == '_')
		c = '-';
	/* What is longer has a name that is cut, and so none of those. */
	if (trailer->length < TRAILER_NAME - 1)
		trailer->name[trailer->length++] = c;
	return is_token(c);
}

bool trailer_pass(struct trailer *trailer, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n') {
			if (!trailer->named)
				return false;
			*trailer = (struct trailer){0};
		} else if (!trailer->named && !pass_name(trailer, bytes[i])) {
			return false;
		}
	}
	return true;
}
