/*
 * Java's key stores, as far as it takes to add a certificate to one.
 *
 * JKS: four bytes FEEDFEED, a version, the number of entries, the entries, and
 * the SHA-1 of the password in UTF-16, a phrase and all that is before. An
 * entry of a certificate is: 2, its name, milliseconds since 1970, the kind of
 * the certificate, its length and it. Numbers are big-endian; texts have their
 * length in two bytes before them. (As in the sources of OpenJDK.)
 *
 * PKCS #12: a certificate counts as trusted where it has an attribute of
 * Oracle's that says for what.
 */
#include "supervisor/net/stores.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>

#include "policy/scope.h"

enum { JKS_HEAD = 12, JKS_DIGEST = 20, JKS_ENTRY = 64 };

static const char alias[] = "interpose";
static const char kind[] = "X.509";
static const char password[] = "changeit";

/* -------------------------------------------------------------------- JKS --
 */

static unsigned char *write_number(unsigned char *at, uint64_t number,
				   int bytes)
{
	while (bytes--)
		*at++ = (unsigned char)(number >> 8 * bytes);
	return at;
}

static unsigned char *write_text(unsigned char *at, const char *text)
{
	size_t length = strlen(text);

	return mempcpy(write_number(at, length, 2), text, length);
}

static bool write_digest(const unsigned char *bytes, size_t length,
			 unsigned char *out)
{
	static const char phrase[] = "Mighty Aphrodite";
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char wide[2 * (sizeof(password) - 1)];
	bool made;

	for (size_t i = 0; i < sizeof(password) - 1; i++) {
		wide[2 * i] = 0;
		wide[2 * i + 1] = (unsigned char)password[i];
	}
	made = digest && EVP_DigestInit_ex(digest, EVP_sha1(), NULL) &&
	       EVP_DigestUpdate(digest, wide, sizeof(wide)) &&
	       EVP_DigestUpdate(digest, phrase, sizeof(phrase) - 1) &&
	       EVP_DigestUpdate(digest, bytes, length) &&
	       EVP_DigestFinal_ex(digest, out, NULL);
	EVP_MD_CTX_free(digest);
	return made;
}

static int add_to_jks(const unsigned char *store, size_t length,
		      const unsigned char *certificate, size_t size,
		      unsigned char **added, size_t *added_length)
{
	size_t kept = length - JKS_DIGEST;
	auto_free unsigned char *made =
		malloc(length + JKS_ENTRY + size + JKS_DIGEST);
	uint32_t count = (uint32_t)store[8] << 24 | (uint32_t)store[9] << 16 |
			 (uint32_t)store[10] << 8 | store[11];
	unsigned char *at;

	if (!made)
		return -ENOMEM;
	memcpy(made, store, kept);
	(void)write_number(made + 8, count + 1, 4);
	at = write_number(made + kept, 2, 4);
	at = write_text(at, alias);
	at = write_number(at, (uint64_t)time(NULL) * 1000, 8);
	at = write_text(at, kind);
	at = write_number(at, size, 4);
	at = mempcpy(at, certificate, size);
	if (!write_digest(made, (size_t)(at - made), at))
		return -ENOMEM;
	*added_length = (size_t)(at - made) + JKS_DIGEST;
	*added = take_ptr(made);
	return 0;
}

/* --------------------------------------------------------------- PKCS #12 --
 */

static bool trust(PKCS12_SAFEBAG *bag)
{
	static const char attribute[] = "2.16.840.1.113894.746875.1.1";
	ASN1_OBJECT *any = OBJ_txt2obj("2.5.29.37.0", 1);
	bool done =
		any && PKCS12_add_friendlyname_utf8(bag, alias, -1) == 1 &&
		PKCS12_add1_attr_by_txt(bag, attribute, V_ASN1_OBJECT,
					(const unsigned char *)any, -1) == 1;

	ASN1_OBJECT_free(any);
	return done;
}

static bool add_bag(PKCS12 *store, X509 *certificate)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(store);
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	PKCS12_SAFEBAG *bag =
		safes ? PKCS12_add_cert(&bags, certificate) : NULL;
	bool with_digest = PKCS12_mac_present(store) == 1;
	bool done = bag && trust(bag) &&
		    PKCS12_add_safe(&safes, bags, -1, 0, NULL) == 1 &&
		    PKCS12_pack_authsafes(store, safes) == 1 &&
		    (!with_digest || PKCS12_set_mac(store, password, -1, NULL,
						    0, 10000, NULL) == 1);

	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return done;
}

static int add_to_pkcs12(const unsigned char *store, size_t length,
			 const unsigned char *certificate, size_t size,
			 unsigned char **added, size_t *added_length)
{
	const unsigned char *at = store, *from = certificate;
	PKCS12 *read = d2i_PKCS12(NULL, &at, (long)length);
	X509 *one = read ? d2i_X509(NULL, &from, (long)size) : NULL;
	int made = -1;

	*added = NULL;
	if (one && add_bag(read, one))
		made = i2d_PKCS12(read, added);
	X509_free(one);
	PKCS12_free(read);
	ERR_clear_error();
	if (made <= 0)
		return -EINVAL;
	*added_length = (size_t)made;
	return 0;
}

int java_store_add(const unsigned char *store, size_t length,
		   const unsigned char *certificate, size_t certificate_length,
		   unsigned char **added, size_t *added_length)
{
	static const unsigned char jks[] = {0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2};

	if (length >= JKS_HEAD + JKS_DIGEST &&
	    memcmp(store, jks, sizeof(jks)) == 0)
		return add_to_jks(store, length, certificate,
				  certificate_length, added, added_length);
	return add_to_pkcs12(store, length, certificate, certificate_length,
			     added, added_length);
}
