#include <errno.h>
#include <stdlib.h>

#include <openssl/ssl.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/roots.h"

static SSL_CTX *make_upstream(struct roots *roots)
{
	static const unsigned char protocols[] = "\x08http/1.1";
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context)
		return NULL;
	SSL_CTX_set_cert_verify_callback(context, roots_verify, roots);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_alpn_protos(context, protocols,
				    sizeof(protocols) - 1) == 0)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

int http_service_new(struct event_base *base, const struct ca_material *ca,
		     const char *trust, size_t trust_length, bool mapped,
		     struct http_service **service)
{
	struct http_service *made = calloc(1, sizeof(*made));
	int error = made ? ca_load(ca, &made->ca) : -ENOMEM;

	if (!error)
		error = secrets_new(NULL, 0, &made->secrets);
	if (!error)
		error = roots_new(trust, trust_length, mapped, &made->roots);
	if (!error) {
		made->base = base;
		made->turn.tv_sec = HTTP_SECONDS_LINGER;
		made->upstream = make_upstream(made->roots);
		error = made->upstream ? 0 : -ENOMEM;
	}
	if (error)
		http_service_free(made);
	else
		*service = made;
	return error;
}

void http_service_hurry(struct http_service *service, unsigned milliseconds)
{
	service->turn = (struct timeval){
		.tv_sec = milliseconds / 1000,
		.tv_usec = milliseconds % 1000 * 1000,
	};
}

void http_service_secrets(struct http_service *service, struct secrets *secrets)
{
	secrets_drop(service->secrets);
	service->secrets = secrets;
}

struct secrets *http_service_now(const struct http_service *service)
{
	return service->secrets;
}

void http_service_free(struct http_service *service)
{
	if (!service)
		return;
	ca_free(service->ca);
	SSL_CTX_free(service->upstream);
	roots_free(service->roots);
	secrets_drop(service->secrets);
	free(service);
}
