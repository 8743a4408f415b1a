/*
 * Calls that wait, and what ends the wait: a FIFO opened from either side, a
 * signal with and without SA_RESTART, a stop and a continuation, a death. And
 * the terminal: a session of its own on a pty, which /dev/tty then is.
 *
 * covers: open openat wait4 rt_sigaction setsid ioctl kill
 */
#include "tests/calls/calls.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static atomic_int caught;

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&caught, 1);
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	need(sigaction(number, &action, NULL));
	atomic_store(&caught, 0);
}

/* Waits until the process sleeps in a call: R it is, until it is S. */
static void until_asleep(pid_t pid)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (;;) {
		int fd = open(path, O_RDONLY);
		ssize_t got = read(fd, text, sizeof(text) - 1);

		close(fd);
		text[got > 0 ? got : 0] = '\0';
		char *state = strrchr(text, ')');

		if (!state || state[2] == 'S' || state[2] == 'Z')
			return;
		sched_yield();
	}
}

/* ---------------------------------------------------------------- FIFOs -- */

static void fifo_reader(void)
{
	char text[8] = "";
	int fd = open("fifo", O_RDONLY);

	tell("the reader's open", fd < 0 ? -1 : 0);
	tell("it reads", read(fd, text, sizeof(text)));
	tell("and the end", read(fd, text, sizeof(text)));
}

static void fifo_writer(void)
{
	int fd = open("fifo", O_WRONLY);

	tell("the writer's open", fd < 0 ? -1 : 0);
	tell("it writes", write(fd, "hello", 5));
}

/* One side waits for the other, whichever comes first. */
static void meet(const char *what, void (*first)(void), int mode)
{
	char text[8] = "";

	fflush(stdout);
	pid_t child = fork();

	if (child == 0) {
		first();
		_exit(0);
	}
	until_asleep(child);
	int fd = open("fifo", mode);

	if (fd < 0)
		tell(what, -1);
	if (mode == O_WRONLY)
		need(write(fd, "hello", 5));
	else
		(void)!read(fd, text, sizeof(text));
	close(fd);
	tell_child(what, child);
}

static void fifos(void)
{
	need(mkfifo("fifo", 0600));
	meet("a reader first", fifo_reader, O_WRONLY);
	meet("a writer first", fifo_writer, O_RDONLY);
	tell_fd("not blocking, to read", open("fifo", O_RDONLY | O_NONBLOCK));
	tell_fd("not blocking, to write", open("fifo", O_WRONLY | O_NONBLOCK));
	tell_fd("both", open("fifo", O_RDWR));
	tell_fd("O_PATH", open("fifo", O_PATH));
}

/* -------------------------------------------------------------- signals -- */

static void wait_for_writer(void)
{
	int fd = open("fifo", O_RDONLY);

	tell("open, with a signal", fd < 0 ? -1 : 0);
	printf("handlers that ran: %d\n", atomic_load(&caught));
}

static void interrupted(void)
{
	handle(SIGUSR1, 0);
	wait_for_writer();
}

static void restarted(void)
{
	handle(SIGUSR1, SA_RESTART);
	wait_for_writer();
}

static void ignored(void)
{
	signal(SIGUSR1, SIG_IGN);
	wait_for_writer();
}

static void blocked(void)
{
	sigset_t set;

	handle(SIGUSR1, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	wait_for_writer();
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	printf("unblocked: %d\n", atomic_load(&caught));
}

/* The signal comes while the child waits in open(2); then a writer does, where
 * it still waits. */
static void signalled(const char *what, void (*run)(void), int number,
		      bool goes_on)
{
	fflush(stdout);
	pid_t child = fork();

	if (child == 0) {
		run();
		fflush(stdout);
		_exit(0);
	}
	until_asleep(child);
	need(kill(child, number));
	if (number == SIGSTOP) {
		int status;

		need(waitpid(child, &status, WUNTRACED));
		printf("stopped: %d\n", WIFSTOPPED(status));
		need(kill(child, SIGCONT));
	}
	if (goes_on)
		close(need(open("fifo", O_WRONLY)));
	tell_child(what, child);
}

static void signals(void)
{
	signalled("without SA_RESTART", interrupted, SIGUSR1, false);
	signalled("with SA_RESTART", restarted, SIGUSR1, true);
	signalled("ignored", ignored, SIGUSR1, true);
	signalled("blocked", blocked, SIGUSR1, true);
	signalled("stopped and continued", interrupted, SIGSTOP, true);
	signalled("killed", interrupted, SIGKILL, false);
	signalled("terminated", interrupted, SIGTERM, false);
}

/* Signals come as fast as they can while calls are served: none of the calls
 * may fail, and each signal's handler runs. */
static void *make_calls(void *ended)
{
	struct stat status;
	long wrong = 0;

	for (int i = 0; i < 2000; i++) {
		int fd = open("file", O_RDONLY);

		if (fd < 0 || fstat(fd, &status) || close(fd) ||
		    stat("file", &status) || access("absent", F_OK) == 0 ||
		    errno != ENOENT || mkdir("made", 0700) || rmdir("made"))
			wrong++;
	}
	atomic_store((atomic_bool *)ended, true);
	return (void *)wrong;
}

static void storm(void)
{
	atomic_bool ended = false;
	pthread_t thread;
	void *wrong;

	write_file("file", "x");
	handle(SIGUSR1, SA_RESTART);
	need(-pthread_create(&thread, NULL, make_calls, &ended));
	while (!atomic_load(&ended))
		pthread_kill(thread, SIGUSR1);
	pthread_join(thread, &wrong);
	printf("calls that failed under signals: %ld\n", (long)wrong);
}

static void own_signals(void)
{
	handle(SIGUSR2, 0);
	tell("raise", raise(SIGUSR2));
	tell("kill oneself", kill(getpid(), SIGUSR2));
	tell("tgkill", tgkill(getpid(), gettid(), SIGUSR2));
	printf("caught %d\n", atomic_load(&caught));
	tell("signal 0 to nobody", kill(4194303, 0));
	tell("a signal that is none", kill(getpid(), 65));
	tell("my group", killpg(getpgrp(), 0));
	tell("my own priority", setpriority(PRIO_PROCESS, 0, 5));
	tell("and back", setpriority(PRIO_PROCESS, 0, 0) == 0 ? 0 : -1);
}

/* ------------------------------------------------------------- terminal -- */

static void on_terminal(void)
{
	char text[16] = "";
	int fd;

	tell_fd("/dev/tty without a terminal", open("/dev/tty", O_RDWR));
	int master = need(posix_openpt(O_RDWR | O_NOCTTY));

	need(grantpt(master));
	need(unlockpt(master));
	tell("setsid", setsid() < 0 ? -1 : 0);
	tell_fd("with O_NOCTTY", open(ptsname(master), O_RDWR | O_NOCTTY));
	tell_fd("/dev/tty still", open("/dev/tty", O_RDWR));
	int slave = open(ptsname(master), O_RDWR);

	tell("without it, the terminal is mine", slave < 0 ? -1 : 0);
	fd = open("/dev/tty", O_RDWR);
	tell("/dev/tty", fd < 0 ? -1 : 0);
	printf("a terminal: %d; its group is mine: %d\n", isatty(fd),
	       tcgetpgrp(fd) == getpgrp());
	need(write(fd, "out\n", 4));
	tell("came out of the pty", read(master, text, sizeof(text)));
	need(write(master, "in\n", 3));
	tell("went in", read(fd, text, sizeof(text)));
	struct winsize size = {.ws_row = 7, .ws_col = 9}, seen = {0};

	tell("its size", ioctl(master, TIOCSWINSZ, &size));
	tell("is seen", ioctl(fd, TIOCGWINSZ, &seen));
	printf("%dx%d\n", seen.ws_row, seen.ws_col);
	handle(SIGINT, SA_RESTART);
	need(write(master, "\003", 1));
	while (atomic_load(&caught) == 0)
		sched_yield();
	puts("^C is SIGINT");
	signal(SIGHUP, SIG_IGN);
	tell("given up", ioctl(fd, TIOCNOTTY));
	tell_fd("/dev/tty then", open("/dev/tty", O_RDWR));
	tell("taken", ioctl(slave, TIOCSCTTY, 0));
	/* Served as the terminal itself: another inode than bare. */
	tell("/dev/tty again", open("/dev/tty", O_RDWR) < 0 ? -1 : 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	fifos();
	signals();
	storm();
	own_signals();
	in_child("a terminal", on_terminal);
	return 0;
}
