/*
 * The supervisor's side of looking into requests: which hosts it is done for,
 * the secrets and their placeholders, what programs are told to trust, and the
 * decision about each request.
 */
#ifndef SUPERVISOR_NET_INSPECT_H
#define SUPERVISOR_NET_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"

struct inspect;
struct session;

/** Has the policy `http` or `secret` rules? */
bool inspect_needed(const struct policy *policy);

/**
 * Read the secrets, and hand them to the broker, which then makes the session's
 * authority: session->inspect and session->authority. Writes the certificates
 * that programs are to trust into the runtime directory. In the environment
 * that the program is to have, secrets become placeholders, and the usual
 * variables name the certificates.
 *
 * A secret that is not there is left out, with a line in the log; one is said,
 * too, where the line that names it is the user's own, or with `verbose` any.
 * Returns 0, or -errno with a line said.
 */
int inspect_start(struct session *session, bool verbose,
		  const char *runtime_path, int runtime_fd,
		  char ***environment);

/** From now on secrets are renewed. Returns 0 or -errno. */
int inspect_serve(struct session *session);

/** No more of that: before the broker ends. */
void inspect_pause(struct session *session);

/** An answer had a new value of a secret: it is kept where it came from. */
void inspect_renewed(struct session *session, size_t index, const char *value);

/** The broker could not take the new value of a secret, and sends none: that is
 * said, and recorded. `error`: -errno, of which -ENOMEM is memory that cannot be
 * locked. */
void inspect_forgotten(struct session *session, size_t index, int error);

/** A secret is about to have that value: its placeholder stands for it, too.
 * Returns 0 or -ENOMEM. */
int inspect_alias(const struct session *session, size_t index,
		  const char *value, size_t length);

/** The line of a secret, by the index that the broker has for it; or NULL. */
const struct policy_secret *inspect_secret(const struct inspect *inspect,
					   size_t index);

/** May the session write it, or put something in its place? `inspect` is one.
 */
bool inspect_may_write(void *inspect, const char *path);

/** Forget it, and revoke what is to be revoked. */
void inspect_stop(struct session *session);

/** Are there `http` rules? Then names are listened for also where an address
 * is allowed by itself. `inspect` may be NULL, here and below. */
bool inspect_has_http(const struct inspect *inspect);

/**
 * Are requests to that end looked into? `secrets`, where not NULL, gets the
 * bits of those that may go there.
 */
bool inspect_host(const struct inspect *inspect,
		  const struct policy_endpoint *endpoint, uint64_t *secrets);

#endif
