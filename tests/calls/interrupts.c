/*
 * Calls that no signal interrupts, under a storm of signals: each comes to what
 * it comes to without, and is carried out once. With a handler that restarts
 * calls, and with one that does not.
 *
 * A signal that comes before the supervisor has received the call ends it with
 * EINTR, which the kernel leaves no way around. What had EINTR must not have
 * been done, and where the session's library makes the call, it does not come.
 *
 * With a number of milliseconds as argument each call has so long; with a
 * second one, how often each error came is told on standard error.
 *
 * covers: open openat creat stat statx access readlink getxattr setxattr chmod
 *         utimensat mkdir rmdir link symlink unlink rename truncate chdir
 * getcwd getdents64 umask kill tgkill rt_sigqueueinfo setpgid prlimit64 prctl
 *         bind connect listen sendmsg execve
 */
#include "tests/calls/calls.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

enum { ERRORS = 140, TWICE = ERRORS - 1, EXECS = 40 };

static pid_t child;
static int child_pipe, unix_pair[2], tcp_listener, directory;
static struct sockaddr_in tcp_address;
static volatile sig_atomic_t storms;
static unsigned interrupted;

/* Make the call until it is not interrupted. */
#define AGAIN(call)                                                            \
	({                                                                     \
		long result_;                                                  \
                                                                               \
		while ((result_ = (long)(call)) == -1 && errno == EINTR)       \
			interrupted++;                                         \
		result_;                                                       \
	})

static void on_signal(int number)
{
	(void)number;
	storms++;
}

/* ------------------------------------------------------ what is called -- */

/* Each is called again and again, `round` times before, and returns -1 with an
 * errno, or what is not. */

static long close_it(long fd)
{
	return fd < 0 ? -1 : close((int)fd);
}

static long opens(unsigned round)
{
	(void)round;
	return close_it(AGAIN(open("file", O_RDONLY)));
}

static long opens_directory(unsigned round)
{
	(void)round;
	return close_it(AGAIN(openat(directory, "file", O_RDWR | O_CLOEXEC)));
}

static long path_only(unsigned round)
{
	(void)round;
	return close_it(AGAIN(open("file", O_PATH)));
}

static const char *fresh(unsigned round)
{
	static char name[32];

	snprintf(name, sizeof(name), "fresh-%u", round);
	return name;
}

static long creates(unsigned round)
{
	return close_it(
		AGAIN(open(fresh(round), O_WRONLY | O_CREAT | O_EXCL, 0600)));
}

static long removes(unsigned round)
{
	return AGAIN(unlink(fresh(round)));
}

static long creates_and_removes(unsigned round)
{
	return creates(round) ? -1 : removes(round);
}

static long makes_directories(unsigned round)
{
	return AGAIN(mkdir(fresh(round), 0700)) ? -1
						: AGAIN(rmdir(fresh(round)));
}

static long makes_links(unsigned round)
{
	return AGAIN(link("file", fresh(round))) ? -1 : removes(round);
}

static long makes_symlinks(unsigned round)
{
	return AGAIN(symlink("file", fresh(round))) ? -1 : removes(round);
}

static long renames(unsigned round)
{
	return round % 2 ? AGAIN(rename("there", "here"))
			 : AGAIN(rename("here", "there"));
}

static long stats(unsigned round)
{
	struct stat status;

	(void)round;
	return AGAIN(stat("file", &status));
}

static long statxes(unsigned round)
{
	struct statx status;

	(void)round;
	return AGAIN(statx(directory, "file", 0, STATX_ALL, &status));
}

static long accesses(unsigned round)
{
	(void)round;
	return AGAIN(access("file", W_OK));
}

static long reads_links(unsigned round)
{
	char text[8];

	(void)round;
	return AGAIN(readlink("link", text, sizeof(text))) == 4 ? 0 : -1;
}

static long attributes(unsigned round)
{
	char text[8];

	(void)round;
	if (AGAIN(setxattr("file", "user.a", "1", 1, 0)) == 0)
		return AGAIN(getxattr("file", "user.a", text, sizeof(text))) ==
				       1
			       ? 0
			       : -1;
	/* The file system may have none. */
	return errno == EOPNOTSUPP ? 0 : -1;
}

static long modes(unsigned round)
{
	return AGAIN(chmod("file", round % 2 ? 0600 : 0640));
}

static long times_of_file(unsigned round)
{
	(void)round;
	return AGAIN(utimensat(AT_FDCWD, "file", NULL, 0));
}

static long truncates(unsigned round)
{
	return AGAIN(truncate("file", round % 16));
}

static long where(unsigned round)
{
	char text[4096];

	(void)round;
	return AGAIN(chdir("."))				    ? -1
	       : AGAIN(syscall(SYS_getcwd, text, sizeof(text))) > 0 ? 0
								    : -1;
}

static long lists(unsigned round)
{
	char text[4096];

	(void)round;
	need(lseek(directory, 0, SEEK_SET));
	return AGAIN(syscall(SYS_getdents64, directory, text, sizeof(text))) > 0
		       ? 0
		       : -1;
}

static long umasks(unsigned round)
{
	static mode_t last = 022;
	mode_t now = round % 2 ? 027 : 022;
	mode_t before;

	while ((before = umask(now)) > 0777) /* it knows no errors */
		interrupted++;
	if (before != last) {
		errno = TWICE;
		return -1;
	}
	last = now;
	return 0;
}

static long kills(unsigned round)
{
	(void)round;
	return AGAIN(kill(child, 0));
}

static long kills_threads(unsigned round)
{
	(void)round;
	return AGAIN(syscall(SYS_tgkill, child, child, 0));
}

static long groups(unsigned round)
{
	(void)round;
	return AGAIN(setpgid(child, child));
}

static long limits(unsigned round)
{
	struct rlimit limit;

	(void)round;
	return AGAIN(prlimit(child, RLIMIT_NOFILE, NULL, &limit));
}

/* A signal of real time is queued as often as it is sent. */
static long queues(unsigned round)
{
	siginfo_t sent = {.si_signo = SIGRTMIN, .si_code = SI_QUEUE};

	(void)round;
	if (AGAIN(kill(child, SIGRTMIN)) ||
	    AGAIN(syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN, &sent)))
		return -1;
	return 0;
}

static long binds(unsigned round)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = need(socket(AF_UNIX, SOCK_STREAM, 0));

	strcpy(name.sun_path, fresh(round));
	long result = AGAIN(bind(fd, (struct sockaddr *)&name, sizeof(name)));

	if (result == 0)
		result = AGAIN(listen(fd, 1));
	int error = errno;

	close(fd);
	errno = error;
	return result ? -1 : removes(round);
}

static long connects(unsigned round)
{
	int fd = need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	struct linger gone = {.l_onoff = 1};

	(void)round;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &gone, sizeof(gone));
	long result = AGAIN(connect(fd, (struct sockaddr *)&tcp_address,
				    sizeof(tcp_address)));
	int error = errno;

	close(fd);
	close(accept4(tcp_listener, NULL, NULL, SOCK_NONBLOCK));
	errno = error;
	return result && error != EINPROGRESS ? -1 : 0;
}

/* One message, received once. */
static long sends(unsigned round)
{
	char byte = (char)round, got[2];
	struct iovec vector = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	if (AGAIN(sendmsg(unix_pair[0], &message, MSG_DONTWAIT)) != 1)
		return -1;
	if (recv(unix_pair[1], got, sizeof(got), MSG_DONTWAIT) != 1 ||
	    got[0] != byte)
		return -1;
	if (recv(unix_pair[1], got, sizeof(got), MSG_DONTWAIT) >= 0) {
		errno = TWICE;
		return -1;
	}
	return 0;
}

static long execs_nothing(unsigned round)
{
	char *const argv[] = {"none", NULL};

	(void)round;
	return AGAIN(execve("none", argv, argv + 1)) && errno == ENOENT ? 0
									: -1;
}

/* `repeated`: by the session's library. */
static const struct {
	const char *name;
	long (*call)(unsigned round);
	bool repeated;
} calls[] = {
	{"open", opens, true},
	{"openat", opens_directory, true},
	{"open with O_PATH", path_only, true},
	{"open with O_CREAT and O_EXCL, unlink", creates_and_removes, true},
	{"mkdir, rmdir", makes_directories, true},
	{"link, unlink", makes_links, true},
	{"symlink, unlink", makes_symlinks, true},
	{"rename", renames, false},
	{"stat", stats, true},
	{"statx", statxes, true},
	{"access", accesses, true},
	{"readlink", reads_links, true},
	{"setxattr, getxattr", attributes, false},
	{"chmod", modes, true},
	{"utimensat", times_of_file, true},
	{"truncate", truncates, true},
	{"chdir, getcwd", where, true},
	{"getdents64", lists, true},
	{"umask", umasks, true},
	{"kill", kills, false},
	{"tgkill", kills_threads, false},
	{"setpgid", groups, true},
	{"prlimit64", limits, false},
	{"kill and rt_sigqueueinfo, queued", queues, false},
	{"bind, listen, unlink", binds, false},
	{"connect", connects, false},
	{"sendmsg", sends, false},
	{"execve of nothing", execs_nothing, true},
};

/* ----------------------------------------------------------- the storms -- */

static void storm(int flags, long interval)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	struct itimerval timer = {
		.it_interval.tv_usec = interval,
		.it_value.tv_usec = interval,
	};

	need(sigaction(SIGALRM, &action, NULL));
	need(setitimer(ITIMER_REAL, &timer, NULL));
}

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The child counts what is queued, and tells when it is asked. */
static void start_child(void)
{
	int ends[2];
	sigset_t set;

	need(pipe(ends));
	need(child = fork());
	if (child) {
		close(ends[1]);
		child_pipe = ends[0];
		need(setpgid(child, child));
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = need(signalfd(-1, &set, 0));

	need(write(ends[1], "", 1));
	unsigned count = 0;

	for (;;) {
		struct signalfd_siginfo info;

		need(read(fd, &info, sizeof(info)));
		if (info.ssi_signo == SIGTERM)
			break;
		count++;
	}
	need(write(ends[1], &count, sizeof(count)));
	_exit(0);
}

static void prepare(void)
{
	socklen_t length = sizeof(tcp_address);

	write_file("file", "content");
	write_file("here", "");
	need(symlink("file", "link"));
	directory = need(open(".", O_RDONLY | O_DIRECTORY));
	need(socketpair(AF_UNIX, SOCK_DGRAM, 0, unix_pair));
	tcp_listener = need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	tcp_address.sin_family = AF_INET;
	tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(bind(tcp_listener, (struct sockaddr *)&tcp_address, length));
	need(listen(tcp_listener, 128));
	need(getsockname(tcp_listener, (struct sockaddr *)&tcp_address,
			 &length));
	start_child();
	char byte;

	need(read(child_pipe, &byte, 1));
}

static unsigned queued;

/* Is the session's library here? By its gate (shim/gate.h). */
static bool has_library(void)
{
	unsigned char page;

	return mincore((void *)0x1f0000, 1, &page) == 0;
}

static void try_call(size_t which, int flags, long ms, bool tell_counts)
{
	unsigned errors[ERRORS] = {0};
	unsigned round = 0;
	bool never = calls[which].repeated && has_library();
	long until = milliseconds() + ms;
	static const long intervals[] = {50, 90, 130, 200}; /* in µs */

	storm(flags, intervals[which % 4]);
	do {
		for (unsigned i = 0; i < 64; i++, round++)
			if (calls[which].call(round))
				errors[errno < ERRORS ? errno : 0]++;
		if (calls[which].call == queues)
			queued += 2 * 64;
	} while (milliseconds() < until);
	struct itimerval none = {0};

	need(setitimer(ITIMER_REAL, &none, NULL));
	printf("%s, %s:", calls[which].name,
	       flags ? "restarted" : "not restarted");
	for (int i = 0; i < ERRORS; i++)
		if (errors[i])
			printf(" %s",
			       i == TWICE ? "twice" : strerrorname_np(i));
	printf("%s done\n", never && interrupted ? " interrupted" : "");
	fflush(stdout);
	unsigned times = interrupted;

	interrupted = 0;
	if (!tell_counts)
		return;
	fprintf(stderr, "%s %d: %u rounds, %d signals, %u interrupted;",
		calls[which].name, flags != 0, round, (int)storms, times);
	for (int i = 0; i < ERRORS; i++)
		if (errors[i])
			fprintf(stderr, " %u %s", errors[i],
				strerrorname_np(i));
	fputc('\n', stderr);
	storms = 0;
}

/* Of a program that has begun no timer is left. */
static void exec_program(int flags)
{
	char *const argv[] = {"program", "exit", NULL};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGURG,
	};
	struct itimerspec often = {
		.it_interval.tv_nsec = 70000,
		.it_value.tv_nsec = 70000,
	};
	timer_t timer;

	need(sigaction(SIGURG, &action, NULL));
	need(timer_create(CLOCK_MONOTONIC, &event, &timer));
	need(timer_settime(timer, 0, &often, NULL));
	AGAIN(execve("/proc/self/exe", argv, argv + 2));
	_exit(1);
}

static void try_execs(int flags)
{
	unsigned well = 0;

	for (unsigned i = 0; i < EXECS; i++) {
		int status = -1;

		fflush(stdout);
		pid_t program = need(fork());

		if (program == 0)
			exec_program(flags);
		need(waitpid(program, &status, 0));
		well += WIFEXITED(status) && WEXITSTATUS(status) == 7;
	}
	printf("execve, %s: %u of %d\n", flags ? "restarted" : "not restarted",
	       well, EXECS);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "exit") == 0)
		return 7;
	long ms = argc > 1 ? atol(argv[1]) : 30;

	prepare();
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
			try_call(i, flags, ms, argc > 2);
		try_execs(flags);
	}
	unsigned count = 0;

	need(kill(child, SIGTERM));
	need(read(child_pipe, &count, sizeof(count)));
	printf("signals that were queued and did not come: %d\n",
	       (int)(queued - count));
	tell_child("the child", child);
	return 0;
}
