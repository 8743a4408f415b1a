#include "supervisor/net/authority.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "policy/scope.h"
#include "supervisor/net/ca.h"
#include "supervisor/net/stores.h"
#include "supervisor/net/trust.h"
#include "supervisor/say.h"
#include "supervisor/session.h"
#include "supervisor/slow.h"

/* For who cannot be told to wait no longer: the broker makes it in 5 ms. */
enum { PATIENCE_MS = 5000 };

enum state {
	AWAITED = 0,
	BEING_TOLD, /* by one thread */
	MADE,
	NONE,
};

struct authority {
	struct trust_files files;
	struct stores *stores;
	atomic_int state;
	int told; /* an eventfd, readable from MADE or NONE on */
};

static bool is_told(const struct authority *authority)
{
	return atomic_load(&authority->state) >= MADE;
}

static bool wait_for(void *context)
{
	const struct authority *authority = context;
	struct pollfd told = {.fd = authority->told, .events = POLLIN};

	while (!is_told(authority) && poll(&told, 1, PATIENCE_MS) != 0)
		;
	return atomic_load(&authority->state) == MADE;
}

int authority_new(struct session *session, int runtime_fd, uint32_t *size)
{
	struct authority *authority = calloc(1, sizeof(*authority));

	if (!authority)
		return -ENOMEM;
	authority->told = eventfd(0, EFD_CLOEXEC);
	auto_fd host = trust_write(runtime_fd, &authority->files, size);
	int error = authority->told < 0 ? -EMFILE : host < 0 ? host : 0;

	if (!error)
		error = stores_give(session->standins, wait_for, authority,
				    &authority->stores);
	if (error) {
		authority_free(authority);
		return error;
	}
	session->authority = authority;
	return take_fd(&host);
}

/* It comes from who reads hostile bytes; but so do the certificates that
 * programs are shown. */
static enum state put(struct authority *authority, const char *certificate,
		      size_t length)
{
	const uint8_t *bytes = (const uint8_t *)certificate;
	char pem[CA_PEM_MOST + 1];

	if (length == 0 || length > CA_CERTIFICATE_MOST)
		return NONE;
	size_t size = ca_pem(bytes, length, pem);

	stores_authority(authority->stores, pem, size, bytes, length);
	if (trust_add(&authority->files, pem, size) == 0)
		return MADE;
	say("the certificate of the session's authority could not be written");
	return NONE;
}

void authority_made(struct authority *authority, const char *certificate,
		    size_t length)
{
	uint64_t one = 1;
	int before = AWAITED;

	if (!authority || !atomic_compare_exchange_strong(&authority->state,
							  &before, BEING_TOLD))
		return;
	atomic_store(&authority->state, put(authority, certificate, length));
	(void)!write(authority->told, &one, sizeof(one));
}

bool authority_awaited(const struct authority *authority,
		       const struct stat *status)
{
	return authority && !is_told(authority) &&
	       trust_is_file(&authority->files, status);
}

bool authority_await(const struct authority *authority, const struct call *call)
{
	struct pollfd told = {.fd = authority->told, .events = POLLIN};

	while (!is_told(authority))
		if (poll(&told, 1, -1) < 0 && slow_cancelled(call))
			return false;
	return true;
}

void authority_free(struct authority *authority)
{
	if (!authority)
		return;
	trust_close(&authority->files);
	scope_close_fd(&authority->told);
	stores_free(authority->stores);
	free(authority);
}
