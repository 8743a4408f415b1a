/*
 * The sandbox that srt and Claude Code share: lists of paths and of hosts.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "policy/scope.h"
#include "supervisor/import/import.h"

/* What a list of paths is for. */
struct paths {
	const json_t *filesystem; /**< for allowRead */
	const struct import_place *source;
	enum import_part part;
	const char *rule;
	bool may_be_inside; /**< denyRead: of an allowRead */
};

static const char *begin(const struct import_place *source, const char *path,
			 struct import_place *place)
{
	*place = *source;
	if (path[0] == '/')
		*place = (struct import_place){ANCHOR_ROOT, NULL};
	if (path[0] == '~' && (path[1] == '/' || !path[1])) {
		*place = (struct import_place){ANCHOR_HOME, NULL};
		path++;
	}
	return path;
}

/* Does what is refused lie in what is allowed again? Then it stays refused. */
static bool is_inside(struct import *import, const struct paths *paths,
		      const char *refused)
{
	const json_t *list = json_object_get(paths->filesystem, "allowRead");
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *wide = json_string_value(item), *narrow;
		struct text inner = {0}, outer = {0};
		struct import_place place;
		bool inside = false;

		if (!wide)
			continue;
		narrow = begin(paths->source, refused, &place);
		import_path(import, &inner, &place, narrow, false);
		wide = begin(paths->source, wide, &place);
		import_path(import, &outer, &place, wide, false);
		if (!inner.failed && !outer.failed)
			inside = inner.length > outer.length &&
				 strncmp(inner.data, outer.data,
					 outer.length) == 0 &&
				 inner.data[outer.length] == '/';
		text_free(&inner);
		text_free(&outer);
		if (inside || strpbrk(refused, "*?["))
			return true;
	}
	return false;
}

static int path_rule(struct import *import, const char *place_text,
		     const char *path, void *context)
{
	const struct paths *paths = context;
	enum import_part part = paths->part;
	struct import_place place;
	struct text word = {0};
	const char *rest = begin(paths->source, path, &place);

	(void)place_text;
	if (strstr(rest, "/../") || strncmp(rest, "../", 3) == 0) {
		import_unsaid(import, path,
			      "a path with `..`: write where it leads");
		return 0;
	}
	if (paths->may_be_inside && !is_inside(import, paths, path))
		part = IMPORT_REGION;
	import_path(import, &word, &place, rest,
		    !import_is_file(import, &place, rest));
	if (word.failed)
		import->parts[part].failed = true;
	else
		import_rule(import, part, path, "%s %s", paths->rule,
			    word.data);
	text_free(&word);
	return 0;
}

static int import_filesystem(struct import *import, const json_t *filesystem,
			     const char *within,
			     const struct import_place *source)
{
	struct paths write = {filesystem, source, IMPORT_ALLOW, "allow write",
			      false};
	struct paths read = {filesystem, source, IMPORT_ALLOW, "allow read",
			     false};
	struct paths no_read = {filesystem, source, IMPORT_DENY, "deny read",
				true};
	struct paths no_write = {filesystem, source, IMPORT_DENY, "deny write",
				 false};
	int error = import_strings(import, filesystem, within, "denyRead",
				   path_rule, &no_read);
	int also = import_strings(import, filesystem, within, "allowRead",
				  path_rule, &read);

	error = error ? error : also;
	also = import_strings(import, filesystem, within, "allowWrite",
			      path_rule, &write);
	error = error ? error : also;
	also = import_strings(import, filesystem, within, "denyWrite",
			      path_rule, &no_write);
	return error ? error : also;
}

/* --------------------------------------------------------------- network -- */

static int host_rule(struct import *import, const char *place, const char *host,
		     void *context)
{
	const enum import_part *part = context;
	struct text hosts = {0};
	int error = 0;

	if (strstr(host, "://") || strchr(host, '/'))
		error = import_error(import, place,
				     "`%s` is no host: leave out the scheme "
				     "and the path",
				     host);
	else if (host[0] != '[' && strchr(host, ':') != strrchr(host, ':'))
		error = import_error(import, place,
				     "`%s`: an IPv6 address stands in "
				     "brackets",
				     host);
	else if (!import_host(&hosts, host, "*"))
		import_unsaid(import, host,
			      "a `*` can only be the first label of a host");
	else
		import_rule(import, *part, host, "%s connect%s",
			    *part == IMPORT_DENY ? "deny" : "allow",
			    hosts.data);
	text_free(&hosts);
	return error;
}

static int socket_rule(struct import *import, const char *place_text,
		       const char *path, void *context)
{
	struct import_place place;
	const char *rest = begin(context, path, &place);
	struct text word = {0};

	(void)place_text;
	import_path(import, &word, &place, rest, false);
	if (word.failed)
		import->parts[IMPORT_ALLOW].failed = true;
	else if (word.data[0] == '"')
		import_unsaid(import, path, "a socket with such a name");
	else
		import_rule(import, IMPORT_ALLOW, path, "allow connect unix:%s",
			    word.data);
	text_free(&word);
	return 0;
}

static int import_network(struct import *import, const json_t *network,
			  const char *within, const struct import_place *source)
{
	enum import_part allow = IMPORT_ALLOW, deny = IMPORT_DENY;
	bool sockets, local;
	int error = import_strings(import, network, within, "allowedDomains",
				   host_rule, &allow);
	int also = import_strings(import, network, within, "deniedDomains",
				  host_rule, &deny);

	error = error ? error : also;
	also = import_strings(import, network, within, "allowUnixSockets",
			      socket_rule, (void *)(uintptr_t)source);
	error = error ? error : also;
	also = import_flag(import, network, within, "allowAllUnixSockets",
			   false, &sockets);
	error = error ? error : also;
	also = import_flag(import, network, within, "allowLocalBinding", false,
			   &local);
	if (sockets)
		import_rule(import, IMPORT_ALLOW, "allowAllUnixSockets",
			    "allow connect unix:/**");
	if (local)
		import_rule(import, IMPORT_ALLOW, "allowLocalBinding",
			    "allow listen localhost:*");
	return error ? error : also;
}

static void not_here(struct import *import, const json_t *object)
{
	static const struct {
		const char *key, *why;
	} known[] = {
		{"httpProxyPort", "interpose needs no proxy"},
		{"socksProxyPort", "interpose needs no proxy"},
		{"tlsTerminate", "`http` and `secret` rules say which hosts "
				 "are looked into"},
		{"deniedDomainReasons", "write `because` to the rule"},
		{"mitmProxy", "interpose needs no proxy"},
		{"strictAllowlist", "what no rule allows is asked, and "
				    "refused where nobody is there"},
		{"allowManagedDomainsOnly", "it is about which files count"},
		{"allowManagedReadPathsOnly", "it is about which files count"},
		{"disabled", "leave the rules out"},
		{"allowGitConfig", "`allow write` of that file says it"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (json_object_get(object, known[i].key))
			import_unsaid(import, known[i].key, known[i].why);
}

int import_sandbox(struct import *import, const json_t *object,
		   const char *within, const struct import_place *source)
{
	char filesystem[64], network[64];
	json_t *files, *hosts;
	int error = import_member(import, object, within, "filesystem",
				  JSON_OBJECT, &files);
	int also = import_member(import, object, within, "network", JSON_OBJECT,
				 &hosts);

	error = error ? error : also;
	snprintf(filesystem, sizeof(filesystem), "%s%sfilesystem", within,
		 within[0] ? "." : "");
	snprintf(network, sizeof(network), "%s%snetwork", within,
		 within[0] ? "." : "");
	if (files) {
		also = import_filesystem(import, files, filesystem, source);
		error = error ? error : also;
		not_here(import, files);
	}
	if (hosts) {
		also = import_network(import, hosts, network, source);
		error = error ? error : also;
		not_here(import, hosts);
	}
	return error;
}

/* ------------------------------------------------------------------- srt -- */

static void srt_keys(struct import *import, const json_t *object)
{
	static const char *const read[] = {"filesystem", "network"};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (strcmp(key, read[0]) == 0 || strcmp(key, read[1]) == 0)
			continue;
		import_unsaid(import, key,
			      strcmp(key, "ignoreViolations") == 0
				      ? "it is about what is reported"
				      : "it is no list of files or hosts");
	}
}

int import_srt(struct import *import, const char *const *files, size_t count)
{
	static const struct import_place here = {ANCHOR_PROJECT, NULL};
	auto_free char *usual = NULL;
	const char *file = files ? files[0] : NULL;
	json_t *object = NULL;
	int error;

	if (count > 1) {
		import->file = files[1];
		return import_error(import, "", "srt has one file of settings");
	}
	if (!count &&
	    asprintf(&usual, "%s/.srt-settings.json", import->home) < 0) {
		usual = NULL;
		return -ENOMEM;
	}
	error = import_json(import, count ? file : usual, &object);
	if (error)
		return error;
	import_rule(import, IMPORT_GROUND, "srt lets all be read and run",
		    "allow read,exec /**");
	import_rule(import, IMPORT_GROUND, "and nothing written",
		    "deny write /**");
	import_rule(import, IMPORT_GROUND, "but these",
		    "allow write /dev/{null,zero,tty,stdin,stdout,stderr} "
		    "/dev/pts/* /proc/self/fd/* /tmp/claude/**");
	import_rule(import, IMPORT_GROUND, "and no host reached",
		    "deny connect *:* udp:*:* unix:/**");
	import_rule(import, IMPORT_GROUND, "but its own programs",
		    "allow connect self:*");
	error = import_sandbox(import, object, "", &here);
	srt_keys(import, object);
	json_decref(object);
	return error;
}
