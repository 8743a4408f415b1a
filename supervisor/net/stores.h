/*
 * Where programs look for certificates that nobody told them of: the system's
 * bundles, its directory of hashed names, and Java's key stores.
 *
 * In a session whose requests are looked into each of them is a stand-in that
 * holds what the real one holds and the session's authority. A policy has a
 * rule for each (layers.h); what is in it is put there when it is first
 * touched.
 */
#ifndef SUPERVISOR_NET_STORES_H
#define SUPERVISOR_NET_STORES_H

#include <stdbool.h>
#include <stddef.h>

struct standins;

enum store_kind {
	STORE_BUNDLE = 0, /**< certificates in PEM, one behind the other */
	STORE_HASHED,	  /**< the authority alone, by the hash of its name */
	STORE_JAVA,	  /**< JKS or PKCS #12 */
};

/**
 * Each of this machine: canonical paths, none of them twice. `visit` returns
 * false to end.
 */
void stores_find(bool (*visit)(void *context, enum store_kind kind,
			       const char *path),
		 void *context);

/** The rules for them, malloc()ed. Returns 0 or -ENOMEM. */
int stores_rules(char **rules);

/** What is in the stand-ins of the stores. */
struct stores;

/**
 * Give the stand-ins of all their content, from when they are first touched:
 * `await` waits until stores_authority() was called, or says that it will not
 * be. Returns 0 and an object for stores_free(), when no stand-in is made any
 * more, or -errno.
 */
int stores_give(struct standins *standins, bool (*await)(void *context),
		void *context, struct stores **stores);

/** The authority's certificate, in PEM and in DER. Once. */
void stores_authority(struct stores *stores, const char *pem, size_t pem_length,
		      const unsigned char *certificate, size_t length);
void stores_free(struct stores *stores);

/**
 * A key store of Java's with a certificate (DER) more in it. Its password,
 * where it has one, is the usual one. Returns 0 and malloc()ed bytes, -EINVAL
 * for what is no such store, or -ENOMEM.
 */
int java_store_add(const unsigned char *store, size_t length,
		   const unsigned char *certificate, size_t certificate_length,
		   unsigned char **added, size_t *added_length);

#endif
