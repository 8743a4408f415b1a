#include "supervisor/receivers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/scope.h"

enum {
	STATE_LISTEN = 10, /* TCP_LISTEN, as the kernel shows it */
	ANSWERS = 16 << 10,
};

/* What is looked for, and what was found. */
struct search {
	const struct policy_endpoint *endpoint;
	const uint64_t *inodes;
	size_t count;
	size_t found;
	bool other; /* somebody else's receives there, too */
};

static bool all_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Does a socket bound to `local` (4 or 16 bytes) receive for the endpoint? A
 * socket bound to :: receives for IPv4, too, unless it is told not to, which
 * /proc/net does not show: there it counts. */
static bool receives(const uint8_t *local, size_t size,
		     const struct policy_endpoint *endpoint)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (all_zero(local, size))
		return true;
	if (endpoint->family == AF_INET6)
		return size == 16 && memcmp(local, endpoint->address, 16) == 0;
	if (size == 16) {
		if (memcmp(local, mapped, sizeof(mapped)) != 0)
			return false;
		local += sizeof(mapped);
	}
	return all_zero(local, 4) || memcmp(local, endpoint->address, 4) == 0;
}

/* A socket on the endpoint's port. */
static void note(struct search *search, const uint8_t *local, size_t size,
		 uint64_t inode)
{
	if (!receives(local, size, search->endpoint))
		return;
	for (size_t i = 0; i < search->count; i++) {
		if (search->inodes[i] == inode) {
			search->found++;
			return;
		}
	}
	search->other = true;
}

static int conclusion(const struct search *search)
{
	return search->found > 0 && !search->other;
}

/* -- sock_diag(7) --------------------------------------------------------- */

static int send_request(int socket, int family,
			const struct policy_endpoint *endpoint)
{
	bool udp = endpoint->kind == ENDPOINT_UDP;
	const struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = (uint8_t)family,
			 .sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP,
			 .idiag_states = udp ? ~UINT32_C(0)
					     : UINT32_C(1) << STATE_LISTEN,
			 .id = {.idiag_sport = htons(endpoint->port)}},
	};
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	return sendto(socket, &request, sizeof(request), 0,
		      (const void *)&kernel, sizeof(kernel)) < 0
		       ? -errno
		       : 0;
}

/* Is it an IPv6 socket that receives for IPv6 alone (IPV6_V6ONLY)? */
static bool is_six_only(const struct nlmsghdr *header)
{
	size_t size = NLMSG_ALIGN(sizeof(struct inet_diag_msg));
	const struct rtattr *attribute =
		(const void *)((const char *)NLMSG_DATA(header) + size);
	size_t left = header->nlmsg_len - NLMSG_HDRLEN;

	for (left = left > size ? left - size : 0; RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == INET_DIAG_SKV6ONLY &&
		    RTA_PAYLOAD(attribute) >= 1)
			return *(const uint8_t *)RTA_DATA(attribute);
	return false;
}

/* Returns 1 at the end, 0 where more is to come, or -errno. */
static int take_answer(struct search *search, const struct nlmsghdr *header)
{
	const struct inet_diag_msg *told = NLMSG_DATA(header);
	size_t size;

	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EAGAIN;
	if (header->nlmsg_type == NLMSG_DONE ||
	    header->nlmsg_type == NLMSG_ERROR) {
		/* The same place in either. */
		const int *error = NLMSG_DATA(header);

		if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
			return -EPROTO;
		return *error < 0 ? *error : 1;
	}
	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    header->nlmsg_len < NLMSG_LENGTH(sizeof(*told)))
		return -EPROTO;
	size = told->idiag_family == AF_INET ? 4 : 16;
	if (search->endpoint->family == AF_INET && is_six_only(header))
		return 0;
	if (ntohs(told->id.idiag_sport) == search->endpoint->port)
		note(search, (const uint8_t *)told->id.idiag_src, size,
		     told->idiag_inode);
	return 0;
}

static int take_answers(struct search *search, int socket)
{
	union {
		struct nlmsghdr header;
		char bytes[ANSWERS];
	} answers;

	for (;;) {
		struct sockaddr_nl from;
		socklen_t from_length = sizeof(from);
		ssize_t got = recvfrom(socket, &answers, sizeof(answers),
				       MSG_TRUNC, (void *)&from, &from_length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if ((size_t)got > sizeof(answers) || from.nl_pid)
			return -EPROTO;
		size_t left = (size_t)got;

		for (const struct nlmsghdr *header = &answers.header;
		     NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left)) {
			int end = take_answer(search, header);

			if (end)
				return end < 0 ? end : 0;
		}
	}
}

static int ask_diag(struct search *search, int family)
{
	auto_fd fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -errno;
	int error = send_request(fd, family, search->endpoint);

	return error ? error : take_answers(search, fd);
}

int receivers_by_diag(const struct policy_endpoint *endpoint,
		      const uint64_t *inodes, size_t count)
{
	struct search search = {endpoint, inodes, count, 0, false};
	int error = 0;

	if (endpoint->family == AF_INET)
		error = ask_diag(&search, AF_INET);
	if (!error && !search.other)
		error = ask_diag(&search, AF_INET6);
	return error ? error : conclusion(&search);
}

/* -- proc_net_tcp(5) ------------------------------------------------------- */

/* The kernel prints each 32-bit word of an address as its own number, as it
 * lies in memory. Returns the number of bytes, or 0. */
static size_t parse_address(const char *text, uint8_t bytes[16])
{
	size_t length = strlen(text);

	if (length != 8 && length != 32)
		return 0;
	for (size_t i = 0; i < length / 8; i++) {
		char word[9];

		memcpy(word, text + i * 8, 8);
		word[8] = '\0';
		uint32_t value = (uint32_t)strtoul(word, NULL, 16);

		memcpy(bytes + i * 4, &value, 4);
	}
	return length / 2;
}

/* Returns false at the end of what is of interest. */
static bool look_at(const char *line, struct search *search)
{
	char local[33];
	unsigned port, state;
	unsigned long inode;
	uint8_t bytes[16];

	if (sscanf(line,
		   " %*u: %32[0-9A-F]:%4X %*[0-9A-F]:%*X %2X %*X:%*X %*X:%*X "
		   "%*X %*u %*u %lu",
		   local, &port, &state, &inode) != 4)
		return true; /* the heading */
	/* The kernel lists what listens first. */
	if (search->endpoint->kind == ENDPOINT_TCP && state != STATE_LISTEN)
		return false;
	size_t size = parse_address(local, bytes);

	if (port == search->endpoint->port && size)
		note(search, bytes, size, inode);
	return !search->other;
}

/* Returns 0, or -errno where the table cannot be read. */
static int look_through(const char *path, struct search *search)
{
	char line[512];
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file) && look_at(line, search))
		;
	int error = ferror(file) ? -EIO : 0;

	fclose(file);
	return error;
}

int receivers_by_proc(const struct policy_endpoint *endpoint,
		      const uint64_t *inodes, size_t count)
{
	struct search search = {endpoint, inodes, count, 0, false};
	bool udp = endpoint->kind == ENDPOINT_UDP;
	int error = 0;

	if (endpoint->family == AF_INET)
		error = look_through(udp ? "/proc/net/udp" : "/proc/net/tcp",
				     &search);
	/* Absent where the kernel has no IPv6: then nothing listens there. */
	if (!error && !search.other)
		(void)look_through(udp ? "/proc/net/udp6" : "/proc/net/tcp6",
				   &search);
	return error ? error : conclusion(&search);
}

bool receivers_are(const struct policy_endpoint *endpoint,
		   const uint64_t *inodes, size_t count)
{
	int are = receivers_by_diag(endpoint, inodes, count);

	if (are < 0)
		are = receivers_by_proc(endpoint, inodes, count);
	return are > 0;
}
