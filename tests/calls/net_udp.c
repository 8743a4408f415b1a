/* UDP: connected and not, with sendto, sendmsg and sendmmsg. */
#include "tests/calls/net.h"

static int receiver;
static struct sockaddr_in to;

static void arrived(void)
{
	char text[64] = "";
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(receiver, text, sizeof(text) - 1, MSG_DONTWAIT,
			       (struct sockaddr *)&from, &length);

	show(" arrived", got);
	if (got >= 0)
		printf(" %s from the loopback: %d\n", text,
		       from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

static void simple(void)
{
	int fd = need(socket(AF_INET, SOCK_DGRAM, 0));
	struct sockaddr_in name = to;

	show("nowhere", send(fd, "x", 1, 0));
	show("sendto", sendto(fd, "one", 3, 0, NAME(name)));
	arrived();
	show("empty", sendto(fd, "", 0, 0, NAME(name)));
	arrived();
	name.sin_family = AF_UNSPEC;
	show("AF_UNSPEC", sendto(fd, "two", 3, 0, NAME(name)));
	arrived();
	name.sin_family = AF_INET;
	name.sin_addr.s_addr = 0;
	show("0.0.0.0", sendto(fd, "three", 5, 0, NAME(name)));
	arrived();
	name = to;
	show("connect", connect(fd, NAME(name)));
	show("send", send(fd, "four", 4, 0));
	arrived();
	show("sendto, connected", sendto(fd, "five", 4, 0, NAME(name)));
	arrived();
	show("fast open is ignored",
	     sendto(fd, "six", 3, MSG_FASTOPEN, NULL, 0));
	arrived();
	name.sin_family = AF_UNSPEC;
	show("disconnect", connect(fd, NAME(name)));
	show("nowhere again", send(fd, "x", 1, 0));
	close(fd);
}

static void six(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0) {
		printf("no IPv6\n");
		return;
	}
	struct sockaddr_in6 mapped =
		in6("::ffff:127.0.0.1", ntohs(to.sin_port));
	struct sockaddr_in plain = to;
	struct sockaddr_in6 none = {.sin6_family = AF_UNSPEC};

	show("mapped", sendto(fd, "one", 3, 0, NAME(mapped)));
	arrived();
	show("IPv4 on IPv6", sendto(fd, "two", 3, 0, NAME(plain)));
	arrived();
	show("none", sendto(fd, "x", 1, 0, NAME(none)));
	show("connect", connect(fd, NAME(plain)));
	show("AF_UNSPEC", sendto(fd, "three", 5, 0, NAME(none)));
	arrived();
	close(fd);
}

static void messages(void)
{
	int fd = need(socket(AF_INET, SOCK_DGRAM, 0));
	struct iovec parts[12];
	char letters[12];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {0};
	struct msghdr message = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = parts,
		.msg_iovlen = 12,
	};

	for (size_t i = 0; i < 12; i++) {
		letters[i] = (char)('a' + i);
		parts[i] = (struct iovec){&letters[i], 1};
	}
	show("sendmsg", sendmsg(fd, &message, 0));
	arrived();
	control.header.cmsg_level = IPPROTO_IP;
	control.header.cmsg_type = IP_PKTINFO;
	control.header.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
	((struct in_pktinfo *)CMSG_DATA(&control.header))->ipi_spec_dst.s_addr =
		htonl(INADDR_LOOPBACK);
	message.msg_control = &control;
	message.msg_controllen = sizeof(control.bytes);
	show("with a source", sendmsg(fd, &message, 0));
	arrived();
	control.header.cmsg_len = 3;
	show("a bad length", sendmsg(fd, &message, 0));
	message.msg_control = NULL;
	message.msg_controllen = 0;
	message.msg_iovlen = 1025;
	show("too many parts", sendmsg(fd, &message, 0));
	message.msg_iovlen = 2;
	parts[1] = (struct iovec){(void *)8, 1};
	show("a bad part", sendmsg(fd, &message, 0));
	parts[1] = (struct iovec){letters, (size_t)-1};
	show("a negative part", sendmsg(fd, &message, 0));
	message.msg_iovlen = 0;
	show("no part", sendmsg(fd, &message, 0));
	arrived();
	message.msg_name = (void *)8;
	show("a bad name", sendmsg(fd, &message, 0));
	message.msg_name = &to;
	message.msg_namelen = (socklen_t)-1;
	show("a negative name", sendmsg(fd, &message, 0));
	message.msg_namelen = 400;
	show("a long name", sendmsg(fd, &message, 0));
	show("no message", sendmsg(fd, (struct msghdr *)8, 0));
	close(fd);
}

static void many(void)
{
	int fd = need(socket(AF_INET, SOCK_DGRAM, 0));
	struct mmsghdr list[3];
	struct iovec parts[3];
	char *texts[] = {"first", "second!", "third"};

	memset(list, 0, sizeof(list));
	for (size_t i = 0; i < 3; i++) {
		parts[i] = (struct iovec){texts[i], strlen(texts[i])};
		list[i].msg_hdr.msg_name = &to;
		list[i].msg_hdr.msg_namelen = sizeof(to);
		list[i].msg_hdr.msg_iov = &parts[i];
		list[i].msg_hdr.msg_iovlen = 1;
	}
	show("sendmmsg", sendmmsg(fd, list, 3, 0));
	printf("lengths %u %u %u\n", list[0].msg_len, list[1].msg_len,
	       list[2].msg_len);
	for (size_t i = 0; i < 3; i++)
		arrived();
	list[1].msg_hdr.msg_namelen = 3;
	show("a mistake in the second", sendmmsg(fd, list, 3, 0));
	arrived();
	list[0].msg_hdr.msg_namelen = 3;
	show("and in the first", sendmmsg(fd, list, 3, 0));
	show("none", sendmmsg(fd, list, 0, 0));
	show("a bad pointer", sendmmsg(fd, (struct mmsghdr *)8, 1, 0));
	close(fd);
}

static void sizes(void)
{
	static char bytes[70000];
	int fd = need(socket(AF_INET, SOCK_DGRAM, 0));
	struct sockaddr_in name = to;

	show("the largest", sendto(fd, bytes, 65507, 0, NAME(name)));
	show(" arrived", recv(receiver, bytes, sizeof(bytes), MSG_DONTWAIT));
	show("too large", sendto(fd, bytes, 65508, 0, NAME(name)));
	show("far too large", sendto(fd, bytes, 70000, 0, NAME(name)));
	show("bad data", sendto(fd, (void *)8, 10, 0, NAME(name)));
	show("a short name",
	     sendto(fd, bytes, 1, 0, (struct sockaddr *)&name, 15));
	show("an unknown flag", sendto(fd, bytes, 1, 0x100000, NAME(name)));
	arrived();
	close(fd);
}

int main(void)
{
	receiver = bound4(SOCK_DGRAM);
	to = in4("127.0.0.1", port_of(receiver));
	simple();
	six();
	messages();
	many();
	sizes();
	return 0;
}
