#include "supervisor/virtual/manifest.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "policy/scope.h"
#include "supervisor/virtual/tree.h"

/* Far more than ten thousand files with their placeholders need. */
#define MANIFEST_MAX ((size_t)256 << 20)

int manifest_digest(const void *bytes, size_t length,
		    unsigned char digest[MANIFEST_DIGEST])
{
	unsigned size = MANIFEST_DIGEST;

	if (!EVP_Digest(bytes, length, digest, &size, EVP_sha256(), NULL))
		return -ENOMEM;
	return 0;
}

/* Blanks and what is not ASCII as %NN, so that a path is one word. */
static void write_path(FILE *out, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c <= ' ' || c >= 0x7f || c == '%')
			fprintf(out, "%%%02x", c);
		else
			fputc(c, out);
	}
}

static void write_entry(FILE *out, const struct manifest_entry *entry)
{
	fprintf(out, "file %d %d ", (int)entry->kind, entry->opaque);
	for (size_t i = 0; entry->has_real && i < MANIFEST_DIGEST; i++)
		fprintf(out, "%02x", entry->digest[i]);
	fprintf(out, "%s %zu ", entry->has_real ? "" : "-", entry->marks.count);
	write_path(out, entry->path);
	fputc('\n', out);
	for (size_t i = 0; i < entry->marks.count; i++)
		fprintf(out, "%zu %zu\n", entry->marks.items[i].offset,
			entry->marks.items[i].length);
}

int manifest_append(int fd, const struct manifest_entry *entry)
{
	auto_free char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool failed;

	if (!out)
		return -ENOMEM;
	write_entry(out, entry);
	failed = ferror(out);
	if (fclose(out) || failed)
		return -ENOMEM;
	return tree_write_all(fd, text, length);
}

static bool read_path(char *word)
{
	char *to = word;

	for (const char *from = word; *from; from++) {
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		if (!isxdigit((unsigned char)from[1]) ||
		    !isxdigit((unsigned char)from[2]))
			return false;
		*to = (char)strtoul((char[]){from[1], from[2], '\0'}, NULL, 16);
		if (!*to++)
			return false;
		from += 2;
	}
	*to = '\0';
	return tree_is_path(word);
}

static bool read_digest(const char *word, struct manifest_entry *entry)
{
	if (strcmp(word, "-") == 0)
		return true;
	if (strlen(word) != (size_t)2 * MANIFEST_DIGEST)
		return false;
	for (size_t i = 0; i < MANIFEST_DIGEST; i++) {
		char pair[] = {word[2 * i], word[2 * i + 1], '\0'};
		char *end;

		entry->digest[i] = (unsigned char)strtoul(pair, &end, 16);
		if (*end)
			return false;
	}
	entry->has_real = true;
	return true;
}

/* The head of a record; the line is cut up. */
static bool read_head(char *line, struct manifest_entry *entry, size_t *count)
{
	char *save = NULL, *words[6];

	for (size_t i = 0; i < 6; i++) {
		words[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!words[i])
			return false;
	}
	if (strcmp(words[0], "file") != 0 || strtok_r(NULL, " ", &save))
		return false;
	entry->kind = (enum fake_kind)strtoul(words[1], NULL, 10);
	entry->opaque = strcmp(words[2], "0") != 0;
	*count = strtoul(words[4], NULL, 10);
	if (!read_digest(words[3], entry) || !read_path(words[5]))
		return false;
	entry->path = strdup(words[5]);
	return entry->path;
}

static bool read_mark(const char *line, size_t *end, struct marks *marks)
{
	size_t offset, length;

	if (sscanf(line, "%zu %zu", &offset, &length) != 2 || offset < *end ||
	    !length || length > SIZE_MAX / 2 || offset > SIZE_MAX / 2)
		return false;
	*end = offset + length;
	marks_add(marks, offset, *end);
	return !marks->failed;
}

static int add_entry(struct manifest *manifest, struct manifest_entry **entry)
{
	struct manifest_entry *entries = reallocarray(
		manifest->entries, manifest->count + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	manifest->entries = entries;
	*entry = &entries[manifest->count++];
	**entry = (struct manifest_entry){0};
	return 0;
}

static int parse(char *text, struct manifest *manifest)
{
	struct manifest_entry *entry = NULL;
	size_t left = 0, end = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (left) {
			if (!read_mark(line, &end, &entry->marks))
				return -EBADMSG;
			left--;
			continue;
		}
		if (add_entry(manifest, &entry))
			return -ENOMEM;
		if (!read_head(line, entry, &left))
			return -EBADMSG;
		end = 0;
	}
	return left ? -EBADMSG : 0;
}

int manifest_read(int fd, struct manifest *manifest)
{
	auto_free char *text = NULL;
	size_t length;
	int error;

	*manifest = (struct manifest){0};
	error = tree_read_all(fd, MANIFEST_MAX, &text, &length);
	if (error)
		return error;
	if (memchr(text, '\0', length))
		return -EBADMSG;
	error = parse(text, manifest);
	if (error)
		manifest_free(manifest);
	return error;
}

void manifest_free(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		free(manifest->entries[i].path);
		marks_free(&manifest->entries[i].marks);
	}
	free(manifest->entries);
	*manifest = (struct manifest){0};
}

const struct manifest_entry *manifest_find(const struct manifest *manifest,
					   const char *path)
{
	for (size_t i = manifest->count; i > 0; i--) {
		if (strcmp(manifest->entries[i - 1].path, path) == 0)
			return &manifest->entries[i - 1];
	}
	return NULL;
}
