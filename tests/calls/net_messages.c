/* Descriptors and credentials in messages, signals, and what has to wait. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/calls/net.h"

static volatile sig_atomic_t caught;

static void note(int number)
{
	caught = number;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = flags};

	need(sigaction(number, &action, NULL));
}

/* ---------------------------------------------------------- descriptors -- */

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(260 * sizeof(int))];
};

static long send_rights(int socket, const int *fds, size_t count)
{
	static union control control;
	struct iovec part = {"x", 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

static int receive_rights(int socket, int *fds)
{
	static union control control;
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(socket, &message, MSG_DONTWAIT) < 0)
		return -1;
	if (message.msg_controllen < sizeof(struct cmsghdr))
		return 0;
	size_t count = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);

	memcpy(fds, CMSG_DATA(&control.header), count * sizeof(int));
	return (int)count;
}

static void descriptors(int type)
{
	static int fds[260], got[260];
	int pair[2], ends[2];
	char text[8] = "";

	printf("-- descriptors, type %d\n", type);
	need(socketpair(AF_UNIX, type, 0, pair));
	need(pipe(ends));
	show("send two", send_rights(pair[0], ends, 2));
	show("receive", receive_rights(pair[1], got));
	show("write", write(got[1], "hi", 2));
	show("read", read(ends[0], text, sizeof(text)));
	close(got[0]);
	close(got[1]);
	int path = need(open("/dev/null", O_PATH));

	show("send O_PATH", send_rights(pair[0], &path, 1));
	show("receive", receive_rights(pair[1], got));
	printf("still O_PATH: %d\n", (fcntl(got[0], F_GETFL) & O_PATH) != 0);
	close(got[0]);
	close(path);
	for (size_t i = 0; i < 260; i++)
		fds[i] = ends[1];
	show("send 253", send_rights(pair[0], fds, 253));
	int count = receive_rights(pair[1], got);

	show("receive", count);
	for (int i = 0; i < count; i++)
		close(got[i]);
	show("send 254", send_rights(pair[0], fds, 254));
	fds[1] = 900;
	show("a bad one", send_rights(pair[0], fds, 2));
	fds[1] = -1;
	show("a negative one", send_rights(pair[0], fds, 2));
	show("nothing came", receive_rights(pair[1], got));
	close(pair[0]);
	close(pair[1]);
	close(ends[0]);
	close(ends[1]);
}

/* ---------------------------------------------------------- credentials -- */

static void credentials(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control = {0};
	struct ucred said = {getpid(), getuid(), getgid()};
	char byte = 'x';
	struct iovec part = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int pair[2], on = 1;

	printf("-- credentials\n");
	need(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	need(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_CREDENTIALS;
	control.header.cmsg_len = CMSG_LEN(sizeof(said));
	memcpy(CMSG_DATA(&control.header), &said, sizeof(said));
	show("one's own", sendmsg(pair[0], &message, 0));
	memset(&control, 0, sizeof(control));
	show("receive", recvmsg(pair[1], &message, 0));
	memcpy(&said, CMSG_DATA(&control.header), sizeof(said));
	/* Not the process id: a supervised message has the supervisor's. */
	printf("type %d, uid right: %d, gid right: %d\n",
	       control.header.cmsg_type, said.uid == getuid(),
	       said.gid == getgid());
	message.msg_controllen = sizeof(control);
	control.header.cmsg_len = CMSG_LEN(sizeof(said)) - 1;
	show("a bad length", sendmsg(pair[0], &message, 0));
	control.header.cmsg_len = CMSG_LEN(sizeof(said));
	control.header.cmsg_type = 99;
	show("an unknown kind", sendmsg(pair[0], &message, 0));
	control.header.cmsg_level = 99;
	show("of an unknown level", sendmsg(pair[0], &message, 0));
	close(pair[0]);
	close(pair[1]);
}

/* -------------------------------------------------------------- SIGPIPE -- */

static void pipe_case(const char *what, int domain, int type, int flags)
{
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int pair[2];

	if (domain == AF_UNIX) {
		need(socketpair(AF_UNIX, type, 0, pair));
	} else {
		int listener = bound4(SOCK_STREAM);
		struct sockaddr_in name = in4("127.0.0.1", port_of(listener));

		pair[0] = need(socket(AF_INET, SOCK_STREAM, 0));
		need(connect(pair[0], NAME(name)));
		pair[1] = need(accept(listener, NULL, NULL));
		close(listener);
	}
	need(shutdown(pair[0], SHUT_WR));
	caught = 0;
	show(what, sendmsg(pair[0], &message, flags));
	printf("SIGPIPE: %d\n", caught == SIGPIPE);
	close(pair[0]);
	close(pair[1]);
}

static void pipes(void)
{
	int status;

	printf("-- SIGPIPE\n");
	handle(SIGPIPE, 0);
	pipe_case("unix", AF_UNIX, SOCK_STREAM, 0);
	pipe_case("unix, no signal", AF_UNIX, SOCK_STREAM, MSG_NOSIGNAL);
	pipe_case("seqpacket", AF_UNIX, SOCK_SEQPACKET, MSG_NOSIGNAL);
	pipe_case("tcp", AF_INET, SOCK_STREAM, 0);
	pipe_case("tcp, no signal", AF_INET, SOCK_STREAM, MSG_NOSIGNAL);
	pid_t child = need(fork());

	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		pipe_case("fatal", AF_UNIX, SOCK_STREAM, 0);
		_exit(0);
	}
	need(waitpid(child, &status, 0));
	printf("killed by SIGPIPE: %d\n",
	       WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

/* ----------------------------------------------------------- what waits -- */

static void alarm_soon(void)
{
	struct itimerval timer = {.it_value = {.tv_usec = 150000}};

	caught = 0;
	need(setitimer(ITIMER_REAL, &timer, NULL));
}

/* A stream socket whose listener's queue is full: the next connect waits. */
static int full_listener(struct sockaddr_un *name, int queued[2])
{
	int listener = need(socket(AF_UNIX, SOCK_STREAM, 0));

	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(name->sun_path + 1, 60, "interpose-test-full-%d", getpid());
	need(bind(listener, (struct sockaddr *)name, sizeof(*name)));
	need(listen(listener, 0));
	for (int i = 0; i < 2; i++) {
		queued[i] =
			need(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
		connect(queued[i], (struct sockaddr *)name, sizeof(*name));
	}
	return listener;
}

static void *accept_after_signal(void *context)
{
	while (!caught)
		usleep(1000);
	usleep(50000);
	close(accept(*(int *)context, NULL, NULL));
	return NULL;
}

static void waiting_connect(void)
{
	struct sockaddr_un name;
	struct timeval limit = {.tv_usec = 50000};
	int queued[2], listener = full_listener(&name, queued);
	int fd = need(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	pthread_t thread;
	sigset_t set;

	printf("-- a connect that waits\n");
	show("non-blocking", connect(fd, NAME(name)));
	close(fd);
	fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
	need(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	show("with a timeout", connect(fd, NAME(name)));
	close(fd);
	fd = need(socket(AF_UNIX, SOCK_STREAM, 0));
	handle(SIGALRM, 0);
	alarm_soon();
	show("interrupted", connect(fd, NAME(name)));
	printf("SIGALRM: %d\n", caught == SIGALRM);
	handle(SIGALRM, SA_RESTART);
	/* The signal is for this thread. */
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	caught = 0;
	need(pthread_create(&thread, NULL, accept_after_signal, &listener));
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarm_soon();
	show("restarted", connect(fd, NAME(name)));
	printf("SIGALRM: %d\n", caught == SIGALRM);
	pthread_join(thread, NULL);
	close(fd);
	close(queued[0]);
	close(queued[1]);
	close(listener);
}

enum { LARGE = 3 << 20 };

static void *drain(void *context)
{
	static unsigned char bytes[65536];
	size_t *total = context;
	int fd = (int)total[0];
	size_t sum = 0, count = 0;
	ssize_t got;

	while ((got = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < got; i++, count++)
			sum += bytes[i] * (count % 251 + 1);
	total[0] = count;
	total[1] = sum;
	return NULL;
}

static void large(void)
{
	static unsigned char bytes[LARGE];
	struct iovec parts[3] = {{bytes, 7},
				 {bytes + 7, LARGE / 2},
				 {bytes + 7 + LARGE / 2, LARGE / 2 - 7}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
	int pair[2];
	pthread_t thread;

	printf("-- much data\n");
	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 300);
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	size_t total[2] = {(size_t)pair[1], 0};

	need(pthread_create(&thread, NULL, drain, total));
	show("blocking", sendmsg(pair[0], &message, 0));
	close(pair[0]);
	pthread_join(thread, NULL);
	printf("%zu bytes, sum %zu\n", total[0], total[1]);
	close(pair[1]);
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	long sent = sendmsg(pair[0], &message, MSG_DONTWAIT);

	printf("a part went: %d\n", sent > 0 && sent < LARGE);
	show("now it is full", sendmsg(pair[0], &message, MSG_DONTWAIT));
	handle(SIGALRM, 0);
	alarm_soon();
	show("interrupted", sendmsg(pair[0], &message, 0));
	close(pair[0]);
	close(pair[1]);
	need(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	parts[0].iov_len = 100;
	message.msg_iovlen = 1;
	while (sendmsg(pair[0], &message, MSG_DONTWAIT) > 0)
		;
	show("datagrams, full", sendmsg(pair[0], &message, MSG_DONTWAIT));
	alarm_soon();
	show("interrupted", sendmsg(pair[0], &message, 0));
	message.msg_iovlen = 3;
	show("a datagram too large", sendmsg(pair[0], &message, 0));
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	descriptors(SOCK_STREAM);
	descriptors(SOCK_DGRAM);
	credentials();
	pipes();
	waiting_connect();
	large();
	return 0;
}
