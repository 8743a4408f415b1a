/* OpenSSL 3 would have programs fetch algorithms instead; what it then calls
 * old is no less supported with this. */
#define OPENSSL_API_COMPAT 0x10101000L

#include "supervisor/sha256.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256),
	      "room for libcrypto's");

static SHA256_CTX *context(struct sha256 *hash)
{
	return (SHA256_CTX *)(void *)hash->state;
}

void sha256_begin(struct sha256 *hash)
{
	SHA256_Init(context(hash));
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t length)
{
	SHA256_Update(context(hash), bytes, length);
}

void sha256_end(struct sha256 *hash, unsigned char out[SHA256_SIZE])
{
	SHA256_Final(out, context(hash));
	/* It has seen keys. */
	OPENSSL_cleanse(hash, sizeof(*hash));
}

void sha256(const void *bytes, size_t length, unsigned char out[SHA256_SIZE])
{
	struct sha256 hash;

	sha256_begin(&hash);
	sha256_add(&hash, bytes, length);
	sha256_end(&hash, out);
}

void sha256_hmac(const unsigned char key[SHA256_SIZE], const void *bytes,
		 size_t length, unsigned char out[SHA256_SIZE])
{
	unsigned char inner[SHA256_CBLOCK], outer[SHA256_CBLOCK];
	struct sha256 hash;

	for (size_t i = 0; i < SHA256_CBLOCK; i++) {
		unsigned char byte = i < SHA256_SIZE ? key[i] : 0;

		inner[i] = byte ^ 0x36;
		outer[i] = byte ^ 0x5c;
	}
	sha256_begin(&hash);
	sha256_add(&hash, inner, sizeof(inner));
	sha256_add(&hash, bytes, length);
	sha256_end(&hash, out);
	sha256_begin(&hash);
	sha256_add(&hash, outer, sizeof(outer));
	sha256_add(&hash, out, SHA256_SIZE);
	sha256_end(&hash, out);
	OPENSSL_cleanse(inner, sizeof(inner));
	OPENSSL_cleanse(outer, sizeof(outer));
}

void sha256_hex(const unsigned char *bytes, size_t count, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	text[2 * count] = '\0';
}
