#include "supervisor/net/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/net/ca.h"

/* Debian, Fedora, Alpine and SUSE. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
	"/etc/ssl/ca-bundle.pem",
};

static int open_file(const char *path)
{
	return path && *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static int open_bundle(void)
{
	int fd = open_file(getenv("SSL_CERT_FILE"));

	for (size_t i = 0; fd < 0 && i < sizeof(bundles) / sizeof(*bundles);
	     i++)
		fd = open_file(bundles[i]);
	return fd;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t done = write(fd, bytes, length);

		if (done < 0 && errno != EINTR)
			return -errno;
		bytes += done > 0 ? done : 0;
		length -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* What can be read of a file, and a line's end, to each. None is no mistake. */
static int copy(int in, const int *outs, size_t count)
{
	char bytes[16384];
	ssize_t got = 0;
	int error = 0;

	while (!error && in >= 0 && (got = read(in, bytes, sizeof(bytes))) > 0)
		for (size_t i = 0; i < count && !error; i++)
			error = write_all(outs[i], bytes, (size_t)got);
	for (size_t i = 0; i < count && !error; i++)
		error = write_all(outs[i], "\n", 1);
	return error;
}

static int make_file(int directory, const char *name, struct trust_file *file)
{
	struct stat status;

	file->fd = openat(directory, name,
			  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file->fd < 0 || fstat(file->fd, &status))
		return -errno;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	return 0;
}

static int leave_room(struct trust_file *file)
{
	char lines[CA_PEM_MOST];

	memset(lines, '\n', sizeof(lines));
	file->room = lseek(file->fd, 0, SEEK_CUR);
	return file->room < 0 ? -errno
			      : write_all(file->fd, lines, sizeof(lines));
}

int trust_write(int directory, struct trust_files *files, uint32_t *size)
{
	struct trust_file *all = &files->list[0], *added = &files->list[1];
	auto_fd bundle = open_bundle();
	auto_fd extra = open_file(getenv("NODE_EXTRA_CA_CERTS"));
	/* A copy, so that the broker reads what was there now. */
	auto_fd host = memfd_create("certificates", MFD_CLOEXEC);

	all->fd = added->fd = -1;
	if (host < 0)
		return -errno;
	int error = make_file(directory, TRUST_FILE, all);

	if (!error)
		error = make_file(directory, TRUST_ADDED_FILE, added);
	if (error)
		return error;
	const int outs[] = {host, all->fd, added->fd};

	error = copy(bundle, outs, 2);
	if (!error)
		error = copy(extra, outs, 3);
	if (!error)
		error = leave_room(all);
	if (!error)
		error = leave_room(added);
	off_t end = lseek(host, 0, SEEK_END);

	if (!error && (end < 0 || end > UINT32_MAX))
		error = -EFBIG;
	*size = (uint32_t)end;
	return error ? error : take_fd(&host);
}

int trust_add(const struct trust_files *files, const char *pem, size_t length)
{
	for (size_t i = 0; i < 2; i++) {
		const struct trust_file *file = &files->list[i];

		if (pwrite(file->fd, pem, length, file->room) !=
		    (ssize_t)length)
			return -EIO;
	}
	return 0;
}

bool trust_is_file(const struct trust_files *files, const struct stat *status)
{
	for (size_t i = 0; i < 2; i++)
		if (files->list[i].inode == status->st_ino &&
		    files->list[i].device == status->st_dev)
			return true;
	return false;
}

void trust_close(struct trust_files *files)
{
	scope_close_fd(&files->list[0].fd);
	scope_close_fd(&files->list[1].fd);
}

/* ------------------------------------------------------------ environment --
 */

#define ALL   "/" TRUST_FILE
#define ADDED "/" TRUST_ADDED_FILE

/*
 * What programs and libraries look at, as each documents it. Those of node and
 * deno add to what the program brings: node reads all of its file at each
 * start, whether or not it connects to anything.
 */
static const struct certificate_variable {
	const char *name;
	const char *file; /**< below the runtime directory */
} certificate_variables[] = {
	{"SSL_CERT_FILE", ALL},	     /* OpenSSL, Go, rustls-native-certs, uv */
	{"CURL_CA_BUNDLE", ALL},     /* curl, requests */
	{"GIT_SSL_CAINFO", ALL},     /* git */
	{"REQUESTS_CA_BUNDLE", ALL}, /* requests, pip */
	{"PIP_CERT", ALL},
	{"NODE_EXTRA_CA_CERTS", ADDED}, /* node, npm, bun */
	{"CARGO_HTTP_CAINFO", ALL},
	{"DENO_CERT", ADDED},
	{"AWS_CA_BUNDLE", ALL},
	{"NIX_SSL_CERT_FILE", ALL},
	{"HTTPLIB2_CA_CERTS", ALL},
	{"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", ALL},
	{"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", ALL},
};

/* Of these a program makes do with its own, unless it is told otherwise. */
static const char *const replaced_variables[] = {
	"npm_config_cafile",
	"NPM_CONFIG_CAFILE",
};

enum {
	VARIABLES =
		sizeof(certificate_variables) / sizeof(*certificate_variables),
};

static bool is_variable(const char *entry, const char *name)
{
	size_t length = strlen(name);

	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static int replace_certificates(const char *runtime_path, char **environment)
{
	const size_t count =
		sizeof(replaced_variables) / sizeof(*replaced_variables);

	for (char **at = environment; *at; at++)
		for (size_t i = 0; i < count; i++) {
			char *text;

			if (!is_variable(*at, replaced_variables[i]))
				continue;
			if (asprintf(&text, "%s=%s" ALL, replaced_variables[i],
				     runtime_path) < 0)
				return -ENOMEM;
			free(*at);
			*at = text;
		}
	return 0;
}

int trust_tell(const char *runtime_path, char ***environment)
{
	size_t count = 0, kept = 0;

	while ((*environment)[count])
		count++;
	char **list = calloc(count + VARIABLES + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		bool ours = false;

		for (size_t j = 0; j < VARIABLES; j++)
			ours |= is_variable((*environment)[i],
					    certificate_variables[j].name);
		if (ours)
			free((*environment)[i]);
		else
			list[kept++] = (*environment)[i];
	}
	free(*environment);
	*environment = list;
	for (size_t j = 0; j < VARIABLES; j++)
		if (asprintf(&list[kept++], "%s=%s%s",
			     certificate_variables[j].name, runtime_path,
			     certificate_variables[j].file) < 0) {
			list[kept - 1] = NULL;
			return -ENOMEM;
		}
	return replace_certificates(runtime_path, list);
}
