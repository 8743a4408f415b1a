#include "supervisor/net/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(sizeof(int) * NET_FDS)];
	struct cmsghdr align;
};

void net_fds_close(struct net_fds *fds)
{
	for (int i = 0; i < NET_FDS; i++) {
		if (fds->fd[i] >= 0)
			close(fds->fd[i]);
		fds->fd[i] = -1;
	}
}

socklen_t net_endpoint_length(const union net_endpoint *endpoint)
{
	return endpoint->any.sa_family == AF_INET ? sizeof(endpoint->in)
						  : sizeof(endpoint->in6);
}

int net_send(int socket, const struct net_message *message, const int *fds,
	     size_t count, int flags)
{
	union control control = {{0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)message,
			     .iov_len = sizeof(*message)};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	if (count > NET_FDS)
		return -EINVAL;
	if (count > 0) {
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
	}
	ssize_t sent;

	do {
		sent = sendmsg(socket, &header, flags | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *header, struct net_fds *fds)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at;
	     at = CMSG_NXTHDR(header, at)) {
		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count && i < NET_FDS; i++)
			memcpy(&fds->fd[i], CMSG_DATA(at) + i * sizeof(int),
			       sizeof(int));
	}
}

int net_receive(int socket, struct net_message *message, struct net_fds *fds,
		int flags)
{
	union control control;
	struct iovec part = {.iov_base = message, .iov_len = sizeof(*message)};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	for (int i = 0; i < NET_FDS; i++)
		fds->fd[i] = -1;
	ssize_t got = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);

	if (got < 0)
		return -errno;
	take_fds(&header, fds);
	if (got == 0)
		return 0;
	if (got != sizeof(*message) || message->address_count > NET_ADDRESSES) {
		net_fds_close(fds);
		return -EPROTO;
	}
	if (header.msg_flags & MSG_CTRUNC)
		net_fds_close(fds);
	message->name[NET_NAME - 1] = message->text[NET_TEXT - 1] = '\0';
	return 1;
}
