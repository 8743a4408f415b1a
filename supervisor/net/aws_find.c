#include <errno.h>
#include <string.h>

#include "supervisor/net/aws_sign.h"
#include "supervisor/net/aws_text.h"

static bool begins(struct http_text text, const char *word)
{
	return text.length >= strlen(word) &&
	       memcmp(text.at, word, strlen(word)) == 0;
}

static bool has(struct http_text text, struct http_text part)
{
	return memmem(text.at, text.length, part.at, part.length);
}

/* ID/date/region/service/aws4_request: what follows the id. */
static bool keep_scope(struct http_text credential, struct http_text id,
		       struct aws_signature *found)
{
	struct http_text scope = credential;
	struct http_text first = aws_take(&scope, '/'), rest = scope;
	size_t parts = 0;

	if (first.length != id.length ||
	    memcmp(first.at, id.at, id.length) != 0 ||
	    !aws_keep(scope, found->scope, sizeof(found->scope)))
		return false;
	while (rest.length) {
		struct http_text part = aws_take(&rest, '/');

		if (!part.length ||
		    (++parts == 4) != aws_is(part, "aws4_request"))
			return false;
	}
	return parts == 4;
}

static bool is_hex(struct http_text text)
{
	for (size_t i = 0; i < text.length; i++)
		if (aws_digit(text.at[i]) < 0 ||
		    (text.at[i] >= 'A' && text.at[i] <= 'F'))
			return false;
	return text.length == AWS_HEX;
}

static const struct http_text *only(const struct http_head *head,
				    const char *name, size_t *count)
{
	const struct http_text *found = NULL;

	*count = 0;
	for (size_t i = 0; i < head->field_count; i++)
		if (http_text_is(head->fields[i].name, name)) {
			found = &head->fields[i].value;
			++*count;
		}
	return found;
}

/* Signed names are in order, in lower case, each once; and `host` is one. */
static bool are_names(const char *names)
{
	struct http_text rest = aws_text(names), before = {0};
	bool host = false;

	while (rest.length) {
		struct http_text name = aws_take(&rest, ';');
		size_t common = name.length < before.length ? name.length
							    : before.length;
		int order =
			before.length ? memcmp(before.at, name.at, common) : -1;

		for (size_t i = 0; i < name.length; i++)
			if (name.at[i] >= 'A' && name.at[i] <= 'Z')
				return false;
		if (!name.length || order > 0 ||
		    (order == 0 && before.length >= name.length))
			return false;
		host |= aws_is(name, "host");
		before = name;
	}
	return host && names[strlen(names) - 1] != ';';
}

/* What both forms have in common, and what stands in headers in both. */
static int complete(const struct http_head *head, struct aws_signature *found,
		    const char **why)
{
	size_t count;
	const struct http_text *payload =
		only(head, "x-amz-content-sha256", &count);

	if (!are_names(found->names))
		return aws_bad(why,
			       "the list of signed headers is not in order, "
			       "or lacks the host");
	if (count > 1)
		return aws_bad(why, "it has x-amz-content-sha256 twice");
	if (payload && begins(*payload, "STREAMING-AWS4-"))
		return aws_bad(why,
			       "each piece of its body is signed, which is "
			       "not done again: use TLS, with which tools "
			       "send such bodies unsigned");
	if (payload && !is_hex(*payload) &&
	    !aws_is(*payload, "UNSIGNED-PAYLOAD") &&
	    !aws_is(*payload, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"))
		return aws_bad(why, "its x-amz-content-sha256 is not known");
	if (payload)
		found->payload = *payload;
	return 1;
}

static int find_header(const struct http_head *head, struct http_text value,
		       struct http_text id, struct aws_signature *found,
		       const char **why)
{
	static const char malformed[] = "its Authorization is not well-formed";
	struct http_text rest = value, credential = {0}, names = {0}, hex = {0};
	const struct http_text *date;
	size_t count;

	if (!aws_is(aws_take(&rest, ' '), aws_algorithm))
		return aws_bad(why, "it is signed in another way than "
				    "AWS4-HMAC-SHA256");
	while (rest.length) {
		struct http_text part = aws_take(&rest, ','), name;

		while (part.length && *part.at == ' ')
			part.at++, part.length--;
		name = aws_take(&part, '=');
		struct http_text *into =
			aws_is(name, "Credential")	? &credential
			: aws_is(name, "SignedHeaders") ? &names
			: aws_is(name, "Signature")	? &hex
							: NULL;

		if (!into || into->length)
			return aws_bad(why, malformed);
		*into = part;
	}
	if (!keep_scope(credential, id, found) || !is_hex(hex) ||
	    !aws_keep(names, found->names, sizeof(found->names)))
		return aws_bad(why, malformed);
	found->signature = hex.at;
	date = only(head, "x-amz-date", &count);
	if (count != 1 || !aws_keep(*date, found->date, sizeof(found->date)))
		return aws_bad(why, "it has not one x-amz-date");
	return complete(head, found, why);
}

static int find_query(const struct http_head *head, struct http_text id,
		      struct aws_signature *found, const char **why)
{
	static const char malformed[] = "the signature in its query is not "
					"well-formed";
	struct http_text rest = aws_query(head);
	unsigned seen = 0;
	bool other = false;

	found->query = true;
	while (rest.length) {
		struct http_text value = aws_take(&rest, '&');
		struct http_text name = aws_take(&value, '=');
		char text[sizeof(found->names)];
		struct http_text plain = {text, 0};
		unsigned bit = aws_is(name, "X-Amz-Credential")	     ? 1
			       : aws_is(name, "X-Amz-Date")	     ? 2
			       : aws_is(name, "X-Amz-SignedHeaders") ? 4
			       : aws_is(name, "X-Amz-Signature")     ? 8
			       : aws_is(name, "X-Amz-Algorithm")     ? 16
								     : 0;

		if (!bit)
			continue;
		if (seen & bit || value.length >= sizeof(text))
			return aws_bad(why, malformed);
		seen |= bit;
		plain.length = aws_decode(value, text);
		if ((bit == 1 && !keep_scope(plain, id, found)) ||
		    (bit == 2 &&
		     !aws_keep(plain, found->date, sizeof(found->date))) ||
		    (bit == 4 &&
		     !aws_keep(plain, found->names, sizeof(found->names))) ||
		    (bit == 8 && !is_hex(value)))
			return aws_bad(why, malformed);
		if (bit == 8)
			found->signature = value.at;
		other |= bit == 16 && !aws_is(plain, aws_algorithm);
	}
	if (other)
		return aws_bad(why, "it is signed in another way than "
				    "AWS4-HMAC-SHA256");
	return seen == 31 ? complete(head, found, why)
			  : aws_bad(why, malformed);
}

/* Has the query a credential of that id? */
static bool in_query(const struct http_head *head, struct http_text id)
{
	struct http_text rest = aws_query(head);

	while (rest.length) {
		struct http_text value = aws_take(&rest, '&');
		struct http_text name = aws_take(&value, '=');

		if ((aws_is(name, "X-Amz-Credential") ||
		     aws_is(name, "AWSAccessKeyId")) &&
		    has(value, id))
			return true;
	}
	return false;
}

int aws_signature_find(const struct http_head *head, struct http_text id,
		       struct aws_signature *found, const char **why)
{
	size_t count;
	const struct http_text *value = only(head, "authorization", &count);
	bool query = in_query(head, id), header = false;

	for (size_t i = 0; i < head->field_count; i++)
		header |= http_text_is(head->fields[i].name, "authorization") &&
			  has(head->fields[i].value, id);
	*found = (struct aws_signature){0};
	if (!query && !header)
		return 0;
	if (count + query > 1)
		return aws_bad(why, "it has more than one signature");
	if (head->target.at[0] != '/')
		return aws_bad(why, "its target is not a path");
	return query ? find_query(head, id, found, why)
		     : find_header(head, *value, id, found, why);
}
