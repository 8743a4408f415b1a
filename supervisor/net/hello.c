#include "supervisor/net/hello.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
	RECORD_CHANGE = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
	RECORD_HEAD = 5,
	ALERT = 2,
	SERVER_HELLO = 2,
	RANDOM_AT = 11, /* in a record: its head, 4 bytes, and the version */
	RANDOM = 32,
	ANSWER_MOST = 128,
};

/* The random of a HelloRetryRequest (RFC 8446, 4.1.3). */
static const uint8_t again[RANDOM] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static void set_low_water(int fd, size_t bytes)
{
	int value = (int)bytes;

	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value));
}

/* What lies in a socket. False: nothing new, but it has not ended either. */
static bool look(int fd, uint8_t *bytes, size_t most, size_t *length)
{
	ssize_t got = recv(fd, bytes, most, MSG_PEEK | MSG_DONTWAIT);

	*length = got > 0 ? (size_t)got : 0;
	return got >= 0 || errno != EAGAIN;
}

/* Wait for one byte more; false: there was none since the last time. */
static bool wait_on(struct hello *hello, int fd, size_t length)
{
	bool grew = length > hello->seen;

	hello->seen = length;
	if (grew)
		set_low_water(fd, length + 1);
	return grew;
}

static void next(struct hello *hello, int fd, enum hello_state state)
{
	set_low_water(fd, 1);
	hello->seen = 0;
	hello->state = state;
}

/* What the first bytes of an answer say. */
static enum hello_state judge(const uint8_t *bytes, size_t length)
{
	/* Older servers warn that they do not know the name. */
	while (length >= 7 && bytes[0] == RECORD_ALERT && bytes[4] == 2) {
		bytes += 7;
		length -= 7;
	}
	if (length < 6)
		return length && bytes[0] != RECORD_HANDSHAKE &&
				       bytes[0] != RECORD_ALERT
			       ? HELLO_NONE
			       : HELLO_ANSWER;
	size_t record = (size_t)bytes[3] << 8 | bytes[4];

	if (bytes[0] != RECORD_HANDSHAKE || bytes[5] != SERVER_HELLO)
		return HELLO_NONE;
	/* In pieces, it may be one. */
	if (record < RANDOM_AT + RANDOM - RECORD_HEAD)
		return HELLO_SECOND;
	if (length < RANDOM_AT + RANDOM)
		return HELLO_ANSWER;
	return memcmp(bytes + RANDOM_AT, again, RANDOM) == 0 ? HELLO_SECOND
							     : HELLO_NONE;
}

bool hello_answer(struct hello *hello, int server)
{
	uint8_t bytes[ANSWER_MOST];
	size_t length;
	enum hello_state state;

	if (!look(server, bytes, sizeof(bytes), &length))
		return false;
	state = length ? judge(bytes, length) : HELLO_NONE;
	if (state == HELLO_ANSWER && length < sizeof(bytes) &&
	    wait_on(hello, server, length))
		return false;
	/* What ended before it said so gets no more than it may have. */
	next(hello, server, state == HELLO_ANSWER ? HELLO_SECOND : state);
	return true;
}

/* Where an alert ends that says why no second one comes; 0: it is none.
 * `whole`: all of it is there. */
static size_t alert_end(const uint8_t *bytes, size_t length, bool *whole)
{
	size_t at = 0;

	while (length - at > RECORD_HEAD &&
	       (bytes[at] == RECORD_CHANGE || bytes[at] == RECORD_DATA)) {
		size_t body = (size_t)bytes[at + 3] << 8 | bytes[at + 4];

		if (length - at - RECORD_HEAD < body)
			return 0;
		at += RECORD_HEAD + body;
	}
	*whole = length - at >= RECORD_HEAD + ALERT;
	if (at == length || bytes[at] != RECORD_ALERT ||
	    (length - at >= RECORD_HEAD &&
	     (bytes[at + 1] != 3 || bytes[at + 3] || bytes[at + 4] != ALERT)))
		return 0;
	return at + RECORD_HEAD + ALERT;
}

enum sniff hello_second(struct hello *hello, int client, const char *name,
			const char **why)
{
	uint8_t bytes[SNIFF_MOST];
	struct sniffed sniffed;
	size_t length;

	if (!look(client, bytes, sizeof(bytes), &length))
		return SNIFF_MORE;
	bool whole = false;
	size_t alert = alert_end(bytes, length, &whole);

	if (length == 0 && hello->alerted) {
		next(hello, client, HELLO_NONE);
		return SNIFF_TLS;
	}
	if (alert && whole) {
		next(hello, client, HELLO_ALERT);
		hello->left = alert;
		hello->alerted = true;
		return SNIFF_OTHER;
	}
	switch (alert ? SNIFF_MORE : sniff_second(bytes, length, &sniffed)) {
	case SNIFF_TLS:
		if (strcmp(sniffed.name, name) == 0) {
			next(hello, client, HELLO_NONE);
			return SNIFF_TLS;
		}
		*why = "the second ClientHello names another server than the "
		       "first";
		return SNIFF_BAD;
	case SNIFF_MORE:
		*why = "it ended before its second ClientHello, or that is too "
		       "long";
		return length < sizeof(bytes) && wait_on(hello, client, length)
			       ? SNIFF_MORE
			       : SNIFF_BAD;
	default:
		*why = sniffed.why;
		return SNIFF_BAD;
	}
}
