/*
 * How TLS goes on behind its first ClientHello. A server may ask for another
 * (HelloRetryRequest), and takes the name of the server from that one: it is
 * looked at, too. All of it reads what lies in a socket, and leaves it there.
 */
#ifndef SUPERVISOR_NET_HELLO_H
#define SUPERVISOR_NET_HELLO_H

#include "supervisor/net/sniff.h"

enum hello_state {
	HELLO_NONE = 0, /**< nothing is to be looked at, or not any more */
	HELLO_FIRST,	/**< the first one is on its way */
	HELLO_ANSWER,	/**< what the server says to it decides */
	HELLO_SECOND,	/**< another must come */
	HELLO_ALERT,	/**< an alert came instead, and is on its way */
};

struct hello {
	enum hello_state state;
	size_t left; /**< bytes of the first, or an alert, that are yet to go */
	bool alerted; /**< the client may end now */
	size_t seen;  /**< bytes that lay in the socket when it was looked at */
};

/** In HELLO_ANSWER: look at the server's socket. False: wait for more bytes in
 * it. True: the next state is set. */
bool hello_answer(struct hello *hello, int server);

/** In HELLO_SECOND: look at the client's socket. SNIFF_MORE: wait for more
 * bytes in it. SNIFF_TLS: all is well, nothing more is to be looked at.
 * SNIFF_OTHER: an alert, which is HELLO_ALERT; HELLO_SECOND is next. SNIFF_BAD:
 * `why`, a static text. */
enum sniff hello_second(struct hello *hello, int client, const char *name,
			const char **why);

#endif
