#include "supervisor/net/ssh_wire.h"

#include <string.h>

uint32_t ssh_number_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
}

static struct ssh_bytes read_bytes(struct ssh_reader *reader, size_t length)
{
	struct ssh_bytes bytes = {reader->at, length};

	if (reader->bad || length > reader->left) {
		reader->bad = true;
		return (struct ssh_bytes){0};
	}
	reader->at += length;
	reader->left -= length;
	return bytes;
}

uint8_t ssh_read_byte(struct ssh_reader *reader)
{
	struct ssh_bytes byte = read_bytes(reader, 1);

	return byte.at ? *byte.at : 0;
}

uint32_t ssh_read_number(struct ssh_reader *reader)
{
	struct ssh_bytes four = read_bytes(reader, 4);

	return four.at ? ssh_number_at(four.at) : 0;
}

struct ssh_bytes ssh_read_string(struct ssh_reader *reader)
{
	uint32_t length = ssh_read_number(reader);

	return read_bytes(reader, length);
}

bool ssh_at_end(const struct ssh_reader *reader)
{
	return !reader->bad && reader->left == 0;
}

bool ssh_is(struct ssh_bytes bytes, const char *text)
{
	return bytes.at && bytes.length == strlen(text) &&
	       memcmp(bytes.at, text, bytes.length) == 0;
}

bool ssh_same(struct ssh_bytes a, struct ssh_bytes b)
{
	return a.at && b.at && a.length == b.length &&
	       memcmp(a.at, b.at, a.length) == 0;
}
