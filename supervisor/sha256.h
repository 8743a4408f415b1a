/*
 * SHA-256 by libcrypto's functions of that name. They are there without its
 * algorithms, settings and providers being loaded, which takes longer than all
 * that a short session hashes, and is to be undone at its end.
 */
#ifndef SUPERVISOR_SHA256_H
#define SUPERVISOR_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_HEX = 64 };

/** A hash that is being made, of any number of parts. */
struct sha256 {
	uint64_t state[16];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t length);
void sha256_end(struct sha256 *hash, unsigned char out[SHA256_SIZE]);

/** Of one text. */
void sha256(const void *bytes, size_t length, unsigned char out[SHA256_SIZE]);

/** RFC 2104, with a key of SHA256_SIZE bytes. */
void sha256_hmac(const unsigned char key[SHA256_SIZE], const void *bytes,
		 size_t length, unsigned char out[SHA256_SIZE]);

/** The first `count` bytes, two digits each, and a NUL. */
void sha256_hex(const unsigned char *bytes, size_t count, char *text);

#endif
