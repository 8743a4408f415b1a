/*
 * From other tools' rules to rules of this language. What cannot be said
 * becomes a comment that says why; what is malformed is an error with a place.
 */
#ifndef SUPERVISOR_IMPORT_IMPORT_H
#define SUPERVISOR_IMPORT_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy/text.h"

/** In the order of the policy: the last rule that matches decides. */
enum import_part {
	IMPORT_GROUND = 0, /**< what the other tool does where no rule is */
	IMPORT_REGION,	   /**< wide refusals, in which others allow */
	IMPORT_ALLOW,
	IMPORT_ASK,
	IMPORT_DENY,
	IMPORT_PARTS,
};

struct import {
	const char *home, *project; /**< absolute */
	const char *file;	    /**< being read, for messages */
	const char *shown;	    /**< the same, for comments */
	struct text parts[IMPORT_PARTS];
	struct text unsaid;
	unsigned rules, left_out;
	bool failed; /**< an error was said */
};

/** Where a relative path begins. */
enum import_anchor {
	ANCHOR_ROOT = 0,
	ANCHOR_HOME,
	ANCHOR_PROJECT,
	ANCHOR_DIRECTORY, /**< `directory` */
};

struct import_place {
	enum import_anchor anchor;
	const char *directory;
};

/** Say an error: `FILE: PLACE: what`. Returns -EINVAL. */
int import_error(struct import *import, const char *place, const char *format,
		 ...) __attribute__((format(printf, 3, 4)));

/** Add a rule, once; `origin` is what it was there. */
void import_rule(struct import *import, enum import_part part,
		 const char *origin, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Add a comment: `origin` cannot be said, because of `why`. */
void import_unsaid(struct import *import, const char *origin, const char *why);

/** The whole policy. */
void import_finish(struct import *import, const char *heading,
		   struct text *text);
void import_clear(struct import *import);

/** Read a file whole: malloc()ed. Returns 0 or -errno with a line said. */
int import_read(struct import *import, const char *path, char **bytes,
		size_t *length);

/** Read a JSON object. Returns 0 or -EINVAL, -errno with a line said. */
int import_json(struct import *import, const char *path, json_t **object);

/** A member that must be of a type, if it is there: NULL where it is not. */
int import_member(struct import *import, const json_t *object,
		  const char *within, const char *name, json_type type,
		  json_t **member);

/** Visit the strings of an array that may be there. */
int import_strings(struct import *import, const json_t *object,
		   const char *within, const char *name,
		   int (*visit)(struct import *import, const char *place,
				const char *string, void *context),
		   void *context);
/** Is a boolean there, and true? `otherwise` where it is not there. */
int import_flag(struct import *import, const json_t *object, const char *within,
		const char *name, bool otherwise, bool *value);

/** Add a place and a gitignore-like pattern below it as a path pattern. With
 * `tree` it takes in what is below, as a directory does. */
void import_path(struct import *import, struct text *text,
		 const struct import_place *place, const char *pattern,
		 bool tree);

/** Does the literal path (no wildcard) exist as a file that is no directory? */
bool import_is_file(const struct import *import,
		    const struct import_place *place, const char *pattern);

/** Add one argument of a program that matches these bytes; with `globs` a `*`
 * in it is one. */
void import_argument(struct text *text, const char *bytes, size_t length,
		     bool globs);

/** Is it what `connect` can be about? It has no space. */
bool import_is_endpoint(const char *endpoint);

/** A host and a port as the language has them: is it one? `ports` follows where
 * none is there. Adds ` HOST:PORTS`. */
bool import_host(struct text *text, const char *host, const char *ports);

/** The formats. Each returns 0 or -errno with lines said. `files` may be none
 * for claude and codex: then the places where they look. */
int import_claude(struct import *import, const char *const *files,
		  size_t count);
int import_srt(struct import *import, const char *const *files, size_t count);
int import_devcontainer(struct import *import, const char *const *files,
			size_t count);
int import_codex(struct import *import, const char *const *files, size_t count);

/* ------------------------------------------------------------- internal -- */

/** One permission rule of Claude Code, `Tool` or `Tool(content)`. */
int import_claude_rule(struct import *import, enum import_part part,
		       const struct import_place *source, const char *place,
		       const char *rule);

/** The `filesystem` and `network` objects of srt's settings, or of Claude
 * Code's `sandbox`. */
int import_sandbox(struct import *import, const json_t *object,
		   const char *within, const struct import_place *source);

#endif
