#include "supervisor/net/secrets.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "supervisor/net/locked.h"

/*
 * How much of a placeholder is looked for: its end, which is where it differs
 * from all others. Sixteen characters are not met by chance.
 */
enum { TAIL = 16, FORMS = 12, FORM_MOST = 2 * TAIL + 8 };

/* ------------------------------------------------------------- disguises -- */

struct forms {
	struct needle *items;
	size_t count;
	char *room;
};

static void add_form(struct forms *forms, const char *text, size_t length,
		     unsigned id)
{
	char *kept = forms->room;

	forms->room = mempcpy(kept, text, length);
	forms->items[forms->count++] = (struct needle){
		.text = kept,
		.length = length,
		.id = id,
	};
}

static void add_hex(struct forms *forms, const char *text, size_t length,
		    const char *digits, unsigned id)
{
	char out[2 * TAIL];

	for (size_t i = 0; i < length; i++) {
		out[2 * i] = digits[(unsigned char)text[i] / 16];
		out[2 * i + 1] = digits[(unsigned char)text[i] % 16];
	}
	add_form(forms, out, 2 * length, id);
}

/*
 * In base64 a text has three forms, by where in a group of three it begins.
 * Characters that depend on what stands beside it are left out.
 */
static void add_base64(struct forms *forms, const char *text, size_t length,
		       unsigned id)
{
	for (unsigned shift = 0; shift < 3; shift++) {
		unsigned char in[TAIL + 2] = {0};
		unsigned char out[FORM_MOST];
		size_t from = (8 * shift + 5) / 6;
		size_t to = (8 * (shift + length)) / 6;
		bool other = false;

		memcpy(in + shift, text, length);
		EVP_EncodeBlock(out, in, (int)(shift + length));
		add_form(forms, (char *)out + from, to - from, id);
		for (size_t i = from; i < to; i++) {
			other |= out[i] == '+' || out[i] == '/';
			if (out[i] == '+')
				out[i] = '-';
			else if (out[i] == '/')
				out[i] = '_';
		}
		if (other)
			add_form(forms, (char *)out + from, to - from, id);
	}
}

static int make_watch(struct secrets *secrets)
{
	size_t most = secrets->count * FORMS;
	struct forms forms = {
		.items = calloc(most + 1, sizeof(struct needle)),
	};
	char *room = malloc(most * FORM_MOST + 1);
	int error = -ENOMEM;

	forms.room = room;
	if (forms.items && room) {
		for (unsigned i = 0; i < secrets->count; i++) {
			struct http_text text = secrets->items[i].placeholder;
			size_t length = text.length < TAIL ? text.length : TAIL;
			const char *tail = text.at + text.length - length;

			add_form(&forms, tail, length, i);
			add_hex(&forms, tail, length, "0123456789abcdef", i);
			add_hex(&forms, tail, length, "0123456789ABCDEF", i);
			add_base64(&forms, tail, length, i);
		}
		error = needles_new(forms.items, forms.count, &secrets->watch);
	}
	free(forms.items);
	free(room);
	return error;
}

/* Of a text that may be a secret's: its first characters, which as a rule are
 * the same for all keys of a kind. Were they held back, a message that ends
 * with them would wait for the next. */
static size_t free_of(size_t length)
{
	return length < 32 ? length / 8 : 4;
}

static char *add_restored(struct needle *needle, const struct secret *secret,
			  struct http_text value, unsigned id, char *room)
{
	*needle = (struct needle){
		.text = value.at,
		.length = value.length,
		.instead = room,
		.instead_length = value.length,
		.free = free_of(value.length),
		.id = id,
	};
	for (size_t i = 0; i < value.length; i++)
		*room++ =
			secret->placeholder.at[i % secret->placeholder.length];
	return room;
}

/* How much of a value is turned back in its other forms: its end, without which
 * a longer one is of no use. */
enum { PART = 48, OTHER_FORMS = 5, OTHER_MOST = 3 * PART };

/* A part of a value, and what stands there in the placeholder. */
struct part {
	unsigned char real[PART + 2], instead[PART + 2];
	size_t length;
};

static void add_other(struct forms *forms, const char *text,
		      const char *instead, size_t length, unsigned id)
{
	add_form(forms, text, length, id);
	forms->items[forms->count - 1].instead = forms->room;
	forms->items[forms->count - 1].instead_length = length;
	forms->items[forms->count - 1].free = free_of(length);
	forms->room = mempcpy(forms->room, instead, length);
}

/* As in an Authorization of Basic, which servers may show. */
static void add_other_base64(struct forms *forms, const struct part *part,
			     unsigned id)
{
	for (unsigned shift = 0; shift < 3; shift++) {
		unsigned char in[PART + 2] = {0}, real[OTHER_MOST + 1],
					instead[OTHER_MOST + 1];
		size_t from = (8 * shift + 5) / 6;
		size_t to = 8 * (shift + part->length) / 6;

		memcpy(in + shift, part->real, part->length);
		EVP_EncodeBlock(real, in, (int)(shift + part->length));
		memcpy(in + shift, part->instead, part->length);
		EVP_EncodeBlock(instead, in, (int)(shift + part->length));
		add_other(forms, (char *)real + from, (char *)instead + from,
			  to - from, id);
		OPENSSL_cleanse(in, sizeof(in));
		OPENSSL_cleanse(real, sizeof(real));
	}
}

static bool is_plain(unsigned char c, bool json)
{
	return json ? c != '/' : isalnum(c) || strchr("-._~", c);
}

/* What is no letter or digit as %XX; or, in JSON, a slash behind another. */
static void add_escaped(struct forms *forms, struct http_text value,
			const struct part *part, bool json, unsigned id)
{
	static const char digits[] = "0123456789ABCDEF";
	char real[OTHER_MOST], instead[OTHER_MOST];
	size_t size = 0;

	for (size_t i = 0; i < part->length; i++) {
		unsigned char c = part->real[i];
		bool plain = is_plain(c, json);

		if (!plain && json) {
			real[size++] = '\\';
		} else if (!plain) {
			real[size++] = '%';
			real[size++] = digits[c / 16];
			c = (unsigned char)digits[c % 16];
		}
		real[size++] = (char)c;
	}
	for (size_t i = 0; i < size; i++)
		instead[i] = (char)part->instead[i % part->length];
	/* Where nothing of it changes, it is found as it is. */
	while (value.length && is_plain((unsigned char)*value.at, json)) {
		value.at++;
		value.length--;
	}
	if (value.length)
		add_other(forms, real, instead, size, id);
	OPENSSL_cleanse(real, sizeof(real));
}

static void add_others(struct forms *forms, const struct secret *secret,
		       struct http_text value, unsigned id)
{
	struct part part = {.length =
				    value.length < PART ? value.length : PART};
	size_t from = value.length - part.length;

	for (size_t i = 0; i < part.length; i++) {
		part.real[i] = (unsigned char)value.at[from + i];
		part.instead[i] =
			(unsigned char)secret->placeholder
				.at[(from + i) % secret->placeholder.length];
	}
	if (secret->place == SECRET_IN_AUTHENTICATION ||
	    secret->place == SECRET_IN_BASIC ||
	    secret->place == SECRET_IN_HEADER)
		add_other_base64(forms, &part, id);
	add_escaped(forms, value, &part, true, id);
	add_escaped(forms, value, &part, false, id);
	OPENSSL_cleanse(&part, sizeof(part));
}

/*
 * In answers a value keeps its length, so that the answer's does: where a
 * renewed secret is longer or shorter than the placeholder, that is repeated
 * or cut. `others`: with its other forms.
 */
static int make_restore(struct secrets *secrets, bool others)
{
	const size_t most = 2 * (1 + OTHER_FORMS) * secrets->count;
	struct forms forms = {.items = calloc(most + 1, sizeof(struct needle))};
	size_t total = 1;
	char *room;
	int error = -ENOMEM;

	for (size_t i = 0; i < secrets->count; i++)
		total += secrets->items[i].value.length +
			 secrets->items[i].former.length +
			 (others ? (size_t)4 * OTHER_FORMS * OTHER_MOST : 0);
	room = forms.room = locked_new(total);
	for (unsigned i = 0; room && forms.items && i < secrets->count; i++) {
		const struct secret *secret = &secrets->items[i];
		struct http_text values[] = {secret->value, secret->former};

		for (size_t j = 0; j < 2 && values[j].length; j++) {
			forms.room =
				add_restored(&forms.items[forms.count++],
					     secret, values[j], i, forms.room);
			if (others)
				add_others(&forms, secret, values[j], i);
		}
	}
	if (room && forms.items)
		error = needles_new(forms.items, forms.count,
				    &secrets->restore);
	locked_free(room, total);
	free(forms.items);
	return error;
}

/* The other forms are to leave as much as all takes: for the requests, and for
 * when a secret is renewed. */
static bool leaves_enough(const struct secrets *secrets)
{
	return locked_fits(secrets->size + needles_size(secrets->restore) +
			   needles_size(secrets->watch));
}

static int make_tables(struct secrets *secrets, bool others)
{
	int error = make_restore(secrets, others);

	if (!error)
		error = make_watch(secrets);
	if (!error && others && !leaves_enough(secrets))
		error = -ENOMEM;
	if (error) {
		needles_free(secrets->restore);
		needles_free(secrets->watch);
		secrets->restore = secrets->watch = NULL;
	}
	return error;
}

/* ---------------------------------------------------------------- the list --
 */

/* Shorter ones would be met by chance. */
enum { SECRET_LEAST = 8 };

static bool is_length(size_t length)
{
	return length >= SECRET_LEAST && length <= SECRET_VALUE_MOST;
}

static bool makes_sense(const struct secret_record *record)
{
	return is_length(record->value_length) &&
	       is_length(record->placeholder_length) &&
	       record->place <= SECRET_IN_AWS_TOKEN &&
	       memchr(record->name, 0, SECRET_NAME) &&
	       memchr(record->header, 0, SECRET_NAME) &&
	       memchr(record->renewed, 0, SECRET_NAME);
}

static struct secret secret_of(const struct secret_record *record)
{
	return (struct secret){
		.name = record->name,
		.header = record->header,
		.renewed = record->renewed,
		.group = record->group,
		.place = (enum secret_place)record->place,
		.value = {record->value, record->value_length},
		.placeholder = {record->placeholder,
				record->placeholder_length},
	};
}

static const char *copy(char **room, const char *bytes, size_t length)
{
	char *kept = *room;

	*room = mempcpy(kept, bytes, length);
	return kept;
}

static void copy_text(char **room, struct http_text *text)
{
	text->at = copy(room, text->at ?: "", text->length);
}

/* Its own copy of all that the secret points to. */
static void take(struct secret *secret, const struct secret *from, char **room)
{
	*secret = *from;
	secret->name = copy(room, from->name, strlen(from->name) + 1);
	secret->header = copy(room, from->header, strlen(from->header) + 1);
	secret->renewed = copy(room, from->renewed, strlen(from->renewed) + 1);
	copy_text(room, &secret->value);
	copy_text(room, &secret->placeholder);
	copy_text(room, &secret->former);
}

static int make(const struct secret *items, size_t count, struct secrets **made)
{
	size_t size = sizeof(struct secrets);
	struct secrets *secrets;
	char *room;
	int error;

	for (size_t i = 0; i < count; i++)
		size += 3 * SECRET_NAME + items[i].value.length +
			items[i].placeholder.length + items[i].former.length;
	secrets = locked_new(size);
	if (!secrets)
		return -ENOMEM;
	secrets->holds = 1;
	secrets->size = size;
	secrets->count = count;
	room = (char *)(secrets + 1);
	for (size_t i = 0; i < count; i++) {
		take(&secrets->items[i], &items[i], &room);
		if (items[i].place >= SECRET_IN_AWS_ID)
			secrets->aws |= 1ULL << i;
	}
	error = make_tables(secrets, true);
	/* The other forms are several times as large. */
	if (error)
		error = make_tables(secrets, false);
	if (error) {
		secrets_drop(secrets);
		return error;
	}
	*made = secrets;
	return 0;
}

/* Behind an id there is a key; before a key, and before a token, the rest. */
static bool is_in_order(const struct secret *items, size_t count, size_t i)
{
	switch (items[i].place) {
	case SECRET_IN_AWS_ID:
		return i + 1 < count && items[i + 1].place == SECRET_IN_AWS_KEY;
	case SECRET_IN_AWS_KEY:
		return i && items[i - 1].place == SECRET_IN_AWS_ID;
	case SECRET_IN_AWS_TOKEN:
		return i && items[i - 1].place == SECRET_IN_AWS_KEY;
	default:
		return true;
	}
}

int secrets_new(const struct secret_record *records, size_t count,
		struct secrets **made)
{
	struct secret items[SECRETS_MOST];

	if (count > SECRETS_MOST)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		if (!makes_sense(&records[i]))
			return -EINVAL;
		items[i] = secret_of(&records[i]);
	}
	for (size_t i = 0; i < count; i++)
		if (!is_in_order(items, count, i))
			return -EINVAL;
	return make(items, count, made);
}

size_t secrets_parts(const struct secrets *secrets, size_t index)
{
	if (secrets->items[index].place != SECRET_IN_AWS_ID)
		return 1;
	return index + 2 < secrets->count && secrets->items[index + 2].place ==
						     SECRET_IN_AWS_TOKEN
		       ? 3
		       : 2;
}

bool secrets_forgotten(const struct secrets *secrets, size_t index)
{
	const struct secret *secret = &secrets->items[index];

	return secret->value.length == secret->placeholder.length &&
	       memcmp(secret->value.at, secret->placeholder.at,
		      secret->value.length) == 0;
}

/* The needles have the values still. */
void secrets_forget(struct secrets *secrets, size_t index, size_t count)
{
	for (size_t i = index; i < index + count && i < secrets->count; i++) {
		struct secret *secret = &secrets->items[i];

		if (!secrets_forgotten(secrets, i))
			secret->former = secret->value;
		secret->value = secret->placeholder;
	}
}

int secrets_renew(const struct secrets *secrets, size_t index, size_t count,
		  const struct http_text *values, struct secrets **made)
{
	struct secret items[SECRETS_MOST];

	if (index >= secrets->count || count > secrets->count - index)
		return -EINVAL;
	memcpy(items, secrets->items, secrets->count * sizeof(*items));
	for (size_t i = 0; i < count; i++) {
		if (!is_length(values[i].length))
			return -EINVAL;
		if (!secrets_forgotten(secrets, index + i))
			items[index + i].former = items[index + i].value;
		items[index + i].value = values[i];
	}
	return make(items, secrets->count, made);
}

struct secrets *secrets_hold(struct secrets *secrets)
{
	secrets->holds++;
	return secrets;
}

void secrets_drop(struct secrets *secrets)
{
	if (!secrets || --secrets->holds)
		return;
	needles_free(secrets->restore);
	needles_free(secrets->watch);
	locked_free(secrets, secrets->size);
}
