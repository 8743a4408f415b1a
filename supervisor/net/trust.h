/*
 * The certificates that the session's programs trust: the host's own, and the
 * session's authority.
 */
#ifndef SUPERVISOR_NET_TRUST_H
#define SUPERVISOR_NET_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/** Where they are, below a session's runtime directory. */
#define TRUST_FILE "certificates.pem"
/** And there for programs that add them to their own: the session's authority,
 * and what the user's NODE_EXTRA_CA_CERTS says. */
#define TRUST_ADDED_FILE "added-certificates.pem"

/** Both, with room for the authority's certificate. */
struct trust_files {
	struct trust_file {
		int fd; /**< -1: none */
		off_t room;
		dev_t device;
		ino_t inode;
	} list[2];
};

/**
 * Write both files but for the authority's certificate, for which they have
 * lines without text: so their size, which a program may see before it reads
 * them, is what it will be. What the host trusts is what the user's
 * SSL_CERT_FILE says, or the system's usual file, and NODE_EXTRA_CA_CERTS.
 * Returns a memory file of the host's own, of `size` bytes, for the broker, or
 * -errno; `files` is for trust_close() in any case.
 */
int trust_write(int directory, struct trust_files *files, uint32_t *size);

/** Put the authority's certificate in. Returns 0 or -errno. */
int trust_add(const struct trust_files *files, const char *pem, size_t length);

/** Is the file one of them? */
bool trust_is_file(const struct trust_files *files, const struct stat *status);

void trust_close(struct trust_files *files);

/** Have the usual variables name the files in the runtime directory. Returns 0
 * or -ENOMEM. */
int trust_tell(const char *runtime_path, char ***environment);

#endif
