/*
 * Asks for one thing, under a name of its own, so that a question about it
 *looks the same on every machine:
 *
 *	asker start PROGRAM ARG…	in a child, and wait for it
 *	asker read|write FILE
 *	asker exec PROGRAM ARG…
 *	asker connect|listen ADDRESS PORT
 *	asker connect FILE		a unix socket
 *	asker many COUNT FILE		COUNT threads write FILE, all at once
 *	asker many COUNT DIRECTORY/	each another file there
 *	asker turns COUNT DIRECTORY/	likewise, one after another
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(char **argv)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int use_file(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		perror(path);
	return fd < 0;
}

static int use_address(char **argv, int count, int listening)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct sockaddr_in place = {.sin_family = AF_INET};
	struct sockaddr *address = (struct sockaddr *)&place;
	socklen_t length = sizeof(place);

	if (count == 1) {
		address = (struct sockaddr *)&name;
		length = sizeof(name);
		strncpy(name.sun_path, argv[0], sizeof(name.sun_path) - 1);
	} else {
		place.sin_addr.s_addr = inet_addr(argv[0]);
		place.sin_port = htons((unsigned short)atoi(argv[1]));
	}
	int fd = socket(address->sa_family, SOCK_STREAM, 0);
	int error = listening ? bind(fd, address, length)
			      : connect(fd, address, length);

	if (error)
		perror(argv[0]);
	return error != 0;
}

static const char *where;
static atomic_int made, refused;

static void *use_one(void *number)
{
	char path[512];
	size_t length = strlen(where);

	if (length > 0 && where[length - 1] == '/')
		snprintf(path, sizeof(path), "%s%ld", where, (long)number);
	else
		snprintf(path, sizeof(path), "%s", where);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0 && errno != EACCES)
		perror(path);
	atomic_fetch_add(fd < 0 ? &refused : &made, 1);
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int use_many(long count, int at_once)
{
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (long i = 0; i < count; i++) {
		if (!at_once)
			use_one((void *)i);
		else if (!threads || pthread_create(&threads[i], &small,
						    use_one, (void *)i)) {
			perror("a thread");
			_exit(3);
		}
	}
	for (long i = 0; i < count && at_once; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	printf("made %d refused %d\n", made, refused);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "start") == 0)
		return start(argv + 2);
	if (strcmp(what, "read") == 0)
		return use_file(argv[2], O_RDONLY);
	if (strcmp(what, "write") == 0)
		return use_file(argv[2], O_WRONLY | O_CREAT);
	if (strcmp(what, "exec") == 0) {
		execv(argv[2], argv + 2);
		perror(argv[2]);
		return 126;
	}
	if (argc == 4 &&
	    (strcmp(what, "many") == 0 || strcmp(what, "turns") == 0)) {
		where = argv[3];
		return use_many(atol(argv[2]), what[0] == 'm');
	}
	if (strcmp(what, "connect") == 0 || strcmp(what, "listen") == 0)
		return use_address(argv + 2, argc - 2, what[0] == 'l');
	return 2;
}
