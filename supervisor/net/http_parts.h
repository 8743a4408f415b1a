/*
 * What the files of http_flow.h share.
 *
 * Theory of operation. One request at a time: the next one is not read before
 * the answer to this one is over, so a client that sends several is served in
 * order. A request goes HEAD, ASKING, BODY, DONE, or, where it is signed and
 * does not say its body's hash, HEAD, ASKING, GATHER, DONE; its answer waits,
 * then goes HEAD, BODY, DONE. When both are done, the connection is at HEAD
 * again, or is over. http_run() drives both as far as the bytes there are
 * allow; nothing frees a flow but the end of http_run(), so a step may always
 * go on.
 *
 * Bytes wait in buffers of bounded size: a side is not read while the other
 * does not take what was read.
 */
#ifndef SUPERVISOR_NET_HTTP_PARTS_H
#define SUPERVISOR_NET_HTTP_PARTS_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <openssl/types.h>

#include "supervisor/net/http_flow.h"
#include "supervisor/net/http_head.h"
#include "supervisor/net/http_swap.h"
#include "supervisor/net/trailer.h"

enum {
	HTTP_BUFFER_MOST = 256 * 1024,	/* bytes that wait in one direction */
	HTTP_BUFFER_WITHIN = 64 * 1024, /* where many share a connection */
	HTTP_SECONDS_HEAD = 60,		/* for a head, or a handshake */
	HTTP_SECONDS_LINGER = 5,	/* for a client that has all, and is
					   silent, to close */
	HTTP_SECONDS_STALLED = 60,	/* for one that reads no more */
	HTTP_SECONDS_MOST = 600,	/* for any, from the last answer on */
};

struct http_service {
	struct event_base *base;
	struct ca *ca;
	SSL_CTX *upstream;
	struct roots *roots; /* by which it verifies */
	struct secrets *secrets;
	uint64_t gathered; /* bytes of bodies, of all flows */
	/* How long HTTP_SECONDS_LINGER are: shorter in tests. */
	struct timeval turn;
};

enum http_phase {
	HTTP_PHASE_HEAD = 0,
	HTTP_PHASE_ASKING,
	HTTP_PHASE_GATHER, /* a body, before its head is signed */
	HTTP_PHASE_BODY,
	HTTP_PHASE_DONE,
};

/** A body on its way from one side to the other. */
struct http_pipe {
	enum http_body body;
	uint64_t left;
	struct http_chunks chunks;
	const struct needles *swap; /* or NULL */
	struct needles_state state, trailer_state;
	struct evbuffer *trailer;
	bool asks; /* of a request: some trailers are refused */
	struct trailer asked;
	bool ended;	/* the chunks, on both sides */
	bool bare;	/* chunks are passed on without their framing */
	uint64_t found; /* bits of what was swapped */
};

/** A request that goes on when its body is whole. */
struct http_gathering {
	struct evbuffer *head, *body;
	uint64_t counted; /* in the service's sum */
};

/** What is to end: a connection, or what goes on without its client. */
struct http_linger {
	size_t waiting; /* for the other side, when it was last looked at */
	bool moved;	/* it has sent something since */
	bool said;	/* that nothing more comes */
	unsigned seconds, idle;
};

struct two_front;

struct http_flow {
	struct http_service *service;
	struct two_front *front; /* the client speaks HTTP/2; or NULL */
	char name[256];
	char served[256]; /* the name that the client uses: as a rule, `name` */
	uint16_t port;
	bool tls;
	uint64_t mask;
	size_t most; /* bytes that wait in one direction */
	const struct http_calls *calls;
	void *context;
	struct bufferevent *client, *server; /* server: NULL before it speaks */
	int server_fd;			     /* till then */
	struct event *timer;
	bool waiting; /* the timer runs */

	enum http_phase request, answer;
	struct secrets *held; /* those of this request */
	struct needles *body_swap;
	int signer; /* index of the AWS key's id that the request names; or -1
		     */
	struct http_gathering gathering;
	struct http_watch watch;
	uint64_t swapped, reported, told; /* bits of secrets */
	struct http_pipe up, down;
	int paths, path; /* readings of the path, and which is asked about */
	int verdict;	 /* -1: none yet */
	char refusal[256];
	char question[2][HTTP_PATH_MOST];
	char method[40], other_method[40]; /* other: that of a header */
	bool other;			   /* it is asked about */
	bool two;			       /* the client speaks HTTP/2 */
	bool to_head, wants_upgrade, answered; /* some of the answer is out */
	bool close, tunnel;
	bool client_over, server_over; /* no more bytes from there */
	bool used;		       /* an exchange went before */
	char fault[256]; /* why the far end cannot be spoken to; or empty */

	bool running, again;
	bool lingering; /* the last answer, or a refusal, is on its way */
	struct http_linger linger;
	bool over, reset;
	uint64_t in, out;
	/* An answer that is held back, since it may renew secrets. */
	uint64_t renewing; /* which */
	struct evbuffer *gathered, *held_head;
	struct http_head head; /* scratch: valid during one step */
};

/** Go as far as possible. The flow may be gone afterwards. */
void http_run(struct http_flow *flow);

/** Answer the client by ourselves, and end: `why` is for the person. */
void http_refuse(struct http_flow *flow, unsigned status, const char *why);

/** What a person can do about HTTP/2, as the end of a sentence. */
extern const char http_two_way_out[];

/** Does a client speak HTTP/2? */
bool http_two_is(struct evbuffer *in);

/** Write a refusal that such a client understands. Returns 0 or -1. */
int http_two_refuse(struct evbuffer *out, const char *why);

/** End now; `reset`: the client is to see that something is missing. */
void http_over(struct http_flow *flow, bool reset);

/** Make the far end's side. */
int http_server_begin(struct http_flow *flow);

/** The same of a descriptor, which is taken; `two`: HTTP/2 is offered as well.
 * It has no callbacks yet. NULL without memory. */
struct bufferevent *http_server_make(struct http_flow *flow, int fd, bool two);

/** Use this side. */
void http_server_use(struct http_flow *flow, struct bufferevent *server);

/** Why no TLS came about with a far end: flow->fault. */
void http_name_fault(struct http_flow *flow, struct bufferevent *server);

/** A flow for one of another's requests, with another client, which it takes.
 * NULL without memory. */
struct http_flow *http_flow_within(const struct http_flow *outer,
				   struct bufferevent *client,
				   const struct http_calls *calls,
				   void *context);

/** No more requests: see that the client gets what was written, and end. */
void http_linger(struct http_flow *flow);

/** While that lasts: take what the client sends, and see whether it is over. */
void http_linger_step(struct http_flow *flow);

/** The time is up: begin again, or end. */
void http_linger_time(struct http_flow *flow);

/** HTTP_SECONDS_LINGER more have gone by, and so many bytes wait for the
 * other side: does it go on? */
bool http_linger_on(struct http_linger *linger, size_t waiting);

/** Run the timer for so long, from now. */
void http_wait_for(struct http_flow *flow, int seconds);

/** Run its timer, or do not. */
void http_wait(struct http_flow *flow, bool wait);

/** Did both agree on HTTP/2? */
bool http_two_agreed(struct bufferevent *side);

/** One step of each direction: true where something was done. */
bool http_request_step(struct http_flow *flow);
bool http_answer_step(struct http_flow *flow);

/**
 * Is the request, whose head is read, signed with a key of this host's?
 * `gather`: its body is needed first. False: it was refused.
 */
bool http_sign_begin(struct http_flow *flow, bool *gather);

/** The secrets that may be put in this request. */
uint64_t http_sign_mask(const struct http_flow *flow);

/**
 * Write the head as the far end is to get it, signed again where it is signed;
 * `hash`: the body's, where that was gathered. Returns 0, -ENOMEM, or -EBADMSG
 * with `why`.
 */
int http_sign_head(struct http_flow *flow, const char *hash,
		   struct evbuffer *out, const char **why);

/** The same, to the far end; false: the request was refused, or all is over. */
bool http_write_head(struct http_flow *flow, const char *hash);

/** Gather a body: its head is taken; then come its bytes, then the end, which
 * passes both on. */
int http_gather_begin(struct http_flow *flow, const char *bytes, size_t length);
bool http_gather_end(struct http_flow *flow);
void http_gather_clear(struct http_flow *flow);

/** Begin with a body as its head says. */
void http_pipe_begin(struct http_pipe *pipe, const struct http_head *head,
		     const struct needles *swap);
void http_pipe_clear(struct http_pipe *pipe);

enum http_piped {
	HTTP_PIPED_MORE = 0,
	HTTP_PIPED_DONE,
	HTTP_PIPED_BAD, /* no chunks, or no memory */
};

/** Pass on what there is of a body. `watch`: what it is looked at with. */
enum http_piped http_pipe_pass(struct http_pipe *pipe,
			       const struct secrets *secrets,
			       struct http_watch *watch, struct evbuffer *in,
			       struct evbuffer *out);

/** A body that ends with its connection did. */
void http_pipe_close(struct http_pipe *pipe, struct evbuffer *out);

/**
 * Hold the answer back whose head this is, if it may renew a secret; false: it
 * is passed on as ever. What is gathered must fit; then comes the end.
 */
bool http_renew_begin(struct http_flow *flow, const char *head, size_t length);
bool http_renew_fits(const struct http_flow *flow);
void http_renew_end(struct http_flow *flow);
void http_renew_clear(struct http_flow *flow);

enum http_read {
	HTTP_READ_MORE = 0,
	HTTP_READ_HEAD,
	HTTP_READ_BAD, /* it can no more become one */
};

/** Is there a whole head at the start of a buffer? It stays there, at `bytes`.
 */
enum http_read http_read_head(struct evbuffer *in, const char **bytes,
			      size_t *length);

/** Is this the host that the flow leads to? */
bool http_host_is(const struct http_flow *flow, struct http_text host);

/** The other name of a loopback address. */
bool http_is_localhost(const char *name, struct http_text other);

#endif
