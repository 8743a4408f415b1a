#include "policy/names.h"

#include <string.h>

const char *const verdict_words[] = {
	[VERDICT_DENY] = "deny",   [VERDICT_ASK] = "ask",
	[VERDICT_HIDE] = "hide",   [VERDICT_FAKE] = "fake",
	[VERDICT_ALLOW] = "allow", NULL,
};

const char *const action_words[] = {
	[ACTION_READ] = "read",	    [ACTION_WRITE] = "write",
	[ACTION_EXEC] = "exec",	    [ACTION_CONNECT] = "connect",
	[ACTION_LISTEN] = "listen", [ACTION_HTTP] = "http",
	[ACTION_ENV] = "env",	    NULL,
};

const char *const limit_words[] = {
	[LIMIT_MEMORY] = "memory",
	[LIMIT_PROCESSES] = "processes",
	[LIMIT_CPU] = "cpu",
	[LIMIT_TIME] = "time",
	[LIMIT_FILES] = "files",
	[LIMIT_FILE_SIZE] = "file-size",
	NULL,
};

/* In the order of enum fake_kind, from FAKE_AWS. */
const char *const fake_words[] = {
	"aws", "dotenv", "keys", "empty", "text", "file", "dir", NULL,
};

const char *const qualifier_words[] = {
	"as", "by", "under", "log", "until", "override", "because", NULL,
};

const char *verdict_name(enum verdict verdict)
{
	return verdict <= VERDICT_ALLOW ? verdict_words[verdict] : "?";
}

const char *action_name(enum action action)
{
	return action < ACTION_COUNT ? action_words[action] : "?";
}

int word_index(const char *const *words, const char *word, size_t length)
{
	for (int i = 0; words[i]; i++)
		if (strlen(words[i]) == length &&
		    memcmp(words[i], word, length) == 0)
			return i;
	return -1;
}

enum fake_kind fake_kind_from_name(const char *name, size_t length)
{
	int index = word_index(fake_words, name, length);

	return index < 0 ? FAKE_NONE : (enum fake_kind)((int)FAKE_AWS + index);
}

const char *fake_kind_name(enum fake_kind kind)
{
	if (kind >= FAKE_AWS && kind <= FAKE_DIR)
		return fake_words[kind - FAKE_AWS];
	return kind == FAKE_PLACEHOLDER ? "placeholder" : "none";
}

enum { LONGEST_WORD = 24 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/** Insertions, deletions, changes and swaps of neighbours between two words. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[LONGEST_WORD + 1][LONGEST_WORD + 1];

	for (size_t i = 0; i <= n; i++)
		rows[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			size_t change = a[i - 1] != b[j - 1];
			size_t best = least(rows[i - 1][j], rows[i][j - 1]) + 1;

			best = least(best, rows[i - 1][j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				best = least(best, rows[i - 2][j - 2] + 1);
			rows[i][j] = best;
		}
	}
	return rows[n][m];
}

const char *nearest_word(const char *const *words, const char *word,
			 size_t length)
{
	const char *nearest = NULL;
	size_t nearest_distance = 3;

	if (length == 0 || length > LONGEST_WORD)
		return NULL;
	for (size_t i = 0; words[i]; i++) {
		size_t n = strlen(words[i]);
		size_t d;

		if (n > LONGEST_WORD)
			continue;
		d = distance(word, length, words[i], n);
		/* Half of a word wrong is another word. */
		if (d < nearest_distance && d * 2 <= (n > 2 ? n : 2)) {
			nearest = words[i];
			nearest_distance = d;
		}
	}
	return nearest;
}
