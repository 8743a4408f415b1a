/* AF_UNIX: streams, datagrams and seqpackets, by path and by abstract name. */
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/calls/net.h"

static socklen_t un_length(const struct sockaddr_un *name, size_t path)
{
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path +
			   (name->sun_path[0] == '\0'));
}

/* The name that the kernel tells, printed. */
static void print_name(const char *what, int fd,
		       int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_un name = {0};
	socklen_t length = sizeof(name);
	long result = get(fd, (struct sockaddr *)&name, &length);

	if (show(what, result) == 0)
		printf(" %u bytes, %c%s\n", length,
		       name.sun_path[0] || length <= 2 ? '=' : '@',
		       name.sun_path[0] ? name.sun_path : name.sun_path + 1);
}

static void talk(int type, const struct sockaddr_un *name, socklen_t length)
{
	int fd = need(socket(AF_UNIX, type, 0));

	if (show("connect", connect(fd, (const void *)name, length)) < 0) {
		close(fd);
		return;
	}
	print_name("getpeername", fd, getpeername);
	show("send", send(fd, "hello", 5, 0));
	close(fd);
}

static void stream(const char *title, int type, const char *path,
		   const char *reach)
{
	struct sockaddr_un name = un(path), other = un(reach);
	char text[16] = "";
	int listener = need(socket(AF_UNIX, type, 0));

	printf("-- %s\n", title);
	show("bind", bind(listener, NAME(name)));
	print_name("getsockname", listener, getsockname);
	show("listen", listen(listener, 4));
	talk(type, &other, sizeof(other));
	int server = need(accept(listener, NULL, NULL));

	show("read", read(server, text, sizeof(text)));
	print_name("server", server, getsockname);
	close(server);
	close(listener);
	talk(type, &other, sizeof(other)); /* nobody listens any more */
	show("unlink", unlink(path));
	talk(type, &other, sizeof(other)); /* and nothing is there */
}

static void datagrams(const char *one, const char *two)
{
	struct sockaddr_un first = un(one), second = un(two), from = {0};
	socklen_t length = sizeof(from);
	char text[16] = "";
	int a = need(socket(AF_UNIX, SOCK_DGRAM, 0));
	int b = need(socket(AF_UNIX, SOCK_DGRAM, 0));

	printf("-- datagrams %s\n", one);
	show("bind", bind(a, NAME(first)));
	show("bind", bind(b, NAME(second)));
	show("sendto", sendto(a, "question", 8, 0, NAME(second)));
	show("recvfrom", recvfrom(b, text, sizeof(text), 0,
				  (struct sockaddr *)&from, &length));
	printf("from %s\n", from.sun_path);
	show("answer",
	     sendto(b, "answer", 6, 0, (struct sockaddr *)&from, length));
	show("recv", recv(a, text, sizeof(text), MSG_DONTWAIT));
	show("connect", connect(a, NAME(second)));
	show("send", send(a, "more", 4, 0));
	show("recv", recv(b, text, sizeof(text), 0));
	first.sun_family = AF_UNSPEC;
	show("disconnect", connect(a, NAME(first)));
	show("send", send(a, "more", 4, MSG_NOSIGNAL));
	close(b);
	show("nobody there", sendto(a, "x", 1, 0, NAME(second)));
	close(a);
	unlink(one);
	unlink(two);
}

static void abstract(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char text[8];
	size_t length = (size_t)snprintf(name.sun_path + 1, 60,
					 "interpose-test-%d", getpid());
	int listener = need(socket(AF_UNIX, SOCK_STREAM, 0));
	int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
	struct sockaddr_un other = name;

	printf("-- abstract\n");
	show("bind", bind(listener, (void *)&name, un_length(&name, length)));
	show("listen", listen(listener, 1));
	show("a longer name", connect(fd, NAME(other)));
	show("connect", connect(fd, (void *)&name, un_length(&name, length)));
	int server = need(accept(listener, NULL, NULL));

	show("write", write(fd, "x", 1));
	show("read", read(server, text, sizeof(text)));
	close(server);
	close(fd);
	fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
	show("taken", bind(fd, (void *)&name, un_length(&name, length)));
	show("autobind", bind(fd, (void *)&name, 2));
	struct sockaddr_un chosen = {0};
	socklen_t size = sizeof(chosen);

	show("getsockname", getsockname(fd, (void *)&chosen, &size));
	printf("%u bytes, abstract: %d\n", size, chosen.sun_path[0] == '\0');
	close(fd);
	close(listener);
}

static void files(void)
{
	struct sockaddr_un name = un("made.sock"), slash = un("new.sock/");
	struct sockaddr_un below = un("missing/x.sock"), file = un("plain");
	struct stat status;
	int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));

	printf("-- files\n");
	umask(027);
	show("bind", bind(fd, NAME(name)));
	need(stat("made.sock", &status));
	printf("mode %o, mine: %d\n", status.st_mode,
	       status.st_uid == geteuid());
	show("again", bind(fd, NAME(name)));
	close(fd);
	fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
	show("exists", bind(fd, NAME(name)));
	umask(0);
	unlink("made.sock");
	fchmod(fd, 0620);
	show("with a mode", bind(fd, NAME(name)));
	need(stat("made.sock", &status));
	printf("mode %o\n", status.st_mode);
	umask(022);
	close(fd);
	unlink("made.sock");
	fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
	show("a slash", bind(fd, NAME(slash)));
	show("no directory", bind(fd, NAME(below)));
	show("connect, no directory", connect(fd, NAME(below)));
	close(need(open("plain", O_CREAT | O_WRONLY, 0666)));
	show("a plain file", connect(fd, NAME(file)));
	show("bind on it", bind(fd, NAME(file)));
	unlink("plain");
	need(symlink("target.sock", "link.sock"));
	struct sockaddr_un link = un("link.sock");

	show("bind on a link", bind(fd, NAME(link)));
	unlink("link.sock");
	close(fd);
}

static void mistakes(void)
{
	struct sockaddr_un name = un("x.sock");
	struct sockaddr_in inet = in4("127.0.0.1", 9);
	int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));

	printf("-- mistakes\n");
	show("unnamed", connect(fd, (void *)&name, 2));
	show("too long", connect(fd, (void *)&name, sizeof(name) + 1));
	show("another family", connect(fd, NAME(inet)));
	name.sun_family = AF_UNSPEC;
	show("AF_UNSPEC on a stream", connect(fd, NAME(name)));
	name.sun_family = AF_UNIX;
	show("listen unbound", listen(fd, 1));
	show("send with a name", sendto(fd, "x", 1, MSG_NOSIGNAL, NAME(name)));
	close(fd);
	fd = need(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	show("seqpacket, a name", sendto(fd, "x", 1, 0, NAME(name)));
	close(fd);
	int pair[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	show("connected, a name", sendto(pair[0], "x", 1, 0, NAME(name)));
	close(pair[0]);
	close(pair[1]);
	need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	show("connected seqpacket, a name",
	     sendto(pair[0], "x", 1, 0, NAME(name)));
	close(pair[0]);
	close(pair[1]);
	fd = need(socket(AF_UNIX, SOCK_DGRAM, 0));
	show("datagram to nowhere", sendto(fd, "x", 1, 0, NAME(name)));
	show("wrong kind", connect(fd, NAME(name)));
	close(fd);
}

int main(void)
{
	char absolute[108], full[109];

	/* Names in the output must not differ from run to run. */
	need(mkdir("/tmp/net-unix", 0700));
	need(mkdir("/tmp/net-unix/sub", 0700));
	need(chdir("/tmp/net-unix"));
	need(symlink("sub", "way"));
	stream("a name", SOCK_STREAM, "a.sock", "a.sock");
	stream("below", SOCK_STREAM, "sub/b.sock", "./sub/../sub/b.sock");
	stream("absolute", SOCK_STREAM, "/tmp/net-unix/c.sock", "c.sock");
	stream("by a link", SOCK_STREAM, "way/d.sock", "way/d.sock");
	stream("seqpacket", SOCK_SEQPACKET, "e.sock", "./e.sock");
	memset(absolute, 'l', sizeof(absolute));
	absolute[107] = '\0';
	stream("long", SOCK_STREAM, absolute, absolute);
	datagrams("f.sock", "g.sock");
	datagrams("/tmp/net-unix/f.sock", "sub/g.sock");
	abstract();
	files();
	mistakes();
	/* 108 bytes, and no NUL. */
	struct sockaddr_un most = {.sun_family = AF_UNIX};
	int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));

	memset(most.sun_path, 'm', sizeof(most.sun_path));
	show("108 bytes", bind(fd, NAME(most)));
	memset(full, 'm', sizeof(full));
	full[108] = '\0';
	show("unlink", unlink(full));
	close(fd);
	unlink("way");
	rmdir("sub");
	need(chdir("/"));
	show("rmdir", rmdir("/tmp/net-unix"));
	return 0;
}
