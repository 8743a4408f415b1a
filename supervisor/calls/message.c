#include "supervisor/calls/message.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/call.h"
#include "supervisor/calls/sockaddr.h"
#include "supervisor/calls/veiled.h"
#include "supervisor/take_fd.h"
#include "supervisor/tracee.h"

/* Linux 4.18, 4.19; older headers of the C library lack them. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SCM_TXTIME
#define SCM_TXTIME 61
#endif

/* The most that one call transfers (MAX_RW_COUNT), whatever it asks for. */
#define MOST_BYTES ((size_t)INT_MAX & ~(size_t)4095)

void message_single(struct message *message, uint64_t data, uint64_t length)
{
	memset(message, 0, sizeof(*message));
	message->few[0].iov_base = (void *)(uintptr_t)data;
	message->few[0].iov_len = length < MOST_BYTES ? length : MOST_BYTES;
	message->parts = message->few;
	message->part_count = 1;
	message->total = message->few[0].iov_len;
}

static int read_parts(struct call *call, const struct msghdr *header,
		      struct message *message)
{
	size_t count = header->msg_iovlen;

	if (count > MESSAGE_PARTS)
		return -EMSGSIZE;
	message->parts = message->few;
	if (count > MESSAGE_FEW) {
		message->parts = malloc(count * sizeof(*message->parts));
		if (!message->parts)
			return -ENOMEM;
	}
	message->part_count = count;
	if (call_read(call, (uint64_t)(uintptr_t)header->msg_iov,
		      message->parts, count * sizeof(*message->parts)))
		return -EFAULT;
	for (size_t i = 0; i < count; i++) {
		struct iovec *part = &message->parts[i];

		if (part->iov_len > SSIZE_MAX)
			return -EINVAL;
		if (part->iov_len > MOST_BYTES - message->total)
			part->iov_len = MOST_BYTES - message->total;
		message->total += part->iov_len;
	}
	return 0;
}

int message_read(struct call *call, uint64_t at, struct message *message)
{
	struct msghdr header;

	memset(message, 0, sizeof(*message));
	if (call_read(call, at, &header, sizeof(header)))
		return -EFAULT;
	if (header.msg_name && (int)header.msg_namelen < 0)
		return -EINVAL;
	if (header.msg_name && header.msg_namelen > 0) {
		message->name = (uint64_t)(uintptr_t)header.msg_name;
		message->name_length = header.msg_namelen;
		if (message->name_length >
		    (int64_t)sizeof(struct sockaddr_storage))
			message->name_length = sizeof(struct sockaddr_storage);
	}
	int error = read_parts(call, &header, message);

	if (error)
		return error;
	if (header.msg_controllen > MESSAGE_CONTROL)
		return -ENOBUFS;
	message->control_at = (uint64_t)(uintptr_t)header.msg_control;
	message->control_length = header.msg_controllen;
	return 0;
}

void message_free(struct message *message)
{
	for (size_t i = 0; i < message->right_count; i++)
		close(message->rights[i]);
	free(message->rights);
	free(message->control);
	if (message->parts != message->few)
		free(message->parts);
	memset(message, 0, sizeof(*message));
}

ssize_t message_data(struct call *call, struct message *message, void *buffer,
		     size_t length)
{
	char *to = buffer;
	size_t got = 0;

	while (got < length && message->part < message->part_count) {
		const struct iovec *part = &message->parts[message->part];
		size_t want = part->iov_len - message->offset;

		if (want > length - got)
			want = length - got;
		if (call_read(call,
			      (uint64_t)(uintptr_t)part->iov_base +
				      message->offset,
			      to + got, want))
			return -EFAULT;
		got += want;
		message->offset += want;
		if (message->offset == part->iov_len) {
			message->part++;
			message->offset = 0;
		}
	}
	return (ssize_t)got;
}

/* -------------------------------------------------------------- control -- */

static int take_rights(struct call *call, struct message *message, void *data,
		       size_t length)
{
	size_t count = length / sizeof(int);

	if (count > MESSAGE_RIGHTS - message->right_count)
		return -EINVAL;
	if (!message->rights) {
		message->rights = calloc(MESSAGE_RIGHTS, sizeof(int));
		if (!message->rights)
			return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		int *number = (int *)data + i;
		int fd = *number < 0 ? -EBADF : call_take_fd(call, *number);

		if (fd >= 0)
			fd = veiled_sent(call, *number, fd);
		if (fd < 0)
			return fd;
		message->rights[message->right_count++] = fd;
		*number = fd;
	}
	return 0;
}

/* unix(7): a program may say who it is, and the kernel checks that. Of a
 * process id it takes only the sending thread's own, which here is ours: so
 * that is what is said, where the program told the truth. */
static int check_credentials(struct call *call, void *data, size_t length)
{
	struct tracee_status status;
	struct ucred *said = data;

	if (length != sizeof(*said))
		return -EINVAL;
	if (tracee_status(call->tid, &status))
		return -ESRCH;
	if (said->pid != status.process ||
	    (said->uid != status.uid && said->uid != status.euid) ||
	    (said->gid != status.gid && said->gid != status.egid))
		return -EPERM;
	said->pid = getpid();
	return 0;
}

/* What may be said of a packet. Not IP_RETOPTS and IPV6_RTHDR, which may hold a
 * source route; not SO_MARK, which asks for another routing table. */
static bool known_option(int level, int type)
{
	static const struct {
		int level, type;
	} known[] = {
		{SOL_SOCKET, SCM_RIGHTS}, /* no meaning, and ignored */
		{SOL_SOCKET, SCM_CREDENTIALS}, {SOL_SOCKET, SO_TIMESTAMPING},
		{SOL_SOCKET, SCM_TXTIME},      {IPPROTO_IP, IP_TOS},
		{IPPROTO_IP, IP_TTL},	       {IPPROTO_IP, IP_PKTINFO},
		{IPPROTO_IPV6, IPV6_PKTINFO},  {IPPROTO_IPV6, IPV6_HOPLIMIT},
		{IPPROTO_IPV6, IPV6_TCLASS},   {IPPROTO_IPV6, IPV6_DONTFRAG},
		{IPPROTO_UDP, UDP_SEGMENT},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].level == level && known[i].type == type)
			return true;
	return false;
}

static int check_one(struct call *call, const struct endpoint_socket *socket,
		     struct message *message, const struct cmsghdr *header,
		     void *data, size_t length)
{
	if (socket_is_inet(socket))
		return known_option(header->cmsg_level, header->cmsg_type)
			       ? 0
			       : -EINVAL;
	if (socket->domain != AF_UNIX && socket->domain != AF_NETLINK)
		return -EINVAL;
	if (header->cmsg_level != SOL_SOCKET)
		return 0; /* ignored there */
	if (header->cmsg_type == SCM_CREDENTIALS)
		return check_credentials(call, data, length);
	if (header->cmsg_type == SCM_RIGHTS && socket->domain == AF_UNIX)
		return take_rights(call, message, data, length);
	return -EINVAL;
}

int message_control(struct call *call, const struct endpoint_socket *socket,
		    struct message *message)
{
	const size_t start = CMSG_LEN(0);
	size_t length = message->control_length;

	if (length == 0)
		return 0;
	message->control = malloc(length);
	if (!message->control)
		return -ENOMEM;
	if (call_read(call, message->control_at, message->control, length))
		return -EFAULT;
	/* As the kernel walks it: CMSG_OK() and for_each_cmsghdr(). */
	for (size_t at = 0; length >= start && at <= length - start;) {
		char *here = (char *)message->control + at;
		struct cmsghdr header;

		memcpy(&header, here, sizeof(header));
		if (header.cmsg_len < start || header.cmsg_len > length - at)
			return -EINVAL;
		int error = check_one(call, socket, message, &header,
				      here + start, header.cmsg_len - start);

		if (error)
			return error;
		at += CMSG_ALIGN(header.cmsg_len);
	}
	return 0;
}
