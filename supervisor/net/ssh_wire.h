/*
 * Data as ssh writes it: RFC 4251, 5.
 */
#ifndef SUPERVISOR_NET_SSH_WIRE_H
#define SUPERVISOR_NET_SSH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is being read; `bad` from the first time on that something lacks. */
struct ssh_reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

/** A part of it; `at` is NULL where it lacks. */
struct ssh_bytes {
	const uint8_t *at;
	size_t length;
};

/** The number that four bytes are. */
uint32_t ssh_number_at(const uint8_t *at);

/** The next one; zero, or nothing, where there is none. */
uint8_t ssh_read_byte(struct ssh_reader *reader);
uint32_t ssh_read_number(struct ssh_reader *reader);
struct ssh_bytes ssh_read_string(struct ssh_reader *reader);

/** Was all there, and is nothing left? */
bool ssh_at_end(const struct ssh_reader *reader);

bool ssh_is(struct ssh_bytes bytes, const char *text);
bool ssh_same(struct ssh_bytes a, struct ssh_bytes b);

#endif
