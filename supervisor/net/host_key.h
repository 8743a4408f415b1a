/*
 * Signatures by the keys of hosts: RFC 8709 (ed25519), RFC 5656 (ecdsa), RFC
 * 8332 (rsa with SHA-2). Others, certificates too, are none.
 */
#ifndef SUPERVISOR_NET_HOST_KEY_H
#define SUPERVISOR_NET_HOST_KEY_H

#include <stdbool.h>

#include "supervisor/net/ssh_wire.h"

/** Is the signature, as ssh writes it, that of the data by this key? */
bool host_key_signed(struct ssh_bytes key, struct ssh_bytes signature,
		     struct ssh_bytes data);

#endif
