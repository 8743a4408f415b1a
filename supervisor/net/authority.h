/*
 * The supervisor's side of the session's authority (ca.h): where its
 * certificate is put for the session's programs. The broker makes it while the
 * program starts; who wants to see it before waits.
 */
#ifndef SUPERVISOR_NET_AUTHORITY_H
#define SUPERVISOR_NET_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct authority;
struct call;
struct session;

/**
 * Write what the programs trust into the runtime directory (trust.h), but for
 * the certificate: session->authority, for authority_free(). Returns a memory
 * file of what the host trusts, of `size` bytes, or -errno.
 */
int authority_new(struct session *session, int runtime_fd, uint32_t *size);

/** The broker has made it: its certificate in DER. Without bytes: there will be
 * none. Only the first time counts. Called by any thread; `authority` may be
 * NULL. */
void authority_made(struct authority *authority, const char *certificate,
		    size_t length);

/** Is that one of the files, and the certificate not in it yet? `authority` may
 * be NULL. */
bool authority_awaited(const struct authority *authority,
		       const struct stat *status);

/** Wait until authority_made() was called, in a call that may wait. False where
 * slow_cancelled() says so. */
bool authority_await(const struct authority *authority,
		     const struct call *call);

/** When no stand-in is made any more. */
void authority_free(struct authority *authority);

#endif
