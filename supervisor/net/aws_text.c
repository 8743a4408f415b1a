#include "supervisor/net/aws_text.h"

#include <errno.h>
#include <string.h>

const char aws_algorithm[] = "AWS4-HMAC-SHA256";

struct http_text aws_text(const char *text)
{
	return (struct http_text){text, strlen(text)};
}

bool aws_is(struct http_text text, const char *word)
{
	return text.length == strlen(word) &&
	       memcmp(text.at, word, text.length) == 0;
}

struct http_text aws_take(struct http_text *rest, char end)
{
	const char *at =
		rest->length ? memchr(rest->at, end, rest->length) : NULL;
	struct http_text taken = {rest->at,
				  at ? (size_t)(at - rest->at) : rest->length};
	size_t used = taken.length + (at != NULL);

	rest->at += used;
	rest->length -= used;
	return taken;
}

int aws_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

size_t aws_decode(struct http_text text, char *out)
{
	size_t length = 0;

	for (size_t i = 0; i < text.length; i++) {
		int high, low;

		if (text.at[i] == '%' && i + 2 < text.length &&
		    (high = aws_digit(text.at[i + 1])) >= 0 &&
		    (low = aws_digit(text.at[i + 2])) >= 0) {
			out[length++] = (char)(high * 16 + low);
			i += 2;
		} else {
			out[length++] = text.at[i];
		}
	}
	return length;
}

static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') ||
	       ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr("-_.~", c));
}

size_t aws_encode(struct http_text text, bool slash, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t length = 0;

	for (size_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (is_unreserved((char)c) || (slash && c == '/')) {
			out[length++] = (char)c;
		} else {
			out[length++] = '%';
			out[length++] = digits[c / 16];
			out[length++] = digits[c % 16];
		}
	}
	return length;
}

int aws_bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

bool aws_keep(struct http_text text, char *out, size_t size)
{
	if (!text.length || text.length >= size)
		return false;
	memcpy(out, text.at, text.length);
	out[text.length] = '\0';
	return true;
}

struct http_text aws_query(const struct http_head *head)
{
	struct http_text query = head->target;

	aws_take(&query, '?');
	return query;
}
