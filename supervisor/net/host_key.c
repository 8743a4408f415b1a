#include "supervisor/net/host_key.h"

#include <stdint.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum {
	ED25519_KEY = 32,
	RSA_LEAST = 1024, /* bits, as OpenSSH has it */
	RSA_MOST = 16384,
	POINT_MOST = 133, /* of P-521, not compressed */
	NUMBER_MOST = RSA_MOST / 8 + 1,
};

/** A key, and how it signs; `key` NULL: it is none. */
struct public_key {
	EVP_PKEY *key;
	const EVP_MD *digest; /* NULL: the algorithm's own */
	struct ssh_bytes signature;
	bool is_pair; /* the signature is r and s */
};

static const struct curve {
	const char *type, *name, *group;
	const EVP_MD *(*digest)(void);
} curves[] = {
	{"ecdsa-sha2-nistp256", "nistp256", "P-256", EVP_sha256},
	{"ecdsa-sha2-nistp384", "nistp384", "P-384", EVP_sha384},
	{"ecdsa-sha2-nistp521", "nistp521", "P-521", EVP_sha512},
};

/* A number that is not negative. */
static BIGNUM *read_bignum(struct ssh_reader *reader)
{
	struct ssh_bytes bytes = ssh_read_string(reader);

	if (!bytes.at || !bytes.length || bytes.length > NUMBER_MOST ||
	    bytes.at[0] & 0x80)
		return NULL;
	return BN_bin2bn(bytes.at, (int)bytes.length, NULL);
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *parts)
{
	OSSL_PARAM *list = parts ? OSSL_PARAM_BLD_to_param(parts) : NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!list || !context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, list) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(list);
	OSSL_PARAM_BLD_free(parts);
	return key;
}

static EVP_PKEY *read_rsa(struct ssh_reader *reader)
{
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	BIGNUM *e = read_bignum(reader), *n = read_bignum(reader);
	bool fine = parts && e && n && ssh_at_end(reader) &&
		    BN_num_bits(n) >= RSA_LEAST && BN_num_bits(n) <= RSA_MOST &&
		    BN_num_bits(e) <= 64 &&
		    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, n) &&
		    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, e);
	EVP_PKEY *key = NULL;

	if (fine)
		key = make_key("RSA", parts);
	else
		OSSL_PARAM_BLD_free(parts);
	BN_free(e);
	BN_free(n);
	return key;
}

static EVP_PKEY *read_ecdsa(struct ssh_reader *reader,
			    const struct curve *curve)
{
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	bool named = ssh_is(ssh_read_string(reader), curve->name);
	struct ssh_bytes point = ssh_read_string(reader);

	if (parts && named && ssh_at_end(reader) &&
	    point.length <= POINT_MOST &&
	    OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME,
					    curve->group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY,
					     point.at, point.length))
		return make_key("EC", parts);
	OSSL_PARAM_BLD_free(parts);
	return NULL;
}

static struct public_key read_key(struct ssh_bytes blob,
				  struct ssh_bytes signature)
{
	struct ssh_reader reader = {blob.at, blob.length, !blob.at};
	struct ssh_reader by = {signature.at, signature.length, !signature.at};
	struct ssh_bytes type = ssh_read_string(&reader);
	struct ssh_bytes algorithm = ssh_read_string(&by);
	struct public_key made = {.signature = ssh_read_string(&by)};
	bool whole = ssh_at_end(&by);

	if (whole && ssh_is(type, "ssh-rsa")) {
		made.digest = ssh_is(algorithm, "rsa-sha2-256")	  ? EVP_sha256()
			      : ssh_is(algorithm, "rsa-sha2-512") ? EVP_sha512()
								  : NULL;
		made.key = made.digest ? read_rsa(&reader) : NULL;
		return made;
	}
	if (!whole || !ssh_same(type, algorithm))
		return made;
	if (ssh_is(type, "ssh-ed25519")) {
		struct ssh_bytes bytes = ssh_read_string(&reader);

		if (ssh_at_end(&reader) && bytes.length == ED25519_KEY)
			made.key = EVP_PKEY_new_raw_public_key(
				EVP_PKEY_ED25519, NULL, bytes.at, bytes.length);
	}
	for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++) {
		if (!ssh_is(type, curves[i].type))
			continue;
		made.key = read_ecdsa(&reader, &curves[i]);
		made.digest = curves[i].digest();
		made.is_pair = true;
	}
	return made;
}

static bool verify(EVP_PKEY *key, const EVP_MD *digest,
		   const uint8_t *signature, size_t length,
		   struct ssh_bytes data)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool holds =
		context &&
		EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
		EVP_DigestVerify(context, signature, length, data.at,
				 data.length) == 1;

	EVP_MD_CTX_free(context);
	return holds;
}

/* r and s, as OpenSSL takes them. */
static bool verify_pair(const struct public_key *by, struct ssh_bytes data)
{
	struct ssh_reader reader = {by->signature.at, by->signature.length,
				    false};
	BIGNUM *r = read_bignum(&reader), *s = read_bignum(&reader);
	ECDSA_SIG *pair = ECDSA_SIG_new();
	unsigned char *der = NULL;
	bool holds = false;
	int length;

	if (r && s && pair && ssh_at_end(&reader) &&
	    ECDSA_SIG_set0(pair, r, s)) {
		r = s = NULL; /* the pair's */
		length = i2d_ECDSA_SIG(pair, &der);
		holds = length > 0 &&
			verify(by->key, by->digest, der, (size_t)length, data);
	}
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	BN_free(r);
	BN_free(s);
	return holds;
}

bool host_key_signed(struct ssh_bytes key, struct ssh_bytes signature,
		     struct ssh_bytes data)
{
	struct public_key by = read_key(key, signature);
	bool holds = by.key && by.signature.at && data.at;

	if (holds && by.is_pair)
		holds = verify_pair(&by, data);
	else if (holds)
		holds = verify(by.key, by.digest, by.signature.at,
			       by.signature.length, data);
	EVP_PKEY_free(by.key);
	ERR_clear_error();
	return holds;
}
