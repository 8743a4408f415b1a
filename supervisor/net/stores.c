#include "supervisor/net/stores.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/net/ca.h"
#include "supervisor/project.h"
#include "supervisor/virtual/standin.h"
#include "supervisor/virtual/tree.h"

enum { STORE_MOST = 4 * 1024 * 1024, STORES = 64 };

/* Debian, Fedora and Alpine, SUSE; what OpenSSL, GnuTLS and Go look at. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/ssl/cert.pem",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/pki/tls/cert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/usr/lib/ssl/cert.pem",
	"/usr/local/share/certs/ca-root-nss.crt",
};

static const char *const directories[] = {
	"/etc/ssl/certs",
	"/etc/pki/tls/certs",
};

/* Below the home where they do not begin with a slash. */
static const char *const java[] = {
	"/etc/ssl/certs/java/cacerts",
	"/etc/pki/java/cacerts",
	"/usr/lib/jvm/*/lib/security/cacerts",
	"/usr/lib/jvm/*/jre/lib/security/cacerts",
	"/usr/local/*/lib/security/cacerts",
	"/opt/*/lib/security/cacerts",
	"/opt/java/*/lib/security/cacerts",
	".sdkman/candidates/java/*/lib/security/cacerts",
	".jdks/*/lib/security/cacerts",
	".local/share/mise/installs/java/*/lib/security/cacerts",
};

/* ---------------------------------------------------------------- finding --
 */

struct search {
	bool (*visit)(void *context, enum store_kind kind, const char *path);
	void *context;
	char *seen[STORES];
	size_t count;
	bool over;
};

static void found(struct search *search, enum store_kind kind, const char *path)
{
	for (size_t i = 0; i < search->count; i++)
		if (strcmp(search->seen[i], path) == 0)
			return;
	if (search->over || search->count == STORES)
		return;
	search->seen[search->count] = strdup(path);
	if (!search->seen[search->count])
		return;
	search->count++;
	search->over = !search->visit(search->context, kind, path);
}

static void look_at(struct search *search, enum store_kind kind,
		    const char *path)
{
	char canonical[PATH_MAX];
	struct stat status;

	if (realpath(path, canonical) && stat(canonical, &status) == 0 &&
	    S_ISREG(status.st_mode))
		found(search, kind, canonical);
}

/* OpenSSL numbers those whose names have one hash: ours is behind them. */
static void look_in(struct search *search, const char *directory)
{
	char canonical[PATH_MAX], path[PATH_MAX + 24];
	struct stat status;
	unsigned number = 0;

	if (!realpath(directory, canonical))
		return;
	do {
		(void)snprintf(path, sizeof(path), "%s/%08lx.%u", canonical,
			       CA_NAME_HASH, number++);
	} while (lstat(path, &status) == 0);
	found(search, STORE_HASHED, path);
}

static void look_for(struct search *search, const char *pattern)
{
	const char *home = getenv("HOME");
	auto_free char *whole = NULL;
	glob_t list;

	if (*pattern != '/' && (!home || !*home))
		return;
	if (asprintf(&whole, "%s%s%s", *pattern == '/' ? "" : home,
		     *pattern == '/' ? "" : "/", pattern) < 0) {
		whole = NULL;
		return;
	}
	if (glob(whole, GLOB_NOSORT, NULL, &list))
		return;
	for (size_t i = 0; i < list.gl_pathc; i++)
		look_at(search, STORE_JAVA, list.gl_pathv[i]);
	globfree(&list);
}

static void look_at_java_home(struct search *search)
{
	const char *home = getenv("JAVA_HOME");
	auto_free char *path = NULL;

	if (!home || *home != '/')
		return;
	if (asprintf(&path, "%s/lib/security/cacerts", home) < 0)
		path = NULL;
	else
		look_at(search, STORE_JAVA, path);
}

void stores_find(bool (*visit)(void *context, enum store_kind kind,
			       const char *path),
		 void *context)
{
	struct search search = {.visit = visit, .context = context};

	for (size_t i = 0; i < sizeof(bundles) / sizeof(*bundles); i++)
		look_at(&search, STORE_BUNDLE, bundles[i]);
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		look_in(&search, directories[i]);
	look_at_java_home(&search);
	for (size_t i = 0; i < sizeof(java) / sizeof(*java); i++)
		look_for(&search, java[i]);
	for (size_t i = 0; i < search.count; i++)
		free(search.seen[i]);
}

static bool write_rule(void *context, enum store_kind kind, const char *path)
{
	FILE *out = context;

	(void)kind;
	fputs("fake read \"", out);
	path_print_literal(path, out);
	fputs("\" as empty "
	      "because \"programs are to trust the session's authority\"\n",
	      out);
	return true;
}

int stores_rules(char **rules)
{
	size_t size;
	FILE *out = open_memstream(rules, &size);

	if (!out)
		return -ENOMEM;
	stores_find(write_rule, out);
	return fclose(out) ? -ENOMEM : 0;
}

/* ---------------------------------------------------------------- putting --
 */

struct putting {
	struct standins *standins;
	const struct ca_material *ca;
	char *pem; /* the authority */
	size_t pem_length;
	int error;
};

static int put_bundle(const struct putting *putting, const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_free char *bytes = NULL, *all = NULL;
	size_t length;

	/* What the program itself could not read is not missed by it. */
	if (fd < 0 || tree_read_all(fd, STORE_MOST, &bytes, &length))
		length = 0;
	all = malloc(length + 1 + putting->pem_length);
	if (!all)
		return -ENOMEM;
	if (length)
		memcpy(all, bytes, length);
	all[length] = '\n';
	memcpy(all + length + 1, putting->pem, putting->pem_length);
	return standins_put(putting->standins, path, all,
			    length + 1 + putting->pem_length);
}

/* One that cannot be read, or is of a kind that we do not know, stays what it
 * is: Java then says that it does not know who signed. */
static int put_java(const struct putting *putting, const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_free char *bytes = NULL;
	auto_free unsigned char *added = NULL;
	size_t length, added_length;

	if (fd < 0 || tree_read_all(fd, STORE_MOST, &bytes, &length))
		return 0;
	if (java_store_add(
		    (unsigned char *)bytes, length, putting->ca->certificate,
		    putting->ca->certificate_length, &added, &added_length))
		return standins_put(putting->standins, path, bytes, length);
	return standins_put(putting->standins, path, (char *)added,
			    added_length);
}

static bool put(void *context, enum store_kind kind, const char *path)
{
	struct putting *putting = context;

	switch (kind) {
	case STORE_BUNDLE:
		putting->error = put_bundle(putting, path);
		break;
	case STORE_HASHED:
		putting->error =
			standins_put(putting->standins, path, putting->pem,
				     putting->pem_length);
		break;
	case STORE_JAVA:
		putting->error = put_java(putting, path);
	}
	return !putting->error;
}

int stores_put(struct standins *standins, const struct ca_material *ca)
{
	struct putting putting = {.standins = standins, .ca = ca};

	putting.error = ca_pem(ca, &putting.pem, &putting.pem_length);
	if (!putting.error)
		stores_find(put, &putting);
	free(putting.pem);
	return putting.error;
}
