/*
 * The certificates that the session's programs trust: the host's own, and the
 * session's authority.
 */
#ifndef SUPERVISOR_NET_TRUST_H
#define SUPERVISOR_NET_TRUST_H

#include <stdint.h>

struct ca_material;

/** Where they are, below a session's runtime directory. */
#define TRUST_FILE "certificates.pem"
/** And there for programs that add them to their own: the session's authority,
 * and what the user's NODE_EXTRA_CA_CERTS says. */
#define TRUST_ADDED_FILE "added-certificates.pem"

/**
 * Write both files. What the host trusts is what the user's SSL_CERT_FILE says,
 * or the system's usual file, and NODE_EXTRA_CA_CERTS. Returns a memory
 * file of the host's own, of `size` bytes, for the broker, or -errno.
 */
int trust_write(int directory, const struct ca_material *ca, uint32_t *size);

/** Have the usual variables name the files in the runtime directory. Returns 0
 * or -ENOMEM. */
int trust_tell(const char *runtime_path, char ***environment);

#endif
