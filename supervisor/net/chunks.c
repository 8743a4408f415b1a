#include "supervisor/net/sniff.h"

enum {
	CHUNK_SIZE = 0, /* the number of a chunk's line */
	CHUNK_REST,	/* what else is on it */
	CHUNK_LF,
	CHUNK_DATA,
	CHUNK_CR_AFTER,
	CHUNK_LF_AFTER,
	TRAILER_START,
	TRAILER_LINE,
	TRAILER_LF,
	TRAILER_END,
};

static int digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* One byte outside of a chunk's data. False: it cannot stand there. */
static bool step(struct chunks *chunks, uint8_t byte, bool *done)
{
	switch (chunks->state) {
	case CHUNK_SIZE:
		if (digit(byte) >= 0) {
			chunks->left =
				chunks->left << 4 | (uint64_t)digit(byte);
			return ++chunks->digits <= 15;
		}
		chunks->state = byte == '\r' ? CHUNK_LF : CHUNK_REST;
		return chunks->digits > 0 && (byte == '\r' || byte == ';');
	case CHUNK_REST:
		if (byte == '\r')
			chunks->state = CHUNK_LF;
		return byte != '\n';
	case CHUNK_LF:
		chunks->state = chunks->left ? CHUNK_DATA : TRAILER_START;
		chunks->digits = 0;
		chunks->line = 0;
		return byte == '\n';
	case CHUNK_CR_AFTER:
		chunks->state = CHUNK_LF_AFTER;
		return byte == '\r';
	case CHUNK_LF_AFTER:
		chunks->state = CHUNK_SIZE;
		chunks->line = 0;
		return byte == '\n';
	case TRAILER_START:
		chunks->state = byte == '\r' ? TRAILER_END : TRAILER_LINE;
		return byte != '\n';
	case TRAILER_LINE:
		if (byte == '\r')
			chunks->state = TRAILER_LF;
		return byte != '\n';
	case TRAILER_LF:
		chunks->state = TRAILER_START;
		return byte == '\n';
	default: /* TRAILER_END */
		*done = true;
		return byte == '\n';
	}
}

size_t chunks_pass(struct chunks *chunks, const uint8_t *bytes, size_t length,
		   bool *done)
{
	size_t at = 0;

	*done = false;
	while (at < length && !*done) {
		if (chunks->state == CHUNK_DATA) {
			size_t here = length - at;

			if (here > chunks->left)
				here = (size_t)chunks->left;
			at += here;
			chunks->left -= here;
			if (chunks->left == 0)
				chunks->state = CHUNK_CR_AFTER;
			continue;
		}
		const bool trailer = chunks->state >= TRAILER_START;

		if (++chunks->line > 8192 || !step(chunks, bytes[at], done))
			return SIZE_MAX;
		if (trailer && chunks->state != TRAILER_END &&
		    !trailer_pass(&chunks->trailer, (const char *)bytes + at,
				  1))
			return SIZE_MAX;
		at++;
	}
	return at;
}
