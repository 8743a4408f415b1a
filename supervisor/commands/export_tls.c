#include "supervisor/commands/export_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum { SECONDS_TO_END = 5 };

struct export_tls {
	SSL_CTX *context;
};

struct export_channel {
	SSL *ssl;
};

/* What OpenSSL says last is nearest to the cause. */
static int explain(char why[EXPORT_TLS_WHY], const char *what, int error)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	snprintf(why, EXPORT_TLS_WHY, "%s: %s", what,
		 reason ?: strerror(-error));
	ERR_clear_error();
	return error;
}

int export_tls_new(const char *ca, struct export_tls **tls,
		   char why[EXPORT_TLS_WHY])
{
	struct export_tls *made = calloc(1, sizeof(*made));
	int known;

	if (!made)
		return explain(why, "TLS", -ENOMEM);
	made->context = SSL_CTX_new(TLS_client_method());
	if (!made->context ||
	    !SSL_CTX_set_min_proto_version(made->context, TLS1_2_VERSION)) {
		export_tls_free(made);
		return explain(why, "TLS", -ENOMEM);
	}
	SSL_CTX_set_verify(made->context, SSL_VERIFY_PEER, NULL);
	known = ca ? SSL_CTX_load_verify_file(made->context, ca)
		   : SSL_CTX_set_default_verify_paths(made->context);
	if (!known) {
		export_tls_free(made);
		return explain(why, ca ?: "the system's certificates", -EINVAL);
	}
	*tls = made;
	return 0;
}

void export_tls_free(struct export_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

/* An address is looked for among the certificate's addresses, a name among its
 * names, and told to the server. */
static bool expect(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);
	unsigned char address[16];

	if (inet_pton(AF_INET, host, address) == 1 ||
	    inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(verify, host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

static int connect_ssl(SSL *ssl, char why[EXPORT_TLS_WHY])
{
	int result = SSL_connect(ssl), saved = errno;
	long verified = SSL_get_verify_result(ssl);

	if (result == 1)
		return 0;
	if (verified != X509_V_OK) {
		snprintf(why, EXPORT_TLS_WHY,
			 "its certificate is not valid: %s",
			 X509_verify_cert_error_string(verified));
		ERR_clear_error();
		return -EPROTO;
	}
	if (SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ)
		saved = ETIMEDOUT;
	return explain(why, "no TLS", saved ? -saved : -ECONNRESET);
}

int export_channel_new(struct export_tls *tls, int fd, const char *host,
		       struct export_channel **channel,
		       char why[EXPORT_TLS_WHY])
{
	struct export_channel *made = calloc(1, sizeof(*made));
	int error = -ENOMEM;

	if (made)
		made->ssl = SSL_new(tls->context);
	if (!made || !made->ssl || !expect(made->ssl, host) ||
	    SSL_set_fd(made->ssl, fd) != 1)
		explain(why, "TLS", error);
	else
		error = connect_ssl(made->ssl, why);
	if (error) {
		if (made)
			SSL_free(made->ssl);
		free(made);
		return error;
	}
	*channel = made;
	return 0;
}

/* A socket that is closed with something unread, as the tickets that servers of
 * TLS 1.3 send are, is reset, and what was on its way is lost. So we wait until
 * the server has seen our end; not for long, for one that does not care. */
static void finish(struct export_channel *channel)
{
	const struct timeval patience = {.tv_sec = SECONDS_TO_END};
	int fd = SSL_get_fd(channel->ssl);
	char rest[4096];

	if (SSL_shutdown(channel->ssl) < 0)
		return;
	(void)shutdown(fd, SHUT_WR);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (recv(fd, rest, sizeof(rest), 0) > 0)
		;
}

void export_channel_free(struct export_channel *channel)
{
	if (!channel)
		return;
	finish(channel);
	SSL_free(channel->ssl);
	ERR_clear_error();
	free(channel);
}

/* What a call that gave less than a byte means. */
static ssize_t failed(struct export_channel *channel, int result, int saved)
{
	int error = SSL_get_error(channel->ssl, result);

	ERR_clear_error();
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return -ETIMEDOUT;
	return error == SSL_ERROR_SYSCALL && saved ? -saved : -ECONNRESET;
}

ssize_t export_channel_send(struct export_channel *channel, const char *bytes,
			    size_t length)
{
	int sent = SSL_write(channel->ssl, bytes,
			     length < INT_MAX ? (int)length : INT_MAX);

	return sent > 0 ? sent : failed(channel, sent, errno) ?: -ECONNRESET;
}

ssize_t export_channel_receive(struct export_channel *channel, char *bytes,
			       size_t size)
{
	int got = SSL_read(channel->ssl, bytes,
			   size < INT_MAX ? (int)size : INT_MAX);

	return got > 0 ? got : failed(channel, got, errno);
}
