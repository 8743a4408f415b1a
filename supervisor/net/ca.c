/* What OpenSSL 3 calls old is no less supported with this (sha256.c). */
#define OPENSSL_API_COMPAT 0x10101000L

#include "supervisor/net/ca.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static_assert(28 + (CA_CERTIFICATE_MOST + 47) / 48 * 65 + 26 <= CA_PEM_MOST,
	      "it has room");

enum {
	KEPT_SERVERS = 256,
	CLOCK_SLACK = 24 * 60 * 60,
	LIFETIME = 90 * 24 * 60 * 60, /* longer than any session */
};

struct server {
	char name[256];
	SSL_CTX *context;
};

struct ca {
	EVP_PKEY *key;	/* that signs */
	EVP_PKEY *leaf; /* of all servers */
	X509 *certificate;
	struct server servers[KEPT_SERVERS];
	size_t count, oldest;
};

static bool add_extension(X509 *certificate, X509 *issuer, int nid,
			  const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool added;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension)
		return false;
	added = X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return added;
}

/* A certificate with all but what makes it one of an authority or a server. */
static X509 *begin(EVP_PKEY *key, const char *common_name)
{
	X509 *certificate = X509_new();
	unsigned char serial[16];
	BIGNUM *number = NULL;

	if (!certificate || RAND_bytes(serial, sizeof(serial)) != 1) {
		X509_free(certificate);
		return NULL;
	}
	serial[0] &= 0x7f;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	X509_NAME *subject = X509_get_subject_name(certificate);
	bool made =
		number &&
		BN_to_ASN1_INTEGER(number,
				   X509_get_serialNumber(certificate)) &&
		X509_set_version(certificate, 2) == 1 &&
		X509_set_pubkey(certificate, key) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(certificate),
				-CLOCK_SLACK) &&
		X509_gmtime_adj(X509_getm_notAfter(certificate), LIFETIME) &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
					   (const unsigned char *)common_name,
					   -1, -1, 0) == 1;

	BN_free(number);
	if (made)
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* ---------------------------------------------------------- the authority --
 */

static const char authority[] = "interpose session CA";

static X509 *make_authority(EVP_PKEY *key)
{
	X509 *made = begin(key, authority);

	if (made &&
	    X509_set_issuer_name(made, X509_get_subject_name(made)) == 1 &&
	    add_extension(made, made, NID_subject_key_identifier, "hash") &&
	    add_extension(made, made, NID_authority_key_identifier,
			  "keyid:always") &&
	    add_extension(made, made, NID_basic_constraints,
			  "critical,CA:TRUE,pathlen:0") &&
	    add_extension(made, made, NID_key_usage,
			  "critical,keyCertSign,cRLSign") &&
	    X509_sign(made, key, EVP_sha256()) > 0)
		return made;
	X509_free(made);
	return NULL;
}

static int keep(struct ca_material *material, EVP_PKEY *key, X509 *certificate)
{
	int key_length = i2d_PrivateKey(key, NULL);
	int length = i2d_X509(certificate, NULL);
	unsigned char *at = material->key;

	if (key_length <= 0 || key_length > CA_KEY_MOST || length <= 0 ||
	    length > CA_CERTIFICATE_MOST)
		return -EIO;
	material->key_length = (uint32_t)i2d_PrivateKey(key, &at);
	at = material->certificate;
	material->certificate_length = (uint32_t)i2d_X509(certificate, &at);
	return 0;
}

/* A key of a provider's would have all that encodes keys be looked for, once
 * for each session: it takes half as long again. */
static EVP_PKEY *make_key(void)
{
	EC_KEY *made = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EVP_PKEY *key =
		made && EC_KEY_generate_key(made) == 1 ? EVP_PKEY_new() : NULL;

	/* Takes it over. */
	if (key && EVP_PKEY_assign_EC_KEY(key, made) == 1)
		return key;
	EVP_PKEY_free(key);
	EC_KEY_free(made);
	return NULL;
}

int ca_make(struct ca_material *material)
{
	EVP_PKEY *key = make_key();
	X509 *certificate = key ? make_authority(key) : NULL;
	int error = certificate ? keep(material, key, certificate) : -EIO;

	X509_free(certificate);
	EVP_PKEY_free(key);
	return error;
}

static X509 *read_certificate(const struct ca_material *material)
{
	const unsigned char *at = material->certificate;

	return d2i_X509(NULL, &at, (long)material->certificate_length);
}

size_t ca_pem(const uint8_t *certificate, size_t length,
	      char pem[CA_PEM_MOST + 1])
{
	enum { LINE = 48 /* bytes */ };
	char *at = stpcpy(pem, "-----BEGIN CERTIFICATE-----\n");

	for (size_t done = 0; done < length; done += LINE) {
		size_t rest = length - done;

		at += EVP_EncodeBlock((unsigned char *)at, certificate + done,
				      rest < LINE ? (int)rest : LINE);
		*at++ = '\n';
	}
	at = stpcpy(at, "-----END CERTIFICATE-----\n");
	return (size_t)(at - pem);
}

int ca_load(const struct ca_material *material, struct ca **ca)
{
	struct ca *made;
	const unsigned char *at = material->key;

	if (material->key_length > CA_KEY_MOST ||
	    material->certificate_length > CA_CERTIFICATE_MOST)
		return -EINVAL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->key = d2i_AutoPrivateKey(NULL, &at, (long)material->key_length);
	made->certificate = read_certificate(material);
	made->leaf = EVP_EC_gen("P-256");
	if (!made->key || !made->certificate || !made->leaf) {
		ca_free(made);
		return -EIO;
	}
	*ca = made;
	return 0;
}

void ca_free(struct ca *ca)
{
	if (!ca)
		return;
	for (size_t i = 0; i < ca->count; i++)
		SSL_CTX_free(ca->servers[i].context);
	EVP_PKEY_free(ca->key);
	EVP_PKEY_free(ca->leaf);
	X509_free(ca->certificate);
	free(ca);
}

/* ------------------------------------------------------------- the servers --
 */

static X509 *make_leaf(struct ca *ca, const char *name)
{
	unsigned char address[16];
	bool literal = inet_pton(AF_INET, name, address) == 1 ||
		       inet_pton(AF_INET6, name, address) == 1;
	/* A common name has at most 64 characters, and is not looked at. */
	X509 *leaf = begin(ca->leaf, strlen(name) <= 64 ? name : "server");
	char names[256 + 8];

	/* The syntax of OpenSSL's configuration has commas of its own. */
	if (!leaf || strchr(name, ',')) {
		X509_free(leaf);
		return NULL;
	}
	(void)snprintf(names, sizeof(names), "%s:%s", literal ? "IP" : "DNS",
		       name);
	if (X509_set_issuer_name(leaf,
				 X509_get_subject_name(ca->certificate)) == 1 &&
	    add_extension(leaf, ca->certificate, NID_subject_key_identifier,
			  "hash") &&
	    add_extension(leaf, ca->certificate, NID_authority_key_identifier,
			  "keyid:always") &&
	    add_extension(leaf, ca->certificate, NID_basic_constraints,
			  "critical,CA:FALSE") &&
	    add_extension(leaf, ca->certificate, NID_key_usage,
			  "critical,digitalSignature") &&
	    add_extension(leaf, ca->certificate, NID_ext_key_usage,
			  "serverAuth") &&
	    add_extension(leaf, ca->certificate, NID_subject_alt_name, names) &&
	    X509_sign(leaf, ca->key, EVP_sha256()) > 0)
		return leaf;
	X509_free(leaf);
	return NULL;
}

static int choose_protocol(SSL *ssl, const unsigned char **out,
			   unsigned char *out_length, const unsigned char *in,
			   unsigned in_length, void *context)
{
	static const unsigned char ours[] = "\x08http/1.1", two[] = "\x02h2";
	unsigned char *chosen;

	(void)ssl;
	(void)context;
	if (SSL_select_next_proto(&chosen, out_length, ours, sizeof(ours) - 1,
				  in, in_length) != OPENSSL_NPN_NEGOTIATED &&
	    /* It insists: http_two_front.h. */
	    SSL_select_next_proto(&chosen, out_length, two, sizeof(two) - 1, in,
				  in_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(struct ca *ca, const char *name)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	X509 *leaf = context ? make_leaf(ca, name) : NULL;
	bool made = leaf && SSL_CTX_use_certificate(context, leaf) == 1 &&
		    SSL_CTX_use_PrivateKey(context, ca->leaf) == 1 &&
		    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;

	X509_free(leaf);
	if (!made) {
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	return context;
}

SSL_CTX *ca_server(struct ca *ca, const char *name)
{
	struct server *place;
	SSL_CTX *context;

	for (size_t i = 0; i < ca->count; i++)
		if (strcmp(ca->servers[i].name, name) == 0)
			return ca->servers[i].context;
	if (strlen(name) >= sizeof(place->name))
		return NULL;
	context = make_context(ca, name);
	if (!context)
		return NULL;
	if (ca->count < KEPT_SERVERS) {
		place = &ca->servers[ca->count++];
	} else {
		place = &ca->servers[ca->oldest++ % KEPT_SERVERS];
		SSL_CTX_free(place->context);
	}
	strcpy(place->name, name);
	place->context = context;
	return context;
}
