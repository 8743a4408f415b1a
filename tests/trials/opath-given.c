/*
 * Claim: a notified thread can be given an O_PATH descriptor, although ADDFD
 * refuses one with EBADF. ADDFD puts in a socket whose queue holds the
 * descriptor and whose other end is closed already; the thread is made to
 * recvmsg it, to dup3 it onto the socket's number, which is the lowest, and to
 * close the second number. A hostile sibling that receives, closes and
 * replaces descriptors meanwhile gets at nothing but the decided object.
 */
#include "inject.h"
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#if defined(__x86_64__)

#define ROUNDS	 3000
#define RED_ZONE 128

static struct {
	uint64_t wrong, refused, stray;
} * report; /* shared with the program */

static dev_t device;
static ino_t inode; /* of the one object that is ever decided on */
static bool hostile;
static struct trial_times times;

/* What recvmsg needs: laid out below the red zone of the thread's stack. */
struct scratch {
	struct msghdr message;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

/* A socket whose queue holds `fd` and that leads nowhere: it, or -errno. */
static int loaded_socket(int fd)
{
	struct scratch s = {.control.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					     .cmsg_level = SOL_SOCKET,
					     .cmsg_type = SCM_RIGHTS}};
	int ends[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	memcpy(CMSG_DATA(&s.control.head), &fd, sizeof(fd));
	s.message.msg_control = &s.control;
	s.message.msg_controllen = sizeof(s.control);
	n = sendmsg(ends[1], &s.message, MSG_DONTWAIT);
	close(ends[1]);
	if (n < 0) {
		close(ends[0]);
		return -EIO;
	}
	return ends[0];
}

/* recvmsg on `sock` in the thread: the number it got, or a negative error. */
static int64_t receive_there(struct inject *in, int sock, int *error)
{
	uint64_t at = (in->regs.rsp - RED_ZONE - sizeof(struct scratch)) &
		      ~UINT64_C(15);
	struct scratch saved, s = {0};
	int64_t result = -EFAULT;
	int fd;

	s.message.msg_control =
		(void *)(at + offsetof(struct scratch, control));
	s.message.msg_controllen = sizeof(s.control);
	if (trial_peek(in->tid, at, &saved, sizeof(saved)) ||
	    trial_poke(in->tid, at, &s, sizeof(s)))
		return -EFAULT;
	*error = inject_call(in, &result, SYS_recvmsg, (uint64_t)sock, at,
			     MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0);
	if (*error)
		return *error;
	trial_peek(in->tid, at, &s, sizeof(s));
	trial_poke(in->tid, at, &saved, sizeof(saved));
	if (result < 0)
		return result;
	if (s.message.msg_controllen < CMSG_LEN(sizeof(int)))
		return -EAGAIN;
	memcpy(&fd, CMSG_DATA(&s.control.head), sizeof(fd));
	return fd;
}

/* Serve openat(O_PATH): 0, or what inject_call() says of a thread gone odd. */
static int serve(struct trial *t, const struct seccomp_notif *call)
{
	uint64_t flags = call->data.args[2] & O_CLOEXEC;
	char path[64] = "";
	int fd, sock, number, error;
	struct inject in;
	int64_t got, done;

	CLAIM(!trial_string((pid_t)call->pid, call->data.args[1], path,
			    sizeof(path)));
	fd = open(path, O_PATH | O_CLOEXEC);
	CLAIM(fd >= 0);
	CLAIM(trial_addfd(t->listener, call->id, fd, 0, 0) == -EBADF);
	sock = loaded_socket(fd);
	close(fd);
	CLAIM(sock >= 0);
	number = trial_addfd(t->listener, call->id, sock, 0, O_CLOEXEC);
	close(sock);
	CLAIM(number >= 0);
	error = inject_begin(&in, t->listener, call->id, (pid_t)call->pid);
	if (error)
		return error;
	got = receive_there(&in, number, &error);
	if (error)
		return error;
	if (got < 0) {
		error = inject_call(&in, &done, SYS_close, (uint64_t)number, 0,
				    0, 0);
		return error ? error : inject_end(&in, got);
	}
	error = inject_call(&in, &done, SYS_dup3, (uint64_t)got,
			    (uint64_t)number, flags, 0);
	if (!error)
		error = inject_call(&in, &got, SYS_close, (uint64_t)got, 0, 0,
				    0);
	return error ? error : inject_end(&in, done);
}

/* Whatever a descriptor is of, it must be what was there or was decided. */
static void look(int fd)
{
	struct stat s;

	if (!fstat(fd, &s) && (fcntl(fd, F_GETFL) & O_PATH) &&
	    (s.st_dev != device || s.st_ino != inode))
		report->stray++;
}

static void *disturb(void *unused)
{
	int null = open("/dev/null", O_RDONLY);
	struct scratch s;

	null = dup2(null, 40);
	while (hostile) {
		for (int fd = 3; fd < 9; fd++) {
			memset(&s, 0, sizeof(s));
			s.message.msg_control = &s.control;
			s.message.msg_controllen = sizeof(s.control);
			if (recvmsg(fd, &s.message, MSG_DONTWAIT) >= 0) {
				int got;

				memcpy(&got, CMSG_DATA(&s.control.head),
				       sizeof(got));
				if (s.message.msg_controllen) {
					look(got);
					close(got);
				}
			}
			look(fd);
			if (fd & 1)
				dup2(null, fd);
			else
				close(fd);
		}
	}
	return unused;
}

static int program(void *argument)
{
	const char *path = argument;
	pthread_t thread;
	struct stat s;

	if (hostile)
		pthread_create(&thread, NULL, disturb, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		int cloexec = i & 1 ? O_CLOEXEC : 0, lowest, fd;

		lowest = hostile ? 0 : dup(0);
		if (!hostile)
			close(lowest);
		fd = open(path, O_PATH | cloexec);
		if (hostile) {
			report->refused += fd < 0;
			close(fd);
			continue;
		}
		if (fd != lowest || fstat(fd, &s) || s.st_dev != device ||
		    s.st_ino != inode || !(fcntl(fd, F_GETFL) & O_PATH) ||
		    fcntl(fd, F_GETFD) != (cloexec ? FD_CLOEXEC : 0))
			report->wrong++;
		close(fd);
		fd = dup(0);
		if (fd != lowest)
			report->wrong++; /* something was left behind */
		close(fd);
	}
	hostile = false;
	return 0;
}

static void run(const char *name, char *path)
{
	static const int trapped[] = {SYS_openat};
	struct seccomp_notif call;
	struct trial t;

	memset(report, 0, sizeof(*report));
	times.n = 0;
	t = trial_start(program, path, trapped, 1);
	while (trial_receive(t.listener, &call)) {
		double begin = trial_now_us();

		if (!(call.data.args[2] & O_PATH)) {
			trial_continue(t.listener, call.id);
			continue;
		}
		CLAIM(!serve(&t, &call));
		trial_note(&times, begin);
	}
	CLAIM(trial_reap(t.pid) == 0);
	close(t.listener);
	printf("%-16s %5zu given, median %.1f us (10 %% below %.1f); wrong "
	       "%llu, refused %llu, stray %llu\n",
	       name, times.n, trial_percentile(&times, 50),
	       trial_percentile(&times, 10), (unsigned long long)report->wrong,
	       (unsigned long long)report->refused,
	       (unsigned long long)report->stray);
	CLAIM(report->wrong == 0 && report->stray == 0);
}

int main(void)
{
	static char path[] = "/usr";
	struct stat s;

	trial_begin(120);
	CLAIM(stat(path, &s) == 0);
	device = s.st_dev;
	inode = s.st_ino;
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CLAIM(report != MAP_FAILED);
	run("alone", path);
	hostile = true;
	run("hostile sibling", path);
	return TRIAL_HOLDS;
}

#else
int main(void)
{
	trial_exit(TRIAL_LACKS, "SKIP: written for x86-64");
}
#endif
