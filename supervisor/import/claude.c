/*
 * Claude Code's settings, of all the places it looks in: their lists of rules
 * are put together, a single value is taken from the place that counts most;
 * a rule that denies counts before one that asks, and that before one that
 * allows, whatever their places.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "policy/scope.h"
#include "supervisor/import/import.h"
#include "supervisor/say.h"

enum origin {
	ORIGIN_USER = 0,
	ORIGIN_PROJECT,
	ORIGIN_LOCAL,
	ORIGIN_FLAG, /**< of --settings */
	ORIGIN_MANAGED,
};

struct settings {
	enum origin origin;
	char *path;
	char *directory; /**< where `/path` begins, or NULL: in the project */
	json_t *object;
};

struct claude {
	struct import *import;
	struct settings *all;
	size_t count, capacity;
};

/* ----------------------------------------------------------------- places --
 */

static int add_place(struct claude *claude, enum origin origin,
		     const char *path, const char *directory)
{
	struct settings settings = {
		.origin = origin,
		.path = strdup(path),
		.directory = directory ? strdup(directory) : NULL,
	};

	if (!settings.path || (directory && !settings.directory) ||
	    array_add(claude->all, claude->count, claude->capacity, settings)) {
		free(settings.path);
		free(settings.directory);
		return -ENOMEM;
	}
	return 0;
}

static bool ends(const char *path, const char *with)
{
	size_t length = strlen(path), tail = strlen(with);

	return length >= tail && strcmp(path + length - tail, with) == 0;
}

/* The part of a path before its last `count` components. */
static char *above(const char *path, int count)
{
	char *copy = realpath(path, NULL);

	for (; copy && count > 0; count--) {
		char *slash = strrchr(copy, '/');

		if (slash)
			*slash = '\0';
	}
	return copy;
}

static char *user_directory(const struct import *import)
{
	const char *set = getenv("CLAUDE_CONFIG_DIR");
	char *path = NULL;

	if (set && set[0] == '/')
		return strdup(set);
	return asprintf(&path, "%s/.claude", import->home) < 0 ? NULL : path;
}

/* A file that was named: what it is tells its name. */
static int add_named(struct claude *claude, const char *path)
{
	auto_free char *user = user_directory(claude->import);
	auto_free char *directory = above(path, 1), *project = above(path, 2);

	if (ends(path, "/managed-settings.json") ||
	    strstr(path, "/managed-settings.d/"))
		return add_place(claude, ORIGIN_MANAGED, path, NULL);
	if (ends(path, "settings.local.json"))
		return add_place(claude, ORIGIN_LOCAL, path,
				 ends(directory ?: "", "/.claude") ? project
								   : NULL);
	if (user && directory && strcmp(user, directory) == 0)
		return add_place(claude, ORIGIN_USER, path, user);
	if (ends(directory ?: "", "/.claude"))
		return add_place(claude, ORIGIN_PROJECT, path, project);
	return add_place(claude, ORIGIN_FLAG, path, directory);
}

static int add_if_there(struct claude *claude, enum origin origin,
			const char *directory, const char *name,
			const char *anchor)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (access(path, F_OK))
		return 0;
	return add_place(claude, origin, path, anchor);
}

static int is_drop_in(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && ends(entry->d_name, ".json");
}

static int add_managed(struct claude *claude)
{
	static const char place[] = "/etc/claude-code";
	static const char drop_ins[] = "/etc/claude-code/managed-settings.d";
	struct dirent **entries = NULL;
	int count = scandir(drop_ins, &entries, is_drop_in, alphasort);
	int error = add_if_there(claude, ORIGIN_MANAGED, place,
				 "managed-settings.json", NULL);

	for (int i = 0; i < count; i++) {
		if (!error)
			error = add_if_there(claude, ORIGIN_MANAGED, drop_ins,
					     entries[i]->d_name, NULL);
		free(entries[i]);
	}
	free(entries);
	return error;
}

/* From what counts least to what counts most. */
static int add_usual(struct claude *claude)
{
	const char *project = claude->import->project;
	auto_free char *user = user_directory(claude->import);
	int error = user ? 0 : -ENOMEM;

	if (!error)
		error = add_if_there(claude, ORIGIN_USER, user, "settings.json",
				     user);
	if (!error)
		error = add_if_there(claude, ORIGIN_PROJECT, project,
				     ".claude/settings.json", project);
	if (!error)
		error = add_if_there(claude, ORIGIN_LOCAL, project,
				     ".claude/settings.local.json", project);
	if (!error)
		error = add_managed(claude);
	if (!error && !claude->count) {
		say("no settings of Claude Code: neither %s/settings.json nor "
		    "%s/.claude/settings.json nor one of the machine",
		    user, project);
		error = -ENOENT;
	}
	return error;
}

static int compare(const void *left, const void *right)
{
	const struct settings *a = left, *b = right;

	if (a->origin != b->origin)
		return a->origin < b->origin ? -1 : 1;
	return strcmp(a->path, b->path);
}

/* ------------------------------------------------------------ permissions --
 */

/* Where `/path` begins in these settings. */
static struct import_place place_of(const struct settings *settings)
{
	if (settings->directory)
		return (struct import_place){ANCHOR_DIRECTORY,
					     settings->directory};
	return (struct import_place){ANCHOR_PROJECT, NULL};
}

struct list {
	enum import_part part;
	struct import_place source;
};

static int take_rule(struct import *import, const char *place, const char *rule,
		     void *context)
{
	const struct list *list = context;

	return import_claude_rule(import, list->part, &list->source, place,
				  rule);
}

static int take_directory(struct import *import, const char *place,
			  const char *path, void *context)
{
	struct import_place anchor = {ANCHOR_PROJECT, NULL};
	struct text word = {0};

	(void)place;
	(void)context;
	if (path[0] == '/')
		anchor.anchor = ANCHOR_ROOT;
	if (path[0] == '~')
		anchor.anchor = ANCHOR_HOME;
	if (strstr(path, "..")) {
		import_unsaid(import, path,
			      "a directory with `..`: write where it leads");
		return 0;
	}
	import_path(import, &word, &anchor, path + (path[0] == '~'), true);
	if (word.failed) {
		import->parts[IMPORT_ALLOW].failed = true;
	} else {
		import_rule(import, IMPORT_ALLOW, path, "allow read %s",
			    word.data);
		import_rule(import, IMPORT_GROUND, path, "ask write %s",
			    word.data);
	}
	text_free(&word);
	return 0;
}

static int take_lists(struct import *import, const struct settings *settings,
		      const json_t *permissions)
{
	static const struct {
		const char *name;
		enum import_part part;
	} lists[] = {{"allow", IMPORT_ALLOW},
		     {"ask", IMPORT_ASK},
		     {"deny", IMPORT_DENY}};
	int error = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct list list = {lists[i].part, place_of(settings)};
		int also = import_strings(import, permissions, "permissions",
					  lists[i].name, take_rule, &list);

		error = error ? error : also;
	}
	int also =
		import_strings(import, permissions, "permissions",
			       "additionalDirectories", take_directory, NULL);

	return error ? error : also;
}

static void take_mode(struct import *import, const char *mode)
{
	if (strcmp(mode, "acceptEdits") == 0)
		import_rule(import, IMPORT_GROUND, "acceptEdits",
			    "allow read,write ${project}/**");
	else if (strcmp(mode, "bypassPermissions") == 0)
		import_unsaid(import, "bypassPermissions",
			      "nothing is asked there; here the rules decide, "
			      "and `--dry-run` refuses nothing");
	else if (strcmp(mode, "dontAsk") == 0)
		import_unsaid(import, "dontAsk", "run with --ask deny");
	else if (strcmp(mode, "default") != 0)
		import_unsaid(import, mode, "a mode of Claude Code's own");
}

/* A key whose last setting counts. */
static json_t *single(const struct claude *claude, const char *within,
		      const char *name, const struct settings **where)
{
	for (size_t i = claude->count; i > 0; i--) {
		const json_t *object = claude->all[i - 1].object;
		json_t *value;

		if (within)
			object = json_object_get(object, within);
		value = json_object_get(object, name);
		if (value) {
			*where = &claude->all[i - 1];
			return value;
		}
	}
	return NULL;
}

static int take_default_mode(struct claude *claude)
{
	const struct settings *where;
	const json_t *mode =
		single(claude, "permissions", "defaultMode", &where);

	if (!mode)
		return 0;
	claude->import->file = claude->import->shown = where->path;
	if (!json_is_string(mode))
		return import_error(claude->import, "permissions.defaultMode",
				    "this must be a text");
	take_mode(claude->import, json_string_value(mode));
	return 0;
}

/* ---------------------------------------------------------------- sandbox --
 */

static bool sandbox_on(const struct claude *claude)
{
	const struct settings *where;

	return json_is_true(single(claude, "sandbox", "enabled", &where));
}

static int take_sandbox(struct claude *claude, const struct settings *settings)
{
	struct import *import = claude->import;
	/* There `.` is the project, or the user's ~/.claude. */
	const struct import_place source =
		settings->origin == ORIGIN_USER
			? place_of(settings)
			: (struct import_place){ANCHOR_PROJECT, NULL};
	json_t *sandbox;
	const char *key;
	json_t *value;
	int error = import_member(import, settings->object, "", "sandbox",
				  JSON_OBJECT, &sandbox);

	if (error || !sandbox)
		return error;
	if (!sandbox_on(claude)) {
		import_unsaid(import, "sandbox",
			      "it is not enabled, so its lists do not count");
		return 0;
	}
	error = import_sandbox(import, sandbox, "sandbox", &source);
	json_object_foreach(sandbox, key, value)
	{
		if (strcmp(key, "excludedCommands") == 0)
			import_unsaid(import, "sandbox.excludedCommands",
				      "every program of a session is decided "
				      "alike, inside its sandbox or not");
		else if (strcmp(key, "credentials") == 0)
			import_unsaid(import, "sandbox.credentials",
				      "write a `secret` line: it keeps the "
				      "value out of the session");
		else if (strcmp(key, "filesystem") != 0 &&
			 strcmp(key, "network") != 0 &&
			 strcmp(key, "enabled") != 0 &&
			 strcmp(key, "autoAllowBashIfSandboxed") != 0)
			import_unsaid(import, key,
				      "it is about how that sandbox works");
	}
	return error;
}

static int take_auto_allow(struct claude *claude)
{
	const struct settings *where = NULL;
	const json_t *value =
		single(claude, "sandbox", "autoAllowBashIfSandboxed", &where);

	if (!sandbox_on(claude))
		return 0;
	claude->import->shown = where ? where->path : NULL;
	if (!value || json_is_true(value))
		import_rule(claude->import, IMPORT_GROUND,
			    "autoAllowBashIfSandboxed", "allow exec /**");
	import_rule(claude->import, IMPORT_GROUND, "sandbox.enabled",
		    "allow read /**");
	import_rule(claude->import, IMPORT_GROUND, "sandbox.enabled",
		    "allow write ${project}/**");
	return 0;
}

/* ------------------------------------------------------------------- all -- */

static void other_keys(struct import *import, const json_t *object)
{
	static const char *const read[] = {"permissions", "sandbox", "$schema"};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		bool known = false;

		for (size_t i = 0; i < sizeof(read) / sizeof(*read); i++)
			known |= strcmp(key, read[i]) == 0;
		if (known)
			continue;
		import_unsaid(import, key,
			      strcmp(key, "env") == 0
				      ? "Claude Code sets these variables; "
					"`env` rules say what a program sees"
			      : strcmp(key, "hooks") == 0
				      ? "their programs run in the session, "
					"and are decided as any other"
				      : "no permission");
	}
}

static int take_settings(struct claude *claude, const struct settings *settings,
			 bool rules)
{
	struct import *import = claude->import;
	json_t *permissions;
	int error, also;

	import->file = import->shown = settings->path;
	error = import_member(import, settings->object, "", "permissions",
			      JSON_OBJECT, &permissions);
	if (permissions && !rules)
		import_unsaid(import, settings->path,
			      "its permissions do not count: the machine's "
			      "settings have allowManagedPermissionRulesOnly");
	else if (permissions)
		error = take_lists(import, settings, permissions);
	also = take_sandbox(claude, settings);
	other_keys(import, settings->object);
	return error ? error : also;
}

static int take_all(struct claude *claude)
{
	bool managed_only = false;
	int error = 0, also;

	for (size_t i = 0; i < claude->count; i++) {
		struct settings *settings = &claude->all[i];

		also = import_json(claude->import, settings->path,
				   &settings->object);
		error = error ? error : also;
		managed_only |= settings->origin == ORIGIN_MANAGED &&
				json_is_true(json_object_get(
					settings->object,
					"allowManagedPermissionRulesOnly"));
	}
	if (error)
		return error;
	for (size_t i = 0; i < claude->count; i++) {
		struct settings *settings = &claude->all[i];

		also = take_settings(claude, settings,
				     !managed_only || settings->origin ==
							      ORIGIN_MANAGED);
		error = error ? error : also;
	}
	also = take_default_mode(claude);
	error = error ? error : also;
	also = take_auto_allow(claude);
	return error ? error : also;
}

int import_claude(struct import *import, const char *const *files, size_t count)
{
	struct claude claude = {.import = import};
	int error = count ? 0 : add_usual(&claude);

	for (size_t i = 0; i < count && !error; i++)
		error = add_named(&claude, files[i]);
	if (!error && claude.count)
		qsort(claude.all, claude.count, sizeof(*claude.all), compare);
	if (!error)
		error = take_all(&claude);
	import->shown = NULL;
	for (size_t i = 0; i < claude.count; i++) {
		json_decref(claude.all[i].object);
		free(claude.all[i].path);
		free(claude.all[i].directory);
	}
	free(claude.all);
	return error;
}
