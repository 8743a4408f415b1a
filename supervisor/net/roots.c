/*
 * Theory of operation. A verification finds issuers by their names alone, in
 * the chain that the peer sent and in the store. So it is enough that the store
 * holds, of the roots, all whose subject is a name in that chain, and their own
 * issuers, and so on. The roots' subjects are read out of their encoding once,
 * when the first chain comes.
 */
#include "supervisor/net/roots.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

struct root {
	unsigned char *bytes; /* OpenSSL's: a certificate, maybe with trust */
	long length;
	X509_NAME *subject;
	bool given; /* the store has it */
};

struct roots {
	const char *pem; /* NULL: it was looked through */
	size_t pem_length;
	bool mapped;
	struct root *items;
	size_t count, capacity;
};

static char *copy_of(const char *pem, size_t length)
{
	char *copy = malloc(length + 1);

	if (copy && length)
		memcpy(copy, pem, length);
	return copy;
}

int roots_new(const char *pem, size_t length, bool mapped,
	      struct roots **result)
{
	struct roots *roots = calloc(1, sizeof(*roots));

	if (roots)
		roots->pem = mapped ? pem : copy_of(pem, length);
	if (!roots || !roots->pem) {
		free(roots);
		return -ENOMEM;
	}
	roots->pem_length = length;
	roots->mapped = mapped;
	*result = roots;
	return 0;
}

static void drop_text(struct roots *roots)
{
	char *pem = (char *)(uintptr_t)roots->pem;

	if (roots->mapped && pem)
		munmap(pem, roots->pem_length);
	else
		free(pem);
	roots->pem = NULL;
}

void roots_free(struct roots *roots)
{
	if (!roots)
		return;
	for (size_t i = 0; i < roots->count; i++) {
		OPENSSL_free(roots->items[i].bytes);
		X509_NAME_free(roots->items[i].subject);
	}
	free(roots->items);
	drop_text(roots);
	free(roots);
}

/* --------------------------------------------------------------- looking --
 */

/* At a value: go into it, or past it. False where it is none. */
static bool pass(const unsigned char **at, const unsigned char **end, bool into)
{
	const unsigned char *inside = *at;
	int tag, class;
	long length;

	/* 0x80: a mistake; 1: a length that is not told, which DER has not. */
	if (ASN1_get_object(&inside, &length, &tag, &class, *end - *at) & 0x81)
		return false;
	*at = into ? inside : inside + length;
	if (into)
		*end = inside + length;
	return true;
}

/* RFC 5280, 4.1: version (tagged, or not there), serial number, algorithm,
 * issuer, validity, subject. */
static X509_NAME *subject_of(const unsigned char *bytes, long length)
{
	const unsigned char *at = bytes, *end = bytes + length;
	bool right = pass(&at, &end, true) && pass(&at, &end, true);

	if (right && at < end &&
	    *at == (V_ASN1_CONTEXT_SPECIFIC | V_ASN1_CONSTRUCTED))
		right = pass(&at, &end, false);
	for (int i = 0; right && i < 4; i++)
		right = pass(&at, &end, false);
	return right ? d2i_X509_NAME(NULL, &at, end - at) : NULL;
}

static bool is_certificate(const char *name)
{
	return strcmp(name, PEM_STRING_X509) == 0 ||
	       strcmp(name, PEM_STRING_X509_OLD) == 0 ||
	       strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
}

/* Keeps the bytes where it returns true. */
static bool add(struct roots *roots, unsigned char *bytes, long length)
{
	X509_NAME *subject = subject_of(bytes, length);

	if (subject && roots->count == roots->capacity) {
		size_t capacity = roots->capacity * 2 + 128;
		struct root *grown =
			reallocarray(roots->items, capacity, sizeof(*grown));

		if (grown) {
			roots->items = grown;
			roots->capacity = capacity;
		}
	}
	if (!subject || roots->count == roots->capacity) {
		X509_NAME_free(subject);
		return false;
	}
	roots->items[roots->count++] = (struct root){
		.bytes = bytes,
		.length = length,
		.subject = subject,
	};
	return true;
}

static void look_through(struct roots *roots)
{
	BIO *in = BIO_new_mem_buf(roots->pem, (int)roots->pem_length);
	char *name, *header;
	unsigned char *bytes;
	long length;

	while (in && PEM_read_bio(in, &name, &header, &bytes, &length)) {
		if (!is_certificate(name) || !add(roots, bytes, length))
			OPENSSL_free(bytes);
		OPENSSL_free(name);
		OPENSSL_free(header);
	}
	BIO_free(in);
	drop_text(roots);
}

/* ------------------------------------------------------------- verifying --
 */

/* Whose subject it is, and who issued those. Each root is given once, so this
 * ends. */
static void give(struct roots *roots, X509_STORE *store, const X509_NAME *name)
{
	for (size_t i = 0; i < roots->count; i++) {
		struct root *root = &roots->items[i];
		const unsigned char *at = root->bytes;
		X509 *certificate;

		if (root->given || X509_NAME_cmp(root->subject, name) != 0)
			continue;
		root->given = true;
		certificate = d2i_X509_AUX(NULL, &at, root->length);
		if (!certificate)
			continue;
		(void)X509_STORE_add_cert(store, certificate);
		give(roots, store, X509_get_issuer_name(certificate));
		X509_free(certificate);
	}
}

static void give_for(struct roots *roots, X509_STORE *store,
		     const X509 *certificate)
{
	give(roots, store, X509_get_subject_name(certificate));
	give(roots, store, X509_get_issuer_name(certificate));
}

int roots_verify(X509_STORE_CTX *context, void *argument)
{
	struct roots *roots = argument;
	X509_STORE *store = X509_STORE_CTX_get0_store(context);
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(context);
	X509 *leaf = X509_STORE_CTX_get0_cert(context);

	ERR_set_mark();
	if (roots->pem)
		look_through(roots);
	if (leaf)
		give_for(roots, store, leaf);
	for (int i = 0; i < sk_X509_num(sent); i++)
		give_for(roots, store, sk_X509_value(sent, i));
	/* Of what is no certificate the handshake is to know nothing. */
	ERR_pop_to_mark();
	return X509_verify_cert(context);
}
