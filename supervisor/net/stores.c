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

/*
 * What is of no known kind is shown as it is. So a link of a Java's, which a
 * program of an earlier session may have made where it may write, must lead to
 * a file of the same name, and not to a secret.
 */
static bool may_be_store(enum store_kind kind, const char *canonical)
{
	return kind != STORE_JAVA ||
	       strcmp(strrchr(canonical, '/'), "/cacerts") == 0;
}

static void look_at(struct search *search, enum store_kind kind,
		    const char *path)
{
	char canonical[PATH_MAX];
	struct stat status;

	if (realpath(path, canonical) && may_be_store(kind, canonical) &&
	    stat(canonical, &status) == 0 && S_ISREG(status.st_mode))
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

/* ----------------------------------------------------------------- giving --
 */

struct stores {
	struct store {
		enum store_kind kind;
		char *path;
		/* Opened before there are programs, who may be able to put
		 * another file, or a link to a secret, in its place; -1. */
		int fd;
	} list[STORES];
	size_t count;
	bool incomplete;
	bool (*await)(void *context);
	void *context;
	char pem[CA_PEM_MOST + 1]; /* the authority */
	size_t pem_length;
	unsigned char certificate[CA_CERTIFICATE_MOST]; /* the same in DER */
	size_t certificate_length;
};

static int read_store(const struct store *store, char **bytes, size_t *length)
{
	if (store->fd < 0 || lseek(store->fd, 0, SEEK_SET))
		return -ENOENT;
	return tree_read_all(store->fd, STORE_MOST, bytes, length);
}

static int read_bundle(const struct stores *stores, const struct store *store,
		       char **result, size_t *result_length)
{
	auto_free char *bytes = NULL;
	size_t length;

	/* What the program itself could not read is not missed by it. */
	if (read_store(store, &bytes, &length))
		length = 0;
	char *all = malloc(length + 1 + stores->pem_length);

	if (!all)
		return -ENOMEM;
	if (length)
		memcpy(all, bytes, length);
	all[length] = '\n';
	memcpy(all + length + 1, stores->pem, stores->pem_length);
	*result = all;
	*result_length = length + 1 + stores->pem_length;
	return 0;
}

/* One that is of a kind that we do not know stays what it is: Java then says
 * that it does not know who signed. */
static int read_java(const struct stores *stores, const struct store *store,
		     char **result, size_t *result_length)
{
	auto_free char *bytes = NULL;
	unsigned char *added;
	size_t length;

	if (read_store(store, &bytes, &length))
		return -ENOENT;
	if (java_store_add((unsigned char *)bytes, length, stores->certificate,
			   stores->certificate_length, &added, result_length)) {
		*result = bytes;
		*result_length = length;
		bytes = NULL;
	} else {
		*result = (char *)added;
	}
	return 0;
}

static int content(void *context, const char *path, char **bytes,
		   size_t *length)
{
	const struct stores *stores = context;
	const struct store *store = stores->list;
	const struct store *end = store + stores->count;

	while (store < end && strcmp(store->path, path) != 0)
		store++;
	if (store == end)
		return -ENOENT;
	if (!stores->await(stores->context))
		return -EIO;
	switch (store->kind) {
	case STORE_BUNDLE:
		return read_bundle(stores, store, bytes, length);
	case STORE_JAVA:
		return read_java(stores, store, bytes, length);
	case STORE_HASHED:
		break;
	}
	*bytes = strdup(stores->pem);
	*length = stores->pem_length;
	return *bytes ? 0 : -ENOMEM;
}

static bool note(void *context, enum store_kind kind, const char *path)
{
	struct stores *stores = context;
	char *copy = strdup(path);

	if (copy)
		stores->list[stores->count++] = (struct store){
			.kind = kind,
			.path = copy,
			.fd = kind == STORE_HASHED
				      ? -1
				      : open(path,
					     O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
		};
	else
		stores->incomplete = true;
	return copy;
}

int stores_give(struct standins *standins, bool (*await)(void *context),
		void *context, struct stores **result)
{
	struct stores *stores = calloc(1, sizeof(*stores));

	if (!stores)
		return -ENOMEM;
	stores->await = await;
	stores->context = context;
	stores_find(note, stores);
	if (stores->incomplete) {
		stores_free(stores);
		return -ENOMEM;
	}
	standins_give(standins, content, stores);
	*result = stores;
	return 0;
}

void stores_authority(struct stores *stores, const char *pem, size_t pem_length,
		      const unsigned char *certificate, size_t length)
{
	memcpy(stores->pem, pem, pem_length);
	stores->pem[pem_length] = '\0';
	stores->pem_length = pem_length;
	memcpy(stores->certificate, certificate, length);
	stores->certificate_length = length;
}

void stores_free(struct stores *stores)
{
	for (size_t i = 0; stores && i < stores->count; i++) {
		scope_close_fd(&stores->list[i].fd);
		free(stores->list[i].path);
	}
	free(stores);
}
