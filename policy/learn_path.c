#include "policy/learn_path.h"

#include <ctype.h>
#include <string.h>

#include "policy/names.h"
#include "policy/scope.h"

enum {
	LEAST_HASH = 8,	   /* hexadecimal digits in a row, digits among them */
	LEAST_NUMBER = 3,  /* digits in a row; fewer are a version or a count */
	LEAST_RANDOM = 6,  /* as mkstemp(3) makes them */
	PYTHON_RANDOM = 8, /* tempfile */
	MKTEMP_RANDOM = 10, /* mktemp(1) */
	LEAST_START = 4,    /* of a name, beside something refused */
};

/* ------------------------------------------------------------- the parts -- */

static size_t run_of(const char *at, const char *end, int (*is)(int))
{
	size_t length = 0;

	while (at + length < end && is((unsigned char)at[length]))
		length++;
	return length;
}

/* Letters of both cases and digits mixed, as no word is. */
static bool looks_random(const char *at, size_t length)
{
	size_t lower = 0, upper = 0, digits = 0, changes = 0;
	int last = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)at[i];
		int kind = isdigit(c) ? 1 : isupper(c) ? 2 : 3;

		digits += kind == 1;
		upper += kind == 2;
		lower += kind == 3;
		changes += i && kind != last;
		last = kind;
	}
	return length >= LEAST_RANDOM && changes >= 3 &&
	       (digits != 0) + (upper != 0) + (lower != 0) >= 2;
}

/* A UUID: groups of 8, 4, 4, 4 and 12 hexadecimal digits. */
static size_t uuid(const char *at, const char *end)
{
	static const size_t groups[] = {8, 4, 4, 4, 12};
	const char *start = at;

	for (size_t i = 0; i < 5; i++) {
		if (i && (at == end || *at++ != '-'))
			return 0;
		if (run_of(at, end, isxdigit) != groups[i])
			return 0;
		at += groups[i];
	}
	return at == end || !isalnum((unsigned char)*at) ? (size_t)(at - start)
							 : 0;
}

/* So many digits, then what separates them from others? */
static bool digits_at(const char *at, const char *end, size_t count,
		      const char *before)
{
	if (*before) {
		if (at == end || !strchr(before, *at))
			return false;
		at++;
	}
	return run_of(at, end, isdigit) == count;
}

/* A date, YYYY-MM-DD, and a time of day behind it. */
static size_t date(const char *at, const char *end)
{
	size_t length = 10;

	if (!digits_at(at, end, 4, "") || !digits_at(at + 4, end, 2, "-") ||
	    !digits_at(at + 7, end, 2, "-"))
		return 0;
	if (digits_at(at + length, end, 2, "T_-"))
		length += 3;
	for (int i = 0; i < 2 && length > 10; i++)
		if (digits_at(at + length, end, 2, "-:."))
			length += 3;
	return length;
}

/* The letters that mktemp(1) and its kind put after `tmp` at the start of a
 * name, by their number: six can look like a word. */
static size_t after_tmp(const char *name, const char *at, const char *end)
{
	size_t word = run_of(at, end, isalnum);

	name += *name == '.';
	if (at - name == 4 && strchr(".-_", at[-1]))
		at--;
	if (at - name != 3 || strncmp(name, "tmp", 3) != 0)
		return 0;
	return word == LEAST_RANDOM || word == PYTHON_RANDOM ||
			       word == MKTEMP_RANDOM
		       ? word
		       : 0;
}

/* How much of what stands here changes from run to run? `after`: something
 * that changes came before it in the name; ids are often of several parts. */
static size_t changing(const char *at, const char *end, bool after)
{
	size_t hex = run_of(at, end, isxdigit);
	size_t digits = run_of(at, end, isdigit);
	size_t word = run_of(at, end, isalnum);
	size_t whole = uuid(at, end) ?: date(at, end);
	bool mixed = false;

	if (whole)
		return whole;
	for (size_t i = 0; i < hex; i++)
		mixed |= isdigit((unsigned char)at[i]) != 0;
	if (hex >= LEAST_HASH && mixed && hex == word)
		return hex;
	/* What follows `tmp` is looked at by itself. */
	if (word > 3 && strncmp(at, "tmp", 3) == 0)
		return 0;
	if (looks_random(at, word) || (after && word == LEAST_RANDOM))
		return word;
	return digits >= LEAST_NUMBER && digits == word ? digits : 0;
}

static bool refuses_below(const struct learn_input *input, const char *path,
			  size_t length, bool write)
{
	char *directory = strndup(length ? path : "/", length ?: 1);
	bool refuses;

	if (!directory)
		return true;
	refuses = policy_varies_below_anchored(input->refusing, ACTION_READ,
					       directory) ||
		  (write && policy_varies_below_anchored(
				    input->refusing, ACTION_WRITE, directory));
	free(directory);
	return refuses;
}

/* Is this component a year, or a month or day in a directory of a year's? */
static bool is_calendar(const char *at, const char *end, bool year)
{
	size_t length = (size_t)(end - at);

	if (run_of(at, end, isdigit) != length)
		return false;
	return year ? length == 2
		    : length == 4 &&
			       (!strncmp(at, "19", 2) || !strncmp(at, "20", 2));
}

/* How much of the path is the home or the project, which change for nobody? */
static size_t fixed_part(const struct learn_input *input, const char *path)
{
	const char *const tops[] = {input->project, input->home};

	for (size_t i = 0; i < sizeof(tops) / sizeof(*tops); i++) {
		size_t length = tops[i] ? strlen(tops[i]) : 0;

		if (length > 1 && strncmp(path, tops[i], length) == 0 &&
		    (path[length] == '/' || !path[length]))
			return length;
	}
	return 0;
}

char *learn_path_pattern(const struct learn_input *input, struct arena *arena,
			 const char *path)
{
	size_t length = strlen(path), made = 0;
	char *pattern = arena_alloc(arena, 2 * length + 1);
	const char *at = path;

	if (!pattern)
		return NULL;
	bool year = false;

	made = fixed_part(input, path);
	memcpy(pattern, path, made);
	at += made;
	if (*at == '/' && made)
		pattern[made++] = *at++;
	while (*at) {
		const char *end = at + strcspn(at, "/");
		size_t directory = at > path ? (size_t)(at - path) - 1 : 0;
		const char *name = at;
		int refused = -1; /* not asked yet */
		bool after = false, of_year = is_calendar(at, end, year);

		year = of_year || is_calendar(at, end, false);
		for (bool start = true; at < end;
		     start = !isalnum((unsigned char)at[-1]) ||
			     (at - name >= 3 && !strncmp(at - 3, "tmp", 3))) {
			size_t skip =
				of_year ? (size_t)(end - at)
				: start ? after_tmp(name, at, end)
						  ?: changing(at, end, after)
					: 0;
			bool star;

			if (skip && refused < 0)
				refused = refuses_below(input, path, directory,
							true);
			/* A name whose start is kept is no neighbour's: what
			 * is refused is so by a rule that it does not lie in,
			 * or it would be refused, too. */
			star = skip && (!refused || at - name >= LEAST_START);
			if (!star && (*at == LEARN_STAR || *at == LEARN_ITSELF))
				pattern[made++] = LEARN_ITSELF;
			pattern[made++] = star ? LEARN_STAR : *at;
			at += star ? skip : 1;
			after |= star;
		}
		if (*at)
			pattern[made++] = *at++;
	}
	return pattern;
}

/* ------------------------------------------------------ what is one thing --
 */

/* Names below the prefix: how many components has it more than `top`? -1 where
 * it does not lie there. */
static int depth_below(const char *path, size_t prefix, const char *top)
{
	size_t length = top ? strlen(top) : 0;
	int depth = 0;

	if (!length || prefix < length || strncmp(path, top, length) != 0 ||
	    (prefix > length && path[length] != '/'))
		return -1;
	for (size_t i = length; i < prefix; i++)
		depth += path[i] == '/';
	return depth;
}

static bool starts(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

/* How deep must a directory be in the home to be one thing? A program's own
 * (~/.NAME, ~/.config/NAME) is not opened whole: its keys lie there. */
static int least_in_home(const char *rest)
{
	if (starts(rest, "/.cache/"))
		return 2;
	if (starts(rest, "/.local/share/") || starts(rest, "/.local/state/"))
		return 4;
	if (starts(rest, "/.config/"))
		return 3;
	return 2;
}

static int least_elsewhere(const char *path)
{
	static const struct {
		const char *top;
		int depth;
	} known[] = {
		{"/usr/", 1},  {"/lib", 1},   {"/bin/", 1},	{"/sbin/", 1},
		{"/nix/", 1},  {"/opt/", 2},  {"/proc/", 2},	{"/sys/", 1},
		{"/home/", 4}, {"/root/", 3}, {"/var/lib/", 3},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (starts(path, known[i].top))
			return known[i].depth;
	return 2;
}

bool learn_path_may_open(const struct learn_input *input, const char *sample,
			 const char *pattern, size_t prefix, bool write)
{
	size_t length = 0;
	int components = 0, home;

	for (size_t i = 0; i < prefix; i++)
		components += pattern[i] == '/';
	if (depth_below(pattern, prefix, input->project) < 0) {
		home = depth_below(pattern, prefix, input->home);
		if (home >= 0 ? home < least_in_home(pattern +
						     strlen(input->home))
			      : components < least_elsewhere(pattern))
			return false;
	}
	/* As many components of the sample as the prefix has. */
	while (sample[length]) {
		if (sample[length] == '/' && components-- == 0)
			break;
		length++;
	}
	return !refuses_below(input, sample, length, write);
}

/* ----------------------------------------------------------------- words -- */

/* One byte so that a pattern takes it literally. */
static void put_byte(struct text *text, unsigned char byte, bool *quote)
{
	if (strchr("*?[{}$~", byte)) {
		text_add_byte(text, '[');
		text_add_byte(text, (char)byte);
		text_add_byte(text, ']');
	} else if (byte < 0x20 || byte == 0x7f) {
		text_format(text, "\\x%02x", byte);
		*quote = true;
	} else {
		if (byte == '"' || byte == '\\')
			text_add_byte(text, '\\');
		*quote |= strchr(" \"\\#", byte) != NULL;
		text_add_byte(text, (char)byte);
	}
}

enum put_how {
	PUT_BYTES = 0,
	PUT_MADE = 1, /* of a pattern being made */
	PUT_TREE = 2, /* and all below */
};

/* The prefix and the bytes, as one word. */
static void put(struct text *text, const struct learn_input *input,
		const char *prefix, const char *bytes, size_t length,
		unsigned how)
{
	struct text word = {0};
	auto_free char *string = NULL;
	bool quote = length == 0, made = how & PUT_MADE;
	size_t from = 0;

	text_add_string(&word, prefix);
	if (input && depth_below(bytes, length, input->project) >= 0) {
		text_add_string(&word, "${project}");
		from = strlen(input->project);
	} else if (input && depth_below(bytes, length, input->home) >= 0) {
		text_add_string(&word, "~");
		from = strlen(input->home);
	}
	for (; from < length; from++) {
		if (made && bytes[from] == LEARN_STAR) {
			text_add_byte(&word, '*');
			continue;
		}
		from += made && bytes[from] == LEARN_ITSELF;
		put_byte(&word, (unsigned char)bytes[from], &quote);
	}
	if (how & PUT_TREE)
		text_add_string(&word, "/**");
	if (text_finish(&word, &string)) {
		text->failed = true;
		return;
	}
	text_add_string(text, quote ? "\"" : "");
	text_add_string(text, string);
	text_add_string(text, quote ? "\"" : "");
}

void learn_path_put(struct text *text, const struct learn_input *input,
		    const char *path)
{
	put(text, input, "", path, strlen(path), PUT_BYTES);
}

void learn_pattern_put(struct text *text, const struct learn_input *input,
		       const char *pattern, size_t length, bool tree)
{
	put(text, input, "", pattern, length, PUT_MADE | (tree ? PUT_TREE : 0));
}

void learn_socket_put(struct text *text, const struct learn_input *input,
		      const char *pattern)
{
	put(text, input, "unix:", pattern, strlen(pattern), PUT_MADE);
}

/* Does the word, bare, mean something at the end of a rule? */
static bool is_of_language(const char *word)
{
	return word_index(qualifier_words, word, strlen(word)) >= 0 ||
	       strcmp(word, "argv0") == 0;
}

void learn_word_put(struct text *text, const char *word)
{
	if (is_of_language(word))
		text_format(text, "\"%s\"", word);
	else
		put(text, NULL, "", word, strlen(word), PUT_BYTES);
}

void learn_address_put(struct text *text, const char *address)
{
	/* Addresses of IPv6 stand in brackets, which are no set there. */
	if (strspn(address, "udp:[]0123456789abcdefABCDEF.") == strlen(address))
		text_add_string(text, address);
	else
		put(text, NULL, "", address, strlen(address), PUT_BYTES);
}

void learn_request_put(struct text *text, const char *subject)
{
	const char *target = strchr(subject, ' ');
	const char *path = target ? strchr(target, '/') : NULL;
	auto_free char *host = NULL;

	if (!path) {
		learn_word_put(text, subject);
		return;
	}
	text_add(text, subject, (size_t)(target - subject) + 1);
	host = strndup(target + 1, (size_t)(path - target) - 1);
	if (host)
		put(text, NULL, host, path, strlen(path), PUT_BYTES);
	else
		text->failed = true;
}
