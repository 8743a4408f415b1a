/*
 * net_victim COMMAND...
 *
 * Runs a command that attacks, and counts what arrives where nothing may: a
 * TCP and a UDP port on the loopback, and an abstract name. In the arguments,
 * @ALLOWED@ becomes a port that may be reached (TCP and UDP). The command finds
 * the ports in its environment: NET_ALLOWED, NET_FORBIDDEN. Fails where
 * something arrived, or where nothing arrived at the allowed port (then nothing
 * was tried).
 */
#include <poll.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "tests/calls/net.h"

enum { TCP, UDP, NAME_, ALLOWED_TCP, ALLOWED_UDP, KINDS };

static int fds[KINDS];
static unsigned arrived[KINDS];

static int with_same_port(int tcp)
{
	struct sockaddr_in name = in4("127.0.0.1", port_of(tcp));
	int fd = need(socket(AF_INET, SOCK_DGRAM, 0));

	need(bind(fd, NAME(name)));
	return fd;
}

static void export_port(const char *variable, int fd)
{
	char text[8];

	snprintf(text, sizeof(text), "%d", port_of(fd));
	setenv(variable, text, 1);
}

static char *substitute(char *word)
{
	static const char mark[] = "@ALLOWED@";
	char *at = strstr(word, mark), *text = NULL;

	if (!at)
		return word;
	if (asprintf(&text, "%.*s%s%s", (int)(at - word), word,
		     getenv("NET_ALLOWED"), at + sizeof(mark) - 1) < 0)
		exit(2);
	return text;
}

static void count(int kind)
{
	char bytes[64];

	if (kind == UDP || kind == ALLOWED_UDP) {
		if (recv(fds[kind], bytes, sizeof(bytes), MSG_DONTWAIT) >= 0)
			arrived[kind]++;
		return;
	}
	int fd = accept(fds[kind], NULL, NULL);

	if (fd >= 0) {
		arrived[kind]++;
		close(fd);
	}
}

static bool serve(int timeout)
{
	struct pollfd list[KINDS];

	for (int i = 0; i < KINDS; i++)
		list[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	if (poll(list, KINDS, timeout) <= 0)
		return false;
	for (int i = 0; i < KINDS; i++)
		if (list[i].revents)
			count(i);
	return true;
}

int main(int argc, char **argv)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int status = 0;

	if (argc < 2)
		return 2;
	fds[TCP] = bound4(SOCK_STREAM | SOCK_CLOEXEC);
	fds[ALLOWED_TCP] = bound4(SOCK_STREAM | SOCK_CLOEXEC);
	/* Deep queues: who is kept waiting tries less. */
	need(listen(fds[TCP], 4096));
	need(listen(fds[ALLOWED_TCP], 4096));
	fds[UDP] = with_same_port(fds[TCP]);
	fds[ALLOWED_UDP] = with_same_port(fds[ALLOWED_TCP]);
	/* The attacker may reach `net-victim-PORT`, and nothing longer. */
	int length = snprintf(name.sun_path + 1, 60, "net-victim-%d%cevil",
			      port_of(fds[TCP]), '\0');

	fds[NAME_] = need(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	need(bind(fds[NAME_], (struct sockaddr *)&name,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			      (size_t)length)));
	need(listen(fds[NAME_], 16));
	export_port("NET_FORBIDDEN", fds[TCP]);
	export_port("NET_ALLOWED", fds[ALLOWED_TCP]);
	for (int i = 1; i < argc; i++)
		argv[i] = substitute(argv[i]);
	pid_t child = need(fork());

	if (child == 0) {
		for (int i = 0; i < KINDS; i++)
			close(fds[i]);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (waitpid(child, &status, WNOHANG) == 0)
		serve(20);
	while (serve(0))
		;
	printf("forbidden: %u connections, %u datagrams, %u by name\n",
	       arrived[TCP], arrived[UDP], arrived[NAME_]);
	printf("allowed: %s\n",
	       arrived[ALLOWED_TCP] && arrived[ALLOWED_UDP] ? "some" : "none");
	bool held = arrived[TCP] + arrived[UDP] + arrived[NAME_] == 0 &&
		    arrived[ALLOWED_TCP] && arrived[ALLOWED_UDP];

	printf("%s\n", held ? "held" : "FAILED");
	return held && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
