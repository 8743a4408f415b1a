/*
 * Claim: where pidfd_getfd is refused, a supervisor can still get the socket a
 * thread is about to connect, and soundly. The thread is made to clone a helper
 * thread without CLONE_FILES, that is with a copy of the descriptor table that
 * no sibling can touch; that /proc/HELPER/fd/S is our socket is checked there;
 * then the helper sends the descriptor over it and exits.
 *
 * The short way, sendmsg made by the thread itself, is no sound one: a sibling
 * replaces the temporary descriptor by a socket of its own and the message by
 * one with an address, and has sent what nobody decided on. Asked first, so
 * that the number shows it.
 */
#include "inject.h"
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#if defined(__x86_64__)

#define ROUNDS	 2000
#define RED_ZONE 128

enum { SHORT, PRIVATE, PRIVATE_HOSTILE, KINDS };

static const char *const kinds[] = {"short way, hostile", "private table",
				    "private table, hostile"};

struct scratch {
	struct msghdr message;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static struct sockaddr_in allowed, forbidden;
static volatile uint64_t victim_stack;
static volatile bool hostile;
static struct trial_times times;
static uint64_t odd; /* injections that the sibling made fail */

static uint64_t scratch_at(uint64_t stack)
{
	return (stack - RED_ZONE - sizeof(struct scratch)) & ~UINT64_C(15);
}

static long connect_raw(int fd, const struct sockaddr_in *to)
{
	long rax = SYS_connect;

	asm volatile("movq %%rsp, %[stack]\n\tsyscall"
		     : "+a"(rax), [stack] "=m"(victim_stack)
		     : "D"((long)fd), "S"(to), "d"(sizeof(*to))
		     : "rcx", "r11", "memory");
	return rax;
}

/* Replace what lies at 5 to 8, and give every message an address. */
static void *disturb(void *unused)
{
	int udp = fcntl(socket(AF_INET, SOCK_DGRAM, 0), F_DUPFD, 50);

	while (hostile) {
		struct scratch *s = (void *)scratch_at(victim_stack);

		for (int fd = 5; fd < 9; fd++)
			dup2(udp, fd);
		for (int i = 0; victim_stack && i < 2000; i++) {
			*(void *volatile *)&s->message.msg_name = &forbidden;
			*(volatile socklen_t *)&s->message.msg_namelen =
				sizeof(forbidden);
			*(volatile size_t *)&s->message.msg_controllen = 0;
		}
		for (int fd = 5; fd < 9; fd++)
			close(fd);
	}
	return unused;
}

static int program(void *argument)
{
	static const int refused[] = {SYS_pidfd_getfd};
	int kind = *(int *)argument, bad = 0;
	pthread_t thread;

	trial_filter(refused, 1, SECCOMP_RET_ERRNO | EPERM, 0);
	hostile = kind != PRIVATE;
	if (hostile)
		pthread_create(&thread, NULL, disturb, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		struct sockaddr_in peer = {0};
		socklen_t size = sizeof(peer);
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		long r = connect_raw(fd, &allowed);

		getpeername(fd, (struct sockaddr *)&peer, &size);
		bad += !hostile &&
		       (r != 0 || peer.sin_port != allowed.sin_port);
		close(fd);
	}
	hostile = false;
	return bad ? 1 : 0;
}

static uint64_t inode_of(pid_t tid, int fd)
{
	char name[64], to[64] = "";
	unsigned long inode = 0;

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", tid, fd);
	if (readlink(name, to, sizeof(to) - 1) < 0 ||
	    sscanf(to, "socket:[%lu]", &inode) != 1)
		return 0;
	return inode;
}

/* Have the thread send `fd` over its descriptor `sock`: 0 or a negative. */
static int64_t send_there(struct inject *in, int sock, int fd)
{
	uint64_t at = scratch_at(in->regs.rsp);
	struct scratch saved,
		s = {.control.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS}};
	int64_t result = -EFAULT;
	int error;

	memcpy(CMSG_DATA(&s.control.head), &fd, sizeof(fd));
	s.message.msg_control =
		(void *)(at + offsetof(struct scratch, control));
	s.message.msg_controllen = sizeof(s.control);
	if (trial_peek(in->tid, at, &saved, sizeof(saved)) ||
	    trial_poke(in->tid, at, &s, sizeof(s)))
		return -EFAULT;
	error = inject_call(in, &result, SYS_sendmsg, (uint64_t)sock, at,
			    MSG_DONTWAIT | MSG_NOSIGNAL, 0);
	CLAIM(error == 0);
	trial_poke(in->tid, at, &saved, sizeof(saved));
	return result;
}

/* A thread beside `in` with a table of its own, stopped; 0 or -errno. */
static int helper_begin(struct inject *in, struct inject *helper)
{
	const uint64_t flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD |
			       CLONE_FS | CLONE_SYSVSEM;
	struct __ptrace_syscall_info info;
	unsigned long tid;
	int64_t result;
	int status;

	/* As inject_call(), with the stop of PTRACE_EVENT_CLONE between. */
	CLAIM(!ptrace(PTRACE_SETOPTIONS, in->tid, 0,
		      PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
			      PTRACE_O_TRACECLONE));
	CLAIM(!inject_enter(in, SYS_clone, flags, 0, 0, 0));
	CLAIM(!ptrace(PTRACE_SYSCALL, in->tid, 0, 0));
	CLAIM(waitpid(in->tid, &status, __WALL) == in->tid);
	CLAIM(status >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8));
	CLAIM(!ptrace(PTRACE_GETEVENTMSG, in->tid, 0, &tid));
	CLAIM(!inject_step(in, &info));
	result = info.exit.rval;
	CLAIM(result == (int64_t)tid);
	CLAIM(waitpid((pid_t)tid, &status, __WALL) == (pid_t)tid);
	CLAIM(status >> 16 == PTRACE_EVENT_STOP);
	*helper = *in;
	helper->tid = (pid_t)tid;
	return 0;
}

/* Detached at the entry stop, it goes on into the exit and is gone. */
static void helper_end(struct inject *helper)
{
	CLAIM(!inject_enter(helper, SYS_exit, 0, 0, 0, 0));
	CLAIM(!ptrace(PTRACE_DETACH, helper->tid, 0, 0));
}

static int receive(int end)
{
	struct scratch s = {0};
	char byte;
	struct iovec data = {&byte, 1};
	int fd = -1;

	s.message.msg_iov = &data;
	s.message.msg_iovlen = 1;
	s.message.msg_control = &s.control;
	s.message.msg_controllen = sizeof(s.control);
	if (recvmsg(end, &s.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0 &&
	    s.message.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&s.control.head), sizeof(fd));
	return fd;
}

static void serve(struct trial *t, int kind, const struct seccomp_notif *call)
{
	int ends[2], sock, fd, type = 0, target = (int)call->data.args[0];
	socklen_t size = sizeof(type);
	struct inject in, helper;
	int64_t answer = -EBADF, done;
	uint64_t inode;

	/* No name can be given to a message on a SEQPACKET socket. */
	CLAIM(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	inode = inode_of(getpid(), ends[0]);
	sock = trial_addfd(t->listener, call->id, ends[0], 0, O_CLOEXEC);
	close(ends[0]);
	CLAIM(sock >= 0);
	CLAIM(!inject_begin(&in, t->listener, call->id, (pid_t)call->pid));
	if (kind == SHORT) {
		done = send_there(&in, sock, target);
	} else {
		CLAIM(!helper_begin(&in, &helper));
		if (inode_of(helper.tid, sock) == inode)
			done = send_there(&helper, sock, target);
		else
			done = -EBADF;
		helper_end(&helper);
	}
	odd += done < 0;
	CLAIM(!inject_call(&in, &done, SYS_close, (uint64_t)sock, 0, 0, 0));
	fd = receive(ends[1]);
	close(ends[1]);
	/* What came is judged for what it is, whatever its number was. */
	if (fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
		answer = connect(fd, (struct sockaddr *)&allowed,
				 sizeof(allowed))
				 ? -errno
				 : 0;
	close(fd);
	CLAIM(!inject_end(&in, answer));
}

static int udp_port(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*at);

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CLAIM(!bind(fd, (struct sockaddr *)at, size));
	CLAIM(!getsockname(fd, (struct sockaddr *)at, &size));
	return fd;
}

static void run(int kind, int collector)
{
	static const int trapped[] = {SYS_connect};
	struct trial t = trial_start(program, &kind, trapped, 1);
	struct seccomp_notif call;
	uint64_t stolen = 0;
	char byte;

	times.n = odd = 0;
	while (trial_receive(t.listener, &call)) {
		double begin = trial_now_us();

		serve(&t, kind, &call);
		trial_note(&times, begin);
		while (recv(collector, &byte, 1, MSG_DONTWAIT) >= 0)
			stolen++;
	}
	CLAIM(trial_reap(t.pid) == 0);
	close(t.listener);
	printf("%-24s %zu connects, median %.0f us; spoilt %llu, sent to the "
	       "forbidden address %llu\n",
	       kinds[kind], times.n, trial_percentile(&times, 50),
	       (unsigned long long)odd, (unsigned long long)stolen);
	CLAIM(kind == SHORT || stolen == 0);
}

int main(void)
{
	int collector;

	trial_begin(120);
	udp_port(&allowed);
	collector = udp_port(&forbidden);
	for (int kind = 0; kind < KINDS; kind++)
		run(kind, collector);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
