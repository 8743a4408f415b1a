/*
 * The certificates by which far ends are verified. A bundle has some hundred
 * and fifty, of which a session needs one or two: each is parsed when a chain
 * names it. (All of them take 40 ms, most of it for their keys.)
 */
#ifndef SUPERVISOR_NET_ROOTS_H
#define SUPERVISOR_NET_ROOTS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

struct roots;

/**
 * Keep a text in PEM: copied or, where it is `mapped` by mmap(2), taken over,
 * and unmapped when it was looked at. What is no certificate in it is passed
 * over then. Returns 0 and an object for roots_free(), or -ENOMEM.
 */
int roots_new(const char *pem, size_t length, bool mapped,
	      struct roots **roots);
void roots_free(struct roots *roots);

/**
 * Verify a chain as X509_verify_cert(3) does, with whatever of the roots it
 * leads to put into the context's store before. For
 * SSL_CTX_set_cert_verify_callback(3), with the roots as its argument. What
 * there is no memory for is not trusted.
 */
int roots_verify(X509_STORE_CTX *context, void *roots);

#endif
