#include "supervisor/net/http_flow.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "supervisor/net/http_parts.h"
#include "supervisor/net/http_two_front.h"
#include "supervisor/net/pace.h"

/* ------------------------------------------------------------------ ending --
 */

/* Forget what belongs to one request. */
static void clear_request(struct http_flow *flow)
{
	secrets_drop(flow->held);
	flow->held = NULL;
	needles_free(flow->body_swap);
	flow->body_swap = NULL;
	http_pipe_clear(&flow->up);
	http_pipe_clear(&flow->down);
	http_renew_clear(flow);
	http_gather_clear(flow);
	flow->signer = -1;
	flow->request = flow->answer = HTTP_PHASE_HEAD;
	flow->answered = false;
}

/* The client is to see that it has not got all: a reset, not an end. */
static void set_reset(struct bufferevent *side)
{
	const struct linger now = {.l_onoff = 1};

	(void)setsockopt(bufferevent_getfd(side), SOL_SOCKET, SO_LINGER, &now,
			 sizeof(now));
}

void http_flow_free(struct http_flow *flow)
{
	if (!flow)
		return;
	if (flow->reset && flow->client)
		set_reset(flow->client);
	two_front_free(flow->front);
	clear_request(flow);
	if (flow->client)
		bufferevent_free(flow->client);
	if (flow->server)
		bufferevent_free(flow->server);
	else if (flow->server_fd >= 0)
		close(flow->server_fd);
	if (flow->timer)
		event_free(flow->timer);
	free(flow);
}

void http_over(struct http_flow *flow, bool reset)
{
	flow->over = true;
	flow->reset |= reset;
}

void http_wait_for(struct http_flow *flow, int seconds)
{
	const struct timeval time = {.tv_sec = seconds};

	flow->waiting = true;
	evtimer_add(flow->timer, &time);
}

static void wait_no_more(struct http_flow *flow)
{
	if (flow->waiting)
		evtimer_del(flow->timer);
	flow->waiting = false;
}

void http_wait(struct http_flow *flow, bool wait)
{
	if (!wait)
		wait_no_more(flow);
	else if (!flow->waiting)
		http_wait_for(flow, HTTP_SECONDS_HEAD);
}

/* ----------------------------------------------------------------- running --
 */

static void finish_exchange(struct http_flow *flow)
{
	bool close = flow->close || flow->server_over || flow->client_over;

	clear_request(flow);
	flow->used = true;
	if (!close)
		return;
	http_linger(flow);
}

/* The far end sends no more. */
static void take_server_end(struct http_flow *flow)
{
	struct evbuffer *out = bufferevent_get_output(flow->client);

	if (!flow->server_over || flow->lingering || flow->over ||
	    evbuffer_get_length(bufferevent_get_input(flow->server)))
		return;
	if (flow->answer == HTTP_PHASE_BODY &&
	    flow->down.body == HTTP_BODY_CLOSE) {
		http_pipe_close(&flow->down, out);
		flow->close = true;
		flow->tunnel = false;
		flow->answer = flow->request = HTTP_PHASE_DONE;
	} else if (flow->answer == HTTP_PHASE_DONE) {
		flow->request = HTTP_PHASE_DONE;
	} else if (flow->answer == HTTP_PHASE_HEAD &&
		   flow->request < HTTP_PHASE_BODY && !flow->fault[0]) {
		/* Between two requests: as a server may. */
		http_linger(flow);
	} else if (flow->answer == HTTP_PHASE_BODY) {
		http_over(flow, true);
	} else if (flow->used) {
		/* It closed as the request was on its way: clients that are
		 * told so, and not by an answer, send it again. */
		http_over(flow, true);
	} else if (!flow->fault[0] || flow->request >= HTTP_PHASE_BODY) {
		http_refuse(flow, 502,
			    flow->fault[0]
				    ? flow->fault
				    : "the far end closed the connection "
				      "without an answer");
	}
}

/* The client sends no more; it may still wait for its answer. */
static void take_client_end(struct http_flow *flow)
{
	if (!flow->client_over || flow->over ||
	    evbuffer_get_length(bufferevent_get_input(flow->client)))
		return;
	if (flow->tunnel) {
		http_over(flow, false);
	} else if (flow->lingering) {
		if (!evbuffer_get_length(bufferevent_get_output(flow->client)))
			http_over(flow, false);
	} else if (flow->request == HTTP_PHASE_HEAD ||
		   flow->request == HTTP_PHASE_GATHER ||
		   flow->request == HTTP_PHASE_BODY) {
		http_over(flow, false);
	}
}

static void watch_the_clock(struct http_flow *flow)
{
	bool partial = flow->request == HTTP_PHASE_HEAD &&
		       evbuffer_get_length(bufferevent_get_input(flow->client));

	if (flow->lingering)
		return;
	if (partial && !flow->waiting)
		http_wait_for(flow, HTTP_SECONDS_HEAD);
	else if (!partial && flow->server)
		wait_no_more(flow);
}

static void run(struct http_flow *flow)
{
	bool done = true;

	while (done && !flow->over && !flow->lingering) {
		done = http_request_step(flow);
		if (flow->over || flow->lingering)
			break;
		done |= http_answer_step(flow);
		if (flow->over || flow->lingering)
			break;
		if (flow->request == HTTP_PHASE_DONE &&
		    flow->answer == HTTP_PHASE_DONE) {
			finish_exchange(flow);
			done = true;
		}
	}
}

/* All streams of a client that speaks HTTP/2. */
static void run_front(struct http_flow *flow)
{
	if (two_front_run(flow->front))
		return;
	two_front_free(flow->front);
	flow->front = NULL;
	if (flow->over)
		return;
	/* What is written for a client that has gone never gets out. */
	if (flow->client_over)
		http_over(flow, false);
	else
		http_linger(flow);
}

void http_run(struct http_flow *flow)
{
	flow->again = true;
	if (flow->running)
		return;
	flow->running = true;
	while (flow->again && !flow->over) {
		flow->again = false;
		if (flow->front)
			run_front(flow);
		if (flow->front)
			continue;
		run(flow);
		take_server_end(flow);
		if (flow->request == HTTP_PHASE_DONE &&
		    flow->answer == HTTP_PHASE_DONE && !flow->lingering)
			finish_exchange(flow);
		take_client_end(flow);
		if (!flow->over && flow->lingering)
			http_linger_step(flow);
		else if (!flow->over)
			watch_the_clock(flow);
	}
	flow->running = false;
	if (flow->over) {
		/* What its requests have sent is counted then. */
		two_front_free(flow->front);
		flow->calls->ended(flow->context, flow->out, flow->in);
		http_flow_free(flow);
		return;
	}
	/* At its end a side is ready to be read for ever. */
	if (!flow->client_over)
		pace_reading(flow->client, flow->most);
	if (flow->server && !flow->server_over)
		pace_reading(flow->server, flow->most);
}

void http_flow_answer(struct http_flow *flow, bool allowed, const char *why)
{
	flow->verdict = allowed;
	(void)snprintf(flow->refusal, sizeof(flow->refusal), "%s",
		       why ?: "the policy does not allow this request");
	http_run(flow);
}

/* ------------------------------------------------------------------ events --
 */

static void on_bytes(struct bufferevent *side, void *context)
{
	(void)side;
	http_run(context);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
	struct http_flow *flow = context;

	(void)fd;
	(void)what;
	flow->waiting = false;
	if (!flow->lingering)
		http_over(flow, true);
	else
		http_linger_time(flow);
	/* Where it is over, this frees it. */
	http_run(flow);
}

/* It was offered HTTP/1.1 and nothing else. */
static bool speaks_two(unsigned long code)
{
	return ERR_GET_LIB(code) == ERR_LIB_SSL &&
	       ERR_GET_REASON(code) ==
		       SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL;
}

void http_name_fault(struct http_flow *flow, struct bufferevent *server)
{
	SSL *ssl = bufferevent_openssl_get_ssl(server);
	long verified = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	unsigned long code = bufferevent_get_openssl_error(server);

	if (flow->fault[0])
		return;
	if (verified != X509_V_OK)
		(void)snprintf(flow->fault, sizeof(flow->fault),
			       "the certificate of %.120s is not valid: %s",
			       flow->served,
			       X509_verify_cert_error_string(verified));
	else if (speaks_two(code))
		(void)snprintf(flow->fault, sizeof(flow->fault),
			       "%.120s does not speak HTTP/1.1, and its "
			       "requests are looked into: %s",
			       flow->served, http_two_way_out);
	else
		(void)snprintf(flow->fault, sizeof(flow->fault),
			       "no TLS with %.120s: %s", flow->served,
			       code ? ERR_reason_error_string(code) ?: "error"
				    : "the connection ended");
}

static void on_server(struct bufferevent *side, short what, void *context)
{
	struct http_flow *flow = context;
	SSL *ssl = flow->tls ? bufferevent_openssl_get_ssl(side) : NULL;

	if (what & BEV_EVENT_CONNECTED)
		return;
	flow->server_over = true;
	if (ssl && !SSL_is_init_finished(ssl)) {
		http_name_fault(flow, side);
	} else if (what & BEV_EVENT_ERROR && flow->answer == HTTP_PHASE_BODY) {
		/* It was cut: not an end that the far end meant. */
		http_over(flow, true);
	}
	http_run(flow);
}

static void on_client(struct bufferevent *side, short what, void *context)
{
	struct http_flow *flow = context;

	if (what & BEV_EVENT_CONNECTED) {
		const char *name =
			SSL_get_servername(bufferevent_openssl_get_ssl(side),
					   TLSEXT_NAMETYPE_host_name);

		if (name)
			(void)snprintf(flow->served, sizeof(flow->served), "%s",
				       name);
		if (http_two_agreed(side) ? two_front_begin(flow)
					  : http_server_begin(flow))
			http_over(flow, true);
		http_run(flow);
		return;
	}
	flow->client_over = true;
	if (what & BEV_EVENT_ERROR && !two_front_goes_on(flow->front))
		http_over(flow, false);
	http_run(flow);
}

/* ------------------------------------------------------------------ making --
 */

static void start_side(struct http_flow *flow, struct bufferevent *side,
		       bufferevent_event_cb on_event)
{
	bufferevent_setcb(side, on_bytes, on_bytes, on_event, flow);
	bufferevent_setwatermark(side, EV_READ, 0, flow->most);
	bufferevent_setwatermark(side, EV_WRITE, flow->most / 4, 0);
	bufferevent_enable(side, EV_READ | EV_WRITE);
}

static SSL *upstream_ssl(struct http_flow *flow)
{
	SSL *ssl = SSL_new(flow->service->upstream);
	unsigned char address[16];
	X509_VERIFY_PARAM *verify = ssl ? SSL_get0_param(ssl) : NULL;
	bool made;

	if (!ssl)
		return NULL;
	if (inet_pton(AF_INET, flow->served, address) == 1 ||
	    inet_pton(AF_INET6, flow->served, address) == 1)
		made = X509_VERIFY_PARAM_set1_ip_asc(verify, flow->served) == 1;
	else
		made = SSL_set_tlsext_host_name(ssl, flow->served) == 1 &&
		       SSL_set1_host(ssl, flow->served) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (made)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

/* HTTP/2 before HTTP/1.1; by itself, a context offers the latter. */
static bool offer_two(SSL *ssl)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";

	return SSL_set_alpn_protos(ssl, both, sizeof(both) - 1) == 0;
}

bool http_two_agreed(struct bufferevent *side)
{
	SSL *ssl = bufferevent_openssl_get_ssl(side);
	const unsigned char *chosen = NULL;
	unsigned length = 0;

	if (ssl)
		SSL_get0_alpn_selected(ssl, &chosen, &length);
	return length == 2 && memcmp(chosen, "h2", 2) == 0;
}

struct bufferevent *http_server_make(struct http_flow *flow, int fd, bool two)
{
	const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
	struct event_base *base = flow->service->base;
	SSL *ssl = flow->tls ? upstream_ssl(flow) : NULL;
	struct bufferevent *side;

	if (flow->tls && (!ssl || (two && !offer_two(ssl)))) {
		SSL_free(ssl);
		close(fd);
		return NULL;
	}
	side = ssl ? bufferevent_openssl_socket_new(
			     base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, options)
		   : bufferevent_socket_new(base, fd, options);
	if (!side) {
		SSL_free(ssl);
		close(fd);
	} else if (ssl) {
		bufferevent_openssl_set_allow_dirty_shutdown(side, 0);
	}
	return side;
}

void http_server_use(struct http_flow *flow, struct bufferevent *server)
{
	flow->server = server;
	start_side(flow, server, on_server);
}

int http_server_begin(struct http_flow *flow)
{
	struct bufferevent *server =
		http_server_make(flow, flow->server_fd, false);

	flow->server_fd = -1;
	if (!server)
		return -ENOMEM;
	http_server_use(flow, server);
	return 0;
}

struct http_flow *http_flow_within(const struct http_flow *outer,
				   struct bufferevent *client,
				   const struct http_calls *calls,
				   void *context)
{
	struct http_flow *flow = calloc(1, sizeof(*flow));

	if (flow)
		flow->timer = evtimer_new(outer->service->base, on_time, flow);
	if (!flow || !flow->timer) {
		free(flow);
		bufferevent_free(client);
		return NULL;
	}
	flow->service = outer->service;
	memcpy(flow->name, outer->name, sizeof(flow->name));
	memcpy(flow->served, outer->served, sizeof(flow->served));
	flow->port = outer->port;
	flow->tls = outer->tls;
	flow->mask = outer->mask;
	flow->most = HTTP_BUFFER_WITHIN;
	flow->calls = calls;
	flow->context = context;
	flow->server_fd = -1;
	flow->signer = -1;
	flow->client = client;
	start_side(flow, client, on_client);
	return flow;
}

/* Which name the client means: the flow's, or none where that is an address. */
static int on_server_name(SSL *ssl, int *alert, void *context)
{
	struct http_flow *flow = SSL_get_app_data(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *other;

	(void)context;
	if (!name || strcasecmp(name, flow->name) == 0)
		return SSL_TLSEXT_ERR_OK;
	if (http_is_localhost(flow->name,
			      (struct http_text){name, strlen(name)})) {
		other = ca_server(flow->service->ca, "localhost");
		if (other && SSL_set_SSL_CTX(ssl, other))
			return SSL_TLSEXT_ERR_OK;
	}
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static struct bufferevent *make_client(struct http_flow *flow, int fd)
{
	const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
	struct bufferevent *side;
	SSL_CTX *server;
	SSL *ssl;

	if (!flow->tls)
		return bufferevent_socket_new(flow->service->base, fd, options);
	server = ca_server(flow->service->ca, flow->name);
	ssl = server ? SSL_new(server) : NULL;
	if (!ssl)
		return NULL;
	SSL_CTX_set_tlsext_servername_callback(server, on_server_name);
	SSL_set_app_data(ssl, flow);
	side = bufferevent_openssl_socket_new(flow->service->base, fd, ssl,
					      BUFFEREVENT_SSL_ACCEPTING,
					      options);
	if (!side)
		SSL_free(ssl);
	else
		bufferevent_openssl_set_allow_dirty_shutdown(side, 1);
	return side;
}

int http_flow_start(struct http_service *service,
		    const struct http_begin *begin, struct http_flow **made)
{
	struct http_flow *flow = calloc(1, sizeof(*flow));

	if (!flow) {
		close(begin->client);
		close(begin->server);
		return -ENOMEM;
	}
	flow->service = service;
	(void)snprintf(flow->name, sizeof(flow->name), "%s", begin->name);
	(void)snprintf(flow->served, sizeof(flow->served), "%s", begin->name);
	flow->port = begin->port;
	flow->tls = begin->tls;
	flow->mask = begin->secrets;
	flow->most = HTTP_BUFFER_MOST;
	flow->calls = begin->calls;
	flow->context = begin->context;
	flow->server_fd = begin->server;
	flow->timer = evtimer_new(service->base, on_time, flow);
	flow->client = flow->timer ? make_client(flow, begin->client) : NULL;
	if (!flow->client)
		close(begin->client);
	if (!flow->client || (!flow->tls && http_server_begin(flow))) {
		http_flow_free(flow);
		return -ENOMEM;
	}
	http_wait_for(flow, HTTP_SECONDS_HEAD);
	start_side(flow, flow->client, on_client);
	*made = flow;
	return 0;
}
