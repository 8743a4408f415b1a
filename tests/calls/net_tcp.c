/* TCP: connect, bind and listen, on the loopback. */
#include <fcntl.h>
#include <poll.h>

#include "tests/calls/net.h"

static void exchange(int client, int listener)
{
	char text[8] = "";
	int server = need(accept(listener, NULL, NULL));

	show(" write", write(client, "hello", 5));
	show(" read", read(server, text, sizeof(text)));
	printf(" got %s\n", text);
	close(server);
}

static void ordinary(void)
{
	int listener = bound4(SOCK_STREAM);
	struct sockaddr_in name = in4("127.0.0.1", port_of(listener));
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));

	show("connect", connect(fd, NAME(name)));
	show("getpeername", getpeername(fd, (struct sockaddr *)&peer, &length));
	printf("peer is right: %d, length %u\n",
	       memcmp(&peer, &name, sizeof(name)) == 0, length);
	exchange(fd, listener);
	show("connect again", connect(fd, NAME(name)));
	name.sin_family = AF_UNSPEC;
	show("disconnect", connect(fd, NAME(name)));
	show("no peer", getpeername(fd, (struct sockaddr *)&peer, &length));
	close(fd);
	close(listener);
}

static void non_blocking(void)
{
	int listener = bound4(SOCK_STREAM);
	struct sockaddr_in name = in4("127.0.0.1", port_of(listener));
	int fd = need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int error = -1;
	socklen_t length = sizeof(error);

	show("non-blocking connect", connect(fd, NAME(name)));
	show("poll", poll(&ready, 1, 5000));
	show("SO_ERROR", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	printf("error %d\n", error);
	exchange(fd, listener);
	printf("flags kept: %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	close(fd);
	close(listener);
}

static void refused(void)
{
	int listener = bound4(SOCK_STREAM);
	struct sockaddr_in name = in4("127.0.0.1", port_of(listener));
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));

	close(listener);
	show("nobody there", connect(fd, NAME(name)));
	close(fd);
}

static void spellings(void)
{
	int listener = bound4(SOCK_STREAM);
	int port = port_of(listener);
	struct sockaddr_in any = in4("0.0.0.0", port);
	struct sockaddr_in6 mapped = in6("::ffff:127.0.0.1", port);
	struct sockaddr_in6 mapped_any = in6("::ffff:0.0.0.0", port);
	struct sockaddr_storage wide = {0};
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));

	show("0.0.0.0", connect(fd, NAME(any)));
	exchange(fd, listener);
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd >= 0) {
		show("mapped", connect(fd, NAME(mapped)));
		exchange(fd, listener);
		close(fd);
		fd = need(socket(AF_INET6, SOCK_STREAM, 0));
		show("mapped 0.0.0.0", connect(fd, NAME(mapped_any)));
		exchange(fd, listener);
		close(fd);
	}
	fd = need(socket(AF_INET, SOCK_STREAM, 0));
	memcpy(&wide, &any, sizeof(any));
	show("longer than need be", connect(fd, NAME(wide)));
	exchange(fd, listener);
	close(fd);
	close(listener);
}

static void six(void)
{
	int listener = bound6(SOCK_STREAM);

	if (listener < 0) {
		printf("no IPv6\n");
		return;
	}
	struct sockaddr_in6 name = in6("::1", port_of(listener));
	struct sockaddr_in6 any = in6("::", port_of(listener));
	int fd = need(socket(AF_INET6, SOCK_STREAM, 0));

	show("::1", connect(fd, NAME(name)));
	exchange(fd, listener);
	close(fd);
	fd = need(socket(AF_INET6, SOCK_STREAM, 0));
	show("::", connect(fd, NAME(any)));
	exchange(fd, listener);
	close(fd);
	fd = need(socket(AF_INET6, SOCK_STREAM, 0));
	show("without a scope", connect(fd, (struct sockaddr *)&name, 24));
	exchange(fd, listener);
	close(fd);
	fd = need(socket(AF_INET6, SOCK_STREAM, 0));
	show("too short", connect(fd, (struct sockaddr *)&name, 23));
	close(fd);
	close(listener);
}

static void mistakes(void)
{
	struct sockaddr_in name = in4("127.0.0.1", 9);
	struct sockaddr_in6 name6 = in6("::1", 9);
	struct sockaddr_un path = un("/nowhere");
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));

	show("bad descriptor", connect(-1, NAME(name)));
	show("no socket", connect(0, NAME(name)));
	show("no length", connect(fd, (struct sockaddr *)&name, 0));
	show("one byte", connect(fd, (struct sockaddr *)&name, 1));
	show("short", connect(fd, (struct sockaddr *)&name, 15));
	show("too long", connect(fd, (struct sockaddr *)&name, 129));
	show("negative", connect(fd, (struct sockaddr *)&name, (socklen_t)-1));
	show("bad pointer", connect(fd, (struct sockaddr *)8, sizeof(name)));
	show("IPv6 on IPv4", connect(fd, NAME(name6)));
	show("a path on IPv4", connect(fd, NAME(path)));
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd >= 0) {
		show("IPv4 on IPv6", connect(fd, NAME(name)));
		close(fd);
	}
}

static void binding(void)
{
	struct sockaddr_in name = in4("127.0.0.1", 0), other;
	struct sockaddr_in elsewhere = in4("192.0.2.1", 0);
	struct sockaddr_in unspecified = {.sin_family = AF_UNSPEC};
	socklen_t length = sizeof(other);
	int fd = need(socket(AF_INET, SOCK_STREAM, 0));
	int connected_to = bound4(SOCK_STREAM);

	show("bind", bind(fd, NAME(name)));
	show("bind twice", bind(fd, NAME(name)));
	show("listen", listen(fd, 1));
	need(getsockname(fd, (struct sockaddr *)&other, &length));
	printf("on the loopback: %d, a port: %d\n",
	       other.sin_addr.s_addr == htonl(INADDR_LOOPBACK),
	       other.sin_port != 0);
	int second = need(socket(AF_INET, SOCK_STREAM, 0));

	show("same port", bind(second, NAME(other)));
	show("another machine's", bind(second, NAME(elsewhere)));
	show("AF_UNSPEC", bind(second, NAME(unspecified)));
	close(second);
	close(fd);
	fd = need(socket(AF_INET, SOCK_STREAM, 0));
	show("listen unbound", listen(fd, 1));
	printf("a port: %d\n", port_of(fd) != 0);
	show("listen again", listen(fd, 2));
	close(fd);
	fd = need(socket(AF_INET, SOCK_STREAM, 0));
	name = in4("0.0.0.0", 0);
	show("bind to any", bind(fd, NAME(name)));
	printf("a port: %d\n", port_of(fd) != 0);
	name = in4("127.0.0.1", port_of(connected_to));
	show("connect", connect(fd, NAME(name)));
	show("listen, connected", listen(fd, 1));
	name.sin_family = AF_UNSPEC;
	show("disconnect", connect(fd, NAME(name)));
	printf("a port: %d\n", port_of(fd) != 0);
	show("listen, no more connected", listen(fd, 1));
	close(fd);
	close(connected_to);
	fd = need(socket(AF_INET, SOCK_DGRAM, 0));
	show("listen on a datagram socket", listen(fd, 1));
	close(fd);
	show("listen on no socket", listen(0, 1));
}

int main(void)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	ordinary();
	non_blocking();
	refused();
	spellings();
	six();
	mistakes();
	binding();
	return 0;
}
