/*
 * TLS to a collector: certificates are always verified.
 */
#ifndef SUPERVISOR_COMMANDS_EXPORT_TLS_H
#define SUPERVISOR_COMMANDS_EXPORT_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct export_tls;
struct export_channel;

enum { EXPORT_TLS_WHY = 256 };

/**
 * `ca`: a file of certificates in PEM to verify by, and by no others; NULL: the
 * system's. Returns 0 and an object for export_tls_free(), or -errno with
 * `why`.
 */
int export_tls_new(const char *ca, struct export_tls **tls,
		   char why[EXPORT_TLS_WHY]);
void export_tls_free(struct export_tls *tls);

/**
 * Speak TLS, 1.2 or later, on a connected socket, which stays the caller's,
 * with the host of that name or address. Returns 0 and a channel for
 * export_channel_free(), or -errno with `why`: -EPROTO where the host is not
 * who it should be.
 */
int export_channel_new(struct export_tls *tls, int fd, const char *host,
		       struct export_channel **channel,
		       char why[EXPORT_TLS_WHY]);

/** Say the end, and free. NULL is fine. */
void export_channel_free(struct export_channel *channel);

/** As send(2) and recv(2), but -errno; -ETIMEDOUT where the socket's patience
 * is over. */
ssize_t export_channel_send(struct export_channel *channel, const char *bytes,
			    size_t length);
ssize_t export_channel_receive(struct export_channel *channel, char *bytes,
			       size_t size);

#endif
