/*
 * Who receives what is sent to a port, by either way to ask the kernel, and
 * whether those are the session's own.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy.h"
#include "supervisor/listeners.h"
#include "supervisor/receivers.h"

enum { MOST = 64 };

static int sockets[MOST];
static size_t count;

static void setup(void)
{
	count = 0;
}

static void teardown(void)
{
	while (count)
		close(sockets[--count]);
}

static uint64_t inode_of(int fd)
{
	struct stat status;

	ck_assert_int_eq(fstat(fd, &status), 0);
	return status.st_ino;
}

/* A socket that receives at `address`; the port is chosen where it is 0. */
static uint64_t receive_at(int type, const char *address, uint16_t *port)
{
	struct sockaddr_storage name = {0};
	struct sockaddr_in *in = (void *)&name;
	struct sockaddr_in6 *in6 = (void *)&name;
	socklen_t length = sizeof(*in);
	const int yes = 1;

	name.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (name.ss_family == AF_INET6) {
		length = sizeof(*in6);
		in6->sin6_port = htons(*port);
		ck_assert_int_eq(inet_pton(AF_INET6, address, &in6->sin6_addr),
				 1);
	} else {
		in->sin_port = htons(*port);
		ck_assert_int_eq(inet_pton(AF_INET, address, &in->sin_addr), 1);
	}
	int fd = socket(name.ss_family, type, 0);

	if (fd < 0 && name.ss_family == AF_INET6)
		return 0;
	ck_assert_int_ge(fd, 0);
	sockets[count++] = fd;
	ck_assert_int_eq(
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
	if (name.ss_family == AF_INET6)
		ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes,
					    sizeof(yes)),
				 0);
	if (bind(fd, (void *)&name, length) && name.ss_family == AF_INET6)
		return 0;
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 10), 0);
	length = sizeof(name);
	ck_assert_int_eq(getsockname(fd, (void *)&name, &length), 0);
	*port = ntohs(name.ss_family == AF_INET6 ? in6->sin6_port
						 : in->sin_port);
	return inode_of(fd);
}

static struct policy_endpoint endpoint_of(int type, const char *address,
					  uint16_t port)
{
	struct policy_endpoint endpoint = {
		.kind = type == SOCK_DGRAM ? ENDPOINT_UDP : ENDPOINT_TCP,
		.family = strchr(address, ':') ? AF_INET6 : AF_INET,
		.port = port,
	};

	ck_assert_int_eq(inet_pton(endpoint.family, address, endpoint.address),
			 1);
	return endpoint;
}

/* The same by both ways. */
static void expect(const struct policy_endpoint *endpoint,
		   const uint64_t *inodes, size_t number, bool are)
{
	int diag = receivers_by_diag(endpoint, inodes, number);

	/* A kernel may not have it. */
	ck_assert_msg(diag < 0 || diag == are, "%d by sock_diag", diag);
	ck_assert_int_eq(receivers_by_proc(endpoint, inodes, number), are);
	ck_assert_int_eq(receivers_are(endpoint, inodes, number), are);
}

static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

START_TEST(alone)
{
	uint16_t port = 0, other = 0;
	uint64_t inode = receive_at(types[_i], "127.0.0.1", &port);
	uint64_t beside = receive_at(types[_i], "127.0.0.1", &other);
	struct policy_endpoint endpoint =
		endpoint_of(types[_i], "127.0.0.1", port);

	ck_assert_int_ge(receivers_by_diag(&endpoint, &inode, 1), 0);
	expect(&endpoint, &inode, 1, true);
	expect(&endpoint, &beside, 1, false);
	expect(&endpoint, NULL, 0, false);
	endpoint = endpoint_of(types[_i], "127.0.0.2", port);
	expect(&endpoint, &inode, 1, false);
	endpoint = endpoint_of(types[1 - _i], "127.0.0.1", port);
	expect(&endpoint, &inode, 1, false);
}
END_TEST

/* Somebody else's that may get it is enough. */
START_TEST(shared)
{
	uint16_t port = 0;
	uint64_t inodes[3] = {receive_at(types[_i], "127.0.0.1", &port)};
	struct policy_endpoint endpoint =
		endpoint_of(types[_i], "127.0.0.1", port);

	inodes[1] = receive_at(types[_i], "0.0.0.0", &port);
	expect(&endpoint, inodes, 1, false);
	expect(&endpoint, inodes + 1, 1, false);
	expect(&endpoint, inodes, 2, true);
	inodes[2] = receive_at(types[_i], "127.0.0.1", &port);
	expect(&endpoint, inodes, 2, false);
	expect(&endpoint, inodes, 3, true);
	endpoint = endpoint_of(types[_i], "127.0.0.3", port);
	expect(&endpoint, inodes + 1, 1, true);
}
END_TEST

START_TEST(version_six)
{
	uint16_t port = 0;
	uint64_t inodes[2] = {receive_at(types[_i], "::1", &port)};

	if (!inodes[0])
		return; /* a kernel without */
	struct policy_endpoint endpoint = endpoint_of(types[_i], "::1", port);
	struct policy_endpoint four = endpoint_of(types[_i], "127.0.0.1", port);

	expect(&endpoint, inodes, 1, true);
	expect(&four, inodes, 1, false);
	inodes[1] = receive_at(types[_i], "::", &port);
	expect(&endpoint, inodes, 1, false);
	expect(&endpoint, inodes, 2, true);
	/* It is of IPv6 alone, which /proc/net does not show. */
	ck_assert_int_le(receivers_by_diag(&four, inodes + 1, 1), 0);
	ck_assert_int_eq(receivers_by_proc(&four, inodes + 1, 1), 1);
	inodes[0] = receive_at(types[_i], "127.0.0.1", &port);
	ck_assert_int_ne(receivers_by_diag(&four, inodes, 1), 0);
	ck_assert_int_eq(receivers_by_proc(&four, inodes, 1), 0);
}
END_TEST

/* More than one answer holds, and connections on the port. */
START_TEST(many)
{
	uint64_t inodes[MOST];
	uint16_t port = 0;
	struct sockaddr_in name = {.sin_family = AF_INET};

	inodes[0] = receive_at(SOCK_STREAM, "127.0.0.1", &port);
	struct policy_endpoint endpoint =
		endpoint_of(SOCK_STREAM, "127.0.0.1", port);

	for (size_t i = 0; i < 8; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		name.sin_port = htons(port);
		name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ck_assert_int_eq(connect(fd, (void *)&name, sizeof(name)), 0);
		sockets[count++] = fd;
	}
	expect(&endpoint, inodes, 1, true);
	size_t number = 1;

	while (count < MOST)
		inodes[number++] = receive_at(SOCK_STREAM, "127.0.0.1", &port);
	expect(&endpoint, inodes, number, true);
	expect(&endpoint, inodes, number - 1, false);
	expect(&endpoint, inodes + 1, number - 1, false);
}
END_TEST

/* One that has gone receives nothing. */
START_TEST(gone)
{
	uint16_t port = 0;
	uint64_t inode = receive_at(types[_i], "127.0.0.1", &port);
	struct policy_endpoint endpoint =
		endpoint_of(types[_i], "127.0.0.1", port);

	close(sockets[--count]);
	expect(&endpoint, &inode, 1, false);
}
END_TEST

/* A server that was started anew, often, at the same port. */
START_TEST(started_again)
{
	struct listeners *listeners = listeners_new();
	uint16_t port = 0;

	ck_assert_ptr_nonnull(listeners);
	for (size_t i = 0; i < 300; i++) {
		(void)receive_at(types[_i], "127.0.0.1", &port);
		struct policy_endpoint endpoint =
			endpoint_of(types[_i], "127.0.0.1", port);

		ck_assert(!listeners_own(listeners, &endpoint));
		listeners_add(listeners, sockets[count - 1]);
		ck_assert_msg(listeners_own(listeners, &endpoint), "%zu", i);
		close(sockets[--count]);
	}
	listeners_free(listeners);
}
END_TEST

int main(void)
{
	const int each = sizeof(types) / sizeof(*types);
	Suite *suite = suite_create("receivers");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, alone, 0, each);
	tcase_add_loop_test(all, shared, 0, each);
	tcase_add_loop_test(all, version_six, 0, each);
	tcase_add_loop_test(all, gone, 0, each);
	tcase_add_loop_test(all, started_again, 0, each);
	tcase_add_test(all, many);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
