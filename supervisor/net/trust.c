#include "supervisor/net/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

/* Append what can be read of a file, and a line's end. None is no mistake. */
static int append(int in, int first, int second)
{
	char bytes[16384];
	ssize_t got;
	int error = 0;

	while (!error && in >= 0 &&
	       (got = read(in, bytes, sizeof(bytes))) > 0) {
		error = write_all(first, bytes, (size_t)got);
		if (!error)
			error = write_all(second, bytes, (size_t)got);
	}
	return error ? error : write_all(second, "\n", 1);
}

int trust_write(int directory, const struct ca_material *ca, uint32_t *size)
{
	auto_fd bundle = open_bundle();
	auto_fd extra = open_file(getenv("NODE_EXTRA_CA_CERTS"));
	/* A copy, so that the broker reads what was there now. */
	auto_fd host = memfd_create("certificates", MFD_CLOEXEC);
	auto_fd out = openat(directory, TRUST_FILE,
			     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	auto_free char *pem = NULL;
	size_t length;

	if (host < 0 || out < 0)
		return -errno;
	int error = append(bundle, host, out);

	if (!error)
		error = write_all(host, "\n", 1);
	if (!error)
		error = append(extra, host, out);
	if (!error)
		error = ca_pem(ca, &pem, &length);
	if (!error)
		error = write_all(out, pem, length);
	off_t end = lseek(host, 0, SEEK_END);

	if (!error && (end < 0 || end > UINT32_MAX))
		error = -EFBIG;
	*size = (uint32_t)end;
	return error ? error : take_fd(&host);
}

/* ------------------------------------------------------------ environment --
 */

/* What programs and libraries look at, as each documents it. */
static const char *const certificate_variables[] = {
	"SSL_CERT_FILE",      /* OpenSSL, Go, rustls-native-certs, uv */
	"CURL_CA_BUNDLE",     /* curl, requests */
	"GIT_SSL_CAINFO",     /* git */
	"REQUESTS_CA_BUNDLE", /* requests, pip */
	"PIP_CERT",
	"NODE_EXTRA_CA_CERTS", /* node, npm, bun */
	"CARGO_HTTP_CAINFO",
	"DENO_CERT",
	"AWS_CA_BUNDLE",
	"NIX_SSL_CERT_FILE",
	"HTTPLIB2_CA_CERTS",
	"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
	"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
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
			if (asprintf(&text, "%s=%s/" TRUST_FILE,
				     replaced_variables[i], runtime_path) < 0)
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
					    certificate_variables[j]);
		if (ours)
			free((*environment)[i]);
		else
			list[kept++] = (*environment)[i];
	}
	free(*environment);
	*environment = list;
	for (size_t j = 0; j < VARIABLES; j++)
		if (asprintf(&list[kept++], "%s=%s/" TRUST_FILE,
			     certificate_variables[j], runtime_path) < 0) {
			list[kept - 1] = NULL;
			return -ENOMEM;
		}
	return replace_certificates(runtime_path, list);
}
