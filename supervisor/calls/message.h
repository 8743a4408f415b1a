/*
 * Messages that a program sends: struct msghdr with all that it points to, read
 * once. The data is read piece by piece as it is sent; the rest at once.
 */
#ifndef SUPERVISOR_CALLS_MESSAGE_H
#define SUPERVISOR_CALLS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct call;
struct endpoint_socket;

enum {
	MESSAGE_PARTS = 1024,	 /* UIO_MAXIOV */
	MESSAGE_FEW = 8,	 /* parts that need no allocation */
	MESSAGE_RIGHTS = 253,	 /* SCM_MAX_FD */
	MESSAGE_CONTROL = 16384, /* more than the largest that is of use */
};

struct message {
	uint64_t name; /**< where the address is; 0: none */
	int64_t name_length;
	struct iovec *parts; /**< in the program's memory */
	struct iovec few[MESSAGE_FEW];
	size_t part_count;
	size_t total;  /**< bytes of data */
	size_t part;   /**< where the next is to be read from */
	size_t offset; /**< within that part */
	uint64_t control_at;
	void *control; /**< as it is to be sent; malloc()ed, or NULL */
	size_t control_length;
	int *rights; /**< descriptors that the control data names; owned */
	size_t right_count;
};

/** A message of one part, as send(2) has it. */
void message_single(struct message *message, uint64_t data, uint64_t length);

/**
 * Read a struct msghdr. Returns 0, or -EFAULT, -EINVAL, -EMSGSIZE, -ENOBUFS,
 * -ENOMEM as the kernel would; to be freed either way.
 */
int message_read(struct call *call, uint64_t at, struct message *message);
void message_free(struct message *message);

/**
 * Read the control data and make it fit to be sent by the supervisor: passed
 * descriptors are fetched from the program; credentials must be the caller's
 * own. Of what changes a packet only a list of known kinds is let through: a
 * route in the packet's options would lead past the address that is decided
 * about.
 *
 * Returns 0, or -EFAULT, -EINVAL, -EBADF, -EPERM, -ENOMEM.
 */
int message_control(struct call *call, const struct endpoint_socket *socket,
		    struct message *message);

/** Read up to `length` more bytes of data: their number, or -EFAULT. */
ssize_t message_data(struct call *call, struct message *message, void *buffer,
		     size_t length);

#endif
