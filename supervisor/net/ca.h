/*
 * The session's certificate authority. The broker makes its key, which never
 * leaves it; its certificate is what the session's programs are told to trust.
 * Nobody else trusts it.
 */
#ifndef SUPERVISOR_NET_CA_H
#define SUPERVISOR_NET_CA_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

enum {
	CA_KEY_MOST = 256,
	CA_CERTIFICATE_MOST = 512,
	/* The same in PEM, by lines of 64, without a NUL. */
	CA_PEM_MOST = 832,
};

/** A new authority, in DER. To be wiped by whoever holds it. */
struct ca_material {
	uint32_t key_length, certificate_length;
	uint8_t key[CA_KEY_MOST];
	uint8_t certificate[CA_CERTIFICATE_MOST];
};

/** Make one. Returns 0 or -EIO (OpenSSL has no randomness, or no memory). */
int ca_make(struct ca_material *material);

/** A certificate (DER, of CA_CERTIFICATE_MOST bytes at most) in PEM. Returns
 * its length, without the NUL behind it. */
size_t ca_pem(const uint8_t *certificate, size_t length,
	      char pem[CA_PEM_MOST + 1]);

/** What OpenSSL calls its file in a directory of certificates: its first eight
 * hexadecimal digits. All sessions' authorities have one name. Each session
 * needs to know it, and few need libcrypto for anything else. */
#define CA_NAME_HASH 0x093e5a30UL

struct ca;

/** Take it into use. Returns 0 and an object for ca_free(), or -errno. */
int ca_load(const struct ca_material *material, struct ca **ca);
void ca_free(struct ca *ca);

/**
 * What a TLS server of that name needs: a host name, or an address. Kept, so
 * that a name's certificate is made once. Owned by the authority, valid until
 * as many other names were asked for; SSL_new() takes its own hold of it.
 * NULL without memory. It speaks HTTP/1.1; HTTP/2 with clients that
 * offer that and no HTTP/1.1; and refuses those that offer neither.
 */
SSL_CTX *ca_server(struct ca *ca, const char *name);

#endif
