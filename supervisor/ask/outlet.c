#include "supervisor/ask/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 192 * 1024 }; /* beyond what is kept */

void outlet_open(struct outlet *outlet, int terminal)
{
	struct stat ours, theirs;
	char path[32];

	*outlet = (struct outlet){.fd = terminal, .blocks = true};
	/* O_NONBLOCK is shared by all that have the same open file, the user's
	 * shell among them: only a file of our own may have it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", terminal);
	int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(terminal, &theirs) || fstat(fd, &ours) ||
	    ours.st_rdev != theirs.st_rdev || !isatty(fd)) {
		close(fd);
		return;
	}
	outlet->fd = fd;
	outlet->blocks = false;
}

void outlet_close(struct outlet *outlet)
{
	if (!outlet->blocks)
		close(outlet->fd);
	free(outlet->bytes);
	*outlet = (struct outlet){.fd = -1, .blocks = true};
}

size_t outlet_kept(const struct outlet *outlet)
{
	return outlet->length;
}

/* Returns how much was taken: less than `length` where the terminal takes no
 * more now. All is taken by one that is gone. */
static size_t write_out(const struct outlet *outlet, const char *bytes,
			size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t put = write(outlet->fd, bytes + done, length - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN) {
			struct pollfd fd = {.fd = outlet->fd,
					    .events = POLLOUT};

			if (!outlet->blocks)
				return done;
			/* Whoever shares the file made it so. */
			(void)poll(&fd, 1, 100);
			continue;
		}
		if (put <= 0)
			return length;
		done += (size_t)put;
	}
	return done;
}

/* Room for `length` more bytes behind those that are kept. Freed and made anew
 * for each chunk, the memory would be given back to the kernel and fetched
 * again page by page. */
static bool make_room(struct outlet *outlet, size_t length)
{
	if (outlet->at + outlet->length + length <= outlet->capacity)
		return true;
	if (outlet->length + length > outlet->capacity) {
		size_t capacity = outlet->length + length + ROOM;
		char *grown = realloc(outlet->bytes, capacity);

		if (!grown)
			return false;
		outlet->bytes = grown;
		outlet->capacity = capacity;
	}
	memmove(outlet->bytes, outlet->bytes + outlet->at, outlet->length);
	outlet->at = 0;
	return true;
}

static bool keep(struct outlet *outlet, const char *bytes, size_t length)
{
	if (outlet->length == 0)
		outlet->at = 0;
	if (!make_room(outlet, length))
		return false;
	memcpy(outlet->bytes + outlet->at + outlet->length, bytes, length);
	outlet->length += length;
	return true;
}

void outlet_put(struct outlet *outlet, const char *bytes, size_t length)
{
	size_t done = 0;

	if (outlet->length == 0)
		done = write_out(outlet, bytes, length);
	if (done == length || keep(outlet, bytes + done, length - done))
		return;
	/* No memory: wait, as the program would. */
	outlet_drain(outlet, -1);
	while (done < length) {
		struct pollfd fd = {.fd = outlet->fd, .events = POLLOUT};

		(void)poll(&fd, 1, 100);
		done += write_out(outlet, bytes + done, length - done);
	}
}

void outlet_flush(struct outlet *outlet)
{
	size_t put =
		write_out(outlet, outlet->bytes + outlet->at, outlet->length);

	outlet->at += put;
	outlet->length -= put;
}

void outlet_drain(struct outlet *outlet, int patience)
{
	while (outlet->length) {
		struct pollfd fd = {.fd = outlet->fd, .events = POLLOUT};
		int ready = poll(&fd, 1, patience);

		if (ready == 0 || (ready < 0 && errno != EINTR))
			break;
		outlet_flush(outlet);
	}
}
